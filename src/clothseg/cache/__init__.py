"""On-disk cache of a dataset: its census, and images decoded into the network's input.

Both are memory-mapped arrays that are written once. The census does not depend on the image size,
so another size or fit decodes the images again but neither counts nor hashes them.
"""

from clothseg.cache.census import Census
from clothseg.cache.opening import open_cache, open_census, open_pixels, read_census
from clothseg.cache.pixels import Cache

__all__ = ["Cache", "Census", "open_cache", "open_census", "open_pixels", "read_census"]
