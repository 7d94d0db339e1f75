"""What there is to compute with: GPUs, processes of one run, batches that they share."""

import pytest

from clothseg.config.batch import batch_problem
from clothseg.error import ConfigError
from clothseg.jobs.machine import Machine, usable_cores, visible_gpus
from clothseg.model.compatibility import min_batch_size

NONE, ONE, FOUR = Machine(2, ()), Machine(2, ("3",)), Machine(16, ("0", "1", "2", "3"))


def config(accelerator="auto", devices=1, batch_size=8, accumulation_steps=1):
    trainer = {
        "accelerator": accelerator,
        "devices": devices,
        "accumulation_steps": accumulation_steps,
    }
    data = {"batch_size": batch_size, "image_size": 96}
    return {"trainer": trainer, "data": data, "model": {"_target_": "clothseg.model.upernet"}}


@pytest.mark.parametrize(
    ("visible", "gpus"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-a1", ["GPU-a1"])]
)
def test_gpus_are_those_that_the_environment_leaves(visible, gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpus() == gpus


def test_this_machine_has_cores():
    assert usable_cores() >= 1
    assert Machine.here().cores == usable_cores()


@pytest.mark.parametrize(
    ("machine", "settings", "world_size"),
    [
        (NONE, config(), 1),
        (NONE, config("cpu", None), 1),
        (NONE, config("cpu", 4), 4),
        (NONE, config("auto", 2), 2),
        (NONE, config("cpu", 8, batch_size=16), 8),
        (FOUR, config("cpu", 64, batch_size=128), 64),
        (FOUR, config(), 1),
        (FOUR, config("gpu", None), 4),
        (FOUR, config("gpu", 2), 2),
        (FOUR, config("cpu", None), 1),
    ],
)
def test_a_process_for_each_device(machine, settings, world_size):
    assert machine.training_world_size(settings) == world_size


@pytest.mark.parametrize(
    ("machine", "settings", "message"),
    [
        (NONE, config("gpu", None), r"no CUDA GPU here, and NCCL needs one; .*trainer=ddp_cpu"),
        (ONE, config("gpu", 2), r"trainer\.devices=2: there is only 1 GPU \(3\) here"),
        (FOUR, config("auto", 5), r"trainer\.devices=5: there is only 4 GPUs"),
        (
            NONE,
            config("cpu", 9, batch_size=9),
            r"devices=9: too many .* 2 CPU cores; here at most 8",
        ),
        (FOUR, config("cpu", 65, batch_size=65), r"too many .* 16 CPU cores; here at most 64"),
        (NONE, config("auto", 200, batch_size=200), r"trainer\.devices=200: too many processes"),
        (FOUR, config("gpu", None, batch_size=6), r"divided evenly among 4 processes .*8, 12, 16"),
    ],
)
def test_what_is_not_there_is_told(machine, settings, message):
    with pytest.raises(ConfigError, match=message):
        machine.training_world_size(settings)


@pytest.mark.parametrize(
    ("batch_size", "world_size", "accumulation_steps", "least", "fits"),
    [
        (4, 1, 1, 2, True),
        (4, 2, 1, 2, True),
        (4, 4, 1, 2, False),
        (4, 4, 1, 1, True),
        (6, 4, 1, 1, False),
        (8, 2, 2, 2, True),
        (1, 1, 1, 1, True),
        (1, 1, 1, 2, False),
    ],
)
def test_a_batch_is_shared_evenly(batch_size, world_size, accumulation_steps, least, fits):
    assert (batch_problem(batch_size, world_size, accumulation_steps, least) is None) == fits


def test_one_photo_is_too_few_where_a_network_normalises_a_whole_photo():
    def least(model, image_size):
        target = {"_target_": f"clothseg.model.{model}"}
        return min_batch_size({"model": target, "data": {"image_size": image_size}})

    assert [least("fpn", 64), least("fpn", 32), least("deeplabv3", 320)] == [1, 2, 2]
