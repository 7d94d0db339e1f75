"""Network of dang2020: Table II block by block, against a slow forward pass written from it."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from clothseg.commands.export.semantic import logits_graph
from clothseg.commands.onnx_file import compare, write_onnx
from clothseg.model.body.pyramid_unet import PyramidUNet, _unpool
from clothseg.model.compatibility import PYRAMID_SIZES
from clothseg.model.network import Network

PARAMETERS = {
    "stem": 23_008,
    "encoder.0": 114_944,
    "encoder.1": 459_264,
    "encoder.2": 1_836_032,
    "encoder.3": 7_342_080,
    "encoder.4": 29_364_224,
    "encoder.5": 30_412_800,
    "encoder.6": 13_635_584,
    "leaks.0": 73_856,
    "leaks.1": 147_584,
    "leaks.2": 295_040,
    "leaks.3": 589_952,
    "leaks.4": 1_179_776,
    "leaks.5": 1_179_776,
    "leaks.6": 131_200,
    "decoder.0": 253_582,
    "decoder.1": 327_310,
    "decoder.2": 474_766,
    "decoder.3": 769_678,
    "decoder.4": 1_359_502,
    "decoder.5": 1_359_502,
    "decoder.6": 133_006,
    "segmentation.0": 216_718,
    "segmentation.1": 253_582,
    "segmentation.2": 327_310,
    "segmentation.3": 474_766,
    "segmentation.4": 769_678,
    "reconstruction.0": 38_659,
    "reconstruction.1": 75_523,
    "reconstruction.2": 149_251,
    "reconstruction.3": 296_707,
}
"""Parameters of the blocks for 14 classes, counted by hand from Table II."""

IMAGES = {f"image_{level}" for level in range(1, 5)}
SEGMENTATIONS = {f"logits_{level}" for level in range(1, 5)}
ALWAYS = {"logits"} | {f"presence_{level}" for level in range(1, 7)}


def body(classes=3, **keys):
    """Build a network with all heads, at a fourteenth of the channels unless stated otherwise."""
    defaults = {
        "image_heads": True,
        "segmentation_heads": True,
        "norm": "none",
        "init": "kaiming",
        "width": 1 / 14,
        "compute_aux_at_inference": False,
    }
    torch.manual_seed(0)
    return PyramidUNet(classes, **defaults | keys)


def on_meta(classes=14, **keys):
    """Build a network at full width whose tensors have a shape, but no values."""
    with torch.device("meta"):
        return body(classes, **{"width": 1.0, **keys})


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def shapes(net, height, width):
    return {name: tuple(x.shape) for name, x in net(torch.empty(2, 3, height, width)).items()}


def random_biases(net):
    """Let biases matter: they are zero at first."""
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.1)
    return net


# Slow reference


def chainer_unpooled(x, kernel, stride, padding, size=None):
    """Copy each value to its window, sum where windows overlap, and crop the padding."""
    rows, columns = (stride * (n - 1) + 1 for n in x.shape[-2:])  # first of the last window
    canvas = x.new_zeros(*x.shape[:2], rows + kernel - 1, columns + kernel - 1)
    for i in range(kernel):
        for j in range(kernel):
            canvas[..., i : i + rows : stride, j : j + columns : stride] += x
    return canvas[..., padding : canvas.shape[-2] - padding, padding : canvas.shape[-1] - padding]


def nearest_unpooled(x, kernel, stride, padding, size):
    """Take the value whose cell contains the center of the target cell, in integer arithmetic."""
    rows, columns = (
        [(2 * i + 1) * n // (2 * m) for i in range(m)]
        for n, m in zip(x.shape[-2:], size, strict=True)
    )
    return x[..., rows, :][..., columns]


def reference(weights, x, unpooled):
    """Outputs by Table II, each row written out."""

    def conv(name, x, stride=1, padding=1):
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return F.conv2d(x, weight, bias, stride=stride, padding=padding)

    def stage(name, x, stride, padding, second_padding=1):
        x = conv(f"{name}.0", x, stride, padding).relu()
        x = conv(f"{name}.2", x, padding=second_padding).relu()
        return conv(f"{name}.4", x, padding=0).relu()

    def head(name, *inputs, padding=1):
        hidden = conv(f"{name}.0", torch.cat(inputs, 1), padding=padding).relu()
        return conv(f"{name}.2", hidden, padding=padding)

    def leak(name, x, kernel, stride, padding, size, conv_padding=1):
        x = conv(f"{name}.0", x, padding=conv_padding).relu()
        return unpooled(x, kernel, stride, padding, size)

    a = stage("stem", x, 1, 2)
    e0 = stage("encoder.0", a, 2, 1)
    e1 = stage("encoder.1", e0, 2, 1)
    e2 = stage("encoder.2", e1, 2, 1)
    e3 = stage("encoder.3", e2, 2, 1)
    e4 = stage("encoder.4", e3, 2, 1)
    e5 = stage("encoder.5", e4, 3, 1)
    e6 = stage("encoder.6", e5, 1, 0, second_padding=0)
    full, half, quarter, s8, s16, s32, s96 = (y.shape[-2:] for y in (a, e0, e1, e2, e3, e4, e5))

    c6 = leak("leaks.6", e6, 3, 3, 0, s96, conv_padding=0)
    c5 = leak("leaks.5", e5, 3, 3, 1, s32)
    c4 = leak("leaks.4", e4, 2, 2, 0, s16)
    c3 = leak("leaks.3", e3, 2, 2, 0, s8)
    c2 = leak("leaks.2", e2, 2, 2, 0, quarter)
    c1 = leak("leaks.1", e1, 2, 2, 0, half)
    c0 = leak("leaks.0", e0, 2, 2, 0, full)

    d6 = head("decoder.6", e6, padding=0)
    u6 = unpooled(d6.sigmoid(), 3, 1, 0, s96)
    d5 = head("decoder.5", e5, u6, c6)
    u5 = unpooled(d5.sigmoid(), 3, 3, 1, s32)
    d4 = head("decoder.4", e4, u5, c5)
    u4 = unpooled(d4.sigmoid(), 2, 2, 0, s16)
    d3 = head("decoder.3", e3, u4, c4)
    u3 = unpooled(d3.sigmoid(), 2, 2, 0, s8)
    d2 = head("decoder.2", e2, u3, c3)
    u2 = unpooled(d2.sigmoid(), 2, 2, 0, quarter)
    d1 = head("decoder.1", e1, u2, c2)
    u1 = unpooled(d1.sigmoid(), 2, 2, 0, half)
    d0 = head("decoder.0", e0, u1, c1)
    u0 = unpooled(d0.sigmoid(), 2, 2, 0, full)

    return {
        "logits": head("segmentation.0", c0, u0, a),
        "logits_1": head("segmentation.1", c1, u1, e0),
        "logits_2": head("segmentation.2", c2, u2, e1),
        "logits_3": head("segmentation.3", c3, u3, e2),
        "logits_4": head("segmentation.4", c4, u4, e3),
        "image_1": head("reconstruction.0", e0),
        "image_2": head("reconstruction.1", e1),
        "image_3": head("reconstruction.2", e2),
        "image_4": head("reconstruction.3", e3),
        "presence_1": d1,
        "presence_2": d2,
        "presence_3": d3,
        "presence_4": d4,
        "presence_5": d5,
        "presence_6": d6,
    }


@pytest.mark.parametrize(
    ("size", "unpooled"),
    [
        ((224, 224), chainer_unpooled),
        ((256, 256), nearest_unpooled),
        ((320, 320), nearest_unpooled),
        ((288, 224), nearest_unpooled),
    ],
)
def test_outputs_equal_those_of_the_table_written_out(size, unpooled):
    net = random_biases(body()).double()
    image = torch.rand(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        outputs, expected = net(image), reference(net.state_dict(), image, unpooled)
    assert set(outputs) == ALWAYS | IMAGES | SEGMENTATIONS
    torch.testing.assert_close(outputs, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "unpooled_size"),
    [
        (1, 3, 1, 0, 3),  # D_6
        (1, 3, 3, 0, 3),  # C_6
        (3, 3, 3, 1, 7),  # C_5, D_5
        (7, 2, 2, 0, 14),
        (14, 2, 2, 0, 28),
        (28, 2, 2, 0, 56),
        (56, 2, 2, 0, 112),
    ],
)
def test_unpooling_equals_its_definition(size, kernel, stride, padding, unpooled_size):
    x = torch.randn(2, 3, size, size)
    expected = chainer_unpooled(x, kernel, stride, padding)
    assert expected.shape[-2:] == (unpooled_size, unpooled_size)
    assert torch.equal(_unpool(x, expected), expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20))
def test_doubling_equals_the_definition_of_unpooling(height, width):
    x = torch.randn(1, 2, height, width)
    expected = chainer_unpooled(x, 2, 2, 0)
    assert torch.equal(_unpool(x, expected), expected)


# Blocks, heads and sizes


def test_every_block_has_the_parameters_of_the_table():
    net = on_meta()
    assert {name: count(net.get_submodule(name)) for name in PARAMETERS} == PARAMETERS
    assert count(net) == sum(PARAMETERS.values()) == 94_064_660


def test_inference_without_heads_has_the_parameters_of_the_table():
    assert count(on_meta(image_heads=False, segmentation_heads=False)) == 91_679_184


def test_sizes_at_224_pixels_are_those_of_the_table():
    sides = {1: 112, 2: 56, 3: 28, 4: 14}
    presence = {1: 56, 2: 28, 3: 14, 4: 7, 5: 3, 6: 1}
    assert shapes(on_meta(), 224, 224) == {
        "logits": (2, 14, 224, 224),
        **{f"logits_{i}": (2, 14, side, side) for i, side in sides.items()},
        **{f"image_{i}": (2, 3, side, side) for i, side in sides.items()},
        **{f"presence_{i}": (2, 14, side, side) for i, side in presence.items()},
    }


@settings(max_examples=10, deadline=None)
@given(st.integers(7, 20), st.integers(7, 20))
def test_presence_has_the_size_of_the_pooled_labels_at_any_size(rows, columns):
    height, width = 32 * rows, 32 * columns
    found = shapes(on_meta(width=0.01), height, width)
    labels = torch.empty(2, 14, height, width, device="meta")
    pools = [nn.MaxPool2d(4), *[nn.MaxPool2d(2)] * 3, nn.MaxPool2d(3, 3, 1), nn.MaxPool2d(3, 1)]
    for level, pool in enumerate(pools, start=1):  # P_0 to P_5
        labels = pool(labels)
        assert found[f"presence_{level}"] == tuple(labels.shape)
    for level in range(1, 5):
        size = (height >> level, width >> level)
        assert found[f"image_{level}"] == (2, 3, *size)
        assert found[f"logits_{level}"] == (2, 14, *size)
    assert found["logits"] == (2, 14, height, width)


@pytest.mark.parametrize("image_heads", [False, True])
@pytest.mark.parametrize("segmentation_heads", [False, True])
@pytest.mark.parametrize("compute_aux_at_inference", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_only_heads_whose_outputs_are_needed_are_computed(
    image_heads, segmentation_heads, compute_aux_at_inference, training
):
    net = on_meta(
        width=0.1,
        image_heads=image_heads,
        segmentation_heads=segmentation_heads,
        compute_aux_at_inference=compute_aux_at_inference,
    ).train(training)
    computed = []
    for part, heads in (("B", net.reconstruction), ("L", net.segmentation)):
        for head in heads:
            head.register_forward_hook(lambda *_, part=part: computed.append(part))
    auxiliary = training or compute_aux_at_inference
    images, segmentations = auxiliary and image_heads, auxiliary and segmentation_heads
    expected = ALWAYS | (IMAGES if images else set()) | (SEGMENTATIONS if segmentations else set())
    assert set(net(torch.empty(2, 3, 224, 224))) == expected
    assert computed.count("B") == (4 if images else 0)
    assert computed.count("L") == (5 if segmentations else 1)


@pytest.mark.parametrize(
    ("geometry", "size", "words"),
    [
        *(("strict", size, "224 px only") for size in [(192, 192), (256, 256), (448, 224)]),
        *(
            ("flexible", size, "multiples of 32 px from 224 px")
            for size in [(192, 192), (224, 192), (240, 224), (256, 250)]
        ),
    ],
)
def test_other_sizes_are_refused_in_words(geometry, size, words):
    network = Network(body(), 32, sizes=PYRAMID_SIZES[geometry])
    with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} px: the network takes {words}"):
        network(torch.empty(1, 3, *size))


def test_no_parameter_is_frozen_and_heads_keep_their_sizes():
    network = Network(body(), 32, sizes=PYRAMID_SIZES["flexible"])
    assert network.trainable == count(network.body)
    assert shapes(network, 288, 256) == shapes(body(), 288, 256)


@pytest.mark.parametrize(
    ("width", "channels"),
    [
        (2.0, [64, 128, 256, 512, 1024, 2048, 2048, 2048, 256, 256, 256, 128]),
        (0.5, [16, 32, 64, 128, 256, 512, 512, 512, 64, 64, 64, 32]),
        (0.05, [2, 3, 6, 13, 26, 51, 51, 51, 6, 6, 6, 3]),
        (0.001, [1] * 12),
    ],
)
def test_width_scales_all_channels_but_those_of_images_and_classes(width, channels):
    net = on_meta(5, width=width)
    stages = [net.stem, *net.encoder]
    hidden = [net.leaks[0], net.decoder[0], net.segmentation[0], net.reconstruction[0]]
    assert [stage[-2].out_channels for stage in stages] + [
        block[0].out_channels for block in hidden
    ] == channels
    for stage in stages:
        assert stage[2].out_channels == 2 * stage[0].out_channels == 2 * stage[4].out_channels
    outputs = net(torch.empty(2, 3, 224, 224))
    assert {name: x.shape[1] for name, x in outputs.items()} == {
        name: 3 if name in IMAGES else 5 for name in outputs
    }


# Initialization, normalization, gradients


@pytest.mark.parametrize(("init", "gain"), [("lecun", 1.0), ("kaiming", 2.0)])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_weights_are_normally_distributed_with_the_stated_variance(init, gain, norm):
    net = body(init=init, norm=norm, width=0.2)
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 8 * 3 + 7 + 7 * 2 + 5 * 2 + 4 * 2
    normalized = []
    for convolution in convolutions:
        weight = convolution.weight.detach()
        fan_in = convolution.in_channels * convolution.kernel_size[0] ** 2
        scaled = weight.flatten() * (fan_in / gain) ** 0.5
        assert scaled.std().item() == pytest.approx(1, abs=5 / (2 * scaled.numel()) ** 0.5)
        assert scaled.mean().item() == pytest.approx(0, abs=5 / scaled.numel() ** 0.5)
        if convolution.bias is not None:
            assert not convolution.bias.any()
        normalized.append(scaled)
    values = torch.cat(normalized)
    outside = (values.abs() > 2).double().mean().item()  # none in a truncated distribution
    assert outside == pytest.approx(0.0455, rel=0.02)


@pytest.mark.parametrize("heads", [False, True])
def test_gradients_reach_every_parameter(heads):
    """Without heads, the logits alone depend on every parameter."""
    net = random_biases(body(image_heads=heads, segmentation_heads=heads, width=0.2))
    outputs = net(torch.rand(2, 3, 224, 224))
    used = outputs.values() if heads else [outputs["logits"]]
    sum(x.square().mean() for x in used).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_batch_normalization_is_between_each_convolution_and_its_relu():
    net = on_meta(norm="batch")
    for name in PARAMETERS:
        layers = list(net.get_submodule(name))
        kinds = [type(layer) for layer in layers]
        is_head = name.startswith(("decoder", "segmentation", "reconstruction"))
        steps = 3 if name.startswith(("stem", "encoder")) else 1
        assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * steps + [nn.Conv2d] * is_head
        biases = [layer.bias is not None for layer in layers if isinstance(layer, nn.Conv2d)]
        assert biases == [False] * steps + [True] * is_head


def test_batch_normalization_with_neutral_statistics_changes_nothing():
    plain, normalized = body().eval(), body(norm="batch").eval()
    convolutions = (
        [module for module in net.modules() if isinstance(module, nn.Conv2d)]
        for net in (plain, normalized)
    )
    for theirs, ours in zip(*convolutions, strict=True):
        ours.load_state_dict(theirs.state_dict(), strict=False)
    image = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(normalized(image), plain(image), rtol=1e-3, atol=1e-3)


def test_network_with_batch_normalization_learns_two_images():
    net = body(norm="batch", image_heads=False, segmentation_heads=False)
    images = torch.rand(2, 3, 224, 224)
    masks = images.argmax(1)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for _ in range(6):
        loss = F.cross_entropy(net(images)["logits"], masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert all(net.encoder[6][1].running_var != 1)


def test_batch_normalization_needs_two_images_at_224_pixels():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        body(norm="batch")(torch.rand(1, 3, 224, 224))


# Formats


def test_channels_last_gives_the_same_outputs():
    net = body().eval()
    image = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        expected = net(image)
        outputs = net.to(memory_format=torch.channels_last)(
            image.to(memory_format=torch.channels_last)
        )
    assert outputs["logits"].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(outputs, expected)


@pytest.mark.slow(seconds=3)
@pytest.mark.parametrize("training", [False, True])
def test_network_compiles_to_one_graph(training):
    net = body().train(training)
    image = torch.rand(1, 3, 224, 224)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(image), net(image))


@pytest.mark.slow(seconds=20)
def test_exported_network_takes_any_multiple_of_32(tmp_path):
    graph, path = logits_graph(Network(body().eval(), 32, probe=224)), tmp_path / "network.onnx"
    with warnings.catch_warnings(action="ignore"):  # onnxscript's own
        write_onnx(graph, path, {"image": torch.zeros(1, 3, 224, 224)}, 18, {}, any_size=True)
    for size in ((224, 224), (320, 448), (288, 256)):
        assert compare(graph, path, {"image": torch.rand(2, 3, *size)}).equal
