"""Crowd Instance-level Human Parsing (CIHP) and its characterised version (CCIHP)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.colours import main_colour
from clothseg.dataset.wardrobe.layouts.files import Advance, complete_folder, save_jpeg, save_png
from clothseg.dataset.wardrobe.outfit import COATS, SHOES, TOPS, TROUSERS
from clothseg.dataset.wardrobe.photo import Photo, draw_group
from clothseg.dataset.wardrobe.piece import Piece

CLASSES = 20
"""Class ids per person, the background included."""
VALIDATION_EVERY = 4
"""Every fourth photo belongs to the validation part."""
SHARED = {
    "hat": 1, "hair": 2, "gloves": 3, "sunglasses": 4, "scarf": 11, "skirt": 12,
    **dict.fromkeys(TOPS, 5), **dict.fromkeys(COATS, 7),
    **dict.fromkeys(("socks", "stockings"), 8),
    **dict.fromkeys((*TROUSERS, "tights", "shorts"), 9),
}  # fmt: skip
"""Class ids by CCP name on which both datasets agree."""
HALVES = {"upper": 5, "lower": 9}
"""Class ids of a garment in one piece: upper clothes, and pants."""
TORSO, FACE = 10, 13
LIMBS = {
    ("arm", "left"): 14, ("arm", "right"): 15, ("leg", "left"): 16, ("leg", "right"): 17,
}  # fmt: skip
SHOE = {"left": 18, "right": 19}
UNDETERMINED = 3
SIZES = {"short": 1, "long": 2, "sparse": 4}
PATTERNS = {"solid": 1, "geometrical": 2, "fancy": 3, "letters": 4}
COLORS = {
    "black": 1, "gray": 2, "white": 3, "beige": 3, "brown": 4, "red": 5, "pink": 6, "yellow": 7,
    "orange": 8, "green": 9, "blue": 10, "purple": 11,
}  # fmt: skip
"""CCIHP's dark, medium and light are the colours without a hue; beige is light."""
MULTICOLOR = 12
ENOUGH = 0.35
"""Shard of a garment that must be seen to tell its size."""
ONE_COLOUR = 0.65
"""Shard of a cloth from which on its main colour names it."""


def cihp_class(piece: Piece) -> int:
    """CIHP's class id, 0 for what it leaves out: belts, necklaces and bags."""
    if piece.name == "dress":
        return 6
    if piece.name == "glasses" or piece.part == "face mask":
        return FACE
    return 5 if piece.name == "tie" else _shared_class(piece)


def ccihp_class(piece: Piece) -> int:
    """CCIHP's class id: masks have one, a dress is a top and a skirt, a tie is a scarf."""
    if piece.name == "dress":
        return SHARED["skirt"] if piece.part == "lower" else 5
    if piece.part == "face mask":
        return 6
    alias = {"tie": "scarf", "glasses": "sunglasses"}.get(piece.name)
    return SHARED[alias] if alias else _shared_class(piece)


def _shared_class(piece: Piece) -> int:
    if piece.name in ("romper", "bodysuit"):
        return HALVES[piece.part]
    if piece.name in SHOES:
        return SHOE[piece.side]
    if piece.name == "skin":
        return {"torso": TORSO, "face": FACE}.get(piece.part) or LIMBS[piece.part, piece.side]
    return SHARED.get(piece.name, 0)


@dataclass(frozen=True)
class Truth:
    """The maps of one photo, uint8 [H,W].

    Args:
        category: class ids.
        human: the person of every pixel, counted from 1.
        instance: 20 * (person - 1) + class, 0 where there is no class.
        characteristics: CCIHP's maps of size, pattern and colour by name; empty for CIHP.
    """

    category: NDArray[np.uint8]
    human: NDArray[np.uint8]
    instance: NDArray[np.uint8]
    characteristics: dict[str, NDArray[np.uint8]] = field(default_factory=dict)


def cihp_truth(photo: Photo) -> Truth:
    """CIHP's maps: a person is the union of the parts."""
    category = _by_piece(photo, [cihp_class(piece) for piece in photo.pieces])
    human = _counted(np.where(category > 0, _by_piece(photo, photo.people), 0))
    return Truth(category, human, _instances(category, human))


def ccihp_truth(photo: Photo) -> Truth:
    """CCIHP's maps: belts and necklaces belong to a person and to no class."""
    category = _by_piece(photo, [ccihp_class(piece) for piece in photo.pieces])
    labelled = [
        ccihp_class(piece) > 0 or piece.name in ("belt", "necklace") for piece in photo.pieces
    ]
    human = _counted(np.where(_by_piece(photo, labelled), _by_piece(photo, photo.people), 0))
    instance = _instances(category, human)
    return Truth(category, human, instance, _characteristics(photo, instance))


