"""Export of semantic segmentation: images to logits."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.commands.export.content import first_images, metadata
from clothseg.commands.onnx_file import Graph
from clothseg.config.run_config import RunConfig
from clothseg.config.schema import NO_POSTPROCESS
from clothseg.geometry import PADDING_COLOR
from clothseg.model.network import Network
from clothseg.run.restore import load_segmenter

NUM_COMPARED = 8
"""Number of images on which ONNX Runtime and PyTorch are compared."""
INPUT = "images float32 [batch,3,height,width], RGB, scaled to [0, 1], then normalized"
OUTPUT = "logits float32 [batch,classes,height,width]; `postprocess` tells the labels"


class ExportedSegmenter:
    """Network of a run of semantic segmentation, as :class:`clothseg.commands.export.Exported`.

    Args:
        config: configuration of the run.
        run: its folder.

    Attributes:
        metadata: beside the entries of every task, `image_size`, the height and width used in
            training, pixels, one number for a square; `fit`, the rule by which images were brought
            to it, see :mod:`clothseg.geometry`; `padding`, the R, G, B of 0 to 255 around images in
            a letterbox; and `postprocess`, by which logits become labels;
            `clothseg.postprocess.none` is their argmax.
    """

    def __init__(self, config: RunConfig, run: Path) -> None:
        segmenter = load_segmenter(config, [run], "none", [1.0]).eval()
        self.graph = logits_graph(segmenter.network)
        frame = config.data.frame
        images = first_images(config, [frame.size] * NUM_COMPARED)
        placed = np.stack([frame.placement(*p.shape[:2]).image(p) for p in images])
        self.inputs = {"image": segmenter.normalized(torch.from_numpy(placed))}
        content = {
            "image_size": frame.image_size,
            "fit": config.data.fit,
            "padding": PADDING_COLOR,
            "input": INPUT,
            "output": OUTPUT,
            "postprocess": config.plain.get("postprocess", NO_POSTPROCESS),
        }
        self.metadata = metadata(config, run, content)

    def enlarged(self, height: int, width: int) -> dict[str, Tensor]:
        """Return the first image, resized to a height and width in pixels."""
        image = self.inputs["image"][:1]
        return {"image": F.interpolate(image, (height, width), mode="bilinear")}


def logits_graph(network: Network) -> Graph:
    """Graph of a network from ``image`` [B,3,H,W] to ``logits`` [B,C,H,W] only."""
    return Graph(
        _LogitsOnly(network).eval(), {"logits": "logit"}, "logits", network.stride, network.sizes
    )


class _LogitsOnly(nn.Module):
    """Network without its further outputs."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"logits": self.network(image)["logits"]}
