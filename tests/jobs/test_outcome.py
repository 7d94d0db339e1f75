"""Outcomes of jobs: the score that Hydra's sweeper is given."""

import shutil

import pytest

from clothseg.config.command_line import check_command
from clothseg.files import write_json
from clothseg.jobs.ending import Done
from clothseg.jobs.inputs import Inputs
from clothseg.jobs.machine import Machine
from clothseg.jobs.outcome import Outcome, run_here, sweep_score
from clothseg.jobs.plan import plan_jobs
from clothseg.run.record import Record
from support.command_line import files
from support.scores import run_metrics, score_card


def outcome(folder, result="done", **metrics):
    Record(folder).begin({}, {}, [], "CPU")
    write_json(folder / "metrics.json", run_metrics(0.9) | metrics)
    return Outcome("model=unet", result, "", str(folder))


@pytest.mark.parametrize(
    ("monitor", "score"),
    [("val/mean_iou", 0.3), ("val/accuracy", 0.8), ("val/loss", 1.5), ("val/binary_iou", None)],
)
def test_a_sweeper_is_given_the_monitored_score_of_the_validation_part(
    monitor, score, tmp_path, capsys
):
    card = score_card(0.3, accuracy=0.8)
    validation = {"validation": card, "validation_loss": 1.5, "monitor": monitor}
    assert sweep_score(outcome(tmp_path, **validation)) == score
    assert capsys.readouterr().out == ""


def test_a_run_of_an_earlier_version_gives_its_test_score_with_a_warning(tmp_path, capsys):
    for name in ("a", "b"):
        assert sweep_score(outcome(tmp_path / name, "skipped")) == 0.9
    words = " ".join(capsys.readouterr().out.split())
    assert words.count("a sweeper is given their mean IoU on the test part instead") == 1


@pytest.mark.parametrize("result", ["failed", "interrupted", "elsewhere"])
def test_a_job_that_did_not_finish_gives_no_score(result, tmp_path):
    assert sweep_score(outcome(tmp_path, result)) is None


@pytest.mark.slow(seconds=5)
def test_a_repetition_keeps_a_record_that_another_command_has_finished_in_the_meantime(
    swept, command_line, tmp_path
):
    """A job moves the record that it replaces aside, and then may wait for another command."""
    output = shutil.copytree(swept[0], tmp_path / "outputs")
    command = command_line.tiny(output, "split.fold=0", "rerun=true", "report.figures=all")
    (job,) = plan_jobs(check_command(command[1:]), Machine.here(), Inputs())
    before = files(job.folder)
    assert Record(job.folder).is_done()
    assert run_here(job) == Done("skipped")
    assert files(job.folder) == before
