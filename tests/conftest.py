"""Fixtures shared by every test."""

import os
import signal
from pathlib import Path

# Several workers share the cores, and a pool of threads for tiny tensors costs more than it saves.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import pytest

from support.answers import unpack_datasets
from support.clean_ccp import stripes, write_photo
from support.paths import SHARED
from support.small_datasets import empty_ccp, write_mask, write_own_photos


def pytest_configure():
    """Restore SIGINT, which background jobs of a shell ignore, and so would commands in tests."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Run the slowest tests first, so that workers finish at about the same time.

    Tests that share expensive fixtures are grouped on one worker.
    """
    groups = {item: _group(item) for item in items}
    longest: dict[str, int] = {}
    for item, group in groups.items():
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
            longest[group] = longest.get(group, 0) + _seconds(item)
    items.sort(key=lambda item: (-longest.get(groups[item], _seconds(item)), groups[item]))


def _group(item):
    """Module of tests that share a fixture of the module, such as a finished sweep.

    Modules that start job processes from the worker itself share the server of these processes.
    """
    if item.module.__name__.rpartition(".")[2] in ("test_process", "test_distributed"):
        return "job processes"
    definitions = item._fixtureinfo.name2fixturedefs.values()
    shares = any(definition[-1].scope == "module" for definition in definitions)
    return item.module.__name__ if shares or "swept" in item.fixturenames else ""


def _seconds(item):
    """Approximate duration of a test: the value of its marker, else 5 if slow, else 0."""
    marker = item.get_closest_marker("slow")
    return 0 if marker is None else marker.kwargs.get("seconds", 5)


@pytest.fixture(scope="session", autouse=True)
def composed_once():
    """Let Hydra compose each choice of options once: most tests are about the default one."""
    from clothseg.config import composition

    compose, known = composition.compose, {}

    def cached(name, choice, **keywords):
        key = composition.CONF, name, *choice, *keywords.items()
        if key not in known:
            known[key] = compose(name, choice, **keywords)
        return known[key]  # of which only copies are changed

    composition.compose = cached
    yield
    composition.compose = compose


@pytest.fixture(scope="session")
def drawn_datasets(tmp_path_factory) -> Path:
    """Small synthetic datasets in the layouts of their releases, with the expected maps."""
    folder = tmp_path_factory.mktemp("drawn_datasets")
    unpack_datasets(folder)
    return folder


@pytest.fixture(scope="session")
def ccp_root() -> Path:
    """Root of the real Clothing Co-Parsing dataset, next to the repository."""
    folder = SHARED / "datasets" / "clothing-co-parsing"
    if not folder.is_dir():
        pytest.skip(
            "the CCP dataset (../shared/datasets/clothing-co-parsing) is not on this machine"
        )
    return folder


@pytest.fixture
def cheap_weights(monkeypatch):
    """Fill large tensors from a pool of random numbers, because sampling dominates construction.

    Small tensors, such as the first convolution's, are initialized as usual.
    """
    import torch

    pools = {"uniform_": torch.rand(65_537), "normal_": torch.randn(65_537)}

    def fill_from_pool(name, pool):
        sample = getattr(torch.Tensor, name)

        def fill(tensor, *arguments, **keywords):
            if tensor.is_meta or tensor.numel() < len(pool):
                return sample(tensor, *arguments, **keywords)
            first, second = [*arguments, *keywords.values()][:2]  # bounds, or mean and std
            scale, shift = (second - first, first) if name == "uniform_" else (second, first)
            values, flat = pool * scale + shift, tensor.view(-1)
            covered = len(flat) - len(flat) % len(pool)
            flat[:covered].view(-1, len(pool)).copy_(values)
            flat[covered:].copy_(values[: len(flat) - covered])
            return tensor

        monkeypatch.setattr(torch.Tensor, name, fill)

    for name, pool in pools.items():
        fill_from_pool(name, pool)


@pytest.fixture
def reads(monkeypatch):
    """Names of the samples that are decoded, as they are."""
    from clothseg.dataset import Reader

    read, names = Reader.read, []

    def record(reader, sample):
        names.append(sample.name)
        return read(reader, sample)

    monkeypatch.setattr(Reader, "read", record)
    return names


@pytest.fixture
def small_ccp(tmp_path):
    """Three tiny images in CCP's layout, and one image without pixel labels."""
    root = empty_ccp(tmp_path / "ccp")
    random = np.random.default_rng(0)
    for number in range(1, 5):
        photo = random.integers(0, 255, (40, 30, 3), np.uint8)
        cv2.imwrite(str(root / "photos" / f"{number:04}.jpg"), photo)
        if number < 4:
            write_mask(root, number, random.integers(0, 59, (40, 30), np.uint8))
    return root


@pytest.fixture
def clean_ccp(tmp_path):
    """Three images in CCP's layout; every mask has all names, as stripes of 80 pixels."""
    root = empty_ccp(tmp_path / "clean")
    for number in range(1, 4):
        write_photo(root, number, number)
        write_mask(root, number, stripes(number))
    return root


@pytest.fixture
def own_photos(tmp_path):
    """Three images of a user's own with masks of three classes."""
    return write_own_photos(tmp_path / "own")


@pytest.fixture(scope="session")
def command_line(tmp_path_factory):
    """Commands, see :class:`command_line.CommandLine`; the dataset is rendered once."""
    from support.command_line import CommandLine

    commands = CommandLine(tmp_path_factory.mktemp("command_line"))
    yield commands
    commands.close()


@pytest.fixture(scope="session")
def swept(command_line, tmp_path_factory):
    """Finished cross-validation of two folds: output folder and result of the command."""
    output = tmp_path_factory.mktemp("swept") / "outputs"
    return output, command_line.run(command_line.tiny(output, "report.figures=all", "-m"))
