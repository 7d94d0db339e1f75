"""Several views averaged: what that must not change, and what it must put right."""

import numpy as np
import pytest
import torch
from torch import nn

from clothseg.error import ConfigError
from clothseg.model.tta import AveragedViews, require_scales
from support.shipped_config import label_space

EXCHANGED = np.arange(256, dtype=np.uint8)
EXCHANGED[[1, 2]] = 2, 1
"""Of four classes the middle two are left and right."""


class Cheat(nn.Module):
    """Tells sides by the position alone: what is in the left half of the picture is `right`."""

    def forward(self, image):
        batch, _, height, width = image.shape
        logits = torch.zeros(batch, 4, height, width)
        logits[:, 2, :, : width // 2] = 5
        logits[:, 1, :, width // 2 :] = 5
        return {"logits": logits}


class Equivariant(nn.Module):
    """A random network made equal in a mirror up to the exchange of classes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image):
        exchange = torch.from_numpy(EXCHANGED[:4].astype(np.int64))
        mirrored = self.body(image.flip(-1)).flip(-1)[:, exchange]
        return {"logits": self.body(image) + mirrored}


class Biased(nn.Module):
    """A random network that treats the two sides differently."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Conv2d(3, 4, 5, padding=2)

    def forward(self, image):
        return {"logits": 3 * self.body(image)}


@pytest.fixture
def photos():
    return torch.rand(2, 3, 7, 10, generator=torch.Generator().manual_seed(0))


def test_a_network_that_is_equal_in_the_mirror_says_the_same(photos):
    network = Equivariant()
    plain, averaged = (
        network(photos)["logits"],
        AveragedViews([network], EXCHANGED)(photos)["logits"],
    )
    assert torch.allclose(averaged.exp(), plain.softmax(1), atol=1e-6)
    assert torch.equal(averaged.argmax(1), plain.argmax(1))


def test_without_the_exchange_it_would_not(photos):
    network = Equivariant()
    averaged = AveragedViews([network], np.arange(256, dtype=np.uint8))(photos)["logits"]
    assert not torch.equal(averaged.argmax(1), network(photos)["logits"].argmax(1))


def test_the_average_of_any_network_is_equal_in_the_mirror(photos):
    network = AveragedViews([Biased()], EXCHANGED)
    exchange = torch.from_numpy(EXCHANGED[:4].astype(np.int64))
    seen = network(photos)["logits"]
    mirrored = network(photos.flip(-1))["logits"].flip(-1)[:, exchange]
    assert torch.allclose(seen, mirrored, atol=1e-6)
    (biased,) = network.networks
    unequal = biased(photos.flip(-1))["logits"].flip(-1)[:, exchange]
    assert not torch.allclose(biased(photos)["logits"], unequal, atol=1e-2)


def test_a_network_that_goes_by_the_position_is_kept_or_cancelled_by_the_exchange(photos):
    """With the exchange both views agree; without it they contradict each other everywhere."""
    flip_table = AveragedViews([Cheat()], EXCHANGED)(photos)["logits"].exp()
    sides = Cheat()(photos)["logits"].argmax(1)
    assert torch.equal(flip_table.argmax(1), sides)
    unexchanged = AveragedViews([Cheat()], np.arange(256, dtype=np.uint8))(photos)["logits"].exp()
    assert torch.allclose(unexchanged[:, 1], unexchanged[:, 2])


def test_probabilities_are_averaged(photos):
    network = Biased()
    first = network(photos)["logits"].softmax(1)
    second = network(photos.flip(-1))["logits"].softmax(1).flip(-1)[:, [0, 2, 1, 3]]
    averaged = AveragedViews([network], EXCHANGED)(photos)["logits"].exp()
    assert torch.allclose(averaged, (first + second) / 2, atol=1e-6)
    assert torch.allclose(averaged.sum(1), torch.ones(2, 7, 10), atol=1e-6)


@pytest.mark.parametrize("space", ["cihp20", "ccihp20", "refined15"])
def test_an_exchange_twice_is_none(space):
    flip_table = label_space(space).flip_table
    assert np.array_equal(flip_table[flip_table], np.arange(256))


def test_several_networks_are_averaged_as_probabilities(photos):
    first, second = Biased(), Equivariant()
    together = AveragedViews([first, second])(photos)["logits"].exp()
    alone = [network(photos)["logits"].softmax(1) for network in (first, second)]
    assert torch.allclose(together, sum(alone) / 2, atol=1e-6)


def test_one_view_is_the_network_itself(photos):
    network = Biased()
    seen = AveragedViews([network])(photos)["logits"]
    assert torch.allclose(seen, network(photos)["logits"].log_softmax(1), atol=1e-6)


class Colour(nn.Module):
    """Tells classes by the colour of each pixel alone, and notes the sizes that it saw."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, image):
        self.sizes.append(tuple(image.shape[-2:]))
        return {"logits": 20 * torch.cat([image, 1 - image.sum(1, keepdim=True)], 1)}


def test_scales_are_seen_and_brought_back_to_the_place_where_they_belong():
    photo = torch.zeros(1, 3, 16, 32)
    photo[:, 0, :8], photo[:, 1, 8:, :16], photo[:, 2, 8:, 16:] = 1, 1, 1
    network = Colour()
    seen = AveragedViews([network], scales=[0.5, 1.0, 2.0])(photo)["logits"]
    assert network.sizes == [(8, 16), (16, 32), (32, 64)]
    assert torch.equal(seen.argmax(1), photo.argmax(1))
    assert torch.allclose(seen.exp().sum(1), torch.ones(1, 16, 32), atol=1e-5)


def test_a_scale_that_breaks_the_stride_is_refused_with_those_that_fit():
    require_scales([0.5, 1.0, 1.5], 128, 32)
    require_scales([1.0], 100, 32)  # the size of the training may be padded
    require_scales([0.333333, 1.66667], 96, 32)  # as the message prints them
    with pytest.raises(
        ConfigError, match=r"0\.8, 1\.1 of 128 px .* allowed are 0\.5, 0\.75, 1, 1\.25"
    ):
        require_scales([0.8, 1.0, 1.1], 128, 32)
