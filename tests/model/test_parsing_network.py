"""Wrapper of networks for human parsing: frozen parts, padding, masks on demand."""

import pytest
import torch
from torch import nn

from clothseg.model.body.hptr.network import _reduced
from clothseg.task.parser import padding_mask
from support.small_parser import VALUES, small_network


def norms(network):
    return [m for m in network.backbone.modules() if isinstance(m, nn.BatchNorm2d)]


def test_outputs_have_the_values_of_each_map_and_a_quarter_of_the_size():
    network = small_network().eval()
    output = network(torch.randn(2, 3, 64, 96))
    assert {name: logits.shape for name, logits in output.maps.items()} == {
        name: (2, len(names), 16, 24) for name, names in VALUES.items()
    }
    assert output.people.shape == (2, 2, 4, 2)
    assert output.boxes.shape == (2, 2, 4, 4)
    assert output.masks(torch.tensor([0, 1, 1]), torch.tensor([3, 0, 2])).shape == (3, 16, 24)
    assert network.queries == 4


def test_heads_are_those_that_are_chosen():
    for kinds in ([], ["color"]):
        network = small_network(characteristics=kinds).eval()
        assert list(network(torch.randn(1, 3, 64, 64)).maps) == ["parts", *kinds]


@pytest.mark.parametrize("frozen", ["none", "norm", "norm_and_stem"])
def test_frozen_parts_keep_their_weights_and_statistics(frozen):
    network = small_network(frozen).train()
    before = {name: value.clone() for name, value in network.backbone.state_dict().items()}
    output = network(torch.randn(2, 3, 64, 64))
    first = torch.zeros(1, dtype=torch.int64)
    outputs = [*output.maps.values(), output.people, output.boxes, output.masks(first, first)]
    sum(value.square().mean() for value in outputs).backward()
    torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1).step()
    changed = {
        name.split(".")[0]
        for name, value in network.backbone.state_dict().items()
        if not torch.equal(value, before[name])
    }
    stem = {"conv1", "bn1", "layer1"}
    assert bool(changed & stem) == (frozen != "norm_and_stem")
    assert {"layer2", "layer3", "layer4"} <= changed
    trained = {norm.training for norm in norms(network)}
    assert trained == {frozen == "none"}
    assert {norm.weight.requires_grad for norm in norms(network)} == {frozen == "none"}
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)


def test_unused_stages_of_the_encoder_are_frozen():
    network = small_network(backbone="tu-tf_efficientnet_lite0.in1k")
    output = network(torch.randn(2, 3, 64, 64))
    first = torch.zeros(1, dtype=torch.int64)
    outputs = [*output.maps.values(), output.people, output.boxes, output.masks(first, first)]
    sum(value.sum() for value in outputs).backward()
    idle = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []
    assert network.trainable == sum(p.numel() for p in network.parameters() if p.requires_grad)


def test_building_a_frozen_network_leaves_the_weights_as_they_are():
    """Nor do the running statistics see the image with which the stem is found."""
    states = [small_network(f).backbone.state_dict() for f in ("none", "norm", "norm_and_stem")]
    for state in states[1:]:
        assert all(torch.equal(value, states[0][name]) for name, value in state.items())


@pytest.mark.parametrize(("height", "width"), [(10, 64), (64, 14), (33, 70)])
def test_the_transformer_sees_every_position_with_a_pixel_of_the_image(height, width):
    padding = padding_mask(torch.tensor([[height, width]]), 64, 96)
    visible = ~_reduced(padding)[0]
    expected = torch.zeros(2, 3, dtype=torch.bool)
    expected[: -(-height // 32), : -(-width // 32)] = True
    assert torch.equal(visible, expected)


def test_the_scale_of_attention_does_not_depend_on_the_padding(monkeypatch):
    """Its mean over the visible positions is 1."""
    network = small_network().eval()
    seen = []
    monkeypatch.setattr(
        network.body.mask_branch, "forward", lambda common, images, found: seen.append(found)
    )
    for side in (64, 256):
        image = torch.zeros(1, 3, side, side)
        padding = padding_mask(torch.tensor([[64, 64]]), side, side)
        first = torch.zeros(1, dtype=torch.int64)
        network(image, padding).masks(first, first)
    for attention in seen:
        assert attention[..., :2, :2].mean().item() == pytest.approx(1, rel=1e-5)
