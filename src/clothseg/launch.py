"""From a checked command line to Hydra, its launchers, and the outcomes of all jobs."""

import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from clothseg import build
from clothseg.check import Composed, check_command, constant_keys
from clothseg.error import ConfigError, DataError
from clothseg.outcome import Outcome, do_job
from clothseg.process import prepare
from clothseg.record import WITHOUT_EFFECT, Record
from clothseg.report.summary import report_outcomes
from clothseg.sweep import Pool
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

_outcomes: dict[int, Outcome] | None = None
"""What became of the jobs by their numbers; None in the processes of a launcher."""
_pool: Pool | None = None
"""What does the jobs of a sweep in this process."""


def launch(overrides: list[str], flags: list[str]) -> int:
    """Check a command line, do its jobs, and report on them.

    Args:
        overrides: arguments of the form key=value.
        flags: arguments that begin with a dash, with their values.

    Returns:
        Exit status: 0 when every job is done, 1 when one failed, 130 when it was stopped.

    Raises:
        ConfigError: every problem of the command line.
    """
    if any(flag in QUESTIONS for flag in flags):
        _hydra([*overrides, *flags])
        return 0
    composed = check_command(overrides)
    many = "-m" in flags or "--multirun" in flags
    if many and not all(build.build_dataset(job.config).ready for job in composed):
        prepare()
    for job in composed:
        build.require_inputs(job.config)
    if len(composed) > 1 and not many:
        raise ConfigError(["several values for one key are a sweep: add -m to the command"])
    if composed[0].config["rerun_from"]:
        outcomes = [_rerun(composed, overrides)]
    else:
        outcomes = _run(overrides, many, composed)
    return report_outcomes(outcomes, composed[0].config.get("logger", {}))


def _run(overrides: list[str], many: bool, composed: list[Composed]) -> list[Outcome]:
    """Let Hydra launch all jobs; returns what became of them."""
    jobs = len(composed)
    folds, *others = {job.config["split"].get("folds") for job in composed}
    if others:
        raise ConfigError(["a sweep needs one number of folds: use a command for each split"])
    if many and folds and not any(o.lstrip("+").startswith("split.fold=") for o in overrides):
        overrides = [*overrides, f"split.fold={','.join(map(str, range(folds)))}"]
        jobs *= folds
    meeting = _meeting(Path(composed[0].config["output"]))
    constant = ",".join([*constant_keys(overrides), "split.fold"])
    placed = [
        f"hydra.run.dir='{meeting}'",
        f"hydra.sweep.dir='{meeting}'",
        f"hydra.job.config.override_dirname.exclude_keys=[{constant}]",
    ]
    interrupted = False
    global _pool, _outcomes
    _outcomes = {}
    try:
        if many:
            first = composed[0].config
            with Pool(first["jobs"], first["trainer"]["accelerator"]) as _pool:
                _hydra([*overrides, *placed, "-m"])
        else:
            _hydra([*overrides, *placed])
    except KeyboardInterrupt:
        interrupted = True
    finally:
        _outcomes |= {int(path.stem): Outcome.read(path) for path in meeting.glob("*.json")}
        outcomes = [_outcomes[number] for number in sorted(_outcomes)]
        _pool = _outcomes = None
        shutil.rmtree(meeting, ignore_errors=True)
        _remove_empty(meeting.parent, meeting.parent.parent)
    if interrupted and not any(o.result == "interrupted" for o in outcomes):
        outcomes.append(Outcome("sweep", "interrupted", ""))
    if not interrupted and len(outcomes) < jobs:
        lost = f"{jobs - len(outcomes)} jobs ended without a word; see the launcher's own log"
        outcomes.append(Outcome("sweep", "failed", lost))
    return outcomes


def _meeting(output: Path) -> Path:
    """A new folder for outcomes: launchers may run jobs in other processes and on other nodes."""
    try:
        (output / ".sweep").mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=output / ".sweep"))
    except OSError as error:
        raise DataError(f"output={output} cannot be written: {error.strerror}") from error


def _hydra(arguments: list[str]) -> None:
    sys.argv = [sys.argv[0], *arguments]
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(hydra_job)()


def hydra_job(config: DictConfig) -> None:
    """What Hydra and its launchers call for each job.

    Hydra's own launcher calls it in this process, one job after the other, and the pool does them.
    Others call it in processes of theirs, which leave the outcome in the meeting folder.
    """
    context = HydraConfig.get()
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    choices = {k: v for k, v in context.runtime.choices.items() if "/" not in k and v}
    many = context.mode == RunMode.MULTIRUN
    swept = context.job.override_dirname.replace(",", " ")
    name = swept or f"{choices['model']} {choices['backbone']}"
    work = partial(do_job, name, plain, choices, list(context.overrides.task))
    number = context.job.num if many else 0
    if _pool is not None and _outcomes is not None:
        _pool.submit(work, _outcomes, number)
        return
    outcome = work()
    if _outcomes is not None:
        _outcomes[number] = outcome
    else:
        outcome.write(Path(context.sweep.dir), number)
    if outcome.result == "interrupted":
        raise KeyboardInterrupt


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _rerun(composed: list[Composed], overrides: list[str]) -> Outcome:
    """Repeat a recorded run; the record it came from is kept."""
    given = composed[0].config
    keys = set(constant_keys(overrides))
    changing = {key for key in keys if not key.startswith("logger.")} - {*WITHOUT_EFFECT}
    kept = sorted(changing | keys & {"split.fold"})
    if len(composed) > 1 or kept:
        raise ConfigError(
            [f"rerun_from repeats one run as it was, so {key} cannot be set" for key in kept]
            or ["rerun_from repeats one run, not several"]
        )
    recorded = Record(Path(given["rerun_from"])).config
    config = OmegaConf.create(recorded["config"])
    # A record cannot vouch for itself: what is trusted, and where output goes, says the command.
    for key in keys | {"trust", "output"}:
        OmegaConf.update(config, key, OmegaConf.select(OmegaConf.create(given), key), merge=False)
    config.rerun = True
    plain: dict[str, Any] = OmegaConf.to_container(config)  # type: ignore[assignment]
    build.require_valid(plain)
    choices = recorded["choices"]
    name = f"{choices['model']} {choices['backbone']}"
    return do_job(name, plain, choices, [*recorded["overrides"], *overrides])
