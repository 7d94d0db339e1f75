"""Lightning data modules of a training."""

from typing import Any

import pytorch_lightning as pl

from clothseg.datamodule.batches import Batches, MicroBatches, SplitBatches
from clothseg.datamodule.images import ImageBatches
from clothseg.datamodule.pictures import PictureBatches


class TrainingData(SplitBatches, pl.LightningDataModule):
    """Training and validation batches of a split; arguments as for :class:`SplitBatches`."""

    def state_dict(self) -> dict[str, int]:
        """Return the epoch to resume from; checkpoints are written at the end of epochs."""
        assert self.trainer is not None
        progress: Any = self.trainer.fit_loop.epoch_progress.current
        return {"epoch": progress.processed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Restore the epoch of a checkpoint.

        Lightning sets the sampler's epoch only after prefetching has begun; without this, a resumed
        run would start with the order of epoch 0.
        """
        self.order.set_epoch(state["epoch"])

    def train_dataloader(self) -> "Batches | MicroBatches":
        """Create the training loader, of full batches or micro-batches."""
        batches = self.training_batches()
        return (
            batches
            if self.accumulation_steps == 1
            else MicroBatches(batches, self.accumulation_steps)
        )

    def val_dataloader(self) -> Batches:
        """Create the loader of validation images, in order."""
        return self.evaluation_batches(self.split.validation)


class SegmentationData(TrainingData, ImageBatches):
    """Batches for semantic segmentation."""


class ParsingData(TrainingData, PictureBatches):
    """Batches for human parsing."""
