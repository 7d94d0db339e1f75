"""Sweeps whose configurations Hydra's sweeper chooses."""

import shutil

import pytest

from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.files import write_json
from clothseg.jobs.machine import Machine
from clothseg.jobs.outcome import Outcome
from clothseg.jobs.sweep import Sweep, SweepEnded, run_sweep
from clothseg.run.record import Record
from support.command_line import files
from support.scores import run_metrics


class Finished:
    """Launcher whose jobs end at once, with the learning rate as their validation score."""

    machine = Machine(2, ())

    def __init__(self, result="done"):
        self.result, self.titles = result, []

    def run(self, jobs, inputs):
        for job in jobs:
            self.titles.append(job.title)
            Record(job.folder).begin({}, {}, [], "CPU")
            score = job.config.optimizer.arguments["lr"] + job.fold / 1000
            write_json(job.folder / "metrics.json", run_metrics(score, score))
        return [Outcome.of(job, self.result, "") for job in jobs]


@pytest.fixture
def command(small_ccp, tmp_path):
    """Overrides of a configuration with two folds."""
    folders = [f"dataset.root={small_ccp}", f"output={tmp_path}/o", f"data.cache={tmp_path}/c"]
    return ["dataset=ccp", "trainer=cpu", "backbone.weights=null", "split.folds=2", *folders]


def test_a_choice_is_scored_by_the_mean_over_its_folds_and_never_run_twice(command):
    launcher = Finished()
    sweep = Sweep(launcher, constant=[text.split("=")[0] for text in command])
    first = sweep.try_values([[*command, "optimizer.lr=0.1"], [*command, "optimizer.lr=0.2"]])
    assert first == pytest.approx([0.1005, 0.2005])
    again = sweep.try_values([[*command, "optimizer.lr=0.2"], [*command, "optimizer.lr=0.3"]])
    assert again == pytest.approx([0.2005, 0.3005])
    rates = ("0.1", "0.2", "0.3")
    assert launcher.titles == [f"optimizer.lr={rate} fold {k}" for rate in rates for k in (0, 1)]
    assert len(sweep.outcomes) == 6


def test_an_invalid_choice_ends_the_sweep_and_keeps_earlier_outcomes(command):
    sweep = Sweep(Finished())
    sweep.try_values([command])
    with pytest.raises(SweepEnded):
        sweep.try_values([[*command, "optimizer.lr=-1"]])
    assert "optimizer.lr=-1: must be greater than 0" in str(sweep.error)
    assert len(sweep.outcomes) == 2


def test_an_interruption_ends_the_sweep(command):
    sweep = Sweep(Finished("interrupted"))
    with pytest.raises(SweepEnded):
        sweep.try_values([command])
    assert sweep.error is None


def test_all_jobs_of_a_sweep_share_one_launcher(command):
    overrides = [*command, "seed=1,2", "hydra.launcher.max_parallel=${seed}"]
    with pytest.raises(ConfigError, match="depend on a swept key, but all jobs share one"):
        run_sweep(overrides, check_command(overrides, every_fold=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    "sweeper", ["hydra/sweeper=basic", "hydra.sweeper.max_batch_size=1", "hydra/sweeper=null"]
)
def test_a_sweeper_of_hydra_chooses_configurations(sweeper, swept, command_line, tmp_path):
    shutil.copytree(swept[0], tmp_path / "outputs")
    before = files(tmp_path)
    chosen = command_line.tiny(tmp_path / "outputs", sweeper, "seed=0,0", "-m")
    result = command_line.run(chosen)
    if sweeper.endswith("null"):
        assert (result.returncode, "no such option" in result.stderr) == (1, True)
    else:
        assert (result.returncode, result.stderr) == (0, "")
        assert "2 jobs: 2 skipped" in result.stdout
    assert files(tmp_path) == before
