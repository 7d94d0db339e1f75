"""Files of W&B runs that were written offline: read back, sent later, refused if hostile."""

import json
import os
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest

from clothseg.error import DataError
from clothseg.logger import wandb_files
from clothseg.logger.wandb_client import is_logged, note_logged, recorded
from clothseg.logger.wandb_environment import Account
from clothseg.logger.wandb_files import last_step, send_offline_files

ACCOUNT = Account("online", "fashion", "team", (), 60)
ARTIFACT = {"project": "fashion", "manifest": {"contents": []}}
OWN = [
    {"type": "header", "header": {}},
    {"type": "run", "run": {"entity": "mallory", "project": "loot"}},
    {"type": "history", "history": {"item": {"_step": 1}}},
    {"type": "history", "history": {"item": {"_step": 2}}},
    {"type": "files", "files": {"files": [{"path": "media/images/a_1.png"}]}},
    {"type": "artifact", "artifact": ARTIFACT},
    {"type": "exit", "exit": {"exit_code": 0}},
]


@pytest.fixture
def segment(tmp_path):
    path = tmp_path / "wandb" / "offline-run-1-abc" / "run-abc.wandb"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


@pytest.fixture
def commands(monkeypatch):
    """Commands of the client, which are not run; a listing shows `commands.records`."""
    said = SimpleNamespace(records=OWN, sent=[])

    def run(command, **keywords):
        if "sync" in command:
            said.sent.append(command[command.index("sync") + 1 :])
        lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in said.records)
        return subprocess.CompletedProcess(command, 0, stdout=lines.encode())

    monkeypatch.setattr(wandb_files.subprocess, "run", run)
    return said


def test_what_clothseg_writes_is_sent_to_the_account_and_not_where_the_file_says(
    segment, commands, tmp_path
):
    send_offline_files(tmp_path, "abc", ACCOUNT, "team")
    place = ["--yes", "--project", "fashion", "--entity", "team"]
    assert commands.sent == [[*place, str(segment.parent)]]
    assert last_step(tmp_path, "abc") == 2


def test_what_was_sent_is_not_sent_again(segment, commands, tmp_path):
    segment.with_name("run-abc.wandb.synced").touch()
    send_offline_files(tmp_path, "abc", ACCOUNT, "team")
    send_offline_files(tmp_path, "other", ACCOUNT, "team")
    assert commands.sent == []


def content(**entry):
    return {"type": "artifact", "artifact": ARTIFACT | {"manifest": {"contents": [entry]}}}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"type": "alert", "alert": {}}, "a record of type 'alert', which clothseg does not write"),
        ({"type": "files", "files": {"files": [{"path": "../../../x"}]}}, "a file outside"),
        ({"type": "files", "files": {"files": [{"path": "/etc/passwd"}]}}, "a file outside"),
        ({"type": "files", "files": {"files": [{"path": "*"}]}}, "a file outside"),
        ({"type": "files", "files": {"files": [{"path": "link"}]}}, "a file outside"),
        (content(local_path="/etc/passwd"), "outside of the record, '/etc/passwd'"),
        (content(ref="file:///etc/passwd"), "refers to another place"),
        ({"type": "artifact", "artifact": {**ARTIFACT, "project": "loot"}}, "to team/loot"),
        ({"type": "artifact", "artifact": {**ARTIFACT, "entity": "mallory"}}, "to mallory/fashion"),
    ],
)
def test_a_segment_that_reaches_beyond_its_record_is_refused(
    record, reason, segment, commands, tmp_path
):
    (segment.parent / "files").mkdir()
    (segment.parent / "files" / "link").symlink_to("/etc/passwd")
    commands.records = [*OWN, record]
    with pytest.raises(DataError, match=reason):
        send_offline_files(tmp_path, "abc", ACCOUNT, "team")
    assert commands.sent == []


def test_an_artifact_without_an_entity_would_go_to_the_default_one(segment, commands, tmp_path):
    with pytest.raises(DataError, match="to other/fashion"):
        send_offline_files(tmp_path, "abc", ACCOUNT, "other")
    elsewhere = replace(ACCOUNT, entity="other")
    send_offline_files(tmp_path, "abc", elsewhere, "other")
    assert len(commands.sent) == 1


