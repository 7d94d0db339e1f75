"""From a checked command line to Hydra, its launchers, and the outcomes of all jobs."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from clothseg import build
from clothseg.check import check_command, constant_keys
from clothseg.error import ConfigError
from clothseg.record import Record
from clothseg.report.summary import report_outcomes
from clothseg.sweep import Outcome, do_job
from clothseg.trust import CONF

QUESTIONS = (
    "--cfg",
    "-c",
    "--info",
    "-i",
    "--hydra-help",
    "--version",
    "--shell-completion",
    "-sc",
)
"""Flags that ask Hydra for something and train nothing."""


def launch(overrides: list[str], flags: list[str]) -> int:
    """Check a command line, do its jobs, and report on them.

    Args:
        overrides: arguments of the form key=value.
        flags: arguments that begin with a dash, with their values.

    Returns:
        Exit status: 0 when every job is done, 1 when one failed, 130 after Ctrl-C.

    Raises:
        ConfigError: every problem of the command line.
    """
    if any(flag in QUESTIONS for flag in flags):
        _hydra([*overrides, *flags])
        return 0
    composed = check_command(overrides)
    if folder := composed[0].config["rerun_from"]:
        outcomes = [_rerun(Path(folder), composed[0].config["output"], overrides)]
    else:
        many = "-m" in flags or "--multirun" in flags
        outcomes = _run(overrides, many, composed[0].config, len(composed))
    return report_outcomes(outcomes)


def _run(overrides: list[str], many: bool, config: dict[str, Any], jobs: int) -> list[Outcome]:
    """Let Hydra launch all jobs; returns what became of them."""
    folds = config["split"].get("folds")
    if many and folds and not any(o.lstrip("+").startswith("split.fold=") for o in overrides):
        overrides = [*overrides, f"split.fold={','.join(map(str, range(folds)))}"]
        jobs *= folds
    if jobs > 1 and not many:
        raise ConfigError(["several values for one key are a sweep: add -m to the command"])
    # Outcomes meet in a folder because launchers may run jobs in other processes and on nodes.
    meeting = Path(config["output"]) / ".sweep" / str(os.getpid())
    constant = ",".join([*constant_keys(overrides), "split.fold"])
    placed = [
        f"hydra.run.dir='{meeting}'",
        f"hydra.sweep.dir='{meeting}'",
        f"hydra.job.config.override_dirname.exclude_keys=[{constant}]",
    ]
    interrupted = False
    try:
        _hydra([*overrides, *placed, *(["-m"] if many else [])])
    except KeyboardInterrupt:
        interrupted = True
    finally:
        outcomes = [Outcome.read(path) for path in sorted(meeting.glob("*.json"))]
        shutil.rmtree(meeting, ignore_errors=True)
        _remove_empty(meeting.parent, meeting.parent.parent)
    if interrupted and not any(o.result == "interrupted" for o in outcomes):
        outcomes.append(Outcome("sweep", "interrupted", ""))
    if not interrupted and len(outcomes) < jobs:
        lost = f"{jobs - len(outcomes)} jobs ended without a word; see the launcher's own log"
        outcomes.append(Outcome("sweep", "failed", lost))
    return outcomes


def _hydra(arguments: list[str]) -> None:
    sys.argv = [sys.argv[0], *arguments]
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(hydra_job)()


def hydra_job(config: DictConfig) -> str:
    """What Hydra and its launchers call for each job; returns the result's name."""
    context = HydraConfig.get()
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    choices = {k: v for k, v in context.runtime.choices.items() if "/" not in k and v}
    many = context.mode == RunMode.MULTIRUN
    swept = context.job.override_dirname.replace(",", " ")
    name = swept or f"{choices['model']} {choices['backbone']}"
    outcome = do_job(name, plain, choices, list(context.overrides.task), apart=many)
    outcome.write(Path(context.sweep.dir), context.job.num if many else 0)
    if outcome.result == "interrupted":
        raise KeyboardInterrupt
    return outcome.result


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _rerun(folder: Path, output: str, overrides: list[str]) -> Outcome:
    """Repeat a recorded run; the record it came from is kept."""
    recorded = Record(folder).config
    config = recorded["config"] | {"output": output, "rerun": True}
    build.require_valid(config)
    choices = recorded["choices"]
    name = f"{choices['model']} {choices['backbone']}"
    return do_job(name, config, choices, [*recorded["overrides"], *overrides], apart=False)
