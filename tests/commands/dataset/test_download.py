"""Downloads from a server on this machine: cut off, resumed, damaged, complete; and a clone."""

import hashlib
import re
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clothseg.commands.dataset.download import clone as cloning
from clothseg.commands.dataset.download import places, transfer
from clothseg.commands.dataset.download.clone import clone
from clothseg.commands.dataset.download.places import OpenFile, Place, Repository
from clothseg.commands.dataset.download.transfer import fetch
from clothseg.commands.main import main
from clothseg.error import DataError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
PATH = "annotations/modanet2018_instances_train.json"


class Server:
    """Serves one content and remembers what it was asked for.

    Attributes:
        content: what it sends.
        stop_after: bytes after which it ends the connection.
        ranges: whether it can begin in the middle.
        asked: the header `Range` of every request.
    """

    def __init__(self):
        self.content, self.stop_after, self.ranges, self.asked = CONTENT, None, True, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/file"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler):
        asked = handler.headers.get("Range")
        self.asked.append(asked)
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.ranges else 0
        handler.send_response(206 if begin else 200)
        handler.send_header("Content-Length", str(len(self.content) - begin))
        handler.end_headers()
        end = len(self.content) if self.stop_after is None else begin + self.stop_after
        handler.wfile.write(self.content[begin:end])


@pytest.fixture
def server():
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def file(server):
    return OpenFile(PATH, server.url, len(CONTENT), hashlib.md5(CONTENT).hexdigest())


def test_a_complete_file_is_fetched_once(server, file, tmp_path):
    for _ in range(2):
        fetch(file, tmp_path)
        assert (tmp_path / PATH).read_bytes() == CONTENT
    assert server.asked == [None]
    assert [path.name for path in (tmp_path / "annotations").iterdir()] == [PATH.split("/")[1]]


def test_a_download_goes_on_where_it_was_cut(server, file, tmp_path):
    server.stop_after = 1_000_000
    for done in (1_000_000, 2_000_000):
        with pytest.raises(DataError, match=rf"ended early\); {done} of 3000000 bytes are kept"):
            fetch(file, tmp_path)
        assert not (tmp_path / PATH).exists()
    fetch(file, tmp_path)
    assert (tmp_path / PATH).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000000-", "bytes=2000000-"]


def test_a_server_that_cannot_go_on_sends_all(server, file, tmp_path):
    part = tmp_path / f"{PATH}.part"
    part.parent.mkdir()
    part.write_bytes(b"something else")
    server.ranges = False
    fetch(file, tmp_path)
    assert server.asked == ["bytes=14-"]
    assert (tmp_path / PATH).read_bytes() == CONTENT


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(done=st.integers(0, len(CONTENT) + 10))
def test_any_beginning_is_completed(done, server, file, tmp_path):
    part = tmp_path / f"{PATH}.part"
    part.parent.mkdir(exist_ok=True)
    (tmp_path / PATH).unlink(missing_ok=True)
    part.write_bytes((CONTENT + bytes(10))[:done])
    fetch(file, tmp_path)
    assert (tmp_path / PATH).read_bytes() == CONTENT
    assert not part.exists()


def test_a_wrong_checksum_is_refused_and_nothing_kept(server, file, tmp_path):
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(DataError, match=rf"has not the md5 {file.md5} and was removed"):
        fetch(file, tmp_path)
    assert not list((tmp_path / "annotations").iterdir())


def test_another_file_in_its_place_is_left_alone(server, file, tmp_path):
    target = tmp_path / PATH
    target.parent.mkdir()
    target.write_text("my own annotations")
    with pytest.raises(DataError, match=r"is there with another content \(18 bytes"):
        fetch(file, tmp_path)
    assert target.read_text() == "my own annotations"
    assert server.asked == []


def test_a_pointer_of_git_lfs_is_replaced(file, tmp_path):
    target = tmp_path / PATH
    target.parent.mkdir()
    target.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3000000\n")
    fetch(file, tmp_path)
    assert target.read_bytes() == CONTENT


def test_a_server_that_is_not_there_is_told_at_once(tmp_path):
    file = OpenFile(PATH, "http://127.0.0.1:9/file", 3, "0" * 32)
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"cannot be downloaded \(.*put here: .*train\.json"):
        fetch(file, tmp_path)
    assert time.monotonic() - begin < 5


