"""Censuses and pixels: correct content, built once, rebuilt if damaged, no partial leftovers."""

import multiprocessing
import os
import resource
from dataclasses import fields, replace
from typing import get_args

import cv2
import numpy as np
import pytest

from clothseg.cache import (
    Census,
    open_cache,
    open_census,
    open_own_aspect,
    open_pixels,
    read_census,
)
from clothseg.cache.pixels import pixel_store
from clothseg.dataset import ccp
from clothseg.dataset.near_duplicates import Appearance
from clothseg.dataset.reader import Reader
from clothseg.error import DataError
from clothseg.geometry import Fit, Frame, OwnAspect
from support.answers import ccp_statistics
from support.shipped_config import CCP_NAMES, label_space
from support.small_datasets import write_mask

NUMBERS = ("pixels", "instances", "areas", "annotated", "sizes", "hashes")
LABELS = label_space("refined15")


def reader_of(root):
    return ccp(root=str(root), names=CCP_NAMES)


def cache_of(root, folder, labels="refined15", size=32, fit="squeeze"):
    return open_cache(reader_of(root), label_space(labels), Frame.of(size, fit), folder)


def folders(root, kind=""):
    return sorted(path for path in root.glob(f"{kind}*") if path.is_dir())


def test_rows_are_the_decoded_relabeled_and_resized_samples(small_ccp, tmp_path):
    cache, reader = cache_of(small_ccp, tmp_path / "cache"), reader_of(small_ccp)
    table = LABELS.lookup_table(CCP_NAMES)
    assert cache.names == ["0001", "0002", "0003"]
    for row, sample in enumerate(reader.samples()):
        image, source = reader.read(sample)
        mask = table[source]
        small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
        assert np.array_equal(cache.images[row], small)
        assert np.array_equal(cache.image(row), small)
        nearest = cv2.resize(mask, (32, 32), interpolation=cv2.INTER_NEAREST_EXACT)
        assert np.array_equal(cache.masks[row], nearest)
        assert cache.pixels[row].tolist() == [int((mask == k).sum()) for k in range(15)]
        assert cache.sizes[row].tolist() == [40, 30]
        seen = Appearance.of(image)
        assert cache.hashes[row] == seen.hashes
        assert cache.mirrored_hashes[row] == seen.mirrored_hashes
        assert np.array_equal(cache.thumbnails[row], seen.thumbnails)


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["refined15", "ccp59", "body4"])
def test_real_counts_equal_the_independent_statistics(ccp_root, tmp_path, labels):
    expected = ccp_statistics()["classes"][labels]
    census = open_census(reader_of(ccp_root), label_space(labels), tmp_path)
    assert census.pixels.sum(0).tolist() == [row["pixels"] for row in expected]
    assert census.presence.sum(0).tolist() == [row["images"] for row in expected]


def test_objects_are_counted_if_the_dataset_has_them(small_ccp, tmp_path):
    reader = reader_of(small_ccp)
    reader.objects = lambda sample: [(2, 10), (2, 7), (33, 5), (14, 1)]  # two bags, purse, dress
    census = open_census(reader, LABELS, tmp_path)
    assert census.instances[0].tolist() == [0, 3, 0, 1, *[0] * 11]
    assert census.areas[0].tolist() == [0, 22, 0, 1, *[0] * 11]
    assert census.annotated.all()
    plain = cache_of(small_ccp, tmp_path / "plain")
    assert np.array_equal(plain.instances, plain.presence)
    assert np.array_equal(plain.areas, plain.pixels)
    assert not plain.annotated.any()


def test_both_are_decoded_in_one_pass_and_only_once(small_ccp, tmp_path, reads):
    first = cache_of(small_ccp, tmp_path / "cache")
    assert sorted(reads) == first.names
    second = cache_of(small_ccp, tmp_path / "cache")
    assert len(reads) == 3
    assert np.array_equal(first.images, second.images)
    for name in NUMBERS:
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_several_sizes_are_decoded_in_one_pass(small_ccp, tmp_path, reads):
    frames = [Frame.of(size) for size in (40, 32, 40)]
    open_census(reader_of(small_ccp), LABELS, tmp_path / "cache", frames)
    for size in (32, 40):
        assert cache_of(small_ccp, tmp_path / "cache", size=size).images.shape[1] == size
    assert len(reads) == 3


