"""Guided training: reference values, a slow reference, gradients, shards, and missing outputs."""

import numpy as np
import pytest
import torch

from clothseg import loss
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.labels import IGNORE
from clothseg.loss.class_weights import ClassPixels
from clothseg.loss.label_pooling import LabelPooling
from clothseg.loss.pyramid import ImagePyramid, SegmentationPyramid
from support.paths import SHARED
from support.slow_label_pooling import slow_label_pyramid, window_spans

CONFIGURATIONS = {
    "A": (1, 1, 1),
    "B": (1, 1, 0),
    "C": (1, 0, 1),
    "D": (1, 0, 0),
    "E": (0, 1, 1),
    "F": (0, 1, 0),
    "G": (0, 0, 1),
    "H": (0, 0, 0),
}
"""Alpha, beta and gamma of dang2020, Table V."""

ORIGINAL = SHARED / "oracles" / "metrics" / "dang_losses.npz"

CLASSES = 3


def guided(alpha=1.0, beta=1.0, gamma=1.0, segmentation="bce"):
    return loss.guided(None, alpha=alpha, beta=beta, gamma=gamma, segmentation=segmentation)


def batch_of(criterion, mask, photo):
    pixels = torch.bincount(mask.flatten(), minlength=256)
    return {"mask": mask, "photo": photo, "pixels": pixels, "counts": criterion.counts(mask)}


def outputs(random, batch, height, width):
    """Random output of a network at all scales, float64."""
    shapes = {"logits": (CLASSES, height, width)}
    for level in range(1, 5):
        scaled = (height >> level, width >> level)
        shapes |= {f"logits_{level}": (CLASSES, *scaled), f"image_{level}": (3, *scaled)}
    sizes = zip(window_spans(height), window_spans(width), strict=True)
    for level, (rows, columns) in enumerate(sizes, 1):
        shapes[f"presence_{level}"] = (CLASSES, len(rows), len(columns))
    return {
        name: torch.tensor(2 * random.normal(size=(batch, *shape)), requires_grad=True)
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def example():
    """Output, masks and photos of two images, of which the first has more ignored pixels."""
    random = np.random.default_rng(0)
    mask = np.kron(random.integers(0, CLASSES, (2, 14, 16)), np.ones((1, 16, 16), int))
    mask[0, :, 40:] = IGNORE
    mask[1, 30:200:17, ::11] = IGNORE
    photo = random.integers(0, 256, (2, 224, 256, 3), np.uint8)
    return outputs(random, 2, 224, 256), torch.tensor(mask), torch.tensor(photo)


def gradients(terms, output):
    """Gradient of the sum of terms with respect to every output."""
    names = list(output)
    found = torch.autograd.grad(sum(terms.values()), [output[name] for name in names])
    return dict(zip(names, found, strict=True))


# Reference values


def original(name):
    """Criteria's inputs and all values of one case of the original, see tests/answers/README.md."""
    if not ORIGINAL.is_file():
        pytest.skip("the outputs at all scales (../shared/oracles) are not on this machine")
    with np.load(ORIGINAL) as file:
        arrays = dict(file)
    names = {"logits": "l0"}
    names |= {f"logits_{level}": f"l{level}" for level in range(1, 5)}
    names |= {f"image_{level}": f"b{level}" for level in range(1, 5)}
    names |= {f"presence_{level}": f"d{level}" for level in range(1, 7)}
    output = {
        ours: torch.tensor(arrays[f"{theirs}_logits"].astype(np.float64))
        for ours, theirs in names.items()
    }
    prefixes = (f"{name}/expect/", "expect/")
    values = {
        key.removeprefix(prefix): value
        for key, value in arrays.items()
        for prefix in prefixes
        if key.startswith(prefix)
    }
    mask = torch.tensor(arrays[f"{name}/target"].astype(np.int64))
    return output, mask, torch.tensor(arrays["image_u8"]).permute(0, 2, 3, 1), values


@pytest.mark.parametrize("name", ["clean", "ignore"])
def test_total_equals_the_reference_for_every_configuration(name):
    output, mask, photo, values = original(name)
    for letter, weights in CONFIGURATIONS.items():
        criterion = guided(*weights)
        total = sum(criterion(output, batch_of(criterion, mask, photo)).values())
        assert total.item() == pytest.approx(values[f"loss_eq15_{letter}"], rel=1e-12), letter
        if letter == "A":
            assert total.item() == pytest.approx(values["loss_eq8"], rel=1e-12)


@pytest.mark.parametrize("name", ["clean", "ignore"])
def test_terms_and_levels_equal_the_reference(name):
    output, mask, photo, values = original(name)
    criteria = {
        "ce": loss.cross_entropy(None),
        "ipl": ImagePyramid(),
        "spl_bce": SegmentationPyramid("bce"),
        "spl_ce": SegmentationPyramid("ce"),
        "lpl": LabelPooling(4),
    }
    for key, criterion in criteria.items():
        batch = batch_of(criterion, mask, photo)
        (term,) = criterion(output, batch).values()
        assert term.item() == pytest.approx(values[key], rel=1e-12), key
        if key != "ce":
            levels = criterion.levels([output[head] for head in criterion.outputs], batch)
            assert np.array(levels) == pytest.approx(values[f"{key}_levels"], rel=1e-12), key


# Slow reference


def binary_cross_entropy(logits, target):
    return np.logaddexp(0, logits) - target * logits


def slow_image_pyramid(output, mask, photo):
    levels = []
    for level in range(1, 5):
        logits, block = output[f"image_{level}"], 2**level
        batch, _, height, width = logits.shape
        means = (photo / 255).reshape(batch, height, block, width, block, 3).mean((2, 4))
        levels.append(binary_cross_entropy(logits, means.transpose(0, 3, 1, 2)).mean())
    return np.mean(levels)


def slow_segmentation_pyramid(output, mask, binary):
    levels = []
    for level in range(1, 5):
        logits, target = output[f"logits_{level}"], mask[:, :: 2**level, :: 2**level]
        one_hot = np.moveaxis(np.eye(256)[target], -1, 1)[:, :CLASSES]
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        entropy = one_hot * np.log(p) + binary * (1 - one_hot) * np.log(1 - p)
        valid = target != IGNORE
        elements = valid.sum() * (CLASSES if binary else 1)
        levels.append(-entropy.sum(1)[valid].sum() / elements)
    return np.mean(levels)


def slow_label_pooling(output, mask):
    levels = []
    for level, (presence, valid) in enumerate(slow_label_pyramid(mask, CLASSES), 1):
        levels.append(binary_cross_entropy(output[f"presence_{level}"], presence)[valid].mean())
    return np.mean(levels)


@pytest.mark.parametrize("segmentation", ["bce", "ce"])
def test_terms_equal_a_slow_reference(example, segmentation):
    output, mask, photo = example
    criterion = guided(0.5, 2.0, 1.5, segmentation)
    terms = criterion(output, batch_of(criterion, mask, photo))
    arrays = {name: values.detach().numpy() for name, values in output.items()}
    cross_entropy = torch.nn.functional.cross_entropy(output["logits"], mask, ignore_index=IGNORE)
    image = slow_image_pyramid(arrays, mask.numpy(), photo.numpy())
    pyramid = slow_segmentation_pyramid(arrays, mask.numpy(), segmentation == "bce")
    pooling = slow_label_pooling(arrays, mask.numpy())
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {
            "cross_entropy": cross_entropy.item() / 5,
            "image_pyramid": 0.5 * image / 5,
            "segmentation_pyramid": 2 * pyramid / 5,
            "label_pooling": 1.5 * pooling / 5,
        },
        rel=1e-12,
    )
    assert {term.dtype for term in terms.values()} == {torch.float64}


