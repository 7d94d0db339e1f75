"""Scores of a recorded run, computed again from its checkpoint."""

from functools import partial
from pathlib import Path
from typing import Any

from clothseg import build
from clothseg.config.command_line import check_command
from clothseg.config.schema import Evaluate
from clothseg.error import ConfigError, DataError
from clothseg.files import write_json
from clothseg.jobs.ending import Done
from clothseg.jobs.machine import Machine
from clothseg.jobs.process import Processes
from clothseg.run.restore import (
    ensemble_members,
    load_task,
    recorded_config,
    short_name,
    warn_of_unfinished,
)
from clothseg.screen import console


def evaluate_command(overrides: list[str]) -> int:
    """Evaluate, show, and write when asked to; returns the exit status.

    Raises:
        ConfigError: the command line is wrong, or the folder holds no run with a best epoch.
        DataError: the dataset cannot be read.
    """
    options = Evaluate(**check_command(overrides, "evaluate", Evaluate)[0].config)
    card = evaluate_run(options)
    from clothseg.report.tables import score_tables

    title = [f"{options.subset} part", *_differences(options)]
    # Too long for the title of a table, which is folded at the table's width.
    console.print(short_name(Path(options.run)), soft_wrap=True, markup=False)
    console.print(*score_tables([card], ", ".join(title)))
    if options.output:
        write_json(Path(options.output), card)
        console.print(f"written to {options.output}", soft_wrap=True, markup=False)
    return 0


def evaluate_run(options: Evaluate) -> dict[str, Any]:
    """Scorecard of a run's best epoch; of a run that is not done, the best so far.

    Raises:
        ConfigError: the folder holds no run with a best epoch, there are no such devices or
            sources, or the options do not fit the run.
        DataError: the dataset cannot be read, or a process did not come to its end.
    """
    runs = ensemble_members(Path(options.run), options.ensemble)
    configs = [recorded_config(run, options.trust) for run in runs]
    if options.ensemble == "folds" and options.subset != "held_out":
        raise ConfigError(
            [
                f"ensemble=folds subset={options.subset}: every photo but those of one fold was "
                "trained on by some of the networks; train with split.held_out=0.1 and score "
                "subset=held_out, which none of them has seen"
            ]
        )
    config = configs[0]
    warn_of_unfinished(runs)
    if options.root is not None:
        _move(config["dataset"], options.root)
    accelerator = config["trainer"]["accelerator"]
    world_size = Machine.here().world_size(accelerator, options.devices)
    work = partial(_score, runs, config, options, world_size)
    if world_size == 1:
        return work(0)
    (slot,) = Machine.here().slots(1, world_size, accelerator)
    processes = Processes()
    with processes.stop_on_signals():
        ending = processes.run(work, world_size, slot)
    if isinstance(ending, Done):
        return ending.value
    if ending.result == "interrupted":
        raise KeyboardInterrupt
    raise DataError(ending.detail)


def _differences(options: Evaluate) -> list[str]:
    """What was done otherwise than in the run's own test."""
    usual = {"tta": "none", "scales": [1.0], "resolution": "network", "ensemble": "none"}
    chosen = options.model_dump()
    return [f"{key}={chosen[key]}" for key, value in usual.items() if chosen[key] != value]


def _move(dataset: dict[str, Any], root: str | dict[str, str]) -> None:
    """Change the folder of a recorded dataset, or those of the sources of a mixture."""
    sources = dataset.get("sources", {})
    if isinstance(root, str) and not sources:
        dataset["root"] = root
    elif isinstance(root, dict) and root and not root.keys() - sources.keys():
        for name, folder in root.items():
            sources[name]["root"] = folder
    else:
        parts = ", ".join(f"{name}: <folder>" for name in sources)
        form = f"'root={{{parts}}}'" if sources else "root=<folder>"
        raise ConfigError([f"root={root}: the run's dataset takes {form}"])


def _score(
    runs: list[Path], config: dict[str, Any], options: Evaluate, world_size: int, rank: int
) -> dict[str, Any]:
    """What each process does; each of them has the whole scorecard in the end."""
    from clothseg.datamodule.sampling import Shard
    from clothseg.metric.scorecard import scorecard
    from clothseg.run.log import run_log
    from clothseg.run.train import scored, training_pixels
    from clothseg.split import Split

    reader = build.build_dataset(config)
    cache = build.build_cache(config, reader)
    split = Split.read(runs[0] / "split.json")
    split.require(cache.names)
    names: list[str] = getattr(split, options.subset)
    if not names:
        raise ConfigError(
            [f"subset={options.subset}: the run's split has no such photos (split.held_out=0)"]
        )
    data = build.build_data(config, cache, split, Shard(rank, world_size))
    data.require_images("devices", [options.subset])
    pixels = training_pixels(config, cache, split)
    task = load_task(config, runs, options.tta, options.scales, pixels)
    if options.resolution == "original":
        batches = data.at_original_size(names, reader, build.build_labels(config))
    else:
        batches = data.evaluation_batches(names)
    with run_log(None):
        trainer = build.build_trainer(config | {"callbacks": {}}, runs[0], [], world_size)
        return scorecard(scored(trainer, task, batches), task.names, cache.sources)
