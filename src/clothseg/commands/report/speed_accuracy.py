"""`target=speed_accuracy`: precision and time of human parsing, beside methods of loesch2021."""

from pathlib import Path

from clothseg.commands.report.runs import recorded_runs
from clothseg.config.settings import Report
from clothseg.error import DataError
from clothseg.metric.names import APP, APR
from clothseg.report.cited_methods import CITED, PART, REGION
from clothseg.report.speed_accuracy import Method, draw_speed_accuracy
from clothseg.report.tables import counted
from clothseg.run.names import run_names
from clothseg.run.record import Record
from clothseg.terminal.screen import console

TITLE = "Precision of human parsing against time per image"


def draw(settings: Report) -> None:
    """Draw the figure of a command line.

    Raises:
        DataError: there is no finished run of human parsing.
    """
    runs = recorded_runs(Path(settings.runs))
    found = [
        method
        for name, run in zip(run_names(runs), runs, strict=True)
        if (method := _method(name, run)) is not None
    ]
    if not found:
        raise DataError(f"runs={settings.runs}: no finished run of human parsing (model=hptr)")
    draw_speed_accuracy([*CITED, *found], Path(settings.output), TITLE, "loesch2021, on a Titan X")
    console.print(f"{counted(len(found), 'run')} in {settings.runs}")


def _method(name: str, run: Record) -> Method | None:
    """Describe a run by its scores of the test part; None without scores of human parsing."""
    if not run.is_done():
        return None
    metrics = run.metrics
    scores = {heading: metrics["test"].get(s.key) for heading, s in ((REGION, APR), (PART, APP))}
    precision = {heading: score for heading, score in scores.items() if score is not None}
    if not precision or "inference_ms" not in metrics:
        return None
    time = metrics["inference_ms"]
    choices = run.config["choices"]
    title = name or str(choices.get("model", run.folder.name))
    dataset = str(choices.get("dataset", ""))
    return Method(title, (time, time), precision, dataset, measured=True)
