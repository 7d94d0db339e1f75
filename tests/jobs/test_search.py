"""Searches: trials of all folds, their endings, what is saved, and restarts."""

import json
import math
from pathlib import Path

import pytest

from clothseg.commands.main import main
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.files import read_csv, write_json
from clothseg.jobs import sweep as sweeps
from clothseg.jobs.launch import launch
from clothseg.jobs.machine import Machine
from clothseg.jobs.outcome import Outcome
from clothseg.jobs.search.claims import Claims
from clothseg.jobs.search.run import run_search
from clothseg.jobs.sweep import Sweep, SweepEnded, run_sweep
from clothseg.jobs.sweep_folder import PLAN, read_plan
from clothseg.run.record import Record
from hydra_plugins.clothseg_sweepers import OptunaSweeper, RandomSweeper
from support.scores import run_metrics

SPACE = ["optimizer.lr=tag(log,interval(1e-4,1e-1))", "loss=focal,dice"]


class Killed(BaseException):
    """End of the process at any moment."""


class Trained:
    """Launcher whose jobs end at once, with scores that follow from their configuration.

    Args:
        fail: returns the result of a job that does not finish.
        scores: returns the content of `metrics.json` of a job.
        kill_at: number of the job at whose start the process dies.
    """

    machine = Machine(2, ())

    def __init__(self, fail=lambda job: None, kill_at=math.inf, scores=None):
        self.fail, self.kill_at, self.scores = fail, kill_at, scores or scores_of
        self.waves, self.trained = [], []

    def run(self, jobs, inputs):
        self.waves.append([job.title for job in jobs])
        return [self._run(job) for job in jobs]

    def _run(self, job):
        if result := self.fail(job):
            return Outcome.of(job, result, "diverged")
        if Record(job.folder).is_done():
            return Outcome.of(job, "skipped", "")
        if len(self.trained) == self.kill_at:
            raise Killed
        self.trained.append(job.folder)
        Record(job.folder).begin({}, {}, [], "CPU")
        write_json(job.folder / "metrics.json", self.scores(job))
        Record(job.folder).set_state("done")
        return Outcome.of(job, "done", "")


def scores_of(job):
    score = score_of(job.config.plain["optimizer"]["lr"], job.config.fold)
    return run_metrics(0.25, score, job.config.monitor)


def score_of(rate, fold):
    """Best at a learning rate of 0.01; higher in the second fold."""
    return round(0.8 - abs(math.log10(rate) + 2) / 5 + fold / 100, 6)


@pytest.fixture
def command(small_ccp, tmp_path):
    """Overrides of a configuration with two folds, none of whose results are drawn."""
    folders = [f"dataset.root={small_ccp}", f"output={tmp_path}/o", f"data.cache={tmp_path}/c"]
    fixed = ["dataset=ccp", "trainer=cpu", "backbone.weights=null", "report.figures=none"]
    return [*fixed, "split.folds=2", *folders]


def optuna_sweeper(trials, sampler="tpe", pruner="none", seed=0):
    return OptunaSweeper(trials=trials, seed=seed, parallel=None, sampler=sampler, pruner=pruner)


def random_sweeper(trials, seed=0, parallel=None):
    return RandomSweeper(trials=trials, seed=seed, parallel=parallel)


BOTH = [
    random_sweeper,
    pytest.param(optuna_sweeper, marks=pytest.mark.slow(seconds=5)),
]


def search(command, sweeper, launcher=None, space=SPACE):
    """Run a search as one process would; return its sweep."""
    chosen = [text.split("=")[0] for text in command]
    sweep = Sweep(launcher or Trained(), constant=chosen)
    run_search(sweep, [*command, *space], sweeper)
    return sweep


def trials_of(sweep):
    return [(t.ending, t.value, t.folds, t.parameters) for t in sweep.search.study.trials()]


@pytest.mark.parametrize("sweeper", BOTH)
def test_the_value_of_a_trial_is_the_mean_validation_score_of_all_its_folds(sweeper, command):
    launcher = Trained()
    sweep = search(command, sweeper(4), launcher)
    for number, (ending, value, folds, chosen) in enumerate(trials_of(sweep)):
        rate = float(chosen["optimizer.lr"])
        assert (ending, folds) == ("complete", 2)
        assert value == pytest.approx((score_of(rate, 0) + score_of(rate, 1)) / 2)
        name = f"loss={chosen['loss']} optimizer.lr={chosen['optimizer.lr']}"
        assert launcher.waves[number] == [f"{name} fold 0", f"{name} fold 1"]
    assert len(launcher.trained) == 8


