"""Augmentations transform image and mask consistently and depend only on the seed."""

import cv2
import numpy as np
import pytest

from clothseg.augmentation.library import GaussianNoise
from clothseg.augmentation.steps import takes_own_aspect
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.shipped import options

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

SIZE = 48
OPTIONS = [option for option in options("augmentation") if option != "hptr"]
"""Augmentations of an image and its mask; that of pictures with people has tests of its own."""

LEFT, RIGHT = 14, 15
SWAPPED = np.arange(256, dtype=np.uint8)
SWAPPED[[LEFT, RIGHT]] = RIGHT, LEFT


def augmentation(option, *overrides, size=SIZE):
    (job,) = check_command([f"augmentation={option}", *overrides])
    return job.config.augmentation(size, SWAPPED)


@pytest.fixture
def sample():
    """Return an image whose red channel encodes the class of its mask."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    mask = ((rows > 10) & (columns > 20) & (rows + columns < 70)).astype(np.uint8) * 7
    image = np.stack([np.where(mask, 250, 100), rows * 2, columns * 2], -1).astype(np.uint8)
    return image, mask


@pytest.mark.parametrize("option", OPTIONS)
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


@pytest.mark.parametrize("option", OPTIONS)
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


@pytest.mark.parametrize("option", OPTIONS)
def test_augmented_images_need_not_be_square(option, sample):
    augment = augmentation(option, "data.image_size=[64,32]", size=(64, 32))
    image, mask = (
        np.ascontiguousarray(np.resize(part, (64, 32, *part.shape[2:]))) for part in sample
    )
    for seed in range(5):
        augmented, labels = augment(image, mask, seed)
        assert augmented.shape == (64, 32, 3)
        assert labels.shape == (64, 32)


@pytest.mark.parametrize("option", [o for o in OPTIONS if o != "none"])
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


def numbered(rows, columns):
    """Image and mask without a pixel of 0."""
    image = np.random.default_rng(0).integers(1, 256, (rows, columns, 3), np.uint8)
    return image, np.full((rows, columns), 7, np.uint8)


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (200, 20), (1, 1), (5, 300)])
def test_images_of_any_aspect_become_inputs_of_the_network(size):
    augment = augmentation("dang2020", size=(48, 32))
    image, mask = numbered(*size)
    for seed in range(10):
        augmented, labels = augment(image, mask, seed)
        assert augmented.shape == (48, 32, 3)
        assert labels.shape == (48, 32)
        assert set(np.unique(labels)) <= {0, 7}


@pytest.mark.parametrize("option", OPTIONS)
def test_only_some_augmentations_take_images_at_their_own_aspect(option):
    (job,) = check_command([f"augmentation={option}"])
    assert takes_own_aspect(job.config.augmentation.function) == (option == "dang2020")


def test_bars_may_be_ignored_and_images_resized_to_the_nearest_pixel():
    options = ["augmentation.expand_mask=ignore", "augmentation.interpolation=nearest"]
    augment = augmentation("dang2020", *options, "augmentation.noise=0")
    image, mask = numbered(60, 40)
    for seed in range(20):
        augmented, labels = augment(image, mask, seed)
        assert set(np.unique(labels)) <= {7, 255}
        assert not augmented[labels == 255].any()
        assert augmented[labels == 7].all()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("crop_area=[1.0,0.5]", r"must be two numbers, the smaller one first"),
        ("crop_area=[0.5]", r"at least 2 items"),
        ("crop_aspect=[0,1]", r"must be greater than 0"),
        ("expand_ratio=0.5", r"must be greater than or equal to 1"),
        ("expand_mask=black", r"must be 'background' or 'ignore'"),
        ("longest_side=8", r"must be greater than or equal to 32"),
    ],
)
def test_impossible_settings_are_rejected(override, message):
    with pytest.raises(ConfigError, match=rf"augmentation\.{override.split('=')[0]}.*{message}"):
        augmentation("dang2020", f"augmentation.{override}")
