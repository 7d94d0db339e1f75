"""JSON and YAML files of a record: the shape of each, and checksums that reveal changes.

A file is read by one function, which accepts its shape only: anything else is one message.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clothseg.config.validation import plain_words
from clothseg.error import DataError
from clothseg.files import write_json
from clothseg.untrusted import MAX_LIST_BYTES, parse_json, read_file

Plain = dict[str, Any]
State = Literal["running", "done", "failed", "interrupted"]

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Loader of plain YAML; the one in C takes a tenth of the time."""
MAX_DEPTH, MAX_ALIASES = 100, 20
"""Maximum nesting of a YAML file, at which the loader in C would crash, and maximum number of its
aliases: of aliases of aliases, 30 levels expand to a thousand million values."""

CHECKSUMS = "checksums.json"

DERIVED = (
    *("per_class.csv", "confusion_matrix.npy", "image_scores.npz", "confusion_matrix.png"),
    *(f"figures/{name}.png" for name in ("class_iou", "learning_curves", "best", "worst")),
)
"""Files of a run that can be written again from its weights and its history."""


class Content(BaseModel):
    """Part of a file; later versions may have added keys."""

    model_config = ConfigDict(extra="allow")


class Status(Content):
    """Content of `status.json`."""

    state: State
    attempts: int
    error: str | None


class Environment(Content):
    """Content of `environment.json`."""

    commit: str | None
    own_code: dict[str, str] = {}


class ClassScores(Content):
    """Scores of a class."""

    name: str


class Means(Content):
    """Means over the classes of scores that exist per class."""

    iou: float | None
    f1: float | None


class Scorecard(Content):
    """Scores of the images of one part of a split."""

    per_class: list[ClassScores]
    mean: Means


class Metrics(Content):
    """Content of `metrics.json`."""

    test: Scorecard
    validation: Scorecard | None = None
    validation_loss: float | None = None
    monitor: str | None = None
    best_epoch: int | None = None
    division: str | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Metrics":
        if self.validation is not None and self.monitor is None:
            raise ValueError("validation scores without a monitor")
        return self


class Node(Content):
    """Function of a configuration, with its arguments."""

    target: str = Field(alias="_target_")


class RecordedConfig(Content):
    """Configuration of a run; groups that were added later may be missing."""

    dataset: Node
    labels: dict[str, Any]
    split: Node
    data: dict[str, Any]
    augmentation: Node
    model: Node
    backbone: Node
    loss: Node
    optimizer: Node
    scheduler: Node
    trainer: Node
    callbacks: dict[str, Node]


class Recorded(Content):
    """Content of `config.yaml`."""

    choices: dict[str, str]
    overrides: list[str]
    config: RecordedConfig


class Summary(Content):
    """Content of the `summary.json` of a cross-validation."""

    folds: int
    per_class: list[ClassScores]
    mean: dict[str, Any]


class Sum(Content):
    """Content of one entry of `checksums.json`."""

    bytes: int
    blake2b: str


class Checksums(Content):
    """Content of `checksums.json`."""

    files: dict[str, Sum]


def require_shape(content: Any, shape: type[Content], path: Path, remedy: str) -> Plain:
    """Check the content of a file.

    Args:
        content: plain value.
        shape: the model of the file.
        path: the file.
        remedy: what to do about it, the last part of the message.

    Raises:
        DataError: names the file and the first violation.
    """
    try:
        shape.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = plain_words(first["msg"])
        reason = f"{place}: {message}" if place else message
        raise DataError(f"{path} is damaged ({reason}); {remedy}") from error
    plain: Plain = content
    return plain


def read_json(path: Path, shape: type[Content], remedy: str) -> Plain:
    """Read and check a JSON file.

    Raises:
        DataError: the file is missing, is no JSON, or has another shape.
    """
    try:
        content = parse_json(read_file(path, MAX_LIST_BYTES))
    except (DataError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged ({error}); {remedy}") from error
    return require_shape(content, shape, path, remedy)


def read_yaml(path: Path) -> Any:
    """Read a file of plain YAML.

    Raises:
        DataError: the file is missing, or is no YAML.
    """
    try:
        text = read_file(path, MAX_LIST_BYTES)
        depth = aliases = 0
        for event in yaml.parse(text, LOADER):
            aliases += isinstance(event, yaml.AliasEvent)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or aliases > MAX_ALIASES:
                raise ValueError(f"more than {MAX_DEPTH} levels, or {MAX_ALIASES} aliases")
        return yaml.load(text, LOADER)
    except (ValueError, yaml.YAMLError) as error:
        raise DataError(f"{path} is not valid YAML: {error}") from error


def seal(folder: Path, files: Sequence[Path]) -> None:
    """Write the size and the checksum of files of a record to `checksums.json`.

    Those of other files remain.
    """
    sums = dict(sealed_files(folder))
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, _digest).hexdigest()
        sums[path.relative_to(folder).as_posix()] = {
            "bytes": path.stat().st_size,
            "blake2b": digest,
        }
    write_json(folder / CHECKSUMS, {"files": sums})


def sealed_files(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return size and checksum of files by name; empty for a record that is not sealed.

    Unfinished records are not, nor are those of earlier versions.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / CHECKSUMS
    if not path.is_file():
        return {}
    remedy = "if the record is trustworthy, delete this file"
    files: Mapping[str, Mapping[str, Any]] = read_json(path, Checksums, remedy)["files"]
    return files


def require_unchanged(folder: Path, *names: str) -> None:
    """Compare files of a record with their checksums.

    Raises:
        DataError: a file has changed since the run ended.
    """
    sums = sealed_files(folder)
    for name in names:
        path = folder / name
        if name in sums and path.is_file():
            with path.open("rb") as file:
                if hashlib.file_digest(file, _digest).hexdigest() != sums[name]["blake2b"]:
                    raise DataError(
                        f"{path} has changed since the run ended: its checksum differs; "
                        f"rerun=true trains the run again. If the change is intended, delete "
                        f"{folder / CHECKSUMS}"
                    )


def missing_files(folder: Path, names: Sequence[str]) -> list[str]:
    """Select the files of a sealed record that are missing or have another size."""
    sums = sealed_files(folder)

    def is_intact(name: str) -> bool:
        path = folder / name
        return path.is_file() and path.stat().st_size == sums[name]["bytes"]

    return [name for name in names if name in sums and not is_intact(name)]


def _digest() -> Any:
    return hashlib.blake2b(digest_size=16)
