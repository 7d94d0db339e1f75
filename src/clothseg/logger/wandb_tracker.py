"""Runs of Weights & Biases."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.files import write_json
from clothseg.logger import wandb_client as client
from clothseg.logger.tracker import End, Results, Row, Subject, Tracker, require_writable
from clothseg.metric.aggregate import flat_class

if TYPE_CHECKING:
    import numpy as np

EXIT_CODES: Mapping[End, int] = {"done": 0, "failed": 1, "interrupted": 130}


class WandbTracker(Tracker):
    """One run for each job; the step is the epoch, and the results follow the last one.

    A run that was cut off goes on as a new segment with the same id, which begins with the first
    epoch that its earlier segments lack.

    Args:
        mode: `offline` or `online`.
        project: the project.
        entity: its owner; None leaves it to the account.
        tags: words to find runs by.
        artifact: store the best checkpoint.
        finish_timeout: seconds that the end of an online run waits for uploads.
    """

    name = "wandb"

    def __init__(
        self,
        mode: client.Mode,
        project: str,
        entity: str | None,
        tags: Sequence[str],
        artifact: bool,
        finish_timeout: int,
    ) -> None:
        self.account = client.Account(mode, project, entity, tags, finish_timeout)
        self.artifact = artifact
        self._run: Any = None

    def require(self) -> None:
        """Try the key of an online run."""
        if self.account.mode == "online":
            client.require_login()

    def begin(self, subject: Subject) -> None:
        """Start a run, or the next segment of one."""
        job_type = "run" if subject.fold is None else "fold"
        self._start(subject, job_type, dict(subject.config))

    def epochs(self, rows: Sequence[Row]) -> None:
        """Log what the run has not got; scores that are undefined are left out."""
        for row in rows:
            step = int(row["epoch"])
            if step > self._logged:
                self._log({k: v for k, v in row.items() if math.isfinite(v)}, step)
        self._epochs = int(rows[-1]["epoch"])

    def end(self, results: Results) -> None:
        """Log scores, tables and pictures, and store the checkpoint when asked to."""
        from clothseg.logger import wandb_media as media

        card, names = results.metrics["test"], self._subject.labels.names
        content = {
            "test/per_class": media.class_table(card["per_class"]),
            "test/confusion_matrix": media.confusion_plot(results.matrix, names),
            **media.figure_images(self._subject.folder),
        }
        for kind, examples in results.examples.items():
            content[f"examples/{kind}"] = media.overlaid(examples, names)
        if self._epochs + 1 > self._logged:
            self._log(content, self._epochs + 1)
        self._run.summary.update(_flat_scores(card) | _measurements(results.metrics))
        if self.artifact:
            self._store_checkpoint(results.checkpoint)

    def close(self, end: End) -> None:
        """End the run, with an exit code that tells how."""
        if self._run is not None:
            client.finish(self._run, self._subject.folder, EXIT_CODES[end])

    def summarise(self, subject: Subject, summary: Mapping[str, Any], matrix: "np.ndarray") -> None:
        """Log mean and deviation over folds as a run of its own, unless this was done before."""
        content = json.dumps([summary, matrix.tolist()], sort_keys=True)
        digest = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
        done = subject.folder / "wandb.json"
        client.run_id(subject.folder)
        before = json.loads(done.read_text())
        if before.get("summary") == digest:
            return
        from clothseg.logger import wandb_media as media

        self._start(subject, "summary", dict(subject.config))
        try:
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
            self._run.summary.update(_flat_scores(summary) | {"folds": summary["folds"]})
        except BaseException:
            self.close("failed")
            raise
        self.close("done")
        write_json(done, before | {"summary": digest})

    def _start(self, subject: Subject, job_type: str, config: dict[str, Any]) -> None:
        self._subject = subject
        require_writable(subject.folder / "wandb")
        # Offline the files of earlier segments know what was logged, online the server does.
        self._logged, self._epochs = client.last_step(subject.folder), 0
        about = {"choices": dict(subject.choices), "signature": subject.signature}
        self._run = client.start(
            self.account, subject.folder, subject.name, subject.group, job_type, config | about
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
        artifact = client.client().Artifact(re.sub(r"[^\w.-]", "-", name), type="model")
        # Not copied: the file stays in the record, and `wandb sync` finds it there.
        artifact.add_file(str(path), policy="immutable", skip_cache=True)
        self._run.log_artifact(artifact, aliases=["best"])


def _measurements(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What a run measured beside its scores."""
    keys = ("best_epoch", "train_seconds", "images_per_second", "parameters", "inference_ms")
    return {key: metrics[key] for key in keys}


def _flat_scores(card: Mapping[str, Any]) -> dict[str, float]:
    """The scores of one run, or of the folds of one configuration, by one key each.

    `test/mean_iou` and `test/iou/<class>` for a run; with `/mean` and `/std` behind them for folds.
    """
    scores = {f"test/mean_{key}": value for key, value in card["mean"].items()}
    scores |= {f"test/{key}": card[key] for key in ("accuracy", "binary_iou")}
    for row in card["per_class"]:
        for key, value in row.items():
            if key not in ("id", "name"):
                scores[f"test/{key}/{row['name']}"] = value
    flat: dict[str, float] = {}
    for key, value in scores.items():
        parts = value.items() if isinstance(value, Mapping) else [("", value)]
        flat |= {f"{key}/{part}".rstrip("/"): number for part, number in parts if part != "n"}
    return {key: number for key, number in flat.items() if number is not None}
