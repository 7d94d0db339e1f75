"""Reading and writing of checkpoints for Lightning."""

from pathlib import Path
from typing import Any

from lightning_fabric.plugins import CheckpointIO

from clothseg.checkpoint import LAST, PREVIOUS, read_checkpoint, write_checkpoint


class RunCheckpointIO(CheckpointIO):
    """Checkpoints of a run, which a kill or a full disk cannot destroy.

    Lightning's own class writes to the folder of temporary files and moves the result, which is not
    atomic if that is another file system. Here the state to resume from exists at every moment, and
    the one before it is kept.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            WriteError: the disk is full, or the folder is not writable.
        """
        file = Path(path)
        previous = file.with_name(PREVIOUS) if file.name == LAST else None
        write_checkpoint(file, checkpoint, previous)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read and verify a checkpoint.

        Raises:
            DataError: it is damaged.
        """
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)
