"""Scores of a recorded run, computed again from its checkpoint."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from clothseg import build
from clothseg.check import check_command
from clothseg.error import ConfigError, DataError
from clothseg.machine import Machine
from clothseg.process import Done, Processes
from clothseg.record import Record, write_json
from clothseg.report.progress import console
from clothseg.schema import Evaluate


def evaluate_command(overrides: list[str]) -> int:
    """Evaluate, show, and write when asked to; returns the exit status.

    Raises:
        ConfigError: the command line is wrong, or the folder holds no finished run.
        DataError: the dataset cannot be read.
    """
    config = check_command(overrides, "evaluate", Evaluate)[0].config
    run = Path(config["run"])
    card = evaluate_run(
        run,
        config["subset"],
        config["root"],
        config["trust"],
        devices=config["devices"],
        tta=config["tta"],
    )
    from clothseg.report.tables import score_tables

    seen = "" if config["tta"] == "none" else f", tta={config['tta']}"
    console.print(*score_tables([card], f"{run.name}, {config['subset']} part{seen}"))
    if config["output"]:
        write_json(Path(config["output"]), card)
        console.print(f"written to {config['output']}", soft_wrap=True, markup=False)
    return 0


def evaluate_run(
    run: Path,
    subset: str,
    root: str | dict[str, str] | None,
    trust: Sequence[str] = (),
    devices: int = 1,
    tta: str = "none",
) -> dict[str, Any]:
    """Scorecard of a run's best epoch.

    Args:
        run: the run folder.
        subset: `train`, `validation` or `test`, the part of the frozen split.
        root: where the dataset is now, or each source of a mixture; None takes the recorded place.
        trust: packages whose functions the recorded configuration may name.
        devices: processes that share the photos.
        tta: `none`, or `flip` for the average of each photo and its mirror image.

    Raises:
        ConfigError: the folder holds no finished run, or there are no such devices or sources.
        DataError: the dataset cannot be read, or a process did not come to its end.
    """
    record = Record(run)
    config = record.config["config"] | {"trust": list(trust)}
    build.require_valid(config)
    if not record.best_checkpoint.is_file():
        raise ConfigError(
            [f"run={run}: there is no {record.best_checkpoint}; the run has not finished an epoch"]
        )
    if root is not None:
        _move(config["dataset"], root)
    config["trainer"]["sync_batchnorm"] = False  # which a CPU does not have, and nothing is trained
    accelerator = config["trainer"]["accelerator"]
    ranks = Machine.here().ranks(accelerator, devices)
    work = partial(_score, run, config, subset, tta, ranks)
    if ranks == 1:
        return work(0)
    (place,) = Machine.here().places(1, ranks, accelerator)
    processes = Processes()
    with processes.stopped_by_signals():
        ending = processes.run(work, ranks, place)
    if isinstance(ending, Done):
        return ending.value
    if ending.result == "interrupted":
        raise KeyboardInterrupt
    raise DataError(ending.detail)


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
    run: Path, config: dict[str, Any], subset: str, tta: str, ranks: int, rank: int
) -> dict[str, Any]:
    """What each process does; each of them has the whole scorecard in the end."""
    from clothseg.datamodule import Share
    from clothseg.metric.scorecard import scorecard
    from clothseg.model.flip_average import FlipAverage
    from clothseg.report.run_log import run_log
    from clothseg.run import load_best, scored
    from clothseg.split import Split

    cache = build.build_cache(config, build.build_dataset(config))
    split = Split.read(run / "split.json")
    data = build.build_data(config, cache, split, Share(rank, ranks))
    task = build.build_task(config)
    load_best(task, Record(run))
    if tta == "flip":
        averaged = FlipAverage(task.network, build.build_labels(config).exchanged)
        task.set_submodule("network", averaged)
    with run_log(None):
        trainer = build.build_trainer(config | {"callbacks": {}}, run, [], ranks)
        return scorecard(scored(trainer, task, data, subset), task.names, cache.sources)
