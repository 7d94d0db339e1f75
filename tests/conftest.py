"""Fixtures shared by every test."""

import os
import signal
from pathlib import Path

# Several workers share the cores, and a pool of threads for tiny tensors costs more than it saves.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import pytest

from support.clean_ccp import stripes, write_photo
from support.paths import SHARED
from support.small_datasets import empty_ccp, write_mask, write_own_photos


def pytest_configure():
    """What a shell starts in the background ignores Ctrl-C, and so would the commands of tests."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """The slowest tests come first, so that no worker is left alone with one in the end.

    Tests that share what takes long to make stay together, on one worker.
    """
    groups = {item: _group(item) for item in items}
    longest: dict[str, int] = {}
    for item, group in groups.items():
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
            longest[group] = longest.get(group, 0) + _seconds(item)
    items.sort(key=lambda item: (-longest.get(groups[item], _seconds(item)), groups[item]))


def _group(item):
    """The module of a test that shares with others what the module makes once.

    A finished sweep takes seconds, so that each module may have one; tests of a module share it.
    Modules that start job processes from the worker itself share the server of these processes.
    """
    if item.module.__name__.rpartition(".")[2] in ("test_process", "test_distributed"):
        return "job processes"
    definitions = item._fixtureinfo.name2fixturedefs.values()
    shares = any(definition[-1].scope == "module" for definition in definitions)
    return item.module.__name__ if shares or "swept" in item.fixturenames else ""


def _seconds(item):
    """About how long a test takes: what its marker says, 5 for a slow one, 0 for all others."""
    marker = item.get_closest_marker("slow")
    return 0 if marker is None else marker.kwargs.get("seconds", 5)


@pytest.fixture(scope="session", autouse=True)
def composed_once():
    """Let Hydra compose each choice of options once: most tests are about the default one."""
    from clothseg.config import command_line

    compose, known = command_line.compose, {}

    def cached(name, choice, **keywords):
        key = command_line.CONF, name, *choice, *keywords.items()
        if key not in known:
            known[key] = compose(name, choice, **keywords)
        return known[key]  # of which only copies are changed

    command_line.compose = cached
    yield
    command_line.compose = compose


@pytest.fixture(scope="session")
def oracles() -> Path:
    """The folder of independently computed answers, kept beside the repository."""
    folder = SHARED / "oracles"
    if not folder.is_dir():
        pytest.skip("the independent answers (../shared/oracles) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def ccp_root() -> Path:
    """The real Clothing Co-Parsing photos, kept beside the repository."""
    folder = SHARED / "datasets" / "clothing-co-parsing"
    if not folder.is_dir():
        pytest.skip(
            "the CCP photos (../shared/datasets/clothing-co-parsing) are not on this machine"
        )
    return folder


@pytest.fixture
def cheap_weights(monkeypatch):
    """Fill large tensors from one pool of random numbers: most of building a network is drawing.

    Small ones, such as the first convolution's, are drawn as ever.
    """
    import torch

    pools = {"uniform_": torch.rand(65_537), "normal_": torch.randn(65_537)}

    def cheaper(name, pool):
        draw = getattr(torch.Tensor, name)

        def fill(tensor, *arguments, **keywords):
            if tensor.is_meta or tensor.numel() < len(pool):
                return draw(tensor, *arguments, **keywords)
            first, second = [*arguments, *keywords.values()][:2]  # both ends, or mean and deviation
            scale, shift = (second - first, first) if name == "uniform_" else (second, first)
            values, flat = pool * scale + shift, tensor.view(-1)
            whole = len(flat) - len(flat) % len(pool)
            flat[:whole].view(-1, len(pool)).copy_(values)
            flat[whole:].copy_(values[: len(flat) - whole])
            return tensor

        monkeypatch.setattr(torch.Tensor, name, fill)

    for name, pool in pools.items():
        cheaper(name, pool)


@pytest.fixture
def small_ccp(tmp_path):
    """Three tiny photos in CCP's layout, and one photo without pixel labels."""
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
    """Three photos in CCP's layout; every mask has all names, as stripes of 80 pixels."""
    root = empty_ccp(tmp_path / "clean")
    for number in range(1, 4):
        write_photo(root, number, number)
        write_mask(root, number, stripes(number))
    return root


@pytest.fixture
def own_photos(tmp_path):
    """Three photos of a person's own with masks of three classes."""
    return write_own_photos(tmp_path / "own")


@pytest.fixture(scope="session")
def command_line(tmp_path_factory):
    """The commands, see :class:`command_line.CommandLine`; the dataset is drawn once."""
    from support.command_line import CommandLine

    commands = CommandLine(tmp_path_factory.mktemp("command_line"))
    yield commands
    commands.close()


@pytest.fixture(scope="session")
def swept(command_line, tmp_path_factory):
    """A finished cross-validation of two folds: its output folder and what the command said."""
    output = tmp_path_factory.mktemp("swept") / "outputs"
    return output, command_line.run(command_line.tiny(output, "-m"))
