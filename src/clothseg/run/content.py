"""JSON and YAML files of a record: the shape of each, and checksums that reveal changes.

The shape of `metrics.json` is in :mod:`.metrics_file`, that of `split.json` in its own module.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import yaml
from pydantic import AfterValidator, with_config
from typing_extensions import TypedDict

from clothseg.checkpoint import BEST, FOLDER
from clothseg.error import DataError, shortened
from clothseg.files import write_json
from clothseg.json_file import STRICT, Count, Plain, read_json
from clothseg.untrusted import MAX_LIST_BYTES, read_file, without_advice

State = Literal["running", "done", "failed", "interrupted"]

UNFINISHED = {
    "running": "is still running or was interrupted",
    "failed": "has failed",
    "interrupted": "was interrupted",
}
"""Descriptions of the states of unfinished runs."""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Loader of plain YAML; the one in C takes a tenth of the time."""
MAX_DEPTH, MAX_ALIASES = 100, 20
"""Maximum nesting of a YAML file, at which the loader in C would crash, and maximum number of its
aliases: of aliases of aliases, 30 levels expand to a thousand million values."""

CHECKSUMS = "checksums.json"

MAX_HASHED_BYTES = 1 << 20
"""Largest file whose checksum is compared for every finished job of a command, 1 MiB: all tables,
except for image scores of tens of thousands of images; hashing takes a millisecond."""

SPLIT = "split.json"

SEALED = (
    *("config.yaml", SPLIT, "environment.json", "metrics.json", "skipped.json"),
    "init_from.json",
    *("history.csv", "per_class.csv", "confusion_matrix.npy", "image_scores.npz"),
    *("confusion_matrix.png", "figures/*.png", f"{FOLDER}/{BEST}"),
)
"""Files of a finished run that have checksums."""

DERIVED = (
    *("per_class.csv", "confusion_matrix.npy", "image_scores.npz", "confusion_matrix.png"),
    *(f"figures/{name}.png" for name in ("class_iou", "learning_curves")),
    *(f"figures/{name}.png" for name in ("best", "worst", "people")),
)
"""Files of a run that can be written again from its weights and its history."""


@with_config(STRICT)
class Status(TypedDict):
    """Content of `status.json`."""

    state: State
    attempts: Count
    error: str | None


@with_config(STRICT)
class Environment(TypedDict):
    """Content of `environment.json`."""

    commit: str | None
    dirty: NotRequired[bool | None]
    dataset_fingerprint: NotRequired[str]
    own_code: NotRequired[dict[str, str]]


def _require_target(node: Plain) -> Plain:
    if not isinstance(node.get("_target_"), str):
        raise ValueError("must name a function as its _target_")
    return node


Node = Annotated[Plain, AfterValidator(_require_target)]
"""Function of a configuration, with its arguments."""


@with_config(STRICT)
class RecordedConfig(TypedDict):
    """Configuration of a run; groups that were added later may be missing."""

    dataset: Node
    labels: Plain
    split: Node
    data: Plain
    augmentation: Node
    model: Node
    backbone: Node
    loss: Node
    optimizer: Node
    scheduler: Node
    trainer: Node
    callbacks: dict[str, Node]


@with_config(STRICT)
class Recorded(TypedDict):
    """Content of `config.yaml`."""

    choices: dict[str, str]
    overrides: list[str]
    config: RecordedConfig


@with_config(STRICT)
class Sum(TypedDict):
    """Content of one entry of `checksums.json`."""

    bytes: Count
    blake2b: str


@with_config(STRICT)
class Checksums(TypedDict):
    """Content of `checksums.json`."""

    files: dict[str, Sum]


MAX_BITS = 64
"""Largest number of bits of an integer in a record."""


def read_yaml(path: Path) -> Any:
    """Read a file of plain YAML.

    Raises:
        DataError: the file is missing, or is no YAML.
    """
    return parse_yaml(read_file(path, MAX_LIST_BYTES), path)


def parse_yaml(text: bytes, path: Path) -> Any:
    """Parse what was read from a file of plain YAML.

    Raises:
        DataError: it is no YAML.
    """
    try:
        depth = aliases = 0
        for event in yaml.parse(text, LOADER):
            aliases += isinstance(event, yaml.AliasEvent)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or aliases > MAX_ALIASES:
                raise ValueError(f"more than {MAX_DEPTH} levels, or {MAX_ALIASES} aliases")
        content = yaml.load(text, LOADER)
        _require_short_numbers(content)
    except (ValueError, LookupError, AttributeError, TypeError, yaml.YAMLError) as error:
        # The parser raises the middle three for values that are not of the type of their tag.
        reason = " ".join(without_advice(error).split())
        raise DataError(f"{path} is not valid YAML: {shortened(reason)}") from error
    return content


def _require_short_numbers(content: Any) -> None:
    """Refuse integers of more than 64 bits, of which Python does not write very long ones.

    Raises:
        ValueError: there is one.
    """
    pending = [content]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += [*value, *value.values()]
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise ValueError(f"a number has more than {MAX_BITS} bits")


def seal(folder: Path, files: Sequence[Path]) -> None:
    """Write the size and the checksum of files of a record to `checksums.json`.

    Those of other files remain.
    """
    sums = dict(sealed_files(folder))
    for path in files:
        entry = {"bytes": path.stat().st_size, "blake2b": _checksum(path)}
        sums[path.relative_to(folder).as_posix()] = entry
    write_json(folder / CHECKSUMS, {"files": sums})


def sealed_files(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return size and checksum of files by name; empty for a record that is not sealed.

    Unfinished records are not, nor are those of earlier versions.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / CHECKSUMS
    try:
        found = path.stat()
    except OSError:
        return {}
    return _read_sums(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4096)
def _read_sums(path: Path, changed: int, size: int) -> Mapping[str, Mapping[str, Any]]:
    """Read checksums once, as long as the time and the size of their file remain."""
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
        if name in sums and path.is_file() and _checksum(path) != sums[name]["blake2b"]:
            raise _changed(folder, name)


def require_content(folder: Path, name: str, content: bytes) -> None:
    """Compare what was read from a file of a record with its checksum.

    Raises:
        DataError: the file has changed since the run ended.
    """
    sums = sealed_files(folder)
    if name in sums and _digest(content).hexdigest() != sums[name]["blake2b"]:
        raise _changed(folder, name)


def read_unchanged(folder: Path, *names: str) -> list[bytes]:
    """Read files of a record, each once, and compare them with their checksums.

    Raises:
        DataError: a file is missing, or has changed since the run ended.
    """
    contents = []
    for name in names:
        content = read_file(folder / name, MAX_LIST_BYTES)
        require_content(folder, name, content)
        contents.append(content)
    return contents


def _changed(folder: Path, name: str) -> DataError:
    return DataError(
        f"{folder / name} has changed since the run ended: its checksum differs; rerun=true trains "
        f"the run again. If the change is intended, delete {folder / CHECKSUMS}"
    )


def missing_files(folder: Path, names: Sequence[str]) -> list[str]:
    """Select the files of a sealed record that are missing or have another content.

    Of large ones only the size is compared.
    """
    sums = sealed_files(folder)

    def is_intact(name: str) -> bool:
        path, entry = folder / name, sums[name]
        return (
            path.is_file()
            and path.stat().st_size == entry["bytes"]
            and (entry["bytes"] > MAX_HASHED_BYTES or _checksum(path) == entry["blake2b"])
        )

    return [name for name in names if name in sums and not is_intact(name)]


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, _digest).hexdigest()


def _digest(content: bytes = b"") -> Any:
    return hashlib.blake2b(content, digest_size=16)
