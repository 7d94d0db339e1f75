"""Crowd Instance-level Human Parsing (CIHP) and Characterized CIHP (CCIHP)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.colors import main_color
from clothseg.dataset.wardrobe.layouts.files import Advance, atomic_folder, save_jpeg, save_png
from clothseg.dataset.wardrobe.outfit import COATS, SHOES, TOPS, TROUSERS
from clothseg.dataset.wardrobe.photo import MAX_PEOPLE, Photo, draw_people
from clothseg.dataset.wardrobe.piece import Piece

CLASSES = 20
"""Class ids per person, including the background."""
VALIDATION_EVERY = 4
"""Interval of photos that belong to the validation split."""
SHARED = {
    "hat": 1, "hair": 2, "gloves": 3, "sunglasses": 4, "scarf": 11, "skirt": 12,
    **dict.fromkeys(TOPS, 5), **dict.fromkeys(COATS, 7),
    **dict.fromkeys(("socks", "stockings"), 8),
    **dict.fromkeys((*TROUSERS, "tights", "shorts"), 9),
}  # fmt: skip
"""Class ids by CCP name that both datasets share."""
HALVES = {"upper": 5, "lower": 9}
"""Class ids of the halves of one-piece garments: upper clothes and pants."""
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
"""CCIHP color ids by name; dark, medium and light are the colors without a hue, beige is light."""
MULTICOLOR = 12
MIN_PART_PIXELS = 25
"""Smallest part of a person that is annotated."""
MIN_VISIBLE_FRACTION = 0.35
"""Minimum visible fraction of a garment whose size is determined."""
MIN_COLOR_FRACTION = 0.65
"""Minimum fraction of the main color; cloth with less is multicolor."""


def cihp_class(piece: Piece) -> int:
    """Return CIHP's class id; 0 for belts, necklaces and bags, which it does not label."""
    if piece.name == "dress":
        return 6
    if piece.name == "glasses" or piece.part == "face mask":
        return FACE
    return 5 if piece.name == "tie" else _shared_class(piece)


def ccihp_class(piece: Piece) -> int:
    """Return CCIHP's class id: face masks have one, a dress is top and skirt, a tie a scarf."""
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
class ParsingMaps:
    """Ground-truth maps of one photo, uint8 [H,W].

    Args:
        category: class ids.
        human: number of the person of every pixel, counted from 1; 0 is none.
        instance: 20 * (person - 1) + class, 0 where there is no class; uint16 for more than twelve
            people.
        characteristics: CCIHP's maps of size, pattern and color by name; empty for CIHP.
    """

    category: NDArray[np.uint8]
    human: NDArray[np.uint8]
    instance: NDArray[np.uint8] | NDArray[np.uint16]
    characteristics: dict[str, NDArray[np.uint8]] = field(default_factory=dict)


def cihp_maps(photo: Photo) -> ParsingMaps:
    """Return the maps of CIHP, where a person is the union of the labeled parts."""
    category = _map_pieces(photo, [cihp_class(piece) for piece in photo.pieces])
    people = np.where(category > 0, _map_pieces(photo, photo.people), 0)
    category, human = _visible(category, people)
    return ParsingMaps(category, human, _instances(category, human))


def ccihp_maps(photo: Photo) -> ParsingMaps:
    """Return the maps of CCIHP, where belts and necklaces belong to a person but to no class."""
    category = _map_pieces(photo, [ccihp_class(piece) for piece in photo.pieces])
    labeled = [
        ccihp_class(piece) > 0 or piece.name in ("belt", "necklace") for piece in photo.pieces
    ]
    people = np.where(_map_pieces(photo, labeled), _map_pieces(photo, photo.people), 0)
    category, human = _visible(category, people)
    instance = _instances(category, human)
    return ParsingMaps(category, human, instance, _characteristics(photo, instance))


def write_cihp(
    root: Path, photos: int, seed: int, advance: Advance, max_people: int = MAX_PEOPLE
) -> None:
    """Render photos of several people and write them as the unpacked archive of CIHP.

    One photo in four goes to `Validation`, the others to `Training`.
    """
    _write(root, photos, seed, advance, cihp_maps, max_people)


def write_ccihp(
    root: Path, photos: int, seed: int, advance: Advance, max_people: int = MAX_PEOPLE
) -> None:
    """Render photos of several people and write them as CCIHP, with clothing characteristics.

    One photo in four goes to `Validation`, the others to `Training`.
    """
    _write(root, photos, seed, advance, ccihp_maps, max_people)


