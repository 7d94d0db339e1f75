"""Architectures: output sizes, gradients, and parameter counts."""

import copy
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import nn

from clothseg.build import build_segmenter
from clothseg.config.command_line import check_command
from clothseg.model.body.classic_segnet import _unpool
from clothseg.model.compatibility import WITHOUT_BACKBONE
from clothseg.model.network import Auxiliary, Network
from clothseg.model.sizes import Sizes
from clothseg.shipped import options
from support.answers import model_pairs, segnet_parameters
from support.shipped_config import REQUIREMENTS

pytestmark = [pytest.mark.usefixtures("cheap_weights"), pytest.mark.slow(seconds=1)]
MODELS = [model for model in options("model") if not model.startswith("hptr")]
ORACLE_NAMES = {
    "deeplabv3plus": "DeepLabV3Plus",
    "fpn": "FPN",
    "linknet": "Linknet",
    "pspnet": "PSPNet",
    "unet": "Unet",
}


@cache
def composed(model, *overrides):
    """A configuration, which nobody changes."""
    (job,) = check_command([model, *REQUIREMENTS.get(model, []), *overrides])
    return job


def network(model, backbone, *overrides):
    return build_segmenter(
        composed(f"model={model}", f"backbone={backbone}", *overrides).config
    ).network


# One backbone per model and one model per kind of backbone keep the fast tests fast;
# tests/model/test_compatibility.py covers all pairs.
def default_backbone(model):
    """Return the built-in backbone of an architecture, mobilenet_v2 if it takes any encoder."""
    if model not in WITHOUT_BACKBONE:
        return "mobilenet_v2"
    return composed(f"model={model}").choices["backbone"]


# One backbone for each model, and one model for each kind of backbone;
# tests/model/test_compatibility.py takes all pairs.
PAIRS = [
    *((model, default_backbone(model)) for model in MODELS),
    ("densenet_decoder", "none"),
    ("fcn", "vgg16"),
    *(("unet", backbone) for backbone in ("efficientnet-b0", "resnet18", "tf_efficientnetv2_b0")),
]


def mark_slow_except(cases, chosen):
    """Mark all cases but the chosen ones as slow; together they take half a minute."""
    return [
        case if case in chosen else pytest.param(*case, marks=pytest.mark.slow(seconds=2))
        for case in cases
    ]


@pytest.mark.parametrize(
    ("model", "backbone"), mark_slow_except(PAIRS, [p for p in PAIRS if p[0] != "classic_unet"])
)
def test_logits_have_the_image_size_and_every_trainable_parameter_has_a_gradient(model, backbone):
    net = network(model, backbone)
    side = max(64, net.sizes.smallest)
    outputs = net(torch.randn(2, 3, side, side))
    assert {"logits"} | set(net.heads) <= set(outputs)
    assert {outputs[name].shape for name in ("logits", *net.heads)} == {(2, 15, side, side)}
    sum(logits.square().mean() for logits in outputs.values()).backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


@pytest.mark.parametrize(
    ("model", "backbone"),
    mark_slow_except(
        [pair for pair in PAIRS[: len(MODELS)] if pair[0] != "pyramid_unet"],
        [("unet", "mobilenet_v2"), ("pspnet", "mobilenet_v2")],
    ),
)
def test_any_size_is_padded_and_cropped(model, backbone):
    net = network(model, backbone).eval()
    with torch.no_grad():
        for size in ((70, 50), (33, 100)):
            assert net(torch.randn(1, 3, *size))["logits"].shape == (1, 15, *size)


def test_parameter_counts_equal_the_reference():
    counts = {(arch, name): row.get("parameters") for arch, name, row in model_pairs()}
    compared = 0
    for model in ORACLE_NAMES:
        for backbone in ("efficientnet-b0", "mobilenet_v2"):
            expected = counts.get((ORACLE_NAMES[model], backbone))
            if expected:
                assert sum(p.numel() for p in network(model, backbone).parameters()) == expected
                compared += 1
    assert compared >= 8


