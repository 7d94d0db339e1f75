"""Optional libraries: the error for a missing one names its extra."""

import importlib.util
import tomllib

import pytest

import clothseg
from clothseg import dataset, extras, logger
from clothseg.error import ConfigError
from clothseg.extras import EXTRAS, require_extra
from clothseg.jobs.slurm import Request
from support.paths import REPOSITORY


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_extras_match_the_package_metadata_and_all_includes_each(extra):
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    libraries = [requirement.split(">")[0].replace("-", "_") for requirement in declared[extra]]
    assert libraries == list(EXTRAS[extra])
    assert declared.keys() == {*EXTRAS, "all"}
    assert extra in declared["all"][0].partition("[")[2].removesuffix("]").split(",")


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_an_installed_extra_is_accepted(extra):
    if all(importlib.util.find_spec(library) for library in EXTRAS[extra]):
        require_extra(extra, "something")


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (logger.tensorboard, r"logger=tensorboard needs tensorboard, which is not installed: pip"),
        (
            lambda: logger.wandb(
                mode="offline", project="p", entity=None, tags=[], artifact=False, finish_timeout=1
            ),
            r"logger=wandb needs wandb, .* pip install 'clothseg\[wandb\]' \(or clothseg\[all\]\)",
        ),
        (lambda: dataset.cfpd(root="x", names=[]), r"dataset=cfpd needs h5py"),
        (
            lambda: dataset.modanet(root="x", names=[], overlap="later_wins", missing="error"),
            r"dataset=modanet needs pycocotools",
        ),
        (
            Request("slurm", "x", 1, 0, None, 1, 0, 1, None, {}).executor,
            r"hydra/launcher=submitit_slurm needs submitit",
        ),
        (
            lambda: clothseg.results("outputs"),
            r"clothseg.results needs pandas, .* pip install 'clothseg\[results\]' \(or",
        ),
        (lambda: require_extra("onnx", "format=onnx"), r"onnx, onnxscript, onnxruntime, which are"),
    ],
)
def test_the_error_for_a_missing_library_names_the_extra(nothing_installed, use, message):
    with pytest.raises(ConfigError, match=message):
        use()


def test_a_disabled_logger_needs_no_library(nothing_installed):
    logger.wandb(
        mode="disabled", project="p", entity=None, tags=[], artifact=False, finish_timeout=1
    )
