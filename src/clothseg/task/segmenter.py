"""Network for semantic segmentation with its normalization and postprocessing."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clothseg.geometry import Placement
from clothseg.model.network import Network
from clothseg.postprocess import Postprocess
from clothseg.task.finite import require_finite
from clothseg.task.image_network import Batch, ImageNetwork


class Segmenter(ImageNetwork):
    """Network that segments images.

    Args:
        network: returns ``logits`` [B,C,H,W].
        names: class names in id order [C].
        normalization: `unit`, `imagenet` or `inception`.
        postprocess: converts logits to classes, see :mod:`clothseg.postprocess`.
    """

    network: Network

    def __init__(
        self,
        network: Network,
        names: Sequence[str],
        normalization: str,
        postprocess: Postprocess,
    ) -> None:
        super().__init__(network, normalization)
        self.names, self.postprocess = list(names), postprocess

    def prepared(self, batch: Batch) -> Batch:
        """Convert on the device: images to normalized float [B,3,H,W], masks to int64.

        The images as they were, uint8 [B,H,W,3], remain as ``photo``.
        """
        photo = batch["image"]
        prepared = {"photo": photo, "image": self.normalized(photo), "mask": batch["mask"].long()}
        return batch | prepared

    def classes(self, logits: Tensor, placement: Placement) -> Tensor:
        """Assign the pixels of placed images their classes; what a crop cut off is background.

        Args:
            logits: float [B,C,H,W], of images in the frame of the placement.
            placement: the one of all these images.

        Returns:
            Class ids int64 [B,h,w] at the original size.
        """
        visible = logits[(..., *placement.target.slices)]
        found = self.postprocess(visible, placement.source.size)
        if placement.source.size == placement.size:
            return found
        classes = found.new_zeros((len(found), *placement.size))
        classes[(..., *placement.source.slices)] = found
        return classes

    @torch.inference_mode()
    def predict(self, images: np.ndarray, placement: Placement | None = None) -> np.ndarray:
        """Predict class ids uint8 [B,h,w] of RGB images uint8 [B,H,W,3]; sets evaluation mode.

        Args:
            images: images in the network's input.
            placement: the one of all these images, if the result has to have their original size.

        Raises:
            DivergedError: the output is not finite.
        """
        self.eval()
        pixels = torch.from_numpy(images).to(self.scale.device)
        logits = self.network(self.normalized(pixels))["logits"]
        require_finite(logits)
        if placement is None:
            found = self.postprocess(logits, None)
        else:
            found = self.classes(logits, placement)
        return found.to(torch.uint8).cpu().numpy()
