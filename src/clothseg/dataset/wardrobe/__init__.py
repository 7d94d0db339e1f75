"""Synthetic photos of dressed people, written in the layouts of several datasets."""

from clothseg.dataset.wardrobe.layouts import LAYOUTS
from clothseg.dataset.wardrobe.layouts.co_parsing import write_ccp
from clothseg.dataset.wardrobe.photo import draw_photo

WARDROBE_VERSION = 1
"""Incremented with every change that alters a pixel."""

__all__ = ["LAYOUTS", "WARDROBE_VERSION", "draw_photo", "write_ccp"]
