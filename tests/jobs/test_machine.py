"""Available resources, world size, and batches that can be split evenly."""

import pytest

from clothseg.config.batch import batch_problem
from clothseg.config.run_config import RunConfig
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
    data = {"batch_size": batch_size, "image_size": 96, "workers": 0}
    data |= {"normalization": "unit", "cache": "cache"}
    model = {"_target_": "clothseg.model.upernet"}
    return RunConfig({"trainer": trainer, "data": data, "model": model})


@pytest.mark.parametrize(
    ("visible", "gpus"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-a1", ["GPU-a1"])]
)
def test_visible_gpus_follow_the_environment(visible, gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpus() == gpus


def test_machine_reports_usable_cores():
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
def test_world_size_is_one_process_per_device(machine, settings, world_size):
    assert machine.training_world_size(settings) == world_size


@pytest.mark.parametrize(
    ("machine", "settings", "message"),
    [
        (
            NONE,
            config("gpu", None),
            r"no CUDA GPU is available, and NCCL needs one; .*trainer=ddp_cpu",
        ),
        (ONE, config("gpu", 2), r"trainer\.devices=2: only 1 GPU \(3\) available"),
        (FOUR, config("auto", 5), r"trainer\.devices=5: only 4 GPUs .* available"),
        (
            NONE,
            config("cpu", 9, batch_size=9),
            r"devices=9: too many .* 2 CPU cores; at most 8 are allowed",
        ),
        (
            FOUR,
            config("cpu", 65, batch_size=65),
            r"too many .* 16 CPU cores; at most 64 are allowed",
        ),
        (NONE, config("auto", 200, batch_size=200), r"trainer\.devices=200: too many processes"),
        (FOUR, config("gpu", None, batch_size=6), r"divided evenly among 4 processes .*8, 12, 16"),
    ],
)
def test_unavailable_devices_are_reported(machine, settings, message):
    with pytest.raises(ConfigError, match=message):
        machine.training_world_size(settings)


@pytest.mark.parametrize(
    ("batch_size", "world_size", "accumulation_steps", "min_images", "fits"),
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
def test_a_batch_is_split_evenly(batch_size, world_size, accumulation_steps, min_images, fits):
    assert (batch_problem(batch_size, world_size, accumulation_steps, min_images) is None) == fits


def test_networks_that_normalize_pooled_features_need_two_images():
    def min_images(model, image_size, **keys):
        target = {"_target_": f"clothseg.model.{model}", **keys}
        return min_batch_size({"model": target, "data": {"image_size": image_size}})

    assert [min_images("fpn", 64), min_images("fpn", 32), min_images("deeplabv3", 320)] == [1, 2, 2]
    assert [min_images("pyramid_unet", 224, norm=norm) for norm in ("none", "batch")] == [1, 2]
    assert [min_images("fpn", [64, 32]), min_images("fpn", [48, 32])] == [1, 2]
