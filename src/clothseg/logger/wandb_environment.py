"""Environment variables of Weights & Biases: those that count, and the trial that an agent starts.

The library reads every `WANDB_*` variable, and in the environment of an agent it prefers them to
what it is told. All processes of a command inherit the variables, so that the folds and their
summary would be written to one run. The client is therefore shown only those of :data:`PASSED`.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from clothseg.error import ConfigError
from clothseg.terminal.screen import say

PREFIX = "WANDB_"
PASSED = frozenset(
    PREFIX + name
    for name in (
        *("API_KEY", "IDENTITY_TOKEN_FILE", "CREDENTIALS_FILE", "USERNAME", "USER_EMAIL"),
        *("BASE_URL", "APP_URL", "INSECURE_DISABLE_SSL", "HTTP_PROXY", "HTTPS_PROXY"),
        *("HTTP_TIMEOUT", "FILE_PUSHER_TIMEOUT", "CONFIG_DIR", "CACHE_DIR", "DATA_DIR"),
        *("ARTIFACT_DIR", "ERROR_REPORTING", "DEBUG", "CORE_DEBUG", "HOST", "NOTES"),
    )
)
"""Variables that the client reads itself: account, server, its own folders, and notes."""
AGENT = frozenset(
    PREFIX + name for name in ("SWEEP_ID", "RUN_ID", "SWEEP_PARAM_PATH", "PROJECT", "ENTITY", "DIR")
)
"""Variables that an agent sets for its trial; the agent keeps the file of parameters in `DIR`."""

Mode = Literal["offline", "online"]


@dataclass(frozen=True)
class Account:
    """Destination of runs.

    Args:
        mode: `offline` or `online`.
        project: the project; None for the one that the client uses in a sweep.
        entity: owner of the project; None for the account's default.
        tags: tags of the runs.
        finish_timeout: seconds to wait for uploads at the end of a run.
    """

    mode: Mode
    project: str | None
    entity: str | None
    tags: tuple[str, ...]
    finish_timeout: int


@dataclass(frozen=True)
class Trial:
    """Trial of a W&B sweep: the one run that its agent has created for this command.

    Args:
        sweep: id of the sweep.
        run: id of the run.
        parameters: file with the parameters that the sweep chose; None if there is none here.
    """

    sweep: str
    run: str
    parameters: Path | None


def current_trial() -> Trial | None:
    """Return the trial for which an agent started this command; None without an agent."""
    sweep, run = (os.environ.get(f"WANDB_{name}_ID") for name in ("SWEEP", "RUN"))
    if not sweep or not run:
        return None
    path = Path(os.environ.get("WANDB_SWEEP_PARAM_PATH", ""))
    return Trial(sweep, run, path if path.is_file() else None)


def effective(account: Account) -> Account:
    """Return where runs go: in a sweep to its project, else as configured.

    Args:
        account: the configured account.
    """
    entity = os.environ.get("WANDB_ENTITY") or None
    if current_trial():  # the folds as well, since a group is within one project
        return replace(account, project=os.environ.get("WANDB_PROJECT") or None, entity=entity)
    return replace(account, entity=account.entity or entity)


def place(account: Account) -> str:
    """Name where runs are logged to: `offline`, or a hash of a project and its server.

    Args:
        account: the configured account.
    """
    if account.mode == "offline":
        return "offline"
    destination = effective(account)
    server = os.environ.get("WANDB_BASE_URL", "")
    address = repr((server, destination.entity, destination.project))
    return f"online {hashlib.blake2b(address.encode(), digest_size=8).hexdigest()}"


def ignored_variables(account: Account) -> list[str]:
    """Return the names of the variables that ask for something else than what is done.

    Args:
        account: the configured account.
    """
    destination = effective(account)
    done = {
        "WANDB_RESUME": "allow",
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",
        "WANDB_MODE": account.mode,
        "WANDB_PROJECT": destination.project,
        "WANDB_ENTITY": destination.entity,
    }
    # The library itself sets the address of its process.
    counted = {"WANDB_SERVICE"}
    if trial := current_trial():
        counted |= AGENT - (set() if trial.parameters else {"WANDB_SWEEP_PARAM_PATH"})
    return [
        name
        for name in _hidden()
        if os.environ[name] and name not in counted and os.environ[name] != done.get(name)
    ]


@contextlib.contextmanager
def client_environment() -> Iterator[None]:
    """Hide all other variables from the client, which reads them when it starts."""
    hidden = {name: os.environ.pop(name) for name in _hidden()}
    try:
        yield
    finally:
        for name, value in hidden.items():
            os.environ.setdefault(name, value)


def require_one_configuration(several: bool) -> None:
    """Check that the command of a trial has the one configuration whose score it is.

    Args:
        several: the command tries several configurations.

    Raises:
        ConfigError: an agent started this command, and there are several.
    """
    trial = current_trial()
    if trial and several:
        raise ConfigError(
            [
                f"logger.wandb: the agent of W&B sweep {trial.sweep} started this command for one "
                f"trial (WANDB_RUN_ID={trial.run}), but it tries several configurations, of which "
                "none is the score of the trial; sweep over them with W&B or with -m, not with "
                "both, or unset WANDB_SWEEP_ID"
            ]
        )


@cache
def announce(account: Account) -> None:
    """Say once which trial this command is, and which variables are ignored.

    Args:
        account: the configured account.
    """
    if trial := current_trial():
        text = f"W&B run {trial.run} of sweep {trial.sweep} gets the score of this command"
        if account.mode == "offline":
            text += " after `wandb sync`; logger.wandb.mode=online uploads it immediately"
        say(text)
    if names := ignored_variables(account):
        say(
            f"logger.wandb ignores {', '.join(names)}; "
            'the section "Loggers" of conf/README.md lists the variables that count'
        )


def _hidden() -> list[str]:
    """Names of the set variables that the client must not see.

    Those that begin with `WANDB_X_` or `WANDB__` are internal settings of the client.
    """
    return sorted(
        name
        for name in os.environ
        if name.startswith(PREFIX)
        and not name.startswith(("WANDB_X_", "WANDB__"))
        and name not in PASSED
    )
