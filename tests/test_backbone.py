"""Encoder weights: from files that fit or do not, and from an unreachable hub."""

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

from clothseg.backbone import VOC, Backbone, backbone, load_weights, require_fit
from clothseg.error import ConfigError
from clothseg.shipped import CONF, options
from clothseg.task.image_network import NORMALIZATIONS
from clothseg.weights.hub import repository

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

NODES = [
    yaml.safe_load((CONF / "backbone" / f"{option}.yaml").read_text())
    for option in options("backbone")
]
TIMM_ENCODERS = {n["name"]: n["normalization"] for n in NODES if n["name"].startswith("tu-")}
SMALL = "tu-test_convnext.r160_in1k"  # timm's test network with the layer names of ConvNeXt


def encoder(name="mobilenet_v2", depth=5):
    from segmentation_models_pytorch.encoders import get_encoder

    return get_encoder(name, weights=None, depth=depth)


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_weights_are_loaded_from_a_file(tmp_path, kind):
    torch.manual_seed(1)
    source, target = encoder(), encoder()
    path = tmp_path / f"weights.{kind}"
    (save_file if kind == "safetensors" else torch.save)(source.state_dict(), path)
    load_weights(target, backbone(name="mobilenet_v2", weights=str(path)))
    for name, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], value)


def test_error_for_weights_that_do_not_fit_names_the_layers(tmp_path):
    state = encoder().state_dict()
    first = next(iter(state))
    state[first] = state[first][:5].clone()
    state["unknown"] = torch.zeros(1)
    removed = list(state)[3]
    del state[removed]
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    with pytest.raises(ConfigError) as error:
        load_weights(encoder(), Backbone("mobilenet_v2", str(path)))
    for part in (
        f"1 layers missing: {removed}",
        "1 layers not in this encoder: unknown",
        f"{first} [5, 3",
    ):
        assert part in str(error.value)


