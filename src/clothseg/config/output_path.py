"""Types of settings that name a file to write; checked before a command begins its work."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

PNG = ".png"


def _file_path(text: str) -> str:
    """Return the path of a file, which may exist."""
    path, is_folder = Path(text), False
    with suppress(OSError):  # a name that is too long; writing the file reports it
        is_folder = path.is_dir()
    if is_folder or path.name in ("", ".."):
        raise PydanticCustomError("file_path", "must be the path of a file, not of a folder")
    return text


def require_ending(text: str, ending: str) -> str:
    """Return a path that has an ending such as `.png`, in upper or lower case.

    Raises:
        PydanticCustomError: it has another one.
    """
    if Path(text).suffix.lower() != ending:
        why = "the only format of figures" if ending == PNG else "as that of its format does"
        raise PydanticCustomError("ending", f"must end in {ending}, {why}")
    return text


OutputFile = Annotated[str, AfterValidator(_file_path)]
"""Path of a file."""
