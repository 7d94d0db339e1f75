"""A dataset without its defective samples: `dataset.on_error=skip`."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from clothseg.dataset.defect import SkippedSample
from clothseg.dataset.listing import complete_samples
from clothseg.dataset.merged import Merged
from clothseg.dataset.reader import Reader, examine, file_states
from clothseg.dataset.sample import Sample
from clothseg.dataset.wrapped import Wrapped
from clothseg.error import DataError
from clothseg.files import write_json
from clothseg.screen import progress_bar, say
from clothseg.threads import map_in_order

DEFECTS_VERSION = 2
"""Raised when the same files would have other defects."""


class Sound(Wrapped):
    """A dataset without the samples that would stop a training.

    All of it is decoded once to find them; what was found is kept in a file until one of the
    dataset's files changes.

    Args:
        reader: the dataset.
        settings: its configuration, which decides as well what is a defect.
        folder: of the files of defects.
    """

    def __init__(self, reader: Reader, settings: Mapping[str, Any], folder: Path) -> None:
        super().__init__(reader)
        self.settings, self.folder = settings, folder

    def samples(self) -> list[Sample]:
        """The samples without defect.

        Raises:
            DataError: there is none, or the dataset has another layout.
        """
        defective = {each.sample for each in self.skipped_samples()}
        sound = [sample for sample in self._complete[0] if sample.name not in defective]
        if not sound:
            first = self.skipped_samples()[0].message
            raise DataError(f"{self.root}: every sample has a defect; the first one: {first}")
        return sound

    def skipped_samples(self) -> Sequence[SkippedSample]:
        """The defective samples, those whose files are not all there first."""
        return self._left_out

    def fingerprint(self) -> str:
        """Hash of the content without the defective samples."""
        return Reader.fingerprint(self) if self.skipped_samples() else self.reader.fingerprint()

    @cached_property
    def _complete(self) -> tuple[list[Sample], list[SkippedSample]]:
        """The samples whose files are all there, and those whose are not."""
        samples, defects = complete_samples(self.reader)
        incomplete: dict[str, SkippedSample] = {}
        for defect in defects:  # a sample may lack several files
            incomplete.setdefault(defect.value, SkippedSample.of(defect.value, defect))
        return samples, list(incomplete.values())

    @cached_property
    def _left_out(self) -> list[SkippedSample]:
        samples, incomplete = self._complete
        path = self.folder / f"{self._key(samples)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            found = _stored(path)
            if found is None:
                found = self._examined(samples)
                write_json(path, [asdict(each) for each in found])
                total, root = len(samples) + len(incomplete), self.root
                say(f"{len(incomplete) + len(found)} of {total} samples of {root} have a defect")
            return [*incomplete, *found]

    def _examined(self, samples: Sequence[Sample]) -> list[SkippedSample]:
        """Those of some samples that have a defect, with the first one of each."""
        self.reader.prepare()
        found = []
        bar = progress_bar("looking for defects", len(samples))
        with bar as advance, map_in_order(partial(examine, self.reader), samples) as inspections:
            for sample, inspection in zip(samples, inspections, strict=True):
                found += [
                    SkippedSample.of(sample.name, defect) for defect in inspection.defects[:1]
                ]
                advance(1)
        return found

    def _key(self, samples: Sequence[Sample]) -> str:
        """Hash of all that decides what is defective."""
        settings = json.dumps(dict(self.settings), sort_keys=True)
        digest = hashlib.blake2b(f"{DEFECTS_VERSION}{settings}".encode(), digest_size=10)
        for state in file_states(self.reader, samples):
            digest.update(state.encode())
        return digest.hexdigest()


def _stored(path: Path) -> list[SkippedSample] | None:
    """The defects of a file; None when there is no file, or a damaged one."""
    try:
        return [SkippedSample(**row) for row in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        return None


def sound(reader: Reader, settings: Mapping[str, Any], folder: Path) -> Reader:
    """A dataset without its defective samples; of a merged one each source is.

    Args:
        reader: the dataset.
        settings: its configuration.
        folder: of the files of defects.
    """
    if isinstance(reader, Merged):
        sources = settings["sources"]
        return Merged({k: sound(part, sources[k], folder) for k, part in reader.sources.items()})
    return Sound(reader, settings, folder)
