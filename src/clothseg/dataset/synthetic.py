"""The built-in dataset: a wardrobe of drawn people that needs no download."""

from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from clothseg.dataset.co_parsing import CoParsing
from clothseg.dataset.sample import Sample
from clothseg.dataset.wardrobe import WARDROBE_VERSION, write_ccp
from clothseg.error import DataError
from clothseg.screen import progress_bar, say


class SyntheticWardrobe(CoParsing):
    """Drawn people in CCP's layout and names, so that CCP's own reader reads them.

    Args:
        root: folder for drawn datasets; this one goes into a folder of its own below it.
        names: CCP's names in id order.
        num_images: how many people are drawn.
        seed: chooses them.
    """

    def __init__(self, root: Path, names: Sequence[str], num_images: int, seed: int) -> None:
        self.num_images, self.seed = num_images, seed
        super().__init__(root / self.fingerprint(), names)

    def fingerprint(self) -> str:
        """What decides every pixel: version of the drawing, number of photos and seed."""
        return f"wardrobe-v{WARDROBE_VERSION}-{self.num_images}-{self.seed}"

    @property
    def ready(self) -> bool:
        """Whether the photos are drawn."""
        return self.root.is_dir()

    def samples(self) -> list[Sample]:
        """The drawn photos; draws them when they are not there yet."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.root}.lock"):
            if not self.ready:
                say(f"drawing the synthetic wardrobe of {self.num_images} photos")
                try:
                    with progress_bar("drawing", self.num_images) as advance:
                        write_ccp(self.root, self.num_images, self.seed, advance)
                except OSError as error:
                    raise DataError(
                        f"photos could not be drawn into {self.root.parent} "
                        f"({error.strerror or error}); nothing was kept. Free some space there or "
                        "choose another folder with dataset.root=<folder>"
                    ) from error
        return super().samples()


def synthetic(*, root: str, names: Sequence[str], num_images: int, seed: int) -> SyntheticWardrobe:
    """Drawn people in clothes of the 15 refined classes.

    Args:
        root: folder for drawn datasets.
        names: CCP's names in id order.
        num_images: number of images.
        seed: seed of the drawing.
    """
    return SyntheticWardrobe(Path(root), names, num_images, seed)
