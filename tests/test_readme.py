"""Run every command of the README exactly as printed, at a size that takes seconds."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from clothseg.dataset.wardrobe import LAYOUTS
from clothseg.jobs.machine import visible_gpus
from support.command_line import slurm_answers
from support.paths import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LINES = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
PYTHON = [line for line in LINES if line.startswith("python ")]
MAKE = [line for line in LINES if line.startswith("make ")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Root of the folders that replace the placeholders of the README."""
    root = tmp_path_factory.mktemp("readme")
    for name in ("ccp", "cfpd", "cihp", "folder"):
        LAYOUTS[name](root / name, 16, 5, lambda count: None)
    (root / "masks").mkdir()
    cv2.imwrite(str(root / "masks" / "0001.png"), np.eye(15, dtype=np.uint8))
    return root


@pytest.fixture(scope="module")
def recorded(folders, command_line):
    """Folder of a finished run, for the commands that need one."""
    result = run(command_line, "python train.py model=unet backbone=mobilenet_v2", folders)
    assert result.returncode == 0, result.stderr
    return next((folders / "runs").glob("*/unet-mobilenet_v2/*/fold-0"))


def small(command, root):
    """Overrides that shrink a training command of the README."""
    grid = "," in command
    split = ["split=holdout"] if grid else ["split.folds=2", "split.validation=0.3"]
    synthetic = ["dataset.num_images=16", f"dataset.root={root / 'synthetic'}"]
    return [
        *(["split.validation=0.3"] if "split=official" in command else split),
        "data.image_size=32",
        "data.batch_size=4",
        *([] if "trainer=" in command else ["trainer=cpu"]),
        "trainer.threads=1",
        "trainer.max_epochs=1",
        "report.figures=none",
        f"data.cache={root / 'cache'}",
        f"output={root / 'runs'}",
        *([] if "dataset=" in command or "experiment=" in command else synthetic),
    ]


def run(command_line, command, root, recorded=None):
    placeholders = {
        "<ccp>": root / "ccp",
        "<cfpd>": root / "cfpd",
        "<cihp>": root / "cihp",
        "<new>": root / "new",
        "<exported>": root / ("exported" if "action=export" in command else "folder"),
        "<run>": recorded,
        "<runs>": root / "runs",
        "<figure>": root / "curves.png",
        "<scores>": root / "scores.json",
        "<masks>": root / "masks",
        "<photos>": root / "ccp" / "photos",
        "<predicted>": root / "predicted",
        "<onnx>": root / "network.onnx",
    }
    for name, path in placeholders.items():
        command = command.replace(name, str(path))
    if "target=html" in command:
        command += f" output={root / 'report.html'}"
    command = command.replace("runs=outputs", f"runs={root / 'runs'}")
    words = shlex.split(command)[1:]
    if "budget=" in command or "overfit_one" in command:
        words += ["trainer=cpu", "trainer.threads=1", "trainer.max_epochs=1", "data.image_size=64"]
        words += [f"data.cache={root / 'cache'}", f"output={root / 'runs'}", "report.figures=none"]
    elif words[0] == "train.py" and "--help" not in words:
        words += small(command, root)
    elif words[0] == "scripts/dataset.py" and "output=" not in command:
        words += [f"output={root / 'reports'}", f"data.cache={root / 'cache'}"]
    return command_line.run(words)


def test_readme_has_commands():
    assert len(PYTHON) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("command", PYTHON)
def test_python_command_of_the_readme_works(command, folders, command_line, request):
    if "trainer=ddp" in command.split() and not visible_gpus():
        pytest.skip("no GPU")
    if "submitit_slurm" in command and not slurm_answers():
        pytest.skip("no SLURM")
    needs_run = "<run" in command or "runs=outputs" in command
    recorded = request.getfixturevalue("recorded") if needs_run else None
    result = run(command_line, command, folders, recorded)
    assert result.returncode == 0, f"{command}\n{result.stdout[-2000:]}{result.stderr[-2000:]}"
    assert "Traceback" not in result.stderr
    assert "Warning" not in result.stderr


@pytest.mark.parametrize("command", MAKE)
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_every_make_target_of_the_readme_exists(command):
    target = command.split()[1]
    result = subprocess.run(["make", "-n", target], cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_make_without_a_target_lists_all_targets():
    result = subprocess.run(["make"], cwd=REPOSITORY, capture_output=True, text=True)
    for target in ["setup", "demo", "train", "test", "check", "lint", "format", "lock", "clean"]:
        assert re.search(rf"^  {target} ", result.stdout, re.MULTILINE)


def test_printed_error_matches_the_output_of_the_command():
    example = re.search(r"^\$ python (train\.py .*)\n((?:.*\n)*?)```", README, re.MULTILINE)
    result = subprocess.run(
        [sys.executable, *example[1].split()],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr == example[2]


def test_local_links_of_the_readme_exist():
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (REPOSITORY / path).is_file(), path
    assert len(README.splitlines()) <= 250
