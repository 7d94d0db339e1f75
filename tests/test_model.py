"""Architectures: size in, size out, honest gradients, known counts."""

import copy
import json
from functools import cache

import pytest
import torch
import yaml
from torch import nn

from clothseg.build import build_task, call_target
from clothseg.config.command_line import check_command
from clothseg.model.compatibility import WITHOUT_BACKBONE
from clothseg.model.network import Auxiliary, Network
from clothseg.shipped import options

pytestmark = pytest.mark.usefixtures("cheap_weights")
MODELS = options("model")
ORACLE_NAMES = {
    "deeplabv3plus": "DeepLabV3Plus",
    "fpn": "FPN",
    "linknet": "Linknet",
    "pspnet": "PSPNet",
    "unet": "Unet",
}


@cache
def composed(*overrides):
    """A configuration, which nobody changes."""
    (job,) = check_command(overrides)
    return job


def network(model, backbone, *overrides):
    return build_task(composed(f"model={model}", f"backbone={backbone}", *overrides).config).network


def own_backbone(model):
    """The backbone that an architecture comes with, mobilenet_v2 where any will do."""
    if model not in WITHOUT_BACKBONE:
        return "mobilenet_v2"
    return composed(f"model={model}").choices["backbone"]


# One backbone for each model, and one model for each kind of backbone;
# tests/model/test_compatibility.py takes all pairs.
PAIRS = [
    *((model, own_backbone(model)) for model in MODELS),
    ("densenet_decoder", "none"),
    ("fcn", "vgg16"),
    *(("unet", backbone) for backbone in ("efficientnet-b0", "resnet18", "tf_efficientnetv2_b0")),
]


def for_every_day(cases, chosen):
    """All cases, those that are not chosen marked as slow: together they take half a minute."""
    return [
        case if case in chosen else pytest.param(*case, marks=pytest.mark.slow(seconds=2))
        for case in cases
    ]


@pytest.mark.parametrize(
    ("model", "backbone"), for_every_day(PAIRS, [p for p in PAIRS if p[0] != "classic_unet"])
)
def test_a_pair_gives_logits_of_the_photos_size_and_every_trainable_parameter_a_gradient(
    model, backbone
):
    net = network(model, backbone)
    outputs = net(torch.randn(2, 3, 64, 64))
    assert {"logits"} | set(net.heads) == set(outputs)
    assert {logits.shape for logits in outputs.values()} == {(2, 15, 64, 64)}
    sum(logits.square().mean() for logits in outputs.values()).backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


@pytest.mark.parametrize(
    ("model", "backbone"),
    for_every_day(PAIRS[: len(MODELS)], [("unet", "mobilenet_v2"), ("pspnet", "mobilenet_v2")]),
)
def test_any_size_is_padded_and_cropped_back(model, backbone):
    net = network(model, backbone).eval()
    with torch.no_grad():
        for size in ((70, 50), (33, 100)):
            assert net(torch.randn(1, 3, *size))["logits"].shape == (1, 15, *size)


def test_parameter_counts_equal_the_independent_ones(oracles):
    rows = map(json.loads, (oracles / "smp_matrix.jsonl").read_text().splitlines())
    counts = {(row["arch"], row["enc"]): row.get("params") for row in rows}
    compared = 0
    for model in ORACLE_NAMES:
        for backbone in ("efficientnet-b0", "mobilenet_v2"):
            expected = counts.get((ORACLE_NAMES[model], backbone))
            if expected:
                assert sum(p.numel() for p in network(model, backbone).parameters()) == expected
                compared += 1
    assert compared >= 8


def test_unused_parameters_are_frozen_and_running_statistics_untouched():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)
            self.norm = nn.BatchNorm2d(2)

        def forward(self, image):
            return self.norm(self.used(image))

    random_state = torch.get_rng_state()
    net = Network(Half(), stride=1)
    drawn = torch.get_rng_state()
    assert not net.body.unused.weight.requires_grad
    assert net.body.used.weight.requires_grad
    assert net.body.used.weight.grad is None
    assert net.trainable == 3 * 2 + 2 + 4
    assert net.body.norm.num_batches_tracked == 0
    assert torch.equal(net.body.norm.running_mean, torch.zeros(2))
    torch.set_rng_state(random_state)
    Half()
    assert torch.equal(torch.get_rng_state(), drawn)


