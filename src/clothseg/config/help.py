"""The answer to `--help`: the comments of a command's configuration, with every option there is."""

import re
import textwrap

from clothseg.shipped import CONF, options

WIDTH = 82
"""Letters in a line of options."""


def help_text(name: str, program: str | None = None) -> str:
    """Introduction, groups and keys of a command.

    Args:
        name: its main configuration, a file of `conf/`; the comment at its top is the introduction.
        program: the words that start the command; None for `python <script>`.
    """
    lines = (CONF / f"{name}.yaml").read_text().splitlines()
    introduction = [line[2:] for line in lines[: _first_other(lines)]]
    if program:
        introduction[0] = re.sub(r"^python \S+", program, introduction[0])
    groups: list[str] = []
    keys: list[str] = []
    block = ""
    for line in lines:
        if group := re.match(r"\s+- (?:override )?([\w/]+): (\S+)\s+# (.*)", line):
            title, default, meaning = group.groups()
            default = default.strip("[]")  # a group of which several can be taken at once
            others = ", ".join(option for option in options(title) if option != default)
            named = textwrap.wrap(f"[{default}] {others}", WIDTH, break_on_hyphens=False)
            groups += [f"  {title:<14} {meaning}", *(f"  {'':<14} {line}" for line in named)]
        elif opening := re.match(r"(\w+):$", line):
            block = opening[1]
        elif (key := re.match(r"( *)(\w+): (.*?)\s+# (.*)", line)) and not (
            key[1] and block == "hydra"
        ):
            prefix = f"{block}." if key[1] else ""
            keys.append(f"  {prefix + key[2]:<19} {key[4]} [{key[3]}]")
    if groups:
        groups = ["", "groups (the default in brackets):", *groups]
    return "\n".join([*introduction, *groups, "", "keys (the default in brackets):", *keys])


def _first_other(lines: list[str]) -> int:
    """Number of comment lines at the top."""
    return next(i for i, line in enumerate(lines) if not line.startswith("#"))
