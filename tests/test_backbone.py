"""Encoder weights: from a file that fits or does not, and from a hub that does not answer."""

import os
import subprocess
import sys
import time

import pytest
import timm
import torch
import yaml
from safetensors.torch import save_file
from torchvision.models.segmentation import DeepLabV3_ResNet50_Weights, deeplabv3_resnet50

from clothseg.backbone import VOC, Backbone, backbone, load_weights
from clothseg.error import ConfigError
from clothseg.shipped import CONF, options
from clothseg.weights.hub import repository

TIMM_ENCODERS = [
    name
    for option in options("backbone")
    for name in [yaml.safe_load((CONF / "backbone" / f"{option}.yaml").read_text())["name"]]
    if name.startswith("tu-")
]
SMALL = "tu-test_convnext.r160_in1k"  # what timm has for tests, with ConvNeXt's layer names


def encoder(name="mobilenet_v2", depth=5):
    from segmentation_models_pytorch.encoders import get_encoder

    return get_encoder(name, weights=None, depth=depth)


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


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": {"a": torch.ones(2)}}, 3])
def test_a_file_that_holds_something_else_than_tensors_is_refused(content, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(ConfigError, match="it has to hold tensors by their names"):
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


def timm_file(path, *, classifier=True):
    """A file as timm writes it, of a complete network; returns what the encoder's layers are."""
    torch.manual_seed(1)
    state = timm.create_model("test_convnext").state_dict()
    kept = {n: t for n, t in state.items() if classifier or not n.startswith("head.")}
    save_file(kept, path)
    return state


@pytest.mark.parametrize("depth", [5, 3])  # PSPNet takes three stages
@pytest.mark.parametrize("classifier", [True, False])
def test_a_file_of_timm_fills_the_encoder(tmp_path, classifier, depth):
    path = tmp_path / "model.safetensors"
    source, target = timm_file(path, classifier=classifier), encoder(SMALL, depth)
    load_weights(target, backbone(name=SMALL, weights=str(path)))
    loaded = target.state_dict()
    for ours, theirs in {
        "model.stem_0.weight": "stem.0.weight",
        "model.stages_1.downsample.0.bias": "stages.1.downsample.0.bias",
        "model.stages_1.blocks.0.mlp.fc2.weight": "stages.1.blocks.0.mlp.fc2.weight",
    }.items():
        assert torch.equal(loaded[ours], source[theirs])
    drawn = encoder(SMALL, depth).state_dict()
    matrices = [name for name, tensor in loaded.items() if tensor.ndim > 1]
    assert not any(torch.equal(loaded[name], drawn[name]) for name in matrices)


@pytest.mark.parametrize(
    "name", [SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in TIMM_ENCODERS)]
)
def test_a_complete_network_and_the_encoder_alone_load_alike(tmp_path, name):
    network = timm.create_model(name.removeprefix("tu-")).state_dict()
    complete, alone = tmp_path / "complete.safetensors", tmp_path / "alone.safetensors"
    save_file(network, complete)
    first, second = encoder(name), encoder(name)
    load_weights(first, Backbone(name, str(complete)))
    save_file(first.state_dict(), alone)
    load_weights(second, Backbone(name, str(alone)))
    for layer, tensor in first.state_dict().items():
        assert torch.equal(second.state_dict()[layer], tensor)
    sums = sorted(float(tensor.double().sum()) for tensor in network.values())
    assert all(float(t.double().sum()) in sums for t in first.state_dict().values())


def test_a_file_of_timm_that_does_not_fit_names_the_layers(tmp_path):
    path = tmp_path / "model.safetensors"
    state = timm_file(path)
    del state["stages.0.blocks.0.norm.weight"]
    save_file(state | {"stranger.weight": torch.zeros(1)}, path)
    with pytest.raises(ConfigError) as error:
        load_weights(encoder(SMALL), Backbone(SMALL, str(path)))
    assert "1 layers missing: model.stages_0.blocks.0.norm.weight" in str(error.value)
    assert "1 layers not in this encoder: stranger.weight" in str(error.value)


