"""Final report of a command: fold summaries, result tables and the exit status."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clothseg.config.run_config import RunConfig
from clothseg.error import DataError
from clothseg.files import array_bytes, csv_bytes, json_bytes, update_bytes
from clothseg.jobs.fold_summary import log_skipped, log_summary
from clothseg.jobs.outcome import Outcome
from clothseg.jobs.sweep_files import configuration_keys, write_comparison
from clothseg.jobs.sweep_folder import SweepFolder
from clothseg.metric.aggregate import aggregate_parts, flat_class, part_cards, pooled_matrix
from clothseg.metric.doubt import doubts
from clothseg.report.score_tables import score_tables
from clothseg.report.tables import sweep_table
from clothseg.run.configurations import combine_seeds
from clothseg.run.finished import FinishedRun
from clothseg.run.names import FOLD_KEY
from clothseg.run.record import Record
from clothseg.terminal.screen import console
from clothseg.terminal.streams import print_error


def report_outcomes(
    outcomes: Sequence[Outcome], config: RunConfig, sweep: SweepFolder | None = None
) -> int:
    """Show the outcomes of all jobs, and summarize the folds of every configuration.

    Args:
        outcomes: one outcome per job, in the order of the jobs.
        config: a configuration of the command; its loggers log complete cross-validations.
        sweep: folder for the comparison of several configurations; None for a single run.

    Returns:
        Exit status: 0 if every job finished, 1 if one failed, 130 after Ctrl-C.
    """
    configs: dict[Path, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.folder is not None:
            folder = Path(outcome.folder)
            configs.setdefault(folder if outcome.fold is None else folder.parent, []).append(
                outcome
            )
    compared: dict[str, list[FinishedRun]] = {}
    problems = []
    interrupted = any(o.result == "interrupted" for o in outcomes)
    for folder, jobs in configs.items():
        try:
            folds = report_config(folder, jobs, config, details=len(configs) == 1)
        except DataError as error:
            if not interrupted:
                problems.append(str(error))
            continue
        if folds:
            compared[jobs[0].name] = folds
    if len(compared) > 1:
        _report_comparison(compared, sweep)
    if len(outcomes) > 1:
        console.print(sweep_table([(_row_name(o), o.result, o.detail) for o in outcomes]))
    elif outcomes[0].result == "failed":
        problems.append(outcomes[0].detail)
    elif outcomes[0].result == "skipped":
        console.print("nothing to do: this run has already finished; rerun=true trains it again")
    for outcome in outcomes:
        if outcome.log:
            line = f"log of {_row_name(outcome)}: {outcome.log}"
            console.print(line, soft_wrap=True, markup=False)
    for problem in problems:
        print_error(problem)
    if any(o.result == "elsewhere" for o in outcomes):
        console.print(
            "some of these jobs are running in another process; rerun this command to include them"
        )
    if interrupted:
        saved = any(_has_checkpoint(o) for o in outcomes)
        text = (
            "rerun this command to resume from the last checkpoint"
            if saved
            else "no epoch was finished; rerun this command to start again"
        )
        finished = sum(outcome.finished for outcome in outcomes)
        console.print(f"stopped: {finished} of {len(outcomes)} done; {text}")
        return 130
    return int(bool(problems) or not all(o.finished for o in outcomes))


def _has_checkpoint(outcome: Outcome) -> bool:
    """Return whether a job left a checkpoint to resume from."""
    folder = outcome.folder
    return folder is not None and Record(Path(folder)).is_resumable


def _report_comparison(
    compared: Mapping[str, Sequence[FinishedRun]], sweep: SweepFolder | None
) -> None:
    """Show and write the comparison of configurations, over seeds if any has several.

    Args:
        compared: folds of each configuration and seed by its name.
        sweep: folder for the comparison.
    """
    # SciPy takes a second to import, which a single run avoids.
    from clothseg.run.comparison.tables import ComparedTables

    configurations = combine_seeds(compared)
    tables = ComparedTables(configurations)
    console.print(tables.terminal_table("all configurations, test set"))
    runs = [run for group in compared.values() for run in group]
    if best := tables.comparison.best:
        repeated = repeating_command(configurations.runs(best)[0])
        text = f"best: {best}; repeat it, with other keys if you like: {repeated}"
        console.print(text, soft_wrap=True, markup=False)
    if sweep:
        folder = sweep.path(run.folder for run in runs)
        paths = ", ".join(map(str, write_comparison(folder, tables)))
        text = f"written to {paths}; scores of every class: {folder / 'per_class.csv'}"
        console.print(text, soft_wrap=True, markup=False)


def repeating_command(run: FinishedRun) -> str:
    """Return the command that repeats the configuration of a run: all of its folds, or the run."""
    if run.fold is None:
        return shlex.join(["python", "train.py", f"rerun_from={run.folder}"])
    typed = [text for text in run.config["overrides"] if not text.startswith(f"{FOLD_KEY}=")]
    return shlex.join(["python", "train.py", *typed, "rerun=true", "-m"])


def report_config(
    folder: Path, jobs: Sequence[Outcome], config: RunConfig, details: bool
) -> list[FinishedRun]:
    """Summarize the folds of a configuration if they are complete; returns its runs.

    Args:
        folder: the run folder, or the folder of the folds.
        jobs: the outcomes of its jobs.
        config: a configuration of the command.
        details: show the scores of every class; with several configurations they stay in files.
    """
    finished = [job for job in jobs if job.finished]
    runs = [job.run for job in finished if job.run]
    if not runs:
        return []
    metrics = [run.metrics for run in runs]
    cards, validation = part_cards(metrics)
    name, folds = jobs[0].name, jobs[0].folds
    for job in finished:
        if job.result == "skipped":
            alone = len(jobs) == 1
            log_skipped(config, folder, _row_name(job), Path(str(job.folder)), alone)
    if folds is None or len(jobs) == 1:
        fold = "" if folds is None else f" fold {jobs[0].fold}"
        if details:
            console.print(*score_tables(cards, f"{name}{fold}, test set", validation))
            print_doubts(cards)
            console.print(f"saved to {finished[0].folder}", soft_wrap=True, markup=False)
        return runs
    missing = sorted(set(range(folds)) - {job.fold for job in finished})
    if missing:
        text = ", ".join(map(str, missing))
        raise DataError(
            f"{name}: fold {text} of {folds} is missing, so there is no cross-validated score"
        )
    try:
        changed = _write_fold_summary(folder, name, runs)
        if config.report.figures != "none" and (changed or not _is_drawn(folder)):
            _draw_fold_summary(folder, name, cards)
    except OSError as error:
        raise DataError(f"the folds in {folder} could not be summarized: {error}") from error
    log_summary(config, folder, name, runs[0].folder, metrics)
    if not details:
        return runs
    console.print(*score_tables(cards, f"{name}, {folds} folds, test set", validation))
    print_doubts(cards)
    matrix = folder / "confusion_matrix.png"
    pooled = f"; pooled over folds: {matrix}" if matrix.is_file() else ""
    console.print(f"saved to {folder}{pooled}", soft_wrap=True, markup=False)
    return runs


def print_doubts(cards: Sequence[Mapping[str, Any]]) -> None:
    """Print why the scores of a configuration are suspect, and in how many of its folds."""
    for reason, count in Counter(reason for card in cards for reason in doubts(card)).items():
        folds = f" in {count} of {len(cards)} folds" if len(cards) > 1 else ""
        console.print(f"suspect: {reason}{folds}", style="yellow", markup=False)


def _is_drawn(folder: Path) -> bool:
    """Return whether the figures of a cross-validation are there."""
    names = ("confusion_matrix.png", "figures/class_iou.png")
    return all((folder / name).is_file() for name in names)


def _write_fold_summary(folder: Path, name: str, runs: Sequence[FinishedRun]) -> bool:
    """Write what a cross-validation is, its mean, standard deviation and pooled confusion matrix.

    They follow from the folds, so whatever else is in these files is replaced.

    Returns:
        True if a file was missing or held something else.
    """
    metrics = [run.metrics for run in runs]
    divisions = {fold["division"] for fold in metrics}
    if len(divisions) > 1:
        raise DataError(
            f"{name}: the folds in {folder} come from {len(divisions)} different splits of the "
            "dataset; train them again with rerun=true"
        )
    cards, _ = part_cards(metrics)
    matrix = pooled_matrix(cards)
    summary = aggregate_parts(metrics)
    suspect = [doubts(card) for card in cards]
    content = {**configuration_keys(runs[0]), **summary, "confusion_matrix": matrix.tolist()}
    content |= {"suspect": suspect} if any(suspect) else {}
    rows = [flat_class(row) for row in summary["per_class"]]
    files = {
        "summary.json": json_bytes(content),
        "confusion_matrix.npy": array_bytes(matrix),
        "per_class.csv": csv_bytes(list(rows[0]), [list(row.values()) for row in rows]),
    }
    changed = [update_bytes(folder / file, encoded) for file, encoded in files.items()]
    return any(changed)


def _draw_fold_summary(folder: Path, name: str, cards: Sequence[Mapping[str, Any]]) -> None:
    """Draw the pooled confusion matrix, and the mean IoU of each class over folds."""
    # The plotting libraries take a second to import, which a sweep of skipped jobs avoids.
    from clothseg.report.results import draw_scores

    draw_scores(cards, folder, name)


def _row_name(outcome: Outcome) -> str:
    return outcome.name if outcome.fold is None else f"{outcome.name} fold {outcome.fold}"
