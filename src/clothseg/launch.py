"""From a checked command line to Hydra, its launchers, and the outcomes of all jobs."""

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from clothseg import build
from clothseg.check import (
    Composed,
    check_command,
    check_question,
    constant_keys,
    plain_config,
    settled,
)
from clothseg.command import MANY, OF_QUESTIONS, QUESTIONS
from clothseg.error import ConfigError, UserError
from clothseg.job import Job, plan
from clothseg.machine import Machine
from clothseg.outcome import Outcome, do_here, do_job
from clothseg.process import prepare
from clothseg.record import Record
from clothseg.report.progress import say
from clothseg.report.summary import report_outcomes
from clothseg.signature import WITHOUT_EFFECT
from clothseg.sweep import do_jobs
from clothseg.trust import CONF

if TYPE_CHECKING:
    from hydra_plugins.clothseg_launchers import ClothsegLauncher

_outcomes: list[Outcome] = []
"""What became of the jobs that Hydra has launched: it hands nothing back itself."""
_refusals: list[UserError] = []
"""Why no job was done: Hydra would answer an error with a traceback and end the process."""


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
        check_question(overrides)
        _hydra([*overrides, *(flag for flag in flags if flag not in MANY)])
        return 0
    if alone := [flag for flag in flags if flag in OF_QUESTIONS]:
        raise ConfigError([f"{flag}: says what --cfg shows, and stands with it" for flag in alone])
    composed = check_command(overrides)
    many = any(flag in MANY for flag in flags)
    if len(composed) > 1 and not many:
        raise ConfigError(["several values for one key are a sweep: add -m to the command"])
    machine = build.build_launcher(composed[0].launcher).machine if many else Machine.here()
    for output in dict.fromkeys(job.config["output"] for job in composed):
        _require_writable(Path(output))
    for job in composed:
        machine.ranks_of_training(job.config)
    if many and not all(build.build_dataset(job.config).ready for job in composed):
        prepare()
    for job in composed:
        build.require_inputs(job.config)
    if composed[0].config["rerun_from"]:
        outcomes = [_rerun(composed, overrides)]
    else:
        outcomes = _run(overrides, many, composed)
    return report_outcomes(outcomes, composed[0].config.get("logger", {}))


def _require_writable(output: Path) -> None:
    """Fail early when nothing can be written below a folder, which may not be there yet."""
    nearest = next(path for path in (output, *output.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise ConfigError([f"output={output}: {nearest} is a file, and no folder"])
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError([f"output={output}: you may not write into {nearest}"])


def _run(overrides: list[str], many: bool, composed: list[Composed]) -> list[Outcome]:
    """Let Hydra launch all jobs; returns what became of them."""
    folds, *others = {job.config["split"].get("folds") for job in composed}
    if others:
        raise ConfigError(["a sweep needs one number of folds: use a command for each split"])
    if many and folds and not any(o.lstrip("+").startswith("split.fold=") for o in overrides):
        overrides = [*overrides, f"split.fold={','.join(map(str, range(folds)))}"]
    constant = ",".join([*constant_keys(overrides), "split.fold"])
    overrides = settled(overrides) if many else overrides
    _outcomes.clear()
    with tempfile.TemporaryDirectory() as folder:  # Hydra insists on one
        placed = [
            f"hydra.run.dir='{folder}'",
            f"hydra.sweep.dir='{folder}'",
            f"hydra.job.config.override_dirname.exclude_keys=[{constant}]",
        ]
        _hydra([*overrides, *placed, *(["-m"] if many else [])])
    if _refusals:
        raise _refusals.pop()
    return list(_outcomes)


def _hydra(arguments: list[str]) -> None:
    sys.argv = [sys.argv[0], *arguments]
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(_single_job)()


def _single_job(config: DictConfig) -> None:
    """What Hydra calls without `-m`."""
    machine = Machine.here()
    try:
        job = _planned(config, HydraConfig.get(), many=False, machine=machine, known={})
        _outcomes.append(_do_one(job, machine))
    except UserError as error:
        _refusals.append(error)


def sweep(configs: list[DictConfig], launcher: "ClothsegLauncher") -> list[float | None]:
    """Have a launcher do the jobs of a sweep; returns the mean IoU of each that has one.

    Args:
        configs: their composed configurations, Hydra's own part included.
        launcher: Hydra's launcher.
    """
    machine = launcher.machine
    known: dict[str, str] = {}
    try:
        jobs = [
            _planned(_without_hydra(config), config.hydra, many=True, machine=machine, known=known)
            for config in configs
        ]
        first: dict[Path, Job] = {}
        for job in jobs:
            if job is not first.setdefault(job.folder, job):
                say(f"{job.title} is the same run as {first[job.folder].title}: done once")
        outcomes = dict(zip(first, launcher.do(list(first.values())), strict=True))
    except UserError as error:
        _refusals.append(error)
        return [None] * len(configs)
    _outcomes.extend(outcomes.values())
    return [_mean_iou(outcomes[job.folder]) for job in jobs]


def _planned(
    config: DictConfig, hydra_config: Any, many: bool, machine: Machine, known: dict[str, str]
) -> Job:
    plain = plain_config(config)
    choices = {k: v for k, v in hydra_config.runtime.choices.items() if "/" not in k and v}
    overrides = [word.removeprefix("++") for word in hydra_config.overrides.task]
    constant = hydra_config.job.config.override_dirname.exclude_keys
    swept = [word for word in overrides if word.lstrip("+~").split("=")[0] not in constant]
    name = (
        " ".join(sorted(swept)) if many and swept else f"{choices['model']} {choices['backbone']}"
    )
    return plan(name, plain, choices, overrides, machine.ranks_of_training(plain), known)


def _do_one(job: Job, machine: Machine) -> Outcome:
    """Do a single run, in this process unless it needs several."""
    if job.ranks == 1:
        return do_job(job, do_here)
    return do_jobs([job], machine, at_once=1)[0]


def _without_hydra(config: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def _mean_iou(outcome: Outcome) -> float | None:
    if not outcome.finished:
        return None
    return Record(Path(str(outcome.folder))).metrics["test"]["mean"]["iou"]


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
    config = DictConfig(recorded["config"])
    # A record cannot vouch for itself: what is trusted, and where output goes, says the command.
    for key in keys | {"trust", "output"}:
        OmegaConf.update(config, key, OmegaConf.select(OmegaConf.create(given), key), merge=False)
    config.rerun = True
    plain = plain_config(config)
    build.require_valid(plain)
    choices = recorded["choices"]
    name = f"{choices['model']} {choices['backbone']}"
    machine = Machine.here()
    all_overrides = [*recorded["overrides"], *overrides]
    ranks = machine.ranks_of_training(plain)
    return _do_one(plan(name, plain, choices, all_overrides, ranks, known={}), machine)
