"""What another process shows appears on the screen of the one that started it."""

import io
import multiprocessing

import pytest
from rich.console import Console

from clothseg import screen as progress
from clothseg.screen import Receiver, Screen, Sender, progress_bar, say, show_on


class Recorder(Screen):
    """A screen that remembers."""

    def __init__(self):
        self.calls = []

    def say(self, line):
        self.calls.append(("say", line))

    def begin(self, description, total):
        self.calls.append(("begin", description, total))
        return 40 + len(self.calls)

    def advance(self, bar, images):
        self.calls.append(("advance", bar, images))

    def end(self, bar):
        self.calls.append(("end", bar))


@pytest.fixture
def recorder(monkeypatch):
    screen = Recorder()
    monkeypatch.setattr(progress, "_screen", screen)
    return screen


def work(connection):
    show_on(Sender(connection.send))
    say("begins")
    with progress_bar("epoch 1", 8) as advance:
        advance(4)
        with progress_bar("inside", 2) as inner:
            inner(2)
    connection.send(None)


def test_lines_and_bars_of_another_process_are_shown(recorder):
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=work, args=(sender,))
    process.start()
    shown = Receiver()
    while (message := receiver.recv()) is not None:
        shown.show(message)
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


def test_bars_of_a_process_that_was_killed_are_taken_away(recorder):
    shown = Receiver()
    sender = Sender(shown.show)
    sender.begin("never ends", 3)
    shown.close()
    assert recorder.calls == [("begin", "never ends", 3), ("end", 41)]


@pytest.fixture
def terminal(monkeypatch):
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(progress, "console", console)
    monkeypatch.setattr(progress, "_screen", progress.Terminal())
    return text


def test_bars_stand_below_each_other_and_leave_nothing_but_lines(terminal):
    with progress_bar("first", 10) as advance, progress_bar("second", 20):
        advance(5)
        progress._screen._progress.refresh()
        shown = terminal.getvalue().splitlines()
        say("a line that stays")
    assert any("first" in line and "5/10" in line for line in shown)
    assert any("second" in line and "0/20" in line for line in shown)
    assert "a line that stays" in terminal.getvalue()
    with progress_bar("again", 3):  # after the last bar has gone, a new one can come
        pass
    assert progress._screen._progress is None


def test_without_a_terminal_there_are_lines_only(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=text, width=100))
    monkeypatch.setattr(progress, "_screen", progress.Terminal())
    with progress_bar("epoch", 4) as advance:
        advance(4)
        say("epoch 1 done")
    assert text.getvalue() == "epoch 1 done\n"
