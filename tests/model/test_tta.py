"""Test-time augmentation: invariances, and averages of probabilities."""

import numpy as np
import pytest
import torch
from torch import nn

from clothseg.error import ConfigError
from clothseg.model.sizes import Sizes
from clothseg.model.tta import AveragedPredictions, require_scales
from support.shipped_config import label_space

SWAPPED = np.arange(256, dtype=np.uint8)
SWAPPED[[1, 2]] = 2, 1
"""Flip table of four classes, of which the middle two are left and right."""


class PositionNetwork(nn.Module):
    """Predicts sides from the position alone: `right` in the left half of the image."""

    def forward(self, image):
        batch, _, height, width = image.shape
        logits = torch.zeros(batch, 4, height, width)
        logits[:, 2, :, : width // 2] = 5
        logits[:, 1, :, width // 2 :] = 5
        return {"logits": logits}


class EquivariantNetwork(nn.Module):
    """Random network that commutes with a horizontal flip, up to the swap of classes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image):
        swap = torch.from_numpy(SWAPPED[:4].astype(np.int64))
        flipped = self.body(image.flip(-1)).flip(-1)[:, swap]
        return {"logits": self.body(image) + flipped}


class BiasedNetwork(nn.Module):
    """Random network that treats the two sides differently."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Conv2d(3, 4, 5, padding=2)

    def forward(self, image):
        return {"logits": 3 * self.body(image)}


@pytest.fixture
def images():
    return torch.rand(2, 3, 7, 10, generator=torch.Generator().manual_seed(0))


def test_prediction_of_an_equivariant_network_is_unchanged(images):
    network = EquivariantNetwork()
    plain, averaged = (
        network(images)["logits"],
        AveragedPredictions([network], SWAPPED)(images)["logits"],
    )
    assert torch.allclose(averaged.exp(), plain.softmax(1), atol=1e-6)
    assert torch.equal(averaged.argmax(1), plain.argmax(1))


def test_prediction_changes_without_the_swap_of_classes(images):
    network = EquivariantNetwork()
    averaged = AveragedPredictions([network], np.arange(256, dtype=np.uint8))(images)["logits"]
    assert not torch.equal(averaged.argmax(1), network(images)["logits"].argmax(1))


def test_average_of_any_network_is_equivariant(images):
    network = AveragedPredictions([BiasedNetwork()], SWAPPED)
    swap = torch.from_numpy(SWAPPED[:4].astype(np.int64))
    logits = network(images)["logits"]
    flipped = network(images.flip(-1))["logits"].flip(-1)[:, swap]
    assert torch.allclose(logits, flipped, atol=1e-6)
    (biased,) = network.networks
    unequal = biased(images.flip(-1))["logits"].flip(-1)[:, swap]
    assert not torch.allclose(biased(images)["logits"], unequal, atol=1e-2)


def test_predictions_from_the_position_agree_only_with_the_swap_of_classes(images):
    """With the swap both predictions agree; without it they contradict each other everywhere."""
    network = PositionNetwork()
    swapped = AveragedPredictions([network], SWAPPED)(images)["logits"].exp()
    assert torch.equal(swapped.argmax(1), network(images)["logits"].argmax(1))
    identity = np.arange(256, dtype=np.uint8)
    unswapped = AveragedPredictions([network], identity)(images)["logits"].exp()
    assert torch.allclose(unswapped[:, 1], unswapped[:, 2])


def test_probabilities_are_averaged(images):
    network = BiasedNetwork()
    first = network(images)["logits"].softmax(1)
    second = network(images.flip(-1))["logits"].softmax(1).flip(-1)[:, [0, 2, 1, 3]]
    averaged = AveragedPredictions([network], SWAPPED)(images)["logits"].exp()
    assert torch.allclose(averaged, (first + second) / 2, atol=1e-6)
    assert torch.allclose(averaged.sum(1), torch.ones(2, 7, 10), atol=1e-6)


@pytest.mark.parametrize("space", ["cihp20", "ccihp20", "refined15"])
def test_flip_table_is_an_involution(space):
    flip_table = label_space(space).flip_table
    assert np.array_equal(flip_table[flip_table], np.arange(256))


def test_several_networks_are_averaged_as_probabilities(images):
    first, second = BiasedNetwork(), EquivariantNetwork()
    averaged = AveragedPredictions([first, second])(images)["logits"].exp()
    single = [network(images)["logits"].softmax(1) for network in (first, second)]
    assert torch.allclose(averaged, sum(single) / 2, atol=1e-6)


def test_without_augmentation_the_prediction_is_that_of_the_network(images):
    network = BiasedNetwork()
    logits = AveragedPredictions([network])(images)["logits"]
    assert torch.allclose(logits, network(images)["logits"].log_softmax(1), atol=1e-6)


class ColorNetwork(nn.Module):
    """Predicts classes from the color of each pixel alone, and records the input sizes."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, image):
        self.sizes.append(tuple(image.shape[-2:]))
        return {"logits": 20 * torch.cat([image, 1 - image.sum(1, keepdim=True)], 1)}


def test_scaled_predictions_are_resized_to_the_image():
    image = torch.zeros(1, 3, 16, 32)
    image[:, 0, :8], image[:, 1, 8:, :16], image[:, 2, 8:, 16:] = 1, 1, 1
    network = ColorNetwork()
    logits = AveragedPredictions([network], scales=[0.5, 1.0, 2.0])(image)["logits"]
    assert network.sizes == [(8, 16), (16, 32), (32, 64)]
    assert torch.equal(logits.argmax(1), image.argmax(1))
    assert torch.allclose(logits.exp().sum(1), torch.ones(1, 16, 32), atol=1e-5)


def test_error_for_a_scale_that_violates_the_stride_lists_valid_scales():
    require_scales([0.5, 1.0, 1.5], (128, 128), 32)
    require_scales([1.0], (100, 70), 32)  # the training size may be padded
    require_scales([0.333333, 1.66667], (96, 96), 32)  # as the message prints them
    with pytest.raises(
        ConfigError, match=r"0\.8, 1\.1 of 128 px .* allowed are 0\.5, 0\.75, 1, 1\.25"
    ):
        require_scales([0.8, 1.0, 1.1], (128, 128), 32)
    with pytest.raises(
        ConfigError, match=r"0\.75 of 128 x 256 px .* allowed are 0\.5, 1, 1\.5, 2$"
    ):
        require_scales([0.5, 0.75], (128, 256), 64)
    with pytest.raises(ConfigError, match=r"allowed are none but 1$"):
        require_scales([2.0], (40, 50), 32)


def test_error_for_a_scale_of_which_the_network_takes_no_images_lists_valid_scales():
    flexible = Sizes(224, 32)
    require_scales([1.0, 1.142857], (224, 224), 32, flexible)
    with pytest.raises(
        ConfigError, match=r"0\.857143 of 224 px .* from 224 px; allowed are 1, 1\.1"
    ):
        require_scales([0.857143], (224, 224), 32, flexible)
    with pytest.raises(ConfigError, match=r"2 of 224 px .* takes 224 px only; allowed are 1$"):
        require_scales([1.0, 2.0], (224, 224), 32, Sizes(exact=224))
