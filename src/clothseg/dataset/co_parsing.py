"""Clothing Co-Parsing (CCP): 1,004 photos with pixel labels of 59 names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import files_of, other_layout, present
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError

LAYOUT = "photos/<number>.jpg, annotations/pixel-level/<number>.mat and label_list.mat"


class CoParsing(Reader):
    """CCP as its repository has it.

    The samples are the files of ``annotations/pixel-level``: MATLAB v5, variable ``groundtruth``
    uint8 [H,W] of 0-based ids into ``label_list.mat``. Photos without such a file carry only
    image-level tags and are left out.

    Licence: Apache-2.0 file in the repository; rights in the photos themselves are not stated.
    Source: Yang, Luo and Lin, Clothing co-parsing by joint image segmentation and
        labeling, CVPR 2014.
    """

    def samples(self) -> list[Sample]:
        """Photos with pixel labels, by number."""
        self._check_layout()
        photos, labels = self.root / "photos", self.root / "annotations" / "pixel-level"
        samples = [Sample(p.stem, photos / f"{p.stem}.jpg", p) for p in files_of(labels, {".mat"})]
        return present(samples, "annotations/pixel-level", "error")

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W] of the variable ``groundtruth``."""
        file = sample.annotation
        mask = load_matlab(file, "groundtruth")
        if mask.ndim == 2 and mask.dtype == np.uint8:
            return mask
        found = f"{mask.dtype} with shape {mask.shape}"
        message = f"{file}: groundtruth is {found}; expected uint8 with height and width"
        broken = mask[mask % 1 != 0] if mask.dtype.kind == "f" else mask[:0]
        if broken.size:
            message += f"; {broken[0]:g} is no whole number, as interpolation makes them"
            raise Defect("interpolated label", file, f"{broken[0]:g}", message)
        raise Defect("unreadable annotation", file, found, message)

    def _check_layout(self) -> None:
        root = self.root
        if not files_of(root / "annotations" / "pixel-level", {".mat"}):
            raise other_layout(root, LAYOUT)
        cells = load_matlab(root / "label_list.mat", "label_list").ravel()
        stored = ["".join(np.ravel(cell).astype(str)) for cell in cells]
        if stored != self.names:
            different = [
                f"{a} here, {b} there" for a, b in zip(self.names, stored, strict=False) if a != b
            ]
            raise DataError(
                f"{root / 'label_list.mat'}: {len(stored)} names that differ from the "
                f"{len(self.names)} of conf/dataset/ccp.yaml "
                f"({'; '.join(different[:3]) or 'another number of names'})"
            )


def load_matlab(path: Path, variable: str) -> np.ndarray:
    """One variable of a MATLAB v5 file.

    Raises:
        DataError: no such file, no MATLAB file, or no such variable.
    """
    import scipy.io  # takes half a second

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        content = scipy.io.loadmat(path)
    except Exception as error:  # scipy raises a dozen types for damaged files
        raise DataError(f"{path}: cannot be read as a MATLAB file ({error})") from error
    if variable not in content:
        names = ", ".join(name for name in content if not name.startswith("__"))
        raise DataError(f"{path}: has no variable `{variable}`; found {names or 'none'}")
    return content[variable]


def ccp(*, root: str, names: Sequence[str]) -> CoParsing:
    """Clothing Co-Parsing.

    Args:
        root: folder of the cloned repository.
        names: the 59 names in id order.
    """
    return CoParsing(Path(root), names)
