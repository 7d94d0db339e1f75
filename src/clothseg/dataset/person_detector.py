"""Person detector: torchvision's SSD300 on VGG-16.

Source: Liu et al., SSD: Single shot multibox detector, 2016; inacio2019 uses it for cropping.
"""

import hashlib
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothseg.error import ConfigError, first_line
from clothseg.weights.torchvision import TorchvisionFile

if TYPE_CHECKING:
    from torch import nn

COCO = TorchvisionFile(
    "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
    "dataset.detector=coco",
    "the weights of the person detector",
)

DIGEST_LENGTH = 8
"""Hexadecimal digits of SHA-256 that identify a weights file, as in torchvision's file names."""

MIN_SCORE = 0.5
"""Minimum score of a detection; dropping the others early saves most of the time."""

Detections = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes float32 [M,4] as left, top, right, bottom in pixels; COCO labels int64 [M]; scores float32
[M] in [0, 1]."""


class PersonDetector:
    """Detects COCO objects in an image.

    Args:
        weights: path of a file, or `coco` for torchvision's pretrained weights.

    Raises:
        ConfigError: no such file.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights
        if weights != "coco" and not Path(weights).is_file():
            raise ConfigError(
                [f"dataset.detector={weights}: no such file; allowed are coco or a file path"]
            )

    @property
    def digest(self) -> str:
        """First digits of the file's SHA-256; for `coco`, known without the file."""
        if self.weights == "coco":
            return COCO.digest
        state = Path(self.weights).stat()
        return _digest(self.weights, state.st_size, state.st_mtime_ns)

    def require(self) -> None:
        """Raise an error, within about a second, if weights are neither stored nor reachable.

        Raises:
            ConfigError: names the file, its URL, and the folder in which to put it.
        """
        if self.weights == "coco":
            COCO.require()

    def __call__(self, image: np.ndarray) -> Detections:
        """Detect the objects in an image uint8 [H,W,3], RGB."""
        import torch

        network, device = self._network
        pixels = torch.from_numpy(image).to(device).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            (found,) = network([pixels])
        boxes, labels, scores = (found[key].cpu().numpy() for key in ("boxes", "labels", "scores"))
        return boxes, labels, scores

    @cached_property
    def _network(self) -> "tuple[nn.Module, str]":
        """The network in evaluation mode, and its device."""
        import torch
        from torchvision.models.detection import ssd300_vgg16

        file = COCO.fetch() if self.weights == "coco" else Path(self.weights)
        network = ssd300_vgg16(weights=None, weights_backbone=None, score_thresh=MIN_SCORE)
        try:
            network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        except Exception as error:  # torch raises many types for damaged or unrelated files
            first = first_line(error)
            raise ConfigError(
                [
                    f"dataset.detector={self.weights}: {file} does not contain weights "
                    f"of torchvision's ssd300_vgg16 with COCO's 91 classes ({first})"
                ]
            ) from error
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return network.to(device).eval(), device


@cache
def _digest(path: str, size: int, modified: int) -> str:
    """Digest of a file; `size` and `modified` (ns) invalidate the cached value when it changes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]
