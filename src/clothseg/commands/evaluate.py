"""Command `scripts/evaluate.py`: score the best checkpoint of a recorded run."""

from functools import partial
from pathlib import Path
from typing import Any

from clothseg import build
from clothseg.config.command_line import check_settings
from clothseg.config.run_config import RunConfig
from clothseg.config.settings import Evaluate
from clothseg.error import ConfigError, DataError
from clothseg.files import write_json
from clothseg.jobs.ending import Done
from clothseg.jobs.machine import Machine
from clothseg.jobs.process import Processes
from clothseg.quick_imports import quick_imports
from clothseg.run.member import Member
from clothseg.run.record import Record
from clothseg.run.restore import (
    ensemble_members,
    given_sources,
    load_network,
    recorded_config,
    recorded_reader,
    short_name,
    warn_if_unfinished,
    with_root,
)
from clothseg.terminal.screen import console
from clothseg.trainer import autocast_dtype, evaluation_device, limit_threads


def evaluate_command(overrides: list[str]) -> int:
    """Evaluate a run, print and optionally write its scores; return the exit status.

    Raises:
        ConfigError: the command line is invalid, or the folder contains no run with a best epoch.
        DataError: the dataset cannot be read.
    """
    options = check_settings(overrides, "evaluate", Evaluate)
    card = evaluate_run(options)
    from clothseg.report.score_tables import score_tables

    title = [f"{options.subset} set", *_differences(options)]
    # Too long for a table title, which would be wrapped at the width of the table.
    console.print(short_name(Path(options.run)), soft_wrap=True, markup=False)
    console.print(*score_tables([card], ", ".join(title)))
    if options.output:
        write_json(Path(options.output), card)
        console.print(f"written to {options.output}", soft_wrap=True, markup=False)
    return 0


def evaluate_run(options: Evaluate) -> dict[str, Any]:
    """Scorecard of a run's best epoch, or of its best epoch so far if the run is unfinished.

    Raises:
        ConfigError: the folder contains no run with a best epoch, devices or sources do not exist,
            or the options do not fit the run.
        DataError: the dataset cannot be read, or a process failed.
    """
    runs = ensemble_members(Path(options.run), options.ensemble, options.trust)
    configs = [recorded_config(run, options.trust, options.cache) for run in runs]
    if options.ensemble == "folds" and options.subset != "held_out":
        raise ConfigError(
            [
                f"ensemble=folds subset={options.subset}: some of the networks were trained on "
                "these images; train with split.held_out=0.1 and score subset=held_out, which none "
                "of them has seen"
            ]
        )
    config = configs[0]
    warn_if_unfinished(runs)
    if options.root is not None:
        config = with_root(config, options.root)
    accelerator = config.execution.accelerator
    world_size = Machine.here().world_size(accelerator, options.devices)
    work = partial(_score, runs, config, options, world_size)
    if world_size == 1:
        return work(Member())
    (slot,) = Machine.here().slots(1, world_size, accelerator)
    processes = Processes()
    with processes.stop_on_signals():
        ending = processes.run(work, world_size, slot)
    if isinstance(ending, Done):
        card: dict[str, Any] = ending.value
        return card
    if ending.result == "interrupted":
        raise KeyboardInterrupt
    raise DataError(ending.detail)


def _differences(options: Evaluate) -> list[str]:
    """Options that differ from the test at the end of training."""
    defaults = {"tta": "none", "scales": [1.0], "resolution": "network", "ensemble": "none"}
    values = options.model_dump()
    return [f"{key}={values[key]}" for key, value in defaults.items() if values[key] != value]


def _score(
    runs: list[Path], config: RunConfig, options: Evaluate, world_size: int, member: Member
) -> dict[str, Any]:
    """Score the shard of one process; every process returns the full scorecard."""
    with quick_imports():
        from clothseg.datamodule.sampling import Shard
        from clothseg.metric.scorecard import scorecard
        from clothseg.task.evaluation import evaluate, process_group

    reader = recorded_reader(config, given=given_sources(options.root))
    split = Record(runs[0]).split
    whole = build.uses_whole_dataset(config)
    forms = [build.evaluated_form(config)] if whole else []
    census = build.open_census(config, reader, forms)
    split.require(census.names)
    cache = build.open_evaluated(config, reader, census, split)
    names: list[str] = getattr(split, options.subset)
    if not names:
        raise ConfigError(
            [f"subset={options.subset}: the split of this run has none (split.held_out=0)"]
        )
    data = build.build_batches(config, cache, split, Shard(member.rank, world_size))
    data.require_images("devices", [options.subset])
    limit_threads(config.execution.threads)
    device = evaluation_device(config.execution.accelerator, member.rank)
    network = load_network(config, runs, options.tta, options.scales)
    if options.resolution == "original":
        batches = data.at_original_size(names, reader, config.labels)
    else:
        batches = data.evaluation_batches(names)
    with process_group(world_size, device):
        dtype = autocast_dtype(config.execution.precision)
        scores = evaluate(network, batches, device, dtype, config.data.fit)
    return scorecard(scores, config.labels.names, census.sources)
