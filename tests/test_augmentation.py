"""Augmentations keep image and mask together, and depend on nothing but their seed."""

import cv2
import numpy as np
import pytest

from clothseg.augmentation import GaussianNoise
from clothseg.build import call_target
from clothseg.config.command_line import check_command
from clothseg.shipped import options

SIZE = 48
LEFT, RIGHT = 14, 15
EXCHANGED = np.arange(256, dtype=np.uint8)
EXCHANGED[[LEFT, RIGHT]] = RIGHT, LEFT


def augmentation(option, *overrides):
    (job,) = check_command([f"augmentation={option}", *overrides])
    return call_target(job.config["augmentation"], SIZE, EXCHANGED)


@pytest.fixture
def sample():
    """An image whose red channel shows the class of its mask."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    mask = ((rows > 10) & (columns > 20) & (rows + columns < 70)).astype(np.uint8) * 7
    image = np.stack([np.where(mask, 250, 100), rows * 2, columns * 2], -1).astype(np.uint8)
    return image, mask


@pytest.mark.parametrize("option", options("augmentation"))
def test_equal_seeds_give_equal_results_in_any_order(option, sample):
    change = augmentation(option)
    first = [change(*sample, seed) for seed in range(20)]
    again = [change(*sample, seed) for seed in reversed(range(20))][::-1]
    another = augmentation(option)
    other = [another(*sample, seed) for seed in range(20)]
    for one, two, three in zip(first, again, other, strict=True):
        assert all(
            np.array_equal(a, b) and np.array_equal(a, c)
            for a, b, c in zip(one, two, three, strict=True)
        )


@pytest.mark.parametrize("option", options("augmentation"))
def test_sizes_types_and_labels_stay(option, sample):
    change = augmentation(option)
    for seed in range(30):
        image, mask = change(*sample, seed)
        assert image.shape == (SIZE, SIZE, 3)
        assert mask.shape == (SIZE, SIZE)
        assert image.dtype == mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 7}


@pytest.mark.parametrize("option", ["light", "inacio2019"])
def test_image_and_mask_move_together_and_seeds_differ(option, sample):
    change = augmentation(option, "augmentation.brightness=0.0")
    changed = [change(*sample, seed) for seed in range(20)]
    for image, mask in changed:
        garment, rest = image[..., 0][mask == 7], image[..., 0][mask == 0]
        if garment.size > 20:
            assert garment.mean() > 200 > 140 > rest.mean()
    assert len({mask.tobytes() for _, mask in changed}) > 10


@pytest.mark.parametrize("option", [o for o in options("augmentation") if o != "none"])
def test_a_mirrored_left_arm_is_a_right_arm(option):
    """A person seen from the front has the left arm at the right; mirrored ones too."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[20:30, 30:38], mask[20:30, 10:18] = LEFT, RIGHT
    image[mask == LEFT] = 250
    change = augmentation(option)
    colors = []
    for seed in range(40):
        changed, labels = change(image, mask, seed)
        left, right = np.nonzero(labels == LEFT), np.nonzero(labels == RIGHT)
        if left[0].size > 20 and right[0].size > 20:
            assert left[1].mean() > right[1].mean()
            colors.append(changed[labels == LEFT].mean() > 125)
    assert 8 < sum(colors) < len(colors) - 8


def test_changes_are_drawn_independently(sample, monkeypatch):
    """Mirror, rotation, crop and brightness touch half of the images each, not the same half."""
    change = augmentation("inacio2019")
    kinds = ["Rotate", "RandomResizedCrop", "RandomBrightnessContrast"]
    happened = []

    def note(transform):
        apply = transform.apply_with_params

        def noted(*arguments, **data):
            happened[-1].add(type(transform).__name__)
            return apply(*arguments, **data)

        monkeypatch.setattr(transform, "apply_with_params", noted)

    for transform in change.chain.transforms:
        note(transform)
    mirrored = []
    monkeypatch.setattr(cv2, "flip", lambda array, _: mirrored.append(len(happened)) or array)
    for seed in range(400):
        happened.append(set())
        change(*sample, seed)
    rows = [[kind in names for kind in kinds] for names in happened]
    table = np.array([[number in mirrored, *row] for number, row in enumerate(rows, start=1)])
    assert table.mean(0) == pytest.approx(0.5, abs=0.1)
    correlation = np.corrcoef(table.T)[np.triu_indices(len(kinds) + 1, 1)]
    assert np.abs(correlation).max() < 0.2


def test_none_changes_nothing(sample):
    image, mask = augmentation("none")(*sample, 3)
    assert np.array_equal(image, sample[0])
    assert np.array_equal(mask, sample[1])


def test_a_misspelled_argument_of_the_library_is_an_error():
    from clothseg.augmentation import _strict_library

    with _strict_library() as library, pytest.raises(UserWarning, match="blur_limt"):
        library.Blur(blur_limt=3)


def test_noise_has_its_deviation_and_another_pattern_every_time():
    noise = GaussianNoise(SIZE, (0.02, 0.02), share=1)
    grey = np.full((SIZE, SIZE, 3), 128, np.uint8)
    noisy = [noise(grey, np.random.default_rng(seed)).astype(float) - 128 for seed in range(30)]
    assert np.mean([np.std(n) for n in noisy]) == pytest.approx(0.02 * 255, rel=0.02)
    assert np.mean(noisy) == pytest.approx(0, abs=0.05)
    correlation = np.corrcoef([n.ravel() for n in noisy])[np.triu_indices(30, 1)]
    assert np.abs(correlation).max() < 0.1
    across = np.corrcoef(noisy[0][..., 0].ravel(), noisy[0][..., 1].ravel())[0, 1]
    assert abs(across) < 0.1


def test_noise_touches_its_share_and_stays_in_range():
    noise = GaussianNoise(SIZE, (0.05, 0.05), share=0.2)
    white = np.full((SIZE, SIZE, 3), 255, np.uint8)
    noisy = [noise(white, np.random.default_rng(seed)) for seed in range(300)]
    assert np.mean([not np.array_equal(n, white) for n in noisy]) == pytest.approx(0.2, abs=0.07)
    assert min(n.min() for n in noisy) > 180  # nothing wraps around to black
