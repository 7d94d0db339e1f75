"""Records of finished runs without a network, for tests of whatever reads many of them."""

from clothseg.config.command_line import check_command
from clothseg.files import write_json
from clothseg.run.record import Record
from support.scores import run_metrics


def write_finished(folder, *overrides, iou=0.5, validation=0.5, metrics=None):
    """Write the record of a finished run of a command line.

    Args:
        folder: run folder.
        overrides: arguments of the command; `split.fold` is that of the folder.
        iou: value of all test scores.
        validation: value of all validation scores; None: as by version 0.1.0.
        metrics: further content of `metrics.json`.
    """
    fold = folder.name.removeprefix("fold-")
    (job,) = check_command([*overrides, *([f"split.fold={fold}"] if fold.isdigit() else [])])
    record = Record(folder)
    record.begin(dict(job.config.plain), job.choices, list(job.overrides), "CPU")
    content = run_metrics(iou, validation) | (metrics or {})
    write_json(folder / "metrics.json", content)
    record.end([])
    return record
