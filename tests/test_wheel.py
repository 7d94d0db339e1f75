"""Wheel: complete, without foreign packages, and usable without a checkout."""

import os
import subprocess
import sys
import zipfile

import pytest

from clothseg import __version__
from clothseg.commands.main import COMMANDS
from clothseg.shipped import CONF
from support.paths import REPOSITORY

pytestmark = pytest.mark.slow(seconds=60)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder, REPOSITORY]
    subprocess.run([*pip, "wheel", *options], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Function that runs a command in an empty folder, with the wheel instead of the checkout."""
    root = tmp_path_factory.mktemp("installed")
    site, empty = root / "site", root / "empty"
    empty.mkdir()
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)

    def run(*arguments):
        return subprocess.run(
            [site / "bin" / "clothseg", *arguments],
            cwd=empty,
            env=os.environ | {"PYTHONPATH": str(site), "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )

    return run


def test_the_wheel_has_every_configuration_file_and_only_our_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    conf = {path.relative_to(CONF).as_posix() for path in CONF.rglob("*.yaml")}
    assert {f"clothseg/conf/{name}" for name in conf} <= set(names)
    assert "clothseg/py.typed" in names
    top = {name.split("/")[0] for name in names}
    assert top == {"clothseg", "hydra_plugins", f"clothseg-{__version__}.dist-info"}
    assert not [name for name in names if name.startswith("hydra_plugins/__init__")]


def test_the_wheel_lists_commands_and_reports_help_and_errors(installed):
    listed = installed()
    assert (listed.returncode, listed.stderr) == (0, "")
    assert all(name in listed.stdout for name in COMMANDS)
    assert installed("--version").stdout == f"clothseg {__version__}\n"
    wrong = installed("trian")
    assert (wrong.returncode, wrong.stderr.split(";")[1]) == (
        1,
        " did you mean `train`? Available: " + ", ".join(sorted(COMMANDS)) + "\n",
    )
    for name in COMMANDS:
        assert installed(name, "--help").stdout.startswith(f"clothseg {name} ")
    assert "did you mean `fpn`" in installed("train", "model=fnp").stderr


def test_the_wheel_trains_and_uses_the_run_in_an_empty_folder(installed):
    tiny = ("dataset.num_images=16", "data.image_size=32", "model=unet", "backbone=mobilenet_v2")
    short = ("trainer=cpu", "trainer.threads=1", "trainer.max_epochs=1", "report.figures=none")
    ended = installed("train", *tiny, *short, "split=holdout", "-m")
    assert ended.returncode == 0, ended.stderr
    assert "saved to outputs" in ended.stdout
    empty = next(iter(ended.args)).parents[2] / "empty"
    (run,) = (path.parent for path in empty.glob("outputs/*/*/*/metrics.json"))
    evaluated = installed("evaluate", f"run={run}", "output=scores.json")
    assert (evaluated.returncode, evaluated.stderr) == (0, "")
    assert (empty / "scores.json").is_file()
    photos = next(empty.glob("outputs/datasets/*/photos"))
    predicted = installed("predict", f"run={run}", f"input={photos}/0001.jpg", "output=masks")
    assert (predicted.returncode, predicted.stderr) == (0, "")
    assert (empty / "masks" / "masks" / "0001.png").is_file()
