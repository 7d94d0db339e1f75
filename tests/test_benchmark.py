"""Benchmarks: equals are compared, the figures fit together, mistakes are told."""

import json
import statistics

import numpy as np
import pytest
import torch

from clothseg import build
from clothseg.benchmark.command import benchmark_result
from clothseg.benchmark.comparison import training_config
from clothseg.benchmark.input_pipeline import DecodedPhotos
from clothseg.benchmark.training_step import CHOICES, BareLoop
from clothseg.check import check_command
from clothseg.command import benchmark
from clothseg.datamodule import CachedPhotos
from clothseg.dataset.wardrobe import write_wardrobe
from clothseg.error import ConfigError
from clothseg.schema import Benchmark

TINY = ["image_size=32", "batch_size=2", "batches=2", "repetitions=3"]


@pytest.fixture(scope="module")
def wardrobe(tmp_path_factory):
    """A few drawn photos in a folder whose name is hard to quote."""
    root = tmp_path_factory.mktemp("photos") / "it's a wardrobe, =10"
    write_wardrobe(root, 10, 0, lambda count: None)
    return root


def tiny(name, root):
    (job,) = check_command([f"benchmark={name}", *TINY], "benchmark", Benchmark)
    return Benchmark(**job.config | {"root": str(root)})


def assert_consistent(result, measurements):
    for side in (result["clothseg"], result["rival"]):
        assert len(side["values"]) == measurements
        assert min(side["values"]) > 0
        assert side["median"] == pytest.approx(statistics.median(side["values"]))
        low, high = side["quartiles"]
        assert min(side["values"]) <= low <= side["median"] <= high <= max(side["values"])
    quotient = result["clothseg"]["median"] / result["rival"]["median"]
    assert result["ratio"] == pytest.approx(quotient)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_input_pipeline_is_measured(wardrobe, here):
    result = benchmark_result(tiny("input_pipeline", wardrobe))
    assert_consistent(result, 3)
    assert result["unit"] == "images/s"
    assert json.loads(json.dumps(result)) == result


@pytest.mark.slow
def test_every_training_step_is_measured(wardrobe, here):
    result = benchmark_result(tiny("training_step", wardrobe))
    assert_consistent(result, 6)
    assert result["unit"] == "ms/step"


@pytest.mark.slow
def test_the_command_writes_what_it_shows(here, capsys):
    assert benchmark(["benchmark=input_pipeline", *TINY, "output=found"]) == 0
    result = json.loads((here / "found" / "input_pipeline.json").read_text())
    assert_consistent(result, 3)
    assert result["settings"]["image_size"] == 32
    assert result["environment"]["versions"]["torch"]
    shown = capsys.readouterr().out
    assert f"{result['ratio']:.3f}" in shown
    assert "written to found/input_pipeline.json" in shown


def test_the_rival_delivers_what_the_cache_does(wardrobe, here):
    config = training_config(tiny("input_pipeline", wardrobe), 48, [])
    reader = build.build_dataset(config)
    cache = build.build_cache(config, reader)
    table = build.build_labels(config).lookup_table(reader.names)
    rival = DecodedPhotos(reader.samples(), table, 48, None)
    ours = CachedPhotos(cache, cache.names, None, 0)
    assert len(rival) == len(ours) == 10
    for position in range(10):
        assert np.array_equal(rival[position]["image"], ours[position]["image"])
        assert np.array_equal(rival[position]["mask"], ours[position]["mask"])


def test_the_bare_loop_trains_on_what_the_module_does(wardrobe, here):
    config = training_config(tiny("training_step", wardrobe), 32, CHOICES)
    cache = build.build_cache(config, build.build_dataset(config))
    loop = BareLoop(config, cache, cache.names[:2], lambda **sample: sample, 4)
    task = build.build_task(config)
    images, masks = next(loop.batches)
    photos = task.normalized(torch.from_numpy(cache.images[:2].copy()))
    order = [0, 1] if np.array_equal(masks[0], cache.masks[0]) else [1, 0]
    torch.testing.assert_close(images, photos[order])
    assert np.array_equal(masks, cache.masks[order])
    loop.network.eval()  # stages are dropped at random in training
    loop.step()
    batch = {"mask": masks, "pixels": masks.numel()}
    (loss,) = task.loss(task.network.eval()(images), batch).values()
    assert loop.total == pytest.approx(loss.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "benchmark has no default: add benchmark=<value>"),
        (["benchmark=speed"], "benchmark=speed: must be 'input_pipeline' or 'training_step'"),
        (
            ["benchmark=input_pipeline", "batches=0"],
            "batches=0: must be greater than or equal to 1",
        ),
        (["benchmark=input_pipeline", "imagesize=9"], "imagesize: no such key; did you mean"),
        (["benchmark=input_pipeline", "root=nowhere"], "root=nowhere is not a folder"),
    ],
)
def test_a_mistake_is_one_message(arguments, message, here, capsys):
    assert benchmark(arguments) == 1
    assert message in capsys.readouterr().err


def test_a_batch_that_leaves_one_step_an_epoch_is_refused(wardrobe, here):
    settings = tiny("training_step", wardrobe).model_copy(update={"batch_size": 5})
    with pytest.raises(ConfigError, match="two are needed; at most 3 is possible"):
        benchmark_result(settings)