def test_a_run_counts_as_logged_by_place(tmp_path):
    (tmp_path / "wandb.json").write_text('{"id": "abc"}')
    for place, digest in (("offline", "1"), ("online a", "2")):
        note_logged(tmp_path, place, digest)
    assert recorded(tmp_path)["id"] == "abc"
    assert is_logged(tmp_path, "online a", "2")
    assert not is_logged(tmp_path, "online a", "1")
    assert not is_logged(tmp_path, "online b", "2")
    assert is_logged(tmp_path, "online b", "2", only_there=False)
    assert not is_logged(tmp_path, "online b", "1", only_there=False)
    assert not is_logged(tmp_path, "offline", "2", only_there=False)
    (tmp_path / "wandb.json").write_text('{"id": "abc", "logged": ["offline"]}')
    assert not is_logged(tmp_path, "offline", "1")


def test_a_failure_of_the_client_is_a_sentence(segment, commands, tmp_path, monkeypatch):
    def fail(command, **keywords):
        if "sync" in command:
            said = "wandb: trying\nwandb: ERROR no\n"
            raise subprocess.CalledProcessError(1, command, stderr=said)
        return subprocess.CompletedProcess(command, 0, stdout=b"")

    monkeypatch.setattr(wandb_files.subprocess, "run", fail)
    with pytest.raises(DataError, match=r"`wandb sync` of .*-run-1-abc failed: ERROR no"):
        send_offline_files(tmp_path, "abc", ACCOUNT, "team")


@pytest.mark.parametrize("step", ["3", None, {}, [], 2.5, -1, 10**400, True])
def test_a_step_that_is_no_number_is_none(segment, commands, tmp_path, step):
    commands.records = [*OWN, {"type": "history", "history": {"item": {"_step": step}}}]
    assert last_step(tmp_path, "abc") == 2
    for history in ({}, {"item": {}}, {"item": [{"key": "_step"}]}):
        commands.records = [*OWN, {"type": "history", "history": history}]
        assert last_step(tmp_path, "abc") == 2


def test_a_line_ends_where_the_client_ends_it(segment, commands, tmp_path):
    commands.records = [{"type": "run", "run": {"display_name": "a\x85b\u2028c"}}, *OWN]
    assert last_step(tmp_path, "abc") == 2


@pytest.mark.parametrize("said", [b"{", b"[" * 100_000, None], ids=["cut", "deep", "endless"])
def test_a_listing_that_is_damaged_or_endless_is_a_sentence(segment, tmp_path, monkeypatch, said):
    def answer(command, timeout, **keywords):
        if said is None:
            raise subprocess.TimeoutExpired(command, timeout)
        return subprocess.CompletedProcess(command, 0, stdout=said)

    monkeypatch.setattr(wandb_files.subprocess, "run", answer)
    with pytest.raises(DataError, match=r"run-abc\.wandb cannot be read: "):
        last_step(tmp_path, "abc")


def test_a_note_that_is_a_pipe_or_nested_too_deeply_counts_as_missing(tmp_path):
    os.mkfifo(tmp_path / "wandb.json")
    assert recorded(tmp_path) == {}
    (tmp_path / "wandb.json").unlink()
    (tmp_path / "wandb.json").write_text('{"id": ' + "[" * 100_000)
    assert recorded(tmp_path) == {}


@pytest.mark.parametrize("kind", ["pipe", "huge", "folder"])
def test_a_segment_that_is_no_file_of_a_run_is_not_opened(segment, tmp_path, kind):
    segment.unlink()
    if kind == "pipe":
        os.mkfifo(segment)
    elif kind == "folder":
        segment.mkdir()
    else:
        with segment.open("wb") as file:
            file.truncate(1 << 30)
    with pytest.raises(DataError, match=r"run-abc\.wandb: (is a|has 1,073,741,824 bytes)"):
        last_step(tmp_path, "abc")


def test_a_name_with_a_null_character_is_outside(segment, commands, tmp_path):
    commands.records = [{"type": "files", "files": {"files": [{"path": "a\0b"}]}}]
    with pytest.raises(DataError, match="it names a file outside of the run"):
        send_offline_files(tmp_path, "abc", ACCOUNT, "team")
