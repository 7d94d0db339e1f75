"""Progress of long work: a bar with images/s and time left on a terminal, one line elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

console = Console(highlight=False)
"""Where every command prints; plain text when it is not a terminal."""


class SpeedColumn(ProgressColumn):
    """Images per second, from rich's own moving average."""

    def render(self, task: Task) -> Text:
        """Speed of one task, empty until there is something to measure."""
        return Text(f"{task.speed:,.0f} images/s" if task.speed else "", style="dim")


def image_progress() -> Progress:
    """A rich bar for work that is counted in images."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        SpeedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress of `total` images; yields a function that takes how many more are done."""
    if not console.is_terminal:
        console.print(f"{description} ({total} images)")
    with image_progress() as progress:
        task = progress.add_task(description, total=total, note="")
        yield lambda count: progress.advance(task, count)
