"""The detector that finds persons in photos: torchvision's SSD300 on VGG-16.

Source: Liu et al., SSD: Single shot multibox detector, 2016, which inacio2019 crops with.
"""

import hashlib
import os
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothseg.error import ConfigError
from clothseg.hub import answers
from clothseg.report.progress import say

if TYPE_CHECKING:
    from torch import nn

COCO_URL = "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth"
"""Weights trained on COCO, as torchvision names them; the name ends with the file's digest."""

DIGITS = 8
"""Hexadecimal digits of SHA-256 that identify a file of weights, as in torchvision's names."""

Detections = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes float32 [M,4] as left, top, right, bottom in pixels; COCO labels int64 [M]; scores float32
[M] in [0, 1]."""


class PersonDetector:
    """Finds the objects of COCO in a photo.

    Args:
        weights: the path of a file, or `coco` for the one that torchvision offers.

    Raises:
        ConfigError: there is no such file.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights
        if weights != "coco" and not Path(weights).is_file():
            raise ConfigError(
                [f"dataset.detector={weights}: no such file; allowed are coco or a file's path"]
            )

    @property
    def digest(self) -> str:
        """First digits of the SHA-256 of the file; known for `coco` without it."""
        if self.weights == "coco":
            return COCO_URL.rpartition("-")[2].removesuffix(".pth")
        state = Path(self.weights).stat()
        return _digest(self.weights, state.st_size, state.st_mtime_ns)

    def require(self) -> None:
        """Fail within about a second when weights are neither stored nor reachable.

        Raises:
            ConfigError: names the file, where it is, and where it belongs.
        """
        if not self._file.is_file() and not answers(COCO_URL):
            raise ConfigError([self._how_to_supply("the server does not answer")])

    def __call__(self, photo: np.ndarray) -> Detections:
        """What is seen in a photo uint8 [H,W,3], RGB."""
        import torch

        network, device = self._network
        pixels = torch.from_numpy(photo).to(device).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            (found,) = network([pixels])
        boxes, labels, scores = (found[key].cpu().numpy() for key in ("boxes", "labels", "scores"))
        return boxes, labels, scores

    @cached_property
    def _network(self) -> "tuple[nn.Module, str]":
        """The network in evaluation mode, and its device."""
        import torch
        from torchvision.models.detection import ssd300_vgg16

        if not self._file.is_file():
            self._download()
        network = ssd300_vgg16(weights=None, weights_backbone=None)
        try:
            network.load_state_dict(torch.load(self._file, map_location="cpu", weights_only=True))
        except Exception as error:  # torch raises many types for damaged and for other files
            first = str(error).splitlines()[0]
            raise ConfigError(
                [
                    f"dataset.detector={self.weights}: {self._file} holds no weights of "
                    f"torchvision's ssd300_vgg16 with COCO's 91 classes ({first})"
                ]
            ) from error
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return network.to(device).eval(), device

    @property
    def _file(self) -> Path:
        return _coco_file() if self.weights == "coco" else Path(self.weights)

    def _download(self) -> None:
        """Store the weights where torchvision looks for them."""
        import torch

        self.require()
        say(f"downloading {COCO_URL} to {self._file.parent}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(COCO_URL, str(self._file), self.digest, progress=False)
        except (OSError, RuntimeError) as error:  # RuntimeError: the content has another digest
            raise ConfigError([self._how_to_supply(str(error))]) from error

    def _how_to_supply(self, reason: str) -> str:
        return (
            f"dataset.detector=coco: the weights of the person detector are not here ({reason}). "
            f"Download {COCO_URL} on a machine with a network and put the file into "
            f"{self._file.parent}, or pass it: dataset.detector=<path>"
        )


def _coco_file() -> Path:
    """Where torchvision stores the weights; stated here because importing torch takes seconds."""
    store = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    home = Path(os.environ.get("TORCH_HOME", store)).expanduser()
    return home / "hub" / "checkpoints" / COCO_URL.rpartition("/")[2]


@cache
def _digest(path: str, size: int, modified: int) -> str:
    """Digest of a file; `size` and `modified` (nanoseconds) tell whether it is still the same."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
