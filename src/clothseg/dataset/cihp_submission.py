"""Predictions in the layout of CIHP's evaluation server, with the people added that it lacks.

* ``global_parsing/<picture>.png``: class ids;
* ``instance_parsing/<picture>.png`` and ``.txt``: part instances 1 to n, 8 or 16 bits, and in line
  i the class and the score of part i;
* ``size/``, ``pattern/``, ``color/<picture>.png``: ids of a characteristic (optional);
* ``people/<picture>.json`` (optional): a list with ``score`` and ``parts`` of each person, whose
  classes map to run-length encodings of COCO; people may overlap.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import Field, with_config
from typing_extensions import TypedDict

from clothseg.dataset import rle
from clothseg.dataset.parsing import INSTANCE_BIT_DEPTHS
from clothseg.dataset.png import read_ids, value_counts
from clothseg.error import DataError, abbreviate, shortened
from clothseg.files import write_bytes, write_json, write_text
from clothseg.json_file import STRICT, read_json
from clothseg.metric.names import PARTS
from clothseg.metric.parsing.instances import Instances
from clothseg.metric.parsing.scores import PredictedPicture
from clothseg.untrusted import read_text

GLOBAL, INSTANCES, PEOPLE = "global_parsing", "instance_parsing", "people"
"""Folders of a submission, besides those of characteristics."""
REMEDY = "see conf/README.md for its format"


@with_config(STRICT)
class Mask(TypedDict):
    """Run-length encoding of a mask: height and width, and the text of its runs."""

    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]
    counts: str


@with_config(STRICT)
class Person(TypedDict):
    """One person in a file of people; the parts by class id."""

    score: Annotated[float, Field(allow_inf_nan=False)]
    parts: dict[str, Mask]


class Submission:
    """Predictions in a folder. What a picture lacks counts as not predicted.

    Args:
        folder: folder of the submission.
        names: names of the values of the parts and of each characteristic, in id order.

    Attributes:
        missing: files that were not there when they were read.

    Raises:
        DataError: the folder has no class maps.
    """

    def __init__(self, folder: Path, names: Mapping[str, Sequence[str]]) -> None:
        self.folder, self.names = folder, names
        self.missing: list[Path] = []
        if not (folder / GLOBAL).is_dir():
            raise DataError(
                f"prediction={folder}: no {GLOBAL} in it; it must have the folders {GLOBAL} and "
                f"{INSTANCES} of a CIHP submission"
            )

    @cached_property
    def kinds(self) -> list[str]:
        """Characteristics that are predicted."""
        return [kind for kind in self.names if kind != PARTS and (self.folder / kind).is_dir()]

    @cached_property
    def has_people(self) -> bool:
        """True if people are told apart."""
        return (self.folder / PEOPLE).is_dir()

    def unknown(self, pictures: Sequence[str]) -> list[str]:
        """Pictures with a class map that are not among those to predict."""
        stems = {path.stem for path in (self.folder / GLOBAL).glob("*.png")}
        return sorted(stems.difference(pictures))

    def read(self, picture: str, shape: tuple[int, ...]) -> PredictedPicture:
        """Read the prediction of a picture.

        Args:
            picture: its name.
            shape: height and width of its ground truth, pixels.

        Raises:
            DataError: with file and value: a file cannot be read, has another size than the ground
                truth, contradicts another one, or has values without a name.
        """
        maps = {PARTS: self._map(GLOBAL, PARTS, picture, shape)}
        maps |= {kind: self._map(kind, kind, picture, shape) for kind in self.kinds}
        people, scores = self._people(picture, shape) if self.has_people else (None, [])
        instances = self._instances(picture, shape)
        return PredictedPicture(maps, instances, people, np.array(scores, float))

    def _map(self, folder: str, kind: str, picture: str, shape: tuple[int, ...]) -> np.ndarray:
        """Read the class ids of a map; zeros if it is missing."""
        path = self.folder / folder / f"{picture}.png"
        if not self._exists(path):
            return np.zeros(shape, np.uint8)
        ids, classes = read_ids(path), len(self.names[kind])
        _require_size(path, ids.shape, shape)
        if wrong := [int(value) for value in np.flatnonzero(value_counts(ids)) if value >= classes]:
            raise DataError(
                f"{path}: value {abbreviate(wrong)} is no id; allowed: 0 to {classes - 1}"
            )
        return ids

    def _instances(self, picture: str, shape: tuple[int, ...]) -> Instances:
        """Read the parts of a picture; none if the map is missing."""
        path = self.folder / INSTANCES / f"{picture}.png"
        listing = path.with_suffix(".txt")
        # Both are looked for, so that each missing one is named.
        if not all([self._exists(path), self._exists(listing)]):
            return Instances.numbered(np.zeros(shape, np.uint8), [])
        stored = read_ids(path, INSTANCE_BIT_DEPTHS)
        _require_size(path, stored.shape, shape)
        lines = self._listed(listing)
        values = np.flatnonzero(value_counts(stored))
        if unlisted := [int(value) for value in values if value > len(lines)]:
            raise DataError(
                f"{path}: value {abbreviate(unlisted)} has no line in {listing}, which has "
                f"{len(lines)}; line i is that of value i"
            )
        if len(lines) > 255 and stored.dtype == np.uint8:
            raise DataError(
                f"{path}: the PNG has 8 bits, which cannot store the {len(lines)} values of "
                f"{listing}; write 16 bits"
            )
        labels = [(number, label) for number, (label, _) in enumerate(lines, 1)]
        return Instances.numbered(stored, labels, [score for _, score in lines])

    def _listed(self, path: Path) -> list[tuple[int, float]]:
        """Read class and score of each part from its list."""
        classes, found = len(self.names[PARTS]), []
        for number, line in enumerate(read_text(path).splitlines(), 1):
            if not line.strip():
                continue
            try:
                label_text, score_text = line.split()
                label, score = int(label_text), float(score_text)
                if not (0 < label < classes and np.isfinite(score)):
                    raise ValueError
            except ValueError:
                raise DataError(
                    f"{path} line {number}: `{shortened(line)}`; expected the class, 1 to "
                    f"{classes - 1}, and the score of a part, a number"
                ) from None
            found.append((label, score))
        return found

    def _people(self, picture: str, shape: tuple[int, ...]) -> tuple[list[np.ndarray], list[float]]:
        """Read the class ids [H,W] and the score of each person; none if the file is missing."""
        path = self.folder / PEOPLE / f"{picture}.json"
        if not self._exists(path):
            return [], []
        listed: Any = read_json(path, list[Person], REMEDY)
        maps = [self._person(path, n, person["parts"], shape) for n, person in enumerate(listed, 1)]
        return maps, [person["score"] for person in listed]

    def _person(
        self, path: Path, number: int, parts: Mapping[str, Mask], shape: tuple[int, ...]
    ) -> np.ndarray:
        """Paint the parts of a person, uint8 [H,W]; later ones over earlier ones."""
        painted, classes = np.zeros(shape, np.uint8), len(self.names[PARTS])
        for label, mask in parts.items():
            place = f"{path}: person {number}, class {shortened(label)}"
            if not (label.isdecimal() and 0 < int(label) < classes):
                raise DataError(f"{place}: no class of a part; allowed: 1 to {classes - 1}")
            if tuple(mask["size"]) != shape:
                height, width = mask["size"]
                raise DataError(f"{place} is {width}x{height}, the picture {_size(shape)} pixels")
            try:
                painted[rle.decode(mask["counts"], *mask["size"])] = int(label)
            except ValueError as error:
                raise DataError(f"{place}: {error}") from error
        return painted

    def _exists(self, path: Path) -> bool:
        """Return whether a file exists; remember it if not."""
        if path.exists():
            return True
        self.missing.append(path)
        return False


def write_picture(folder: Path, picture: str, predicted: PredictedPicture) -> None:
    """Write the prediction of a picture into a submission, so that :class:`Submission` reads it.

    Part maps have 8 bits, as the evaluation server expects, unless there are more than 255 parts.

    Args:
        folder: folder of the submission.
        picture: name of the picture.
        predicted: its prediction.

    Raises:
        WriteError: a file cannot be written.
    """
    instances = predicted.instances
    wide = np.uint8 if len(instances.labels) <= 255 else np.uint16
    pairs = zip(instances.labels.tolist(), instances.scores.tolist(), strict=True)
    maps = {kind: ids for kind, ids in predicted.maps.items() if kind != PARTS}
    maps |= {GLOBAL: predicted.maps[PARTS], INSTANCES: instances.index.astype(wide)}
    for name, ids in maps.items():
        encoded = cv2.imencode(".png", ids)[1].tobytes()
        write_bytes(folder / name / f"{picture}.png", encoded)
    lines = "".join(f"{label} {score!r}\n" for label, score in pairs)
    write_text(folder / INSTANCES / f"{picture}.txt", lines)
    if predicted.people is not None:
        people = [
            {"score": score, "parts": _encoded(parts)}
            for parts, score in zip(predicted.people, predicted.scores.tolist(), strict=True)
        ]
        write_json(folder / PEOPLE / f"{picture}.json", people)


def _encoded(parts: np.ndarray) -> dict[str, Mask]:
    """Encode the parts of a person, class ids [H,W], as masks by class."""
    size = list(parts.shape)
    present = [int(label) for label in np.unique(parts) if label]
    return {str(k): {"size": size, "counts": rle.encode(parts == k)} for k in present}


def _require_size(path: Path, found: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if found != shape:
        raise DataError(
            f"{path} is {_size(found)}, its ground truth {_size(shape)} pixels (width x height)"
        )


def _size(shape: Sequence[int]) -> str:
    return f"{shape[1]}x{shape[0]}"
