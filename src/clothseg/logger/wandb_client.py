"""Wrapper of the Weights & Biases client that never prompts and never prints.

What the user's environment provides is stated in :mod:`clothseg.logger.wandb_environment`;
everything else is set explicitly.
"""

import contextlib
import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from clothseg.error import DataError, UserError, first_line
from clothseg.files import write_json
from clothseg.logger.wandb_environment import (
    Account,
    Trial,
    client_environment,
    effective,
)
from clothseg.logger.wandb_keys import shown_group
from clothseg.untrusted import MAX_NOTE_BYTES, parse_json, read_file

INIT_TIMEOUT = 30.0
"""Seconds that the server may take to start a run; a check of the key takes up to 10."""
TEARDOWN_TIMEOUT = 10.0
"""Seconds to wait for the client's process to exit; it takes less than one, or hangs."""
FLUSH_INTERVAL = 1.0
"""Seconds between flushes to disk; the default of 15 loses epochs if the client is killed."""

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Ids that are names of files as well, which all ids of the service are."""

CLIENT_FOLDERS = {name: os.environ.get(name) for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR")}
"""Folders set by the user for pending uploads and for the client's logs; None where unset."""


class LoginError(UserError):
    """Weights & Biases cannot be used as configured.

    Args:
        reason: beginning of a sentence.
    """

    def __init__(self, reason: object) -> None:
        super().__init__(
            f"logger.wandb.mode=online: {reason}. Use `wandb login --relogin` to store another "
            "key, or logger.wandb.mode=offline, which needs neither key nor network; `wandb sync` "
            "uploads its files later"
        )
        self.reason = str(reason)


def import_wandb() -> ModuleType:
    """Import `wandb` with its error reporting disabled.

    Even offline runs would send error reports, and they must not need a network.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    return wandb


@cache
def require_login() -> None:
    """Verify the API key with the server, once for all jobs of a command.

    Raises:
        LoginError: the key is missing or invalid, or the server does not respond.
    """
    wandb = import_wandb()
    try:
        with client_environment():
            wandb.setup(wandb.Settings(silent=True))
            logged_in = wandb.login(prompt=False, verify=True)
    except (wandb.Error, ValueError, OSError) as error:
        raise LoginError(str(error).rstrip(".")) from error
    finally:
        _teardown(0)  # every job process starts its own client
    if not logged_in:
        raise LoginError("no Weights & Biases API key found on this machine")


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Let the client answer questions to the server without printing, and stop it afterwards."""
    with client_environment():
        import_wandb().setup(import_wandb().Settings(silent=True))
        try:
            yield
        finally:
            _teardown(0)


@cache
def default_entity() -> str:
    """Ask the server for the entity that runs belong to unless another is named.

    Raises:
        LoginError: the server does not tell.
    """
    try:
        with silent():
            entity = import_wandb().Api().default_entity
    except Exception as error:  # of the client, of its transport, and of the parser of the answer
        raise LoginError(f"the default entity is unknown ({first_line(error)})") from error
    if not entity:
        raise LoginError("the account has no default entity, so logger.wandb.entity must name one")
    return str(entity)


def recorded_id(folder: Path) -> str | None:
    """Return the id of the run to which a record was logged last; None if there is none."""
    identity: str | None = recorded(folder).get("id")
    return identity


def recorded(folder: Path) -> dict[str, Any]:
    """Read `wandb.json` of a record; empty if it is missing or damaged, which starts a new run."""
    try:
        content = parse_json(read_file(folder / "wandb.json", MAX_NOTE_BYTES))
    except (DataError, ValueError):
        return {}
    is_valid = isinstance(content, dict) and RUN_ID.fullmatch(str(content.get("id")))
    return content if is_valid else {}


def run_id(folder: Path, trial: Trial | None = None) -> str:
    """Return the run id of a record, which is recorded once and survives interruptions.

    Args:
        folder: the record; a new record at the path of a replaced one gets a new id.
        trial: the trial that the record is the score of, whose run replaces another one.
    """
    previous = recorded_id(folder)
    identity = trial.run if trial else previous or secrets.token_hex(6)
    if identity != previous:  # what else was recorded belongs to the run of the other id
        write_json(folder / "wandb.json", {"id": identity})
    return identity


