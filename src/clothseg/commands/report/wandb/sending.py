"""Finished runs, sent to Weights & Biases because a command line asks for it.

Runs are sent from their records, without PyTorch: history, scores, configuration, confusion matrix,
table of classes and figures. Of what a record says about Weights & Biases only the id and the name
of the run are used; account and project are those of the command line.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from clothseg.commands.report.wandb.content import is_complete
from clothseg.config.settings import Report
from clothseg.error import DataError, first_line
from clothseg.labels import LabelSpace
from clothseg.logger import wandb_client as client
from clothseg.logger.tracker import Finished, Results, Subject
from clothseg.logger.wandb_environment import Account
from clothseg.logger.wandb_tracker import WandbTracker
from clothseg.metric.aggregate import aggregate_parts, pooled_matrix
from clothseg.metric.selection import mean_score
from clothseg.run.finished import FinishedRun
from clothseg.run.folders import group_name
from clothseg.run.record import Record
from clothseg.run.tables import read_history
from clothseg.terminal.screen import progress_bar, say

FINISH_TIMEOUT = 600
"""Seconds to wait for the upload of one run."""


def require_account(settings: Report) -> Account:
    """Find out where a command line sends runs.

    Raises:
        DataError: the service cannot be used; states why and what to do.
    """
    try:
        client.require_login()
        entity = settings.entity or client.default_entity()
    except client.LoginError as error:
        raise DataError(
            f"upload=true: {error.reason}; `wandb login --relogin` stores an API key, and "
            "upload=false writes the workspace and the report to a file, without a network"
        ) from error
    return Account("online", settings.project, entity, (), FINISH_TIMEOUT)


def send_runs(groups: Mapping[str, Sequence[FinishedRun]], account: Account) -> tuple[int, int]:
    """Send what a project lacks of finished runs, and the means over complete folds.

    Args:
        groups: finished folds of each configuration, or its only run, by its name.
        account: destination.

    Returns:
        Numbers of runs that are there now, and of those that could not be sent, which are warned
        of.
    """
    parts: list[tuple[Path, Callable[[], None]]] = []
    for words, group in groups.items():
        choices = group[0].config["choices"]
        name = words or f"{choices.get('model')} {choices.get('backbone')}"
        parts += [(run.folder, partial(_send_run, run, name, account)) for run in group]
        if is_complete(group):
            parts.append((group[0].configuration, partial(_send_mean, group, name, account)))
    failed = 0
    with progress_bar("sending", len(parts)) as advance:
        for folder, send in parts:
            try:
                send()
            except Exception as error:  # of the client, or of what a record has
                failed += 1
                say(f"warning: {folder} was not sent ({first_line(error)})")
            advance(1)
    return len(parts) - failed, failed


def _send_run(run: FinishedRun, name: str, account: Account) -> None:
    title = name if run.fold is None else f"{name} fold {run.fold}"

    def read() -> Finished:
        matrix = pooled_matrix([run.metrics["test"]])
        results = Results(run.metrics, matrix, {}, Record(run.folder).best_checkpoint)
        return _subject(run, run.folder, title), read_history(run.folder), results

    _tracker(account).skip(run.folder, alone=False, read=read)


def _send_mean(group: Sequence[FinishedRun], name: str, account: Account) -> None:
    metrics = [run.metrics for run in group]
    subject = _subject(group[0], group[0].configuration, f"{name}, {len(group)} folds")
    split = {key: value for key, value in subject.config["split"].items() if key != "fold"}
    _tracker(account).summarize(
        replace(subject, config={**subject.config, "split": split}),
        aggregate_parts(metrics) | {"score": mean_score(metrics)},
        pooled_matrix([fold["test"] for fold in metrics]),
    )


def _subject(run: FinishedRun, folder: Path, name: str) -> Subject:
    """Describe a run or the mean over the folds of its configuration.

    Args:
        run: the run, or one of the folds.
        folder: folder whose content is sent.
        name: name unless one was logged before.

    Raises:
        DataError: the files of the record differ in their classes.
    """
    recorded = run.config
    labels = LabelSpace(**recorded["config"]["labels"])
    if [*labels.names] != [row["name"] for row in run.metrics["test"]["per_class"]]:
        raise DataError("its config.yaml has other classes than its metrics.json")
    return Subject(
        name=str(client.recorded(folder).get("name", name)),
        folder=folder,
        group=group_name(run.configuration.resolve()),
        config=recorded["config"],
        choices=recorded["choices"],
        labels=labels,
    )


def _tracker(account: Account) -> WandbTracker:
    return WandbTracker(
        "online",
        str(account.project),
        account.entity,
        account.tags,
        artifact=False,
        finish_timeout=account.finish_timeout,
        only_there=True,
    )
