"""Several processes, or several turns, train as one does: the same photos, one loss, one net."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from clothseg.build import build_trainer, call_target
from clothseg.callbacks.history import History
from clothseg.config.command_line import check_command
from clothseg.datamodule.batches import SegmentationData
from clothseg.datamodule.sampling import Shard
from clothseg.jobs.machine import Slot
from clothseg.jobs.process import Processes
from clothseg.labels import IGNORE
from clothseg.loss.class_weights import ClassPixels
from clothseg.metric.segmentation import SegmentationScores
from clothseg.model.network import Network
from clothseg.postprocess import none
from clothseg.split import kfold
from clothseg.task.semantic import SemanticSegmentation
from support.random_cache import fake_cache

PIXELS = ClassPixels(np.array([40.0, 20.0, 30.0, 5.0]), np.full(4, 100.0))


def data(share, accumulation_steps=1):
    """Photos of which some hardly have a pixel that counts."""
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (24, 16, 16, 3), np.uint8)
    masks = random.integers(0, 4, (24, 16, 16)).astype(np.uint8)
    for number in range(24):
        masks[number, number % 16 :] = IGNORE
    cache = replace(fake_cache(24), images=images, masks=masks)
    split = kfold(cache, folds=4, fold=0, validation=0.2, seed=0)
    (job,) = check_command(["augmentation=flip"])
    augmentation = call_target(job.config["augmentation"], 16, np.arange(256, dtype=np.uint8))
    return SegmentationData(cache, split, augmentation, 8, 0, 3, accumulation_steps, share)


def train(folder, world_size, accumulation_steps, normalise, loss, rank):
    """Weights, history and validation scores after three epochs."""
    torch.set_num_threads(1)
    (job,) = check_command(
        [
            *(
                "trainer=cpu",
                "trainer.max_epochs=3",
                "trainer.gradient_clip_norm=0.5",
                "data.batch_size=8",
            ),
            *(
                f"trainer.accumulation_steps={accumulation_steps}",
                f"trainer.devices={world_size}",
                "optimizer=sgd",
            ),
            f"loss={loss}",
        ]
    )
    torch.manual_seed(0)
    normalisation = torch.nn.BatchNorm2d(8) if normalise else torch.nn.Identity()
    body = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), normalisation, torch.nn.Conv2d(8, 4, 1)
    )
    module = SemanticSegmentation(
        network=Network(body, 1),
        loss=call_target(job.config["loss"], PIXELS),
        names=["BG", "Hat", "Coat", "Skin"],
        normalization="unit",
        seed=0,
        postprocess=none(),
        optimizer=lambda parameters: call_target(job.config["optimizer"], parameters),
        scheduler=lambda optimizer, steps: call_target(job.config["scheduler"], optimizer, steps),
    )
    history = History()
    trainer = build_trainer(job.config, folder, [history], world_size)
    trainer.fit(module, datamodule=data(Shard(rank, world_size), accumulation_steps))
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
    state = {name: tensor.numpy() for name, tensor in module.network.state_dict().items()}
    return state, rows, trainer.global_step


def trained(folder, world_size=1, accumulation_steps=1, normalise=False, loss="cross_entropy"):
    folder.mkdir()
    work = partial(train, folder, world_size, accumulation_steps, normalise, loss)
    return Processes().run(work, world_size, Slot(1)).value


@pytest.mark.parametrize(
    "shared",
    [
        {"world_size": 2},
        {"world_size": 4},
        {"accumulation_steps": 2},
        {"world_size": 2, "accumulation_steps": 2},
    ],
)
@pytest.mark.slow(seconds=5)
def test_sharing_a_batch_changes_no_step(tmp_path, shared):
    """A loss that averaged each share by itself would fail: the shares have unequal pixels."""
    alone, rows, steps = trained(tmp_path / "alone")
    state, shared_rows, shared_steps = trained(tmp_path / "shared", **shared)
    assert steps == shared_steps
    for name, weights in alone.items():
        assert state[name] == pytest.approx(weights, abs=1e-6), name
    for row, other in zip(rows, shared_rows, strict=True):
        assert other == pytest.approx(row, rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "shared"),
    [
        ("weighted_cross_entropy", {"world_size": 2}),
        ("weighted_cross_entropy", {"accumulation_steps": 2}),
        ("ce_dice", {"world_size": 2}),
        ("generalized_dice", {"world_size": 2}),
    ],
)
@pytest.mark.slow(seconds=5)
def test_losses_are_those_of_the_whole_batch(tmp_path, loss, shared):
    """Weights of pixels are added up over all shares, and regions compared over all processes."""
    alone, rows, _ = trained(tmp_path / "alone", loss=loss)
    state, shared_rows, _ = trained(tmp_path / "shared", loss=loss, **shared)
    for name, weights in alone.items():
        assert state[name] == pytest.approx(weights, abs=2e-6), name
    for row, other in zip(rows, shared_rows, strict=True):
        assert other["train/loss"] == pytest.approx(row["train/loss"], rel=1e-4)


@pytest.mark.slow(seconds=5)
def test_processes_have_one_network_when_it_is_validated(tmp_path):
    """Each has normalised its own photos; what is scored and kept is the average of them."""
    state, rows, _ = trained(tmp_path / "two", world_size=2, normalise=True)
    assert all(np.isfinite(weights).all() for weights in state.values())
    kept = torch.load(tmp_path / "two" / "checkpoints" / "last.ckpt", weights_only=True)
    mean = kept["state_dict"]["network.body.1.running_mean"].numpy()
    assert mean == pytest.approx(state["body.1.running_mean"])
    assert len(rows) == 3


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_together_they_see_each_photo_once_and_the_same_batches(world_size):
    alone, shares = data(Shard()), [data(Shard(rank, world_size)) for rank in range(world_size)]
    seen = [
        name
        for share in shares
        for b in share.evaluation_batches(share.split.test)
        for name in b["name"]
    ]
    assert sorted(seen) == sorted(alone.split.test)
    if 8 % world_size:
        return
    loaders = [share.train_dataloader() for share in shares]
    for whole, *parts in zip(alone.train_dataloader(), *loaders, strict=True):
        assert whole["name"] == [name for part in parts for name in part["name"]]
        assert torch.equal(whole["image"], torch.cat([part["image"] for part in parts]))
        assert torch.equal(whole["pixels"], sum(part["pixels"] for part in parts))


def test_parts_are_the_batch_and_know_its_pixels():
    whole = list(data(Shard()).train_dataloader())
    parts = data(Shard(), accumulation_steps=4).train_dataloader()
    assert len(parts) == 4 * len(whole)
    for number, part in enumerate(parts):
        batch = whole[number // 4]
        start = 2 * (number % 4)
        assert part["name"] == batch["name"][start : start + 2]
        assert torch.equal(part["mask"], batch["mask"][start : start + 2])
        assert torch.equal(part["pixels"], batch["pixels"])


def count(world_size, rank):
    """Scores of random predictions, of which three processes have a share, and a fourth none."""
    import torch.distributed as dist

    random = np.random.default_rng(0)
    predictions, targets = random.integers(0, 4, (2, 9, 16, 16))
    if world_size > 1:
        dist.init_process_group("gloo")
    metric = SegmentationScores(4, detailed=True)
    mine = torch.arange(9)[rank :: min(world_size, 3)] if rank < 3 else torch.arange(0)
    for batch in mine.split(2) if len(mine) else ():
        metric.update(torch.tensor(predictions)[batch], torch.tensor(targets)[batch], batch)
    scores = metric.compute()
    return scores.matrix, scores.index, scores.image_iou, scores.image_iou_plus, scores.boundary


@pytest.mark.slow(seconds=3)
def test_scores_of_nine_photos_are_equal_to_the_bit_on_any_number_of_processes():
    counted = [Processes().run(partial(count, n), n, Slot(1)).value for n in (1, 2, 3, 4)]
    for other in counted[1:]:
        for first, second in zip(counted[0], other, strict=True):
            assert np.array_equal(first, second, equal_nan=True)
