"""The cache: correct content, built once, rebuilt if damaged, no leftovers after a failure."""

import multiprocessing
import os
import resource

import cv2
import numpy as np
import pytest
from scipy.fft import dctn

from clothseg import cache as cache_module
from clothseg.cache import open_cache
from clothseg.dataset import ccp
from clothseg.dataset.near_duplicates import perceptual_hash
from clothseg.error import DataError
from support.answers import ccp_statistics
from support.shipped_config import CCP_NAMES, label_space
from support.small_datasets import write_mask


def cache_of(root, folder, labels="refined15", size=32):
    return open_cache(ccp(root=str(root), names=CCP_NAMES), label_space(labels), size, folder)


def test_rows_are_the_decoded_relabeled_and_resized_samples(small_ccp, tmp_path):
    cache = cache_of(small_ccp, tmp_path / "cache")
    reader = ccp(root=str(small_ccp), names=CCP_NAMES)
    table = label_space("refined15").lookup_table(CCP_NAMES)
    assert cache.names == ["0001", "0002", "0003"]
    for row, sample in enumerate(reader.samples()):
        image, source = reader.read(sample)
        mask = table[source]
        assert np.array_equal(
            cache.images[row], cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
        )
        nearest = cv2.resize(mask, (32, 32), interpolation=cv2.INTER_NEAREST)
        assert np.array_equal(cache.masks[row], nearest)
        assert cache.pixels[row].tolist() == [int((mask == k).sum()) for k in range(15)]


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["refined15", "ccp59", "body4"])
def test_real_counts_equal_the_independent_statistics(ccp_root, tmp_path, labels):
    expected = ccp_statistics()["classes"][labels]
    cache = cache_of(ccp_root, tmp_path, labels)
    assert cache.pixels.sum(0).tolist() == [row["pixels"] for row in expected]
    assert cache.presence.sum(0).tolist() == [row["images"] for row in expected]


def test_reopening_decodes_nothing(small_ccp, tmp_path, monkeypatch):
    first = cache_of(small_ccp, tmp_path / "cache")
    monkeypatch.setattr("clothseg.cache._decode", None)
    second = cache_of(small_ccp, tmp_path / "cache")
    assert np.array_equal(first.images, second.images)


@pytest.mark.parametrize("change", ["labels", "size", "mask", "image added"])
def test_changed_sources_yield_another_cache(small_ccp, tmp_path, change):
    before = cache_of(small_ccp, tmp_path / "cache")
    if change == "mask":
        write_mask(small_ccp, 1, np.full((40, 30), 19, np.uint8))
    if change == "image added":
        write_mask(small_ccp, 4, np.zeros((40, 30), np.uint8))
    labels = "body4" if change == "labels" else "refined15"
    after = cache_of(small_ccp, tmp_path / "cache", labels, 40 if change == "size" else 32)
    assert after.masks.shape != before.masks.shape or not np.array_equal(after.masks, before.masks)


@pytest.mark.parametrize("damage", ["truncated", "missing", "no manifest"])
def test_a_damaged_cache_is_rebuilt(small_ccp, tmp_path, damage):
    expected = np.array(cache_of(small_ccp, tmp_path / "cache").images)
    folder = next(path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    if damage == "truncated":
        os.truncate(folder / "images.npy", 1000)
    else:
        (folder / {"missing": "masks.npy", "no manifest": "manifest.json"}[damage]).unlink()
    assert np.array_equal(cache_of(small_ccp, tmp_path / "cache").images, expected)


def test_a_defective_sample_leaves_no_partial_cache(small_ccp, tmp_path):
    (small_ccp / "photos" / "0003.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"0003\.jpg"):
        cache_of(small_ccp, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


@pytest.mark.parametrize("interruption", ["between rows", "within a row", "before the header"])
def test_an_interrupted_build_resumes(small_ccp, tmp_path, monkeypatch, interruption):
    expected = cache_of(small_ccp, tmp_path / "undisturbed")
    decode, decoded = cache_module._decode, []

    def interrupt_at_the_last(sample, **arguments):
        if sample.name == "0003":
            raise KeyboardInterrupt
        return decode(sample, **arguments)

    monkeypatch.setattr(cache_module, "_decode", interrupt_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        cache_of(small_ccp, tmp_path / "cache")
    (partial,) = (tmp_path / "cache").glob("*.building")
    if interruption == "within a row":
        os.truncate(partial / "masks.npy", (partial / "masks.npy").stat().st_size - 5)
    if interruption == "before the header":
        os.truncate(partial / "hashes.npy", 3)

    def record_decode(sample, **arguments):
        decoded.append(sample.name)
        return decode(sample, **arguments)

    monkeypatch.setattr(cache_module, "_decode", record_decode)
    cache = cache_of(small_ccp, tmp_path / "cache")
    remaining = {"between rows": 1, "within a row": 2, "before the header": 3}[interruption]
    assert sorted(decoded) == ["0001", "0002", "0003"][-remaining:]
    for name in cache_module.ARRAYS:
        assert np.array_equal(getattr(cache, name), getattr(expected, name))


def test_objects_are_counted_if_the_dataset_has_them(small_ccp, tmp_path):
    reader = ccp(root=str(small_ccp), names=CCP_NAMES)
    reader.objects = lambda sample: [(2, 10), (2, 7), (33, 5), (14, 1)]  # two bags, purse, dress
    cache = open_cache(reader, label_space("refined15"), 32, tmp_path)
    assert cache.instances[0].tolist() == [0, 3, 0, 1, *[0] * 11]
    plain = cache_of(small_ccp, tmp_path / "plain")
    assert np.array_equal(plain.instances, plain.presence)


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
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def _open_and_sum(root, folder, queue):
    queue.put(int(cache_of(root, folder).images.sum(dtype=np.int64)))


def test_concurrent_processes_get_the_same_cache(small_ccp, tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    arguments = (small_ccp, tmp_path / "cache", queue)
    processes = [context.Process(target=_open_and_sum, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    sums = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert sums == {int(cache_of(small_ccp, tmp_path / "cache").images.sum(dtype=np.int64))}


def test_perceptual_hash_is_the_sign_of_low_frequencies():
    image = np.random.default_rng(3).integers(0, 255, (64, 96, 3), np.uint8)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(float)
    low = dctn(small, norm="ortho")[:8, :8].ravel()
    expected = int("".join("1" if value > np.median(low) else "0" for value in low), 2)
    assert perceptual_hash(image) == expected
    brighter = np.clip(image * 0.9 + 20, 0, 255).astype(np.uint8)
    assert (perceptual_hash(brighter) ^ expected).bit_count() <= 4
