"""Trainer settings from the configuration."""

import pytest
import torch

from clothseg.build import build_trainer
from clothseg.config.command_line import check_command


def trainer(tmp_path, *overrides):
    (job,) = check_command(["trainer=cpu", *overrides])
    return build_trainer(job.config, tmp_path, [])


@pytest.mark.parametrize(("value", "expected"), [("32", "32-true"), ("bf16", "bf16-mixed")])
def test_precision(tmp_path, value, expected):
    assert trainer(tmp_path, f"trainer.precision={value}").precision == expected


def test_epochs_callbacks_and_threads(tmp_path):
    before = torch.get_num_threads()
    built = trainer(
        tmp_path, "trainer.max_epochs=3", "trainer.threads=1", "callbacks=early_stopping"
    )
    assert built.max_epochs == 3
    assert torch.get_num_threads() == 1
    kinds = [type(callback).__name__ for callback in built.callbacks]
    assert kinds[-2:] == ["LastCheckpoint", "BestCheckpoint"]
    assert "ResumableEarlyStopping" in kinds
    torch.set_num_threads(before)
    assert built.logger is None
