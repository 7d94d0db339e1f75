"""Tracker for Weights & Biases."""

import contextlib
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.error import DataError
from clothseg.logger import wandb_client as client
from clothseg.logger import wandb_environment as environment
from clothseg.logger import wandb_keys as keys
from clothseg.logger.tracker import (
    End,
    Finished,
    Results,
    Row,
    Subject,
    Tracker,
    require_writable,
)
from clothseg.logger.wandb_files import last_step, send_offline_files
from clothseg.logger.wandb_keys import JobType
from clothseg.logger.wandb_scores import best_so_far, class_means, fold_summary, run_summary
from clothseg.metric.names import DEFAULT_MONITOR
from clothseg.terminal.screen import say

if TYPE_CHECKING:
    import numpy as np

COMPLETE = "complete"
"""Noted for a run once all of it is logged: a finished record does not change."""
EXIT_CODES: Mapping[End, int] = {"done": 0, "failed": 1, "interrupted": 130}


class WandbTracker(Tracker):
    """Tracker that logs one run per job, with the epoch as step and the results at a final step.

    An interrupted run continues as a new segment with the same id, starting with the first epoch
    that the earlier segments lack. In a trial of a W&B sweep, the only job of the command, or the
    summary of its folds, is logged to the run that the agent has created.

    Args:
        mode: `offline` or `online`.
        project: the project.
        entity: owner of the project; None for the account's default.
        tags: tags of the runs.
        artifact: store the best checkpoint as an artifact.
        finish_timeout: seconds to wait for uploads at the end of an online run.
        only_there: log a finished run although it is in another project, such as that of a sweep.
    """

    name = "wandb"

    def __init__(
        self,
        mode: environment.Mode,
        project: str,
        entity: str | None,
        tags: Sequence[str],
        artifact: bool,
        finish_timeout: int,
        only_there: bool = False,
    ) -> None:
        self.account = environment.Account(mode, project, entity, tuple(tags), finish_timeout)
        self.artifact = artifact
        self._place, self._only_there = environment.place(self.account), only_there
        self._run: Any = None
        self._rows: Sequence[Row] = ()
        self._digest: str | None = None  # of what the run has when it is complete

    def require(self, several: bool) -> None:
        """Check the trial of an agent, and verify the API key in online mode."""
        environment.require_one_configuration(several)
        if self.account.mode == "online":
            client.require_login()
        environment.announce(self.account)

    def begin(self, subject: Subject) -> None:
        """Start a run or the next segment of it."""
        job_type: JobType = "run" if subject.fold is None else "fold"
        self._start(subject, job_type, environment.current_trial() if subject.alone else None)
        # The summary has the best epoch instead, which the client cannot tell from the last.
        self._run.define_metric(keys.EPOCH_SCORES, summary="none")

    def epochs(self, rows: Sequence[Row]) -> None:
        """Log the epochs that the run lacks, without undefined scores, and the best as summary."""
        for row in rows:
            step = int(row["epoch"])
            if step > self._logged:
                self._log({k: v for k, v in row.items() if math.isfinite(v)}, step)
        self._rows = rows
        if best := best_so_far(rows, _monitor(self._subject.config)):
            self._run.summary.update(best)

    def end(self, results: Results) -> None:
        """Log scores, tables and figures, and optionally store the checkpoint."""
        if len(self._rows) + 1 > self._logged:
            self._log(_media(self._subject, results), len(self._rows) + 1)
        self._run.summary.update(run_summary(results, self._rows))
        if self.artifact:
            self._store_checkpoint(results.checkpoint)
        self._digest = COMPLETE

    def skip(self, folder: Path, alone: bool, read: Callable[[], Finished]) -> None:
        """Log a finished run that was not logged, or not to the run of the trial."""
        trial = environment.current_trial() if alone else None
        if trial:
            if client.recorded_id(folder) != trial.run:
                self.send(*read())
        elif not self._is_logged(folder, COMPLETE):
            subject, rows, results = read()
            if self._has_files(subject, rows):
                client.note_logged(folder, self._place, COMPLETE)
                return
            if self.account.mode == "online":
                self._send_offline_files(subject)
            self.send(subject, rows, results)

    def send(self, subject: Subject, rows: Sequence[Row], results: Results) -> None:
        """Log what a run lacks of a finished record; nothing if it is complete.

        Args:
            subject: the run.
            rows: all epochs.
            results: the results.
        """
        with self._closed_after():
            self.begin(subject)
            self.epochs(rows)
            self.end(results)

    def close(self, end: End) -> None:
        """Finish the run with the exit code of its end state."""
        if self._run is not None:
            client.finish(self._run, self._subject.folder, EXIT_CODES[end])
            if end == "done" and self._digest:
                client.note_logged(self._subject.folder, self._place, self._digest)

    def summarize(self, subject: Subject, summary: Mapping[str, Any], matrix: "np.ndarray") -> None:
        """Log mean and standard deviation over folds as a separate run, unless already logged."""
        content = json.dumps([summary, matrix.tolist()], sort_keys=True)
        digest = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
        trial = environment.current_trial()
        client.run_id(subject.folder, trial)
        if self._is_logged(subject.folder, digest):
            return
        with self._closed_after():
            self._start(subject, "summary", trial)
            self._log(_summary_media(subject, summary, matrix), self._logged + 1)
            self._run.summary.update(fold_summary(summary))
            self._digest = digest

    @contextlib.contextmanager
    def _closed_after(self) -> Iterator[None]:
        """Close the run that is started inside."""
        try:
            yield
        except BaseException:
            self.close("failed")
            raise
        self.close("done")

    def _start(self, subject: Subject, job_type: JobType, trial: environment.Trial | None) -> None:
        self._subject = subject
        require_writable(subject.folder / "wandb")
        # Offline, earlier segments on disk hold the steps logged so far; online, the server does.
        identity = client.run_id(subject.folder, trial)
        client.note(subject.folder, name=subject.name)
        self._logged = last_step(subject.folder, identity)
        extra = {"choices": dict(subject.choices), "signature": subject.signature}
        self._run = client.start(
            self.account,
            subject.folder,
            subject.name,
            subject.group,
            job_type,
            {**subject.config, **extra},
            trial,
        )
        if self.account.mode == "online":
            self._logged = self._run.starting_step - 1

    def _is_logged(self, folder: Path, digest: str) -> bool:
        return client.is_logged(folder, self._place, digest, self._only_there)

    def _has_files(self, subject: Subject, rows: Sequence[Row]) -> bool:
        """Return whether an earlier version logged a finished run offline, and did not note it."""
        identity = client.recorded_id(subject.folder)
        if identity is None or self.account.mode == "online":
            return False
        return last_step(subject.folder, identity) > len(rows)

    def _send_offline_files(self, subject: Subject) -> None:
        """Send what was logged offline: it has example images, which a record lacks."""
        identity = client.recorded_id(subject.folder)
        if identity is None:
            return
        default = client.default_entity()
        account = environment.effective(self.account)
        account = replace(account, entity=account.entity or default)
        try:
            send_offline_files(subject.folder, identity, account, default)
        except DataError as error:
            say(f"{subject.name}  warning: {error}; what the record has is sent")

    def _log(self, content: Mapping[str, Any], step: int) -> None:
        self._run.log(dict(content), step=step, commit=True)
        self._logged = step

    def _store_checkpoint(self, path: Path) -> None:
        subject = self._subject
        fold = "" if subject.fold is None else f"-fold-{subject.fold}"
        name = f"{subject.choices['model']}-{subject.choices['backbone']}-{subject.signature}{fold}"
        artifact = client.import_wandb().Artifact(re.sub(r"[^\w.-]", "-", name), type="model")
        # Referenced rather than copied: `wandb sync` finds the file in the record.
        artifact.add_file(str(path), policy="immutable", skip_cache=True)
        self._run.log_artifact(artifact, aliases=["best"])


