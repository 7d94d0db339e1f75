"""Several datasets as one: their names are united, and every sample keeps its source."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.dataset.defect import SkippedSample
from clothseg.dataset.reader import Inspection, Reader
from clothseg.dataset.sample import Sample
from clothseg.error import ConfigError
from clothseg.labels import IGNORE, UNKNOWN


class Merged(Reader):
    """Datasets one after the other; a name that several have is one name.

    Args:
        sources: the datasets by the name that their samples carry.
    """

    def __init__(self, sources: Mapping[str, Reader]) -> None:
        self.sources = dict(sources)
        names = list(dict.fromkeys(n for part in self.sources.values() for n in part.names))
        super().__init__(Path(), names)
        self.treatment = repr([part.treatment for part in self.sources.values()])
        self._tables = {name: self._table(part) for name, part in self.sources.items()}

    @property
    def ready(self) -> bool:
        """Whether the photos of all sources are there."""
        return all(part.ready for part in self.sources.values())

    @property
    def parts(self) -> Mapping[str, Reader]:
        """The sources by their names."""
        return self.sources

    def samples(self) -> list[Sample]:
        """The samples of all sources; their names begin with the source's."""
        return [
            replace(sample, name=f"{source}-{sample.name}", source=source)
            for source, part in self.sources.items()
            for sample in part.samples()
        ]

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W] into the united names."""
        return self._tables[sample.source][self._part(sample).read_mask(_native(sample))]

    def inspect(self, sample: Sample) -> Inspection:
        """Photo and united ids, checked by the source so that a defect is told in its own ids."""
        found = self._part(sample).inspect(_native(sample))
        mask = None if found.mask is None else self._tables[sample.source][found.mask]
        return replace(found, mask=mask)

    def objects(self, sample: Sample) -> list[tuple[int, int]] | None:
        """The source's objects with ids of the united names."""
        found = self._part(sample).objects(_native(sample))
        table = self._tables[sample.source]
        return None if found is None else [(int(table[source]), area) for source, area in found]

    def files(self, sample: Sample) -> list[Path]:
        """Every file that decides a sample."""
        return self._part(sample).files(_native(sample))

    def prepare(self) -> None:
        """Prepare all sources."""
        for part in self.sources.values():
            part.prepare()

    def skipped_samples(self) -> list[SkippedSample]:
        """Defective samples of all sources; their names begin with the source's."""
        return [
            replace(each, sample=f"{source}-{each.sample}")
            for source, part in self.sources.items()
            for each in part.skipped_samples()
        ]

    def warnings(self) -> list[str]:
        """The warnings of all sources."""
        return [
            f"{name}: {text}" for name, part in self.sources.items() for text in part.warnings()
        ]

    def fingerprint(self) -> str:
        """Hash of the sources' names and contents."""
        parts = [(name, part.fingerprint()) for name, part in self.sources.items()]
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def _part(self, sample: Sample) -> Reader:
        return self.sources[sample.source]

    def _table(self, part: Reader) -> np.ndarray:
        """United id of every id of a source, uint8 [256]."""
        table = np.full(256, UNKNOWN, np.uint8)
        table[: len(part.names)] = [self.names.index(name) for name in part.names]
        table[IGNORE] = IGNORE
        return table


def _native(sample: Sample) -> Sample:
    """The sample as its own dataset knows it."""
    return replace(sample, name=sample.name.removeprefix(f"{sample.source}-"), source="")


def merged(*, sources: dict[str, Any]) -> Merged:
    """Any datasets in one label space.

    Args:
        sources: the datasets by the name that their samples carry.

    Raises:
        ConfigError: a source is a mixture itself.
    """
    nested = [name for name, part in sources.items() if isinstance(part, Merged)]
    if nested:
        raise ConfigError(
            [
                f"dataset.sources.{name}: it is a mixture of datasets itself; name what it is made "
                "of beside the other sources"
                for name in nested
            ]
        )
    return Merged(sources)