def test_weights_of_another_encoder_raise(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(encoder("resnet18").state_dict(), path)
    with pytest.raises(
        ConfigError, match=r"does not fit mobilenet_v2: it has the layers of resnet18$"
    ):
        load_weights(encoder(), Backbone("mobilenet_v2", str(path)))


def test_file_without_weights_raises(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_text("not weights")
    with pytest.raises(ConfigError, match="not a weights file"):
        load_weights(encoder(), Backbone("mobilenet_v2", str(path)))


def test_missing_file_is_reported_before_a_network_is_built():
    with pytest.raises(ConfigError, match=r"nowhere\.pth: no such file"):
        backbone(name="resnet18", weights="nowhere.pth")


def write_timm_file(path, *, classifier=True):
    """Write the weights of a full timm network as timm does; return its state."""
    torch.manual_seed(1)
    state = timm.create_model("test_convnext").state_dict()
    written = {n: t for n, t in state.items() if classifier or not n.startswith("head.")}
    save_file(written, path)
    return state


@pytest.mark.parametrize("depth", [5, 3])  # PSPNet uses three stages
@pytest.mark.parametrize("classifier", [True, False])
def test_timm_weights_are_loaded_into_the_encoder(tmp_path, classifier, depth):
    path = tmp_path / "model.safetensors"
    source, target = write_timm_file(path, classifier=classifier), encoder(SMALL, depth)
    load_weights(target, backbone(name=SMALL, weights=str(path)))
    loaded = target.state_dict()
    for ours, theirs in {
        "model.stem_0.weight": "stem.0.weight",
        "model.stages_1.downsample.0.bias": "stages.1.downsample.0.bias",
        "model.stages_1.blocks.0.mlp.fc2.weight": "stages.1.blocks.0.mlp.fc2.weight",
    }.items():
        assert torch.equal(loaded[ours], source[theirs])
    random = encoder(SMALL, depth).state_dict()
    matrices = [name for name, tensor in loaded.items() if tensor.ndim > 1]
    assert not any(torch.equal(loaded[name], random[name]) for name in matrices)


@pytest.mark.parametrize(
    "name", [SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in TIMM_ENCODERS)]
)
def test_weights_of_the_full_network_and_of_the_encoder_are_equivalent(tmp_path, name):
    network = timm.create_model(name.removeprefix("tu-")).state_dict()
    full_path, encoder_path = tmp_path / "full.safetensors", tmp_path / "encoder.safetensors"
    save_file(network, full_path)
    first, second = encoder(name), encoder(name)
    load_weights(first, Backbone(name, str(full_path)))
    save_file(first.state_dict(), encoder_path)
    load_weights(second, Backbone(name, str(encoder_path)))
    for layer, tensor in first.state_dict().items():
        assert torch.equal(second.state_dict()[layer], tensor)
    sums = sorted(float(tensor.double().sum()) for tensor in network.values())
    assert all(float(t.double().sum()) in sums for t in first.state_dict().values())


def test_error_for_timm_weights_that_do_not_fit_names_the_layers(tmp_path):
    path = tmp_path / "model.safetensors"
    state = write_timm_file(path)
    del state["stages.0.blocks.0.norm.weight"]
    save_file(state | {"unknown.weight": torch.zeros(1)}, path)
    with pytest.raises(ConfigError) as error:
        load_weights(encoder(SMALL), Backbone(SMALL, str(path)))
    assert "1 layers missing: model.stages_0.blocks.0.norm.weight" in str(error.value)
    assert "1 layers not in this encoder: unknown.weight" in str(error.value)


def test_weights_without_batch_counters_are_loaded(tmp_path):
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
def test_impossible_download_fails_immediately_and_explains_how_to_supply_the_file(
    monkeypatch, tmp_path, offline, name, repository
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    # No server listens at this port.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(ConfigError) as error:
        backbone(name=name, weights="imagenet")
    assert time.monotonic() - start < 2
    for part in (repository, "model.safetensors", "backbone.weights=<path>"):
        assert part in str(error.value)


def test_missing_weights_are_reported_without_importing_network_libraries():
    code = (
        "import sys; from clothseg.backbone import backbone\n"
        "try: backbone(name='tu-convnext_tiny.in12k_ft_in1k', weights='imagenet')\n"
        "except Exception as error: print(error)\n"
        "print(sorted({'torch', 'timm', 'segmentation_models_pytorch'} & set(sys.modules)))"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": "nowhere"}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    message = "the weights of tu-convnext_tiny.in12k_ft_in1k are not available locally"
    assert message in process.stdout
    assert process.stdout.endswith("[]\n")


def cache_weights(tmp_path, monkeypatch, repository, revision, state):
    """Write a file into the hub's cache as a download would."""
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
def test_cached_weights_are_found_in_any_cache_location_of_the_hub(
    tmp_path, variable, value, cache
):
    snapshot = tmp_path / cache / "models--smp-hub--resnet18.imagenet" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    code = "from clothseg.backbone import backbone; backbone(name='resnet18', weights='imagenet')"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "XDG_"))}
    environment = {
        **inherited,
        "HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "1",
        variable: value.format(tmp=tmp_path),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_cached_hub_weights_are_loaded_offline(monkeypatch, tmp_path):
    from segmentation_models_pytorch.encoders import encoders

    settings = encoders["mobilenet_v2"]["pretrained_settings"]["imagenet"]
    source, target = encoder(), encoder()
    repository = "smp-hub/mobilenet_v2.imagenet"
    cache_weights(tmp_path, monkeypatch, repository, settings["revision"], source.state_dict())
    load_weights(target, backbone(name="mobilenet_v2", weights="imagenet"))
    assert torch.equal(next(iter(target.parameters())), next(iter(source.parameters())))


def test_cached_timm_weights_are_loaded_offline(monkeypatch, tmp_path):
    torch.manual_seed(1)
    state = timm.create_model("test_convnext").state_dict()
    cache_weights(tmp_path, monkeypatch, repository(SMALL), "0" * 40, state)
    target = encoder(SMALL)
    load_weights(target, backbone(name=SMALL, weights="imagenet"))
    assert torch.equal(target.state_dict()["model.stem_0.weight"], state["stem.0.weight"])


def test_cached_file_of_another_revision_is_not_used(monkeypatch, tmp_path):
    state = encoder().state_dict()
    cache_weights(tmp_path, monkeypatch, "smp-hub/mobilenet_v2.imagenet", "0" * 40, state)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    configured = backbone(name="mobilenet_v2", weights="imagenet")
    with pytest.raises(ConfigError, match="the weights of mobilenet_v2 are not available locally"):
        load_weights(encoder(), configured)


@pytest.mark.parametrize("name", TIMM_ENCODERS)
def test_repository_of_a_timm_encoder_equals_that_in_timm(name):
    settings = timm.get_pretrained_cfg(name.removeprefix("tu-"))
    assert settings.hf_hub_id == repository(name)
    assert (settings.mean, settings.std) == NORMALIZATIONS[TIMM_ENCODERS[name]]


def test_imagenet_weights_of_a_timm_encoder_require_a_tag():
    with pytest.raises(ConfigError, match=r"backbone\.name=tu-resnet50\.<tag>"):
        backbone(name="tu-resnet50", weights="imagenet")


def test_encoder_of_a_torchvision_segmentation_network_is_loaded(tmp_path):
    torch.manual_seed(1)
    source = deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=True)
    path = tmp_path / "voc.pth"
    torch.save(source.state_dict(), path)
    target = encoder("resnet50")
    load_weights(target, backbone(name="resnet50", weights=str(path)))
    for name, tensor in source.backbone.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


def test_voc_weights_are_those_of_torchvision_and_for_resnet50_only(tmp_path, monkeypatch):
    published = DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1
    assert published.url == VOC.url
    with pytest.raises(ConfigError, match="available for resnet50 only, not for resnet18"):
        backbone(name="resnet18", weights="voc")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("clothseg.weights.torchvision.is_reachable", lambda url: False)
    with pytest.raises(ConfigError, match=r"backbone\.weights=<path>"):
        backbone(name="resnet50", weights="voc")
    VOC.path.parent.mkdir(parents=True)
    VOC.path.write_bytes(b"cached")
    assert backbone(name="resnet50", weights="voc") == Backbone("resnet50", "voc")


def test_weights_without_a_backbone_raise():
    assert backbone(name="none", weights=None) == Backbone("none", None)
    with pytest.raises(ConfigError, match="there is no backbone to load them"):
        backbone(name="none", weights="imagenet")


@pytest.mark.parametrize("name", ["fpn-b0", "../../x", "tu-no_such_model", "tu-convmixer_768_32"])
def test_an_encoder_that_does_not_exist_is_one_sentence(name):
    with pytest.raises(ConfigError) as caught:
        require_fit(Backbone(name, None))
    (problem,) = caught.value.problems
    assert problem.startswith(f"backbone.name={name}: neither an encoder of segmentation-models")
    assert len(problem) < 400


def test_encoders_that_are_not_shipped_may_be_named():
    assert "resnext101_32x4d" not in options("backbone")
    require_fit(Backbone("resnext101_32x4d", None))
    require_fit(Backbone("tu-resnet10t", None))
