"""`python scripts/export.py`: exported networks give the same results in ONNX Runtime."""

import json
from shutil import copy

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from clothseg.build import build_segmenter
from clothseg.commands import export, onnx_file
from clothseg.commands.export.semantic import logits_graph
from clothseg.commands.main import main
from clothseg.commands.onnx_file import compare, write_onnx
from clothseg.config.command_line import check_command
from clothseg.config.run_config import RunConfig
from clothseg.error import DataError
from support.command_line import records


@pytest.fixture(scope="module")
def exported(swept, command_line, tmp_path_factory):
    """Run record, exported file, and output of the command."""
    record = records(swept[0])[0]
    path = tmp_path_factory.mktemp("exported") / "network.onnx"
    result = command_line.run(
        ["scripts/export.py", f"run={record.folder}", "format=onnx", f"output={path}"]
    )
    assert result.returncode == 0, result.stderr
    return record, path, result.stdout


@pytest.mark.slow
def test_the_command_reports_differences_between_the_runtimes(exported):
    _, path, output = exported
    assert "ONNX Runtime and PyTorch on 8 images: logits differ by at most" in output
    assert f"written to {path}" in output
    assert "opset 20, input size any multiple of 32 px" in output


@pytest.mark.slow
def test_the_metadata_has_labels_normalization_and_size(exported):
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
    assert entries["fit"] == "squeeze"
    assert entries["padding"] == [124, 116, 104]
    signature = record.folder.parent.name
    assert entries["run"] == f"unet-mobilenet_v2/{signature}/fold-0"


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 32, 32), (3, 64, 96)])
def test_batch_and_size_may_vary(exported, size):
    record, path, _ = exported
    segmenter = build_segmenter(RunConfig.of(record.config["config"]))
    state = torch.load(record.best_checkpoint, weights_only=True)["state_dict"]
    segmenter.load_state_dict(state)
    photos, height, width = size
    images = torch.randn(photos, 3, height, width)
    (theirs,) = InferenceSession(str(path)).run(["logits"], {"image": images.numpy()})
    with torch.no_grad():
        ours = segmenter.eval().network(images)["logits"].numpy()
    assert theirs.shape == (photos, 15, height, width)
    assert np.abs(ours - theirs).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("model", ["segnet", "dilated_pspnet"])
def test_custom_networks_are_exported(model, tmp_path):
    backbone = [] if model == "segnet" else ["backbone=resnet18"]
    (job,) = check_command([f"model={model}", *backbone])
    graph = logits_graph(build_segmenter(job.config).eval().network)
    path = tmp_path / "network.onnx"
    images = {"image": torch.randn(2, 3, 64, 64)}
    write_onnx(graph, path, images, 20, {}, any_size=False)
    parity = compare(graph, path, images)
    assert parity.differences["logits"].absolute < 1e-3
    assert parity.agreement > 0.999


@pytest.mark.slow
def test_a_backbone_with_padding_of_tensorflow_is_exported_for_any_size(tmp_path):
    """The symbolic sizes of its paddings would take more than six minutes to simplify."""
    options = ["model=linknet", "backbone=efficientnet-lite0", "backbone.weights=null"]
    (job,) = check_command(options)
    graph = logits_graph(build_segmenter(job.config).eval().network)
    path = tmp_path / "network.onnx"
    write_onnx(graph, path, {"image": torch.zeros(1, 3, 64, 64)}, 20, {}, any_size=True)
    for size in ((64, 64), (96, 160)):
        parity = compare(graph, path, {"image": torch.randn(2, 3, *size)})
        assert parity.differences["logits"].absolute < 1e-3
        assert parity.agreement > 0.999


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["run=tests", "output=x", "opset=11"], "opset=11: must be greater than or equal to 18"),
        (["run=tests", "output=x", "format=tflite"], "format=tflite: must be 'onnx'"),
        (["run=tests", "output=x"], "tests is not a run folder"),
    ],
)
def test_an_error_is_one_message(options, message, capsys):
    assert main("export", options) == 1
    assert message in capsys.readouterr().err


def test_an_output_below_a_file_is_rejected_before_the_network_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(export, "recorded_config", lambda run, trust: {})
    monkeypatch.setattr(export, "warn_if_unfinished", lambda runs: None)
    for below in ("", "/folder"):
        output = f"{tmp_path}/file{below}/network.onnx"
        message = rf"network\.onnx cannot be written: folder .*/file{below} cannot be created \("
        with pytest.raises(DataError, match=message):
            export.export_command(["run=any", "format=onnx", f"output={output}"])


@pytest.mark.slow
def test_a_network_that_differs_is_not_written(exported, tmp_path, monkeypatch):
    record, written, _ = exported
    monkeypatch.setattr(onnx_file, "TOLERANCE", -1.0)
    # Tracing takes a minute; what is compared is the file of the fixture.
    monkeypatch.setattr(export, "write_onnx", lambda _, path, *more, **keys: copy(written, path))
    path = tmp_path / "network.onnx"
    with pytest.raises(DataError, match="was not written: the logits of ONNX Runtime differ"):
        export.export_command([f"run={record.folder}", "format=onnx", f"output={path}"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_network_with_adaptive_pooling_is_exported_for_a_fixed_size(command_line, tmp_path):
    output = tmp_path / "outputs"
    training = command_line.tiny(output, "model=dilated_pspnet", "backbone=resnet18")
    overrides = [o for o in training if not o.startswith(("model=unet", "model.", "backbone=mob"))]
    result = command_line.run(overrides)
    assert result.returncode == 0, result.stderr
    (record,) = records(output)
    path = tmp_path / "network.onnx"
    result = command_line.run(
        ["scripts/export.py", f"run={record.folder}", "format=onnx", f"output={path}"]
    )
    assert result.returncode == 0, result.stderr
    assert "input size fixed at 32 x 32 px" in result.stdout
    (image,) = InferenceSession(str(path)).get_inputs()
    assert image.shape[1:] == [3, 32, 32]
