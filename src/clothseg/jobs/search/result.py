"""Result of a search: its best trial, on the screen and in files."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from clothseg.files import csv_bytes, json_bytes, update_bytes
from clothseg.jobs.search.study import Study, Trial
from clothseg.jobs.summary import print_doubts
from clothseg.metric.aggregate import mean_and_std
from clothseg.metric.names import MONITORS, PRIMARY, Score
from clothseg.metric.scorecard import overall_scores
from clothseg.report.search_table import search_table, shown_score
from clothseg.report.tables import counted
from clothseg.run.job import Job
from clothseg.run.record import Record
from clothseg.terminal.screen import console

UNFINISHED = "unfinished"
"""Result of a trial that has not ended."""


class Planner(Protocol):
    """Planner of the folds of a configuration."""

    def plan(self, overrides: Sequence[str]) -> list[Job]:
        """Plan the folds of one configuration."""


@dataclass
class SearchResult:
    """Trials of a search, as far as they are known.

    Args:
        folder: folder of the search.
        study: its trials.
        total: number of trials asked for.
        constant: overrides with a single value.
        planner: finds the runs of a trial.
        monitor: the score of a trial.
        interrupted: the search was ended by Ctrl-C.
    """

    folder: Path
    study: Study
    total: int
    constant: Sequence[str]
    planner: Planner
    monitor: str
    interrupted: bool = False
    _saved: Trial | None = None

    @property
    def score(self) -> Score:
        """Score of the value of a trial."""
        return MONITORS[self.monitor]

    def best(self) -> Trial | None:
        """Return the first of the complete trials with the best value; None if there is none."""
        complete = [trial for trial in self.study.trials() if trial.ending == "complete"]
        return min(complete, key=self._rank, default=None)

    def _rank(self, trial: Trial) -> tuple[bool, bool, float, int]:
        """Key that sorts trials from the best to the worst, complete ones first."""
        value = math.nan if trial.value is None else trial.value
        signed = -value if self.score.higher_is_better else value
        unknown = math.isnan(value)
        return trial.ending != "complete", unknown, 0.0 if unknown else signed, trial.number

    def line(self, trial: Trial) -> str:
        """Say in one line how a trial ended."""
        value = f"validation {self.score.title} {shown_score(trial.value, self.score)}"
        told = {
            "complete": value,
            "pruned": f"pruned after {counted(trial.folds, 'fold')}, {value}",
            "failed": f"failed: {trial.reason}",
        }
        return f"trial {trial.number}  {told[trial.ending or 'failed']}"

    def command(self, trial: Trial) -> str:
        """Return the command that repeats a trial."""
        return shlex.join(["python", "train.py", *self.constant, *trial.overrides, "-m"])

    def save(self) -> None:
        """Write all trials, and the best one with the command that repeats it.

        Raises:
            WriteError: the folder cannot be written.
        """
        rows = self._rows()
        header = list(rows[0])
        table = csv_bytes(header, [list(row.values()) for row in rows])
        update_bytes(self.folder / "trials.csv", table)
        best = self.best()
        if best and best != self._saved:
            self._saved = best
            update_bytes(self.folder / "best.json", json_bytes(self._content(best)))

    def report(self) -> int:
        """Show the trials, the best one, and the command that repeats it.

        Returns:
            Exit status: 0 if there is a best trial, 1 if all failed, 130 after Ctrl-C.
        """
        best, rows = self.best(), self._rows()
        if rows:
            console.print(search_table(rows, self.score, best.number if best else None))
        if best:
            self._show(best)
        if failed := sum(row["result"] == "failed" for row in rows):
            _print(f"{counted(failed, 'trial')} failed, see trials.csv; {self.study.retry}")
        if self.interrupted:
            ended = sum(row["result"] != UNFINISHED for row in rows)
            _print(f"stopped: {ended} of {self.total} trials done; rerun this command to continue")
            return 130
        return int(best is None)

    def _show(self, best: Trial) -> None:
        """Show the best trial; it is the only one whose test score may be looked at."""
        content = self._content(best)
        value = shown_score(best.value, self.score)
        equal = [
            trial.number
            for trial in self.study.trials()
            if trial.ending == "complete" and shown_score(trial.value, self.score) == value
        ]
        tied = f" (first of {len(equal)} with this value)" if len(equal) > 1 else ""
        _print(f"best: trial {best.number}, {' '.join(best.overrides)}{tied}")
        test = ", ".join(
            f"{score.title} {shown_score(content['test'][score.name], score)}"
            for score in self._test_scores()
            if score.name in content["test"]
        )
        _print(f"validation {self.score.title} {value}; test {test}")
        print_doubts([Record(Path(run)).metrics["test"] for run in content["runs"]])
        _print(f"repeat it: {content['command']}")
        _print(f"saved to {self.folder}: best.json, trials.csv")

    def _content(self, best: Trial) -> dict[str, Any]:
        jobs = self.planner.plan([*self.constant, *best.overrides])
        cards = [overall_scores(Record(job.folder).metrics["test"]) for job in jobs]
        names = [score.name for score in self._test_scores() if score.name in cards[0]]
        return {
            "trial": best.number,
            "parameters": dict(best.parameters),
            "monitor": self.monitor,
            "validation": best.value,
            "test": {name: mean_and_std(card[name] for card in cards)["mean"] for name in names},
            "folds": best.folds,
            "command": self.command(best),
            "runs": [str(job.folder) for job in jobs],
        }

    def _test_scores(self) -> list[Score]:
        """Scores of the test part that are shown: the one searched for, and the main one."""
        return list(dict.fromkeys([self.score, PRIMARY]))

    def _rows(self) -> list[dict[str, Any]]:
        """Trials from the best to the worst, as rows of a table."""
        trials = sorted(self.study.trials(), key=self._rank)
        keys = max((trial.parameters for trial in trials), key=len, default={})
        return [
            {
                "trial": trial.number,
                "value": trial.value,
                "folds": trial.folds,
                "result": trial.ending or UNFINISHED,
                **{key: trial.parameters.get(key) for key in keys},
                "reason": trial.reason,
            }
            for trial in trials
        ]


def _print(line: str) -> None:
    console.print(line, soft_wrap=True, markup=False)
