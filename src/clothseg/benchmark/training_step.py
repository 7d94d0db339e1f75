"""A training step through Lightning with its data, against a step of a bare PyTorch loop."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F

from clothseg import build
from clothseg.benchmark.comparison import (
    Comparison,
    Contestant,
    limited_threads,
    training_config,
)
from clothseg.cache import Cache
from clothseg.datamodule import SegmentationData
from clothseg.error import ConfigError
from clothseg.logger.tracker import Subject
from clothseg.logger.tracking import Tracking
from clothseg.observe import History, Reporter
from clothseg.report.run_log import run_log
from clothseg.schema import Benchmark
from clothseg.trainer import stopped_in_order

IMAGE_SIZE = 128
"""Height and width of the shipped experiment on the real photos, pixels."""

CHOICES = [
    *("model=fpn", "backbone=efficientnet-b0", "loss=cross_entropy", "augmentation=light"),
    *("optimizer=adamw", "scheduler=onecycle", "callbacks=default", "trainer=cpu"),
    *("data.workers=0", "data.normalization=imagenet"),
]


class BareLoop:
    """The rival, as one writes it by hand: photos in memory, one loop, no framework.

    Args:
        config: whose network, learning rate and weight decay are taken.
        cache: where the photos come from.
        names: the photos that are trained on.
        chain: albumentations' own chain of random changes.
        steps: length of the schedule.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        cache: Cache,
        names: list[str],
        chain: Callable[..., dict[str, np.ndarray]],
        steps: int,
    ) -> None:
        place = {name: index for index, name in enumerate(cache.names)}
        self.images = [np.array(cache.images[place[name]]) for name in names]
        self.masks = [np.array(cache.masks[place[name]]) for name in names]
        self.chain, self.batch_size = chain, config["data"]["batch_size"]
        self.mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        self.deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        self.network = build.build_task(config).network.train()
        optimizer = config["optimizer"]
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
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.total += loss.item()

    def _batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Photos float32 [B,3,H,W] and masks int64 [B,H,W], in a new order every epoch."""
        while True:
            order = np.random.default_rng().permutation(len(self.images))
            for first in range(0, len(order) - self.batch_size + 1, self.batch_size):
                chosen = order[first : first + self.batch_size]
                changed = [self.chain(image=self.images[i], mask=self.masks[i]) for i in chosen]
                photos = torch.from_numpy(np.stack([c["image"] for c in changed]))
                masks = torch.from_numpy(np.stack([c["mask"] for c in changed]))
                scaled = photos.permute(0, 3, 1, 2).float() / 255
                yield (scaled - self.mean) / self.deviation, masks.long()


class Turns(pl.Callback):
    """Times the trainer's steps, and after a few of them as many of the rival's.

    A step reaches from the end of the one before to its own end, so that loading and everything
    that the trainer does in between count. The first step of an epoch has no such beginning and is
    not timed. Validation is not, either.

    Args:
        rival: does one step.
        batches: steps of one side in one turn.
        repetitions: turns that count; one more before them warms up.
    """

    def __init__(self, rival: Callable[[], None], batches: int, repetitions: int) -> None:
        self.rival, self.batches = rival, batches
        self.steps = batches * (repetitions + 1)
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self._start: float | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the end of the last epoch's last step."""
        self._start = None

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note the step's time; when the turn is over, let the rival do its steps."""
        if self._start is not None and not trainer.should_stop:
            self.ours.append(time.perf_counter() - self._start)
            if len(self.ours) % self.batches == 0:
                self.theirs += [self._timed_rival() for _ in range(self.batches)]
            trainer.should_stop = len(self.ours) == self.steps
        self._start = time.perf_counter()

    def _timed_rival(self) -> float:
        start = time.perf_counter()
        self.rival()
        return time.perf_counter() - start


def compare(settings: Benchmark) -> Comparison:
    """Milliseconds per step of FPN with EfficientNet-B0, lightly augmented, on the CPU."""
    size = settings.image_size or IMAGE_SIZE
    config = training_config(settings, size, [*CHOICES, f"trainer.threads={settings.threads}"])
    cache = build.build_cache(config, build.build_dataset(config))
    split = build.build_split(config, cache)
    data = build.build_data(config, cache, split)
    if data.steps_per_epoch < 2:
        raise ConfigError(
            [
                f"batch_size={settings.batch_size}: {len(split.train)} training photos give one "
                f"batch in an epoch, two are needed; at most {len(split.train) // 2} is possible"
            ]
        )
    # A chain of its own: ours draws every photo's changes from a seed, by hand one does not.
    chain = build.build_data(config, cache, split).augmentation.chain
    assert chain is not None
    with limited_threads(settings.threads):
        steps = settings.batches * (settings.repetitions + 1)
        loop = BareLoop(config, cache, split.train, chain, steps)
        turns = Turns(loop.step, settings.batches, settings.repetitions)
        config["trainer"]["max_epochs"] = math.ceil(steps / (data.steps_per_epoch - 1))
        _train(config, data, turns)
    ours, theirs = (
        [1000 * t for t in times[settings.batches :]] for times in (turns.ours, turns.theirs)
    )
    return Comparison(
        unit="ms/step",
        goal="<= 1.05",
        image_size=size,
        clothseg=Contestant("SemanticSegmentation and SegmentationData through Lightning", ours),
        rival=Contestant("bare PyTorch loop with the same network, photos in memory", theirs),
    )


def _train(config: Mapping[str, Any], data: SegmentationData, turns: Turns) -> None:
    """Train as a run does, observers and checkpoints included, until all turns are over."""
    task = build.build_task(config)
    with tempfile.TemporaryDirectory() as name, run_log(None):
        folder, history = Path(name), History()
        trackers, labels = build.build_trackers(config), build.build_labels(config)
        subject = Subject("training_step", folder, "benchmark", config, {}, labels)
        reporter = Reporter(lambda line: None, subject.name, data.batch_size, history)
        with Tracking(trackers, subject, history, lambda line: None) as tracking:
            observers = [history, tracking, reporter, turns]
            trainer = build.build_trainer(config, folder, observers)
            with stopped_in_order():
                trainer.fit(task, data)
