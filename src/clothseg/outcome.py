"""What becomes of one job: skip what is done, resume what was cut off, retry what failed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from clothseg import build
from clothseg.error import UserError
from clothseg.job import Job
from clothseg.process import Failure, execute_here
from clothseg.record import Record, code_version, run_folder, write_json
from clothseg.report.progress import say

Result = Literal["done", "resumed", "skipped", "failed", "interrupted"]


@dataclass(frozen=True)
class Outcome:
    """What became of one job.

    Args:
        name: what the job is called on the screen.
        result: `resumed` is done after having been cut off before.
        detail: a score, a reason, or an error.
        folder: the run folder; None when the job did not get that far.
        fold: the fold that was tested; None for a split without folds.
        folds: how many folds there are.
        log: where the traceback of an unexpected error is.
    """

    name: str
    result: Result
    detail: str
    folder: str | None = None
    fold: int | None = None
    folds: int | None = None
    log: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the run folder holds results."""
        return self.result in ("done", "resumed", "skipped")

    def write(self, folder: Path, number: int) -> None:
        """Leave the outcome for the process that reports on all jobs."""
        write_json(folder / f"{number:05}.json", asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Outcome":
        """Read what :meth:`write` left."""
        return cls(**json.loads(path.read_text()))


def do_job(
    name: str,
    config: dict[str, Any],
    choices: Mapping[str, str],
    overrides: list[str],
    execute: Callable[[Job], Failure | None] = execute_here,
) -> Outcome:
    """Do one job, unless it is done already; never raises for what goes wrong inside it.

    Args:
        name: what the job is called on the screen.
        config: the resolved configuration.
        choices: the chosen option of each group.
        overrides: the command line that made it.
        execute: runs a job that has to be run, and returns what went wrong.
    """
    split = config["split"]
    place: dict[str, Any] = {"fold": split.get("fold"), "folds": split.get("folds")}
    try:
        record = Record(run_folder(config, choices, build.build_dataset(config).fingerprint()))
        place["folder"] = str(record.folder)
        state = (record.status or {}).get("state")
        if state == "done" and not config["rerun"]:
            return Outcome(name, "skipped", _score(record) + _other_commit(record), **place)
        if state == "done":
            say(f"{name}  the earlier record is kept as {record.set_aside()}")
            # It is about a fold that has been replaced; the sweep's end writes it again.
            (record.folder.parent / "summary.json").unlink(missing_ok=True)
        title = name if place["fold"] is None else f"{name} fold {place['fold']}"
        job = Job(title, record.folder, config, choices, overrides)
        resumed = record.last_checkpoint is not None
        failure = execute(job)
    except UserError as problem:
        return Outcome(name, "failed", str(problem), **place)
    if failure is not None:
        return Outcome(name, failure.result, failure.detail, log=failure.log, **place)
    return Outcome(name, "resumed" if resumed else "done", _score(record), **place)


def _score(record: Record) -> str:
    mean = record.metrics["test"]["mean"]
    return f"IoU {100 * mean['iou']:.1f}  F1 {100 * mean['f1']:.1f}"


def _other_commit(record: Record) -> str:
    made, now = record.environment["commit"], code_version()["commit"]
    return f"  (made by commit {made[:7]})" if made and made != now else ""
