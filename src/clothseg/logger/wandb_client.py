"""The client of Weights & Biases: asked for nothing, told everything, silent.

Nothing of a user's environment decides what is logged where, except the key, the server, and the
entity when the configuration names none.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from clothseg.error import UserError
from clothseg.files import write_json

SECONDS_TO_ANSWER = 30.0
"""How long a server may take to answer before a run is refused; a check of the key takes 10."""
SECONDS_TO_END = 10.0
"""How long the client's process is waited for when all is done; it ends within one, or never."""
FLUSH_SECONDS = 1.0
"""How often what was logged goes to the disk; the client's own 15 lose epochs when it is killed."""
LONGEST_GROUP = 128
"""Characters that the service takes for the name of a group."""

PLACES = {name: os.environ.get(name) for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR")}
"""Where a user wants the client to keep what is not uploaded yet, and its own logs."""

Mode = Literal["offline", "online"]


class LoginError(UserError):
    """The service cannot be used as the configuration asks."""

    def __init__(self, reason: object) -> None:
        super().__init__(
            f"logger.wandb.mode=online: {reason}. `wandb login --relogin` stores another key; "
            "logger.wandb.mode=offline needs neither key nor network, and `wandb sync` uploads "
            "its files later"
        )


@dataclass(frozen=True)
class Account:
    """Where runs go.

    Args:
        mode: `offline` or `online`.
        project: the project.
        entity: its owner; None leaves it to the account.
        tags: words to find runs by.
        finish_timeout: seconds that the end of a run waits for uploads.
    """

    mode: Mode
    project: str
    entity: str | None
    tags: Sequence[str]
    finish_timeout: int


def client() -> ModuleType:
    """The library `wandb`, with its own reports to its makers switched off.

    They are sent even by offline runs, which must not need a network.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    return wandb


@cache
def require_login() -> None:
    """Ask the server whether it knows the key; asked once for all jobs of a command.

    Raises:
        LoginError: no key, a wrong one, or no answer.
    """
    wandb = client()
    try:
        wandb.setup(wandb.Settings(silent=True))
        known = wandb.login(prompt=False, verify=True)
    except (wandb.Error, ValueError, OSError) as error:
        raise LoginError(str(error).rstrip(".")) from error
    finally:
        _end(0)  # jobs have processes of their own, and a client of their own
    if not known:
        raise LoginError("there is no key of Weights & Biases on this machine")


def run_id(folder: Path) -> str:
    """The id of a record's run: made once, the same after an interruption, never that of another.

    Args:
        folder: the record; one that takes the place of a replaced record gets a new id.
    """
    path = folder / "wandb.json"
    if not path.is_file():
        write_json(path, {"id": secrets.token_hex(6)})
    identity: str = json.loads(path.read_text())["id"]
    return identity


def start(
    account: Account,
    folder: Path,
    name: str,
    group: str,
    job_type: str,
    config: Mapping[str, Any],
) -> Any:
    """Start a run, or the next segment of one that was cut off, as `wandb.init` does.

    Args:
        account: where it goes.
        folder: the record; files go to its `wandb`.
        name: what people call it.
        group: what runs belong together.
        job_type: `fold`, `run` or `summary`.
        config: plain values.

    Raises:
        LoginError: the server refuses it or does not answer.
    """
    wandb = client()
    # Tables wait there for `wandb sync`: in the record, not in a home that another machine lacks.
    for variable, wish in PLACES.items():
        os.environ[variable] = wish or str((folder / "wandb" / "client").resolve())
    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        save_code=False,
        symlink=False,
        init_timeout=SECONDS_TO_ANSWER,
        finish_timeout=account.finish_timeout,
        finish_timeout_raises=True,
        x_transaction_log_flush_interval=FLUSH_SECONDS,
    )
    try:
        return wandb.init(
            dir=str(folder.resolve()),
            id=run_id(folder),
            resume="allow",
            reinit="create_new",
            mode=account.mode,
            project=account.project,
            entity=account.entity,
            tags=list(account.tags),
            name=name,
            group=group[-LONGEST_GROUP:],  # its end is the signature
            job_type=job_type,
            config=dict(config),
            settings=settings,
        )
    except (wandb.Error, TimeoutError) as error:
        _end(1)
        raise LoginError(str(error).rstrip(".")) from error


def finish(run: Any, folder: Path, exit_code: int) -> None:
    """End a run and the client's process.

    Raises:
        TimeoutError: not all of it was uploaded; it is kept in the run folder.
    """
    try:
        run.finish(exit_code=exit_code)
    except TimeoutError as error:
        rest = f"`wandb sync --include-online {folder / 'wandb'}` uploads it again"
        raise TimeoutError(f"not all was uploaded in time; {rest}") from error
    finally:
        _end(exit_code)


def _end(exit_code: int) -> None:
    """End the client's process.

    After a server that does not answer it sometimes misses the word to end (wandb 0.31), and the
    client waits for it without limit. It is then left alone, and follows when this process ends.
    """
    end = threading.Thread(target=client().teardown, args=[exit_code], daemon=True)
    end.start()
    end.join(SECONDS_TO_END)


def last_step(folder: Path) -> int:
    """The last step that the files of a record's run hold; 0 when there are none.

    Args:
        folder: the record.
    """
    identity = run_id(folder)
    client()  # switches off what the command below would send
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json"]
    last = 0
    for path in (folder / "wandb").glob(f"*run-*-{identity}/run-{identity}.wandb"):
        # A segment that was killed ends in the middle of a record, which is reported as an error.
        said = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
        for line in said.stdout.splitlines():
            record = json.loads(line)
            if record["type"] == "history":
                last = max(last, record["history"]["item"]["_step"])
    return last
