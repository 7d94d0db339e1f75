"""Source of the packages of the user's own that a run uses.

The result of a run depends on it, so its hash is part of the signature and of the record.
"""

from collections.abc import Mapping

from clothseg.config.run_config import RunConfig
from clothseg.config.source_code import code_hashes
from clothseg.config.target import own_package, targets
from clothseg.error import DataError
from clothseg.run.signature import is_irrelevant


def used_packages(config: RunConfig) -> list[str]:
    """Top-level packages of the trusted functions that affect the result of a run.

    A package that is trusted but not used, or used by a logger only, is not among them.
    """
    trusted = [
        own_package(node["_target_"], config.trust)
        for path, node in targets(config.plain)
        if not is_irrelevant(path)
    ]
    return sorted({package.partition(".")[0] for package in trusted if package})


def require_planned_code(planned: Mapping[str, str]) -> None:
    """Check that the source is still that from which the run folder was determined.

    Args:
        planned: hashes at the start of the command.

    Raises:
        DataError: a package has been edited in the meantime.
    """
    now = code_hashes(planned)
    if edited := [package for package in planned if now[package] != planned[package]]:
        raise DataError(
            f"{', '.join(edited)} has changed since the command was started, so the run would not "
            "be what its folder says; start the command again"
        )
