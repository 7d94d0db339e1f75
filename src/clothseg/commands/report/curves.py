"""`target=curves`: validation scores of runs over their epochs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from clothseg.commands.report.runs import recorded_runs
from clothseg.config.settings import Report
from clothseg.error import DataError
from clothseg.metric.names import EPOCH_SCORES
from clothseg.report.tables import counted
from clothseg.run.names import run_names
from clothseg.run.tables import read_history
from clothseg.terminal.screen import console, say


def draw(settings: Report) -> None:
    """Draw the figure of a command line.

    Raises:
        DataError: there is no run, or there are too many for one figure.
    """
    runs = recorded_runs(Path(settings.runs))
    histories = {}
    for name, run in zip(run_names(runs), runs, strict=True):
        try:
            histories[name] = read_history(run.folder)
        except DataError as error:
            say(f"warning: left out: {error}")
    from clothseg.report.curves import draw_curves

    _require_recorded(histories.values(), settings)
    draw_curves(histories, settings.scores, Path(settings.output), settings.train)
    console.print(f"{counted(len(histories), 'run')} in {settings.runs}")


def _require_recorded(histories: Iterable[Sequence[Mapping[str, float]]], settings: Report) -> None:
    """Check that every panel has a line.

    Raises:
        DataError: no run has recorded one of the scores; states how it is recorded.
    """
    recorded = {key for rows in histories for row in rows for key in row}
    for name in settings.scores:
        if f"val/{name}" not in recorded:
            costly = f"it is costly: train with callbacks.checkpoints.monitor=val/{name}"
            reason = costly if EPOCH_SCORES[name].costly else "an earlier version trained them"
            raise DataError(f"scores: no run in {settings.runs} has val/{name}; {reason}")
        if settings.train and f"train/{name}" not in recorded:
            raise DataError(
                f"train=true: no run in {settings.runs} has train/{name}; train with "
                "metric.train=true"
            )
