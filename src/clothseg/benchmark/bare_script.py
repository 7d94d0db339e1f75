"""Baseline of the start-up benchmark: a hand-written Hydra and Lightning script.

It imports its libraries at the top, takes three groups of keys, and trains on random noise. A run
ends at its first step because only the start is timed.
"""

from dataclasses import dataclass, field

import albumentations as A
import hydra
import pytorch_lightning as pl
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from hydra.core.config_store import ConfigStore
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Data:
    """Input of the network."""

    image_size: int = 96
    batch_size: int = 4


@dataclass
class Optimizer:
    """Optimizer settings."""

    lr: float = 1e-3


@dataclass
class Config:
    """Options of the command line."""

    data: Data = field(default_factory=Data)
    optimizer: Optimizer = field(default_factory=Optimizer)
    backbone: str = "efficientnet-b0"


ConfigStore.instance().store("bare", Config)


class Segmentation(pl.LightningModule):
    """FPN with cross-entropy loss."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.network = smp.FPN(config.backbone, encoder_weights=None, classes=15)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        images, masks = batch
        return F.cross_entropy(self.network(images), masks)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW."""
        return torch.optim.AdamW(self.parameters(), lr=self.config.optimizer.lr)

    def on_train_batch_start(self, batch: list[Tensor], batch_idx: int) -> None:
        """Exit: only the time up to here is measured."""
        raise SystemExit(130)


@hydra.main(version_base="1.3", config_path=None, config_name="bare")
def main(config: Config) -> None:
    """Train on random noise."""
    size = config.data.image_size
    flip = A.HorizontalFlip(p=0.5)
    noise = torch.randint(0, 256, (24, size, size, 3), dtype=torch.uint8)
    images = torch.stack([torch.from_numpy(flip(image=i.numpy())["image"].copy()) for i in noise])
    masks = torch.randint(0, 15, (24, size, size))
    data = TensorDataset(images.permute(0, 3, 1, 2).float() / 255, masks)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Segmentation(config), DataLoader(data, config.data.batch_size, shuffle=True))


if __name__ == "__main__":
    main()
