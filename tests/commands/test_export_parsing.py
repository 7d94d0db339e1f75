"""`python scripts/export.py` for human parsing: all heads give the same results in ONNX Runtime."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from clothseg.build import build_parser
from clothseg.commands import export
from clothseg.commands.export import parsing
from clothseg.commands.onnx_file import Difference, Parity
from clothseg.config.run_config import RunConfig
from clothseg.error import ConfigError, DataError
from clothseg.task.people import ImageArea, find_people
from support.command_line import records
from support.parsing_run import QUERIES, draw, training

MAPS = {"parts": 20, "size": 5, "color": 13}
OUTPUTS = ["people", "boxes", "masks", *MAPS]


@pytest.fixture(scope="module")
def run(command_line, tmp_path_factory):
    """Record of a run of human parsing that has seen six drawn images once."""
    folder = tmp_path_factory.mktemp("parsing")
    dataset = draw(command_line, folder, images=6)
    trained = command_line.run(training(command_line, folder / "outputs", dataset))
    assert trained.returncode == 0, trained.stderr
    (record,) = records(folder / "outputs")
    return record


@pytest.fixture(scope="module")
def exported(run, command_line, tmp_path_factory):
    """Exported file, and output of the command."""
    path = tmp_path_factory.mktemp("exported") / "network.onnx"
    result = command_line.run(["scripts/export.py", f"run={run.folder}", f"output={path}"])
    assert result.returncode == 0, result.stderr
    return path, result.stdout


@pytest.fixture(scope="module")
def parser(run):
    """Network of the run with the weights of its best epoch."""
    built = build_parser(RunConfig.of(run.config["config"]))
    built.load_state_dict(torch.load(run.best_checkpoint, weights_only=True)["state_dict"])
    return built.eval()


@pytest.fixture(scope="module")
def pictures():
    """Noise of three sizes."""
    random = np.random.default_rng(0)
    sizes = [(90, 50), (60, 128), (33, 70)]
    return [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


@pytest.fixture(scope="module")
def outputs(exported, parser, pictures):
    """Outputs by name of ONNX Runtime, at a size and for a batch that were not traced."""
    image, padding = parser.padded(pictures, 96, 128)
    inputs = {"image": image.numpy(), "padding": padding.numpy()}
    return dict(zip(OUTPUTS, InferenceSession(str(exported[0])).run(OUTPUTS, inputs), strict=True))


@pytest.mark.slow(seconds=60)
def test_the_command_reports_the_difference_of_every_output(exported):
    path, output = exported
    assert "ONNX Runtime and PyTorch on 4 images: people differ by at most" in output
    for name in OUTPUTS[1:]:
        assert f", {name} by " in output
    assert f"written to {path}" in output
    assert "opset 20, input size any multiple of 32 px" in output


@pytest.mark.slow
def test_the_file_has_all_heads_with_a_dynamic_batch_and_size(exported):
    session = InferenceSession(str(exported[0]))
    image, padding = session.get_inputs()
    assert (image.name, padding.name) == ("image", "padding")
    assert (image.type, padding.type) == ("tensor(float)", "tensor(bool)")
    assert image.shape[1] == 3
    sizes = [image.shape[0], *image.shape[2:]]
    assert sizes == padding.shape
    assert all(isinstance(side, str) for side in sizes)
    assert [output.name for output in session.get_outputs()] == OUTPUTS


@pytest.mark.slow
def test_the_metadata_tells_how_to_use_it(exported, run):
    model = onnx.load(str(exported[0]))
    onnx.checker.check_model(model)
    entries = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    labels = run.config["config"]["labels"]
    assert [row["name"] for row in entries["labels"]] == labels["names"]
    assert entries["values"]["parts"] == labels["names"]
    assert {name: len(values) for name, values in entries["values"].items()} == MAPS
    assert entries["mean"] == [0.485, 0.456, 0.406]
    assert entries["deviation"] == [0.229, 0.224, 0.225]
    assert (entries["image_size"], entries["stride"], entries["map_stride"]) == (64, 32, 4)
    assert (entries["queries"], entries["min_score"], entries["min_mask"]) == (QUERIES, 0.5, 0.5)
    assert list(entries["input"]) == ["image", "padding"]
    assert list(entries["output"]) == OUTPUTS
    assert "below min_score" in entries["people"]
    assert entries["run"].endswith("/fold-0")


@pytest.mark.slow
@torch.no_grad()
def test_outputs_are_those_of_the_network_at_another_size_and_batch(outputs, parser, pictures):
    output = parser.network(*parser.padded(pictures, 96, 128))
    expected = {"people": output.people[-1], "boxes": output.boxes[-1], **output.maps}
    masks = [output.masks(torch.full((QUERIES,), k), torch.arange(QUERIES)) for k in range(3)]
    expected["masks"] = torch.stack(masks)
    assert expected.keys() == outputs.keys()
    for name, tensor in expected.items():
        np.testing.assert_allclose(outputs[name], tensor.numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@torch.no_grad()
def test_people_assembled_from_the_file_are_those_of_the_network(outputs, parser, pictures):
    output = parser.network(*parser.padded(pictures, 96, 128))
    for position, picture in enumerate(pictures):
        area = ImageArea((96, 128), picture.shape[:2], (100, 80))
        expected = parser.people(output, position, area)
        found = {name: torch.from_numpy(array[position]) for name, array in outputs.items()}
        maps = {name: found[name] for name in MAPS}
        people = find_people(found["people"], found["masks"], maps, area)
        assert len(people.scores)
        np.testing.assert_allclose(people.scores, expected.scores, rtol=1e-3)
        # A pixel whose two best values are equal up to rounding may go to either.
        assert (people.person == expected.person).mean() > 0.999
        for name, labels in expected.maps.items():
            assert (people.maps[name] == labels).mean() > 0.999


@pytest.mark.slow
def test_images_are_compared_in_different_sizes(run):
    """Those of the dataset at their own aspect, or noise if the dataset is not there."""
    config = RunConfig.of(run.config["config"])
    for used in (config, config.changed(dataset={"root": str(run.folder / "none")})):
        exported = parsing.ExportedParser(used, run.folder)
        image, padding = exported.inputs["image"], exported.inputs["padding"]
        assert image.shape == (4, 3, 64, 64)
        assert len(padding.flatten(1).sum(1).unique()) > 1
        assert not image.permute(0, 2, 3, 1)[padding].any()
        larger = exported.enlarged(96, 128)
        assert larger["padding"].shape == (1, 96, 128)
        assert int((~larger["padding"]).sum()) == int((~padding[0]).sum())
        torch.testing.assert_close(larger["image"][..., :64, :64], image[:1])


@pytest.mark.slow
def test_an_output_that_differs_is_named_and_nothing_is_written(run, tmp_path, monkeypatch):
    differences = {"people": Difference(1e-6, 2.0), "boxes": Difference(0.2, 0.9)}
    parity = Parity(4, differences, 1.0)
    monkeypatch.setattr(export, "_write_and_compare", lambda *given: (parity, "any"))
    message = (
        "the boxes of ONNX Runtime differ from those of PyTorch by up to 0.2; "
        "the largest fraction is 0.9"
    )
    with pytest.raises(DataError, match=message):
        export.export_command([f"run={run.folder}", f"output={tmp_path / 'network.onnx'}"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_opset_that_the_runtime_cannot_run_is_refused(run, tmp_path):
    output = tmp_path / "network.onnx"
    with pytest.raises(ConfigError, match=r"opset=23: .*; use opset=22 or lower"):
        export.export_command([f"run={run.folder}", f"output={output}", "opset=23"])
    parsing.require_opset(22)


@pytest.mark.parametrize("output", ["people", "boxes"])
def test_not_a_number_in_any_output_is_a_difference(output):
    differences = {"people": Difference(0.0, 1.0), "boxes": Difference(0.0, 1.0)}
    nan = float("nan")
    parity = Parity(1, {**differences, output: Difference(nan, nan)}, 1.0)
    assert parity.worst[0] == output
    assert not parity.equal
