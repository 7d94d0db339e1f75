"""Studies: how trials are chosen, and that a restart chooses the same."""

import math
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.config.search_space import Choice, Range
from clothseg.error import DataError
from clothseg.jobs.search.optuna_study import FILE, OptunaStudy
from clothseg.jobs.search.random_study import RandomStudy

SPACE = [
    Range("optimizer.lr", 1e-4, 1e-1, log=True),
    Range("loss.gamma", 0.0, 4.0),
    Range("data.batch_size", 4, 16),
    Range("data.image_size", 64, 256, step=64),
    Range("trainer.max_epochs", 1, 100, log=True),
    Range("split.validation", 0.1, 0.4, step=0.1),
    Choice("loss", ("focal", "dice", "cross_entropy")),
]
DISCRETE = [Choice("loss", ("focal", "dice")), Range("seed", 1, 3)]
COMBINATIONS = {(loss, seed) for loss in ("focal", "dice") for seed in "123"}


def is_in_range(part, text):
    if isinstance(part, Choice):
        return text in part.texts
    number = type(part.low)(text)
    on_grid = part.step is None or math.isclose(
        (number - part.low) / part.step, round((number - part.low) / part.step), abs_tol=1e-9
    )
    return part.low <= number <= part.high and on_grid


def bounds(kind):
    return st.lists(kind, min_size=2, max_size=2, unique=True).map(sorted)


RANGES = st.one_of(
    bounds(st.integers(-1000, 1000)).map(lambda b: Range("a", *b)),
    bounds(st.integers(1, 1000)).map(lambda b: Range("a", *b, log=True)),
    bounds(st.floats(-1e3, 1e3)).map(lambda b: Range("a", *b)),
    bounds(st.floats(1e-9, 1e3)).map(lambda b: Range("a", *b, log=True)),
    st.tuples(st.integers(-9, 9), st.integers(1, 9), st.integers(1, 9)).map(
        lambda t: Range("a", t[0], t[0] + t[1] * t[2], step=t[1])
    ),
    st.lists(st.sampled_from("abcdef"), min_size=1, unique=True).map(
        lambda texts: Choice("a", tuple(texts))
    ),
)


@given(RANGES, st.integers(0, 2**31 - 1))
def test_random_values_lie_in_their_range_and_follow_from_seed_and_number(part, seed):
    study, again = RandomStudy([part], seed), RandomStudy([part], seed)
    for number in range(int(min(5, study.capacity))):
        assert (study.begin(), again.begin()) == (number, number)
        assert is_in_range(part, study.trial(number).parameters["a"])
        assert study.trial(number) == again.trial(number)


@given(st.integers(0, 2**31 - 1))
def test_a_random_search_of_a_finite_space_tries_every_combination_once(seed):
    study = RandomStudy(DISCRETE, seed)
    assert study.capacity == 6
    found = [study.trial(study.begin()).parameters for _ in range(6)]
    assert {(p["loss"], p["seed"]) for p in found} == COMBINATIONS


def test_a_range_without_enough_numbers_repeats_them():
    study = RandomStudy([Range("a", 1.0, math.nextafter(1.0, 2))], 0)
    assert {study.trial(study.begin()).parameters["a"] for _ in range(4)} <= {
        "1.0",
        "1.0000000000000002",
    }


def test_random_values_are_uniform_on_their_scale():
    study = RandomStudy(SPACE, 0)
    trials = [study.trial(study.begin()).parameters for _ in range(3000)]
    rates = [math.log10(float(trial["optimizer.lr"])) for trial in trials]
    assert sum(rates) / 3000 == pytest.approx(-2.5, abs=0.06)  # 3.8 standard errors
    for key, values in (("data.batch_size", 13), ("data.image_size", 4), ("loss", 3)):
        found = [trial[key] for trial in trials]
        assert len(set(found)) == values
        expected = 3000 / values
        for value in set(found):
            assert abs(found.count(value) - expected) < 4 * math.sqrt(expected)


def optuna_study(folder, sampler="tpe", pruner="median", space=SPACE, seed=0, maximize=True):
    folder.mkdir(exist_ok=True, parents=True)
    return OptunaStudy(folder, space, maximize, sampler, pruner, seed)


def complete(study, count, restart=None):
    """Run trials with a simple objective; open the study anew before each of them."""
    for _ in range(count):
        study = restart() if restart else study
        number = study.begin()
        rate = float(study.trial(number).parameters.get("optimizer.lr", 0.5))
        study.report(number, [1 - abs(math.log10(rate) + 2) / 4] * 2)
        study.end(number, "complete")
    return [trial.parameters for trial in study.trials()]


