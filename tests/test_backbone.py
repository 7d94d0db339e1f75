"""Encoder weights: from a file that fits or does not, and from a hub that does not answer."""

import time

import pytest
import torch
from safetensors.torch import save_file

from clothseg.backbone import Backbone, backbone, load_weights
from clothseg.error import ConfigError


def encoder(name="mobilenet_v2"):
    from segmentation_models_pytorch.encoders import get_encoder

    return get_encoder(name, weights=None)


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_weights_of_a_file_are_loaded(tmp_path, kind):
    torch.manual_seed(1)
    source, target = encoder(), encoder()
    path = tmp_path / f"weights.{kind}"
    (save_file if kind == "safetensors" else torch.save)(source.state_dict(), path)
    load_weights(target, backbone(name="mobilenet_v2", weights=str(path)))
    for name, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], value)


def test_weights_that_do_not_fit_name_the_layers(tmp_path):
    state = encoder().state_dict()
    first = next(iter(state))
    state[first] = state[first][:5].clone()
    state["stranger"] = torch.zeros(1)
    removed = list(state)[3]
    del state[removed]
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    with pytest.raises(ConfigError) as error:
        load_weights(encoder(), Backbone("mobilenet_v2", str(path)))
    for part in (
        f"1 layers missing: {removed}",
        "1 layers not in this encoder: stranger",
        f"{first} [5, 3",
    ):
        assert part in str(error.value)


def test_a_file_of_another_encoder_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(encoder("resnet18").state_dict(), path)
    with pytest.raises(ConfigError, match=r"does not fit mobilenet_v2: \d+ layers missing"):
        load_weights(encoder(), Backbone("mobilenet_v2", str(path)))


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_text("not weights")
    with pytest.raises(ConfigError, match="not a file of weights"):
        load_weights(encoder(), Backbone("mobilenet_v2", str(path)))


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    path = tmp_path / "weights.pth"
    torch.save({"x": Evil()}, path)
    with pytest.raises(ConfigError, match="not a file of weights"):
        load_weights(encoder(), Backbone("mobilenet_v2", str(path)))


def test_a_missing_file_is_told_before_anything_is_built():
    with pytest.raises(ConfigError, match=r"nowhere\.pth: no such file"):
        backbone(name="resnet18", weights="nowhere.pth")


@pytest.mark.parametrize("offline", ["1", "0"])
def test_an_impossible_download_fails_at_once_and_says_how_to_supply_the_file(
    monkeypatch, tmp_path, offline
):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    start = time.monotonic()
    with pytest.raises(ConfigError) as error:
        backbone(name="resnet18", weights="imagenet")
    assert time.monotonic() - start < 2
    for part in ("smp-hub/resnet18.imagenet", "model.safetensors", "backbone.weights=<path>"):
        assert part in str(error.value)


def test_stored_hub_weights_are_found_without_a_network(monkeypatch, tmp_path):
    from segmentation_models_pytorch.encoders import encoders

    settings = encoders["mobilenet_v2"]["pretrained_settings"]["imagenet"]
    folder = tmp_path / "hub" / "models--smp-hub--mobilenet_v2.imagenet" / "snapshots"
    folder /= settings["revision"]
    folder.mkdir(parents=True)
    source = encoder()
    save_file(source.state_dict(), folder / "model.safetensors")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    target = encoder()
    load_weights(target, backbone(name="mobilenet_v2", weights="imagenet"))
    assert torch.equal(next(iter(target.parameters())), next(iter(source.parameters())))
