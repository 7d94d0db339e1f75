"""Checkpoint, early stopping and history callbacks."""

import pytest
from pytorch_lightning.callbacks import ModelCheckpoint

from clothseg.callbacks import checkpoints, early_stopping
from clothseg.callbacks.history import History
from clothseg.callbacks.resumable_early_stopping import ResumableEarlyStopping


@pytest.mark.parametrize(("monitor", "mode"), [("val/mean_iou", "max"), ("val/loss", "min")])
def test_best_is_written_before_last(tmp_path, monitor, mode):
    best, last = checkpoints(tmp_path, monitor=monitor)
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


@pytest.mark.parametrize(("monitor", "best"), [("val/mean_iou", 1), ("val/loss", 2)])
def test_best_epoch_is_the_first_in_a_tie(monitor, best):
    history = History()
    rows = [(0, 0.1, 3.0), (1, 0.5, 2.0), (2, 0.2, 1.0), (3, 0.5, 1.0)]
    names = ("epoch", "val/mean_iou", "val/loss")
    history.load_state_dict({"rows": [dict(zip(names, row, strict=True)) for row in rows]})
    assert history.best(monitor) == best
