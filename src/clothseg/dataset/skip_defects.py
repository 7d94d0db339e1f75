"""Exclusion of defective samples: `dataset.on_error=skip`."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from clothseg.dataset.defect import Defect, SkippedSample
from clothseg.dataset.delegating import DelegatingReader
from clothseg.dataset.fingerprint import file_states
from clothseg.dataset.listing import complete_samples
from clothseg.dataset.merged import Merged
from clothseg.dataset.reader import Reader, examine
from clothseg.dataset.sample import Sample
from clothseg.error import DataError
from clothseg.files import CACHE_ADVICE, locked, write_json
from clothseg.terminal.screen import progress_bar, say
from clothseg.threads import map_in_order

DEFECTS_VERSION = 4
"""Increment whenever the same files yield different defects."""


class WithoutDefects(DelegatingReader):
    """Reader that excludes the defective samples of a dataset, which would stop training.

    All samples are decoded once; the defects are stored in a file, which is valid until a file of
    the dataset changes.

    Args:
        reader: the dataset.
        settings: its configuration, which affects what counts as a defect.
        folder: of the stored defects.
    """

    def __init__(self, reader: Reader, settings: Mapping[str, Any], folder: Path) -> None:
        super().__init__(reader)
        self.settings, self.folder = settings, folder

    def list_samples(self) -> list[Sample]:
        """Samples without defects.

        Raises:
            DataError: there are none, or the dataset has an unexpected layout.
        """
        defective = {skipped.sample for skipped in self.skipped_samples()}
        valid = [sample for sample in self._complete[0] if sample.name not in defective]
        if not valid:
            first = self.skipped_samples()[0].message
            raise DataError(f"{self.root}: every sample has a defect; the first one: {first}")
        return valid

    def skipped_samples(self) -> Sequence[SkippedSample]:
        """Defective samples, those with missing files first."""
        return self._defective

    def fingerprint(self) -> str:
        """Hash of the content without the defective samples."""
        return Reader.fingerprint(self) if self.skipped_samples() else self.reader.fingerprint()

    @cached_property
    def _complete(self) -> tuple[list[Sample], list[SkippedSample]]:
        """Samples that have all of their files, and samples that do not."""
        samples, defects = complete_samples(self.reader)
        incomplete: dict[str, SkippedSample] = {}
        for defect in defects:  # a sample may lack several files
            incomplete.setdefault(defect.value, SkippedSample.of(defect.value, defect))
        return samples, list(incomplete.values())

    @cached_property
    def _defective(self) -> list[SkippedSample]:
        samples, incomplete = self._complete
        path = self.folder / f"{self._key(samples)}.json"
        with locked(path, CACHE_ADVICE):
            found = _load_defects(path)
            if found is None:
                found = self._examine_all(samples)
                write_json(path, [asdict(skipped) for skipped in found])
                total, root = len(samples) + len(incomplete), self.root
                say(f"{len(incomplete) + len(found)} of {total} samples of {root} have a defect")
            return [*incomplete, *found]

    def _examine_all(self, samples: Sequence[Sample]) -> list[SkippedSample]:
        """Return the samples that have a defect, each with its first one."""
        self.reader.prepare()
        found = []

        def first_defect(sample: Sample) -> Sequence[Defect]:  # without the decoded pixels
            return examine(self.reader, sample).defects[:1]

        bar = progress_bar("checking for defects", len(samples))
        with bar as advance, map_in_order(first_defect, samples) as defects:
            for sample, first in zip(samples, defects, strict=True):
                found += [SkippedSample.of(sample.name, defect) for defect in first]
                advance(1)
        return found

    def _key(self, samples: Sequence[Sample]) -> str:
        """Hash of everything that determines the defects."""
        settings = json.dumps(dict(self.settings), sort_keys=True)
        text = f"{DEFECTS_VERSION}{settings}{self.reader.treatment}"
        digest = hashlib.blake2b(text.encode(), digest_size=10)
        for state in file_states(self.reader.paths(samples)):
            digest.update(os.fsencode(state))
        return digest.hexdigest()


def _load_defects(path: Path) -> list[SkippedSample] | None:
    """Load the defects of a file; None if the file is missing or damaged."""
    try:
        return [SkippedSample(**row) for row in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        return None


def skip_defects(reader: Reader, settings: Mapping[str, Any], folder: Path) -> Reader:
    """Exclude the defective samples of a dataset; sources of a merged one are handled separately.

    Args:
        reader: the dataset.
        settings: its configuration.
        folder: of the stored defects.
    """
    if isinstance(reader, Merged):
        sources = settings["sources"]
        return Merged(
            {k: skip_defects(part, sources[k], folder) for k, part in reader.sources.items()}
        )
    return WithoutDefects(reader, settings, folder)
