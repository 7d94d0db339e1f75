"""Loss of human parsing as a whole: gradients without people, padding, micro-batches, weights."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.loss import hptr
from clothseg.loss.parsing.people import Counts
from clothseg.loss.parsing.total import AUXILIARY
from clothseg.task.human_parsing import true_people
from support.small_parser import SMALL, VALUES, picture_batch, small_parser

DETR = {"people_weights": "detr", "giou": True, "maps": "sigmoid"}
PEOPLE = ["person", "box", "giou", "mask", "dice"]


@pytest.fixture(scope="module")
def parser():
    return small_parser().eval()


def counts_of(batch):
    """Numbers of people of a step of one batch."""
    total = sum(map(len, batch["numbers"]))
    matched = sum(min(len(numbers), SMALL["queries"]) for numbers in batch["numbers"])
    return Counts(torch.tensor(float(matched)), torch.tensor(max(1.0, float(total))))


def terms_of(parser, batch, counts=None, **changes):
    prepared = parser.prepared(batch)
    people = true_people(prepared, counts or counts_of(batch))
    output = parser.network(prepared["image"], prepared["padding"])
    return hptr(**DETR | changes)(output, prepared | {"people": people})


def test_every_group_of_the_paper_has_its_term(parser):
    terms = terms_of(parser, picture_batch((64, 64, 2), (40, 96, 3)))
    assert list(terms) == [*PEOPLE, AUXILIARY, *VALUES]
    assert all(value.item() > 0 and math.isfinite(value.item()) for value in terms.values())


@pytest.mark.parametrize("form", ["sigmoid", "softmax"])
@pytest.mark.parametrize("people", [(0, 0), (0, 2), (4, 4), (9, 1)])
def test_every_parameter_has_a_finite_gradient_however_many_people_there_are(people, form):
    """Without any, with as many as queries, and with more: several devices wait for all of them."""
    parser = small_parser().train()
    batch = picture_batch(*((64, 96, count) for count in people))
    terms = terms_of(parser, batch, maps=form)
    sum(terms.values()).backward()
    gradients = [p.grad for p in parser.parameters() if p.requires_grad]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
    if not any(people):
        assert all(terms[name].item() == 0 for name in ("box", "giou", "mask", "dice"))


def test_pictures_without_any_label_train_without_nan():
    parser = small_parser().train()
    batch = picture_batch((32, 32, 0), (32, 64, 0))
    batch["mask"][:], batch["further"][:] = 255, 255
    terms = terms_of(parser, batch)
    sum(terms.values()).backward()
    assert all(math.isfinite(value.item()) for value in terms.values())


def test_weights_are_those_of_detr_or_one(parser):
    batch = picture_batch((64, 64, 2), (64, 64, 1))
    detr, unit = terms_of(parser, batch), terms_of(parser, batch, people_weights="unit")
    factors = {name: (detr[name] / unit[name]).item() for name in (*PEOPLE, *VALUES)}
    assert factors == pytest.approx(
        dict.fromkeys((*PEOPLE, *VALUES), 1.0) | {"box": 5.0, "giou": 2.0}
    )
    assert terms_of(parser, batch, giou=False)["giou"].item() == 0


@pytest.mark.parametrize(
    "sizes",
    [
        [(64, 64, 3), (64, 64, 0), (64, 64, 1), (64, 64, 4)],
        [(64, 64, 0), (64, 64, 0), (64, 64, 1), (64, 64, 0)],  # fewer people than micro-batches
    ],
)
def test_micro_batches_with_the_counts_of_their_step_add_up_to_the_batch(parser, sizes):
    """Terms of people are means over the people of the step, not over those of a micro-batch."""
    batch = picture_batch(*sizes)
    whole, total = terms_of(parser, batch), counts_of(batch)
    half = Counts(total.matched / 2, total.divisor / 2)
    parts = [terms_of(parser, picture_batch(*sizes[k : k + 2], start=k), half) for k in (0, 2)]
    for name in whole:
        mean = sum(part[name].item() for part in parts) / 2
        assert mean == pytest.approx(whole[name].item(), rel=1e-4)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 4), st.integers(0, 2**31 - 1))
def test_the_padding_has_no_loss(people, seed):
    """Whatever the network says there."""
    parser = small_parser().eval()
    batch = parser.prepared(picture_batch((64, 40, people), (64, 96, 1)))
    counts = Counts(torch.tensor(1.0 + people), torch.tensor(1.0 + people))
    output = parser.network(batch["image"], batch["padding"])
    loss = hptr(**DETR)
    random = torch.Generator().manual_seed(seed)
    # Logits of stride 4 are interpolated, so that those next to the image matter.
    hidden = torch.zeros_like(next(iter(output.maps.values()))[:1, :1])
    hidden[..., 40 // 4 + 1 :] = 1
    expected = loss(output, batch | {"people": true_people(batch, counts)})
    for logits in output.maps.values():
        noise = 9 * torch.randn(logits[:1].shape, generator=random)
        logits.data[:1] = torch.where(hidden.bool(), noise, logits.data[:1])
    found = loss(output, batch | {"people": true_people(batch, counts)})
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), abs=1e-6)


def test_the_person_term_is_a_mean_over_queries_also_in_crowds(parser):
    """More people than queries are not matched, and do not count."""
    terms = terms_of(parser, picture_batch((64, 96, 20)))
    logits = parser.network(*padded(parser, (64, 96, 20))).people[-1, 0]
    expected = torch.nn.functional.cross_entropy(logits, torch.zeros(len(logits)).long())
    assert terms["person"].item() == pytest.approx(expected.item(), rel=1e-4)


def padded(parser, size):
    prepared = parser.prepared(picture_batch(size))
    return prepared["image"], prepared["padding"]