# Gradients


@pytest.mark.parametrize("segmentation", ["bce", "ce"])
def test_gradient_equals_central_differences(example, segmentation):
    mask, photo = example[1][1:, :, :224], example[2][1:, :, :224]
    output = outputs(np.random.default_rng(0), 1, 224, 224)
    criterion = guided(0.5, 2.0, 1.5, segmentation)
    batch = batch_of(criterion, mask, photo)
    found = gradients(criterion(output, batch), output)
    random = np.random.default_rng(1)
    for name, gradient in found.items():
        direction = torch.tensor(random.normal(size=gradient.shape))
        totals = []
        for step in (1e-4, -1e-4):
            moved = output | {name: output[name].detach() + step * direction}
            totals.append(sum(criterion(moved, batch).values()).item())
        expected = (totals[0] - totals[1]) / 2e-4
        assert (gradient * direction).sum().item() == pytest.approx(expected, abs=1e-8), name


def test_gradient_of_label_pooling_is_zero_where_presence_is_unknown(example):
    output, mask, photo = example
    criterion = LabelPooling(CLASSES)
    presences = {name: output[name] for name in criterion.outputs}
    found = gradients(criterion(output, batch_of(criterion, mask, photo)), presences)
    for (presence, valid), (name, gradient) in zip(
        slow_label_pyramid(mask.numpy(), CLASSES), found.items(), strict=True
    ):
        error = presences[name].detach().sigmoid().numpy() - presence
        assert gradient.numpy() == pytest.approx(valid * error / valid.sum() / 6, abs=1e-15), name


