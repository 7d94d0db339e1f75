"""Console output of a running command: lines of text above progress bars.

The job processes of a sweep have no terminal of their own. They send their output to the parent
process, which stacks the progress bars of parallel jobs.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
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
from rich.segment import Segment
from rich.text import Text

from clothseg.terminal.streams import harmless


class _Console(Console):
    """Console that shows names as they are: neither as markup nor as commands of a terminal."""

    def render_str(self, text: str, **style: Any) -> Text:
        """Lay out text with its escapes, which take more room than what they stand for."""
        return super().render_str(harmless(text), **style)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render text, with control characters of names escaped; those of rich remain."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(harmless(segment.text), segment.style)


console = _Console(highlight=False, markup=False, emoji=False)
"""Console for the results of all commands; plain text if it is not a terminal."""


class Screen(ABC):
    """Output for lines and progress bars; bars count images and are identified by a number."""

    @abstractmethod
    def say(self, line: str) -> None:
        """Show a permanent line."""

    @abstractmethod
    def begin(self, description: str, total: int) -> int:
        """Show a bar; returns its number."""

    @abstractmethod
    def advance(self, bar: int, images: float) -> None:
        """Advance a bar."""

    @abstractmethod
    def end(self, bar: int) -> None:
        """Remove a bar."""

    @abstractmethod
    def headline(self, text: Callable[[], str] | None, is_news: bool) -> None:
        """Keep a line below all bars up to date; None removes it."""


class Terminal(Screen):
    """Terminal of this process; without one, only lines are shown."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._progress: _Bars | None = None

    def say(self, line: str) -> None:
        """Print above the bars."""
        console.print(line, soft_wrap=True, markup=False)

    def begin(self, description: str, total: int) -> int:
        """Add a bar below the others."""
        with self._lock:
            return self._started().add_task(description, total=total)

    def advance(self, bar: int, images: float) -> None:
        """Advance a bar."""
        if self._progress is not None:
            self._progress.advance(TaskID(bar), images)

    def end(self, bar: int) -> None:
        """Remove a bar; removing the last one stops the display."""
        with self._lock:
            if self._progress is not None:
                self._progress.remove_task(TaskID(bar))
                self._stop_if_empty(self._progress)

    def headline(self, text: Callable[[], str] | None, is_news: bool) -> None:
        """Show a line below the bars; without a terminal, print it if it is news."""
        with self._lock:
            if text is not None:
                self._started().headline = text
            elif self._progress is not None:
                self._progress.headline = None
                self._stop_if_empty(self._progress)
        if text is not None and is_news and not console.is_terminal:
            self.say(text())

    def _started(self) -> "_Bars":
        if self._progress is None:
            self._progress = _bars()
            self._progress.start()
        return self._progress

    def _stop_if_empty(self, progress: "_Bars") -> None:
        if not progress.task_ids and progress.headline is None:
            progress.stop()
            self._progress = None


Message = tuple[str, tuple[Any, ...]]
"""Name of a :class:`Screen` method and its arguments, for `begin` including the bar's number."""


class Sender(Screen):
    """Screen that forwards all output to another process.

    Args:
        send: delivers messages to the process that shows them, see :class:`Receiver`.
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
        """Send the progress of a bar."""
        self._send(("advance", (bar, images)))

    def end(self, bar: int) -> None:
        """Send the removal of a bar."""
        self._send(("end", (bar,)))

    def headline(self, text: Callable[[], str] | None, is_news: bool) -> None:
        """Show nothing: the line is that of the process with the terminal."""

    def _send(self, message: Message) -> None:
        with self._lock:  # a pipe is not thread-safe
            self._deliver(message)


class Silent(Screen):
    """Screen of the nonzero ranks of a run, whose rank 0 shows the output."""

    def say(self, line: str) -> None:
        """Show nothing."""

    def begin(self, description: str, total: int) -> int:
        """Show nothing."""
        return 0

    def advance(self, bar: int, images: float) -> None:
        """Show nothing."""

    def end(self, bar: int) -> None:
        """Show nothing."""

    def headline(self, text: Callable[[], str] | None, is_news: bool) -> None:
        """Show nothing."""


class Receiver:
    """Shows the messages of another process, sent by its :class:`Sender`."""

    def __init__(self) -> None:
        self._bars: dict[int, int] = {}

    def show(self, message: Message) -> None:
        """Show a message."""
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
        """Remove the remaining bars of a process that has ended."""
        for bar in self._bars.values():
            _screen.end(bar)
        self._bars.clear()


_screen: Screen = Terminal()


def show_on(screen: Screen) -> None:
    """Set the screen of this process."""
    global _screen
    _screen = screen


def say(line: str) -> None:
    """Show a permanent line."""
    _screen.say(line)


def headline(text: Callable[[], str] | None, is_news: bool = False) -> None:
    """Keep a line below all bars up to date.

    Args:
        text: returns the line; None removes it.
        is_news: print the line once where there is no terminal.
    """
    _screen.headline(text, is_news)


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[float], None]]:
    """Show the progress of `total` images; yields a function that advances it by a number."""
    bar = _screen.begin(description, total)
    try:
        yield lambda images: _screen.advance(bar, images)
    finally:
        _screen.end(bar)


@contextmanager
def byte_bar(description: str, total: int, done: int) -> Iterator[Callable[[float], None]]:
    """Show the progress of a download; yields a function that advances it by a number of bytes.

    Args:
        description: label of the bar.
        total: size of the download in bytes.
        done: bytes that are already present.
    """
    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True))
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(description, total=total, completed=done)
        yield lambda num_bytes: bar.advance(task, num_bytes)


class _SpeedColumn(ProgressColumn):
    """Images per second, from rich's moving average."""

    def render(self, task: Task) -> Text:
        """Speed of one task; empty until it can be measured."""
        return Text(f"{task.speed:,.0f} images/s" if task.speed else "", style="dim")


class _Bars(Progress):
    """Bars of parallel jobs, above a line about all of them."""

    headline: Callable[[], str] | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bars and the line."""
        if self.task_ids:
            yield self.make_tasks_table(self.tasks)
        if self.headline is not None:
            yield Text(self.headline())


def _bars() -> _Bars:
    return _Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _SpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
