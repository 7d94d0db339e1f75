"""`python scripts/export.py`: a network that other programs run with the same result."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from clothseg.build import build_task
from clothseg.commands import export
from clothseg.commands.export import compare, write_onnx
from clothseg.commands.main import main
from clothseg.config.command_line import check_command
from clothseg.error import DataError
from support.command_line import records


@pytest.fixture(scope="module")
def exported(swept, command_line, tmp_path_factory):
    """A run, the file that was written for it, and what the command said."""
    record = records(swept[0])[0]
    path = tmp_path_factory.mktemp("exported") / "network.onnx"
    said = command_line.run(
        ["scripts/export.py", f"run={record.folder}", "format=onnx", f"output={path}"]
    )
    assert said.returncode == 0, said.stderr
    return record, path, said.stdout


@pytest.mark.slow
def test_the_command_reports_how_far_the_two_programs_differ(exported):
    _, path, said = exported
    assert "ONNX Runtime and PyTorch on 8 photos: logits differ by at most" in said
    assert f"written to {path}" in said
    assert "opset 20, photos of any multiples of 32 px" in said


@pytest.mark.slow
def test_the_file_knows_labels_normalisation_and_size(exported):
    record, path, _ = exported
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    assert model.opset_import[0].version == 20
    entries = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    labels = record.config["config"]["labels"]
    assert [row["name"] for row in entries["labels"]] == labels["names"]
    assert entries["mean"] == [0.485, 0.456, 0.406]
    assert entries["deviation"] == [0.229, 0.224, 0.225]
    assert entries["image_size"] == 32
    assert entries["postprocess"] == {"_target_": "clothseg.postprocess.none"}
    assert entries["crop"] == "none"
    signature = record.folder.parent.name
    assert entries["run"] == f"unet-mobilenet_v2/{signature}/fold-0"


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 32, 32), (3, 64, 96)])
def test_batch_and_size_may_vary(exported, size):
    record, path, _ = exported
    task = build_task(record.config["config"])
    state = torch.load(record.best_checkpoint, weights_only=True)["state_dict"]
    task.load_state_dict(state)
    photos, height, width = size
    images = torch.randn(photos, 3, height, width)
    (theirs,) = InferenceSession(str(path)).run(["logits"], {"image": images.numpy()})
    with torch.no_grad():
        ours = task.eval().network(images)["logits"].numpy()
    assert theirs.shape == (photos, 15, height, width)
    assert np.abs(ours - theirs).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("model", ["segnet", "dilated_pspnet"])
def test_networks_of_our_own_are_written(model, tmp_path):
    backbone = [] if model == "segnet" else ["backbone=resnet18"]
    (job,) = check_command([f"model={model}", *backbone])
    network = build_task(job.config).eval().network
    path = tmp_path / "network.onnx"
    write_onnx(network, path, 64, 20, {}, any_size=False)
    parity = compare(network, path, torch.randn(2, 3, 64, 64))
    assert parity.difference < 1e-3
    assert parity.agreement > 0.999


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["run=tests", "output=x", "opset=11"], "opset=11: must be greater than or equal to 18"),
        (["run=tests", "output=x", "format=tflite"], "format=tflite: must be 'onnx'"),
        (["run=tests", "output=x"], "tests is no run folder"),
    ],
)
def test_a_mistake_is_one_message(options, message, capsys):
    assert main("export", options) == 1
    assert message in capsys.readouterr().err


def test_an_output_below_a_file_is_told_before_the_network_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(export, "recorded_config", lambda run, trust: {})
    monkeypatch.setattr(export, "warn_of_unfinished", lambda runs: None)
    for below in ("", "/folder"):
        output = f"{tmp_path}/file{below}/network.onnx"
        message = rf"network\.onnx cannot be written: .*/file{below} cannot be made a folder \("
        with pytest.raises(DataError, match=message):
            export.export_command(["run=any", "format=onnx", f"output={output}"])


@pytest.mark.slow
def test_a_network_that_differs_is_not_written(swept, tmp_path, monkeypatch):
    record = records(swept[0])[0]
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    path = tmp_path / "network.onnx"
    with pytest.raises(DataError, match="was not written: ONNX Runtime's logits differ"):
        export.export_command([f"run={record.folder}", "format=onnx", f"output={path}"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_network_that_pools_into_cells_is_written_for_one_size(command_line, tmp_path):
    output = tmp_path / "outputs"
    training = command_line.tiny(output, "model=dilated_pspnet", "backbone=resnet18")
    kept = [o for o in training if not o.startswith(("model=unet", "model.", "backbone=mob"))]
    said = command_line.run(kept)
    assert said.returncode == 0, said.stderr
    (record,) = records(output)
    path = tmp_path / "network.onnx"
    said = command_line.run(
        ["scripts/export.py", f"run={record.folder}", "format=onnx", f"output={path}"]
    )
    assert said.returncode == 0, said.stderr
    assert "photos of 32 x 32 px alone" in said.stdout
    (image,) = InferenceSession(str(path)).get_inputs()
    assert image.shape[1:] == [3, 32, 32]
