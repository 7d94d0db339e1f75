"""Location of the shipped configuration files, and the options of each config group."""

from pathlib import Path


def _location() -> Path:
    """Return `clothseg/conf` of an installed wheel, or `conf/` of a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


CONF = _location()
"""Folder of the shipped configuration files."""


def options(group: str) -> list[str]:
    """Options of a config group: file names without suffix, including any subfolder."""
    folder = CONF / group
    return sorted(p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.yaml"))
