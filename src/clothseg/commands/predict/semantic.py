"""Prediction of one class for every pixel of photos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from clothseg.commands.predict.areas import photo_row
from clothseg.commands.predict.memory import on_device, require_memory
from clothseg.commands.predict.photos import MASKS, OVERLAYS, Photo
from clothseg.config.run_config import RunConfig
from clothseg.dataset.cropped import widen
from clothseg.dataset.person_boxes import largest_person
from clothseg.dataset.person_detector import open_detector
from clothseg.error import ConfigError
from clothseg.files import write_bytes
from clothseg.run.restore import load_segmenter


class PhotoSegmenter:
    """Segmentation of photos of any size with the preprocessing of a recorded run.

    Photos are cropped to the person if the run's were, placed in the network's input by the run's
    `data.fit`, and passed to the network. The logits are resized to the photo's size; pixels that
    the network has not seen, outside the person or cut off by `data.fit=crop`, are background.

    Args:
        config: configuration of a recorded run.
        runs: run folders whose networks are averaged.
        tta: `none` or `flip`.
        scales: input scales to average over, relative to the training image size.
        overlays: also draw the classes over the photo.
        opacity: opacity of the class colors there.

    Raises:
        ConfigError: the run's images were cropped to their labels, which new photos lack.
    """

    def __init__(
        self,
        config: RunConfig,
        runs: Sequence[Path],
        tta: str,
        scales: Sequence[float],
        overlays: bool,
        opacity: float,
    ) -> None:
        preparation = config.preparation
        if preparation.crop == "mask":
            raise ConfigError(
                [
                    f"run={runs[0]}: trained on images cropped to their labels (dataset.crop=mask),"
                    " which new photos do not have; use a run with dataset.crop=none or detector"
                ]
            )
        self.margin, self.detector = preparation.crop_margin, None
        if preparation.crop == "detector":
            self.detector = open_detector(preparation.detector)
            self.detector.require()
        self.labels, self.overlays, self.opacity = config.labels, overlays, opacity
        self.frame = config.data.frame
        self.segmenter = on_device(load_segmenter(config, runs, tta, scales), config)

    def __call__(self, photo: np.ndarray) -> np.ndarray:
        """Segment a photo uint8 [H,W,3], RGB; return class ids uint8 [H,W].

        Raises:
            MemoryError: the logits of a photo of this size exceed the memory of this machine, so
                that the system would end the command.
        """
        require_memory(photo.shape[:2], len(self.labels))
        box = largest_person(self.detector(photo), *photo.shape[:2]) if self.detector else None
        left, top, right, bottom = widen(box, self.margin, *photo.shape[:2])
        crop = photo[top:bottom, left:right]
        placement = self.frame.placement(*crop.shape[:2])
        images = placement.image(crop)[None]
        mask = np.zeros(photo.shape[:2], np.uint8)
        mask[top:bottom, left:right] = self.segmenter.predict(images, placement)[0]
        return mask

    def row(self, photo: Photo, pixels: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
        """Describe a photo for the tables."""
        return photo_row(photo, pixels, mask, self.labels.names)

    def write(self, output: Path, photo: Photo, pixels: np.ndarray, mask: np.ndarray) -> None:
        """Write the mask and, if enabled, the overlay of a photo.

        Raises:
            WriteError: a file cannot be written.
        """
        pictures = {output / MASKS / f"{photo.name}.png": self.labels.file_ids[mask]}
        if self.overlays:
            from clothseg.report.overlay import overlay

            picture = overlay(pixels, mask, self.labels.names, self.labels.palette, self.opacity)
            path = output / OVERLAYS / f"{photo.name}.jpg"
            pictures[path] = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        for path, picture in pictures.items():
            write_bytes(path, cv2.imencode(path.suffix, picture)[1].tobytes())