SAMPLERS = [
    pytest.param(sampler, marks=pytest.mark.slow(seconds=seconds))
    for sampler, seconds in {"tpe": 4, "random": 4, "cmaes": 5, "qmc": 5, "gp": 15}.items()
]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_goes_on_after_a_restart_as_if_there_had_been_none(sampler, tmp_path):
    through = complete(optuna_study(tmp_path / "a", sampler), 7)
    for parameters in through:
        assert list(parameters) == [part.key for part in SPACE]
        assert all(is_in_range(part, parameters[part.key]) for part in SPACE)
    assert len({str(parameters) for parameters in through}) == 7
    assert through == complete(None, 7, lambda: optuna_study(tmp_path / "b", sampler))


@pytest.mark.slow(seconds=3)
def test_a_grid_has_every_combination_once(tmp_path):
    study = optuna_study(tmp_path / "a", "grid", space=DISCRETE)
    assert study.capacity == 6
    found = complete(study, 6)
    assert {(p["loss"], p["seed"]) for p in found} == COMBINATIONS
    again = complete(None, 6, lambda: optuna_study(tmp_path / "b", "grid", space=DISCRETE))
    assert found == again


@pytest.mark.slow(seconds=4)
def test_a_sampler_finds_the_better_half_of_a_range(tmp_path):
    found = complete(optuna_study(tmp_path, space=SPACE[:1]), 20)
    distances = [abs(math.log10(float(trial["optimizer.lr"])) + 2) for trial in found]
    assert sum(distances[-8:]) < sum(distances[:8])


@pytest.mark.slow(seconds=2)
def interrupt(*_):
    raise KeyboardInterrupt


def test_a_trial_that_was_being_begun_when_its_process_died_is_completed(tmp_path, monkeypatch):
    study = optuna_study(tmp_path / "a")
    complete(study, 1)
    expected = study.trial(study.begin())
    killed = optuna_study(tmp_path / "b")
    complete(killed, 1)
    with monkeypatch.context() as patch:
        patch.setattr("clothseg.jobs.search.optuna_study._suggest", interrupt)
        with pytest.raises(KeyboardInterrupt):
            killed.begin()
    resumed = optuna_study(tmp_path / "b")
    assert resumed.unfinished() == [1]
    assert resumed.trial(1) == expected
    assert resumed.size() == 2


def test_a_restart_knows_how_every_trial_ended(tmp_path):
    study = optuna_study(tmp_path)
    for _ in range(4):
        study.begin()
    study.report(0, [0.2, 0.4])
    study.end(0, "complete")
    study.report(1, [0.1])
    study.end(1, "pruned")
    study.end(2, "failed", "fold 0: diverged")
    study.report(3, [0.3])
    again = optuna_study(tmp_path)
    found = [(t.ending, t.value, t.folds, t.reason) for t in again.trials()]
    assert found == [
        ("complete", pytest.approx(0.3), 2, None),
        ("pruned", 0.1, 1, None),
        ("failed", None, 0, "fold 0: diverged"),
        (None, 0.3, 1, None),
    ]
    assert again.unfinished() == [3]


@pytest.mark.slow(seconds=2)
@pytest.mark.parametrize("maximize", [True, False])
def test_the_median_rule_compares_means_of_the_same_folds(maximize, tmp_path):
    sign = 1 if maximize else -1
    study = optuna_study(tmp_path, maximize=maximize)
    for score in range(5):  # the second fold is easier for all
        study.begin()
        study.report(score, [sign * score, sign * (score + 10)])
        assert not study.is_hopeless(score)
        study.end(score, "complete")
    for score, hopeless in ((1.9, True), (2.1, False)):
        number = study.begin()
        study.report(number, [sign * score])
        assert study.is_hopeless(number) is hopeless


@pytest.mark.slow(seconds=2)
def test_wilcoxons_test_compares_four_folds_with_those_of_the_best_trial(tmp_path):
    study = optuna_study(tmp_path, pruner="wilcoxon")
    study.begin()
    study.report(0, [0.5, 0.6, 0.7, 0.8, 0.9])
    study.end(0, "complete")
    assert study.trial(0).value == pytest.approx(0.7)
    study.begin()
    found = []
    for folds in range(1, 5):
        study.report(1, [0.4, 0.5, 0.6, 0.7][:folds])
        found.append(study.is_hopeless(1))
    assert found == [False, False, False, True]
    assert study.trial(1).value == pytest.approx(0.55)


def test_a_damaged_file_is_named_with_the_remedy(tmp_path):
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match=r"study\.db cannot be used \(file is not a database\); if"):
        optuna_study(tmp_path)


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(DataError, match=r"study\.db cannot be used \(.*study\.db: is a folder"):
        optuna_study(tmp_path)


def test_a_file_that_became_read_only_is_named(tmp_path, monkeypatch):
    study = optuna_study(tmp_path)
    study._storage.engine.dispose()

    def refuse(*_):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(study._storage.engine.dialect, "do_execute", refuse)
    with pytest.raises(DataError, match=r"study\.db cannot be used \(.*readonly database"):
        study.begin()
