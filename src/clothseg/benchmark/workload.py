"""Training workload of the step benchmark, through Lightning and as a hand-written loop."""

import math
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F

from clothseg import build
from clothseg.augmentation import Augmentation
from clothseg.benchmark.comparison import training_config
from clothseg.cache import Cache
from clothseg.callbacks.history import History
from clothseg.callbacks.progress import Reporter
from clothseg.config.run_config import RunConfig
from clothseg.config.settings import Benchmark
from clothseg.datamodule.training_data import TrainingData
from clothseg.error import ConfigError
from clothseg.logger.tracker import Subject
from clothseg.run.log import run_log
from clothseg.run.tracking import Tracking
from clothseg.split import Split
from clothseg.trainer import restore_keyboard_interrupt

IMAGE_SIZE = 128
"""Height and width in the shipped experiment on real images, pixels."""
CHOICES = [
    *("model=fpn", "backbone=efficientnet-b0", "loss=cross_entropy", "augmentation=light"),
    *("optimizer=adamw", "scheduler=onecycle", "callbacks=default", "trainer=cpu"),
    *("data.workers=0", "data.normalization=imagenet"),
]


class BareLoop:
    """Hand-written baseline: images in memory, one loop, no framework.

    Args:
        config: configuration that defines the network, learning rate and weight decay.
        cache: source of the images.
        names: names of the training images.
        augmentation: random transforms, the same as in clothseg.
        steps: length of the schedule.
    """

    def __init__(
        self,
        config: RunConfig,
        cache: Cache,
        names: list[str],
        augmentation: Augmentation,
        steps: int,
    ) -> None:
        self.images = [np.array(cache.images[cache.index_of[name]]) for name in names]
        self.masks = [np.array(cache.masks[cache.index_of[name]]) for name in names]
        self.augmentation, self.batch_size = augmentation, config.data.batch_size
        self.mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        self.std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        self.network = build.build_segmenter(config).network.train()
        optimizer = config.optimizer.arguments
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), optimizer["lr"], weight_decay=optimizer["weight_decay"]
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, optimizer["lr"], total_steps=steps
        )
        self.batches = self._batches()
        self.total = 0.0

    def step(self) -> None:
        """Train on one batch."""
        images, masks = next(self.batches)
        loss = F.cross_entropy(self.network(images)["logits"], masks)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.schedule.step()
        self.total += loss.item()

    def _batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield images float32 [B,3,H,W] and masks int64 [B,H,W], shuffled every epoch."""
        while True:
            order = np.random.default_rng().permutation(len(self.images))
            for first in range(0, len(order) - self.batch_size + 1, self.batch_size):
                chosen = order[first : first + self.batch_size]
                augmented = [self._augment(self.images[i], self.masks[i]) for i in chosen]
                images, masks = (
                    torch.from_numpy(np.stack(part)) for part in zip(*augmented, strict=True)
                )
                scaled = images.permute(0, 3, 1, 2).float() / 255
                yield (scaled - self.mean) / self.std, masks.long()

    def _augment(self, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.augmentation(image, mask, random.getrandbits(31))


@dataclass(frozen=True)
class Workload:
    """Training workload of both sides.

    Args:
        config: full configuration.
        cache: cache of the images.
        split: parts of the images.
        image_size: height and width of the images, pixels.
    """

    config: RunConfig
    cache: Cache
    split: Split
    image_size: int

    @property
    def data(self) -> TrainingData:
        """Data module of a run."""
        return build.build_data(self.config, self.cache, self.split)

    def bare_loop(self, steps: int) -> BareLoop:
        """Baseline for a number of steps."""
        return BareLoop(self.config, self.cache, self.split.train, self.data.augmentation, steps)

    def train(self, steps: int, observer: pl.Callback) -> None:
        """Train like a run, with callbacks and checkpoints, until `observer` stops the training."""
        data, task = self.data, build.build_task(self.config)
        epochs = math.ceil(steps / (data.steps_per_epoch - 1))
        with tempfile.TemporaryDirectory() as name, run_log(None):
            folder, history = Path(name), History()
            config = self.config.changed(trainer={"max_epochs": epochs})
            trackers = build.build_trackers(config)
            subject = Subject("training_step", folder, "benchmark", config.plain, {}, config.labels)
            reporter = Reporter(lambda line: None, subject.name, data.batch_size, history)
            with Tracking(trackers, subject, history, lambda line: None) as tracking:
                observers = [history, tracking, reporter, observer]
                trainer = build.build_trainer(config, folder, observers)
                with restore_keyboard_interrupt():
                    trainer.fit(task, data)


def prepare_workload(settings: Benchmark) -> Workload:
    """Build the configuration, cache and split of a workload.

    Raises:
        ConfigError: too few images for two batches per epoch.
    """
    size = settings.image_size or IMAGE_SIZE
    config = training_config(settings, size, [*CHOICES, f"trainer.threads={settings.threads}"])
    cache = build.build_cache(config, build.build_dataset(config))
    workload = Workload(config, cache, build.build_split(config, cache), size)
    if workload.data.steps_per_epoch < 2:
        images = len(workload.split.train)
        raise ConfigError(
            [
                f"batch_size={settings.batch_size}: an epoch needs two batches, but there are only "
                f"{images} training images; the maximum is {images // 2}"
            ]
        )
    return workload
