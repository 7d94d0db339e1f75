"""Benchmarks: fair comparisons, consistent numbers, and error messages."""

import datetime
import json
import os
import platform
import re
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch

from clothseg import build
from clothseg.augmentation import none
from clothseg.benchmark import commands, memory, parallel_jobs, parsing_scores, sweep_job
from clothseg.benchmark.comparison import Comparison, Goal, Side, training_config
from clothseg.benchmark.evaluation import our_evaluation, shifted_batches, their_evaluation
from clothseg.benchmark.gpu_throughput import throughput
from clothseg.benchmark.input_pipeline import DecodedImages
from clothseg.benchmark.table import (
    BEGIN,
    END,
    README,
    TABLE,
    read_results,
    speed_table,
    write_speed_table,
)
from clothseg.benchmark.workload import CHOICES, BareLoop
from clothseg.commands.benchmark import benchmark_result
from clothseg.commands.main import main
from clothseg.config.command_line import check_settings
from clothseg.config.settings import Benchmark
from clothseg.datamodule.images import CachedImages
from clothseg.dataset.wardrobe import write_ccp
from clothseg.error import ConfigError, DataError
from support.paths import REPOSITORY

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

TINY = ["image_size=32", "batch_size=2", "batches=2", "repetitions=3"]
UNCHANGED = np.arange(256, dtype=np.uint8)


@pytest.fixture(scope="module")
def wardrobe(tmp_path_factory):
    """A few synthetic images in a folder whose name is hard to quote."""
    root = tmp_path_factory.mktemp("photos") / "it's a wardrobe, =10"
    write_ccp(root, 10, 0, lambda count: None)
    return root


def tiny(name, root, *overrides):
    settings = check_settings([f"benchmark={name}", *TINY, *overrides], "benchmark", Benchmark)
    return settings.model_copy(update={"root": root and str(root)})


def assert_consistent(comparison, measurements):
    for side in (comparison["clothseg"], comparison["rival"]):
        assert len(side["values"]) == measurements
        assert min(side["values"]) > 0
        assert side["median"] == pytest.approx(statistics.median(side["values"]))
        low, high = side["quartiles"]
        assert min(side["values"]) <= low <= side["median"] <= high <= max(side["values"])
    quotient = comparison["clothseg"]["median"] / comparison["rival"]["median"]
    is_speedup = comparison["ratio_is"] == "rival / clothseg"
    assert comparison["ratio"] == pytest.approx(1 / quotient if is_speedup else quotient)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_input_pipeline_benchmark(wardrobe, here):
    result = benchmark_result(tiny("input_pipeline", wardrobe))
    (comparison,) = result["comparisons"]
    assert_consistent(comparison, 3)
    assert comparison["unit"] == "images/s"
    assert json.loads(json.dumps(result)) == result


def test_result_describes_the_hardware_without_the_hostname(wardrobe, here):
    result = benchmark_result(tiny("input_pipeline", wardrobe))
    assert result["machine"]["cpu"]
    assert result["machine"]["cores"] >= 1
    assert result["environment"]["versions"]["torch"]
    assert {"commit", "dirty"} <= result["environment"].keys()
    assert datetime.date.fromisoformat(result["date"])
    text = json.dumps(result)
    assert_publishable(text)
    assert str(wardrobe.parent) not in text
    assert not re.search(rf"\b{re.escape(platform.node())}\b", text)


@pytest.mark.slow(seconds=62)
def test_training_step_benchmark(wardrobe, here):
    result = benchmark_result(tiny("training_step", wardrobe, "repetitions=1"))
    time, *memory = result["comparisons"]
    assert_consistent(time, 2)
    assert time["unit"] == "ms/step"
    for comparison in memory:  # on Linux only
        assert_consistent(comparison, 1)
        assert comparison["unit"] == "MB"


def test_parsing_benchmark(wardrobe, here):
    (comparison,) = benchmark_result(tiny("parsing_scores", wardrobe))["comparisons"]
    assert comparison["ratio"] == pytest.approx(
        comparison["rival"]["median"] / comparison["clothseg"]["median"]
    )
    people, parts = parsing_scores._crowd(120)
    assert sorted(np.unique(people)) == list(range(13))
    assert [len(np.unique(parts[people == k])) for k in range(1, 13)] == [7] * 12


def test_evaluation_benchmark(wardrobe, here):
    result = benchmark_result(tiny("evaluation", wardrobe, "batches=7"))
    for comparison in result["comparisons"]:
        assert_consistent(comparison, 3)


