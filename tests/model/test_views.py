"""Photo and mirror image averaged: what it must not change, and what it must put right."""

import numpy as np
import pytest
import torch
from torch import nn

from clothseg.model.flip_average import FlipAverage
from repository import label_space

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
    plain, averaged = network(photos)["logits"], FlipAverage(network, EXCHANGED)(photos)["logits"]
    assert torch.allclose(averaged.exp(), plain.softmax(1), atol=1e-6)
    assert torch.equal(averaged.argmax(1), plain.argmax(1))


def test_without_the_exchange_it_would_not(photos):
    network = Equivariant()
    averaged = FlipAverage(network, np.arange(256, dtype=np.uint8))(photos)["logits"]
    assert not torch.equal(averaged.argmax(1), network(photos)["logits"].argmax(1))


def test_the_average_of_any_network_is_equal_in_the_mirror(photos):
    network = FlipAverage(Biased(), EXCHANGED)
    exchange = torch.from_numpy(EXCHANGED[:4].astype(np.int64))
    seen = network(photos)["logits"]
    mirrored = network(photos.flip(-1))["logits"].flip(-1)[:, exchange]
    assert torch.allclose(seen, mirrored, atol=1e-6)
    biased = network.network
    unequal = biased(photos.flip(-1))["logits"].flip(-1)[:, exchange]
    assert not torch.allclose(biased(photos)["logits"], unequal, atol=1e-2)


def test_a_network_that_goes_by_the_position_is_kept_or_cancelled_by_the_exchange(photos):
    """With the exchange both views agree; without it they contradict each other everywhere."""
    exchanged = FlipAverage(Cheat(), EXCHANGED)(photos)["logits"].exp()
    sides = Cheat()(photos)["logits"].argmax(1)
    assert torch.equal(exchanged.argmax(1), sides)
    unexchanged = FlipAverage(Cheat(), np.arange(256, dtype=np.uint8))(photos)["logits"].exp()
    assert torch.allclose(unexchanged[:, 1], unexchanged[:, 2])


def test_probabilities_are_averaged(photos):
    network = Biased()
    first = network(photos)["logits"].softmax(1)
    second = network(photos.flip(-1))["logits"].softmax(1).flip(-1)[:, [0, 2, 1, 3]]
    averaged = FlipAverage(network, EXCHANGED)(photos)["logits"].exp()
    assert torch.allclose(averaged, (first + second) / 2, atol=1e-6)
    assert torch.allclose(averaged.sum(1), torch.ones(2, 7, 10), atol=1e-6)


@pytest.mark.parametrize("space", ["cihp20", "ccihp20", "refined15"])
def test_an_exchange_twice_is_none(space):
    exchanged = label_space(space).exchanged
    assert np.array_equal(exchanged[exchanged], np.arange(256))
