"""Decoding of samples into folders of arrays, several folders in one pass."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from clothseg.cache.arrays import ArrayFolder, Row, disk_full_as_data_error
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.labels import LabelSpace
from clothseg.terminal.screen import progress_bar, say
from clothseg.threads import map_in_order

PERSON = "person"
"""Name of the map with the number of the person that each pixel belongs to."""


@dataclass(frozen=True)
class Decoded:
    """One decoded sample at its original size.

    Args:
        sample: the sample.
        image: uint8 [H,W,3], RGB.
        source: uint8 [H,W] of source ids, 255 = ignore.
        mask: uint8 [H,W] of class ids, 255 = ignore.
        maps: further maps uint8 [H,W] that a store needs, by name.
    """

    sample: Sample
    image: np.ndarray
    source: np.ndarray
    mask: np.ndarray
    maps: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Store:
    """Folder of arrays and the computation of their rows.

    Args:
        arrays: the folder.
        row: computes the row of one sample; called from several threads.
        maps: names of the further maps that it needs.
    """

    arrays: ArrayFolder
    row: Callable[[Decoded], Row]
    maps: Sequence[str] = ()


def fill(
    stores: Sequence[Store], samples: Sequence[Sample], reader: Reader, labels: LabelSpace
) -> None:
    """Write the stores that are missing or damaged, decoding every sample once for all of them.

    Samples are decoded a few at a time and written sequentially, so memory use does not grow with
    the dataset. Concurrent processes write the same store only once; an interrupted pass resumes.

    Args:
        stores: in an order that is the same in all processes, because their locks are nested.
        samples: one per row.
        reader: the dataset.
        labels: the label space of the masks.

    Raises:
        DataError: a sample is defective, or the disk is full.
        ConfigError: the label space does not assign a source name.
    """
    if all(store.arrays.is_complete() for store in stores):
        return
    root = stores[0].arrays.path.parent
    with disk_full_as_data_error(root), ExitStack() as stack:
        for store in stores:
            stack.enter_context(store.arrays.locked())
        missing = [store for store in stores if not store.arrays.is_complete()]
        if missing:
            _decode_into(missing, samples, reader, labels)


def _decode_into(
    stores: Sequence[Store], samples: Sequence[Sample], reader: Reader, labels: LabelSpace
) -> None:
    reader.prepare()  # before threads start, which Ctrl-C does not interrupt
    table = labels.lookup_table(reader.names)
    kinds = {kind for store in stores for kind in store.maps}
    with ExitStack() as stack:
        writers = [stack.enter_context(store.arrays.writing()) for store in stores]
        done = [writer.done for writer in writers]
        first = min(done)

        def decode(index: int) -> list[Row | None]:
            """Compute the rows of one sample; None for a store that has this row already."""
            image, source = reader.read(samples[index])
            maps = _further_maps(reader, samples[index], kinds)
            decoded = Decoded(samples[index], image, source, table[source], maps)
            return [
                store.row(decoded) if index >= count else None
                for store, count in zip(stores, done, strict=True)
            ]

        say(f"decoding {len(samples)} images" + (f", {first} already done" if first else ""))
        advance = stack.enter_context(progress_bar("decoding", len(samples)))
        advance(first)
        indices = range(first, len(samples))
        for rows in stack.enter_context(map_in_order(decode, indices)):
            for writer, row in zip(writers, rows, strict=True):
                if row is not None:
                    writer.append(row)
            advance(1)


def _further_maps(reader: Reader, sample: Sample, kinds: Collection[str]) -> dict[str, np.ndarray]:
    """Read further maps of a sample, uint8 [H,W]; :data:`PERSON` is that of its people."""
    maps = dict(reader.further_maps(sample)) if set(kinds) - {PERSON} else {}
    if PERSON in kinds:
        maps[PERSON] = reader.person_map(sample)
    return {kind: maps[kind] for kind in kinds}
