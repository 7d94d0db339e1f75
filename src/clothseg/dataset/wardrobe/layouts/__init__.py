"""Dataset layouts that the wardrobe can be written in, one module per format.

Every function renders a number of photos from a seed and leaves a complete folder or none; it calls
`advance` with the number of photos added. Equal arguments produce identical bytes on one machine,
and a photo does not depend on the number of photos.
"""

from collections.abc import Callable
from pathlib import Path

from clothseg.dataset.wardrobe.layouts.co_parsing import write_ccp
from clothseg.dataset.wardrobe.layouts.colorful import write_cfpd
from clothseg.dataset.wardrobe.layouts.folder import write_folder
from clothseg.dataset.wardrobe.layouts.imaterialist import write_imaterialist
from clothseg.dataset.wardrobe.layouts.modanet import write_modanet
from clothseg.dataset.wardrobe.layouts.multi_human import write_ccihp, write_cihp

LAYOUTS: dict[str, Callable[[Path, int, int, Callable[[float], None]], None]] = {
    "ccp": write_ccp,
    "cfpd": write_cfpd,
    "imaterialist": write_imaterialist,
    "modanet": write_modanet,
    "cihp": write_cihp,
    "ccihp": write_ccihp,
    "folder": write_folder,
}
"""Writer of each layout: (root, photos, seed, advance).

Args:
    root: the folder to create; it must not exist or be empty.
    photos: number of photos.
    seed: seed of the wardrobe.
    advance: called after every photo.

Raises:
    OSError: `root` exists and is not empty, or cannot be written.
"""
