"""Photos of people in clothes, drawn by a program, in the layout of Clothing Co-Parsing."""

from clothseg.dataset.wardrobe.write import WARDROBE_VERSION, draw_photo, write_wardrobe

__all__ = ["WARDROBE_VERSION", "draw_photo", "write_wardrobe"]