def is_logged(folder: Path, place: str, digest: str, only_there: bool = True) -> bool:
    """Return whether all of a record was logged to a place.

    Args:
        folder: the record.
        place: as of :func:`clothseg.logger.wandb_environment.place`.
        digest: hash of what was logged.
        only_there: False if any other project will do in place of a project.
    """
    logged = recorded(folder).get("logged")
    if not isinstance(logged, dict):
        return False
    kind = place.split()[0]
    places = [p for p in logged if p == place or (not only_there and p.split()[:1] == [kind])]
    return any(logged[p] == digest for p in places)


def note(folder: Path, **entries: Any) -> None:
    """Write entries to `wandb.json` of a record, which has an id, beside those it has."""
    content = recorded(folder)
    if any(content.get(key) != value for key, value in entries.items()):
        write_json(folder / "wandb.json", content | entries)


def note_logged(folder: Path, place: str, digest: str) -> None:
    """Note that all of a record was logged to a place; arguments as of :func:`is_logged`."""
    logged = recorded(folder).get("logged")
    places = {**logged} if isinstance(logged, dict) else {}
    note(folder, logged=places | {place: digest})


def start(
    account: Account,
    folder: Path,
    name: str,
    group: str,
    job_type: str,
    config: Mapping[str, Any],
    trial: Trial | None = None,
) -> Any:
    """Start a run, or the next segment of an interrupted run, with `wandb.init`.

    Args:
        account: the configured account.
        folder: the record; files are written to its `wandb` folder.
        name: display name.
        group: group of related runs.
        job_type: `fold`, `run` or `summary`.
        config: configuration of plain values.
        trial: the trial whose run it is; the parameters that the sweep chose replace keys of
            `config` with the same name.

    Raises:
        LoginError: the server rejects the run or does not respond.
    """
    wandb = import_wandb()
    # Tables wait there for `wandb sync`: in the record, since other machines may lack this home.
    for variable, user_folder in CLIENT_FOLDERS.items():
        os.environ[variable] = user_folder or str((folder / "wandb" / "client").resolve())
    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        save_code=False,
        symlink=False,
        init_timeout=INIT_TIMEOUT,
        finish_timeout=account.finish_timeout,
        finish_timeout_raises=True,
        x_transaction_log_flush_interval=FLUSH_INTERVAL,
        **({"sweep_id": trial.sweep} if trial else {}),
    )
    session = wandb.Settings(silent=True)
    if trial and trial.parameters:
        session.sweep_param_path = str(trial.parameters)
    destination = effective(account)
    try:
        with client_environment():
            wandb.setup(session)
            return wandb.init(
                dir=str(folder.resolve()),
                id=run_id(folder, trial),
                resume="allow",
                reinit="create_new",
                mode=account.mode,
                project=destination.project,
                entity=destination.entity,
                tags=list(account.tags),
                name=name,
                group=shown_group(group),
                job_type=job_type,
                config=dict(config),
                settings=settings,
            )
    except (wandb.Error, TimeoutError) as error:
        _teardown(1)
        raise LoginError(str(error).rstrip(".")) from error


def finish(run: Any, folder: Path, exit_code: int) -> None:
    """Finish a run and stop the client's process.

    Raises:
        TimeoutError: the upload is incomplete; all files remain in the run folder.
    """
    try:
        run.finish(exit_code=exit_code)
    except TimeoutError as error:
        remedy = f"run `wandb sync --include-online {folder / 'wandb'}` to upload it again"
        raise TimeoutError(f"the upload did not finish in time; {remedy}") from error
    finally:
        _teardown(exit_code)


def _teardown(exit_code: int) -> None:
    """Stop the client's process.

    After an unresponsive server it sometimes misses the request to exit (wandb 0.31), and the
    client waits for it indefinitely. It is then abandoned and exits together with this process.
    """
    teardown = threading.Thread(target=import_wandb().teardown, args=[exit_code], daemon=True)
    teardown.start()
    teardown.join(TEARDOWN_TIMEOUT)
