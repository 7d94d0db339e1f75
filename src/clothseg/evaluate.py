"""Scores of a recorded run, computed again from its checkpoint."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clothseg import build
from clothseg.check import check_command
from clothseg.error import ConfigError
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
    card = evaluate_run(run, config["subset"], config["root"], config["trust"])
    from clothseg.report.tables import fold_table

    console.print(fold_table([card], f"{run.name}, {config['subset']} part"))
    if config["output"]:
        write_json(Path(config["output"]), card)
        console.print(f"written to {config['output']}", soft_wrap=True, markup=False)
    return 0


def evaluate_run(
    run: Path, subset: str, root: str | None, trust: Sequence[str] = ()
) -> dict[str, Any]:
    """Scorecard of a run's best epoch.

    Args:
        run: the run folder.
        subset: `train`, `validation` or `test`, the part of the frozen split.
        root: where the dataset is now; None takes the recorded place.
        trust: packages whose functions the recorded configuration may name.
    """
    record = Record(run)
    config = record.config["config"] | {"trust": list(trust)}
    build.require_valid(config)
    if not record.best_checkpoint.is_file():
        raise ConfigError(
            [f"run={run}: there is no {record.best_checkpoint}; the run has not finished an epoch"]
        )
    if root is not None:
        config["dataset"]["root"] = root
    from clothseg.metric.scorecard import scorecard
    from clothseg.report.run_log import run_log
    from clothseg.run import load_best, scored
    from clothseg.split import Split

    cache = build.build_cache(config, build.build_dataset(config))
    data = build.build_data(config, cache, Split.read(run / "split.json"))
    task = build.build_task(config)
    load_best(task, record)
    with run_log(None):
        trainer = build.build_trainer(config | {"callbacks": {}}, run, [])
        return scorecard(scored(trainer, task, data, subset), task.names)