def _write(
    root: Path,
    photos: int,
    seed: int,
    advance: Advance,
    make_maps: Callable[[Photo], ParsingMaps],
    max_people: int,
) -> None:
    lists: dict[str, list[str]] = {"Training": [], "Validation": []}
    with atomic_folder(root) as part:
        for split in lists:
            (part / split / "Images").mkdir(parents=True)
        for index in range(photos):
            photo, name = draw_people(seed, index, max_people), f"{index + 1:07d}"
            split = "Validation" if (index + 1) % VALIDATION_EVERY == 0 else "Training"
            lists[split].append(name)
            save_jpeg(part / split / "Images" / f"{name}.jpg", photo.image)
            _save_maps(part / split, name, make_maps(photo))
            advance(1)
        for (split, ids), short in zip(lists.items(), ("train", "val"), strict=True):
            text = "".join(f"{name}\n" for name in ids)
            (part / split / f"{short}_id.txt").write_text(text)


def _save_maps(folder: Path, name: str, parsing: ParsingMaps) -> None:
    maps: Mapping[str, NDArray[np.uint8] | NDArray[np.uint16]] = {
        "Category": parsing.category, "Human": parsing.human, "Instance": parsing.instance,
        **parsing.characteristics,
    }  # fmt: skip
    for kind, values in maps.items():
        (folder / f"{kind}_ids").mkdir(exist_ok=True)
        save_png(folder / f"{kind}_ids" / f"{name}.png", values)
    lines = [
        f"{value} {value % CLASSES} {value // CLASSES + 1}\n"
        for value in np.unique(parsing.instance[parsing.instance > 0]).tolist()
    ]
    (folder / "Instance_ids" / f"{name}.txt").write_text("".join(lines))


def _map_pieces(photo: Photo, values: list[int] | list[bool]) -> NDArray[np.uint8]:
    """Return a map [H,W] of one value per piece; the background is 0."""
    return np.array([0, *values], np.uint8)[photo.piece_map]


def _visible(
    category: NDArray[np.uint8], people: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Give what is left of occluded parts, too small for an annotator, to what is next to it.

    Returns:
        Maps of classes and of people.
    """
    from scipy import ndimage

    instance = _instances(category, people)
    is_small = np.bincount(instance.ravel()) < MIN_PART_PIXELS
    is_small[0] = False
    if is_small[instance].any():
        rows, columns = ndimage.distance_transform_edt(
            is_small[instance], return_distances=False, return_indices=True
        )
        category, people = category[rows, columns], people[rows, columns]
    return category, _renumber(people)


def _renumber(human: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Renumber people without gaps: a fully occluded person has no number."""
    ids = np.unique(human[human > 0])
    table = np.zeros(256, np.uint8)
    table[ids] = np.arange(1, len(ids) + 1)
    return table[human]


def _instances(
    category: NDArray[np.uint8], human: NDArray[np.uint8]
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the instance map, of 8 bits unless its values need more."""
    person = human.astype(np.int64) - 1
    values = np.where(category > 0, CLASSES * person + category, 0)
    return values.astype(np.uint8) if values.max(initial=0) < 256 else values.astype(np.uint16)


def _characteristics(
    photo: Photo, instance: NDArray[np.uint8] | NDArray[np.uint16]
) -> dict[str, NDArray[np.uint8]]:
    """Return maps of size, pattern and color; each instance takes the values of its main piece."""
    maps = {kind: np.zeros(instance.shape, np.uint8) for kind in ("Size", "Pattern", "Color")}
    for value in np.unique(instance[instance > 0]):
        here = instance == value
        number = int(np.bincount(photo.piece_map[here]).argmax())
        piece = photo.pieces[number - 1]
        if piece.name == "skin":
            continue
        name, fraction = main_color(piece.cloth)
        maps["Color"][here] = COLORS[name] if fraction >= MIN_COLOR_FRACTION else MULTICOLOR
        if piece.size:  # glasses only have a color
            maps["Size"][here] = _size(photo, number)
            maps["Pattern"][here] = PATTERNS[piece.pattern]
    return maps


def _size(photo: Photo, number: int) -> int:
    """Return the size id of a piece, undetermined if it is truncated or mostly occluded.

    Occlusion does not apply to hair, which its own head hides; sparse hair is always recognizable.
    """
    piece, mask = photo.pieces[number - 1], photo.amodal_masks[number - 1]
    truncated = mask[[0, -1]].any() or mask[:, [0, -1]].any()
    visible = (photo.piece_map == number).sum()
    occluded = piece.name != "hair" and visible < MIN_VISIBLE_FRACTION * mask.sum()
    if (truncated or occluded) and piece.size != "sparse":
        return UNDETERMINED
    return SIZES[piece.size]
