"""Tag by which all W&B runs of one command are found."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from clothseg.config.composition import Composed
from clothseg.config.run_config import RunConfig
from clothseg.run.signature import is_irrelevant

WANDB = "clothseg.logger.wandb"


def command_tag(overrides: Sequence[str]) -> str:
    """Return the tag of a command, which is the same when the command is repeated.

    Keys that cannot affect results do not change it: the same command on another machine, or with
    another fold, launcher or length of a search, adds to the same runs.

    Args:
        overrides: arguments of the command of the form key=value.
    """
    words = sorted(text for text in overrides if not _is_aside(text.lstrip("+~").split("=")[0]))
    digest = hashlib.blake2b(json.dumps(words).encode(), digest_size=4).hexdigest()
    return f"command-{digest}"


def with_tag(composed: Composed[RunConfig], tag: str) -> Composed[RunConfig]:
    """Add a tag to the W&B logger of a configuration, if it has one."""
    plain = composed.config.plain
    loggers = {name: _tagged(node, tag) for name, node in plain["logger"].items()}
    if loggers == plain["logger"]:
        return composed
    return composed.with_config(RunConfig({**plain, "logger": loggers}))


def _is_aside(key: str) -> bool:
    return key.startswith(("hydra/", "hydra.")) or is_irrelevant(key)


def _tagged(node: Mapping[str, Any], tag: str) -> Mapping[str, Any]:
    if node.get("_target_") != WANDB or tag in node["tags"]:
        return node
    return {**node, "tags": [*node["tags"], tag]}
