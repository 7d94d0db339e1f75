"""Start from a recorded run: which networks fit, what is loaded, and how it is recorded."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from clothseg import build
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError, DataError
from clothseg.jobs.inputs import Inputs
from clothseg.jobs.machine import Machine
from clothseg.jobs.plan import plan_jobs
from clothseg.run.record import Record
from clothseg.run.restore import best_state, recorded_config
from clothseg.run.start import load_start
from support.command_line import records

pytestmark = pytest.mark.slow(seconds=2)


@pytest.fixture
def source(swept, tmp_path):
    """Copy of a finished run, which a test may damage."""
    return shutil.copytree(records(swept[0])[0].folder, tmp_path / "source")


@pytest.fixture
def plan(command_line, tmp_path, source):
    """Plan the job of a training that starts from the run."""

    def plan_one(*overrides, start=source):
        command = command_line.tiny(tmp_path / "outputs", f"init_from={start}", *overrides)
        (composed,) = check_command(command[1:])
        (job,) = plan_jobs([composed], Machine.here(), Inputs())
        return job

    return plan_one


def started(job):
    """The network of a job, and what it says about its start."""
    network = build.build_segmenter(job.config).network
    fresh = {layer: tensor.clone() for layer, tensor in network.state_dict().items()}
    return network.state_dict(), load_start(network, job.config, job.start), fresh


def test_the_same_classes_start_from_all_weights(plan, source):
    state, sentences, _ = started(plan("seed=7"))
    expected = best_state(Record(source))
    assert sentences == [f"starts from the best epoch of {source}"]
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[layer], tensor) for layer, tensor in expected.items())


@pytest.mark.parametrize("deep", [False, True])
def test_other_classes_start_from_all_weights_but_the_head(plan, source, deep):
    job = plan("model.deep_supervision=true", start=_deep(source)) if deep else plan()
    names = replace(job.start, classes=[*job.start.classes[:-1], "another name"])
    network = build.build_segmenter(job.config).network
    fresh = {layer: tensor.clone() for layer, tensor in network.state_dict().items()}
    state = torch.random.get_rng_state()
    sentences = load_start(network, job.config, names)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert sentences[1] == "head for 15 classes is new: the run has 15 others"
    stored = best_state(Record(job.start.folder))
    new = {n for n, t in network.state_dict().items() if not torch.equal(t, stored[n])}
    assert all(torch.equal(network.state_dict()[n], fresh[n]) for n in new)
    heads = {"body.segmentation_head.0.weight", "body.segmentation_head.0.bias"}
    assert heads & new
    assert all(n in heads or n.startswith("heads.") for n in new)
    assert bool([n for n in new if n.startswith("heads.")]) == deep


def _deep(source):
    """Turn a run into one with a classifier on every level, whose checkpoint is random."""
    config = recorded_config(source, []).changed(model={"deep_supervision": True})
    (source / "checksums.json").unlink()
    text = (source / "config.yaml").read_text()
    (source / "config.yaml").write_text(
        text.replace("deep_supervision: false", "deep_supervision: true")
    )
    network = build.build_segmenter(config).network
    state = {
        f"network.{n}": torch.randn(t.shape).to(t.dtype) for n, t in network.state_dict().items()
    }
    torch.save({"epoch": 0, "state_dict": state}, Record(source).best_checkpoint)
    return source


def test_a_fine_tuned_run_records_its_start_and_warns_of_images_seen(
    command_line, source, tmp_path
):
    output = tmp_path / "outputs"
    command = command_line.tiny(output, f"init_from={source}", "labels=body4", "split.fold=1")
    result = command_line.run(command)
    assert result.returncode == 0, result.stderr
    (record,) = records(output)
    log = (record.folder / "log.txt").read_text()
    count = len(record.config["config"]["labels"]["names"])
    assert f"head for {count} classes is new: the run has 15" in log
    train = {*json.loads((source / "split.json").read_text())["train"]}
    test = {*json.loads((record.folder / "split.json").read_text())["test"]}
    assert train & test
    assert "of the 8 test images, so that the test scores are too high" in log
    recorded = json.loads((record.folder / "init_from.json").read_text())
    assert recorded["run"] == str(source)
    assert len(recorded["sha256"]) == 64


def test_the_run_folder_depends_on_the_content_of_the_checkpoint_only(plan, source, tmp_path):
    first = plan().folder
    moved = shutil.copytree(source, tmp_path / "moved")
    assert plan(start=moved).folder == first
    torch.save({"state_dict": {}}, Record(moved).best_checkpoint)
    assert plan(start=moved).folder != first
    assert plan("init_from=null").folder != first


@pytest.mark.parametrize(
    ("overrides", "problems"),
    [
        (
            ["model.decoder_channels=[16,16,16,16,8]"],
            ["model.decoder_channels=[16, 16, 16, 16, 8]"],
        ),
        (["backbone=resnet18"], ["backbone.name=resnet18, but"]),
        (["data.normalization=unit"], ["data.normalization=unit, but"]),
        (
            ["model.deep_supervision=true", "backbone=efficientnet-lite0"],
            ["model.deep_supervision=True", "backbone.name=tu-tf", "data.normalization=inception"],
        ),
        (["backbone.weights=imagenet"], ["set backbone.weights=null"]),
    ],
)
def test_another_network_is_refused_with_every_difference(plan, overrides, problems):
    with pytest.raises(ConfigError) as error:
        plan(*overrides)
    assert len(error.value.problems) == len(problems)
    for problem in problems:
        assert problem in str(error.value)


def test_a_folder_that_is_no_run_is_refused(plan, source, tmp_path):
    with pytest.raises(ConfigError, match=r"init_from: .*nowhere is not a run folder"):
        plan(start=tmp_path / "nowhere")
    Record(source).best_checkpoint.unlink()
    with pytest.raises(ConfigError, match="has not finished an epoch"):
        plan()


def test_a_checkpoint_that_changes_before_the_job_starts_is_refused(plan, source):
    job = plan()
    torch.save({"state_dict": {}}, Record(source).best_checkpoint)
    with pytest.raises(DataError, match="has changed since the command was started"):
        load_start(build.build_segmenter(job.config).network, job.config, job.start)
