"""Several datasets as one, with the union of their names; each sample records its source."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from clothseg.dataset.defect import Defect, MissingPartnersError, SkippedSample
from clothseg.dataset.reader import Inspection, Reader
from clothseg.dataset.sample import Sample
from clothseg.error import ConfigError
from clothseg.labels import IGNORE, UNKNOWN


class Merged(Reader):
    """Concatenation of datasets; equal names become one name.

    Args:
        sources: the datasets, by the source name of their samples.
    """

    def __init__(self, sources: Mapping[str, Reader]) -> None:
        self.sources = dict(sources)
        names = list(dict.fromkeys(n for part in self.sources.values() for n in part.names))
        super().__init__(Path(), names)
        self.treatment = repr([part.treatment for part in self.sources.values()])
        self._tables = {name: self._table(part) for name, part in self.sources.items()}

    @property
    def ready(self) -> bool:
        """True if the images of all sources exist."""
        return all(part.ready for part in self.sources.values())

    @property
    def parts(self) -> Mapping[str, Reader]:
        """The sources, by name."""
        return self.sources

    def list_samples(self) -> list[Sample]:
        """Samples of all sources, their names prefixed with the source's.

        Raises:
            MissingPartnersError: sources have incomplete samples; lists those of all sources.
        """
        samples: list[Sample] = []
        defects: list[Defect] = []
        problems = []
        for source, part in self.sources.items():
            try:
                found: Sequence[Sample] = part.samples()
            except MissingPartnersError as error:
                found = error.complete
                problems.append(error.message)
                defects += [
                    Defect(d.kind, d.file, f"{source}-{d.value}", d.message) for d in error.defects
                ]
            samples += [replace(s, name=f"{source}-{s.name}", source=source) for s in found]
        if problems:
            raise MissingPartnersError(samples, defects, " and ".join(problems))
        return samples

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W] into the union of names."""
        ids = self._part(sample).read_mask(_native(sample))
        mask: np.ndarray = self._tables[sample.source][ids]
        return mask

    def inspect(self, sample: Sample) -> Inspection:
        """Image and merged ids; the source checks them, so defects are reported in its own ids."""
        found = self._part(sample).inspect(_native(sample))
        mask = None if found.mask is None else self._tables[sample.source][found.mask]
        return replace(found, mask=mask)

    def objects(self, sample: Sample) -> list[tuple[int, int]] | None:
        """Objects of the source, with merged ids."""
        found = self._part(sample).objects(_native(sample))
        table = self._tables[sample.source]
        return None if found is None else [(int(table[source]), area) for source, area in found]

    @property
    def further_names(self) -> Mapping[str, Sequence[str]]:
        """Names of the values of further maps that all sources have, with the same names."""
        first, *others = self.sources.values()
        return {
            kind: names
            for kind, names in first.further_names.items()
            if all(other.further_names.get(kind) == names for other in others)
        }

    def further_maps(self, sample: Sample) -> Mapping[str, np.ndarray]:
        """Further maps of one sample that all sources have."""
        maps = self._part(sample).further_maps(_native(sample))
        return {kind: maps[kind] for kind in self.further_names}

    @property
    def has_people(self) -> bool:
        """True if all sources tell people apart."""
        return all(part.has_people for part in self.sources.values())

    def person_map(self, sample: Sample) -> np.ndarray:
        """Number of the person of each pixel."""
        return self._part(sample).person_map(_native(sample))

    def sample_warnings(self, sample: Sample) -> list[str]:
        """Warnings of the source about one sample."""
        return self._part(sample).sample_warnings(_native(sample))

    def files(self, sample: Sample) -> list[Path]:
        """All files that determine a sample."""
        return self._part(sample).files(_native(sample))

    def prepare(self) -> None:
        """Prepare all sources."""
        for part in self.sources.values():
            part.prepare()

    def skipped_samples(self) -> list[SkippedSample]:
        """Defective samples of all sources, their names prefixed with the source's."""
        return [
            replace(skipped, sample=f"{source}-{skipped.sample}")
            for source, part in self.sources.items()
            for skipped in part.skipped_samples()
        ]

    def warnings(self) -> list[str]:
        """Warnings of all sources."""
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
        """Build the table uint8 [256] from a source's ids to merged ids."""
        table = np.full(256, UNKNOWN, np.uint8)
        table[: len(part.names)] = [self.names.index(name) for name in part.names]
        table[IGNORE] = IGNORE
        return table


def _native(sample: Sample) -> Sample:
    """Return the sample as its own dataset lists it."""
    return replace(sample, name=sample.name.removeprefix(f"{sample.source}-"), source="")


def _configured(source: Any) -> Any:
    """Return the configuration of a source if it names a function."""
    if isinstance(source, Mapping) and "_target_" in source:
        return source
    raise PydanticCustomError("source", "must be a dataset: a dictionary with a `_target_`")


Sources = Annotated[dict[str, Annotated[Any, AfterValidator(_configured)]], Field(min_length=1)]


def merged(*, sources: Sources) -> Merged:
    """Merge datasets into one.

    Args:
        sources: the datasets, by the source name of their samples.

    Raises:
        ConfigError: a source is a merged dataset itself.
    """
    nested = [name for name, part in sources.items() if isinstance(part, Merged)]
    if nested:
        raise ConfigError(
            [
                f"dataset.sources.{name}: is itself a merged dataset; list its sources directly "
                "alongside the others"
                for name in nested
            ]
        )
    return Merged(sources)
