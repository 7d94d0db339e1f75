"""Object annotations: garments outlined one by one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.photo import Photo
from clothseg.dataset.wardrobe.piece import Piece


@dataclass(frozen=True)
class AnnotatedObject:
    """Annotated object.

    Args:
        category: category id in the dataset.
        pieces: its pieces, such as the two halves of a dress; empty for a detail.
        mask: bool [H,W].
    """

    category: int
    pieces: list[Piece]
    mask: NDArray[np.bool_]


def annotate_objects(
    photo: Photo, categories: Mapping[str, int], details: Mapping[str, int]
) -> list[AnnotatedObject]:
    """Return all annotated objects of a photo, the smallest first.

    A mask continues below smaller objects on top of the garment, such as a pocket or a bag, and
    stops at larger ones: painting by area, the largest first, reproduces the visible pixels.

    Args:
        photo: the photo.
        categories: ids of garments by CCP name; others are not annotated.
        details: ids of details by kind; others belong to their garment.
    """
    objects, owner = _garments(photo, categories)
    top = np.array(owner)[photo.piece_map]
    for number, (kind, piece) in enumerate(photo.details, start=1):
        here = photo.detail_map == number
        if kind in details and owner[piece] and here.any():
            objects.append(AnnotatedObject(details[kind], [], here))
            top[here] = len(objects)
    visible = np.bincount(top.ravel(), minlength=len(objects) + 1)
    areas = np.full(len(objects) + 1, np.inf)
    found = []
    for number in np.argsort(visible[1:], kind="stable") + 1:
        item = objects[number - 1]
        mask = (top == number) | (item.mask & (areas < visible[number])[top])
        areas[number] = mask.sum()
        if visible[number]:
            found.append(AnnotatedObject(item.category, item.pieces, mask))
    return found


def _garments(
    photo: Photo, categories: Mapping[str, int]
) -> tuple[list[AnnotatedObject], list[int]]:
    """Return garments with their amodal masks, and the garment number of every piece.

    Pieces of one person, name and side form one garment. The second list is indexed by piece
    number and holds garment numbers, both counted from 1; 0 is not annotated.
    """
    objects: list[AnnotatedObject] = []
    numbers: dict[tuple[int, str, str], int] = {}
    owner = [0]
    for piece, person, mask in zip(photo.pieces, photo.people, photo.amodal_masks, strict=True):
        if piece.name not in categories:
            owner.append(0)
            continue
        key = person, piece.name, piece.side
        if key not in numbers:
            objects.append(AnnotatedObject(categories[piece.name], [], np.zeros_like(mask)))
            numbers[key] = len(objects)
        owner.append(numbers[key])
        garment = objects[numbers[key] - 1]
        garment.pieces.append(piece)
        np.logical_or(garment.mask, mask, out=garment.mask)
    return objects, owner
