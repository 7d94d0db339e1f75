"""Augmentations transform image and mask consistently and depend only on the seed."""

import cv2
import numpy as np
import pytest

from clothseg.augmentation.library import GaussianNoise
from clothseg.config.command_line import check_command
from clothseg.shipped import options

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

SIZE = 48
LEFT, RIGHT = 14, 15
SWAPPED = np.arange(256, dtype=np.uint8)
SWAPPED[[LEFT, RIGHT]] = RIGHT, LEFT


def augmentation(option, *overrides):
    (job,) = check_command([f"augmentation={option}", *overrides])
    return job.config.augmentation(SIZE, SWAPPED)


@pytest.fixture
def sample():
    """Return an image whose red channel encodes the class of its mask."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    mask = ((rows > 10) & (columns > 20) & (rows + columns < 70)).astype(np.uint8) * 7
    image = np.stack([np.where(mask, 250, 100), rows * 2, columns * 2], -1).astype(np.uint8)
    return image, mask


@pytest.mark.parametrize("option", options("augmentation"))
def test_equal_seeds_give_equal_results_in_any_order(option, sample):
    augment = augmentation(option)
    first = [augment(*sample, seed) for seed in range(20)]
    reverse = [augment(*sample, seed) for seed in reversed(range(20))][::-1]
    new_augment = augmentation(option)
    new = [new_augment(*sample, seed) for seed in range(20)]
    for one, two, three in zip(first, reverse, new, strict=True):
        assert all(
            np.array_equal(a, b) and np.array_equal(a, c)
            for a, b, c in zip(one, two, three, strict=True)
        )


@pytest.mark.parametrize("option", options("augmentation"))
def test_sizes_types_and_labels_are_preserved(option, sample):
    augment = augmentation(option)
    for seed in range(30):
        image, mask = augment(*sample, seed)
        assert image.shape == (SIZE, SIZE, 3)
        assert mask.shape == (SIZE, SIZE)
        assert image.dtype == mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 7}


@pytest.mark.parametrize("option", ["light", "inacio2019"])
def test_image_and_mask_are_transformed_together_and_differ_by_seed(option, sample):
    augment = augmentation(option, "augmentation.brightness=0.0")
    augmented = [augment(*sample, seed) for seed in range(20)]
    for image, mask in augmented:
        garment, background = image[..., 0][mask == 7], image[..., 0][mask == 0]
        if garment.size > 20:
            assert garment.mean() > 200 > 140 > background.mean()
    assert len({mask.tobytes() for _, mask in augmented}) > 10


@pytest.mark.parametrize("option", [o for o in options("augmentation") if o != "none"])
def test_left_and_right_labels_are_swapped_in_flipped_images(option):
    """In an image of a person's front the left arm is on the right, flipped or not."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[20:30, 30:38], mask[20:30, 10:18] = LEFT, RIGHT
    image[mask == LEFT] = 250
    augment = augmentation(option)
    is_bright = []
    for seed in range(40):
        augmented, labels = augment(image, mask, seed)
        left, right = np.nonzero(labels == LEFT), np.nonzero(labels == RIGHT)
        if left[0].size > 20 and right[0].size > 20:
            assert left[1].mean() > right[1].mean()
            is_bright.append(augmented[labels == LEFT].mean() > 125)
    assert 8 < sum(is_bright) < len(is_bright) - 8


def test_transforms_are_sampled_independently(sample, monkeypatch):
    """Flip, rotation, crop and brightness each apply to half of the images, but not the same."""
    augment = augmentation("inacio2019")
    kinds = ["Rotate", "RandomResizedCrop", "RandomBrightnessContrast"]
    applied = []

    def record(transform):
        apply = transform.apply_with_params

        def recorded(*arguments, **data):
            applied[-1].add(type(transform).__name__)
            return apply(*arguments, **data)

        monkeypatch.setattr(transform, "apply_with_params", recorded)

    for transform in augment.chain.transforms:
        record(transform)
    flipped = []
    monkeypatch.setattr(cv2, "flip", lambda array, _: flipped.append(len(applied)) or array)
    for seed in range(400):
        applied.append(set())
        augment(*sample, seed)
    rows = [[kind in names for kind in kinds] for names in applied]
    table = np.array([[number in flipped, *row] for number, row in enumerate(rows, start=1)])
    assert table.mean(0) == pytest.approx(0.5, abs=0.1)
    correlation = np.corrcoef(table.T)[np.triu_indices(len(kinds) + 1, 1)]
    assert np.abs(correlation).max() < 0.2


def test_none_returns_the_sample_unchanged(sample):
    image, mask = augmentation("none")(*sample, 3)
    assert np.array_equal(image, sample[0])
    assert np.array_equal(mask, sample[1])


def test_misspelled_argument_of_the_library_raises():
    from clothseg.augmentation.library import strict_library

    with strict_library() as library, pytest.raises(UserWarning, match="blur_limt"):
        library.Blur(blur_limt=3)


def test_noise_has_the_given_std_and_is_uncorrelated_between_images():
    noise = GaussianNoise(SIZE, (0.02, 0.02), probability=1)
    gray = np.full((SIZE, SIZE, 3), 128, np.uint8)
    noisy = [noise(gray, np.random.default_rng(seed)).astype(float) - 128 for seed in range(30)]
    assert np.mean([np.std(n) for n in noisy]) == pytest.approx(0.02 * 255, rel=0.02)
    assert np.mean(noisy) == pytest.approx(0, abs=0.05)
    correlation = np.corrcoef([n.ravel() for n in noisy])[np.triu_indices(30, 1)]
    assert np.abs(correlation).max() < 0.1
    between_channels = np.corrcoef(noisy[0][..., 0].ravel(), noisy[0][..., 1].ravel())[0, 1]
    assert abs(between_channels) < 0.1


def test_noise_has_the_given_probability_and_saturates():
    noise = GaussianNoise(SIZE, (0.05, 0.05), probability=0.2)
    white = np.full((SIZE, SIZE, 3), 255, np.uint8)
    noisy = [noise(white, np.random.default_rng(seed)) for seed in range(300)]
    assert np.mean([not np.array_equal(n, white) for n in noisy]) == pytest.approx(0.2, abs=0.07)
    assert min(n.min() for n in noisy) > 180  # nothing wraps around to black
