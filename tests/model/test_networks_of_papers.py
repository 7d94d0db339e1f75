"""Tables of networks in `conf/table`: what they say of ours is what the networks have."""

from torch import nn

from clothseg.config.table.file import read_table
from clothseg.model.body.pyramid_unet import PyramidUNet
from clothseg.model.body.segnet import SegNet

LAYERS = {nn.Conv2d: "Conv", nn.ReLU: "ReLU", nn.BatchNorm2d: "BN"}


def ours(name):
    return {row.name: list(row.ours) for row in read_table(name).rows}


def segnet_blocks():
    """Blocks of SegNet by their name in Table 2 of castro2019."""
    network = SegNet(47, 3, 0.01)
    encoder, decoder = [*network.encoder.values()], [*network.decoder.values()]
    names = [*(f"Simple_Block_{n}" for n in (1, 2)), *(f"Complex_block_{n}" for n in (1, 2, 3))]
    names += [*(f"Complex_block_Dec_{n}" for n in (1, 2, 3)), "Simple_block_Dec_1", "Final_Block"]
    return dict(zip(names, [*encoder, *decoder, network.final], strict=True))


def test_parameters_of_segnet_as_keras_counts_them():
    counted = {
        name: [sum(t.numel() for key, t in block.state_dict().items() if "batches" not in key)]
        for name, block in segnet_blocks().items()
    }
    assert ours("castro2019/table2") == {**counted, "UpSampling": [0]}


def test_layers_of_the_blocks_of_segnet():
    blocks = segnet_blocks()
    kinds = {
        "Simple_Block": "Simple_Block_1",
        "Complex_Block": "Complex_block_3",
        "Final_Block": "Final_Block",
        "Simple_Block_Dec": "Simple_block_Dec_1",
        "Complex_Block_Dec": "Complex_block_Dec_2",
    }
    for name, (text,) in ours("castro2019/table1").items():
        repeated, _, last = text.partition(" x ")
        times, _, end = last.partition(", ")
        expected = repeated.strip("()").split(", ") * int(times) + ([end] if end else [])
        assert [LAYERS[type(layer)] for layer in blocks[kinds[name]]] == expected


def test_convolutions_of_the_blocks_of_the_pyramid_unet():
    heads = {"image_heads": True, "segmentation_heads": True, "compute_aux_at_inference": False}
    network = PyramidUNet(14, norm="none", init="lecun", width=0.03125, **heads)
    lists = {
        "B": dict(enumerate(network.reconstruction, start=1)),
        "E": dict(enumerate(network.encoder)),
        "C": dict(enumerate(network.leaks)),
        "D": dict(enumerate(network.decoder)),
        "L": dict(enumerate(network.segmentation)),
    }
    blocks = {"A": network.stem}
    blocks |= {f"{letter}{n}": block for letter, own in lists.items() for n, block in own.items()}
    rows = ours("dang2020/table2")
    assert rows.keys() == blocks.keys()
    for name, (filters, kernels) in rows.items():
        convolutions = [m for m in blocks[name].modules() if isinstance(m, nn.Conv2d)]
        # Channels of images and classes are not narrowed.
        expected = [n if n in (3, 14) else n // 32 for n in map(int, filters.split(", "))]
        assert [m.out_channels for m in convolutions] == expected
        assert [m.kernel_size[0] for m in convolutions] == [*map(int, kernels.split(", "))]
