"""Activity of a run, as seen in its folder."""

import os
import time

import pytest

from clothseg.config.command_line import check_command
from clothseg.run.activity import activity
from clothseg.run.record import CLAIM_TIMEOUT, Record
from clothseg.run.tables import write_history
from support.finished_run import write_finished


def begin(folder, *overrides):
    """Write the record of a run that has begun."""
    (job,) = check_command(["split=holdout", *overrides])
    record = Record(folder)
    record.begin(dict(job.config.plain), job.choices, list(job.overrides), "CPU")
    return record


def test_a_running_run_shows_its_epoch_its_host_and_a_sign_of_life(tmp_path):
    record = begin(tmp_path, "trainer.max_epochs=10")
    with record.claimed():
        found = activity(tmp_path)
        assert (found.doing, found.epoch, found.epochs) == ("running", 1, 10)
        assert found.seconds_left != found.seconds_left, "nothing is known before the first epoch"
        write_history([{"epoch": float(k), "seconds": 6.0} for k in (1, 2, 3, 4)], tmp_path)
        found = activity(tmp_path, lambda: time.time() + 30)
        assert (found.epoch, found.seconds_left) == (5, 36)
        assert found.host == os.uname().nodename
        assert found.silent == pytest.approx(30, abs=5)


def test_a_run_without_a_sign_of_life_is_dead(tmp_path):
    record = begin(tmp_path)
    assert activity(tmp_path).doing == "dead", "its process has released the claim without a result"
    with record.claimed():
        late = activity(tmp_path, lambda: time.time() + CLAIM_TIMEOUT + 10)
        assert (late.doing, late.host) == ("dead", os.uname().nodename)
        assert activity(tmp_path).doing == "running"


def test_an_ended_run_shows_its_error_and_its_duration(tmp_path):
    assert activity(tmp_path / "nothing").doing == "waiting"
    record = write_finished(tmp_path / "a", "split=holdout")
    for name, moment in (("environment.json", 1000), ("status.json", 1090)):
        os.utime(record.folder / name, (moment, moment))
    found = activity(record.folder)
    assert (found.doing, found.seconds, found.error) == ("done", 90, "")
    record.set_state("failed", error="out of memory")
    assert (activity(record.folder).doing, activity(record.folder).error) == (
        "failed",
        "out of memory",
    )


def test_a_damaged_record_is_no_error(tmp_path):
    record = begin(tmp_path)
    with record.claimed():
        (tmp_path / "config.yaml").write_text("[")
        (tmp_path / "history.csv").write_text("epoch\nx")
        assert (activity(tmp_path).doing, activity(tmp_path).epochs) == ("running", 0)
        (tmp_path / ".claim").write_text("nonsense")
        assert activity(tmp_path).host == ""
    (tmp_path / "status.json").write_text("{")
    assert activity(tmp_path).doing == "interrupted"
