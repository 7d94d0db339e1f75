"""Device and memory of predictions."""

import os
from typing import TYPE_CHECKING, TypeVar

from clothseg.config.run_config import RunConfig

if TYPE_CHECKING:
    from clothseg.task.image_network import ImageNetwork

    Network = TypeVar("Network", bound=ImageNetwork)

BYTES_PER_LOGIT = 4


def require_memory(size: tuple[int, ...], values: int) -> None:
    """Check that the logits of a photo fit into the memory of this machine.

    The system would end the command if they did not.

    Args:
        size: height and width, pixels.
        values: number of logits of a pixel.

    Raises:
        MemoryError: they do not fit.
    """
    height, width = size
    required = BYTES_PER_LOGIT * values * height * width
    if required > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        raise MemoryError(
            f"{width}x{height} pixels of {values} classes need {required / 1e9:.0f} GB of memory; "
            "reduce the size of the photo"
        )


def on_device(network: "Network", config: RunConfig) -> "Network":
    """Move a network to the GPU, if the run may use one and there is one."""
    import torch

    allowed = config.execution.accelerator != "cpu"
    return network.to("cuda" if allowed and torch.cuda.is_available() else "cpu")
