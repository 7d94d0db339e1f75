"""The end of a command: folds added up, tables shown, an honest exit status."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clothseg.error import DataError
from clothseg.files import write_array, write_json
from clothseg.jobs.fold_summary import log_summary
from clothseg.jobs.outcome import Outcome
from clothseg.metric.aggregate import aggregate, flat_class, mean_card, pooled_matrix
from clothseg.report.tables import comparison_table, score_tables, sweep_table
from clothseg.run.record import Record
from clothseg.screen import console


def report_outcomes(outcomes: Sequence[Outcome], loggers: Mapping[str, Any]) -> int:
    """Show what became of all jobs, and add up the folds of every configuration.

    Args:
        outcomes: in the order of the jobs.
        loggers: the command's `logger`; they are told about complete cross-validations.

    Returns:
        Exit status: 0 when every job is done, 1 when one failed, 130 after Ctrl-C.
    """
    configs: dict[Path, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.folder is not None:
            folder = Path(outcome.folder)
            configs.setdefault(folder if outcome.fold is None else folder.parent, []).append(
                outcome
            )
    compared: dict[str, list[dict[str, Any]]] = {}
    problems = []
    stopped = any(o.result == "interrupted" for o in outcomes)
    for folder, jobs in configs.items():
        try:
            cards = _report_config(folder, jobs, loggers)
        except DataError as error:
            if not stopped:
                problems.append(str(error))
            continue
        if cards:
            compared[jobs[0].name] = cards
    if len(compared) > 1:
        console.print(comparison_table(compared, "all configurations, test part"))
        _report_repeats(compared)
    if len(outcomes) > 1:
        console.print(sweep_table([(_row_name(o), o.result, o.detail) for o in outcomes]))
    elif outcomes[0].result == "failed":
        problems.append(outcomes[0].detail)
    elif outcomes[0].result == "skipped":
        console.print("nothing to do: this run is done; rerun=true trains it again")
    for outcome in outcomes:
        if outcome.log:
            where = f"log of {_row_name(outcome)}: {outcome.log}"
            console.print(where, soft_wrap=True, markup=False)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if any(o.result == "elsewhere" for o in outcomes):
        console.print("another process does some of these jobs; the same command again adds them")
    if stopped:
        kept = any(_begun(o) for o in outcomes)
        text = "finished epochs are kept" if kept else "no epoch was finished"
        console.print(f"stopped; {text}: the same command goes on from there")
        return 130
    return int(bool(problems) or not all(o.finished for o in outcomes))


def _begun(outcome: Outcome) -> bool:
    """Whether a job left something to go on from."""
    folder = outcome.folder
    return folder is not None and Record(Path(folder)).last_checkpoint is not None


def _report_repeats(compared: Mapping[str, list[dict[str, Any]]]) -> None:
    """Show mean and deviation over the seeds of configurations that differ in nothing else."""
    repeats: dict[str, list[dict[str, Any]]] = {}
    for name, cards in compared.items():
        kept = [word for word in name.split() if not word.startswith("seed=")]
        repeats.setdefault(" ".join(kept) or "all", []).append(mean_card(cards))
    if len(repeats) == len(compared):
        return
    console.print(comparison_table(repeats, "over seeds, test part", "seed"))


def _report_config(
    folder: Path, jobs: Sequence[Outcome], loggers: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Show the folds of one configuration, add them up when all are there; returns their scores."""
    done = [job for job in jobs if job.finished]
    if not done:
        return []
    cards = [Record(Path(str(job.folder))).metrics["test"] for job in done]
    name, folds = jobs[0].name, jobs[0].folds
    if folds is None or len(jobs) == 1:
        fold = "" if folds is None else f" fold {jobs[0].fold}"
        console.print(*score_tables(cards, f"{name}{fold}, test part"))
        console.print(f"kept in {done[0].folder}", soft_wrap=True, markup=False)
        return cards
    missing = sorted(set(range(folds)) - {job.fold for job in done})
    if missing:
        text = ", ".join(map(str, missing))
        raise DataError(
            f"{name}: fold {text} of {folds} is missing; there is no cross-validated score"
        )
    if any(job.result != "skipped" for job in done) or not (folder / "summary.json").is_file():
        try:
            _add_up(folder, name, [Path(str(job.folder)) for job in done], cards)
        except OSError as error:
            raise DataError(f"the folds in {folder} could not be added up: {error}") from error
    log_summary(loggers, folder, name, Path(str(done[0].folder)), cards)
    console.print(*score_tables(cards, f"{name}, {folds} folds, test part"))
    console.print(
        f"kept in {folder}; pooled over folds: {folder / 'confusion_matrix.png'}",
        soft_wrap=True,
        markup=False,
    )
    return cards


def _add_up(folder: Path, name: str, runs: Sequence[Path], cards: Sequence[dict[str, Any]]) -> None:
    """Write mean, deviation and pooled matrix of a complete cross-validation."""
    # Drawing takes a second to import, which a sweep of skipped jobs should not cost.
    from clothseg.report.results import draw_scores, write_per_class

    divisions = {Record(run).metrics["division"] for run in runs}
    if len(divisions) > 1:
        raise DataError(
            f"{name}: the folds in {folder} come from {len(divisions)} different divisions of the "
            "dataset; train them again with rerun=true"
        )
    matrix = pooled_matrix(cards)
    names = [row["name"] for row in cards[0]["per_class"]]
    summary = aggregate(cards)
    write_json(folder / "summary.json", {**summary, "confusion_matrix": matrix.tolist()})
    write_array(folder / "confusion_matrix.npy", matrix)
    draw_scores(matrix, names, folder, f"{name}, {len(cards)} folds pooled")
    write_per_class(
        {"per_class": [flat_class(row) for row in summary["per_class"]]}, folder / "per_class.csv"
    )


def _row_name(outcome: Outcome) -> str:
    return outcome.name if outcome.fold is None else f"{outcome.name} fold {outcome.fold}"
