"""`labels.json`: the classes of a custom or exported dataset."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from clothseg.error import ConfigError, DataError
from clothseg.labels import (
    MAX_NAME,
    UNKNOWN,
    LabelSpace,
    background_likeness,
    later_background,
    with_background_first,
)
from clothseg.untrusted import MAX_NOTE_BYTES, parse_json, read_file

LABEL_FILE = "labels.json"
BLACK = "#000000"
PARTS = ("names", "colors", "flip_pairs", "gathers", "background_id")
"""Attributes of a label file that a configuration may refer to."""
_PARTS_ADVICE = f"write ${{labels_json:<folder>,<part>}} with one of {', '.join(PARTS)}"
EXAMPLE = '[{"id": 0, "name": "background", "color": "#000000"}, …]'


class Row(BaseModel):
    """One class."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[int, Field(ge=0)]
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
    flip: str | None = None
    """Name of the class after a horizontal flip; only one of the pair has to state it."""
    background: bool = False
    """True for the background if that is not id 0."""


@dataclass(frozen=True)
class LabelFile:
    """Content of a `labels.json`, with the background first.

    Mask files hold the ids of the file. Everywhere else, the background is class 0, and the other
    classes follow in the order of their ids.

    Args:
        names: the background, then the other classes in the order of their ids [K].
        colors: one `#rrggbb` per class [K].
        flip_pairs: pairs of names that are swapped by a horizontal flip.
        background_id: id of the background in mask files.
    """

    names: list[str]
    colors: list[str]
    flip_pairs: list[list[str]]
    background_id: int = 0

    @property
    def gathers(self) -> dict[str, list[str]]:
        """Source names of each class: its own name."""
        return {name: [name] for name in self.names}


def read_label_file(path: Path) -> LabelFile:
    """Read a `labels.json`.

    Raises:
        ConfigError: the file is missing or malformed; lists every problem.
    """
    try:
        content = parse_json(read_file(path, MAX_NOTE_BYTES))
        rows = TypeAdapter(Annotated[list[Row], Field(max_length=UNKNOWN)]).validate_python(content)
    except DataError as error:
        absent = isinstance(error.__cause__, FileNotFoundError)
        problem = f"{path}: no such file; expected a list {EXAMPLE}" if absent else str(error)
        raise ConfigError([problem]) from None
    except ValidationError as error:
        raise ConfigError([f"{path}: {_sentence(detail)}" for detail in error.errors()]) from None
    except ValueError as error:
        raise ConfigError([f"{path}: is not JSON ({error}); expected {EXAMPLE}"]) from None
    rows.sort(key=lambda row: row.id)
    problems = [f"{path}: {problem}" for problem in _contradictions(rows)]
    if problems:
        raise ConfigError(problems)
    background = next((row.id for row in rows if row.background), 0)
    rows = with_background_first(rows, background)
    names = [row.name for row in rows]
    pairs = {tuple(sorted((k, names.index(row.flip)))) for k, row in enumerate(rows) if row.flip}
    flip_pairs = [[names[left], names[right]] for left, right in sorted(pairs)]
    return LabelFile(names, [row.color for row in rows], flip_pairs, background)


def label_rows(labels: LabelSpace) -> list[dict[str, object]]:
    """Build the content of a `labels.json`: id in mask files, name, color and flip partner."""
    ids = labels.file_ids[: len(labels)].tolist()
    rows: list[dict[str, object]] = [
        {"id": id, "name": name, "color": color}
        for id, name, color in zip(ids, labels.names, labels.colors, strict=True)
    ]
    for left, right in labels.flip_pairs:
        rows[labels.names.index(left)]["flip"] = right
    listed = [rows[ids.index(id)] for id in range(len(rows))]
    if labels.background_id or _background_problems(TypeAdapter(list[Row]).validate_python(listed)):
        rows[0]["background"] = True
    return listed


def label_file_part(root: str, part: str = "") -> list[Any] | dict[str, Any] | int:
    """Resolve `${labels_json:<root>,<part>}` in a configuration.

    Args:
        root: folder that contains the file.
        part: one of :data:`PARTS`.

    Raises:
        ConfigError: the file is missing or malformed, or has no such part.
    """
    if part not in PARTS:
        raise ConfigError([f"labels_json: {part or 'nothing'} is no part; {_PARTS_ADVICE}"])
    value: list[Any] | dict[str, Any] | int = getattr(
        read_label_file(Path(root) / LABEL_FILE), part
    )
    return value


def _contradictions(rows: list[Row]) -> list[str]:
    """List the contradictions between rows, which are sorted by id."""
    problems = []
    if not rows or [row.id for row in rows] != list(range(len(rows))):
        ids = ", ".join(str(row.id) for row in rows)
        problems.append(f"ids are {ids or 'none'}; they must be 0, 1, 2 …, each once")
    names = [row.name for row in rows]
    problems += [
        f"name {name} has a meaning in configurations; names must not contain `${{` or `???`"
        for name in names
        if "${" in name or "???" in name
    ]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        problems.append(f"names listed twice: {', '.join(repeated)}")
    problems += _background_problems(rows)
    partners = {row.name: row.flip for row in rows if row.flip is not None}
    for name, partner in partners.items():
        if partner not in names or partner == name:
            problems.append(f"`flip` of {name} is {partner}, which is not another class")
        elif partners.get(partner, name) != name:
            problems.append(f"`flip` of {name} is {partner}, whose `flip` is {partners[partner]}")
        elif sum(other == partner for other in partners.values()) > 1:
            problems.append(f"`flip` of {name} is {partner}, which another class has, too")
    return problems


def _background_problems(rows: list[Row]) -> list[str]:
    """Explain why it is uncertain which of the rows, which are sorted by id, is the background."""
    stated = [row.name for row in rows if row.background]
    if len(stated) > 1:
        return [f"`background` is true for {', '.join(stated)}; there is one background"]
    if stated or not rows:
        return []
    first = rows[0]
    suspect = later_background([row.name for row in rows])
    if not suspect and not background_likeness(first.name) and first.color != BLACK:
        suspect = next((row.name for row in rows if row.color == BLACK), None)
    if suspect is None:
        return []
    return [
        f"id 0 is taken for the background, but it is {first.name}, and {suspect} looks like the "
        'background; add the key `"background": true` to the row of the background'
    ]


def _sentence(detail: Any) -> str:
    """Describe one pydantic error; its location is the row and the key."""
    row, *key = detail["loc"] or (None,)
    if detail["type"] == "too_long":
        return f"has {detail['ctx']['actual_length']} classes; at most {UNKNOWN} are allowed"
    if row is None:
        return f"is not a list; expected {EXAMPLE}"
    if detail["type"] == "missing":
        return f"row {row} has no `{key[0]}`"
    if detail["type"] == "extra_forbidden":
        unknown = str(key[0])[:MAX_NAME]
        return f"row {row}: unknown key `{unknown}`; allowed are {', '.join(Row.model_fields)}"
    if not key:
        shown = json.dumps(detail["input"])[:MAX_NAME]
        return f"row {row} is {shown}; expected {EXAMPLE[1:-4]}"
    shown = str(detail["input"])[:MAX_NAME]
    if detail["type"] == "string_pattern_mismatch":
        return f"row {row}: color={shown}: must have the form #1f77b4"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"row {row}: {''.join(key)}={shown}: {message}".replace("input should", "must")