def test_a_file_from_before_batch_normalization_counted_is_loaded(tmp_path):
    source, target = encoder(), encoder()
    path = tmp_path / "weights.safetensors"
    save_file({n: t for n, t in source.state_dict().items() if t.ndim}, path)
    load_weights(target, Backbone("mobilenet_v2", str(path)))
    assert torch.equal(next(iter(target.parameters())), next(iter(source.parameters())))


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("resnet18", "smp-hub/resnet18.imagenet"),
        ("tu-convnext_tiny.in12k_ft_in1k", "timm/convnext_tiny.in12k_ft_in1k"),
    ],
)
@pytest.mark.parametrize("offline", [True, False])
def test_an_impossible_download_fails_at_once_and_says_how_to_supply_the_file(
    monkeypatch, tmp_path, offline, name, repository
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    # No server listens there.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(ConfigError) as error:
        backbone(name=name, weights="imagenet")
    assert time.monotonic() - start < 2
    for part in (repository, "model.safetensors", "backbone.weights=<path>"):
        assert part in str(error.value)


def test_a_mistake_about_weights_is_told_without_the_libraries_of_networks():
    code = (
        "import sys; from clothseg.backbone import backbone\n"
        "try: backbone(name='tu-convnext_tiny.in12k_ft_in1k', weights='imagenet')\n"
        "except Exception as error: print(error)\n"
        "print(sorted({'torch', 'timm', 'segmentation_models_pytorch'} & set(sys.modules)))"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": "nowhere"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "the weights of tu-convnext_tiny.in12k_ft_in1k are not here" in said.stdout
    assert said.stdout.endswith("[]\n")


def store(tmp_path, monkeypatch, repository, revision, state):
    """Lay a file into a hub's cache, as a download would."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
    (folder / "snapshots" / revision).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(revision)
    save_file(state, folder / "snapshots" / revision / "model.safetensors")


@pytest.mark.parametrize(
    ("variable", "value", "cache"),
    [
        ("XDG_CACHE_HOME", "{tmp}/xdg", "xdg/huggingface/hub"),
        ("HF_HOME", "~/hf", "home/hf/hub"),
        ("HF_HUB_CACHE", "{tmp}/hub", "hub"),
    ],
)
def test_stored_weights_are_found_wherever_the_hub_keeps_its_cache(
    tmp_path, variable, value, cache
):
    snapshot = tmp_path / cache / "models--smp-hub--resnet18.imagenet" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    code = "from clothseg.backbone import backbone; backbone(name='resnet18', weights='imagenet')"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "XDG_"))}
    environment = {
        **kept,
        "HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "1",
        variable: value.format(tmp=tmp_path),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_stored_hub_weights_are_found_without_a_network(monkeypatch, tmp_path):
    from segmentation_models_pytorch.encoders import encoders

    settings = encoders["mobilenet_v2"]["pretrained_settings"]["imagenet"]
    source, target = encoder(), encoder()
    repository = "smp-hub/mobilenet_v2.imagenet"
    store(tmp_path, monkeypatch, repository, settings["revision"], source.state_dict())
    load_weights(target, backbone(name="mobilenet_v2", weights="imagenet"))
    assert torch.equal(next(iter(target.parameters())), next(iter(source.parameters())))


def test_stored_weights_of_timm_are_found_without_a_network(monkeypatch, tmp_path):
    torch.manual_seed(1)
    state = timm.create_model("test_convnext").state_dict()
    store(tmp_path, monkeypatch, repository(SMALL), "0" * 40, state)
    target = encoder(SMALL)
    load_weights(target, backbone(name=SMALL, weights="imagenet"))
    assert torch.equal(target.state_dict()["model.stem_0.weight"], state["stem.0.weight"])


def test_a_stored_file_of_another_revision_is_not_mistaken_for_the_right_one(monkeypatch, tmp_path):
    store(tmp_path, monkeypatch, "smp-hub/mobilenet_v2.imagenet", "0" * 40, encoder().state_dict())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    wanted = backbone(name="mobilenet_v2", weights="imagenet")
    with pytest.raises(ConfigError, match="the weights of mobilenet_v2 are not here"):
        load_weights(encoder(), wanted)


@pytest.mark.parametrize("name", TIMM_ENCODERS)
def test_the_repository_of_an_offered_timm_encoder_is_the_one_that_timm_names(name):
    settings = timm.get_pretrained_cfg(name.removeprefix("tu-"))
    assert settings.hf_hub_id == repository(name)
    assert settings.mean == pytest.approx((0.485, 0.456, 0.406))  # data.normalization=imagenet


def test_a_timm_encoder_without_the_tag_of_its_weights_has_no_imagenet_weights():
    with pytest.raises(ConfigError, match=r"backbone\.name=tu-resnet50\.<tag>"):
        backbone(name="tu-resnet50", weights="imagenet")


def test_the_encoder_of_a_segmentation_network_of_torchvision_is_taken(tmp_path):
    torch.manual_seed(1)
    source = deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=True)
    path = tmp_path / "voc.pth"
    torch.save(source.state_dict(), path)
    target = encoder("resnet50")
    load_weights(target, backbone(name="resnet50", weights=str(path)))
    for name, tensor in source.backbone.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


def test_weights_of_voc_are_torchvisions_and_of_resnet50_alone(tmp_path, monkeypatch):
    offered = DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1
    assert offered.url == VOC.url
    with pytest.raises(ConfigError, match="there are those of resnet50, not of resnet18"):
        backbone(name="resnet18", weights="voc")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("clothseg.weights.torchvision.is_reachable", lambda url: False)
    with pytest.raises(ConfigError, match=r"backbone\.weights=<path>"):
        backbone(name="resnet50", weights="voc")
    VOC.path.parent.mkdir(parents=True)
    VOC.path.write_bytes(b"stored")
    assert backbone(name="resnet50", weights="voc") == Backbone("resnet50", "voc")


def test_there_are_no_weights_without_a_backbone():
    assert backbone(name="none", weights=None) == Backbone("none", None)
    with pytest.raises(ConfigError, match="there is no backbone to load them"):
        backbone(name="none", weights="imagenet")
