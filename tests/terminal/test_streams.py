"""Output with control characters, in other encodings, and after its reader has left."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from clothseg.terminal import screen
from clothseg.terminal.streams import UNSAFE, harmless
from support.paths import REPOSITORY


@given(st.text(st.characters(exclude_categories=[])))
def test_harmless_text_has_no_control_characters_and_keeps_the_others(text):
    shown = harmless(text)
    assert not UNSAFE.search(shown)
    assert harmless(shown) == shown
    assert shown == text or UNSAFE.search(text)
    shown.encode()  # halves of characters are escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb", r"a\rb"),
        ("gpj.\u202etxt", r"gpj.\u202etxt"),
        ("photo-\udcff", r"photo-\udcff"),
        ("Blouse, é, 服\n\t·", "Blouse, é, 服\n\t·"),
    ],
)
def test_names_cannot_command_a_terminal(text, shown):
    assert harmless(text) == shown


@pytest.mark.parametrize("name", ["\x1b[2J", "[/b]", "[red]", ":smile:"])
def test_the_console_shows_names_as_they_are(name, capsys):
    table = Table()
    table.add_column(name)
    table.add_row(name)
    screen.console.print(table)
    screen.say(name)
    output = capsys.readouterr().out
    assert output.count(harmless(name)) == 3
    assert "\x1b" not in output


@pytest.fixture
def closed_pipe():
    """Writing end of a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def run(arguments, **options):
    path = os.pathsep.join([str(REPOSITORY / "src"), *sys.path])
    environment = os.environ | {"PYTHONPATH": path} | options.pop("environment", {})
    return subprocess.run(
        [sys.executable, *arguments], cwd=REPOSITORY, env=environment, check=False, **options
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_help_is_printed_in_every_encoding(encoding):
    result = run(
        ["train.py", "--help"], environment={"PYTHONIOENCODING": encoding}, capture_output=True
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.decode(encoding).startswith("python train.py")


@pytest.mark.slow(seconds=15)
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["train.py", "--help"], 0),
        (["scripts/score.py", "--help"], 0),
        (["train.py", "--cfg", "job"], 0),
        (["train.py", "no.such=1"], 1),
    ],
)
def test_a_reader_that_has_left_does_not_end_a_command(arguments, status, closed_pipe):
    result = run(arguments, stdout=closed_pipe, stderr=subprocess.PIPE)
    assert result.returncode == status
    assert b"Traceback" not in result.stderr
    assert b"BrokenPipe" not in result.stderr


def test_work_goes_on_after_the_reader_has_left(tmp_path, closed_pipe):
    code = (
        "import sys; from pathlib import Path\n"
        "from clothseg.terminal.streams import outlive_readers\n"
        "outlive_readers(); outlive_readers()\n"
        "from clothseg.terminal.screen import say\n"
        "for number in range(3000): say('x' * 100)\n"
        "Path(sys.argv[1]).touch()"
    )
    result = run(["-c", code, tmp_path / "done"], stdout=closed_pipe, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (0, b"")
    assert (tmp_path / "done").exists()
