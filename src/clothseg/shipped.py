"""Location of the shipped configuration files, and the options of each config group."""

from pathlib import Path


def _location() -> Path:
    """`clothseg/conf` of an installed wheel, or `conf/` of a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


CONF = _location()
"""The shipped configuration files."""


def options(group: str) -> list[str]:
    """Names of the files of a config group, with their subfolder where they are in one."""
    folder = CONF / group
    return sorted(p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.yaml"))
