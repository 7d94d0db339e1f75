"""The network of a recorded run as ONNX, for programs without PyTorch."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from clothseg import build
from clothseg.config.command_line import check_command
from clothseg.config.schema import NO_POSTPROCESS, Export, Preparation
from clothseg.dataset.image import read_image
from clothseg.error import ConfigError, DataError, first_line
from clothseg.extras import require_extra
from clothseg.files import replacing
from clothseg.label_file import label_rows
from clothseg.run.restore import load_task, recorded_config, short_name, warn_of_unfinished
from clothseg.screen import console

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clothseg.model.network import Network
    from clothseg.task.semantic import SemanticSegmentation

COMPARED = 8
"""Photos on which the two programs are compared."""

TOLERANCE = 1e-3
"""Largest difference that counts as equal, of a logit of 1; rounding differs between programs."""


@dataclass(frozen=True)
class Parity:
    """How far ONNX Runtime and PyTorch differ on some photos.

    Args:
        photos: how many.
        difference: largest difference of a logit.
        largest: logit in absolute value, by which rounding grows.
        agreement: share of the pixels with the same class.
    """

    photos: int
    difference: float
    largest: float
    agreement: float

    @property
    def equal(self) -> bool:
        """Whether nothing but rounding differs."""
        return self.difference <= TOLERANCE * max(1.0, self.largest)


def export_command(overrides: list[str]) -> int:
    """Export, compare, and say so; returns the exit status.

    Raises:
        ConfigError: the command line is wrong, or the folder holds no run with a best epoch.
        DataError: the file cannot be written, or what is in it gives other classes.
    """
    options = Export(**check_command(overrides, "export", Export)[0].config)
    require_extra("onnx", "format=onnx")
    run, path = Path(options.run), Path(options.output)
    config = recorded_config(run, options.trust)
    warn_of_unfinished([run])
    _require_folder(path)
    network = (task := load_task(config, [run], "none", [1.0]).eval()).network
    images = _normalized_photos(task, config)
    with replacing(path) as temporary:
        parity, sizes = _write_and_compare(
            network, temporary, images, options, metadata(config, run)
        )
        if not parity.equal:
            raise DataError(
                f"{path} was not written: ONNX Runtime's logits differ from PyTorch's by up to "
                f"{parity.difference:.2g}, where the largest is {parity.largest:.2g}"
            )
    console.print(
        f"ONNX Runtime and PyTorch on {parity.photos} photos: logits differ by at most "
        f"{parity.difference:.2g}, {100 * parity.agreement:.3f} % of the pixels have one class",
        highlight=False,
    )
    megabytes = path.stat().st_size / 1e6
    text = f"written to {path}: {megabytes:.1f} MB, opset {options.opset}, photos {sizes}"
    console.print(text, soft_wrap=True, markup=False)
    return 0


def _require_folder(path: Path) -> None:
    """Make the folder of a file, before any work is done for it.

    Raises:
        DataError: that is not possible.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{path.parent} cannot be made a folder ({error.strerror})"
        raise DataError(f"{path} cannot be written: {reason}") from error


def _write_and_compare(
    network: "Network", path: Path, images: "Tensor", options: Export, entries: Mapping[str, str]
) -> tuple[Parity, str]:
    """Write a network for any size, or for one where that changes what it says.

    Pooling into a fixed number of cells is the reason: what is written pools windows of a fixed
    size, which are the right ones for the size of the tracing alone.

    Returns:
        How far it differs on the images, and the sizes that it is for, in words.
    """
    import torch.nn.functional as F

    size, stride = images.shape[-1], network.stride
    if size % stride == 0:
        other = F.interpolate(images[:1], (size + stride, 2 * size), mode="bilinear")
        with suppress(DataError):  # one size may do where any size does not
            write_onnx(network, path, size, options.opset, entries, any_size=True)
            if compare(network, path, other).equal:
                return compare(network, path, images), f"of any multiples of {stride} px"
    write_onnx(network, path, size, options.opset, entries, any_size=False)
    return compare(network, path, images), f"of {size} x {size} px alone"


