"""Checkpoint, early stopping and history callbacks."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from clothseg.build import build_task, build_trainer
from clothseg.callbacks import checkpoints, early_stopping
from clothseg.callbacks.checkpoint_io import RunCheckpointIO
from clothseg.callbacks.history import History
from clothseg.callbacks.progress import Reporter
from clothseg.callbacks.resumable_early_stopping import ResumableEarlyStopping
from clothseg.config.command_line import check_command
from clothseg.metric.names import COSTLY, MONITORS
from clothseg.metric.scorecard import scorecard
from clothseg.metric.segmentation import SegmentationScores
from clothseg.model.network import Network
from support.random_cache import small_data

pytestmark = [
    pytest.mark.slow(seconds=1),  # many tests of a second or less
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]


@pytest.mark.parametrize(("monitor", "mode"), [("val/mean_iou", "max"), ("val/loss", "min")])
def test_best_is_written_after_last(tmp_path, monitor, mode):
    last, best = checkpoints(tmp_path, monitor=monitor)
    assert (best.filename, best.monitor, best.mode) == ("best", monitor, mode)
    assert (last.filename, last.monitor) == ("last", None)
    assert best.dirpath == str(tmp_path / "checkpoints") == last.dirpath
    assert best.state_key != last.state_key
    assert isinstance(best, ModelCheckpoint)


def test_a_run_interrupted_after_its_last_epoch_stops_immediately(tmp_path):
    class FakeTrainer:
        should_stop = False

    (stopping,) = early_stopping(tmp_path, monitor="val/loss", patience=3)
    assert isinstance(stopping, ResumableEarlyStopping)
    trainer = FakeTrainer()
    stopping.on_fit_start(trainer, None)
    assert not trainer.should_stop
    stopping.load_state_dict({**stopping.state_dict(), "wait_count": 3})
    stopping.on_fit_start(trainer, None)
    assert trainer.should_stop


class Scripted(pl.LightningModule):
    """Module that logs given scores and losses, and whose only weight is the epoch, from 1."""

    def __init__(self, epochs):
        super().__init__()
        self.automatic_optimization = False
        self.epochs, self.weight = epochs, torch.nn.Parameter(torch.zeros(1))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch, batch_idx):
        torch.nn.init.constant_(self.weight, self.current_epoch + 1)
        self.optimizers().step()

    def validation_step(self, batch, batch_idx):
        score, loss = self.epochs[self.current_epoch]
        self.log_dict({"val/mean_iou": score, "val/loss": loss, "train/loss": 0.0})


def run_script(folder, epochs, monitor="val/mean_iou", until=None, interval=0):
    """Train up to an epoch, resuming if there is a checkpoint; returns history and best weight."""
    history = History(monitor)
    last = folder / "checkpoints" / "last.ckpt"
    trainer = pl.Trainer(
        max_epochs=until or len(epochs),
        callbacks=[history, *checkpoints(folder, monitor=monitor, interval=interval)],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        plugins=[RunCheckpointIO()],
    )
    batches = DataLoader(torch.zeros(1, 1))
    resume = {"ckpt_path": last, "weights_only": True} if last.is_file() else {}
    trainer.fit(Scripted(epochs), batches, batches, **resume)
    best = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    return history, best["state_dict"]["weight"].item()


NAN = math.nan
TIES = [(0.1, 3.0), (0.5, 2.0), (0.5, 1.0), (0.5, 1.0), (0.2, 0.5)]
SCRIPTS = [
    (TIES, "val/mean_iou", 3),
    (TIES, "val/loss", 5),
    ([(NAN, 1.0), (0.1, 9.0), (NAN, 0.1)], "val/mean_iou", 2),
    ([(0.0, NAN), (0.0, 2.0), (0.0, NAN)], "val/mean_iou", 2),
    ([(0.5, NAN), (0.1, 7.0), (0.9, 8.0)], "val/loss", 2),
    ([(NAN, NAN), (NAN, NAN), (NAN, NAN)], "val/mean_iou", 1),
    ([(NAN, 2.0), (NAN, 1.0), (NAN, 1.0)], "val/mean_iou", 2),
]


@pytest.mark.parametrize(("epochs", "monitor", "best"), SCRIPTS)
def test_ties_go_to_the_lower_loss_and_nan_is_never_best(epochs, monitor, best, tmp_path):
    """The history and the checkpoint agree, in one go and resumed after every epoch."""
    history, weight = run_script(tmp_path / "once", epochs, monitor)
    assert history.best(monitor) == history.best_epoch == weight == best
    for until in range(1, len(epochs) + 1):
        history, weight = run_script(tmp_path / "resumed", epochs, monitor, until)
        assert history.best(monitor) == weight
    assert weight == best


@pytest.mark.parametrize("until", [3, 4])
def test_a_best_checkpoint_that_was_not_written_is_restored_on_resuming(until, tmp_path):
    """The run is killed after `last.ckpt` of its best epoch is written."""
    epochs = [(0.1, 1.0), (0.2, 1.0), (0.9, 1.0), (0.3, 1.0)]
    run_script(tmp_path, epochs, until=2)
    best = tmp_path / "checkpoints" / "best.ckpt"
    shutil.copy(best, tmp_path / "older.ckpt")
    run_script(tmp_path, epochs, until=3)
    shutil.copy(tmp_path / "older.ckpt", best)
    history, weight = run_script(tmp_path, epochs, until=until)
    assert history.best_epoch == weight == 3


@pytest.mark.parametrize(("interval", "expected"), [(0, [1, 2, 3, 4, 5, 6]), (1000, [1, 2, 4, 6])])
def test_last_is_written_for_better_epochs_the_final_one_and_after_the_interval(
    interval, expected, tmp_path, monkeypatch
):
    save, written = pl.Trainer.save_checkpoint, []

    def recorded(trainer, path, *arguments, **keywords):
        if str(path).endswith("last.ckpt"):
            written.append(trainer.current_epoch + 1)
        save(trainer, path, *arguments, **keywords)

    monkeypatch.setattr(pl.Trainer, "save_checkpoint", recorded)
    scores = (0.1, 0.3, 0.2, 0.5, 0.1, 0.1)
    run_script(tmp_path, [(score, 1.0) for score in scores], interval=interval)
    assert written == expected


def test_a_run_that_repeats_epochs_after_the_last_checkpoint_has_the_same_best_epoch(tmp_path):
    """Killed in epoch 4, whose predecessor is not in `last.ckpt`."""
    epochs = [(0.1, 1.0), (0.9, 1.0), (0.3, 1.0), (0.2, 1.0)]
    run_script(tmp_path, epochs, until=2, interval=1000)
    last, weight = run_script(tmp_path, epochs, interval=1000)
    assert [row["epoch"] for row in last.rows] == [1, 2, 3, 4]
    assert last.best_epoch == weight == 2


def test_a_run_of_an_earlier_version_is_resumed_with_its_best_epoch(tmp_path):
    """Its checkpoint has the rows of the history, and another state of the best checkpoint."""
    epochs = [(0.9, 1.0), (0.3, 1.0), (0.2, 1.0)]
    run_script(tmp_path, epochs, until=2)
    path = tmp_path / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    states = checkpoint["callbacks"]
    del states["History"]["validation"]
    (best,) = (key for key in states if key.startswith("BestCheckpoint"))
    states[best.replace("BestCheckpoint", "ModelCheckpoint")] = states.pop(best)
    torch.save(checkpoint, path)
    with pytest.warns(UserWarning, match="callbacks used to create the checkpoint"):
        history, weight = run_script(tmp_path, epochs)
    assert history.best_epoch == weight == 1
    assert history.validation_metrics == {}


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PK")])
def test_epochs_before_a_lost_best_checkpoint_are_no_longer_the_best(damage, tmp_path, capsys):
    epochs = [(0.9, 1.0), (0.3, 1.0), (0.2, 1.0), (0.4, 1.0), (0.1, 1.0)]
    run_script(tmp_path, epochs, until=2)
    damage(tmp_path / "checkpoints" / "best.ckpt")
    history, weight = run_script(tmp_path, epochs, until=3)
    assert history.best_epoch == weight == 2
    assert "best.ckpt is missing or damaged; the best epoch is sought from 2 on" in (
        capsys.readouterr().out
    )
    history, weight = run_script(tmp_path, epochs)
    assert history.best_epoch == weight == 4
    assert capsys.readouterr().out == ""


def test_checkpoints_need_a_history(tmp_path):
    trainer = pl.Trainer(callbacks=checkpoints(tmp_path, monitor="val/loss"), logger=False)
    with pytest.raises(ValueError, match="no History among its callbacks"):
        History.of(trainer)


def test_a_history_of_an_earlier_version_has_no_validation_scores():
    history = History()
    history.load_state_dict({"rows": [{"epoch": 1.0, "val/mean_iou": 0.1, "val/loss": 1.0}]})
    assert history.best_epoch == 1
    assert history.validation_metrics == {}


# --- a real network, with every monitor


def small_task(*overrides):
    """Task of a tiny network of four classes that learns from random images."""
    (job,) = check_command(
        ["trainer=cpu", "trainer.max_epochs=4", "optimizer=sgd", "optimizer.lr=0.1", *overrides]
    )
    names = ["BG", "Hat", "Coat", "Skin"]
    colors = ["#000000", "#111111", "#222222", "#333333"]
    labels = {"names": names, "colors": colors, "flip_pairs": [], "gathers": {}}
    config = job.config.changed(labels=labels)
    task = build_task(config)
    torch.manual_seed(0)
    task.network = Network(torch.nn.Conv2d(3, 4, 5, padding=2), 1)
    return config, task


def train(folder, *overrides):
    config, task = small_task(*overrides)
    history = History(config.monitor)
    lines = []
    trainer = build_trainer(config, folder, [history, Reporter(lines.append, "x", 4, history)])
    data = small_data()
    trainer.fit(task, datamodule=data)
    return history, task, data, lines


def rescored(folder, task, data):
    """Scorecard of the validation images with the weights in `best.ckpt`, one image at a time."""
    saved = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    task.load_state_dict(saved["state_dict"])
    metric = SegmentationScores(4, COSTLY)
    for name in data.split.validation:
        index = data.cache.index_of[name]
        prediction = task.predict(np.array(data.cache.images[index])[None])
        target = torch.tensor(np.array(data.cache.masks[index])[None])
        metric.update(torch.tensor(prediction), target, torch.tensor([index]))
    return scorecard(metric.compute(), task.names)


SEMANTIC = [name for name, score in MONITORS.items() if "semantic" in score.tasks]
CHEAP = [name for name in SEMANTIC if not MONITORS[name].costly]


@pytest.mark.parametrize("monitor", SEMANTIC)
def test_the_best_epoch_is_that_of_the_highest_score_for_every_monitor(monitor, tmp_path):
    history, task, data, lines = train(tmp_path, f"callbacks.checkpoints.monitor={monitor}")
    values = [row[monitor] for row in history.rows]
    top = min(values) if monitor == "val/loss" else max(values)
    tied = [row for row in history.rows if row[monitor] == top]
    assert history.best_epoch == min(tied, key=lambda row: row["val/loss"])["epoch"]
    assert len(set(values)) > 1
    assert lines[history.best_epoch - 1].count(" *") == 1

    scores = [key for key in history.rows[0] if key.startswith("val/") and "val/iou/" not in key]
    assert sorted(scores) == sorted({*CHEAP, monitor})  # costly ones where they are monitored
    expected = rescored(tmp_path, task, data)
    for score in (score for score in MONITORS.values() if score.costly):
        if f"val/{score.name}" != monitor:
            for scores in (expected["mean"], *expected["per_class"]):
                scores[score.key] = None
    assert history.validation == expected
    if monitor != "val/loss":
        name = MONITORS[monitor].key
        value = {**expected, **expected["mean"]}[name]
        assert value == pytest.approx(top, rel=1e-6)
    assert history.validation_metrics["monitor"] == monitor
    assert history.validation_metrics["validation_loss"] == min(row["val/loss"] for row in tied)


@pytest.mark.parametrize("key", ["callbacks.early_stopping.monitor", "scheduler.monitor"])
def test_a_costly_score_is_computed_for_whatever_monitors_it(key, tmp_path):
    groups = ["callbacks=early_stopping", "scheduler=plateau"]
    history, *_ = train(tmp_path, *groups, f"{key}=val/mean_boundary_iou")
    assert all(0 < row["val/mean_boundary_iou"] < 1 for row in history.rows)
    assert "val/mean_iou_plus" not in history.rows[0]


def test_costly_scores_can_be_computed_besides_the_monitored_one(tmp_path):
    history, *_ = train(tmp_path, "metric.validation=[iou_plus]")
    best = history.best_epochs
    assert best.keys() == {*CHEAP, "val/mean_iou_plus"}
    for monitor, found in best.items():
        values = [row[monitor] for row in history.rows]
        assert found["value"] == (min(values) if monitor == "val/loss" else max(values))
        assert values[int(found["epoch"]) - 1] == found["value"]
    assert best["val/mean_iou"]["epoch"] == history.best_epoch


def test_the_time_of_validation_is_part_of_the_time_of_an_epoch(tmp_path):
    history, *_ = train(tmp_path)
    assert all(0 < row["validation_seconds"] < row["seconds"] for row in history.rows)


def test_validation_scores_are_those_of_the_averaged_weights(tmp_path):
    history, task, data, _ = train(tmp_path, "trainer.ema_decay=0.9")
    expected = rescored(tmp_path, task, data)
    assert history.validation["confusion_matrix"] == expected["confusion_matrix"]


def test_validation_scores_survive_interruptions(tmp_path):
    """A run that is interrupted after every epoch keeps the scores of its best."""
    results = []
    for interruptions in ([5], range(1, 6)):
        folder = tmp_path / str(len(interruptions))
        for until in interruptions:
            overrides = ("scheduler=none", "optimizer.lr=1.0", f"trainer.max_epochs={until}")
            config, task = small_task(*overrides)
            history = History()
            last = folder / "checkpoints" / "last.ckpt"
            resume = {"ckpt_path": last, "weights_only": True} if last.is_file() else {}
            trainer = build_trainer(config, folder, [history])
            trainer.fit(task, datamodule=small_data(), **resume)
        expected = rescored(folder, task, small_data())
        assert history.validation["confusion_matrix"] == expected["confusion_matrix"]
        results.append((history.best_epoch, history.validation))
    assert results[0] == results[1]
    assert results[0][0] < 5
