"""Clothing Co-Parsing (CCP): 1,004 images with pixel labels of 59 names."""

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import existing_samples, layout_error, list_files
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError, first_line
from clothseg.untrusted import MAX_IMAGE_BYTES, MAX_NOTE_BYTES, read_file

MATLAB_HEADER = 128
"""Bytes before the variables of a MATLAB v5 file."""
MATLAB_ORDERS = {b"IM": "<", b"MI": ">"}
"""Order of bytes by the last two bytes of this header."""
COMPRESSED = 15
"""Type of a compressed variable."""
LAYOUT = "photos/<number>.jpg, annotations/pixel-level/<number>.mat and label_list.mat"


class CoParsing(Reader):
    """CCP in the layout of its repository.

    The samples are the files of ``annotations/pixel-level``: MATLAB v5, variable ``groundtruth``
    uint8 [H,W] of 0-based ids into ``label_list.mat``. Images without such a file have only
    image-level tags and are skipped.

    License: Apache-2.0 file in the repository; the rights to the images themselves are not stated.
    Source: Yang, Luo and Lin, Clothing co-parsing by joint image segmentation and
        labeling, CVPR 2014.
    """

    def list_samples(self) -> list[Sample]:
        """Images with pixel labels, by number."""
        self._check_layout()
        images, labels = self.root / "photos", self.root / "annotations" / "pixel-level"
        files = list_files(labels, {".mat"})
        samples = [Sample(file.stem, images / f"{file.stem}.jpg", file) for file in files]
        return existing_samples(samples, "annotations/pixel-level", "error")

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W] from the variable ``groundtruth``."""
        file = sample.annotation
        mask = load_matlab(file, "groundtruth")
        if mask.ndim == 2 and mask.dtype == np.uint8:
            return mask
        found = f"{mask.dtype} with shape {mask.shape}"
        message = f"{file}: groundtruth is {found}; expected uint8 [H,W]"
        fractional = mask[mask % 1 != 0] if mask.dtype.kind == "f" else mask[:0]
        if fractional.size:
            message += f"; {fractional[0]:g} is not an integer, as produced by interpolation"
            raise Defect("interpolated label", file, f"{fractional[0]:g}", message)
        raise Defect("unreadable annotation", file, found, message)

    def _check_layout(self) -> None:
        root = self.root
        if not list_files(root / "annotations" / "pixel-level", {".mat"}):
            raise layout_error(root, LAYOUT)
        cells = load_matlab(root / "label_list.mat", "label_list", MAX_NOTE_BYTES)
        try:
            stored = ["".join(np.ravel(cell).astype(str)) for cell in cells.ravel()]
        except (ValueError, TypeError) as error:
            raise DataError(f"{root / 'label_list.mat'}: is not a list of names") from error
        if stored != self.names:
            differences = [
                f"{a} configured, {b} stored"
                for a, b in zip(self.names, stored, strict=False)
                if a != b
            ]
            raise DataError(
                f"{root / 'label_list.mat'}: its {len(stored)} names differ from the "
                f"{len(self.names)} names in conf/dataset/ccp.yaml "
                f"({'; '.join(differences[:3]) or 'different number of names'})"
            )


def load_matlab(path: Path, variable: str, max_bytes: int = MAX_IMAGE_BYTES) -> np.ndarray:
    """Read one variable of a MATLAB v5 file of at most `max_bytes`, also when decompressed.

    Raises:
        DataError: no such file, not a MATLAB file, or no such variable.
    """
    import scipy.io  # slow: half a second

    if not path.exists():
        raise DataError(f"{path}: no such file")
    data = read_file(path, max_bytes)
    try:
        content = scipy.io.loadmat(io.BytesIO(_inflated(data, max_bytes)))
    except Exception as error:  # scipy raises a dozen types for damaged files
        reason = first_line(error)
        raise DataError(f"{path}: cannot be read as a MATLAB file ({reason})") from error
    if variable not in content:
        names = ", ".join(name for name in content if not name.startswith("__"))
        raise DataError(f"{path}: has no variable `{variable}`; found {names or 'none'}")
    values: np.ndarray = content[variable]
    return values


def _inflated(data: bytes, max_bytes: int) -> bytes:
    """Decompress the variables of a MATLAB v5 file up to a limit, which scipy does not have.

    Raises:
        DataError: they have more than `max_bytes`.
    """
    order = MATLAB_ORDERS.get(data[MATLAB_HEADER - 2 : MATLAB_HEADER])
    if order is None:
        return data
    parts, position = [data[:MATLAB_HEADER]], MATLAB_HEADER
    room = max_bytes
    while position + 8 <= len(data):
        kind, size = struct.unpack(f"{order}II", data[position : position + 8])
        end = position + 8 + size
        if kind == COMPRESSED:
            decompressor = zlib.decompressobj()
            parts.append(decompressor.decompress(data[position + 8 : end], room))
            if decompressor.unconsumed_tail:
                raise DataError(f"its variables have more than {max_bytes:,} bytes")
            room = max(1, room - len(parts[-1]))  # 0 would be no limit
        else:
            parts.append(data[position:end])
        position = end
    return b"".join(parts)


def ccp(*, root: str, names: Sequence[str]) -> CoParsing:
    """Build the reader of Clothing Co-Parsing.

    Args:
        root: folder of the cloned repository.
        names: the 59 names in id order.
    """
    return CoParsing(Path(root), names)
