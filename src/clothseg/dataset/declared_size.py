"""Check of the image size that an annotation declares, before anything is allocated for it."""

from clothseg.dataset.defect import Defect
from clothseg.dataset.image import image_size, require_size
from clothseg.dataset.sample import Sample
from clothseg.error import DataError


def require_declared_size(sample: Sample, height: int, width: int) -> None:
    """Compare a declared size with the limits and with the image, of which only the header is read.

    Args:
        sample: the image, and the annotation that declares its size.
        height: declared, pixels.
        width: declared, pixels.

    Raises:
        Defect: the size is impossible, or differs from that of the image. If the image cannot be
            read, which is a defect of its own, only the limits apply.
    """
    declared = f"{width}x{height}"
    try:
        require_size(height, width)
    except DataError as error:
        message = f"{sample.annotation}: the entry of {sample.image.name} {error}"
        raise Defect("unreadable annotation", sample.annotation, declared, message) from None
    try:
        stored = image_size(sample.image)
    except DataError:
        return
    if stored != (height, width):
        found = f"{stored[1]}x{stored[0]}"
        message = (
            f"{sample.annotation}: labels are {declared}, but its image {sample.image} is {found} "
            "(width x height); both must have the same size"
        )
        raise Defect("different sizes", sample.annotation, f"{declared} and {found}", message)
