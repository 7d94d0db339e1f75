"""Downloads from a local server (interrupted, resumed, corrupt, complete) and clones."""

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
from clothseg.commands.dataset.download import sources, transfer
from clothseg.commands.dataset.download.clone import clone
from clothseg.commands.dataset.download.sources import DatasetSource, PublicFile, Repository
from clothseg.commands.dataset.download.transfer import fetch
from clothseg.commands.main import main
from clothseg.error import DataError

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

CONTENT = np.random.default_rng(0).bytes(3_000_000)
PATH = "annotations/modanet2018_instances_train.json"


class Server:
    """HTTP server of a single file that records its requests.

    Attributes:
        content: content of the file.
        stop_after: number of bytes after which it closes the connection; None sends all.
        ranges: True if it supports range requests.
        requested_ranges: `Range` header of every request; None without one.
    """

    def __init__(self):
        self.content, self.stop_after, self.ranges = CONTENT, None, True
        self.requested_ranges = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.respond(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/file"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def respond(self, handler):
        requested = handler.headers.get("Range")
        self.requested_ranges.append(requested)
        begin = 0
        if requested and self.ranges:
            begin = int(re.fullmatch(r"bytes=(\d+)-", requested)[1])
        handler.send_response(206 if begin else 200)
        handler.send_header("Content-Length", str(len(self.content) - begin))
        handler.end_headers()
        end = len(self.content) if self.stop_after is None else begin + self.stop_after
        handler.wfile.write(self.content[begin:end])


@pytest.fixture
def server():
    running = Server()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def file(server):
    return PublicFile(PATH, server.url, len(CONTENT), hashlib.md5(CONTENT).hexdigest())


def test_complete_file_is_downloaded_once(server, file, tmp_path):
    for _ in range(2):
        fetch(file, tmp_path)
        assert (tmp_path / PATH).read_bytes() == CONTENT
    assert server.requested_ranges == [None]
    assert [path.name for path in (tmp_path / "annotations").iterdir()] == [PATH.split("/")[1]]


def test_interrupted_download_resumes(server, file, tmp_path):
    server.stop_after = 1_000_000
    for done in (1_000_000, 2_000_000):
        with pytest.raises(DataError, match=rf"closed early\); {done} of 3000000 bytes are saved"):
            fetch(file, tmp_path)
        assert not (tmp_path / PATH).exists()
    fetch(file, tmp_path)
    assert (tmp_path / PATH).read_bytes() == CONTENT
    assert server.requested_ranges == [None, "bytes=1000000-", "bytes=2000000-"]


def test_server_without_range_support_sends_everything(server, file, tmp_path):
    part = tmp_path / f"{PATH}.part"
    part.parent.mkdir()
    part.write_bytes(b"something else")
    server.ranges = False
    fetch(file, tmp_path)
    assert server.requested_ranges == ["bytes=14-"]
    assert (tmp_path / PATH).read_bytes() == CONTENT


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(done=st.integers(0, len(CONTENT) + 10))
def test_any_partial_file_is_completed(done, server, file, tmp_path):
    part = tmp_path / f"{PATH}.part"
    part.parent.mkdir(exist_ok=True)
    (tmp_path / PATH).unlink(missing_ok=True)
    part.write_bytes((CONTENT + bytes(10))[:done])
    fetch(file, tmp_path)
    assert (tmp_path / PATH).read_bytes() == CONTENT
    assert not part.exists()


def test_wrong_checksum_is_rejected_and_the_file_removed(server, file, tmp_path):
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(DataError, match=rf"does not have the md5 {file.md5} and was removed"):
        fetch(file, tmp_path)
    assert not list((tmp_path / "annotations").iterdir())


def test_different_existing_file_is_unchanged(server, file, tmp_path):
    target = tmp_path / PATH
    target.parent.mkdir()
    target.write_text("custom annotations")
    with pytest.raises(DataError, match=r"exists with different content \(18 bytes"):
        fetch(file, tmp_path)
    assert target.read_text() == "custom annotations"
    assert server.requested_ranges == []


def test_git_lfs_pointer_is_replaced(file, tmp_path):
    target = tmp_path / PATH
    target.parent.mkdir()
    target.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3000000\n")
    fetch(file, tmp_path)
    assert target.read_bytes() == CONTENT


def test_unreachable_server_fails_immediately(tmp_path):
    file = PublicFile(PATH, "http://127.0.0.1:9/file", 3, "0" * 32)
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"cannot be downloaded \(.*copy it to .*train\.json"):
        fetch(file, tmp_path)
    assert time.monotonic() - begin < 5