@pytest.mark.parametrize("size", [40, [48, 32]])
@pytest.mark.parametrize("fit", ["squeeze", "letterbox", "crop"])
def test_rows_are_placed_in_the_frame_and_masks_with_them(small_ccp, tmp_path, size, fit):
    cache = cache_of(small_ccp, tmp_path / "cache", size=size, fit=fit)
    reader = reader_of(small_ccp)
    frame, table = Frame.of(size, fit), LABELS.lookup_table(CCP_NAMES)
    assert cache.images.shape == (3, *frame.size, 3)
    for row, sample in enumerate(reader.samples()):
        image, source = reader.read(sample)
        placement = frame.placement(40, 30)
        assert cache.placement(row) == placement
        assert np.array_equal(cache.image(row), placement.image(image))
        assert np.array_equal(cache.mask(row), placement.mask(table[source]))
        padding = frame.height * frame.width - np.prod(placement.target.size)
        assert (cache.mask(row) == 255).sum() == padding


def test_each_fit_has_a_folder_of_its_own_and_squeezed_squares_that_of_earlier_versions(tmp_path):
    frames = [Frame.of(size, fit) for fit in get_args(Fit) for size in (32, [32, 48], [48, 32])]
    frames += [Frame.of([32, 32]), Frame.of(40)]
    stores = [pixel_store(tmp_path / "census-0123456789abcdef0123", 3, frame) for frame in frames]
    names = [store.arrays.path.name for store in stores]
    assert len(set(names)) == len(frames) - 1
    assert names[0] == names[-2]
    earlier = Frame.of(32, mask_pixel="corner")
    whole = pixel_store(tmp_path / "census-0123456789abcdef0123", 3, earlier)
    assert whole.arrays.path.name == "pixels-bc279d10f73f60510f89"
    assert whole.arrays.path.name not in names
    some = pixel_store(tmp_path / "census-0123456789abcdef0123", 2, earlier, ["a", "b"])
    assert some.arrays.path.name == "pixels-232426636ab4109f4377"


def images_at_their_own_aspect(root, folder, form, names=None):
    census = open_census(reader_of(root), LABELS, folder)
    return open_own_aspect(census, reader_of(root), LABELS, form, names)


@pytest.mark.parametrize(
    ("longest_side", "size"), [(None, (40, 30)), (40, (40, 30)), (20, (20, 15))]
)
def test_images_are_stored_at_their_own_aspect(small_ccp, tmp_path, longest_side, size):
    cv2.imwrite(str(small_ccp / "photos" / "0002.jpg"), np.full((16, 36, 3), 200, np.uint8))
    write_mask(small_ccp, 2, np.full((16, 36), 19, np.uint8))
    form, reader = OwnAspect(longest_side), reader_of(small_ccp)
    images = images_at_their_own_aspect(small_ccp, tmp_path / "cache", form)
    table = LABELS.lookup_table(CCP_NAMES)
    sizes = [images.mask(index).shape for index in range(3)]
    assert sizes == [size, (9, 20) if longest_side == 20 else (16, 36), size]
    for index, sample in enumerate(reader.samples()):
        image, source = reader.read(sample)
        placement = form.placement(*source.shape)
        assert np.array_equal(images.image(index), placement.image(image))
        assert np.array_equal(images.mask(index), placement.mask(table[source]))
        if longest_side != 20:
            assert np.array_equal(images.image(index), image)
            assert np.array_equal(images.mask(index), table[source])


def test_some_images_at_their_own_aspect_are_those_of_all(small_ccp, tmp_path, reads):
    form = OwnAspect(None)
    some = images_at_their_own_aspect(small_ccp, tmp_path / "cache", form, ["0003", "0001"])
    assert sorted(reads) == ["0001", "0001", "0002", "0003", "0003"]
    everything = images_at_their_own_aspect(small_ccp, tmp_path / "cache", form)
    for index in (0, 2):
        assert np.array_equal(some.image(index), everything.image(index))
        assert np.array_equal(some.mask(index), everything.mask(index))
    with pytest.raises(KeyError, match="0002 is not among the decoded images"):
        some.mask(1)


def test_all_forms_are_decoded_in_one_pass(small_ccp, tmp_path, reads):
    forms = [Frame.of(32), OwnAspect(None), OwnAspect(20), Frame.of([48, 32], "crop")]
    census = open_census(reader_of(small_ccp), LABELS, tmp_path / "cache", forms)
    for form in forms:
        opened = open_pixels if isinstance(form, Frame) else open_own_aspect
        opened(census, reader_of(small_ccp), LABELS, form)
    assert len(reads) == 3


