"""Runs of a cell: found by their configuration, and refused with the reason."""

import pytest

from clothseg.config.command_line import check_command
from clothseg.run.demand import Candidate, Demand, difference, find, flat_content, require_same
from clothseg.run.finished import finished_runs
from support.finished_run import write_finished
from support.scores import run_metrics

COMMAND = ["split.folds=2", "loss=focal"]


def config(*overrides):
    (job,) = check_command([*COMMAND, *overrides])
    return job.config.plain


def candidates(folder):
    return [Candidate.of(run) for run in finished_runs(folder, pytest.fail)]


def found(folder, seeds=(0,), experiment="x/y", budget="full"):
    demand = Demand(experiment, tuple(COMMAND), seeds)
    return find(demand, config(), candidates(folder), budget)


def write(folder, *overrides, **keywords):
    return write_finished(folder, *COMMAND, *overrides, **keywords)


def test_runs_are_found_whatever_cannot_affect_their_result(tmp_path):
    write(tmp_path / "a/fold-0", "data.workers=3", "output=elsewhere", "logger=csv")
    write(tmp_path / "a/fold-1", "trainer=cpu", "dataset.root=moved")
    write(tmp_path / "b/fold-0", "loss.gamma=3")
    one = found(tmp_path)
    assert [[run.folder.name for run in group] for group in one.repeats] == [["fold-0"], ["fold-1"]]
    assert (one.folds, one.missing, one.refused) == (2, 0, [])


def test_several_seeds_are_the_repetitions(tmp_path):
    for seed in (0, 1, 2):
        for fold in (0, 1):
            write(tmp_path / f"{seed}/fold-{fold}", f"seed={seed}")
    one = found(tmp_path, seeds=(0, 2))
    assert [[(run.seed, run.fold) for run in group] for group in one.repeats] == [
        [(0, 0), (0, 1)],
        [(2, 0), (2, 1)],
    ]


def test_a_missing_fold_is_no_smaller_mean(tmp_path):
    write(tmp_path / "a/fold-0")
    write(tmp_path / "b/fold-0", "seed=1")
    write(tmp_path / "b/fold-1", "seed=1")
    one = found(tmp_path)
    assert (one.missing, one.repeats, one.state) == (1, [], "1 of 2 runs are finished")
    assert found(tmp_path, seeds=(0, 1)).missing == 1
    assert found(tmp_path, seeds=(1,)).missing == 0


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        (
            {"code": {"commit": "fedcba9876", "dirty": True}},
            "uncommitted changes of commit fedcba9",
        ),
        ({"fingerprint": ""}, "has no fingerprint of its dataset"),
    ],
)
def test_a_run_that_cannot_be_repeated_is_refused(keywords, reason, tmp_path):
    write(tmp_path / "a/fold-0", **keywords)
    write(tmp_path / "a/fold-1")
    one = found(tmp_path)
    assert one.missing == 1
    (why,) = one.refused
    assert why.startswith(str(tmp_path / "a/fold-0"))
    assert reason in why


def test_an_installed_package_without_git_is_not_refused(tmp_path):
    for fold in (0, 1):
        write(tmp_path / f"a/fold-{fold}", code={"commit": None, "dirty": None})
    assert found(tmp_path).missing == 0


def test_the_same_experiment_with_other_keys_or_another_budget_is_refused_with_these(tmp_path):
    name = "ccp/fpn_b0_128"
    words = [f"experiment={name}", "dataset.root=x", "seed=0"]
    write_finished(tmp_path / "a/fold-0", *words, "labels=body4", "optimizer.lr=0.5")
    write_finished(tmp_path / "b/fold-0", *words, "budget=smoke")
    write_finished(tmp_path / "c/fold-0", "loss=focal")  # of another experiment
    (job,) = check_command(words)
    one = find(Demand(name, (), (0,)), job.config.plain, candidates(tmp_path), "full")
    labels, budget = one.refused
    assert labels.endswith(
        'has labels.name="body4" instead of "refined15", optimizer.lr=0.5 instead of 0.004'
    )
    assert budget == f"{tmp_path / 'b/fold-0'} has budget=smoke instead of full"


def test_a_difference_names_both_values():
    demanded, other = (flat_content(config(*o)) for o in ([], ["optimizer.lr=0.5"]))
    assert difference(demanded, other).startswith("optimizer.lr=0.5 instead of 0.01")
    assert difference(demanded, demanded) == ""
    assert "seed" not in demanded


def test_runs_with_other_data_or_another_split_than_most_cells_are_refused(tmp_path):
    for name, fingerprint in (("a", "f" * 32), ("b", "f" * 32), ("c", "e" * 32)):
        for fold in (0, 1):
            write(tmp_path / f"{name}/1/fold-{fold}", fingerprint=fingerprint)
    data = [found(tmp_path / name) for name in "abc"]
    require_same(data, "other data", lambda run: run.fingerprint)
    assert [one.missing for one in data] == [0, 0, 2]
    assert data[2].refused[0].endswith("has other data than the other cells (eeeeeeee)")


def test_of_equally_many_cells_the_larger_data_count(tmp_path):
    small = run_metrics(0.5, 0.5)
    large = run_metrics(0.5, 0.5)
    large["test"]["num_images"] = 100
    for name, metrics in (("a", small), ("b", large)):
        for fold in (0, 1):
            write(tmp_path / f"{name}/1/fold-{fold}", metrics=metrics, fingerprint=name)
    pair = [found(tmp_path / name) for name in "ab"]
    require_same(pair, "other data", lambda run: run.fingerprint)
    assert [one.missing for one in pair] == [2, 0]
