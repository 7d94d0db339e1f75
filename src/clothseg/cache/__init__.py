"""On-disk cache of a dataset: its census, and decoded images.

Both are memory-mapped arrays that are written once. The census does not depend on the form of the
pixels, so another one decodes the images again but neither counts nor hashes them. Images are in
the network's input, or at their own aspect for augmentations that bring them there.
"""

from clothseg.cache.census import Census
from clothseg.cache.opening import (
    open_cache,
    open_census,
    open_own_aspect,
    open_pictures,
    open_pixels,
    read_census,
)
from clothseg.cache.own_aspect import OwnAspectImages
from clothseg.cache.pictures import Pictures, picture_form
from clothseg.cache.pixels import Cache, Form

__all__ = [
    "Cache",
    "Census",
    "Form",
    "OwnAspectImages",
    "Pictures",
    "open_cache",
    "open_census",
    "open_own_aspect",
    "open_pictures",
    "open_pixels",
    "picture_form",
    "read_census",
]
