"""Person detector: torchvision's SSD300 on VGG-16.

Source: Liu et al., SSD: Single shot multibox detector, 2016; inacio2019 uses it for cropping.
"""

import hashlib
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothseg.dataset.person_detections import DIGEST_LENGTH, MIN_SCORE, Detections, Detector
from clothseg.dataset.person_segmenter import MARK, PersonSegmenter
from clothseg.error import ConfigError, first_line
from clothseg.weights.file import weights_path
from clothseg.weights.torchvision import TorchvisionFile

if TYPE_CHECKING:
    from torch import nn

COCO = TorchvisionFile(
    "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
    "dataset.detector=coco",
    "the weights of the person detector",
)


def open_detector(weights: str) -> Detector:
    """Return the detector that a setting selects.

    Args:
        weights: `selfie` for MediaPipe's selfie segmentation, `coco` for torchvision's SSD300, or
            the path of a file for either of them.

    Raises:
        ConfigError: no such file, or one that holds no weights.
    """
    if weights in ("selfie", "coco"):
        return PersonSegmenter(weights) if weights == "selfie" else PersonDetector(weights)
    if not Path(weights).expanduser().is_file():
        raise ConfigError(
            [f"dataset.detector={weights}: no such file; allowed are selfie, coco or a file path"]
        )
    path = weights_path(weights, "dataset.detector")
    with path.open("rb") as file:
        mark = file.read(8)[4:]
    return PersonSegmenter(str(path)) if mark == MARK else PersonDetector(str(path))


class PersonDetector:
    """Detects COCO objects in an image.

    Args:
        weights: path of a file, or `coco` for torchvision's pretrained weights.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights

    @property
    def digest(self) -> str:
        """First digits of the file's SHA-256; for `coco`, known without the file."""
        if self.weights == "coco":
            return COCO.digest
        state = Path(self.weights).stat()
        return _digest(self.weights, state.st_size, state.st_mtime_ns)

    def require(self) -> None:
        """Raise an error if weights are neither stored nor reachable, or do not fit.

        Raises:
            ConfigError: names the file, its URL, and the folder in which to put it.
        """
        if self.weights == "coco" and not COCO.path.is_file():
            COCO.require()  # without torch, within about a second
        else:
            _ = self._network

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
