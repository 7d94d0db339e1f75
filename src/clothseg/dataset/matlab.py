"""Variables of MATLAB v5 files: matrices of numbers, and cell arrays of text.

scipy's reader ends the process with a segmentation fault for some damaged files, and allocates
whatever a file declares. This one reads the two kinds of variables that datasets have.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from clothseg.dataset.image import MAX_PIXELS
from clothseg.error import DataError, shortened
from clothseg.untrusted import MAX_IMAGE_BYTES, MAX_NOTE_BYTES, read_file

HEADER = 128
"""Bytes before the variables; the last two of them state the order of bytes."""
ORDERS = {b"IM": "<", b"MI": ">"}
NUMBERS = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
"""NumPy's name of each type of stored numbers."""
TEXTS = {
    "<": {16: "utf-8", 17: "utf-16-le", 18: "utf-32-le"},
    ">": {16: "utf-8", 17: "utf-16-be", 18: "utf-32-be"},
}
"""Encoding of each type of stored text, by the order of bytes."""
MATRIX, COMPRESSED = 14, 15
"""Types of elements that contain others."""
CELL, CHARACTERS = 1, 4
NUMERIC = range(6, 16)
"""Classes of numeric matrices."""
COMPLEX = 0x0800
"""Flag of a matrix of complex numbers."""

Variable = np.ndarray | list[str]
"""Numbers [M,N] in the type in which they are stored, or the strings of a cell array."""


def load_matlab(path: Path, variable: str, max_bytes: int = MAX_IMAGE_BYTES) -> Variable:
    """Read one variable of a MATLAB v5 file of at most `max_bytes`, also when decompressed.

    Raises:
        DataError: no such file, not a MATLAB file, or no such variable.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file")
    data = read_file(path, max_bytes)
    try:
        found = dict(_variables(data, max_bytes))
    except _RefusedError as refusal:
        raise DataError(f"{path}: cannot be read as a MATLAB file ({refusal})") from None
    except (ValueError, TypeError, RecursionError, struct.error, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as a MATLAB file (it is damaged)") from error
    if variable not in found:
        existing = ", ".join(map(shortened, list(found)[:8])) or "none"
        raise DataError(f"{path}: has no variable `{variable}`; found {existing}")
    return found[variable]


class _RefusedError(DataError):
    """Reason why the content of a file is not read."""


def _variables(data: bytes, max_bytes: int) -> Iterator[tuple[str, Variable]]:
    """Yield the name and the content of each variable of a file."""
    order = ORDERS.get(data[HEADER - 2 : HEADER])
    if order is None:
        raise _RefusedError("it is not in MATLAB's format v5")
    room = max_bytes
    for kind, content in _elements(memoryview(data)[HEADER:], order):
        if kind == COMPRESSED:
            decompressor = zlib.decompressobj()
            inflated = decompressor.decompress(content, max(1, room))  # 0 would be no limit
            if decompressor.unconsumed_tail:
                raise _RefusedError(f"its variables have more than {max_bytes:,} bytes")
            room -= len(inflated)
            yield from (_matrix(c, order) for k, c in _elements(inflated, order) if k == MATRIX)
        elif kind == MATRIX:
            yield _matrix(content, order)


def _elements(data: bytes | memoryview, order: str) -> Iterator[tuple[int, bytes | memoryview]]:
    """Yield the type and the content of each element."""
    position = 0
    while position + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        if kind >> 16:  # a small element, whose size is in the upper half
            kind, size, start, end = kind & 0xFFFF, kind >> 16, position + 4, position + 8
        else:
            start = position + 8
            end = start + size + (0 if kind == COMPRESSED else -size % 8)
        content = data[start : start + size]
        if len(content) < size:
            raise _RefusedError("it is cut off")
        yield kind, content
        position = end


def _matrix(content: bytes | memoryview, order: str) -> tuple[str, Variable]:
    """Decode a matrix: its name, and its numbers or texts; an empty list for other classes."""
    (_, flags), (_, shape), (_, name), *parts = _elements(content, order)
    (word,) = struct.unpack_from(f"{order}I", flags)
    sizes = np.frombuffer(shape, f"{order}i4").tolist()
    count, kind = math.prod(sizes), word & 0xFF
    if min(sizes, default=-1) < 0 or count > MAX_PIXELS:
        raise _RefusedError(f"a variable declares {shortened('x'.join(map(str, sizes)))} values")
    title = bytes(name).decode(errors="replace")
    if kind == CELL:
        inner = [_matrix(part, order)[1] for stored, part in parts if stored == MATRIX]
        return title, [text for texts in inner if isinstance(texts, list) for text in texts]
    if kind not in NUMERIC and kind != CHARACTERS:
        return title, []
    if word & COMPLEX or len(parts) != 1:
        raise _RefusedError("a variable is complex or has no values")
    stored, numbers = parts[0]
    if kind == CHARACTERS and len(numbers) > MAX_NOTE_BYTES:
        raise _RefusedError(f"a text has more than {MAX_NOTE_BYTES:,} bytes")
    if kind == CHARACTERS and stored in TEXTS[order]:
        return title, [bytes(numbers).decode(TEXTS[order][stored])]
    if stored not in NUMBERS:
        raise _RefusedError(f"a variable has values of the unknown type {stored}")
    values = np.frombuffer(numbers, f"{order}{NUMBERS[stored]}")
    if len(values) != count:
        raise _RefusedError(f"a variable has {len(values)} values, but declares {count}")
    if kind == CHARACTERS:
        return title, ["".join(map(chr, values.tolist()))]
    return title, values.reshape(sizes, order="F").astype(NUMBERS[stored])
