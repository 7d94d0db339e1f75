"""Export of human parsing: padded images to people, their masks, and semantic maps."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.build import longest_side
from clothseg.commands.export.content import first_images, metadata
from clothseg.commands.onnx_file import Graph
from clothseg.config.run_config import RunConfig
from clothseg.datamodule.pictures import padded_side
from clothseg.error import ConfigError
from clothseg.geometry import OwnAspect
from clothseg.metric.names import PARTS
from clothseg.model.body.hptr.network import STRIDE
from clothseg.model.parsing_network import ParsingNetwork
from clothseg.run.restore import load_parser
from clothseg.task.people import INSIDE, SHOWN_SCORE

NUM_COMPARED = 4
"""Number of images on which ONNX Runtime and PyTorch are compared; each has masks of all queries,
which take memory."""
MAX_OPSET = 22
"""Latest opset version: from 23 on, PyTorch writes the operator Attention, whose mask ONNX Runtime
1.31 does not broadcast over queries."""
MAP_STRIDE = 4
"""Height and width of images are this multiple of those of masks and maps."""
INPUTS = {
    "image": "float32 [batch,3,height,width], RGB, scaled to [0, 1], then normalized; 0 in the "
    "padding, which is at the right and at the bottom",
    "padding": "bool [batch,height,width], true in the padding",
}
OUTPUTS = {
    "people": "logits [batch,queries,2] of a person and of none; their softmax is the probability",
    "boxes": "[batch,queries,4], center x and y, width and height of each person as fractions of "
    "the image without its padding",
    "masks": "logits [batch,queries,height/4,width/4]; their sigmoid is the probability that a "
    "pixel belongs to the person",
}
MAP_OUTPUT = "logits [batch,values,height/4,width/4]; their argmax is the number of the value"
RULE = (
    "Resize the logits of masks and maps to the padded image (bilinear, pixel centers at halves), "
    "cut the padding off, and resize them to the original image. A query whose probability of a "
    "person is below min_score is nobody. A pixel belongs to the query with the highest product of "
    "this probability and that of the mask, among masks above min_mask; without one, it belongs to "
    "nobody. The parts of a person are its pixels with each value of parts other than 0. A "
    "characteristic of a part is the most frequent value of its map on the part, other than 0. The "
    "score of a person is its probability times the mean probability of its mask over its pixels; "
    "that of a part is the same over the pixels of the part, times the mean sigmoid of the logit "
    "of its value."
)
"""Rule of :func:`clothseg.task.people.find_people` in words."""


def require_opset(opset: int) -> None:
    """Check that ONNX Runtime can run human parsing in an opset version.

    Raises:
        ConfigError: it cannot.
    """
    if opset > MAX_OPSET:
        reason = "ONNX Runtime does not run the attention of human parsing in it"
        raise ConfigError([f"opset={opset}: {reason}; use opset={MAX_OPSET} or lower"])


class ExportedParser:
    """Network of a run of human parsing, as :class:`clothseg.commands.export.Exported`.

    Args:
        config: configuration of the run.
        run: its folder.

    Attributes:
        metadata: beside the entries of every task, `image_size`, the longest side of images in
            training, pixels, to which larger ones are reduced; `stride`, of which the padded height
            and width are multiples; `map_stride`, by which masks and maps are smaller; `queries`,
            the largest number of people; `values`, the names of the values of each map in the order
            of its channels; `min_score` and `min_mask`, probabilities of a person and of its mask;
            `people`, the rule by which outputs become people; `input` and `output`, descriptions by
            name.
    """

    def __init__(self, config: RunConfig, run: Path) -> None:
        parser = load_parser(config, [run], "none", [1.0]).eval()
        self.graph = parsing_graph(parser.network)
        longest = longest_side(config)
        side = padded_side(longest)
        # Noise of different heights, so that padding matters.
        noise = [
            (longest - longest * k // (2 * NUM_COMPARED), longest) for k in range(NUM_COMPARED)
        ]
        form = OwnAspect(longest)
        images = [form.placement(*p.shape[:2]).image(p) for p in first_images(config, noise)]
        image, padding = parser.padded(images, side, side)
        self.inputs = {"image": image, "padding": padding}
        content = {
            "image_size": longest,
            "stride": STRIDE,
            "map_stride": MAP_STRIDE,
            "queries": parser.network.queries,
            "values": parser.values,
            "min_score": SHOWN_SCORE,
            "min_mask": INSIDE,
            "people": RULE,
            "input": INPUTS,
            "output": OUTPUTS | dict.fromkeys(parser.values, MAP_OUTPUT),
        }
        self.metadata = metadata(config, run, content)

    def enlarged(self, height: int, width: int) -> dict[str, Tensor]:
        """Return the first image with more padding, up to a height and width in pixels."""
        rows, columns = self.inputs["padding"].shape[1:]
        more = 0, width - columns, 0, height - rows
        values = {"image": 0.0, "padding": True}
        return {name: F.pad(t[:1], more, value=values[name]) for name, t in self.inputs.items()}


def parsing_graph(network: ParsingNetwork) -> Graph:
    """Graph of a network from ``image`` and ``padding`` to the outputs of all heads.

    These are those of :class:`.ParsingOutput` after the last layer of the decoder, ``masks``
    [B,Q,h,w] of all queries among them, and a map [B,K,h,w] of each name.
    """
    outputs = {"people": "logit", "boxes": "fraction", "masks": "logit"}
    outputs |= dict.fromkeys(network.body.semantic, "logit")
    return Graph(_AllHeads(network).eval(), outputs, PARTS, network.stride, network.sizes)


class _AllHeads(nn.Module):
    """Network with the masks of all queries, and tensors as its only outputs."""

    def __init__(self, network: ParsingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, padding: Tensor) -> dict[str, Tensor]:
        output = self.network(image, padding)
        batch, queries = image.shape[0], self.network.queries
        images = torch.arange(batch).repeat_interleave(queries)
        masks = output.masks(images, torch.arange(queries).repeat(batch))
        found = {"people": output.people[-1], "boxes": output.boxes[-1]}
        return found | {"masks": masks.unflatten(0, (batch, queries)), **output.maps}
