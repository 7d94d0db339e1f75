"""Tracker for Weights & Biases."""

import contextlib
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.files import write_json
from clothseg.logger import wandb_client as client
from clothseg.logger import wandb_environment as environment
from clothseg.logger.tracker import End, Results, Row, Subject, Tracker, require_writable
from clothseg.metric.aggregate import flat_class
from clothseg.metric.scorecard import flat_scores
from clothseg.metric.selection import mean_score

if TYPE_CHECKING:
    import numpy as np

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
    ) -> None:
        self.account = environment.Account(mode, project, entity, tuple(tags), finish_timeout)
        self.artifact = artifact
        self._run: Any = None
        self._rows: Sequence[Row] = ()

    def require(self, several: bool) -> None:
        """Check the trial of an agent, and verify the API key in online mode."""
        environment.require_one_configuration(several)
        if self.account.mode == "online":
            client.require_login()
        environment.announce(self.account)

    def begin(self, subject: Subject) -> None:
        """Start a run or the next segment of it."""
        job_type = "run" if subject.fold is None else "fold"
        self._start(subject, job_type, environment.current_trial() if subject.alone else None)

    def epochs(self, rows: Sequence[Row]) -> None:
        """Log the epochs that the run lacks, without undefined scores."""
        for row in rows:
            step = int(row["epoch"])
            if step > self._logged:
                self._log({k: v for k, v in row.items() if math.isfinite(v)}, step)
        self._rows = rows

    def end(self, results: Results) -> None:
        """Log scores, tables and figures, and optionally store the checkpoint."""
        from clothseg.logger import wandb_media as media
        from clothseg.logger.wandb_people import people_images

        names = self._subject.labels.names
        content = {
            "test/per_class": media.class_table(results.metrics["test"]["per_class"]),
            "test/confusion_matrix": media.confusion_plot(results.matrix, names),
            **media.figure_images(self._subject.folder),
        }
        for kind, examples in results.examples.items():
            if results.values:
                content |= people_images(f"examples/{kind}", examples, results.values)
            else:
                content[f"examples/{kind}"] = media.overlay_masks(examples, names)
        if len(self._rows) + 1 > self._logged:
            self._log(content, len(self._rows) + 1)
        self._run.summary.update(
            _flat_scores(results.metrics)
            | _best_epoch(self._rows, results.metrics["best_epoch"])
            | _measurements(results.metrics)
            | _score(mean_score([results.metrics]))
        )
        if self.artifact:
            self._store_checkpoint(results.checkpoint)

    def skip(self, subject: Subject, read: Callable[[], tuple[Sequence[Row], Results]]) -> None:
        """Log a finished run to the run of the trial, unless it is there already."""
        trial = environment.current_trial()
        if trial is None or client.recorded_id(subject.folder) == trial.run:
            return
        rows, results = read()
        with self._closed_after():
            self.begin(subject)
            self.epochs(rows)
            self.end(results)

    def close(self, end: End) -> None:
        """Finish the run with the exit code of its end state."""
        if self._run is not None:
            client.finish(self._run, self._subject.folder, EXIT_CODES[end])

    def summarize(self, subject: Subject, summary: Mapping[str, Any], matrix: "np.ndarray") -> None:
        """Log mean and standard deviation over folds as a separate run, unless already logged."""
        content = json.dumps([summary, matrix.tolist()], sort_keys=True)
        digest = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
        path, trial = subject.folder / "wandb.json", environment.current_trial()
        client.run_id(subject.folder, trial)
        previous = client.recorded(subject.folder)
        if previous.get("summary") == digest:
            return
        from clothseg.logger import wandb_media as media

        with self._closed_after():
            self._start(subject, "summary", trial)
            self._log(
                {
                    "test/per_class": media.class_table(
                        [flat_class(row) for row in summary["per_class"]]
                    ),
                    "test/confusion_matrix": media.confusion_plot(matrix, subject.labels.names),
                    **media.figure_images(subject.folder),
                },
                self._logged + 1,
            )
            parts = {"test": summary, **{k: v for k, v in summary.items() if k == "validation"}}
            self._run.summary.update(
                _flat_scores(parts) | {"folds": summary["folds"]} | _score(summary["score"])
            )
        write_json(path, previous | {"summary": digest})

    @contextlib.contextmanager
    def _closed_after(self) -> Iterator[None]:
        """Close the run that is started inside."""
        try:
            yield
        except BaseException:
            self.close("failed")
            raise
        self.close("done")

    def _start(self, subject: Subject, job_type: str, trial: environment.Trial | None) -> None:
        self._subject = subject
        require_writable(subject.folder / "wandb")
        # Offline, earlier segments on disk hold the steps logged so far; online, the server does.
        identity = client.run_id(subject.folder, trial)
        self._logged = client.last_step(subject.folder, identity)
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


def _measurements(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Measurements of a run other than its scores."""
    keys = ("best_epoch", "train_seconds", "images_per_second", "parameters", "inference_ms")
    return {key: metrics[key] for key in keys}


def _score(value: float | None) -> dict[str, float]:
    """Score that a W&B sweep optimizes; missing if undefined."""
    return {} if value is None else {"score": value}


def _best_epoch(rows: Sequence[Row], best_epoch: int) -> dict[str, float | None]:
    """Validation metrics of the best epoch, in place of those of the last epoch.

    A score that is undefined at the best epoch is None if another epoch has logged it.
    """
    best = rows[best_epoch - 1]
    logged = {key for row in rows for key, value in row.items() if math.isfinite(value)}
    return {
        key: value if math.isfinite(value) else None
        for key, value in best.items()
        if key.startswith("val/") and key in logged
    }


def _flat_scores(parts: Mapping[str, Any]) -> dict[str, float]:
    """Flatten the scores of the parts of one run, or of the folds of one configuration.

    The keys are such as `test/mean_iou` and `val/iou/<class>` for a run, with the suffixes `/mean`
    and `/std` for folds.

    Args:
        parts: scorecards of `test` and, unless an earlier version trained the run, `validation`.
    """
    scores = flat_scores(parts["test"], "test")
    if "validation" in parts:
        scores |= flat_scores(parts["validation"], "val")
    flat: dict[str, float] = {}
    for key, value in scores.items():
        numbers = value.items() if isinstance(value, Mapping) else [("", value)]
        flat |= {f"{key}/{part}".rstrip("/"): number for part, number in numbers if part != "n"}
    return {key: number for key, number in flat.items() if number is not None}
