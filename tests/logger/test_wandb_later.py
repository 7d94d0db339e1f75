"""`logger=wandb` added to a command whose runs have been trained already."""

import json
import os

import numpy as np
import pytest

from clothseg.run.tables import read_history
from support.command_line import files, records, segments
from support.wandb_server import KEY, StandIn

NO_KEY = {"WANDB_API_KEY": "", "NETRC": os.devnull}
pytestmark = pytest.mark.slow


def items(folder):
    """Steps and summary of the W&B runs in the files of a record."""
    listed = [record for segment in segments(folder) for record in segment]
    summary = {}
    for record in listed:
        if record["type"] == "summary":
            summary |= record["summary"].get("update", {})
    return [r["history"]["item"] for r in listed if r["type"] == "history"], summary


@pytest.mark.slow(seconds=60)
def test_finished_runs_are_logged_later_as_if_they_had_been_logged_at_once(command_line, tmp_path):
    command = command_line.tiny(tmp_path, "trainer.max_epochs=2", "report.figures=all", "-m")
    assert command_line.run(command).returncode == 0
    assert not list(tmp_path.rglob("wandb*"))

    result = command_line.run([*command, "logger=wandb"], **NO_KEY)
    assert result.returncode == 0, result.stderr
    assert "2 jobs: 2 skipped" in result.stdout
    assert "warning" not in result.stdout
    for record in records(tmp_path):
        steps, summary = items(record.folder)
        assert [row["_step"] for row in steps] == [1, 2, 3]
        for row, epoch in zip(steps, read_history(record.folder), strict=False):
            for key, value in epoch.items():
                assert (key in row) == np.isfinite(value)
                assert key not in row or row[key] == pytest.approx(value)
        assert "figures/confusion_matrix.path" in steps[-1]
        assert "test/per_class.path" in steps[-1]
        assert summary["test/mean_iou"] == pytest.approx(record.metrics["test"]["mean"]["iou"])
        validation = record.metrics["validation"]["mean"]["iou"]
        for key in ("score", "val/mean_iou"):
            assert summary[key] == pytest.approx(validation)
    before = files(tmp_path)
    again = command_line.run([*command, "logger=wandb"], **NO_KEY)
    assert again.returncode == 0
    assert files(tmp_path) == before

    with StandIn() as server:
        online = [*command, "logger=wandb", "logger.wandb.mode=online"]
        access = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "NETRC": os.devnull}
        for _ in range(2):
            result = command_line.run(online, **access)
            assert result.returncode == 0, result.stderr
            assert "warning" not in result.stdout
            ids = [
                json.loads((r.folder / "wandb.json").read_text())["id"] for r in records(tmp_path)
            ]
            assert len(server.runs) == 3
            for identity in ids:
                run = server.runs[identity]
                assert [row["_step"] for row in run.history] == [1, 2, 3]
                assert run.exit_code == 0
        assert {run.about["jobType"] for run in server.runs.values()} == {"fold", "summary"}


def test_a_run_that_an_earlier_version_logged_offline_is_not_logged_again(command_line, tmp_path):
    command = command_line.tiny(tmp_path, "logger=wandb")
    assert command_line.run(command, **NO_KEY).returncode == 0
    (record,) = records(tmp_path)
    path = record.folder / "wandb.json"
    path.write_text(json.dumps({"id": json.loads(path.read_text())["id"]}))
    assert command_line.run(command, **NO_KEY).returncode == 0
    assert len(segments(record.folder)) == 1
    assert json.loads(path.read_text())["logged"] == {"offline": "complete"}