def _media(subject: Subject, results: Results) -> dict[str, Any]:
    """Tables, charts and images of a finished run by logging key."""
    from clothseg.logger import wandb_media as media

    content = {
        keys.CLASS_TABLE: media.class_table(results.metrics["test"]["per_class"]),
        keys.CONFUSION: media.confusion_plot(results.matrix, subject.labels.names),
        **media.figure_images(subject.folder),
    }
    if not results.examples:
        return content
    table = media.example_table(results.examples, subject.labels.palette)
    return content | _example_images(subject, results) | {keys.EXAMPLE_TABLE: table}


def _example_images(subject: Subject, results: Results) -> dict[str, Any]:
    """Example images with switchable masks by logging key."""
    from clothseg.logger import wandb_media as media
    from clothseg.logger.wandb_people import people_images

    images: dict[str, Any] = {}
    for kind, examples in results.examples.items():
        key = keys.examples_key(kind)
        if results.values:
            images |= people_images(key, examples, results.values)
        else:
            images[key] = media.overlay_masks(examples, subject.labels.names)
    return images


def _summary_media(
    subject: Subject, summary: Mapping[str, Any], matrix: "np.ndarray"
) -> dict[str, Any]:
    """Tables, charts and images of a complete cross-validation by logging key."""
    from clothseg.logger import wandb_media as media

    return {
        keys.CLASS_TABLE: media.class_table(class_means(summary["per_class"])),
        keys.CONFUSION: media.confusion_plot(matrix, subject.labels.names),
        **media.figure_images(subject.folder),
    }


def _monitor(config: Mapping[str, Any]) -> str:
    """Metric that selects the best epoch; the default for records that name none."""
    node = config.get("callbacks", {}).get("checkpoints", {})
    return str(node.get("monitor", DEFAULT_MONITOR))
