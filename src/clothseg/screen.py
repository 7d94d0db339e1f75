"""What a command shows while it works: lines, and below them a bar for everything under way.

A job of a sweep has no terminal of its own: its process sends what it shows to the one that started
it, so that the bars of jobs that run at the same time stand below each other.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

console = Console(highlight=False)
"""Where every command prints its results; plain text when it is not a terminal."""


class Screen(ABC):
    """Where lines and bars go; bars are counted in images and known by a number."""

    @abstractmethod
    def say(self, line: str) -> None:
        """Show a line that stays."""

    @abstractmethod
    def begin(self, description: str, total: int) -> int:
        """Show a bar; returns its number."""

    @abstractmethod
    def advance(self, bar: int, images: float) -> None:
        """Move a bar on."""

    @abstractmethod
    def end(self, bar: int) -> None:
        """Take a bar away."""


class Terminal(Screen):
    """The terminal of this process; without one, lines only."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._progress: Progress | None = None

    def say(self, line: str) -> None:
        """Print above the bars."""
        console.print(line, soft_wrap=True, markup=False)

    def begin(self, description: str, total: int) -> int:
        """Add a bar below the others."""
        with self._lock:
            if self._progress is None:
                self._progress = _progress()
                self._progress.start()
            return self._progress.add_task(description, total=total)

    def advance(self, bar: int, images: float) -> None:
        """Move a bar on."""
        if self._progress is not None:
            self._progress.advance(TaskID(bar), images)

    def end(self, bar: int) -> None:
        """Take a bar away; the last one leaves nothing behind."""
        with self._lock:
            if self._progress is not None:
                self._progress.remove_task(TaskID(bar))
                if not self._progress.task_ids:
                    self._progress.stop()
                    self._progress = None


Message = tuple[str, tuple[Any, ...]]
"""Name of a method of :class:`Screen`, and its arguments; `begin` has the bar's number as well."""


class Sender(Screen):
    """The screen of a process that has none.

    Args:
        send: brings messages to the process that shows them, see :class:`Receiver`.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._deliver = send
        self._lock = Lock()
        self._bars = itertools.count()

    def say(self, line: str) -> None:
        """Send a line."""
        self._send(("say", (line,)))

    def begin(self, description: str, total: int) -> int:
        """Announce a bar."""
        bar = next(self._bars)
        self._send(("begin", (description, total, bar)))
        return bar

    def advance(self, bar: int, images: float) -> None:
        """Send how far a bar has moved."""
        self._send(("advance", (bar, images)))

    def end(self, bar: int) -> None:
        """Have a bar taken away."""
        self._send(("end", (bar,)))

    def _send(self, message: Message) -> None:
        with self._lock:  # a pipe takes one message at a time
            self._deliver(message)


class Silent(Screen):
    """The screen of a process that works with another one, which shows what both do."""

    def say(self, line: str) -> None:
        """Show nothing."""

    def begin(self, description: str, total: int) -> int:
        """Show nothing."""
        return 0

    def advance(self, bar: int, images: float) -> None:
        """Show nothing."""

    def end(self, bar: int) -> None:
        """Show nothing."""


class Receiver:
    """Shows the messages of one other process."""

    def __init__(self) -> None:
        self._bars: dict[int, int] = {}

    def show(self, message: Message) -> None:
        """Do what the other process asked for."""
        method, arguments = message
        if method == "say":
            _screen.say(*arguments)
        elif method == "begin":
            description, total, bar = arguments
            self._bars[bar] = _screen.begin(description, total)
        elif method == "advance":
            bar, images = arguments
            _screen.advance(self._bars[bar], images)
        else:
            _screen.end(self._bars.pop(arguments[0]))

    def close(self) -> None:
        """Take away the bars of a process that has ended."""
        for bar in self._bars.values():
            _screen.end(bar)
        self._bars.clear()


_screen: Screen = Terminal()


def show_on(screen: Screen) -> None:
    """Have this process show everything there from now on."""
    global _screen
    _screen = screen


def say(line: str) -> None:
    """Show a line that stays."""
    _screen.say(line)


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[float], None]]:
    """Show progress of `total` images; yields a function that takes how many more are done."""
    bar = _screen.begin(description, total)
    try:
        yield lambda images: _screen.advance(bar, images)
    finally:
        _screen.end(bar)


@contextmanager
def byte_bar(description: str, total: int, done: int) -> Iterator[Callable[[float], None]]:
    """Show the progress of a download; yields a function that takes how many more bytes are here.

    Args:
        description: what is downloaded.
        total: its bytes.
        done: how many of them are here already.
    """
    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True))
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(description, total=total, completed=done)
        yield lambda more: bar.advance(task, more)


class _SpeedColumn(ProgressColumn):
    """Images per second, from rich's own moving average."""

    def render(self, task: Task) -> Text:
        """Speed of one task, empty until there is something to measure."""
        return Text(f"{task.speed:,.0f} images/s" if task.speed else "", style="dim")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _SpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