def test_a_server_that_says_nothing_is_given_up(server, file, tmp_path, monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(server, "answer", lambda handler: answered.wait(30))
    monkeypatch.setattr(transfer, "PATIENCE", 0.3)
    begin = time.monotonic()
    with pytest.raises(DataError, match="timed out"):
        fetch(file, tmp_path)
    answered.set()
    assert time.monotonic() - begin < 5


def run(name, root):
    return main("dataset", ["action=download", f"dataset={name}", f"dataset.root={root}"])


def test_the_command_fetches_what_is_open_and_tells_the_rest(file, tmp_path, monkeypatch, capsys):
    by_hand = places.PLACES["modanet"].by_hand
    monkeypatch.setitem(places.PLACES, "modanet", Place(files=[file], by_hand=by_hand))
    assert run("modanet", tmp_path / "modanet") == 0
    said = capsys.readouterr().out
    assert f"written to {tmp_path / 'modanet' / PATH}" in said
    assert "modanet: to be fetched by hand" in said
    assert f"to   {tmp_path / 'modanet' / 'images'}" in said


@pytest.mark.parametrize("name", ["cfpd", "imaterialist"])
def test_what_cannot_be_downloaded_is_explained(name, tmp_path, capsys):
    assert run(name, tmp_path / name) == 1
    said = capsys.readouterr().out
    assert f"{name}: to be fetched by hand" in said
    assert "from https://" in said or "https://sites.google.com" in said
    assert not (tmp_path / name).exists()


def test_a_dataset_of_nobody_is_one_message(tmp_path, capsys):
    assert run("synthetic", tmp_path) == 1
    assert "no download is known for synthetic; there are" in capsys.readouterr().err


def test_places_are_stated_for_every_dataset_of_others():
    assert {"ccp", "cfpd", "imaterialist", "modanet", "cihp", "ccihp"} <= set(places.PLACES)
    for place in places.PLACES.values():
        assert place.repository or place.files or place.by_hand


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, text=True)


@pytest.fixture
def repository(tmp_path):
    """A repository on this machine with two photos, one mask and a list."""
    origin = tmp_path / "origin"
    (origin / "photos").mkdir(parents=True)
    for number in (1, 2):
        (origin / "photos" / f"{number}.jpg").write_bytes(bytes([number]))
    (origin / "list.mat").write_bytes(b"names")
    git(origin, "init", "--quiet")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "-m", "photos")
    checksum = hashlib.sha256(b"names").hexdigest()
    return Repository(origin.as_uri(), {"photos/*.jpg": 2}, "list.mat", checksum)


def test_a_repository_is_cloned_once_and_checked(repository, tmp_path, monkeypatch, capsys):
    root = tmp_path / "data" / "ccp"
    monkeypatch.setitem(places.PLACES, "ccp", Place(repository=repository))
    assert run("ccp", root) == 0
    assert (root / "photos" / "2.jpg").read_bytes() == b"\x02"
    assert [path.name for path in root.parent.iterdir()] == ["ccp"]
    monkeypatch.setattr(cloning, "_clone", None)
    assert run("ccp", root) == 0
    assert f"{root} is complete" in capsys.readouterr().out


def test_a_folder_that_lacks_something_is_left_alone(repository, tmp_path):
    root = tmp_path / "ccp"
    clone(repository, root)
    (root / "photos" / "1.jpg").unlink()
    (root / "list.mat").write_bytes(b"other names")
    with pytest.raises(DataError, match=r"1 files photos/\*\.jpg instead of 2; list\.mat has"):
        clone(repository, root)
    assert (root / "photos" / "2.jpg").is_file()


def test_a_repository_that_has_changed_is_refused(repository, tmp_path):
    changed = Repository(repository.url, {"photos/*.jpg": 3}, "list.mat", repository.sha256)
    root = tmp_path / "data" / "ccp"
    with pytest.raises(DataError, match=r"has changed: 2 files photos/\*\.jpg instead of 3"):
        clone(changed, root)
    assert not list(root.parent.iterdir())


def test_what_a_cut_clone_left_is_dropped(repository, tmp_path):
    root = tmp_path / "data" / "ccp"
    left = root.with_name(".ccp.cloning")
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    clone(repository, root)
    assert [path.name for path in root.parent.iterdir()] == ["ccp"]


@pytest.mark.parametrize(
    ("url", "path", "message"),
    [
        ("http://127.0.0.1:9/nothing", None, "cannot be cloned .*127.0.0.1.*copy it here"),
        ("http://127.0.0.1:9/nothing", "/nowhere", "git is not installed"),
    ],
)
def test_a_clone_that_cannot_be_says_how_to_go_on(url, path, message, tmp_path, monkeypatch):
    if path:
        monkeypatch.setenv("PATH", path)
    root = tmp_path / "data" / "ccp"
    with pytest.raises(DataError, match=message):
        clone(Repository(url, {}, "list.mat", ""), root)
    assert not root.exists()


def test_the_local_copy_of_ccp_has_the_checksum(ccp_root):
    repository = places.PLACES["ccp"].repository
    assert not [text for text in cloning.differences(repository, ccp_root) if "label_list" in text]
