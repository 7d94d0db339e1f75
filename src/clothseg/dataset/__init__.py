"""Dataset readers, each for the directory layout of the official download.

The contract: a reader lists samples and decodes one sample at a time into

* ``image`` uint8 [H,W,3], RGB, as stored (EXIF rotation is not applied),
* ``mask`` uint8 [H,W] of *source* ids: indices into the dataset's own list of names, 255 = ignore.

A batch of the data module contains ``image`` uint8 [B,H,W,3], ``mask`` uint8 [B,H,W] of class ids
(255 = ignore), ``name`` (list of B) and ``index`` int64 [B]. It is transferred to the device as
uint8 and cast there: ``image`` float32 [B,3,H,W], ``mask`` int64 [B,H,W].
"""

from clothseg.dataset.co_parsing import ccp
from clothseg.dataset.colorful import cfpd
from clothseg.dataset.folder import folder
from clothseg.dataset.human_parsing import ccihp, cihp
from clothseg.dataset.imaterialist import imaterialist
from clothseg.dataset.merged import merged
from clothseg.dataset.modanet import modanet
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.dataset.synthetic import synthetic

__all__ = [
    "Reader",
    "Sample",
    "ccihp",
    "ccp",
    "cfpd",
    "cihp",
    "folder",
    "imaterialist",
    "merged",
    "modanet",
    "synthetic",
]
