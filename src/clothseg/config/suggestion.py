"""Suggestions for words that a command line has, but a configuration does not."""

import difflib
from collections.abc import Iterable

MAX_CHOICES = 80
"""Maximum number of choices that are listed, more than any group of options has."""
MAX_LISTED = 3
"""Maximum number of keys of other groups that are suggested for one word."""
SIMILAR, VERY_SIMILAR = 0.5, 0.75
"""Smallest similarity, 0 to 1, of a suggestion from one list, and of a key of another group."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Suggest the closest match, if any, and list the choices."""
    known = sorted(choices)
    if not known:
        return "none are available"
    close = difflib.get_close_matches(word, known, 1, SIMILAR)
    rest = len(known) - MAX_CHOICES
    listed = ", ".join(known if rest <= 0 else [*known[:MAX_CHOICES], f"and {rest:,} more"])
    return f"did you mean `{close[0]}`? Available: {listed}" if close else f"available: {listed}"


def no_such_key(word: str, known: Iterable[str], paths: Iterable[str]) -> str:
    """Message for an unknown key: the closest one beside it, or of that name in another group.

    Args:
        word: last part of the unknown key.
        known: keys beside it.
        paths: dotted paths of all keys of the configuration.
    """
    choices = sorted(known)
    by_name: dict[str, list[str]] = {}
    for path in sorted(paths):
        if "." in path:
            by_name.setdefault(path.rpartition(".")[2], []).append(path)
    beside = difflib.get_close_matches(word, choices, 1, VERY_SIMILAR)
    elsewhere = difflib.get_close_matches(word, by_name, 1, VERY_SIMILAR)
    if beside or not elsewhere:
        return f"no such key; {did_you_mean(word, choices)}"
    found = by_name[elsewhere[0]][:MAX_LISTED]
    text = f"no such key; did you mean {' or '.join(f'`{path}`' for path in found)}?"
    return f"{text} Available: {', '.join(choices)}" if choices else text
