"""Templates of self-contained pages, in which every value is escaped."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clothseg.terminal.streams import harmless

TEMPLATES = Path(__file__).parent / "templates"
"""Folder of the frame of all pages, `base.html.jinja`, and of the page of results."""
COLOR = re.compile("#[0-9a-fA-F]{6}")


def page_environment(folder: Path, style: str, script: str = "") -> Environment:
    """Create the environment of a page that loads nothing and asks no network.

    Its filter `color` returns a color of a record, which could be any text, or gray.

    Args:
        folder: folder of its templates, which extend `base.html.jinja`.
        style: file name of its style sheet.
        script: file name of the only script that its browser runs; empty for none.
    """
    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    code = (folder / script).read_text() if script else ""
    environment.globals |= {
        "style": (folder / style).read_text(),
        "script": code,
        "script_hash": _hash(code) if code else "'none'",
    }
    environment.filters["color"] = _color
    return environment


def _harmless(value: Any) -> Any:
    """Escape control characters, which could reverse the text that follows."""
    return harmless(value) if type(value) is str else value


def _hash(script: str) -> str:
    """Hash by which a page allows its own script, and no other."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _color(text: str) -> str:
    return text if COLOR.fullmatch(text) else "#808080"
