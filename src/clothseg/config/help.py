"""Text of `--help`, built from the comments in a command's configuration and all its options."""

import re
import textwrap

from clothseg.shipped import CONF, options

MAX_LINE_WIDTH = 82
"""Maximum number of characters in a line of options."""


def help_text(name: str, program: str | None = None) -> str:
    """Help text of a command: introduction, groups and keys.

    Args:
        name: main configuration, a file in `conf/`; its leading comment is the introduction.
        program: words that start the command; None for `python <script>`.
    """
    lines = (CONF / f"{name}.yaml").read_text().splitlines()
    introduction = [line[2:] for line in lines[: _comment_lines(lines)]]
    if program:
        introduction[0] = re.sub(r"^python \S+", program, introduction[0])
    groups: list[str] = []
    keys: list[tuple[str, str]] = []
    block = ""
    for line in lines:
        if group := re.match(r"\s+- (?:override )?([\w/]+): (\S+)\s+# (.*)", line):
            title, default, meaning = group.groups()
            default = default.strip("[]")  # a group that accepts a list of options
            others = ", ".join(option for option in options(title) if option != default)
            named = textwrap.wrap(f"[{default}] {others}", MAX_LINE_WIDTH, break_on_hyphens=False)
            groups += [f"  {title:<14} {meaning}", *(f"  {'':<14} {line}" for line in named)]
        elif opening := re.match(r"(\w+):$", line):
            block = opening[1]
        elif (key := re.match(r"( *)(\w+): (.*?)\s+# (.*)", line)) and not (
            key[1] and block == "hydra"
        ):
            prefix = f"{block}." if key[1] else ""
            keys.append((prefix + key[2], f"{key[4]} [{key[3]}]"))
    if groups:
        groups = ["", "groups (default in brackets):", *groups]
    width = max(len(key) for key, _ in keys)
    listed = [f"  {key:<{width}} {meaning}" for key, meaning in keys]
    return "\n".join([*introduction, *groups, "", "keys (default in brackets):", *listed])


def _comment_lines(lines: list[str]) -> int:
    """Number of comment lines at the top of a file."""
    return next(i for i, line in enumerate(lines) if not line.startswith("#"))
