"""Configured functions are called with what was checked, and with nothing else."""

import pickle

import pytest

from clothseg.config.call import Call, call_of
from clothseg.config.command_line import check_command
from clothseg.config.run_config import RunConfig
from clothseg.error import ConfigError

HOSTILE = (
    "${oc.create:{_target_:torch.utils.collect_env.run,command:'touch PWNED'}}",
    r"\${oc.create:{_target_:torch.utils.collect_env.run,command:'touch PWNED'}}",
    "${oc.env:HOME}",
)


def taken(*positional, **keywords):
    return positional, keywords


def test_positional_arguments_come_first_and_containers_are_copied():
    given = {"values": [1, {"a": 2}]}
    positional, keywords = Call(taken, given)("cache", 3)
    assert positional == ("cache", 3)
    assert keywords == given
    keywords["values"][1]["a"] = 9
    assert given == {"values": [1, {"a": 2}]}


def test_nested_calls_are_made_first():
    inner = Call(taken, {"b": 1})
    _, keywords = Call(taken, {"one": inner, "many": [inner], "named": {"x": inner}})()
    expected = ((), {"b": 1})
    assert keywords == {"one": expected, "many": [expected], "named": {"x": expected}}


def test_a_node_becomes_a_call_of_its_target_without_other_keys():
    node = {"_target_": "clothseg.loss.dice", "smooth": 0.5, "squared": True, "crop": "none"}
    call = call_of(node, [], without=["crop"])
    assert call.function.__name__ == "dice"
    assert call.arguments == {"smooth": 0.5, "squared": True}
    with pytest.raises(ConfigError, match=r"os\.system is not trusted"):
        call_of({"a": {"_target_": "os.system"}, "_target_": "clothseg.loss.dice"}, [])


@pytest.mark.parametrize("text", HOSTILE)
def test_the_text_of_a_record_is_neither_interpreted_nor_accepted(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (job,) = check_command([])
    plain = job.config.plain
    hostile = {**plain, "backbone": {**plain["backbone"], "weights": text}}
    with pytest.raises(ConfigError, match=r"backbone\.weights: contains \$\{, but nothing"):
        RunConfig.of(hostile)
    unchecked = RunConfig(hostile)
    with pytest.raises(ConfigError) as error:
        unchecked.backbone()
    assert f"backbone.weights={text}: no such file" in error.value.problems[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", HOSTILE[:2])
def test_the_text_of_a_command_line_makes_no_call(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quoted = text.replace("'", "\\'")
    with pytest.raises(ConfigError):
        check_command([f"backbone.weights='{quoted}'"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("node", [{"a": ["${x}"]}, {"${x}": 1}, {"deep": {"er": "a${x}b"}}])
def test_no_interpolation_survives_anywhere_in_a_configuration(node):
    (job,) = check_command([])
    plain = job.config.plain
    with pytest.raises(ConfigError, match=r"labels\..*contains \$\{"):
        RunConfig.of({**plain, "labels": {**plain["labels"], "gathers": node}})


def test_another_process_receives_plain_values_only():
    (job,) = check_command(["model=unet"])
    assert job.config.model.function.__name__ == "unet"
    content = pickle.dumps(job.config)
    assert b"segmentation_models" not in content
    assert pickle.loads(content) == job.config