def test_unused_parameters_are_frozen_and_running_statistics_unchanged():
    class HalfUsed(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)
            self.norm = nn.BatchNorm2d(2)

        def forward(self, image):
            return self.norm(self.used(image))

    before = torch.get_rng_state()
    net = Network(HalfUsed(), stride=1)
    after = torch.get_rng_state()
    assert not net.body.unused.weight.requires_grad
    assert net.body.used.weight.requires_grad
    assert net.body.used.weight.grad is None
    assert net.trainable == 3 * 2 + 2 + 4
    assert net.body.norm.num_batches_tracked == 0
    assert torch.equal(net.body.norm.running_mean, torch.zeros(2))
    torch.set_rng_state(before)
    HalfUsed()
    assert torch.equal(torch.get_rng_state(), after)


def test_a_network_that_looks_at_values_is_probed_with_values():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)
            self.norm = nn.BatchNorm2d(2)

        def forward(self, image):
            return self.norm(self.used(image / image.abs().max().item()))

    net = Network(Scaled(), stride=1)
    frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
    assert frozen == {"body.unused.weight", "body.unused.bias"}
    assert net.body.norm.num_batches_tracked == 0


def test_a_body_with_several_outputs_keeps_those_of_other_sizes():
    class Several(nn.Module):
        def __init__(self):
            super().__init__()
            self.logits, self.deep = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 5, 4, stride=4)

        def forward(self, image):
            return {"logits": self.logits(image), "deep": self.deep(image)}

    net = Network(Several(), stride=8)
    output = net(torch.randn(1, 3, 13, 16))
    assert output["logits"].shape == (1, 2, 13, 16)
    assert output["deep"].shape == (1, 5, 4, 4)  # of the padded image
    assert net.output_weights == {}


@pytest.mark.parametrize(
    ("sizes", "taken", "refused", "smallest", "words"),
    [
        (Sizes(), [1, 33], [], 1, "any size"),
        (Sizes(exact=224), [224], [192, 448], 224, "224 px only"),
        (Sizes(200, 32), [224, 256], [192, 230], 224, "multiples of 32 px from 224 px"),
    ],
)
def test_the_sizes_that_a_network_takes(sizes, taken, refused, smallest, words):
    assert all(sizes.take(side) for side in taken)
    assert not any(sizes.take(side, taken[0]) for side in refused)
    assert sizes.smallest == smallest
    assert str(sizes) == words


def test_equal_seeds_give_equal_weights():
    first, repeated, other = (
        network("unet", "mobilenet_v2", f"seed={seed}").body.encoder.features[0][0].weight
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, repeated)
    assert not torch.equal(first, other)


def test_merge_cat_builds_the_wider_network_of_inacio2019():
    counts = [
        sum(p.numel() for p in network("fpn", "efficientnet-b0", f"model.merge={m}").parameters())
        for m in ("add", "cat")
    ]
    assert counts == [5_761_291, 5_767_051]


def custom_network(model, classes, backbone=None, **keys):
    """Build an architecture for any number of classes, with default values for other keys."""
    job = composed(f"model={model}", *([] if backbone is None else [f"backbone={backbone}"]))
    call = job.config.model
    return replace(call, arguments={**call.arguments, **keys})(job.config.backbone(), classes)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def keras_count(module):
    """Count parameters as Keras does: with the two running statistics of batch normalization."""
    running = [b for name, b in module.named_buffers() if name.endswith(("_mean", "_var"))]
    return count(module) + sum(buffer.numel() for buffer in running)


@pytest.mark.parametrize("convolutions", [3, 2])
def test_segnet_has_the_parameter_counts_of_the_paper(convolutions):
    answers = segnet_parameters()
    expected = answers["computed"][str(convolutions)]
    body = custom_network("segnet", 47, complex_decoder_convs=convolutions).body
    blocks = [*body.encoder.values(), *body.decoder.values(), body.final]
    rows = [key for key in expected if "lock" in key]
    assert [keras_count(block) for block in blocks] == [expected[row] for row in rows]
    assert keras_count(body) == expected["total"]
    assert count(body) == expected["total_trainable"]
    # What the paper prints agrees where it is no copy of another row.
    same = [row for row in rows if answers["printed"][row] == expected[row]]
    assert same == [*rows[:4], "Final_Block"]