@pytest.mark.parametrize("segmentation", ["bce", "ce"])
def test_loss_of_a_batch_is_the_average_over_its_shards(example, segmentation):
    """Each process or micro-batch has part of the images, and the average counts of all."""
    output, mask, photo = example
    criterion = guided(0.5, 2.0, 1.5, segmentation)
    batch = batch_of(criterion, mask, photo)
    terms = criterion(output, batch)
    shards = [slice(0, 1), slice(1, 2)]
    counted = [criterion.counts(mask[shard]) for shard in shards]
    assert counted[0] != counted[1]
    averages = {
        "pixels": batch["pixels"] / 2,
        "counts": {name: (n + counted[1][name]) / 2 for name, n in counted[0].items()},
    }
    divided = [
        criterion(
            {name: values[shard] for name, values in output.items()},
            {"mask": mask[shard], "photo": photo[shard], **averages},
        )
        for shard in shards
    ]
    average = {name: (divided[0][name] + divided[1][name]) / 2 for name in terms}
    for name, term in terms.items():
        assert average[name].item() == pytest.approx(term.item(), rel=1e-12), name
    expected = gradients(terms, output)
    for name, gradient in gradients(average, output).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-12, atol=0)


@pytest.mark.parametrize("segmentation", ["bce", "ce"])
def test_without_valid_pixels_only_the_image_is_learned(segmentation):
    output = outputs(np.random.default_rng(0), 1, 224, 224)
    mask = torch.full((1, 224, 224), IGNORE)
    photo = torch.randint(0, 256, (1, 224, 224, 3), dtype=torch.uint8)
    criterion = guided(segmentation=segmentation)
    terms = criterion(output, batch_of(criterion, mask, photo))
    assert terms.pop("image_pyramid") > 0.1
    assert set(terms) == {"cross_entropy", "segmentation_pyramid", "label_pooling"}
    labeled = {name: values for name, values in output.items() if not name.startswith("image")}
    assert not any(term.item() for term in terms.values())
    assert not any(gradient.any() for gradient in gradients(terms, labeled).values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("segmentation", ["bce", "ce"])
def test_half_precision_loss_is_finite_for_large_logits(example, dtype, segmentation):
    output, mask, photo = example
    large = {
        name: (100 * values.detach().sign()).to(dtype).requires_grad_()
        for name, values in output.items()
    }
    criterion = guided(segmentation=segmentation)
    with torch.autocast("cpu", torch.bfloat16):
        terms = criterion(large, batch_of(criterion, mask, photo))
    assert len(terms) == 4
    for name, term in terms.items():
        assert term.dtype == torch.float32, name
        assert torch.isfinite(term), name
    for name, gradient in gradients(terms, large).items():
        assert torch.isfinite(gradient).all(), name


# Selection of terms


@pytest.mark.parametrize("letter", CONFIGURATIONS)
def test_a_term_of_weight_zero_is_neither_computed_nor_counted(example, letter):
    output, mask, photo = example
    weights = CONFIGURATIONS[letter]
    names = ("image_pyramid", "segmentation_pyramid", "label_pooling")
    criterion = guided(*weights)
    batch = batch_of(criterion, mask, photo)
    chosen = {name for name, weight in zip(names, weights, strict=True) if weight}
    assert set(criterion(output, batch)) == {"cross_entropy"} | chosen
    assert len(batch["counts"]) == 4 * weights[1] + 12 * weights[2]


def test_terms_without_outputs_are_left_out(example):
    output, mask, photo = example
    criterion = guided()
    terms = criterion(output, batch_of(criterion, mask, photo))
    pixels = torch.bincount(mask.flatten(), minlength=256)
    evaluated = criterion({"logits": output["logits"]}, {"mask": mask, "pixels": pixels})
    assert evaluated == {"cross_entropy": terms["cross_entropy"]}


def test_counts_do_not_depend_on_whether_the_number_of_classes_is_known(example):
    _, mask, _ = example
    pixels = ClassPixels(np.ones(CLASSES), np.ones(CLASSES))
    known = loss.guided(pixels, alpha=1.0, beta=1.0, gamma=1.0, segmentation="bce")
    assert known.counts(mask) == guided().counts(mask)


def test_other_losses_count_nothing_further(example):
    _, mask, _ = example
    assert loss.ce_dice(None, smooth=0.0, squared=False).counts(mask) == {}


@pytest.mark.parametrize("weight", [-1, "inf"])
def test_weights_are_finite_and_at_least_zero(weight):
    with pytest.raises(ConfigError, match=r"loss\.alpha"):
        check_command(["loss=guided", f"loss.alpha={weight}"])