def write_cihp(root: Path, photos: int, seed: int, advance: Advance) -> None:
    """Draw photos of several people and write them as the archive of CIHP unpacks.

    One photo in four goes to `Validation`, the others to `Training`.
    """
    _write(root, photos, seed, advance, cihp_truth)


def write_ccihp(root: Path, photos: int, seed: int, advance: Advance) -> None:
    """Draw photos of several people and write them as CCIHP, with what their clothes are like.

    One photo in four goes to `Validation`, the others to `Training`.
    """
    _write(root, photos, seed, advance, ccihp_truth)


def _write(
    root: Path, photos: int, seed: int, advance: Advance, truth_of: Callable[[Photo], Truth]
) -> None:
    lists: dict[str, list[str]] = {"Training": [], "Validation": []}
    with complete_folder(root) as part:
        for split in lists:
            (part / split / "Images").mkdir(parents=True)
        for index in range(photos):
            photo, name = draw_group(seed, index), f"{index + 1:07d}"
            split = "Validation" if (index + 1) % VALIDATION_EVERY == 0 else "Training"
            lists[split].append(name)
            save_jpeg(part / split / "Images" / f"{name}.jpg", photo.image)
            _save_truth(part / split, name, truth_of(photo))
            advance(1)
        for (split, ids), short in zip(lists.items(), ("train", "val"), strict=True):
            text = "".join(f"{name}\n" for name in ids)
            (part / split / f"{short}_id.txt").write_text(text)


def _save_truth(folder: Path, name: str, truth: Truth) -> None:
    maps: Mapping[str, NDArray[np.uint8]] = {
        "Category": truth.category, "Human": truth.human, "Instance": truth.instance,
        **truth.characteristics,
    }  # fmt: skip
    for kind, values in maps.items():
        (folder / f"{kind}_ids").mkdir(exist_ok=True)
        save_png(folder / f"{kind}_ids" / f"{name}.png", values)
    lines = [
        f"{value} {value % CLASSES} {value // CLASSES + 1}\n"
        for value in np.unique(truth.instance[truth.instance > 0]).tolist()
    ]
    (folder / "Instance_ids" / f"{name}.txt").write_text("".join(lines))


def _by_piece(photo: Photo, values: list[int] | list[bool]) -> NDArray[np.uint8]:
    """A value per piece as a map; the background is 0."""
    return np.array([0, *values], np.uint8)[photo.seen]


def _counted(human: NDArray) -> NDArray[np.uint8]:
    """People numbered without gaps: one who is hidden altogether has no number."""
    ids = np.unique(human[human > 0])
    table = np.zeros(256, np.uint8)
    table[ids] = np.arange(1, len(ids) + 1)
    return table[human]


def _instances(category: NDArray[np.uint8], human: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Values of the instance map; five people at most stay below 256."""
    person = human.astype(np.int64) - 1
    return np.where(category > 0, CLASSES * person + category, 0).astype(np.uint8)


def _characteristics(photo: Photo, instance: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """Maps of size, pattern and colour: one value for a person's class, that of its main piece."""
    maps = {kind: np.zeros_like(instance) for kind in ("Size", "Pattern", "Color")}
    for value in np.unique(instance[instance > 0]):
        here = instance == value
        number = int(np.bincount(photo.seen[here]).argmax())
        piece = photo.pieces[number - 1]
        if piece.name == "skin":
            continue
        name, share = main_colour(piece.cloth)
        maps["Color"][here] = COLORS[name] if share >= ONE_COLOUR else MULTICOLOR
        if piece.size:  # glasses have a colour only
            maps["Size"][here] = _size(photo, number)
            maps["Pattern"][here] = PATTERNS[piece.pattern]
    return maps


def _size(photo: Photo, number: int) -> int:
    """The size of a piece; nobody can tell when the frame cuts it or most of it is hidden.

    Hair is hidden by its own head, and one sees that it is sparse without seeing all of it.
    """
    piece, extent = photo.pieces[number - 1], photo.extents[number - 1]
    cut = extent[[0, -1]].any() or extent[:, [0, -1]].any()
    hidden = piece.name != "hair" and (photo.seen == number).sum() < ENOUGH * extent.sum()
    if (cut or hidden) and piece.size != "sparse":
        return UNDETERMINED
    return SIZES[piece.size]
