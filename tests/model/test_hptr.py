"""HPTR: size and cost of the network as traced, padding that changes nothing, masks on demand."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from clothseg.model.body.hptr import HPTR
from clothseg.model.body.hptr.position import sine_positions
from support.answers import parsing_losses

MAPS = {"parts": 20, "size": 5, "pattern": 5, "color": 13}


def encoder_of(name):
    from segmentation_models_pytorch.encoders import get_encoder

    return get_encoder(name, weights=None)


SMALL = {
    "queries": 5,
    "features": 32,
    "heads": 4,
    "hidden": 64,
    "layers": 2,
    "dropout": 0.0,
    "lateral": 32,
    "width": 32,
}
PAPER = {
    "queries": 40,
    "features": 256,
    "heads": 8,
    "hidden": 2048,
    "layers": 6,
    "dropout": 0.1,
    "lateral": 256,
    "width": 128,
}


@pytest.fixture(scope="module")
def small():
    """A narrow network in evaluation mode."""
    torch.manual_seed(0)
    return HPTR(encoder_of("resnet18"), MAPS, **SMALL).eval()


def test_the_position_code_is_that_of_the_program():
    arrays, _ = parsing_losses()
    found = sine_positions(torch.from_numpy(arrays["pos_mask"]), 128)
    torch.testing.assert_close(found, torch.from_numpy(arrays["pos_sine"]), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_parameters_and_operations_are_those_of_the_specification():
    with torch.device("meta"):
        network = HPTR(encoder_of("resnet50"), MAPS, **PAPER).eval()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(54.2e6, rel=2e-3)
    for size, gflop in ((512, 512), 272), ((352, 512), 187):
        image = torch.zeros(1, 3, *size, device="meta")
        padding = torch.zeros(1, *size, dtype=torch.bool, device="meta")
        chosen = torch.zeros(40, dtype=torch.int64, device="meta")
        with FlopCounterMode(display=False) as counter:
            _, features = network(image, padding)
            network.masks(features, chosen, chosen)
        assert counter.get_total_flops() / 1e9 == pytest.approx(gflop, rel=0.01)


@torch.no_grad()
def test_outputs_have_a_quarter_of_the_size_of_the_image(small):
    image, padding = torch.randn(2, 3, 96, 64), torch.zeros(2, 96, 64, dtype=torch.bool)
    outputs, features = small(image, padding)
    for name, classes in MAPS.items():
        assert outputs[name].shape == (2, classes, 24, 16)
    assert outputs["people"].shape == (2, 2, 5, 2)
    assert outputs["boxes"].shape == (2, 2, 5, 4)
    assert ((outputs["boxes"] > 0) & (outputs["boxes"] < 1)).all()
    masks = small.masks(features, torch.tensor([1, 0, 1]), torch.tensor([4, 4, 0]))
    assert masks.shape == (3, 24, 16)


@torch.no_grad()
def test_masks_of_chosen_queries_are_those_of_all(small):
    padding = torch.zeros(2, 64, 64, dtype=torch.bool)
    _, features = small(torch.randn(2, 3, 64, 64), padding)
    images = torch.arange(2).repeat_interleave(5)
    everything = small.masks(features, images, torch.arange(5).repeat(2)).view(2, 5, 16, 16)
    chosen = small.masks(features, torch.tensor([1, 0]), torch.tensor([2, 3]))
    torch.testing.assert_close(chosen, everything[[1, 0], [2, 3]], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_queries_do_not_look_at_padding(small):
    """What the encoder computes in the padding has no effect on queries."""
    transformer = small.transformer
    image, positions = torch.randn(1, 6, 32), torch.randn(1, 6, 32)
    padding = torch.tensor([[False, False, False, False, True, True]])
    queries = small.queries.weight
    layers, _ = transformer(image, positions, padding, queries)
    changed = image.clone()
    changed[:, 4:] = 100.0
    others, _ = transformer(changed, positions, padding, queries)
    torch.testing.assert_close(layers, others)
    cut, _ = transformer(image[:, :4], positions[:, :4], padding[:, :4], queries)
    torch.testing.assert_close(layers, cut, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_attention_maps_are_a_distribution_over_heads_and_unpadded_positions(small):
    padding = torch.zeros(2, 3, 4, dtype=torch.bool)
    padding[:, :, 3] = True
    weights = small.attention(torch.randn(2, 32), torch.randn(2, 3, 4, 32), padding)
    torch.testing.assert_close(weights.sum((1, 2, 3)), torch.ones(2))
    assert (weights[..., 3] == 0).all()
    assert (weights[..., :3] > 0).all()


def test_every_parameter_of_the_network_gets_a_gradient(small):
    padding = torch.zeros(1, 64, 64, dtype=torch.bool)
    outputs, features = small(torch.randn(1, 3, 64, 64), padding)
    masks = small.masks(features, torch.tensor([0]), torch.tensor([1]))
    total = masks.square().sum() + sum(output.square().sum() for output in outputs.values())
    small.zero_grad()
    total.backward()
    without = [name for name, p in small.named_parameters() if p.grad is None]
    assert without == []
    small.zero_grad()