def test_damaged_images_at_their_own_aspect_are_rebuilt(small_ccp, tmp_path):
    first = images_at_their_own_aspect(small_ccp, tmp_path / "cache", OwnAspect(None))
    expected = np.array(first.image(2))
    (folder,) = folders(tmp_path / "cache", "pixels")
    for file in sorted(folder.iterdir()):
        os.truncate(file, file.stat().st_size - 1)
        again = images_at_their_own_aspect(small_ccp, tmp_path / "cache", OwnAspect(None))
        assert np.array_equal(again.image(2), expected)


def test_another_size_keeps_the_census(small_ccp, tmp_path, reads):
    small = cache_of(small_ccp, tmp_path / "cache")
    hashed = (small.folder / "hashes.npy").stat().st_mtime_ns
    large = cache_of(small_ccp, tmp_path / "cache", size=40)
    assert large.folder == small.folder
    assert (small.folder / "hashes.npy").stat().st_mtime_ns == hashed
    assert large.images.shape == (3, 40, 40, 3)
    assert len(reads) == 6
    open_census(reader_of(small_ccp), LABELS, tmp_path / "cache")
    assert len(reads) == 6


def test_a_census_alone_has_no_pixels(small_ccp, tmp_path):
    open_census(reader_of(small_ccp), LABELS, tmp_path / "cache")
    assert not folders(tmp_path / "cache", "pixels")


def test_pixels_of_some_samples_are_those_of_all(small_ccp, tmp_path, reads):
    reader, root = reader_of(small_ccp), tmp_path / "cache"
    census = open_census(reader, LABELS, root)
    some = open_pixels(census, reader, LABELS, Frame.of(32), {"0003", "0001"})
    assert sorted(reads) == ["0001", "0001", "0002", "0003", "0003"]
    assert some.images.shape[0] == 2
    everything = open_pixels(census, reader, LABELS, Frame.of(32))
    for index in (0, 2):
        assert np.array_equal(some.image(index), everything.images[index])
        assert np.array_equal(some.mask(index), everything.masks[index])
    with pytest.raises(KeyError, match="0002 is not among the decoded images"):
        some.image(1)
    del reads[:]
    again = open_pixels(census, reader, LABELS, Frame.of(32), ["0002"])  # from those of all
    assert np.array_equal(again.mask(1), everything.masks[1])
    assert not reads


def test_a_census_folder_is_opened_without_the_dataset(small_ccp, tmp_path, monkeypatch):
    reader = reader_of(small_ccp.relative_to(tmp_path))
    monkeypatch.chdir(tmp_path)
    census = open_census(reader, LABELS, tmp_path / "cache")
    monkeypatch.chdir("/")
    small_ccp.rename(tmp_path / "moved")
    read = read_census(census.folder)
    assert read.names == census.names
    assert [sample.image for sample in read.samples] == [
        small_ccp / "photos" / f"000{number}.jpg" for number in (1, 2, 3)
    ]
    for field in fields(Census):
        if field.name != "samples":
            assert np.array_equal(getattr(read, field.name), getattr(census, field.name))


def test_samples_warnings_and_skipped_samples_are_kept(small_ccp, tmp_path):
    reader = reader_of(small_ccp)
    census = open_census(reader, LABELS, tmp_path)
    assert read_census(census.folder).warnings == []
    reader.warnings = lambda: ["an image has no label"]  # though no listed file has changed
    open_census(reader, LABELS, tmp_path)
    assert read_census(census.folder).warnings == ["an image has no label"]
    assert read_census(census.folder).samples == reader.samples()


@pytest.mark.parametrize("damage", ["folder", "samples.json", "areas.npy", "truncated", "text"])
def test_a_damaged_census_is_not_read_but_rebuilt(small_ccp, tmp_path, damage):
    census = open_census(reader_of(small_ccp), LABELS, tmp_path)
    expected = np.array(census.areas)
    if damage == "folder":
        census.folder.rename(tmp_path / "gone")
    elif damage == "truncated":
        os.truncate(census.folder / "hashes.npy", 130)
    elif damage == "text":
        (census.folder / "samples.json").write_text("[]")
    else:
        (census.folder / damage).unlink()
    with pytest.raises(DataError, match="repeat the command"):
        read_census(census.folder)
    assert np.array_equal(open_census(reader_of(small_ccp), LABELS, tmp_path).areas, expected)
    assert np.array_equal(read_census(census.folder).areas, expected)


