"""The built-in synthetic dataset of rendered people; needs no download."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from clothseg.dataset.co_parsing import CoParsing
from clothseg.dataset.sample import Sample
from clothseg.dataset.wardrobe import WARDROBE_VERSION, write_ccp
from clothseg.error import DataError
from clothseg.files import locked
from clothseg.terminal.screen import progress_bar, say

KEY = "dataset.root=<folder>"
"""Override that chooses the folder of the rendered images."""


class SyntheticWardrobe(CoParsing):
    """Rendered people in CCP's layout and with its names, so that CCP's reader applies.

    Args:
        root: folder for synthetic datasets; this one gets its own subfolder.
        names: CCP's names in id order.
        num_images: number of images.
        seed: seed of the renderer.
    """

    def __init__(self, root: Path, names: Sequence[str], num_images: int, seed: int) -> None:
        self.num_images, self.seed = num_images, seed
        super().__init__(root / self.fingerprint(), names)

    def fingerprint(self) -> str:
        """Everything that determines the pixels: renderer version, number of images and seed."""
        return f"wardrobe-v{WARDROBE_VERSION}-{self.num_images}-{self.seed}"

    @property
    def ready(self) -> bool:
        """True if the images are rendered."""
        return self.root.is_dir()

    def list_samples(self) -> list[Sample]:
        """Rendered images; renders them first if necessary."""
        if not self.ready:
            self._render()
        return super().list_samples()

    def _render(self) -> None:
        """Render the images, unless another process does it first.

        Raises:
            DataError: they cannot be written.
        """
        with locked(self.root, f"choose another folder with {KEY}"):
            if not self.ready:
                say(f"rendering the synthetic wardrobe: {self.num_images} images")
                try:
                    with progress_bar("rendering", self.num_images) as advance:
                        write_ccp(self.root, self.num_images, self.seed, advance)
                except OSError as error:
                    raise DataError(
                        f"cannot write images to {self.root.parent} ({error.strerror or error}); "
                        "no partial data is left behind. Free some space there or choose another "
                        f"folder with {KEY}"
                    ) from error


def synthetic(
    *,
    root: str,
    names: Sequence[str],
    num_images: Annotated[int, Field(ge=1, le=1_000_000)],
    seed: Annotated[int, Field(ge=0, lt=2**31)],
) -> SyntheticWardrobe:
    """Build the reader of rendered people in clothes of the 15 refined classes.

    Args:
        root: folder for synthetic datasets.
        names: CCP's names in id order.
        num_images: number of images.
        seed: seed of the renderer.
    """
    return SyntheticWardrobe(Path(root), names, num_images, seed)
