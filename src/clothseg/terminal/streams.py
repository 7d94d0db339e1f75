"""Standard output and standard error of a command."""

import io
import os
import re
import sys
from typing import Any

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters by which a name could move the cursor, recolor a terminal or reverse the text around
it, and halves of characters, which no encoding has."""


def harmless(text: str) -> str:
    r"""Replace control characters by their escapes, such as `\x1b`; keep line breaks and tabs."""
    return UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def print_error(text: object) -> None:
    """Print an error message to standard error."""
    print(f"error: {harmless(str(text))}", file=sys.stderr)


def outlive_readers() -> None:
    """Let output never end a command, whatever its encoding, and whether or not somebody reads it.

    Characters that the encoding lacks are escaped. What is written after the reader has left, such
    as `| head -1`, is dropped: a training run does not depend on who watches it.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):  # closed, or replaced by a calling program
            continue
        if isinstance(getattr(stream.buffer, "raw", None), _Outlet):
            continue
        try:
            descriptor = stream.fileno()
        except OSError:  # not a file
            continue
        stream.flush()
        outlet = io.TextIOWrapper(
            io.BufferedWriter(_Outlet(descriptor, "wb", closefd=False)),
            encoding=stream.encoding,
            errors="backslashreplace",
            line_buffering=stream.line_buffering or name == "stderr",
            write_through=stream.write_through,
        )
        setattr(sys, name, outlet)


class _Outlet(io.FileIO):
    """File of an output stream that becomes the null device when its reader has left."""

    def write(self, data: Any, /) -> int:
        """Write bytes; return their number."""
        try:
            return super().write(data)
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return len(data)
