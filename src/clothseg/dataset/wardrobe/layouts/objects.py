"""Garments as annotators outline them, one by one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.photo import Photo
from clothseg.dataset.wardrobe.piece import Piece


@dataclass(frozen=True)
class Outlined:
    """One annotated object.

    Args:
        category: its id in the dataset.
        pieces: what it consists of, such as the two halves of a dress; none for a detail.
        extent: its pixels, bool [H,W].
    """

    category: int
    pieces: list[Piece]
    extent: NDArray[np.bool_]


def outlined(
    photo: Photo, categories: Mapping[str, int], details: Mapping[str, int]
) -> list[Outlined]:
    """All annotated objects of a photo, the smallest first.

    An outline runs on below smaller objects that lie on the garment, as below a pocket or a bag,
    and stops at larger ones: painted by area, the largest first, the objects give what one sees.

    Args:
        photo: the photo.
        categories: ids of garments by CCP name; others are not annotated.
        details: ids of details by kind; others belong to their garment.
    """
    objects, owner = _garments(photo, categories)
    top = np.array(owner)[photo.seen]
    for number, (kind, piece) in enumerate(photo.details, start=1):
        here = photo.detail == number
        if kind in details and owner[piece] and here.any():
            objects.append(Outlined(details[kind], [], here))
            top[here] = len(objects)
    visible = np.bincount(top.ravel(), minlength=len(objects) + 1)
    areas = np.full(len(objects) + 1, np.inf)
    found = []
    for number in np.argsort(visible[1:], kind="stable") + 1:
        thing = objects[number - 1]
        extent = (top == number) | (thing.extent & (areas < visible[number])[top])
        areas[number] = extent.sum()
        if visible[number]:
            found.append(Outlined(thing.category, thing.pieces, extent))
    return found


def _garments(photo: Photo, categories: Mapping[str, int]) -> tuple[list[Outlined], list[int]]:
    """Garments with all of their pixels, hidden ones too, and which one every piece belongs to.

    Pieces of one name and side are one garment. The second list is indexed by a piece's number and
    holds the garment's, both counted from 1.
    """
    objects: list[Outlined] = []
    numbers: dict[tuple[int, str, str], int] = {}
    owner = [0]
    for piece, person, extent in zip(photo.pieces, photo.people, photo.extents, strict=True):
        if piece.name not in categories:
            owner.append(0)
            continue
        key = person, piece.name, piece.side
        if key not in numbers:
            objects.append(Outlined(categories[piece.name], [], np.zeros_like(extent)))
            numbers[key] = len(objects)
        owner.append(numbers[key])
        garment = objects[numbers[key] - 1]
        garment.pieces.append(piece)
        np.logical_or(garment.extent, extent, out=garment.extent)
    return objects, owner
