"""Network for human parsing with its normalization, and the people that it finds."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from clothseg.datamodule.pictures import padded_side
from clothseg.metric.names import PARTS
from clothseg.metric.parsing.scores import Rules
from clothseg.model.parsing_network import ParsingNetwork, ParsingOutput
from clothseg.task.finite import require_finite
from clothseg.task.image_network import Batch, ImageNetwork
from clothseg.task.people import ImageArea, People, find_people

MASKS_AT_ONCE = 8
"""Number of queries whose masks are computed together; all at once would take much memory."""


class Parser(ImageNetwork):
    """Network that finds people, their parts, and size, pattern and color of these.

    Args:
        network: the network.
        values: names of the values of each map in id order, by the name of the map; those of
            :data:`PARTS` are the classes.
        normalization: `unit`, `imagenet` or `inception`.
        rules: choices between definitions of scores.
    """

    network: ParsingNetwork

    def __init__(
        self,
        network: ParsingNetwork,
        values: Mapping[str, Sequence[str]],
        normalization: str,
        rules: Rules,
    ) -> None:
        super().__init__(network, normalization)
        self.values, self.rules = values, rules
        self.names = list(values[PARTS])

    @property
    def kinds(self) -> list[str]:
        """Names of the characteristics."""
        return [kind for kind in self.values if kind != PARTS]

    def prepared(self, batch: Batch) -> Batch:
        """Convert a batch of :mod:`clothseg.datamodule.pictures` on the device.

        ``image`` becomes normalized float [B,3,H,W], zero in the padding, and maps become int64.
        ``padding`` bool [B,H,W] is True in the padding, and ``maps`` holds the true values of each
        map by name, 255 = ignore. The images as they were remain as ``photo``.
        """
        photo, (height, width) = batch["image"], batch["image"].shape[1:3]
        padding = padding_mask(batch["visible"], height, width)
        further = batch["further"].long()
        maps = {PARTS: batch["mask"].long()}
        maps |= {kind: further[:, position] for position, kind in enumerate(self.kinds)}
        return batch | {
            "photo": photo,
            "image": self.normalized(photo).masked_fill(padding[:, None], 0.0),
            "padding": padding,
            "mask": maps[PARTS],
            "person": batch["person"].long(),
            "maps": maps,
        }

    def padded(
        self, images: Sequence[np.ndarray], height: int, width: int
    ) -> tuple[Tensor, Tensor]:
        """Convert RGB images uint8 [h,w,3] of any sizes to one batch for the network.

        Args:
            images: the images, each in the upper left corner of the batch.
            height: height H of the batch, a multiple of the stride, pixels.
            width: width W of the batch, a multiple of the stride, pixels.

        Returns:
            Normalized images float [B,3,H,W], zero in the padding, and where they are padded, bool
            [B,H,W].
        """
        pixels = np.zeros((len(images), height, width, 3), np.uint8)
        for place, image in zip(pixels, images, strict=True):
            place[: image.shape[0], : image.shape[1]] = image
        device = self.scale.device
        visible = torch.tensor([image.shape[:2] for image in images], device=device)
        padding = padding_mask(visible, height, width)
        normalized = self.normalized(torch.from_numpy(pixels).to(device))
        return normalized.masked_fill(padding[:, None], 0.0), padding

    def people(self, output: ParsingOutput, position: int, area: ImageArea) -> People:
        """Find the people in one image of a batch.

        Args:
            output: output of the network.
            position: position of the image in the batch.
            area: place of the image in the batch.
        """
        maps = {name: logits[position] for name, logits in output.maps.items()}
        people = output.people[-1, position]
        masks = self._masks(output, position, len(people))
        return find_people(people, masks, maps, area)

    @torch.inference_mode()
    def predict(self, image: np.ndarray, size: tuple[int, int]) -> People:
        """Find the people in an RGB image uint8 [h,w,3]; sets evaluation mode.

        Args:
            image: the image in the size that the network takes.
            size: height and width of the result, pixels.

        Raises:
            DivergedError: the output is not finite.
        """
        self.eval()
        height, width = image.shape[:2]
        rows, columns = padded_side(height), padded_side(width)
        images, padding = self.padded([image], rows, columns)
        output = self.network(images, padding)
        require_finite(torch.cat([output.people.flatten(), output.maps[PARTS].flatten()]))
        area = ImageArea((rows, columns), (height, width), size)
        return self.people(output, 0, area)

    def _masks(self, output: ParsingOutput, position: int, queries: int) -> Iterator[Tensor]:
        """Yield the mask logits [h,w] of each query of an image."""
        everyone = torch.arange(queries, device=output.people.device)
        for numbers in torch.split(everyone, MASKS_AT_ONCE):
            yield from output.masks(torch.full_like(numbers, position), numbers)


def padding_mask(visible: Tensor, height: int, width: int) -> Tensor:
    """Return where a batch is padded, bool [B,H,W].

    Args:
        visible: height and width of each image in its upper left corner, pixels, int64 [B,2].
        height: height of the batch, pixels.
        width: width of the batch, pixels.
    """
    rows = torch.arange(height, device=visible.device)[None, :, None] >= visible[:, 0, None, None]
    columns = torch.arange(width, device=visible.device) >= visible[:, 1, None, None]
    return rows | columns
