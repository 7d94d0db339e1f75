"""Check of the masks of a dataset, from the counts of its census."""

import numpy as np

from clothseg.cache.census import Census
from clothseg.dataset.mask_findings import mask_warnings, require_two_classes
from clothseg.dataset.reader import Reader
from clothseg.labels import IGNORE, LabelSpace


def check_masks(census: Census, reader: Reader, labels: LabelSpace) -> list[str]:
    """Describe what is suspicious about the masks, one sentence per kind.

    Raises:
        DataError: fewer than two classes occur in the masks.
    """
    seen = np.zeros(256, bool)
    seen[: len(labels)] = census.presence.any(0)
    seen[IGNORE] = census.source_values[:, IGNORE].any()
    roots = ", ".join(str(part.root) for part in reader.parts.values())
    require_two_classes(roots, seen, labels.names)
    warnings = mask_warnings(reader, labels, census.samples, census.source_values)
    suspicious = np.flatnonzero(census.suspicious)
    if suspicious.size:
        example = reader.sample_warnings(census.samples[suspicious[0]])[0]
        count = f"{suspicious.size} of {len(census.samples)} annotations are suspicious"
        warnings.append(f"{count}, e.g. {example}")
    return warnings
