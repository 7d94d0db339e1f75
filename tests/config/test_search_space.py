"""Search spaces of a command line: their values, and what is wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.config.command_line import check_command
from clothseg.config.grammar import parse_override
from clothseg.config.search_space import Choice, Range, one_at_a_time, search_space
from clothseg.error import ConfigError

SEARCH = "hydra/sweeper=random"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimizer.lr=interval(1e-4,1e-1)", Range("optimizer.lr", 1e-4, 1e-1)),
        ("a=tag(log,interval(1e-4,1e-1))", Range("a", 1e-4, 1e-1, log=True)),
        ("a=int(interval(4,16))", Range("a", 4, 16)),
        ("a=int(tag(log,interval(4,16)))", Range("a", 4, 16, log=True)),
        ("++a=range(32,129,32)", Range("a", 32, 128, step=32)),
        ("a=range(3,0,-1)", Range("a", 1, 3, step=1)),
        ("a=range(0.1,0.5,0.1)", Range("a", 0.1, 0.4, step=0.1)),
        ("a=range(1,2)", Choice("a", ("1",))),
        ("loss=focal,dice", Choice("loss", ("focal", "dice"))),
        ("loss=choice(focal,dice)", Choice("loss", ("focal", "dice"))),
        ("a=[1,2],'x y'", Choice("a", ("[1,2]", "'x y'"))),
        ("loss=glob(*focal)", Choice("loss", ("dice_focal", "focal"))),
    ],
)
def test_several_values_are_a_range_or_a_choice(text, expected):
    assert search_space([text, "++seed=1"]) == ([expected], ["seed=1"])


def test_numbers_are_short_and_stay_within_their_bounds():
    assert Range("a", 0.0, 1.0).text(1 / 3) == "0.3333"
    assert Range("a", 0.999, 0.9999).text(0.99954321) == "0.9995432"
    assert Range("a", -1.0, 1.0).text(0.0) == "0.0"
    assert Range("a", 1e-5, 1.0).text(1.23456e-5) == "1.235e-05"
    assert Range("a", 0.12345, 0.98765).bounds == ("0.12345", "0.98765")
    assert Range("a", 0.1, 0.4, step=0.1).text(0.30000000000000004) == "0.3"
    assert Range("a", 32, 128, step=32).text(96.0) == "96"


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.floats(0, 1))
def test_the_text_of_a_number_is_read_as_a_number_of_the_range(low, width, fraction):
    part = Range("a", low, low + width)
    number = parse_override(f"a={part.text(low + fraction * width)}").value()
    assert isinstance(number, float)
    assert part.low <= number <= part.high


def test_one_value_at_a_time_tries_every_value():
    tried = [*one_at_a_time("ab", "x", "123")]
    assert tried == [tuple(word) for word in ("ax1", "bx1", "ax2", "ax3")]


def test_every_bound_is_checked_before_the_first_trial():
    typed = [SEARCH, "optimizer.lr=interval(1e-3,0.1)", "loss=focal,dice", "split.folds=2"]
    jobs = check_command([*typed, "data.batch_size=int(interval(4,16))"], every_fold=True)
    found = [(job.config.plain["optimizer"]["lr"], job.config.data.batch_size) for job in jobs]
    assert found[::2] == found[1::2]  # both folds
    assert found[::2] == [(1e-3, 4), (0.1, 4), (1e-3, 4), (1e-3, 16)]
    assert {job.sweeper["trials"] for job in jobs} == {20}


@pytest.mark.parametrize(
    ("typed", "messages"),
    [
        (["optimizer.lr=interval(-1,0.1)"], ["optimizer.lr=-1.0: must be greater than 0"]),
        (
            ["data.batch_size=tag(log,interval(4,16))"],
            ["valid integer; write 'data.batch_size=int(tag(log,interval(4,16)))'"],
        ),
        (["loss=dicee,focal"], ["loss=dicee: no such option; did you mean `dice`?"]),
        (["optimizer.lrr=interval(1,2)"], ["optimizer.lrr: no such key; did you mean `lr`?"]),
        (["optimizer.lr=interval(0.1,0.1)"], ["lower bound must be smaller"]),
        (["optimizer.lr=interval(0,inf)"], ["must be finite"]),
        (["optimizer.lr=tag(log,interval(0,1))"], ["scale needs bounds greater than 0"]),
        (["optimizer.lr=tag(log,1,2)"], ["does not accept this"]),
        (["loss=tag(log,choice(focal,dice))"], ["only an interval can have a logarithmic scale"]),
        (["seed=tag(lin,range(1,9))"], ["unknown tag lin; the only one of a search is log"]),
        (["loss=shuffle(focal,dice)"], ["shuffle() is of no use in a search"]),
        (["loss=interval(0,1)"], ["interval() cannot be enumerated"]),
        (["seed=range(1,9,0)"], ["the step must not be 0"]),
        (
            ["hydra.sweeper.trials=0", "hydra.sweeper.trails=4", "seed=-1,2"],
            ["trials=0: must be greater", "sweeper.trails: no such key; did you mean", "seed=-1"],
        ),
    ],
)
def test_all_problems_of_a_search_are_said_at_once(typed, messages):
    with pytest.raises(ConfigError) as raised:
        check_command([SEARCH, *typed], every_fold=True)
    for message in messages:
        assert message in str(raised.value)


@pytest.mark.parametrize("sweeper", [[], ["hydra/sweeper=basic"]])
def test_a_range_without_a_search_names_the_sweepers(sweeper):
    with pytest.raises(ConfigError, match="search it with hydra/sweeper=random or optuna"):
        check_command(["optimizer.lr=interval(1,2)", *sweeper], every_fold=True)


@pytest.mark.parametrize(
    ("key", "value", "known"),
    [("sampler", "tpee", "'tpe', 'random', 'gp'"), ("pruner", "x", "'median', 'wilcoxon'")],
)
def test_an_unknown_sampler_or_pruner_lists_the_known_ones(key, value, known):
    typed = ["hydra/sweeper=optuna", f"hydra.sweeper.{key}={value}", "loss=focal,dice"]
    with pytest.raises(ConfigError, match=f"hydra.sweeper.{key}={value}: must be {known}"):
        check_command(typed, every_fold=True)
