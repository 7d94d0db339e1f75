"""Command `scripts/export.py`: export the network of a recorded run to ONNX."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothseg.commands.onnx_file import Parity, compare, write_onnx
from clothseg.config.command_line import check_settings
from clothseg.config.run_config import RunConfig
from clothseg.config.schema import NO_POSTPROCESS
from clothseg.config.settings import Export
from clothseg.dataset.image import read_image
from clothseg.error import ConfigError, DataError
from clothseg.extras import require_extra
from clothseg.files import replacing
from clothseg.geometry import PADDING_COLOR
from clothseg.label_file import label_rows
from clothseg.model.sizes import ANY
from clothseg.run.restore import (
    load_segmenter,
    recorded_config,
    recorded_reader,
    short_name,
    warn_if_unfinished,
)
from clothseg.terminal.screen import console

if TYPE_CHECKING:
    from torch import Tensor

    from clothseg.model.network import Network
    from clothseg.task.segmenter import Segmenter

NUM_COMPARED = 8
"""Number of images on which ONNX Runtime and PyTorch are compared."""


def export_command(overrides: list[str]) -> int:
    """Export a network, verify the file, and print the differences; return the exit status.

    Raises:
        ConfigError: the command line is invalid, or the folder contains no run with a best epoch.
        DataError: the file cannot be written, or its results differ from those of PyTorch.
    """
    options = check_settings(overrides, "export", Export)
    require_extra("onnx", "format=onnx")
    run, path = Path(options.run), Path(options.output)
    config = recorded_config(run, options.trust)
    warn_if_unfinished([run])
    _create_folder(path)
    segmenter = load_segmenter(config, [run], "none", [1.0]).eval()
    network, images = segmenter.network, _normalized_images(segmenter, config)
    with replacing(path) as temporary:
        parity, sizes = _write_and_compare(
            network, temporary, images, options, metadata(config, run)
        )
        if not parity.equal:
            raise DataError(
                f"{path} was not written: the logits of ONNX Runtime differ from those of PyTorch "
                f"by up to {parity.difference:.2g}; the largest logit is {parity.largest:.2g}"
            )
    console.print(
        f"ONNX Runtime and PyTorch on {parity.images} images: logits differ by at most "
        f"{parity.difference:.2g}, {100 * parity.agreement:.3f} % of pixels get the same class",
        highlight=False,
    )
    megabytes = path.stat().st_size / 1e6
    text = f"written to {path}: {megabytes:.1f} MB, opset {options.opset}, input size {sizes}"
    console.print(text, soft_wrap=True, markup=False)
    return 0


def _create_folder(path: Path) -> None:
    """Create the folder of the output file before any expensive work.

    Raises:
        DataError: the folder cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"folder {path.parent} cannot be created ({error.strerror})"
        raise DataError(f"{path} cannot be written: {reason}") from error


def _write_and_compare(
    network: "Network", path: Path, images: "Tensor", options: Export, entries: Mapping[str, str]
) -> tuple[Parity, str]:
    """Write a network for any input size, or for a single size if the result depends on it.

    The reason is pooling into a fixed number of cells: the exported graph pools windows of a fixed
    size, which are correct for the traced input size only.

    Returns:
        Parity on the images, and a description of the supported input sizes.
    """
    import torch.nn.functional as F

    (height, width), stride, sizes = images.shape[-2:], network.stride, network.sizes
    size = height, width
    if height % stride == width % stride == 0 and sizes.exact is None:
        other = F.interpolate(images[:1], (height + stride, 2 * width), mode="bilinear")
        with suppress(DataError):  # a fixed size may work even if arbitrary sizes do not
            write_onnx(network, path, size, options.opset, entries, any_size=True)
            if compare(network, path, other).equal:
                described = f"any multiple of {stride} px" if sizes == ANY else str(sizes)
                return compare(network, path, images), described
    write_onnx(network, path, size, options.opset, entries, any_size=False)
    return compare(network, path, images), f"fixed at {height} x {width} px"


def metadata(config: RunConfig, run: Path) -> dict[str, str]:
    """Metadata that a program needs to use the network, each value encoded as JSON.

    `labels` are the rows of a `labels.json`, with the number of the channel as id. `mean` and
    `deviation` (standard deviation) of R, G, B normalize images in [0, 1]. `image_size` is the
    height and width used in training, pixels; one number for a square. `fit` is the rule by which
    images were brought to it, see :mod:`clothseg.geometry`, and `padding` the R, G, B of 0 to 255
    around images in a letterbox. `postprocess` converts logits to labels;
    `clothseg.postprocess.none` is their argmax. `crop` is the source of the person box that images
    were cropped to before. `run` is the short name of the run.
    """
    from clothseg.task.image_network import NORMALIZATIONS

    mean, std = NORMALIZATIONS[config.data.normalization]
    content = {
        "labels": label_rows(replace(config.labels, background_id=0)),
        "mean": mean,
        "deviation": std,
        "image_size": config.data.frame.image_size,
        "fit": config.data.fit,
        "padding": PADDING_COLOR,
        "input": "images float32 [batch,3,height,width], RGB, scaled to [0, 1], then normalized",
        "output": "logits float32 [batch,classes,height,width]; `postprocess` tells the labels",
        "postprocess": config.plain.get("postprocess", NO_POSTPROCESS),
        "crop": config.preparation.crop,
        "run": short_name(run),
    }
    return {key: json.dumps(value) for key, value in content.items()}


def _normalized_images(segmenter: "Segmenter", config: RunConfig) -> "Tensor":
    """Preprocessed images of the dataset, or noise if the dataset is not available."""
    import torch

    frame = config.data.frame
    try:
        samples = recorded_reader(config).samples()[:NUM_COMPARED]
        original = [read_image(sample.image) for sample in samples]
        images = np.stack([frame.placement(*p.shape[:2]).image(p) for p in original])
    except (ConfigError, DataError) as error:
        console.print(f"comparing on random noise: {error}", soft_wrap=True, markup=False)
        images = np.random.default_rng(0).integers(0, 256, (NUM_COMPARED, *frame.size, 3), np.uint8)
    return segmenter.normalized(torch.from_numpy(images))