@pytest.mark.parametrize("sweeper", BOTH)
@pytest.mark.parametrize("kill_at", [0, 3])
def test_a_search_that_was_killed_goes_on_with_the_same_trials(sweeper, kill_at, command):
    killed = Trained(kill_at=kill_at)
    with pytest.raises(Killed):
        search(command, sweeper(3), killed)
    again = Trained()
    resumed = search(command, sweeper(3), again)
    assert len(killed.trained) + len(again.trained) == 6
    assert len({*killed.trained, *again.trained}) == 6
    finished = Trained()
    third = trials_of(search(command, sweeper(3), finished))
    assert trials_of(resumed) == third
    assert finished.trained == []
    (folder,) = resumed.search.folder.parent.glob("search-*")
    before = (folder / "best.json").read_bytes()
    more = search(command, sweeper(4))
    assert trials_of(more)[:3] == third
    assert more.search.folder == folder
    assert (
        json.loads((folder / "best.json").read_bytes())["validation"]
        >= (json.loads(before)["validation"])
    )


def test_the_folds_of_a_search_are_listed_for_other_terminals(command, capsys):
    with pytest.raises(Killed):
        search(command, random_sweeper(4), Trained(kill_at=3))
    (path,) = Path(command[-2].partition("=")[2]).rglob(PLAN)
    jobs = read_plan(path)["jobs"]
    assert [(job["trial"], job["fold"]) for job in jobs] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert main("status", [f"runs={path.parent.parent}"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "1 of 4 trials complete; folds: 3 of 4 done, 1 waiting" in text
    assert "trial 1 fold 0 done" in text
    assert "runs of no sweep" not in text

    def fail(job):
        return "failed" if "dice" in job.name else None

    sweep = search(command, random_sweeper(4), Trained(fail))
    endings = [trial.ending for trial in sweep.search.study.trials()]
    plan = read_plan(path)
    assert plan["trials"] == {
        "total": 4,
        "complete": endings.count("complete"),
        "pruned": 0,
        "failed": endings.count("failed"),
    }
    assert endings == ["complete", "failed", "complete", "failed"]
    # Of failed trials, only what has begun is listed: the first fold of trial 1 before the kill.
    listed = [(job["trial"], job["fold"]) for job in plan["jobs"]]
    assert listed == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]


def test_a_diverged_trial_fails_and_the_search_goes_on(command):
    def fail(job):
        return "failed" if "dice" in job.name and job.fold == 0 else None

    sweep = search(command, random_sweeper(6), Trained(fail))
    endings = {(t.parameters["loss"], t.ending, t.reason) for t in sweep.search.study.trials()}
    assert endings == {("focal", "complete", None), ("dice", "failed", "diverged")}
    assert sweep.error is None
    assert sweep.search.best().parameters["loss"] == "focal"


def test_a_trial_whose_values_do_not_fit_fails(command):
    space = ["data.batch_size=1,2", "trainer.accumulation_steps=1,2"]
    sweep = search(command, random_sweeper(8), None, space)
    failed = {
        (t.parameters["data.batch_size"], t.parameters["trainer.accumulation_steps"])
        for t in sweep.search.study.trials()
        if t.ending == "failed"
    }
    assert failed == {("1", "2")}


def test_a_fold_without_a_validation_score_fails_its_trial(command):
    sweep = search(command, random_sweeper(1), Trained(scores=lambda job: run_metrics(0.9)))
    (trial,) = sweep.search.study.trials()
    assert trial.ending == "failed"
    assert "no val/mean_iou: it is undefined, or the record was written by an" in trial.reason


def test_an_interruption_keeps_the_trial_for_the_next_start(command, capsys):
    sweep = Sweep(Trained(lambda job: "interrupted"))
    with pytest.raises(SweepEnded):
        run_search(sweep, [*command, *SPACE], random_sweeper(2))
    assert sweep.error is None
    assert sweep.search.report() == 130
    assert "stopped: 0 of 2 trials done; rerun this command" in capsys.readouterr().out
    again = search(command, random_sweeper(2))
    assert [t.ending for t in again.search.study.trials()] == ["complete", "complete"]


def test_a_search_without_any_complete_trial_has_failed(command, capsys):
    sweep = search(command, random_sweeper(2), Trained(lambda job: "failed"))
    assert sweep.search.report() == 1
    output = capsys.readouterr().out
    assert "trial 1  failed: diverged" in output
    assert "2 trials failed, see trials.csv; rerun this command to try them again" in output
    assert "best" not in output


def test_a_search_needs_a_sweep(command):
    with pytest.raises(ConfigError, match="a search runs many trials; add -m to the command"):
        launch([*command, *SPACE, "hydra/sweeper=random"], [])


@pytest.mark.slow(seconds=8)
def test_hopeless_trials_end_at_a_fold_and_their_folds_stay(command):
    launcher = Trained()
    sweep = search(command, optuna_sweeper(14, sampler="random", pruner="median"), launcher)
    trials = sweep.search.study.trials()
    assert all(len(wave) == 1 for wave in launcher.waves)
    pruned = [trial for trial in trials if trial.ending == "pruned"]
    assert 2 <= len(pruned) <= 9
    assert {trial.ending for trial in trials[:5]} == {"complete"}
    assert len(launcher.trained) == 2 * 14 - len(pruned)
    for trial in pruned:
        earlier = [
            score_of(float(t.parameters["optimizer.lr"]), 0)
            for t in trials[: trial.number]
            if t.ending == "complete"
        ]
        middle = sorted(earlier)
        median = (middle[(len(middle) - 1) // 2] + middle[len(middle) // 2]) / 2
        assert trial.value == score_of(float(trial.parameters["optimizer.lr"]), 0) < median
        assert trial.folds == 1
    assert sweep.search.best().value == max(t.value for t in trials)


def test_trials_run_side_by_side_if_asked(command):
    launcher = Trained()
    search(command, random_sweeper(5, parallel=2), launcher)
    assert [len(wave) for wave in launcher.waves] == [4, 4, 2]


def test_a_trial_of_another_process_is_waited_for_and_not_run_again(command, monkeypatch):
    first = search(command, random_sweeper(3))
    folder = first.search.folder
    other = Claims(folder)
    assert other.take(0)
    waited = []

    def take(claims, number, wait=0.0, take=Claims.take):
        if math.isinf(wait):
            waited.append(number)
            other.release(number)
        return take(claims, number, wait)

    monkeypatch.setattr(Claims, "take", take)
    launcher = Trained()
    second = search(command, random_sweeper(3), launcher)
    assert waited == [0]
    assert trials_of(second) == trials_of(first)
    assert [wave[0].split(" fold")[0] for wave in launcher.waves] == [
        " ".join(sorted(t.overrides)) for t in (second.search.study.trial(n) for n in (1, 2, 0))
    ]


def test_the_best_trial_is_saved_with_its_test_score_and_its_command(command, capsys):
    sweep = search(command, random_sweeper(6))
    assert sweep.search.report() == 0
    best = max(sweep.search.study.trials(), key=lambda trial: trial.value)
    content = json.loads((sweep.search.folder / "best.json").read_text())
    assert content["trial"] == best.number
    assert content["parameters"] == best.parameters
    assert content["validation"] == best.value
    assert content["test"] == {"mean_iou": 0.25}
    assert content["folds"] == len(content["runs"]) == 2
    printed = capsys.readouterr().out
    assert content["command"] in printed
    assert f"validation mean IoU {100 * best.value:.2f}; test mean IoU 25.00" in printed
    assert printed.count("25.00") == 1  # of no other trial
    words = content["command"].split()
    jobs = sweep.plan([*words[2:-1]])
    assert (words[:2], words[-1]) == (["python", "train.py"], "-m")
    assert [str(job.folder) for job in jobs] == content["runs"]
    rows = read_csv(sweep.search.folder / "trials.csv")
    values = [float(row["value"]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert {row["loss"] for row in rows} <= {"focal", "dice"}


@pytest.mark.parametrize("sweeper", BOTH)
def test_a_lower_loss_is_better(sweeper, command):
    def losses(job):
        return scores_of(job) | {"validation_loss": job.config.plain["optimizer"]["lr"]}

    space = [SPACE[0], "callbacks.checkpoints.monitor=val/loss"]
    result = search(command, sweeper(4), Trained(scores=losses), space).search
    values = [trial.value for trial in result.study.trials()]
    assert (len({*values}), result.best().value) == (4, min(values))
    assert [row["value"] for row in result._rows()] == sorted(values)


def test_another_space_key_or_seed_is_another_search(command):
    folders = {
        search(command, random_sweeper(1)).search.folder,
        search(command, random_sweeper(1, seed=1)).search.folder,
        search(command, random_sweeper(1), space=[SPACE[0]]).search.folder,
        search([*command, "seed=3"], random_sweeper(1)).search.folder,
        search([*command, "split.fold=0"], random_sweeper(1)).search.folder,
    }
    assert len(folders) == 5
    same = search([*command, "data.workers=1"], random_sweeper(1)).search.folder
    assert same in folders


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], "nothing to search; give a key several values"),
        (["split.fold=0,1"], "split.fold: cannot be searched, because a trial is all of its folds"),
        (["data.workers=0,1"], "data.workers: cannot be searched, because it has no effect"),
        (
            ["callbacks.checkpoints.monitor=val/loss,val/accuracy"],
            "all trials need the same, because it compares them; found val/accuracy, val/loss",
        ),
        (
            ["loss=focal,dice", "callbacks.checkpoints.monitor=val/loss"],
            "monitor=val/loss: cannot compare trials whose losses differ",
        ),
        (["loss=focal,dice", "split.validation=test"], "a search would choose by the test part"),
        (["loss=focal,dice", "rerun=true"], "rerun=true: a search goes on from its records"),
        (["hydra.sweeper.sampler=cmaes", SPACE[0]], "needs at least 2 ranges of numbers, but"),
        (["hydra.sweeper.sampler=grid", SPACE[0]], "optimizer.lr has endlessly many values"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(typed, message, command, tmp_path):
    overrides = [*command, "hydra/sweeper=optuna", *typed]
    with pytest.raises(ConfigError, match=message):
        run_sweep(overrides, check_command(overrides, every_fold=True))
    assert not (tmp_path / "o").exists()


def test_optuna_is_an_extra(command, monkeypatch):
    monkeypatch.setattr("clothseg.extras.find_spec", lambda name: None)
    overrides = [*command, *SPACE, "hydra/sweeper=optuna"]
    with pytest.raises(ConfigError, match=r"hydra/sweeper=optuna needs optuna, cmaes, which are"):
        run_sweep(overrides, check_command(overrides, every_fold=True))


def test_a_random_search_needs_no_extra(command, monkeypatch):
    monkeypatch.setattr("clothseg.extras.find_spec", lambda name: None)
    launcher = Trained()
    monkeypatch.setattr(sweeps, "call_of", lambda *_, **__: lambda: launcher)
    monkeypatch.setattr(Sweep, "require", lambda *_, **__: None)
    overrides = [*command, *SPACE, "hydra/sweeper=random", "hydra.sweeper.trials=2"]
    sweep = run_sweep(overrides, check_command(overrides, every_fold=True))
    assert [t.ending for t in sweep.search.study.trials()] == ["complete"] * 2
    assert sweep.error is None


@pytest.mark.slow(seconds=5)
def test_a_lost_study_is_rebuilt_from_the_runs_and_tries_failed_trials_again(command):
    failing = Trained(lambda job: "failed" if "dice" in job.name else None)
    first = search(command, optuna_sweeper(5, sampler="random"), failing).search
    assert {trial.ending for trial in first.study.trials()} == {"complete", "failed"}
    path = first.folder / "study.db"
    assert (
        first.study.retry == f"to try them again, delete {path} and rerun; finished folds are kept"
    )
    path.unlink()
    launcher = Trained()
    again = search(command, optuna_sweeper(5, sampler="random"), launcher).search
    assert [t.parameters for t in again.study.trials()] == [
        t.parameters for t in first.study.trials()
    ]
    assert {trial.ending for trial in again.study.trials()} == {"complete"}
    failed = sum(trial.ending == "failed" for trial in first.study.trials())
    assert len(launcher.trained) == 2 * failed
