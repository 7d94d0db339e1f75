"""The answer to `--help`: the comments of a command's configuration, with every option there is."""

import re

from clothseg.trust import CONF, options

INTRODUCTION = """\
python train.py [group=option ...] [key=value ...] [-m]

Without -m one run is trained (fold 0). With -m all folds are, and with comma-separated options every
combination. What is done is skipped, what was cut off goes on.

groups (the first in brackets is the default):"""

END = "conf/README.md has every choice; `--cfg job` prints what a command composes."


def help_text(name: str) -> str:
    """Groups and keys of a command.

    Args:
        name: its main configuration, a file of `conf/`.
    """
    text, keys, block = [INTRODUCTION], [], ""
    for line in (CONF / f"{name}.yaml").read_text().splitlines():
        if group := re.match(r"\s+- (\w+): (\S+)\s+# (.*)", line):
            title, default, meaning = group.groups()
            others = ", ".join(option for option in options(title) if option != default)
            text += [f"  {title:<13} {meaning}", f"  {'':<13} [{default}] {others}".rstrip()]
        elif opening := re.match(r"(\w+):$", line):
            block = opening[1]
        elif key := re.match(r"( *)(\w+): (.*?)\s+# (.*)", line):
            prefix = f"{block}." if key[1] else ""
            if prefix != "hydra.":
                keys.append(f"  {prefix + key[2]:<19} {key[4]} [{key[3]}]")
    return "\n".join([*text, "", "keys (the default in brackets):", *keys, "", END])
