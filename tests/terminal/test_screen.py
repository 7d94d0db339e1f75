"""Lines and progress bars of this process and of its child processes."""

import io
import multiprocessing

import pytest
from rich.console import Console

from clothseg.terminal import screen
from clothseg.terminal.screen import (
    Receiver,
    Screen,
    Sender,
    headline,
    progress_bar,
    say,
    show_on,
)


class Recorder(Screen):
    """Screen that records all calls."""

    def __init__(self):
        self.calls = []

    def say(self, line):
        self.calls.append(("say", line))

    def begin(self, description, total):
        self.calls.append(("begin", description, total))
        return 40 + len(self.calls)

    def advance(self, bar, images):
        self.calls.append(("advance", bar, images))

    def headline(self, text, is_news):
        raise AssertionError("job processes have no headline")

    def end(self, bar):
        self.calls.append(("end", bar))


@pytest.fixture
def recorder(monkeypatch):
    recording_screen = Recorder()
    monkeypatch.setattr(screen, "_screen", recording_screen)
    return recording_screen


def work(connection):
    show_on(Sender(connection.send))
    say("begins")
    with progress_bar("epoch 1", 8) as advance:
        advance(4)
        with progress_bar("inside", 2) as inner:
            inner(2)
    connection.send(None)


def test_output_of_another_process_is_shown(recorder):
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=work, args=(sender,))
    process.start()
    receiving_screen = Receiver()
    while (message := receiver.recv()) is not None:
        receiving_screen.show(message)
    process.join()
    assert recorder.calls == [
        ("say", "begins"),
        ("begin", "epoch 1", 8),
        ("advance", 42, 4),
        ("begin", "inside", 2),
        ("advance", 44, 2),
        ("end", 44),
        ("end", 42),
    ]


def test_bars_of_a_killed_process_are_removed(recorder):
    receiving_screen = Receiver()
    sender = Sender(receiving_screen.show)
    sender.begin("never ends", 3)
    receiving_screen.close()
    assert recorder.calls == [("begin", "never ends", 3), ("end", 41)]


@pytest.fixture
def terminal(monkeypatch):
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(screen, "console", console)
    monkeypatch.setattr(screen, "_screen", screen.Terminal())
    return text


def test_bars_are_stacked_and_removed(terminal):
    with progress_bar("first", 10) as advance, progress_bar("second", 20):
        advance(5)
        screen._screen._progress.refresh()
        shown = terminal.getvalue().splitlines()
        say("a permanent line")
    assert any("first" in line and "5/10" in line for line in shown)
    assert any("second" in line and "0/20" in line for line in shown)
    assert "a permanent line" in terminal.getvalue()
    with progress_bar("again", 3):  # a new bar can follow the last one
        pass
    assert screen._screen._progress is None


def test_the_headline_is_below_the_bars_and_always_up_to_date(terminal):
    numbers = iter(range(100))
    headline(lambda: f"news {next(numbers)}")
    with progress_bar("a bar", 10):
        screen._screen._progress.refresh()
        shown = [line for line in terminal.getvalue().splitlines() if line.strip()]
        assert "news" in shown[-1]
        assert "a bar" in shown[-2]
        say("a permanent line")
    last = int(terminal.getvalue().rpartition("news ")[2].split()[0])
    assert last > 0
    assert screen._screen._progress is not None, "the headline remains without bars"
    headline(None)
    assert screen._screen._progress is None
    headline(None)  # again is no error


def test_without_a_terminal_only_lines_are_shown(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(screen, "console", Console(file=text, width=100))
    monkeypatch.setattr(screen, "_screen", screen.Terminal())
    with progress_bar("epoch", 4) as advance:
        advance(4)
        say("epoch 1 done")
    assert text.getvalue() == "epoch 1 done\n"
