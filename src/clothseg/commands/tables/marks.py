"""Marks of notes: letters for remarks on the paper, numbers for what is missing."""

from collections.abc import Sequence
from string import ascii_lowercase

from clothseg.config.table.cell import Footnote
from clothseg.error import abbreviate
from clothseg.report.document import Note


class Marks:
    """Marks of the footnotes of a table, and of its missing cells as they are met."""

    def __init__(self) -> None:
        self._footnotes: list[tuple[str, Footnote]] = []
        self._missing: dict[tuple[str, str], str] = {}

    @classmethod
    def of(cls, footnotes: Sequence[Footnote]) -> "Marks":
        """Assign letters to footnotes; those on a whole table have none."""
        marks = cls()
        letters = iter(ascii_lowercase)
        marks._footnotes = [
            (next(letters) if note.row or note.column else "", note) for note in footnotes
        ]
        return marks

    def at(self, row: str | None, column: str | None) -> list[str]:
        """Marks of the footnotes on a row, a column, or a cell, and on nothing else."""
        return [
            mark
            for mark, note in self._footnotes
            if mark and (note.row, note.column) == (row, column)
        ]

    def command(self, reason: str, command: str = "") -> str:
        """Mark of a cell, the same for all cells with one state that one command fills.

        Args:
            reason: state of its runs, in words; empty without any.
            command: the command line; empty if the cell is filled.
        """
        return self._missing.setdefault((reason, command), str(len(self._missing) + 1))

    @property
    def notes(self) -> list[Note]:
        """The footnotes, and the commands of the missing cells."""
        notes = [Note(note.text, mark) for mark, note in self._footnotes]
        for (reason, command), mark in self._missing.items():
            if not command:
                notes.append(Note(reason, mark))
                continue
            texts = reason.split("; ") if reason else []
            why = f"{abbreviate(texts)}; filled by" if texts else "filled by"
            notes.append(Note(why, mark, command))
        return notes
