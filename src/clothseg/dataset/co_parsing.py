"""Clothing Co-Parsing (CCP): 1,004 images with pixel labels of 59 names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import existing_samples, layout_error, list_files
from clothseg.dataset.matlab import load_matlab
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError, shortened
from clothseg.untrusted import MAX_NOTE_BYTES

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
        if isinstance(mask, list):
            message = f"{file}: groundtruth is not a matrix of numbers"
            raise Defect("unreadable annotation", file, "", message)
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
        stored = load_matlab(root / "label_list.mat", "label_list", MAX_NOTE_BYTES)
        if not isinstance(stored, list):
            raise DataError(f"{root / 'label_list.mat'}: label_list is not a list of names")
        if stored != self.names:
            differences = [
                f"{a} configured, {shortened(b)} stored"
                for a, b in zip(self.names, stored, strict=False)
                if a != b
            ]
            raise DataError(
                f"{root / 'label_list.mat'}: its {len(stored)} names differ from the "
                f"{len(self.names)} names in conf/dataset/ccp.yaml "
                f"({'; '.join(differences[:3]) or 'different number of names'})"
            )


def ccp(*, root: str, names: Sequence[str]) -> CoParsing:
    """Build the reader of Clothing Co-Parsing.

    Args:
        root: folder of the cloned repository.
        names: the 59 names in id order.
    """
    return CoParsing(Path(root), names)
