"""Files of weights: wrappers that are opened, and files that are refused, each with its reason."""

import pickle
import subprocess
import sys
from argparse import Namespace

import pytest
import torch
from safetensors.torch import save_file

from clothseg.error import ConfigError
from clothseg.weights.file import WRAPPERS, read_tensors, weights_path

OPTION = "backbone.weights"
TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.tensor([0.5])}


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "ckpt", "bin"])
@pytest.mark.parametrize("safe", [True, False])
def test_the_format_is_read_from_the_content_not_from_the_suffix(tmp_path, suffix, safe):
    path = tmp_path / f"weights.{suffix}"
    (save_file if safe else torch.save)(TENSORS, path)
    assert equal(read_tensors(weights_path(str(path), OPTION), OPTION), TENSORS)


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_old_and_new_versions_of_torch_are_read(tmp_path, zipped):
    path = tmp_path / "weights.pth"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=zipped)
    assert equal(read_tensors(path, OPTION), TENSORS)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrapped_tensors_are_found_beside_the_state_of_the_training(tmp_path, wrapper):
    path = tmp_path / "weights.pth"
    training = {"epoch": 3, "optimizer": {"state": {0: {"step": torch.ones(1)}}}, "name": "net"}
    torch.save({**training, wrapper: TENSORS}, path)
    assert equal(read_tensors(path, OPTION), TENSORS)
    torch.save({"model": {wrapper: TENSORS, "version": 1}}, path)
    assert equal(read_tensors(path, OPTION), TENSORS)


@pytest.mark.parametrize(
    "content", [[1, 2], 3, {}, {"a": 1}, {"optimizer": TENSORS}, torch.ones(2)]
)
def test_a_file_without_named_tensors_is_refused(content, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(ConfigError, match="expected a dictionary of tensors by name"):
        read_tensors(path, OPTION)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "run git lfs pull"),
        (b"\n<!DOCTYPE html><title>Sign in</title>", "an HTML page"),
        (b"<html><body>404</body></html>", "an HTML page"),
        (b"\x89HDF\r\n\x1a\n0000", "written by Keras"),
    ],
)
def test_files_mistaken_for_weights_are_named_without_torch(tmp_path, content, message):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    code = (
        "import sys; from clothseg.weights.file import weights_path\n"
        f"try: weights_path({str(path)!r}, 'backbone.weights')\n"
        "except Exception as error: print(error)\n"
        "print('torch' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert message in output
    assert f"backbone.weights={path}" in output
    assert output.endswith("False\n")


def test_a_folder_is_refused_unless_it_is_a_run_with_an_epoch(tmp_path):
    with pytest.raises(ConfigError, match="a folder, but not that of a run"):
        weights_path(str(tmp_path), OPTION)
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match="has not finished an epoch"):
        weights_path(str(tmp_path), OPTION)
    (tmp_path / "checkpoints").mkdir()
    torch.save(TENSORS, tmp_path / "checkpoints" / "best.ckpt")
    assert weights_path(str(tmp_path), OPTION) == tmp_path / "checkpoints" / "best.ckpt"


class Executes:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


@pytest.mark.parametrize("write", [torch.save, lambda c, p: p.write_bytes(pickle.dumps(c))])
def test_no_code_of_a_file_is_executed(tmp_path, write):
    path, executed = tmp_path / "weights.pth", tmp_path / "executed"
    write({"x": Executes(executed)}, path)
    with pytest.raises(ConfigError, match=r"backbone\.weights="):
        read_tensors(path, OPTION)
    assert not executed.exists()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (torch.nn.Linear(2, 1), r"torch\.nn\.modules\.linear\.Linear"),
        ({"state_dict": TENSORS, "hyper_parameters": Namespace(lr=1)}, r"argparse\.Namespace"),
    ],
)
def test_a_pickled_object_is_named_with_the_way_to_save_tensors(tmp_path, content, kind):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(ConfigError, match=rf"objects of {kind}.*network\.state_dict") as error:
        read_tensors(path, OPTION)
    assert "weights_only" not in str(error.value)  # torch suggests to set it to False


def test_a_torchscript_program_is_named(tmp_path):
    path = tmp_path / "program.pt"
    with pytest.warns((FutureWarning, DeprecationWarning)):
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 1), torch.ones(1, 2)), path)
    with pytest.raises(ConfigError, match="a TorchScript program"):
        read_tensors(path, OPTION)


@pytest.mark.parametrize("safe", [True, False])
def test_a_truncated_file_is_refused(tmp_path, safe):
    path = tmp_path / "weights.pth"
    (save_file if safe else torch.save)({"a": torch.ones(4096)}, path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ConfigError, match="not a weights file, or a damaged one"):
        read_tensors(path, OPTION)
