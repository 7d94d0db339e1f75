"""Command `scripts/export.py`: export the network of a recorded run to ONNX."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from clothseg.commands.onnx_file import Graph, Parity, compare, write_onnx
from clothseg.config.command_line import check_settings
from clothseg.config.run_config import RunConfig
from clothseg.config.settings import Export
from clothseg.error import DataError
from clothseg.extras import require_extra
from clothseg.files import replacing
from clothseg.model.sizes import ANY
from clothseg.run.restore import recorded_config, warn_if_unfinished
from clothseg.task import Parsing
from clothseg.terminal.screen import console

if TYPE_CHECKING:
    from torch import Tensor


class Exported(Protocol):
    """Network of a run with what its export needs."""

    @property
    def graph(self) -> Graph:
        """The network as other programs call it."""

    @property
    def inputs(self) -> "Mapping[str, Tensor]":
        """Inputs by name, on which the runtimes are compared."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Entries of the file's metadata."""

    def enlarged(self, height: int, width: int) -> "Mapping[str, Tensor]":
        """Return the inputs of the first image in a larger size, pixels."""


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
    exported = _exported(config, run, options.opset)
    with replacing(path) as temporary:
        parity, sizes = _write_and_compare(exported, temporary, options.opset)
        if not parity.equal:
            name, worst = parity.worst
            raise DataError(
                f"{path} was not written: the {name} of ONNX Runtime differ from those of PyTorch "
                f"by up to {worst.absolute:.2g}; the largest {exported.graph.outputs[name]} is "
                f"{worst.largest:.2g}"
            )
    console.print(
        f"ONNX Runtime and PyTorch on {parity.images} images: {_differences(parity)}, "
        f"{100 * parity.agreement:.3f} % of pixels get the same class",
        highlight=False,
        soft_wrap=True,
    )
    megabytes = path.stat().st_size / 1e6
    text = f"written to {path}: {megabytes:.1f} MB, opset {options.opset}, input size {sizes}"
    console.print(text, soft_wrap=True, markup=False)
    return 0


def _exported(config: RunConfig, run: Path, opset: int) -> Exported:
    """Load the network, as its task exports it.

    Raises:
        ConfigError: the opset is not for this task.
    """
    if isinstance(config.task, Parsing):
        from clothseg.commands.export.parsing import ExportedParser, require_opset

        require_opset(opset)
        return ExportedParser(config, run)
    from clothseg.commands.export.semantic import ExportedSegmenter

    return ExportedSegmenter(config, run)


def _differences(parity: Parity) -> str:
    """Describe the largest difference of each output as part of a sentence."""
    (first, difference), *others = parity.differences.items()
    described = [f"{name} by {other.absolute:.2g}" for name, other in others]
    return ", ".join([f"{first} differ by at most {difference.absolute:.2g}", *described])


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


def _write_and_compare(exported: Exported, path: Path, opset: int) -> tuple[Parity, str]:
    """Write a network for any input size, or for a single size if the result depends on it.

    The reason is pooling into a fixed number of cells: the exported graph pools windows of a fixed
    size, which are correct for the traced input size only.

    Returns:
        Parity on the images, and a description of the supported input sizes.
    """
    graph, inputs = exported.graph, exported.inputs
    (height, width), stride, sizes = inputs["image"].shape[-2:], graph.stride, graph.sizes
    if height % stride == width % stride == 0 and sizes.exact is None:
        other = exported.enlarged(height + stride, 2 * width)
        with suppress(DataError):  # a fixed size may work even if arbitrary sizes do not
            write_onnx(graph, path, inputs, opset, exported.metadata, any_size=True)
            if compare(graph, path, other).equal:
                described = f"any multiple of {stride} px" if sizes == ANY else str(sizes)
                return compare(graph, path, inputs), described
    write_onnx(graph, path, inputs, opset, exported.metadata, any_size=False)
    return compare(graph, path, inputs), f"fixed at {height} x {width} px"
