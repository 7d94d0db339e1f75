"""The tag by which all W&B runs of one command are found."""

import pytest

from clothseg.config.command_line import check_command
from clothseg.jobs.command_tag import command_tag, with_tag

COMMAND = ["model=unet,fpn", "optimizer.lr=0.1,0.01", "logger=wandb"]


@pytest.mark.parametrize(
    "more",
    [
        ["output=elsewhere"],
        ["logger.wandb.mode=online", "logger.wandb.tags=[a]"],
        ["split.fold=1"],
        ["dataset.root=/data", "trainer.devices=2"],
        ["hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=2"],
    ],
)
def test_what_cannot_affect_results_adds_to_the_runs_of_the_command(more):
    assert command_tag([*more, *COMMAND]) == command_tag(COMMAND[::-1])


@pytest.mark.parametrize("other", [["seed=1"], ["optimizer.lr=0.1"], ["+x=1"]])
def test_another_command_has_another_tag(other):
    assert command_tag([*COMMAND, *other]) != command_tag(COMMAND)


def test_the_wandb_logger_of_every_configuration_gets_the_tag_once():
    composed = check_command(
        ["seed=1,2", "logger=[tensorboard,wandb]", "logger.wandb.tags=[mine]"], every_fold=True
    )
    assert len(composed) == 10
    for one in composed:
        tagged = with_tag(with_tag(one, "t"), "t")
        assert tagged.config.plain["logger"]["wandb"]["tags"] == ["mine", "t"]
        assert (
            tagged.config.plain["logger"]["tensorboard"]
            == one.config.plain["logger"]["tensorboard"]
        )
        assert (tagged.name, tagged.overrides) == (one.name, one.overrides)
        assert one.config.plain["logger"]["wandb"]["tags"] == ["mine"]


def test_a_command_without_wandb_is_left_as_it_is():
    (one,) = check_command([])
    assert with_tag(one, "t") is one