@pytest.mark.parametrize("change", ["labels", "mask", "image added", "names"])
def test_changed_sources_yield_another_census(small_ccp, tmp_path, change):
    before = open_census(reader_of(small_ccp), LABELS, tmp_path / "cache")
    if change == "mask":
        write_mask(small_ccp, 1, np.full((40, 30), 19, np.uint8))
    if change == "image added":
        write_mask(small_ccp, 4, np.zeros((40, 30), np.uint8))
    labels = label_space("body4" if change == "labels" else "refined15")
    if change == "names":
        gathers = {"renamed": labels.gathers[labels.names[0]], **labels.gathers}
        del gathers[labels.names[0]]
        labels = replace(labels, names=["renamed", *labels.names[1:]], gathers=gathers)
    after = open_census(reader_of(small_ccp), labels, tmp_path / "cache")
    assert after.folder != before.folder
    assert list(after.class_names) == list(labels.names)


@pytest.mark.parametrize("damage", ["truncated", "missing", "no manifest"])
def test_damaged_pixels_are_rebuilt(small_ccp, tmp_path, damage):
    expected = np.array(cache_of(small_ccp, tmp_path / "cache").images)
    (folder,) = folders(tmp_path / "cache", "pixels")
    if damage == "truncated":
        os.truncate(folder / "images.npy", 1000)
    else:
        (folder / {"missing": "masks.npy", "no manifest": "manifest.json"}[damage]).unlink()
    assert np.array_equal(cache_of(small_ccp, tmp_path / "cache").images, expected)


def test_a_folder_of_an_earlier_version_is_ignored(small_ccp, tmp_path):
    old = tmp_path / "cache" / "0123456789abcdef0123"
    old.mkdir(parents=True)
    (old / "manifest.json").write_text("{}")
    cache_of(small_ccp, tmp_path / "cache")
    assert [path.name for path in old.iterdir()] == ["manifest.json"]


def test_a_defective_sample_leaves_no_partial_cache(small_ccp, tmp_path):
    (small_ccp / "photos" / "0003.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"0003\.jpg"):
        cache_of(small_ccp, tmp_path / "cache")
    assert not folders(tmp_path / "cache")


@pytest.mark.parametrize("interruption", ["between rows", "within a row", "before the header"])
def test_an_interrupted_pass_resumes(small_ccp, tmp_path, monkeypatch, interruption):
    expected = cache_of(small_ccp, tmp_path / "undisturbed")
    read, names = Reader.read, []

    def interrupt_at_the_last(reader, sample):
        if sample.name == "0003":
            raise KeyboardInterrupt
        return read(reader, sample)

    monkeypatch.setattr(Reader, "read", interrupt_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        cache_of(small_ccp, tmp_path / "cache")
    census, pixels = folders(tmp_path / "cache")
    assert (census.suffix, pixels.suffix) == (".building", ".building")
    if interruption == "within a row":
        os.truncate(pixels / "masks.npy", (pixels / "masks.npy").stat().st_size - 5)
    if interruption == "before the header":
        os.truncate(census / "hashes.npy", 3)

    def record(reader, sample):
        names.append(sample.name)
        return read(reader, sample)

    monkeypatch.setattr(Reader, "read", record)
    cache = cache_of(small_ccp, tmp_path / "cache")
    remaining = {"between rows": 1, "within a row": 2, "before the header": 3}[interruption]
    assert sorted(names) == ["0001", "0002", "0003"][-remaining:]
    for name in (*NUMBERS, "images", "masks"):
        assert np.array_equal(getattr(cache, name), getattr(expected, name))


def _cache_with_little_space(root, folder, queue):
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    try:
        cache_of(root, folder)
    except DataError as error:
        queue.put(str(error))


def test_a_full_disk_is_reported_and_leaves_nothing(small_ccp, tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    arguments = (small_ccp, tmp_path / "cache", queue)
    process = context.Process(target=_cache_with_little_space, args=arguments)
    process.start()
    message = queue.get(timeout=60)
    process.join()
    assert "no space left while caching" in message
    assert "data.cache=<folder>" in message
    assert not folders(tmp_path / "cache")


def _open_and_sum(root, folder, size, queue):
    cache = cache_of(root, folder, size=size)
    queue.put((size, int(cache.images.sum(dtype=np.int64)), int(cache.areas.sum())))


def test_concurrent_processes_get_the_same_arrays(small_ccp, tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [
        context.Process(target=_open_and_sum, args=(small_ccp, tmp_path / "cache", size, queue))
        for size in (32, 32, 40)
    ]
    for process in processes:
        process.start()
    sums = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    expected = [(s, cache_of(small_ccp, tmp_path / "cache", size=s)) for s in (32, 40)]
    assert sums == {
        (size, int(cache.images.sum(dtype=np.int64)), int(cache.areas.sum()))
        for size, cache in expected
    }
    assert len(folders(tmp_path / "cache", "census")) == 1
