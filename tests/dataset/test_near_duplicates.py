"""Perceptual hashes and groups of near-duplicates."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from clothseg.dataset.near_duplicates import Appearance, find_near_duplicates
from clothseg.dataset.wardrobe.photo import draw_photo
from support.people_on_white import person_on_white

NEAR, COMPARED = 8, 16


def appearance(images):
    return Appearance.stack([Appearance.of(np.ascontiguousarray(image)) for image in images])


@pytest.fixture(scope="module")
def photos():
    return [draw_photo(5, index)[0] for index in range(6)]


def test_the_hash_is_the_sign_of_low_frequencies():
    image = np.random.default_rng(3).integers(0, 255, (64, 96, 3), np.uint8)
    for side, name in ((image, "hashes"), (image[:, ::-1], "mirrored_hashes")):
        gray = cv2.cvtColor(np.ascontiguousarray(side), cv2.COLOR_RGB2GRAY)
        small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(float)
        low = dctn(small, norm="ortho")[:8, :8].ravel()
        expected = int("".join("1" if value > np.median(low) else "0" for value in low), 2)
        assert int(getattr(Appearance.of(image), name)) == expected
        brighter = np.clip(image * 0.9 + 20, 0, 255).astype(np.uint8)
        assert (int(getattr(Appearance.of(brighter), name)) ^ expected).bit_count() <= 4


def correlation(first, second):
    """Largest normalized correlation over displacements of up to 3 pixels."""
    inside = second[3:-3, 3:-3]
    windows = [first[y : y + 26, x : x + 26] for y in range(7) for x in range(7)]
    return max((w * inside).sum() / np.sqrt((w**2).sum() * (inside**2).sum()) for w in windows)


def features(thumbnail):
    channels = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2YCrCb).astype(float)
    channels[..., 0] -= cv2.GaussianBlur(channels[..., 0], (0, 0), 2)
    channels[..., 1:] = 2 * (channels[..., 1:] - channels[..., 1:].mean((0, 1)))
    return cv2.GaussianBlur(channels, (0, 0), 1)


def exhaustive_representatives(images):
    """Representatives by comparing every image with all earlier ones, in plain Python."""
    hashes = [int(value) for value in images.hashes]
    flipped = [int(value) for value in images.mirrored_hashes]
    found = []
    for index, value in enumerate(hashes):
        candidates = sorted(
            ((value ^ known[other]).bit_count(), other, side)
            for other in dict.fromkeys(found)
            for side, known in enumerate((hashes, flipped))
            if (value ^ known[other]).bit_count() <= NEAR
        )
        own = features(images.thumbnails[index])
        found.append(index)
        for _, other, side in candidates[:COMPARED]:
            shown = own[:, ::-1] if side else own
            if correlation(features(images.thumbnails[other]), shown) >= 0.85:
                found[-1] = other
                break
    return found


def test_groups_equal_those_of_an_exhaustive_comparison(photos):
    people = [person_on_white(index) for index in range(60)]
    copies = [photo[:, ::-1] for photo in photos] + [person_on_white(3), people[5][:, ::-1]]
    images = appearance([*people, *photos, *copies])
    found = find_near_duplicates(images)
    assert found.representatives.tolist() == exhaustive_representatives(images)
    assert len(set(found.groups.tolist())) < len(images.hashes)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8), st.integers(0, 2**12))
def test_images_with_equal_pixels_are_grouped_by_their_hashes(values, difference):
    values += [value ^ difference for value in values]
    hashes = np.array(values, np.uint64)
    images = Appearance(hashes, ~hashes, np.zeros((len(values), 32, 32, 3), np.uint8))
    found = find_near_duplicates(images)
    for index, representative in enumerate(found.representatives.tolist()):
        bits = (values[index] ^ values[representative]).bit_count()
        flipped = (values[index] ^ ~values[representative] % 2**64).bit_count()
        assert found.distances[index] == (flipped if found.mirrored[index] else bits) <= NEAR
        assert found.representatives[representative] == representative
    apart = [values[index] for index in set(found.representatives.tolist())]
    assert all((a ^ b).bit_count() > NEAR for a in apart for b in apart if a != b)
    first = [found.groups.tolist().index(group) for group in range(found.groups.max() + 1)]
    assert first == sorted(first)


def single_linkage(hashes):
    """Groups of images that are connected by similar hashes."""
    near = np.bitwise_count(hashes[:, None] ^ hashes[None]) <= NEAR
    return connected_components(coo_array(near), directed=False)[1]


def test_different_people_cut_out_on_white_are_not_chained():
    images = appearance([person_on_white(index) for index in range(200)])
    assert np.bincount(single_linkage(images.hashes)).max() > 100
    sizes = np.bincount(find_near_duplicates(images).groups)
    assert sizes.max() <= 5
    assert np.count_nonzero(sizes > 1) <= 30


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image[:, ::-1],
        lambda image: cv2.imdecode(
            cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR
        ),
        lambda image: cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA),
        lambda image: np.clip(image.astype(int) + 40, 0, 255).astype(np.uint8),
        lambda image: (image * 0.6).astype(np.uint8),
        lambda image: cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
    ],
    ids=["mirrored", "JPEG quality 30", "quarter of the size", "brighter", "darker", "gray"],
)
def test_altered_copies_are_found(change, photos):
    found = find_near_duplicates(appearance([*photos, *(change(photo) for photo in photos)]))
    assert found.representatives.tolist() == [*range(6), *range(6)]


def test_blank_images_are_near_duplicates():
    blank = np.full((40, 30, 3), 255, np.uint8)
    assert find_near_duplicates(appearance([blank, blank])).groups.tolist() == [0, 0]


def test_more_people_in_the_same_pose_than_are_compared_do_not_hide_a_copy():
    images = appearance([*(person_on_white(index) for index in range(300)), person_on_white(150)])
    representatives = find_near_duplicates(images).representatives
    assert representatives[-1] == representatives[150]


@pytest.mark.slow(seconds=30)
def test_the_real_pairs_of_ccp_are_the_only_groups(ccp_root):
    paths = sorted((ccp_root / "photos").glob("*.jpg"))
    read = (cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths)
    found = find_near_duplicates(Appearance.stack([Appearance.of(image) for image in read]))
    pairs = {
        (paths[representative].stem, paths[index].stem)
        for index, representative in enumerate(found.representatives)
        if representative != index
    }
    assert pairs == {
        ("0183", "0730"),
        ("0197", "0671"),
        ("0223", "0616"),
        ("0594", "0722"),
        ("0692", "0732"),
    }
    assert not found.mirrored.any()
