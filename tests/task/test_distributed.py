"""Several processes or accumulation steps match a single process: images, loss and network."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from clothseg.build import build_trainer
from clothseg.callbacks.history import History
from clothseg.config.command_line import check_command
from clothseg.datamodule.sampling import Shard
from clothseg.datamodule.training_data import SegmentationData
from clothseg.jobs.machine import Slot
from clothseg.jobs.process import Processes
from clothseg.labels import IGNORE
from clothseg.loss.class_weights import ClassPixels
from clothseg.metric.names import COSTLY
from clothseg.metric.segmentation import SegmentationScores
from clothseg.model.network import Network
from clothseg.postprocess import none
from clothseg.split import kfold
from clothseg.task.semantic_segmentation import SemanticSegmentation
from support.random_cache import fake_cache

PIXELS = ClassPixels(np.array([40.0, 20.0, 30.0, 5.0]), np.full(4, 100.0))


def data(shard, accumulation_steps=1):
    """Data in which some images have hardly any valid pixels."""
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (24, 16, 16, 3), np.uint8)
    masks = random.integers(0, 4, (24, 16, 16)).astype(np.uint8)
    for number in range(24):
        masks[number, number % 16 :] = IGNORE
    cache = replace(fake_cache(24), images=images, masks=masks)
    split = kfold(cache, folds=4, fold=0, validation=0.2, seed=0)
    (job,) = check_command(["augmentation=flip"])
    augmentation = job.config.augmentation(16, np.arange(256, dtype=np.uint8))
    return SegmentationData(cache, split, augmentation, 8, 0, 3, accumulation_steps, shard)


def train(folder, world_size, accumulation_steps, batchnorm, loss, member):
    """Train for three epochs; returns weights, history and number of steps."""
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
    norm = torch.nn.BatchNorm2d(8) if batchnorm else torch.nn.Identity()
    body = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), norm, torch.nn.Conv2d(8, 4, 1))
    module = SemanticSegmentation(
        network=Network(body, 1),
        loss=job.config.loss(PIXELS),
        names=["BG", "Hat", "Coat", "Skin"],
        normalization="unit",
        seed=0,
        postprocess=none(),
        optimizer=job.config.optimizer.given,
        scheduler=lambda optimizer, steps: job.config.scheduler(optimizer, steps),
        train_scores=True,
    )
    history = History()
    trainer = build_trainer(job.config, folder, [history], world_size)
    trainer.fit(module, datamodule=data(Shard(member.rank, world_size), accumulation_steps))
    rows = [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in history.rows]
    state = {name: tensor.numpy() for name, tensor in module.network.state_dict().items()}
    return state, rows, trainer.global_step


def train_in_processes(
    folder, world_size=1, accumulation_steps=1, batchnorm=False, loss="cross_entropy"
):
    folder.mkdir()
    work = partial(train, folder, world_size, accumulation_steps, batchnorm, loss)
    return Processes().run(work, world_size, Slot(1)).value


@pytest.mark.parametrize(
    "parallelism",
    [
        {"world_size": 2},
        {"world_size": 4},
        {"accumulation_steps": 2},
        {"world_size": 2, "accumulation_steps": 2},
    ],
)
@pytest.mark.slow(seconds=5)
def test_splitting_a_batch_does_not_change_training(tmp_path, parallelism):
    """Averaging the loss per shard would fail, since the shards have unequal numbers of pixels."""
    expected, rows, steps = train_in_processes(tmp_path / "expected")
    state, other_rows, other_steps = train_in_processes(tmp_path / "divided", **parallelism)
    assert steps == other_steps
    for name, weights in expected.items():
        assert state[name] == pytest.approx(weights, abs=1e-6), name
    assert "train/mean_iou" in rows[0]
    for row, other in zip(rows, other_rows, strict=True):
        assert other == pytest.approx(row, rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "parallelism"),
    [
        ("weighted_cross_entropy", {"world_size": 2}),
        ("weighted_cross_entropy", {"accumulation_steps": 2}),
        ("ce_dice", {"world_size": 2}),
        ("generalized_dice", {"world_size": 2}),
    ],
)
@pytest.mark.slow(seconds=5)
def test_losses_equal_those_of_the_full_batch(tmp_path, loss, parallelism):
    """Pixel weights are summed over all shards, and region losses over all processes."""
    expected, rows, _ = train_in_processes(tmp_path / "expected", loss=loss)
    state, other_rows, _ = train_in_processes(tmp_path / "divided", loss=loss, **parallelism)
    for name, weights in expected.items():
        assert state[name] == pytest.approx(weights, abs=2e-6), name
    for row, other in zip(rows, other_rows, strict=True):
        assert other["train/loss"] == pytest.approx(row["train/loss"], rel=1e-4)


@pytest.mark.slow(seconds=5)
def test_processes_validate_the_same_network(tmp_path):
    """Each process normalizes its own images; the averaged statistics are scored and saved."""
    state, rows, _ = train_in_processes(tmp_path / "two", world_size=2, batchnorm=True)
    assert all(np.isfinite(weights).all() for weights in state.values())
    checkpoint = torch.load(tmp_path / "two" / "checkpoints" / "last.ckpt", weights_only=True)
    mean = checkpoint["state_dict"]["network.body.1.running_mean"].numpy()
    assert mean == pytest.approx(state["body.1.running_mean"])
    assert len(rows) == 3


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_shards_cover_each_image_once_and_form_the_same_batches(world_size):
    full, shards = data(Shard()), [data(Shard(rank, world_size)) for rank in range(world_size)]
    seen = [
        name
        for shard in shards
        for b in shard.evaluation_batches(shard.split.test)
        for name in b["name"]
    ]
    assert sorted(seen) == sorted(full.split.test)
    if 8 % world_size:
        return
    loaders = [shard.train_dataloader() for shard in shards]
    for batch, *parts in zip(full.train_dataloader(), *loaders, strict=True):
        assert batch["name"] == [name for part in parts for name in part["name"]]
        assert torch.equal(batch["image"], torch.cat([part["image"] for part in parts]))
        assert torch.equal(batch["pixels"], sum(part["pixels"] for part in parts))


def test_micro_batches_form_the_batch_and_keep_its_pixel_counts():
    batches = list(data(Shard()).train_dataloader())
    micro_batches = data(Shard(), accumulation_steps=4).train_dataloader()
    assert len(micro_batches) == 4 * len(batches)
    for number, micro_batch in enumerate(micro_batches):
        batch = batches[number // 4]
        start = 2 * (number % 4)
        assert micro_batch["name"] == batch["name"][start : start + 2]
        assert torch.equal(micro_batch["mask"], batch["mask"][start : start + 2])
        assert torch.equal(micro_batch["pixels"], batch["pixels"])


def score(world_size, member):
    """Score random predictions that are split over three processes; a fourth gets none."""
    import torch.distributed as dist

    random = np.random.default_rng(0)
    predictions, targets = random.integers(0, 4, (2, 9, 16, 16))
    if world_size > 1:
        dist.init_process_group("gloo")
    metric = SegmentationScores(4, COSTLY)
    rank = member.rank
    indices = torch.arange(9)[rank :: min(world_size, 3)] if rank < 3 else torch.arange(0)
    for batch in indices.split(2) if len(indices) else ():
        metric.update(torch.tensor(predictions)[batch], torch.tensor(targets)[batch], batch)
    scores = metric.compute()
    return scores.matrix, scores.index, scores.image_iou, scores.image_iou_plus, scores.boundary


@pytest.mark.slow(seconds=3)
def test_scores_are_bitwise_equal_for_any_number_of_processes():
    scores = [Processes().run(partial(score, n), n, Slot(1)).value for n in (1, 2, 3, 4)]
    for other in scores[1:]:
        for first, second in zip(scores[0], other, strict=True):
            assert np.array_equal(first, second, equal_nan=True)