def test_both_evaluations_agree(wardrobe, here):
    settings = tiny("evaluation", wardrobe, "batches=3")
    config = training_config(settings, 32, [])
    batches = shifted_batches(build.build_cache(config, build.build_dataset(config)), settings)
    ours, theirs = our_evaluation(15, batches), their_evaluation(15, batches)
    assert np.array_equal(ours.matrix, theirs["MulticlassConfusionMatrix"])
    assert 0 < ours.classes.accuracy < 1
    iou = np.nan_to_num(ours.classes.iou)
    np.testing.assert_allclose(iou, theirs["MulticlassJaccardIndex"], rtol=1e-6)


def test_sweep_time_is_divided_by_the_number_of_jobs(here, monkeypatch):
    """A sweep of two jobs takes eight seconds, a separate command three."""
    monkeypatch.setattr(sweep_job, "run", lambda arguments: "")
    monkeypatch.setattr(sweep_job, "command_seconds", lambda a: 8.0 if "-m" in a else 3.0)
    (comparison,) = sweep_job.compare(tiny("sweep_job", None, "repetitions=1"), jobs=2)
    assert_consistent(comparison.plain, 1)
    assert (comparison.clothseg.values, comparison.rival.values) == ([4.0], [3.0])


def test_parallel_jobs_are_timed_from_the_first_start_to_the_last_end(here, monkeypatch):
    def sweep(arguments):
        """Write two records, of sequential or parallel jobs."""
        (output,) = [a.split("=", 1)[1].strip("'") for a in arguments if a.startswith("output=")]
        parallel = "hydra.launcher.max_parallel=2" in arguments
        for fold, start in enumerate((1000, 1000 if parallel else 1030)):
            folder = Path(output) / f"fold-{fold}"
            folder.mkdir(parents=True)
            for name, moment in (("environment.json", start), ("status.json", start + 30)):
                (folder / name).write_text("{}")
                os.utime(folder / name, (moment, moment))
        return ""

    monkeypatch.setattr(parallel_jobs, "run", sweep)
    (comparison,) = parallel_jobs.compare(tiny("parallel_jobs", None, "repetitions=1"))
    assert_consistent(comparison.plain, 1)
    assert (comparison.clothseg.values, comparison.rival.values) == ([30.0], [60.0])


