"""Architectures: size in, size out, honest gradients, known counts."""

import json

import pytest
import torch
from torch import nn

from clothseg.build import build_task
from clothseg.check import check_command
from clothseg.model.network import Network
from clothseg.trust import options

MODELS = options("model")
ORACLE_NAMES = {"fpn": "FPN", "linknet": "Linknet", "pspnet": "PSPNet", "unet": "Unet"}


def network(model, backbone, *overrides):
    (job,) = check_command([f"model={model}", f"backbone={backbone}", *overrides])
    return build_task(job.config).network


# One backbone for each model, and one model for each kind of backbone, are fast enough for every
# day; tests/model/test_compatibility.py takes all pairs.
PAIRS = [
    *((model, "mobilenet_v2") for model in MODELS),
    *(("unet", backbone) for backbone in ("efficientnet-b0", "resnet18", "tf_efficientnetv2_b0")),
]


@pytest.mark.parametrize(("model", "backbone"), PAIRS)
def test_a_pair_gives_logits_of_the_photos_size_and_every_trainable_parameter_a_gradient(
    model, backbone
):
    net = network(model, backbone)
    logits = net(torch.randn(2, 3, 64, 64))["logits"]
    assert logits.shape == (2, 15, 64, 64)
    logits.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [(70, 50), (33, 100)])
def test_any_size_is_padded_and_cropped_back(model, size):
    net = network(model, "mobilenet_v2").eval()
    with torch.no_grad():
        assert net(torch.randn(1, 3, *size))["logits"].shape == (1, 15, *size)


def test_parameter_counts_equal_the_independent_ones(oracles):
    rows = map(json.loads, (oracles / "smp_matrix.jsonl").read_text().splitlines())
    counts = {(row["arch"], row["enc"]): row.get("params") for row in rows}
    compared = 0
    for model in MODELS:
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
    assert not net.body.unused.weight.requires_grad
    assert net.body.used.weight.requires_grad
    assert net.body.used.weight.grad is None
    assert net.trainable == 3 * 2 + 2 + 4
    assert net.body.norm.num_batches_tracked == 0
    assert torch.equal(net.body.norm.running_mean, torch.zeros(2))
    del random_state


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