def metadata(config: Mapping[str, Any], run: Path) -> dict[str, str]:
    """What a program needs to know about the network, every value as JSON.

    `labels` are the rows of a `labels.json`; `mean` and `deviation` of R, G, B normalise photos in
    [0, 1]; `image_size` is the height and width that it was trained with, pixels; `postprocess`
    what becomes of the logits, `clothseg.postprocess.none` being their argmax; `crop` where the box
    of the person came from that photos were cut to; `run` the end of the run folder's path, which
    tells it from others.
    """
    from clothseg.task.semantic import NORMALIZATIONS

    mean, deviation = NORMALIZATIONS[config["data"]["normalization"]]
    content = {
        "labels": label_rows(build.build_labels(config)),
        "mean": mean,
        "deviation": deviation,
        "image_size": config["data"]["image_size"],
        "input": "photos float32 [batch,3,height,width], RGB, scaled to [0, 1], then normalised",
        "output": "logits float32 [batch,classes,height,width]; `postprocess` tells the labels",
        "postprocess": config.get("postprocess", NO_POSTPROCESS),
        "crop": Preparation.of(config["dataset"]).crop,
        "run": short_name(run),
    }
    return {key: json.dumps(value) for key, value in content.items()}


def write_onnx(
    network: "Network",
    path: Path,
    image_size: int,
    opset: int,
    entries: Mapping[str, str],
    any_size: bool,
) -> None:
    """Write a network as ONNX with entries of metadata.

    Args:
        network: in evaluation mode, gives ``logits``.
        path: the file.
        image_size: height and width of the photos that it is traced with, pixels.
        opset: version of the operators.
        entries: of the metadata.
        any_size: whether photos may have other heights and widths, multiples of the stride.

    Raises:
        DataError: the network has an operation that this version of ONNX lacks.
    """
    import onnx
    import torch

    batch, rows, columns = (torch.export.Dim(name) for name in ("batch", "rows", "columns"))
    sides = {2: network.stride * rows, 3: network.stride * columns} if any_size else {}
    # A size of one stride would be taken for a constant.
    side = max(image_size, 2 * network.stride) if any_size else image_size
    example = torch.zeros(2, 3, side, side)
    try:
        with _quiet():
            program = torch.onnx.export(
                _logits_alone(network),
                (example,),
                dynamo=True,
                opset_version=opset,
                input_names=["image"],
                output_names=["logits"],
                dynamic_shapes={"image": {0: batch, **sides}},
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        first = first_line(error)
        raise DataError(f"this network cannot be written as ONNX opset {opset}: {first}") from error
    assert program is not None  # it is one with dynamo=True
    model = program.model_proto
    if model.opset_import[0].version != opset:
        raise DataError(f"torch wrote opset {model.opset_import[0].version} instead of {opset}")
    onnx.helper.set_model_props(model, dict(entries))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def compare(network: "nn.Module", path: Path, images: "Tensor") -> Parity:
    """Let PyTorch and ONNX Runtime look at the same normalised photos float32 [N,3,H,W].

    Raises:
        DataError: ONNX Runtime cannot run what was written.
    """
    import torch
    from onnxruntime import InferenceSession

    try:
        session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (theirs,) = session.run(["logits"], {"image": images.numpy()})
    except Exception as error:  # its errors have no common class
        first = first_line(error)
        raise DataError(f"ONNX Runtime cannot run what was written: {first}") from error
    with torch.inference_mode():
        ours = network(images)["logits"].numpy()
    return Parity(
        photos=len(images),
        difference=float(np.abs(ours - theirs).max()),
        largest=float(np.abs(ours).max()),
        agreement=float((ours.argmax(1) == theirs.argmax(1)).mean()),
    )


def _normalized_photos(task: "SemanticSegmentation", config: Mapping[str, Any]) -> "Tensor":
    """Some photos as the network takes them; noise where the dataset is not at hand."""
    import torch

    size = config["data"]["image_size"]
    try:
        samples = build.build_dataset(config).samples()[:COMPARED]
        whole = [read_image(sample.image) for sample in samples]
        photos = np.stack(
            [cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in whole]
        )
    except (ConfigError, DataError) as error:
        console.print(f"compared on noise, because {error}", soft_wrap=True, markup=False)
        photos = np.random.default_rng(0).integers(0, 256, (COMPARED, size, size, 3), np.uint8)
    return task.normalized(torch.from_numpy(photos))


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch tells about every step of an export, and warns about its own code."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(logging.NOTSET)


def _logits_alone(network: "nn.Module") -> "nn.Module":
    """A network that gives logits and no dictionary."""
    from torch import nn

    class LogitsAlone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: "Tensor") -> "Tensor":
            return self.network(image)["logits"]

    return LogitsAlone()