def test_unresponsive_server_times_out(server, file, tmp_path, monkeypatch):
    finished = threading.Event()
    monkeypatch.setattr(server, "respond", lambda handler: finished.wait(30))
    monkeypatch.setattr(transfer, "TIMEOUT", 0.3)
    begin = time.monotonic()
    with pytest.raises(DataError, match="timed out"):
        fetch(file, tmp_path)
    finished.set()
    assert time.monotonic() - begin < 5


def run(name, root):
    return main("dataset", ["action=download", f"dataset={name}", f"dataset.root={root}"])


def test_command_downloads_public_files_and_lists_the_manual_ones(
    file, tmp_path, monkeypatch, capsys
):
    manual = sources.SOURCES["modanet"].manual
    monkeypatch.setitem(sources.SOURCES, "modanet", DatasetSource(files=[file], manual=manual))
    assert run("modanet", tmp_path / "modanet") == 0
    output = capsys.readouterr().out
    assert f"written to {tmp_path / 'modanet' / PATH}" in output
    assert "modanet: to be downloaded manually" in output
    assert f"to   {tmp_path / 'modanet' / 'images'}" in output


@pytest.mark.parametrize("name", ["cfpd", "imaterialist"])
def test_manual_downloads_are_explained(name, tmp_path, capsys):
    assert run(name, tmp_path / name) == 1
    output = capsys.readouterr().out
    assert f"{name}: to be downloaded manually" in output
    assert "from https://" in output or "https://sites.google.com" in output
    assert not (tmp_path / name).exists()


def test_dataset_without_download_is_one_message(tmp_path, capsys):
    assert run("synthetic", tmp_path) == 1
    assert "no download is known for synthetic; downloads or" in capsys.readouterr().err


def test_every_published_dataset_has_a_source():
    assert {"ccp", "cfpd", "imaterialist", "modanet", "cihp", "ccihp"} <= set(sources.SOURCES)
    for source in sources.SOURCES.values():
        assert source.repository or source.files or source.manual


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, text=True)


@pytest.fixture
def repository(tmp_path):
    """Local repository with two images and a list."""
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


def test_repository_is_cloned_once_and_verified(repository, tmp_path, monkeypatch, capsys):
    root = tmp_path / "data" / "ccp"
    monkeypatch.setitem(sources.SOURCES, "ccp", DatasetSource(repository=repository))
    assert run("ccp", root) == 0
    assert (root / "photos" / "2.jpg").read_bytes() == b"\x02"
    assert [path.name for path in root.parent.iterdir()] == ["ccp"]
    monkeypatch.setattr(cloning, "_clone", None)
    assert run("ccp", root) == 0
    assert f"{root} is complete" in capsys.readouterr().out


def test_incomplete_folder_is_unchanged(repository, tmp_path):
    root = tmp_path / "ccp"
    clone(repository, root)
    (root / "photos" / "1.jpg").unlink()
    (root / "list.mat").write_bytes(b"other names")
    with pytest.raises(
        DataError, match=r"1 files match photos/\*\.jpg instead of 2; list\.mat does"
    ):
        clone(repository, root)
    assert (root / "photos" / "2.jpg").is_file()


def test_changed_repository_is_rejected(repository, tmp_path):
    changed = Repository(repository.url, {"photos/*.jpg": 3}, "list.mat", repository.sha256)
    root = tmp_path / "data" / "ccp"
    with pytest.raises(DataError, match=r"has changed: 2 files match photos/\*\.jpg instead of 3"):
        clone(changed, root)
    assert not list(root.parent.iterdir())


def test_leftovers_of_an_interrupted_clone_are_removed(repository, tmp_path):
    root = tmp_path / "data" / "ccp"
    leftovers = root.with_name(".ccp.cloning")
    leftovers.mkdir(parents=True)
    (leftovers / "half").write_text("half")
    clone(repository, root)
    assert [path.name for path in root.parent.iterdir()] == ["ccp"]


@pytest.mark.parametrize(
    ("url", "path", "message"),
    [
        ("http://127.0.0.1:9/nothing", None, "cannot be cloned .*127.0.0.1.*copy it to"),
        ("http://127.0.0.1:9/nothing", "/nowhere", "git is not installed"),
    ],
)
def test_failed_clone_states_how_to_proceed(url, path, message, tmp_path, monkeypatch):
    if path:
        monkeypatch.setenv("PATH", path)
    root = tmp_path / "data" / "ccp"
    with pytest.raises(DataError, match=message):
        clone(Repository(url, {}, "list.mat", ""), root)
    assert not root.exists()


def test_local_copy_of_ccp_has_the_checksum(ccp_root):
    repository = sources.SOURCES["ccp"].repository
    problems = cloning.find_differences(repository, ccp_root)
    assert not [problem for problem in problems if "label_list" in problem]
