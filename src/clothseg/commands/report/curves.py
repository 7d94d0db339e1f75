"""`target=curves`: validation scores of runs over their epochs."""

from collections.abc import Iterable
from pathlib import Path

from clothseg.commands.report.runs import recorded_runs
from clothseg.config.settings import Report
from clothseg.error import DataError
from clothseg.metric.names import EPOCH_SCORES
from clothseg.report.mean_curves import History
from clothseg.report.tables import counted
from clothseg.run.names import configuration_names, run_names
from clothseg.run.tables import read_history
from clothseg.terminal.screen import console, say


def draw(settings: Report) -> None:
    """Draw the figure of a command line.

    Raises:
        DataError: there is no run, or there are too many for one figure.
    """
    runs = recorded_runs(Path(settings.runs))
    names = configuration_names(runs) if settings.average else run_names(runs)
    histories: dict[str, list[History]] = {}
    for name, run in zip(names, runs, strict=True):
        try:
            histories.setdefault(name, []).append(read_history(run.folder))
        except DataError as error:
            say(f"warning: left out: {error}")
    from clothseg.report.curves import draw_curves

    found = [history for group in histories.values() for history in group]
    _require_recorded(found, settings)
    draw_curves(histories, settings.scores, Path(settings.output), settings.train)
    of = f" of {counted(len(histories), 'configuration')}" if settings.average else ""
    console.print(f"{counted(len(found), 'run')}{of} in {settings.runs}")


def _require_recorded(histories: Iterable[History], settings: Report) -> None:
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
