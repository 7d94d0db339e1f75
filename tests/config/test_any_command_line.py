"""Random command lines from real keys and hostile values: a message, never a traceback."""

import random

import pytest

from clothseg.config.command_line import (
    check_command,
    check_dataset,
    check_query,
    check_settings,
    group_names,
)
from clothseg.config.settings import Predict
from clothseg.error import UserError

pytestmark = pytest.mark.slow(seconds=25)

HOSTILE = (
    *("", "1", "-0.5", "1e400", "nan", "null", "true", "abc", '""', '"a b"', "???", "\x1b[31m"),
    *("[]", "{}", "[1]", "[a,{b:1}]", "{a:1}", "{a:{b:[1]}}", "{1:2}", "[null]", "{_target_:1}"),
    *("${seed}", "${nope}", "${", "${..lr}", "[${seed}]", "${labels_json:/nope,names}", "\\", "'"),
    *("1,2", "[1],[2]", "a,", "range(1,3)", "range(1,3,0)", "choice(1,2)", "interval(0,1)"),
    *("sort(2,1)", "int(x)", "tag(a,1)", "日本", "x" * 3000, "a=b", "{", "(", ":", "~", "\n"),
)


def keys(node, path=""):
    """Dotted paths of all keys of a configuration."""
    for key, value in node.items():
        name = f"{path}.{key}" if path else key
        yield name
        if isinstance(value, dict):
            yield from keys(value, name)


@pytest.fixture(scope="module")
def known():
    (default,) = check_command([])
    return [*keys(default.config.plain), *group_names("config"), "hydra.launcher.max_parallel"]


def arguments(known, seed):
    """One to three overrides."""
    chance = random.Random(seed)
    return [
        f"{chance.choice(['', '', '', '+', '++', '~'])}{chance.choice(known)}"
        f"{chance.choice(['', '', '', '.x', '.0'])}={chance.choice(HOSTILE)}"
        for _ in range(chance.choice([1, 1, 2, 3]))
    ]


@pytest.mark.parametrize("check", [check_command, check_query, check_dataset])
def test_any_command_line_is_accepted_or_answered(check, known):
    answers = []
    for seed in range(60):
        typed = arguments(known, seed)
        try:
            check(typed)
        except UserError as error:
            answers.append(str(error))
        except Exception as error:
            error.add_note(f"typed: {typed}")
            raise
    assert len(answers) > 30
    assert all("in the configuration:\n" in answer for answer in answers)


@pytest.mark.parametrize("value", HOSTILE)
def test_any_setting_of_another_command_is_accepted_or_answered(value):
    typed = ["run=x", "input=y", f"output={value}", f"scales={value}"]
    with pytest.raises(UserError, match="problem"):
        check_settings(typed, "predict", Predict)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("dataset.names={a:1}", "dataset.names={'a': 1}: must be a list"),
        ("labels.gathers=[1]", "labels.gathers=[1]: must be a valid dictionary"),
        ("labels.gathers.Coat.x=1", "labels.gathers.Coat.x=1: cannot be set"),
        ("~optimizer.lr=1,2", "~optimizer.lr=1,2: removes a key, which has no value; write ~opt"),
        ("callbacks.checkpoints.monitor={a:1}", "callbacks.checkpoints.monitor={'a': 1}: must"),
        ("max_epochs=3", "max_epochs: no such key; did you mean `trainer.max_epochs`?"),
        ("lr=0.1", "lr: no such key; did you mean `optimizer.lr`?"),
        ("batch_size=8", "batch_size: no such key; did you mean `data.batch_size`?"),
        ("batchsize=8", "batchsize: no such key; did you mean `data.batch_size`?"),
        ("optimizer.batch_size=8", "optimizer.batch_size: no such key; did you mean `data.batch_"),
        ("optim.lr=1", "optim: no such key; did you mean `optimizer.lr`?"),
        ("trainer.fold=1", "trainer.fold: no such key; did you mean `split.fold`"),
    ],
)
def test_the_message_names_key_value_and_remedy(typed, message):
    with pytest.raises(UserError) as raised:
        check_command([typed])
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("logger.wandb.tags=[a]", "logger.wandb: wandb is not selected"),
        ("loss.eps=0.1", "loss.eps: no such key"),
        ("lr=0.1", "lr: no such key; did you mean `optimizer.lr`?"),
        ("optimizer.lrr=0.1", "optimizer.lrr: no such key; did you mean `lr`?"),
    ],
)
def test_a_query_names_unknown_keys_in_our_words(typed, message):
    with pytest.raises(UserError) as raised:
        check_query([typed])
    assert message in str(raised.value)
    check_query([f"+{typed}"])
