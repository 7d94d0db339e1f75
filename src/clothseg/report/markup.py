"""Text in Markdown and LaTeX, whatever characters it has."""

import re

from clothseg.terminal.streams import harmless

LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    **{character: f"\\{character}" for character in "{}$&#%_"},
    # After the end of a row, these would be its arguments.
    **{character: f"{{{character}}}" for character in "[*"},
}
"""Commands of LaTeX for characters that it does not print as they are."""


def one_line(text: str) -> str:
    """Replace line breaks, which would end a row, by spaces, and escape control characters."""
    return " ".join(harmless(text).split())


def markdown(text: str) -> str:
    """Escape what Markdown, or HTML within it, would interpret."""
    return re.sub(r"([\\|`*_<>\[\]~&])", r"\\\1", one_line(text))


def markdown_code(text: str) -> str:
    """Set a command as code, between more backticks than it has in a row."""
    line = one_line(text)
    longest = max((len(ticks) for ticks in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def latex(text: str) -> str:
    """Escape what LaTeX would interpret."""
    return "".join(LATEX.get(character, character) for character in one_line(text))