@pytest.mark.parametrize("momentum", [0.01, 0.1])
def test_segnet_updates_running_statistics_with_the_given_momentum(momentum):
    body = custom_network("segnet", 3, batchnorm_momentum=momentum).body.train()
    norm = body.encoder["simple_block_1"][2]
    features = []
    norm.register_forward_hook(lambda _, inputs, out: features.append(inputs[0]))
    body(torch.randn(2, 3, 64, 64))
    mean = features[0].mean((0, 2, 3))
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
def test_networks_have_the_parameter_counts_of_the_papers(model, backbone, classes, keys, expected):
    assert count(custom_network(model, classes, backbone, **keys)) == expected


def test_classic_segnet_is_vgg16_mirrored():
    body = custom_network("classic_segnet", 14).body

    def parameters(part, kind):
        return {
            name: sum(getattr(m, name).numel() for m in part.modules() if isinstance(m, kind))
            for name in ("weight", "bias")
        }

    encoder, decoder = (parameters(part, nn.Conv2d) for part in (body.encoder, body.decoder))
    assert sum(encoder.values()) == 14_714_688  # of VGG-16's convolutions, as published
    assert decoder["weight"] == encoder["weight"] + 9 * 64 * (14 - 3)  # 14 classes, not 3 colors
    assert parameters(body, nn.BatchNorm2d)["bias"] == encoder["bias"] + decoder["bias"] - 14


def test_classic_segnet_unpools_to_the_places_of_the_maxima():
    features, indices = nn.functional.max_pool2d(torch.randn(2, 3, 8, 12), 2, return_indices=True)
    assert torch.equal(_unpool(features, indices), nn.functional.max_unpool2d(features, indices, 2))


@pytest.mark.parametrize(
    ("model", "keys", "names"),
    [
        ("unet", {"deep_supervision": True}, {f"level_{k}" for k in (1, 2, 3, 4)}),
        ("unetplusplus", {"deep_supervision": True}, {f"nested_{k}" for k in (1, 2, 3)}),
        ("dilated_pspnet", {}, {"stage_before_last"}),
        ("fcn", {"auxiliary_weight": 0.5}, {"stage_before_last"}),
    ],
)
def test_auxiliary_outputs_exist_in_training_mode_only(model, keys, names):
    net = custom_network(model, 5, "resnet18", **keys)
    images = torch.randn(2, 3, 50, 70)
    assert set(net(images)) == {"logits"} | names == set(net.output_weights)
    assert {logits.shape for logits in net(images).values()} == {(2, 5, 50, 70)}
    assert set(net.eval()(images)) == {"logits"}
    if keys.get("deep_supervision"):
        assert sum(net.output_weights.values()) == pytest.approx(1)


def test_deep_supervision_weights_halve_with_each_level():
    weights = custom_network("unet", 5, "mobilenet_v2", deep_supervision=True).output_weights
    levels = [weights["logits"], *(weights[f"level_{k}"] for k in (1, 2, 3, 4))]
    assert levels == pytest.approx([16 / 31, 8 / 31, 4 / 31, 2 / 31, 1 / 31])


def test_auxiliary_uses_the_features_of_its_submodule():
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
    ("model", "backbone"), mark_slow_except(PAIRS, [("unet", "resnet18"), ("fpn", "mobilenet_v2")])
)
def test_loaded_weights_reproduce_the_logits(model, backbone, tmp_path):
    torch.manual_seed(0)
    first, second = (custom_network(model, 5, backbone).eval() for _ in range(2))
    side = max(64, first.sizes.smallest)
    images = torch.randn(1, 3, side, side)
    torch.save(first.state_dict(), tmp_path / "weights.pt")
    assert not torch.equal(first(images)["logits"], second(images)["logits"])
    second.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(first(images)["logits"], second(images)["logits"])
