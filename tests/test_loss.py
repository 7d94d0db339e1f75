"""Losses: reference values and gradients, closed forms, and documented properties."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clothseg import loss
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.geometry import Frame
from clothseg.labels import IGNORE
from clothseg.loss.class_weights import ClassPixels, class_weights, raw_weights
from clothseg.loss.combined import DeepSupervision
from support.answers import class_weight_answers, loss_cases

NONE = None  # losses without class weights do not use class frequencies

LOSSES = {
    "ce": lambda _: loss.cross_entropy(NONE),
    "wce_weighted_mean": lambda w: weighted(w, "weighted"),
    "wce_pixel_mean": lambda w: weighted(w, "pixels"),
    "gdl_square_max": lambda _: generalized("square", "max"),
    "gdl_square_zero": lambda _: generalized("square", "zero"),
    "gdl_simple_max": lambda _: generalized("simple", "max"),
    "gdl_uniform": lambda _: generalized("uniform", "max"),
    "focal_g0": lambda _: focal(0.0),
    "focal_g1.5": lambda _: focal(1.5),
    "focal_g2": lambda _: focal(2.0),
    "focal_g2_alpha": lambda w: focal(2.0, weights=w),
    "dice": lambda _: loss.dice(NONE, smooth=0.0, squared=False),
    "dice_smooth1": lambda _: loss.dice(NONE, smooth=1.0, squared=False),
    "dice_squared": lambda _: loss.dice(NONE, smooth=0.0, squared=True),
    "dice_focal": lambda _: loss.dice_focal(NONE, gamma=2.0, smooth=0.0, squared=False),
    "dice_ce": lambda _: loss.ce_dice(NONE, smooth=0.0, squared=False),
}
"""Losses by name in the reference values, as functions of the class weights of the case."""

some_pixels = ClassPixels(np.array([3.0, 1.0]), np.array([4.0, 4.0]))


def weighted(weights, mean):
    return loss.weighted_cross_entropy(
        some_pixels, weights=list(weights), max_weight=None, mean=mean
    )


def generalized(weight, absent):
    return loss.generalized_dice(NONE, weight=weight, absent=absent)


def focal(gamma, weights=None):
    weights = None if weights is None else list(weights)
    return loss.focal(some_pixels, gamma=gamma, weights=weights, max_weight=None)


def batch_of(mask):
    return {"mask": mask, "pixels": torch.bincount(mask.flatten(), minlength=256)}


def value_and_gradient(criterion, logits, target):
    z = torch.tensor(np.asarray(logits, np.float64), requires_grad=True)
    batch = batch_of(torch.tensor(np.asarray(target).astype(np.int64)))
    total = sum(criterion({"logits": z}, batch).values())
    total.backward()
    return total.item(), z.grad.numpy()


@pytest.fixture(scope="module")
def cases():
    return loss_cases()


@pytest.mark.parametrize("name", LOSSES)
def test_loss_equals_the_reference_values(cases, name):
    assert len(cases) == 8
    for label, case in cases.items():
        criterion = LOSSES[name](case.weights)
        value, gradient = value_and_gradient(criterion, case.logits, case.target)
        assert value == pytest.approx(case.values[name], rel=1e-6, abs=1e-9), label
        assert np.isfinite(gradient).all(), label


@pytest.mark.parametrize("label", ["tiny_grad", "large_logits"])
def test_gradient_equals_the_reference(cases, label):
    case = cases[label]
    assert len(case.gradients) == 5
    for name in case.gradients.keys() & LOSSES:
        expected = case.gradients[name]
        criterion = LOSSES[name](case.weights)
        _, gradient = value_and_gradient(criterion, case.logits, case.target)
        assert gradient == pytest.approx(expected, abs=1e-5), name


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_equals_finite_differences(name):
    random = np.random.default_rng(1)
    weights = [0.5, 1.0, 2.0, 0.0]
    mask = torch.tensor(random.integers(0, 4, (2, 3, 3)))
    mask[0, 0] = IGNORE
    criterion = LOSSES[name](weights)

    def total(z):
        return sum(criterion({"logits": z}, batch_of(mask)).values())

    logits = torch.tensor(random.normal(size=(2, 4, 3, 3)), requires_grad=True)
    # Class weights are stored in single precision, like the parameters of a network.
    assert torch.autograd.gradcheck(total, logits, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_ignored_pixels_have_no_effect(name):
    random = np.random.default_rng(0)
    logits, target = random.normal(size=(2, 5, 6, 7)), random.integers(0, 5, (2, 6, 7))
    target[0, :3] = IGNORE
    criterion = LOSSES[name]([1.0, 2.0, 3.0, 4.0, 5.0])
    value, gradient = value_and_gradient(criterion, logits, target)
    logits[0, :, :3] = 50 * random.normal(size=(5, 3, 7))
    assert value_and_gradient(criterion, logits, target)[0] == pytest.approx(value, rel=1e-12)
    assert not gradient[0, :, :3].any()


@pytest.mark.parametrize("name", LOSSES)
def test_loss_without_valid_pixels_is_zero_and_differentiable(name):
    criterion = LOSSES[name]([1.0, 2.0, 3.0])
    value, gradient = value_and_gradient(
        criterion, np.ones((1, 3, 2, 2)), np.full((1, 2, 2), IGNORE)
    )
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_loss_is_finite_for_large_logits(name, dtype):
    values = torch.tensor(np.random.default_rng(0).choice([-100.0, 100.0], (2, 3, 8, 8)))
    logits = values.to(dtype).requires_grad_()
    mask = torch.randint(0, 3, (2, 8, 8))
    with torch.autocast("cpu", torch.bfloat16):
        terms = LOSSES[name]([1.0, 2.0, 3.0])({"logits": logits}, batch_of(mask))
        total = sum(terms.values())
    total.backward()
    assert total.dtype == torch.float32
    assert torch.isfinite(total)
    assert torch.isfinite(logits.grad).all()


@given(st.integers(0, 2**31), st.sampled_from(["ce", "focal_g2", "dice", "gdl_square_max"]))
def test_loss_is_invariant_to_the_order_of_classes(seed, name):
    random = np.random.default_rng(seed)
    logits, target = random.normal(size=(1, 4, 3, 3)), random.integers(0, 4, (1, 3, 3))
    order = random.permutation(4)
    permuted_target = np.argsort(order)[target]  # class order[k] becomes class k
    criterion = LOSSES[name](None)
    value, gradient = value_and_gradient(criterion, logits, target)
    permuted_value, permuted_gradient = value_and_gradient(
        criterion, logits[:, order], permuted_target
    )
    assert permuted_value == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert permuted_gradient == pytest.approx(gradient[:, order], abs=1e-9)


@pytest.mark.parametrize("name", ["ce", "wce_weighted_mean", "wce_pixel_mean", "focal_g2_alpha"])
def test_loss_of_a_batch_is_the_average_over_its_micro_batches(name):
    """Each process or micro-batch has part of the pixels, and the average pixel count of all."""
    random = np.random.default_rng(3)
    logits = torch.tensor(random.normal(size=(4, 3, 5, 5)))
    mask = torch.tensor(random.integers(0, 3, (4, 5, 5)))
    mask[0] = IGNORE
    criterion = LOSSES[name]([0.2, 1.0, 5.0])
    batch = batch_of(mask)
    expected = sum(criterion({"logits": logits}, batch).values())
    average = batch["pixels"] / 2
    values = [
        sum(criterion({"logits": z}, {"mask": m, "pixels": average}).values())
        for z, m in zip(logits.split(2), mask.split(2), strict=True)
    ]
    assert sum(values) / 2 == pytest.approx(expected.item(), rel=1e-6)


def peak_memory(criterion, classes, size):
    """Measure the peak memory of forward and backward in bytes, in addition to logits and mask."""
    logits = torch.randn(1, classes, size, size, requires_grad=True)
    batch = batch_of(torch.randint(0, classes, (1, size, size)))
    with torch.profiler.profile(profile_memory=True, record_shapes=False) as profile:
        sum(criterion({"logits": logits}, batch).values()).backward()
    changes = [
        event.nbytes() if callable(event.nbytes) else event.nbytes
        for event in profile.profiler.kineto_results.events()
        if event.name() == "[memory]"
    ]
    return max(np.cumsum(changes))


@pytest.mark.parametrize("name", LOSSES)
def test_memory_is_close_to_that_of_plain_cross_entropy(name):
    """For 47 classes at 320 px, at most 1.3 times as much for a single loss, 1.8 for a sum."""
    plain = peak_memory(torch_cross_entropy, 47, 320)
    factor = 1.8 if name in ("dice_focal", "dice_ce") else 1.3
    assert peak_memory(LOSSES[name]([1.0] * 47), 47, 320) <= factor * plain


def torch_cross_entropy(output, batch):
    return {"plain": torch.nn.functional.cross_entropy(output["logits"], batch["mask"])}


def test_class_weights_equal_the_reference():
    *pixels, expected = class_weight_answers()
    for scheme in ("paper", "inverse", "sqrt_inverse", "median", "enet", "effective"):
        weights = raw_weights(ClassPixels(*pixels), scheme)
        assert weights == pytest.approx(expected[scheme], rel=1e-6), scheme


def test_class_weights_are_clipped_and_have_mean_one_over_the_classes_that_occur():
    pixels = ClassPixels(np.array([900.0, 99.0, 1.0, 0.0]), np.full(4, 1000.0))
    # (N - n) / n is 1/9, 91/9 and 999; the last is clipped to 100.
    raw = np.array([100 / 900, 901 / 99, 100.0, 0])
    assert class_weights(pixels, "paper", 100) == pytest.approx(raw / raw[:3].mean())
    assert class_weights(pixels, [1.0, 2.0, 3.0, 4.0], 2).tolist() == [1, 2, 3, 4]


def test_weights_that_are_all_zero_raise():
    with pytest.raises(ConfigError, match="all weights are 0; at least one"):
        check_command(["loss=weighted_cross_entropy", f"loss.weights={[0] * 15}".replace(" ", "")])


def test_single_class_has_weight_one():
    pixels = ClassPixels(np.array([9.0, 0.0]), np.array([9.0, 0.0]))
    for scheme in ("paper", "inverse", "median", "enet", "effective"):
        assert class_weights(pixels, scheme, None).tolist() == [1, 0]


def test_sum_over_a_million_equal_pixels_is_exact():
    """Sequential summation in single precision would not be."""
    logits = torch.zeros(1, 2, 1000, 1000)
    mask = torch.zeros(1, 1000, 1000, dtype=torch.int64)
    value = sum(
        loss.dice(NONE, smooth=0.0, squared=False)({"logits": logits}, batch_of(mask)).values()
    )
    assert value.item() == pytest.approx(1 - 2 * 0.5 / 1.5, rel=1e-5)


class FakeCensus:
    """Names, pixel counts and image sizes of a census."""

    names = ("a", "b", "c")
    pixels = np.array([[50, 50, 0], [1, 0, 3], [0, 0, 1000]])
    sizes = np.array([[10, 10], [10, 5], [1, 1]])


class FakeSplit:
    """Training part of a split."""

    train = ("a", "b")


def test_class_frequencies_weight_training_images_equally_and_exclude_others():
    pixels = ClassPixels.of_training(FakeCensus, FakeSplit, Frame.of(10))
    assert pixels.counts.tolist() == [50 + 25, 50, 75]
    assert pixels.of_images.tolist() == [200, 100, 100]


def test_class_frequencies_do_not_count_the_padding_of_a_letterbox():
    pixels = ClassPixels.of_training(FakeCensus, FakeSplit, Frame(10, 10, "letterbox"))
    assert pixels.counts.tolist() == [50 + 12.5, 50, 37.5]  # the second image fills half of it
    assert pixels.of_images.tolist() == [150, 100, 50]


def test_auxiliary_outputs_add_weighted_terms():
    random = torch.Generator().manual_seed(0)
    main, auxiliary = torch.randn(2, 1, 3, 4, 4, generator=random)
    batch = batch_of(torch.randint(0, 3, (1, 4, 4), generator=random))
    criterion = loss.ce_dice(NONE, smooth=0.0, squared=False)
    main_terms = criterion({"logits": main}, batch)
    auxiliary_terms = criterion({"logits": auxiliary}, batch)
    output = {"logits": main, "stage": auxiliary}
    supervised = DeepSupervision(criterion, {"stage": 0.4, "logits": 1.0})
    terms = supervised(output, batch)
    assert terms == main_terms | {f"stage/{k}": 0.4 * term for k, term in auxiliary_terms.items()}
    # In evaluation mode a network has no auxiliary outputs.
    assert supervised({"logits": main}, batch) == main_terms