def test_equal_seeds_give_equal_weights():
    first, again, other = (
        network("unet", "mobilenet_v2", f"seed={seed}").body.encoder.features[0][0].weight
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_merge_cat_gives_the_wider_network_of_inacio2019():
    counts = [
        sum(p.numel() for p in network("fpn", "efficientnet-b0", f"model.merge={m}").parameters())
        for m in ("add", "cat")
    ]
    assert counts == [5_761_291, 5_767_051]


def own_network(model, classes, backbone=None, **keys):
    """An architecture for any number of classes, its other keys as in its file."""
    job = composed(f"model={model}", *([] if backbone is None else [f"backbone={backbone}"]))
    node = {**job.config["model"], **keys}
    return call_target(node, call_target(job.config["backbone"]), classes)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def keras_count(module):
    """As Keras counts: with the two running statistics of batch normalisation."""
    running = [b for name, b in module.named_buffers() if name.endswith(("_mean", "_var"))]
    return count(module) + sum(buffer.numel() for buffer in running)


@pytest.mark.parametrize("convolutions", [3, 2])
def test_segnet_has_the_parameters_of_its_table(oracles, convolutions):
    answers = yaml.safe_load(
        (oracles / "paper_tables" / "castro2019_table2_segnet.yaml").read_text()
    )
    expected = answers["computed_keras_params"][f"complex_dec_convs_{convolutions}"]
    body = own_network("segnet", 47, complex_decoder_convs=convolutions).body
    blocks = [*body.encoder.values(), *body.decoder.values(), body.final]
    rows = [key for key in expected if "lock" in key]
    assert [keras_count(block) for block in blocks] == [expected[row] for row in rows]
    assert keras_count(body) == expected["total"]
    assert count(body) == expected["total_trainable"]
    # What the paper prints agrees where it is no copy of another row.
    printed = {row: values[2] for row, values in answers["rows"].items()}
    same = [row for row in rows if printed[row] == expected[row]]
    assert same == [*rows[:4], "Final_Block"]


@pytest.mark.parametrize("momentum", [0.01, 0.1])
def test_segnet_follows_its_batches_as_told(momentum):
    body = own_network("segnet", 3, batchnorm_momentum=momentum).body.train()
    norm = body.encoder["simple_block_1"][2]
    seen = []
    norm.register_forward_hook(lambda _, inputs, out: seen.append(inputs[0]))
    body(torch.randn(2, 3, 64, 64))
    mean = seen[0].mean((0, 2, 3))
    torch.testing.assert_close(norm.running_mean, momentum * mean)
    norms = [module for module in body.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 26
    assert {module.momentum for module in norms} == {momentum}


@pytest.mark.parametrize(
    ("model", "backbone", "classes", "keys", "expected"),
    [
        ("classic_unet", None, 47, {}, 31_034_735),
        ("classic_unet", None, 14, {}, 31_032_590),
        ("densenet_decoder", None, 47, {}, 13_614_303),
        ("densenet_decoder", "none", 47, {}, 3_473_647),
        ("fcn", "resnet50", 47, {}, 23_604_335),
        ("fcn", "resnet50", 47, {"output_stride": 16}, 23_604_335),
        ("fcn", "resnet50", 47, {"output_stride": 8, "head": "convolutional"}, 32_970_351),
        ("deeplabv3", "resnet50", 47, {}, 39_645_551),
        ("deeplabv3", "resnet50", 47, {"auxiliary_weight": 0.4}, 42_017_438),
        ("unet", "vgg16", 59, {}, 23_756_651),
        ("unet", "vgg19", 4, {}, 29_058_372),
    ],
)
def test_networks_have_the_parameters_of_the_papers_own(model, backbone, classes, keys, expected):
    assert count(own_network(model, classes, backbone, **keys)) == expected


@pytest.mark.parametrize(
    ("model", "keys", "names"),
    [
        ("unet", {"deep_supervision": True}, {f"level_{k}" for k in (1, 2, 3, 4)}),
        ("unetplusplus", {"deep_supervision": True}, {f"nested_{k}" for k in (1, 2, 3)}),
        ("dilated_pspnet", {}, {"stage_before_last"}),
        ("fcn", {"auxiliary_weight": 0.5}, {"stage_before_last"}),
    ],
)
def test_auxiliary_outputs_are_for_training_alone(model, keys, names):
    net = own_network(model, 5, "resnet18", **keys)
    photos = torch.randn(2, 3, 50, 70)
    assert set(net(photos)) == {"logits"} | names == set(net.output_weights)
    assert {logits.shape for logits in net(photos).values()} == {(2, 5, 50, 70)}
    assert set(net.eval()(photos)) == {"logits"}
    if keys.get("deep_supervision"):
        assert sum(net.output_weights.values()) == pytest.approx(1)


def test_weights_of_deep_supervision_halve_with_each_level():
    weights = own_network("unet", 5, "mobilenet_v2", deep_supervision=True).output_weights
    levels = [weights["logits"], *(weights[f"level_{k}"] for k in (1, 2, 3, 4))]
    assert levels == pytest.approx([16 / 31, 8 / 31, 4 / 31, 2 / 31, 1 / 31])


def test_an_auxiliary_sees_the_features_of_its_part():
    class Body(nn.Module):
        def __init__(self):
            super().__init__()
            self.part, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)

        def forward(self, image):
            return self.last(self.part(image))

    body, head = Body(), nn.Conv2d(4, 2, 1)
    net = Network(body, 1, [Auxiliary("middle", "part", head, 0.3)])
    image = torch.randn(1, 3, 5, 5)
    for network in (net, copy.deepcopy(net)):
        assert torch.equal(network(image)["middle"], head(body.part(image)))


@pytest.mark.parametrize(
    ("model", "backbone"), for_every_day(PAIRS, [("unet", "resnet18"), ("fpn", "mobilenet_v2")])
)
def test_saved_weights_give_the_same_logits(model, backbone, tmp_path):
    torch.manual_seed(0)
    first, second = (own_network(model, 5, backbone).eval() for _ in range(2))
    photos = torch.randn(1, 3, 64, 64)
    torch.save(first.state_dict(), tmp_path / "weights.pt")
    assert not torch.equal(first(photos)["logits"], second(photos)["logits"])
    second.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(first(photos)["logits"], second(photos)["logits"])
