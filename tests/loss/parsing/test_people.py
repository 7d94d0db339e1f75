"""Matching and losses of people and maps against DETR's program, and at their limits."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from clothseg.loss.parsing.binary import dice, focal
from clothseg.loss.parsing.maps import map_terms
from clothseg.loss.parsing.matching import Costs, match
from clothseg.loss.parsing.people import Counts, Weights, mask_terms, query_terms
from support.answers import parsing_losses

ARRAYS, EXPECTED = parsing_losses()
GIVEN = {name: torch.from_numpy(values) for name, values in ARRAYS.items()}
IMAGES = range(3)
BOXES = [GIVEN[f"tgt{image}_boxes"] for image in IMAGES]
COUNTS = Counts(torch.tensor(9.0), torch.tensor(9.0))
NAMES = {"person": "ce", "box": "bbox", "giou": "giou", "mask": "mask", "dice": "dice"}


def layer(prefix):
    """Logits, boxes and matches after a layer."""
    people, boxes = GIVEN[f"{prefix}pred_logits"], GIVEN[f"{prefix}pred_boxes"]
    return people, boxes, match(people, boxes, BOXES)


def true_masks(matches):
    """Masks of the people in the order of the matches."""
    masks = [GIVEN[f"tgt{image}_masks"] for image in IMAGES]
    pairs = zip(matches.images.tolist(), matches.people.tolist(), strict=True)
    return torch.stack([masks[image][person] for image, person in pairs])


def weighted(terms):
    return sum(getattr(Weights(), name) * value for name, value in terms.items())


def test_people_are_matched_as_by_the_program():
    _, _, matches = layer("")
    for image in IMAGES:
        own = matches.images == image
        expected = EXPECTED["match"][image]
        assert matches.queries[own].tolist() == expected["query"]
        assert matches.people[own].tolist() == expected["target"]


def test_losses_of_all_layers_are_those_of_the_program():
    people, boxes, matches = layer("")
    masks = GIVEN["pred_masks"][matches.images, matches.queries]
    terms = query_terms(people, boxes, BOXES, matches, COUNTS)
    terms |= mask_terms(masks, true_masks(matches), COUNTS.divisor)
    total = weighted(terms)
    for name, value in terms.items():
        assert value.item() == pytest.approx(EXPECTED["losses"][f"loss_{NAMES[name]}"], abs=1e-5)
    assert total.item() == pytest.approx(EXPECTED["weighted_total_last_layer_only"], abs=1e-5)
    for number in range(5):
        people, boxes, matches = layer(f"aux{number}_")
        terms = query_terms(people, boxes, BOXES, matches, COUNTS)
        for name, value in terms.items():
            expected = EXPECTED["losses"][f"loss_{NAMES[name]}_{number}"]
            assert value.item() == pytest.approx(expected, abs=1e-5)
        total = total + weighted(terms)
    assert total.item() == pytest.approx(EXPECTED["weighted_total_with_aux"], abs=1e-5)


def test_binary_losses_are_those_of_the_program():
    logits, target = GIVEN["x"][:, None], GIVEN["t"][:, None]
    for value, expected in (
        (dice(logits, target), EXPECTED["dice_per_mask_mean"]),
        (focal(logits, target), EXPECTED["focal_alpha25_gamma2"]),
        (focal(logits, target, alpha=-1), EXPECTED["focal_no_alpha"]),
    ):
        assert value.mean().item() == pytest.approx(expected, abs=1e-5)


def test_only_valid_pixels_count():
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, generator=random)
    target = (torch.rand(2, 4, 5, generator=random) < 0.5).float()
    valid = torch.ones(2, 4, 5)
    valid[:, 2:] = 0
    for loss in (focal, dice):
        torch.testing.assert_close(loss(logits, target, valid), loss(logits[:, :2], target[:, :2]))
        assert loss(logits, target, 0 * valid).abs().max() < 1e-6


def test_images_without_people_have_losses_that_are_still_differentiable():
    people = torch.randn(2, 4, 2, requires_grad=True)
    boxes = torch.rand(2, 4, 4, requires_grad=True)
    nobody = [torch.zeros(0, 4), torch.zeros(0, 4)]
    matches = match(people, boxes, nobody)
    assert [len(column) for column in matches] == [0, 0, 0]
    terms = query_terms(
        people, boxes, nobody, matches, Counts(torch.tensor(0.0), torch.tensor(1.0))
    )
    assert terms["box"] == terms["giou"] == 0
    torch.testing.assert_close(terms["person"], F.cross_entropy(people.mT, torch.ones(2, 4).long()))
    sum(terms.values()).backward()
    assert people.grad.abs().sum() > 0
    assert boxes.grad.abs().sum() == 0


def test_the_mean_of_two_processes_is_the_loss_of_their_batch():
    people, boxes, matches = layer("")
    whole = query_terms(people, boxes, BOXES, matches, COUNTS)
    shares, half = [], Counts(COUNTS.matched / 2, COUNTS.divisor / 2)
    for own in (slice(0, 1), slice(1, 3)):
        part = match(people[own], boxes[own], BOXES[own])
        shares.append(query_terms(people[own], boxes[own], BOXES[own], part, half))
    for name in ("box", "giou"):
        torch.testing.assert_close((shares[0][name] + shares[1][name]) / 2, whole[name])


@pytest.mark.parametrize("form", ["sigmoid", "softmax"])
def test_maps_are_means_over_classes_and_images(form):
    random = np.random.default_rng(0)
    logits = torch.from_numpy(random.normal(size=(2, 3, 6, 5)))
    target = torch.from_numpy(random.integers(0, 3, (2, 6, 5)))
    target[0, :2] = 255
    found = map_terms(logits, target, form)
    focal_sum = dice_sum = 0.0
    for image in range(2):
        valid = target[image] != 255
        z, t = logits[image][:, valid].float(), target[image][valid]
        p = z.sigmoid() if form == "sigmoid" else z.softmax(0)
        for k in range(3):
            true = (t == k).float()
            dice_sum += 1 - (2 * (p[k] * true).sum() + 1) / (p[k].sum() + true.sum() + 1)
            if form == "sigmoid":
                pt = torch.where(t == k, p[k], 1 - p[k])
                alpha = torch.where(t == k, 0.25, 0.75)
                focal_sum += (-alpha * (1 - pt) ** 2 * pt.log()).mean()
        if form == "softmax":
            pt = p.gather(0, t[None])[0]
            focal_sum += 3 * (-((1 - pt) ** 2) * pt.log()).mean()
    torch.testing.assert_close(found["dice"], dice_sum / 6)
    torch.testing.assert_close(found["focal"], focal_sum / 6)


@pytest.mark.parametrize("form", ["sigmoid", "softmax"])
def test_a_map_without_valid_pixels_is_zero_and_finite(form):
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    terms = map_terms(logits, torch.full((1, 4, 4), 255), form)
    assert sum(terms.values()).abs() < 1e-6
    sum(terms.values()).backward()
    assert torch.isfinite(logits.grad).all()


def test_a_training_that_diverges_is_matched_nevertheless():
    """The loss, which is not finite, is what ends it, with the names of the images."""
    people, boxes = torch.full((1, 3, 2), float("nan")), torch.full((1, 3, 4), float("nan"))
    matches = match(people, boxes, [torch.tensor([[0.5, 0.5, 0.2, 0.2]])])
    assert len(matches.queries) == 1
    assert not torch.isfinite(
        query_terms(people, boxes, [torch.rand(1, 4)], matches, COUNTS)["person"]
    )


def test_the_cost_has_the_weights_that_are_given():
    people = torch.zeros(1, 2, 2)
    boxes = torch.tensor([[[0.5, 0.5, 0.4, 0.4], [0.7, 0.5, 0.1, 0.1]]])
    target = [torch.tensor([[0.65, 0.5, 0.3, 0.3]])]
    near = match(people, boxes, target, Costs(person=0, box=1, giou=0)).queries
    overlapping = match(people, boxes, target, Costs(person=0, box=0, giou=1)).queries
    assert (near.tolist(), overlapping.tolist()) == ([0], [0])
    certain = torch.tensor([[[0.0, 0.0], [9.0, 0.0]]])
    assert match(certain, boxes, target, Costs(person=9)).queries.tolist() == [1]