def test_failing_command_is_not_timed():
    with pytest.raises(DataError, match=r"exited with status 3:\nwhy$"):
        commands.run(["-c", "import sys; print('why'); sys.exit(3)"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is present")
def test_gpu_benchmark_is_rejected_without_a_gpu(here, capsys):
    assert main("benchmark", ["benchmark=gpu_throughput"]) == 1
    assert "gpu_throughput needs a CUDA GPU" in capsys.readouterr().err


@pytest.mark.slow(seconds=20)
@pytest.mark.filterwarnings("ignore:.*pin_memory")
def test_throughput_benchmark_on_any_device(wardrobe, here):
    network = ["model=fpn", "backbone=resnet18"]
    settings = tiny("gpu_throughput", wardrobe)
    comparisons = throughput(settings, torch.device("cpu"), network, compiled=False)
    assert [comparison.goal is None for comparison in comparisons] == [True, False]
    for comparison in comparisons:
        assert_consistent(comparison.plain, 3)


@pytest.mark.skipif(not memory.can_measure_memory(), reason="peak memory needs Linux")
def test_peak_memory_counts_from_the_reset():
    """A fresh process has no freed memory that the block could reuse."""
    code = (
        "import numpy as np; from clothseg.benchmark import memory; "
        "before = memory.reset_peak_memory(); block = np.ones(8_000_000); del block; "
        "print(memory.peak_memory() - before)"
    )
    assert 60 < float(commands.run(["-c", code]).split()[-1]) < 70


@pytest.mark.slow(seconds=20)
def test_command_writes_the_displayed_results(here, capsys):
    assert main("benchmark", ["benchmark=input_pipeline", *TINY, "output=results"]) == 0
    result = json.loads((here / "results" / "input_pipeline.json").read_text())
    (comparison,) = result["comparisons"]
    assert_consistent(comparison, 3)
    assert result["settings"]["image_size"] == 32
    output = capsys.readouterr().out
    assert f"{comparison['ratio']:.3f}" in output
    assert "written to results/input_pipeline.json" in output
    assert "benchmark=table" in output


def test_readme_table_matches_the_committed_results():
    generated = speed_table(read_results(REPOSITORY / "outputs" / "benchmarks"))
    assert TABLE.search(README.read_text())[0] == generated, (
        "run python scripts/benchmark.py benchmark=table to update it"
    )


def test_committed_results_contain_no_local_paths():
    for path in (REPOSITORY / "outputs" / "benchmarks").glob("*.json"):
        assert_publishable(path.read_text())


def assert_publishable(text):
    for private in ("/home/", "/tmp/", "/Users/", str(REPOSITORY), str(Path.home())):
        assert private not in text


def test_table_of_a_page_is_updated(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_speed_table(page, REPOSITORY / "outputs" / "benchmarks")
    lines = page.read_text().splitlines()
    assert lines[:3] == ["before", BEGIN, "| benchmark | clothseg | baseline | ratio | goal |"]
    assert lines[-2:] == [END, "after"]
    assert "old" not in lines


def test_missing_markers_and_missing_results_are_errors(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(DataError, match=r"page.md lacks the markers of the table"):
        write_speed_table(page, REPOSITORY / "outputs" / "benchmarks")
    with pytest.raises(DataError, match="contains no results: run a benchmark first"):
        write_speed_table(page, tmp_path)


@pytest.mark.parametrize(
    ("goal", "ratio", "met"),
    [(Goal("<=", 1.02), 1.02, True), (Goal("<=", 1.02), 1.03, False), (Goal(">=", 6), 5.9, False)],
)
def test_goal_is_met_or_missed(goal, ratio, met):
    assert goal.met(ratio) is met


def test_missed_goal_is_bold():
    sides = [Side("ours", [2.0]), Side("theirs", [1.0])]
    missed = Comparison("time", "s", "here", *sides, goal=Goal(">=", 2), is_speedup=True)
    assert missed.ratio == 0.5
    result = {
        "benchmark": "evaluation",
        "comparisons": [missed.plain],
        "machine": {"cpu": "a CPU", "cores": 1, "gpu": None},
        "photos": "synthetic wardrobe",
        "date": "2026-01-01",
        "environment": {"commit": "0123456789", "dirty": True},
    }
    row, _, setup = speed_table([result]).splitlines()[2:]
    assert row == "| time | 2.00 s | 1.00 s | **0.500** | ≥ 2 |"
    assert (
        "a CPU, 1 core, synthetic wardrobe, 2026-01-01, commit 0123456 with uncommitted changes"
        in setup
    )


def test_decoded_baseline_matches_the_cache(wardrobe, here):
    config = training_config(tiny("input_pipeline", wardrobe), 48, [])
    reader = build.build_dataset(config)
    cache = build.build_cache(config, reader)
    table = config.labels.lookup_table(reader.names)
    rival = DecodedImages(reader.samples(), table, 48, none(48, UNCHANGED))
    ours = CachedImages(cache, cache.names, None, 0)
    assert len(rival) == len(ours) == 10
    for position in range(10):
        assert np.array_equal(rival[position]["image"], ours[position]["image"])
        assert np.array_equal(rival[position]["mask"], ours[position]["mask"])


def test_bare_loop_trains_on_the_same_data_as_the_task(wardrobe, here):
    config = training_config(tiny("training_step", wardrobe), 32, CHOICES)
    cache = build.build_cache(config, build.build_dataset(config))
    loop = BareLoop(config, cache, cache.names[:2], none(32, UNCHANGED), 4)
    task = build.build_task(config)
    images, masks = next(loop.batches)
    normalized = task.normalized(torch.from_numpy(cache.images[:2].copy()))
    order = [0, 1] if np.array_equal(masks[0], cache.masks[0]) else [1, 0]
    torch.testing.assert_close(images, normalized[order])
    assert np.array_equal(masks, cache.masks[order])
    loop.network.eval()  # disable stochastic depth
    loop.step()
    batch = {"mask": masks, "pixels": torch.bincount(masks.flatten(), minlength=256)}
    (loss,) = task.loss(task.network.eval()(images), batch).values()
    assert loop.total == pytest.approx(loss.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "benchmark is required: add benchmark=<value>"),
        (["benchmark=speed"], "benchmark=speed: must be 'input_pipeline', 'training_step', "),
        (
            ["benchmark=input_pipeline", "batches=0"],
            "batches=0: must be greater than or equal to 1",
        ),
        (["benchmark=input_pipeline", "imagesize=9"], "imagesize: no such key; did you mean"),
        (["benchmark=input_pipeline", "root=nowhere"], "nowhere is not a folder"),
    ],
)
def test_invalid_command_is_one_error_message(arguments, message, here, capsys):
    assert main("benchmark", arguments) == 1
    assert message in capsys.readouterr().err


def test_batch_size_with_one_step_per_epoch_is_rejected(wardrobe, here):
    settings = tiny("training_step", wardrobe).model_copy(update={"batch_size": 5})
    with pytest.raises(ConfigError, match=r"an epoch needs two batches, .*; the maximum is 3"):
        benchmark_result(settings)
