"""Typed access to a checked configuration, also to those of earlier versions."""

import pytest

from clothseg.config.command_line import check_command
from clothseg.config.run_config import RunConfig
from clothseg.error import ConfigError


@pytest.fixture(scope="module")
def config():
    (job,) = check_command(["trainer=cpu", "trainer.threads=2", "dataset.crop=mask"])
    return job.config


def test_settings_have_the_values_of_the_command_line(config):
    assert (config.execution.accelerator, config.execution.threads) == ("cpu", 2)
    assert config.preparation.crop == "mask"
    assert "crop" not in config.dataset.arguments
    assert (config.fold, config.folds) == (0, 5)
    assert config.monitor == "val/mean_iou"
    assert len(config.labels) == 15
    assert config.data.batch_size == 4


def test_a_changed_copy_is_checked(config):
    assert config.changed(data={"batch_size": 8}).data.batch_size == 8
    assert config.data.batch_size == 4
    with pytest.raises(ConfigError, match=r"data\.batch_size=0: must be greater than or equal"):
        config.changed(data={"batch_size": 0})


def test_keys_that_are_younger_than_a_record_have_neutral_values(config):
    late = ("postprocess", "logger", "report", "metric")
    plain = {key: value for key, value in config.plain.items() if key not in late}
    trainer = {key: plain["trainer"][key] for key in plain["trainer"] if key != "ema_decay"}
    old = RunConfig.of({**plain, "trainer": trainer})
    assert old.postprocess.function.__name__ == "none"
    assert old.logger == {}
    assert old.report.figures == "all"
    assert old.metric.train is False


def test_an_unchecked_configuration_is_rejected(config):
    with pytest.raises(ConfigError) as error:
        RunConfig.of({**config.plain, "seed": -1, "loss": {"_target_": "os.system"}})
    assert len(error.value.problems) == 2


@pytest.mark.parametrize("callbacks", [{}, {"checkpoints": {"_target_": "x"}}])
def test_a_configuration_without_a_selected_epoch_is_refused(callbacks):
    (job,) = check_command([])
    with pytest.raises(ConfigError, match=r"callbacks\.checkpoints"):
        RunConfig.of({**job.config.plain, "callbacks": callbacks})


@pytest.mark.parametrize("node", [5, "x", [1]])
def test_a_group_that_is_no_node_is_one_message(node):
    (job,) = check_command([])
    with pytest.raises(ConfigError, match="postprocess="):
        RunConfig.of({**job.config.plain, "postprocess": node})


@pytest.mark.parametrize("group", ["callbacks", "logger"])
def test_a_member_of_a_group_without_a_function_is_one_message(group, config):
    nodes = {**config.plain[group], "mine": {}}
    with pytest.raises(ConfigError, match=rf"{group}\.mine: mine is not selected"):
        RunConfig.of({**config.plain, group: nodes})
