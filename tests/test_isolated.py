"""Calls in a process of their own: results, errors, crashes, hangs, and the end of the command."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clothseg import isolated
from clothseg.dataset.defect import Defect
from clothseg.error import DataError
from clothseg.isolated import call_isolated
from clothseg.untrusted import read_file


def process_id():
    return isolated._processes[os.getpid()].pid


def test_results_and_errors_are_those_of_the_function(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"content")
    assert call_isolated(read_file, path, 100) == b"content"
    assert call_isolated(read_file, path, max_bytes=7) == b"content"
    first = process_id()
    with pytest.raises(DataError, match=r"text: has 7 bytes; files of this kind have at most 3"):
        call_isolated(read_file, path, 3)
    with pytest.raises(FileNotFoundError):
        call_isolated(Path.read_bytes, tmp_path / "missing")
    assert process_id() == first


def test_a_defect_keeps_its_kind_and_file(tmp_path):
    with pytest.raises(Defect) as caught:
        call_isolated(raise_defect, tmp_path)
    assert (caught.value.kind, caught.value.file, caught.value.value) == (
        "label out of range",
        tmp_path,
        "300",
    )


def raise_defect(path):
    raise Defect("label out of range", path, "300", f"{path}: 300")


@pytest.mark.parametrize("end", ["abort", "kill", "exit"])
def test_a_crash_is_an_error_that_names_the_file_and_the_next_call_works(end, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1")
    call_isolated(read_file, path, 100)
    with pytest.raises(DataError, match=r"file: crashes the library that reads it; it is damaged"):
        call_isolated(end_process, path, end)
    assert call_isolated(read_file, path, 100) == b"1"


def end_process(path, end):
    if end == "abort":
        os.abort()
    if end == "kill":
        os.kill(os.getpid(), signal.SIGSEGV)
    sys.exit("bye")


def test_a_call_without_end_is_an_error_and_its_answer_is_never_taken_for_another(
    tmp_path, monkeypatch
):
    path = tmp_path / "file"
    path.write_bytes(b"1")
    call_isolated(read_file, path, 100)
    monkeypatch.setattr(isolated, "TIME_LIMIT", 0.3)
    with pytest.raises(DataError, match=r"file: reading it took longer than 0\.3 s"):
        call_isolated(wait, path)
    monkeypatch.undo()
    assert call_isolated(read_file, path, 100) == b"1"


def wait(path):
    time.sleep(60)


def test_what_a_library_prints_is_not_the_answer(tmp_path):
    assert call_isolated(print_and_return, tmp_path) == tmp_path


def print_and_return(path):
    os.write(1, b"a library prints this")
    return path


def test_memory_is_limited(tmp_path):
    with pytest.raises(MemoryError):
        call_isolated(allocate, tmp_path, 9 << 30)


def allocate(path, size):
    return len(bytearray(size))


def test_a_fork_has_a_process_of_its_own(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1")
    call_isolated(read_file, path, 100)
    parent = process_id()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            call_isolated(read_file, path, 100)
            os.write(writer, str(process_id()).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reader, 100)) != parent
    assert call_isolated(read_file, path, 100) == b"1"
    assert process_id() == parent


def test_the_process_ends_with_the_command_however_that_ends(tmp_path):
    program = (
        "import os, sys, pathlib\n"
        "from clothseg import isolated\n"
        "from clothseg.untrusted import read_file\n"
        "isolated.call_isolated(read_file, pathlib.Path(sys.executable).resolve(), 1 << 30)\n"
        "print(isolated._processes[os.getpid()].pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == -9
    number = int(ended.stdout)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{number}/cmdline").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "clothseg.isolated" not in _command(number)


def _command(number):
    path = Path(f"/proc/{number}/cmdline")
    return path.read_text() if path.exists() else ""


def test_a_lower_limit_of_the_account_stands():
    """A cluster may limit the address space of all processes to less than the reader's own."""
    code = (
        "import resource; from clothseg import isolated; "
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32)); "
        "isolated._limit_memory(); print(*resource.getrlimit(resource.RLIMIT_AS))"
    )
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert output.stdout.split() == [str(1 << 32)] * 2
