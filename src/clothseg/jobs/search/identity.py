"""Folder of a search, ``<output>/<dataset>-<labels>/search-<hash>/``, beside its runs.

The hash is of all that decides its trials. The same command finds its search again, and one with
another space, other constant keys, another dataset or another sampler has another folder.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clothseg.config.search_space import Dimension
from clothseg.files import write_json
from clothseg.run.job import Job

DATASET = ("dataset", "labels")
"""Groups that name the folder of all runs with one dataset, beside which a search is."""
DESCRIPTION = "search.json"
"""File that tells what a search is about."""


def search_folder(
    first: Sequence[Job],
    space: Sequence[Dimension],
    constant: Sequence[str],
    settings: Mapping[str, Any],
) -> Path:
    """Create the folder of a search, with a description for people.

    Args:
        first: folds of the configuration with the first value of each key, whose signature stands
            for all constant keys and for the dataset.
        space: the search space.
        constant: overrides with a single value.
        settings: settings of the sweeper.

    Raises:
        WriteError: the folder cannot be written.
    """
    described = [{"kind": type(part).__name__.lower(), **asdict(part)} for part in space]
    parts = {
        "signature": first[0].configuration_folder.name,
        "folds": [job.fold for job in first],
        "space": sorted(described, key=lambda part: str(part["key"])),
        "settings": dict(settings),
    }
    content = json.dumps(parts, sort_keys=True)
    name = hashlib.blake2b(content.encode(), digest_size=6).hexdigest()
    varying = {part.key for part in space}.intersection(DATASET)
    job = first[0]
    place = job.config.output if varying else job.configuration_folder.parents[1]
    folder = place / f"search-{name}"
    if not (folder / DESCRIPTION).is_file():
        write_json(folder / DESCRIPTION, parts | {"constant": list(constant)})
    return folder
