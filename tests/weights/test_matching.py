"""Matching of complete networks of torchvision and timm, and of checkpoints, to every encoder."""

import pytest
import timm
import torch
import torchvision
import yaml
from segmentation_models_pytorch.encoders import get_encoder

from clothseg.backbone import Backbone, backbone, load_weights, require_fit
from clothseg.error import ConfigError
from clothseg.shipped import CONF, options
from clothseg.weights.matching import canonical

pytestmark = pytest.mark.slow(seconds=2)

NAMES = [
    name
    for option in options("backbone")
    for name in [yaml.safe_load((CONF / "backbone" / f"{option}.yaml").read_text())["name"]]
    if name != "none"
]
REPEATED = [f"efficientnet-b{number}" for number in range(1, 8)]  # of the same code as b0
TORCHVISION = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "resnet101": "resnet101",
    "densenet121": "densenet121",
    "vgg16": "vgg16",
    "vgg16_bn": "vgg16_bn",
    "vgg19": "vgg19",
    "mobilenet_v2": "mobilenet_v2",
    "efficientnet-b0": "efficientnet_b0",
    "tu-convnext_tiny.in12k_ft_in1k": "convnext_tiny",
}
TIMM = {
    **{name: name for name in TORCHVISION if name.startswith(("resnet", "dense", "vgg"))},
    "mobilenet_v2": "mobilenetv2_100",
    "efficientnet-b0": "tf_efficientnet_b0",
    "xception": "legacy_xception",
    **{name: name.removeprefix("tu-") for name in NAMES if name.startswith("tu-")},
}
SAME_FUNCTION = [
    *((name, "torchvision") for name in ("resnet18", "densenet121", "vgg16", "mobilenet_v2")),
    ("tu-convnext_tiny.in12k_ft_in1k", "torchvision"),
    *((name, "timm") for name in ("resnet50", "densenet121", "vgg16_bn", "mobilenet_v2")),
    *((name, "timm") for name in TIMM if name.startswith(("efficientnet", "tu-"))),
]
"""One network of each family and library that computes what the encoder does.

Torchvision's EfficientNet pads its images elsewhere, and timm's Xception has other strides.
"""


def complete(name, library):
    """A complete network in evaluation mode; weights and statistics are random, not 0 or 1."""
    torch.manual_seed(0)
    if library == "torchvision":
        network = getattr(torchvision.models, TORCHVISION[name])(weights=None)
    else:
        network = timm.create_model(TIMM[name])
    for layer, buffer in network.named_buffers():
        if layer.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif layer.endswith("running_var"):
            buffer.uniform_(0.8, 1.2)
    for parameter in network.parameters():  # such as the biases and the scales of layers
        if parameter.ndim < 4 and bool((parameter == parameter.flatten()[0]).all()):
            parameter.data.add_(torch.randn_like(parameter) / 10)
    return network.eval()


def loaded(tmp_path, name, content):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    target = get_encoder(name, weights=None)
    configured = backbone(name=name, weights=str(path))
    require_fit(configured)
    load_weights(target, configured)
    return target.eval()


def equal(first, second):
    return all(torch.equal(second.state_dict()[n], t) for n, t in first.state_dict().items())


@pytest.mark.parametrize("name", [n for n in NAMES if n not in REPEATED])
@pytest.mark.parametrize("prefix", ["module.", "network.body.encoder."])
def test_the_weights_of_every_backbone_are_saved_and_loaded(tmp_path, cheap_weights, name, prefix):
    source = get_encoder(name, weights=None)
    state = {f"{prefix}{layer}": tensor for layer, tensor in source.state_dict().items()}
    decoder = {"decoder.conv.weight": torch.ones(1)} if prefix.endswith("encoder.") else {}
    assert equal(source, loaded(tmp_path, name, {"state_dict": state | decoder}))


def deepest(name, library, network, image):
    """Features of a complete network after its last stage, as its library computes them."""
    if "swin" in name:
        return network.layers(network.patch_embed(image)).permute(0, 3, 1, 2)
    if library == "timm" and "efficientnet" in name:
        return network.blocks(network.bn1(network.conv_stem(image)))
    if library == "timm":
        return network.forward_features(image)
    if name.startswith("resnet"):
        return torch.nn.Sequential(*list(network.children())[:-2])(image)
    return network.features(image)


@pytest.mark.parametrize(("name", "library"), SAME_FUNCTION)
def test_a_complete_network_gives_the_encoder_its_features(tmp_path, cheap_weights, name, library):
    network = complete(name, library)
    encoder = loaded(tmp_path, name, network.state_dict())
    size = 224 if "swin" in name else 64
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, found = deepest(name, library, network, image), encoder(image)[-1]
    if (name, library) == ("densenet121", "timm"):  # which ends in the activation
        found = found.relu()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "library"), [("efficientnet-b0", "torchvision"), ("xception", "timm")]
)
def test_complete_networks_with_other_details_are_loaded_too(tmp_path, name, library):
    network = complete(name, library)
    encoder = loaded(tmp_path, name, network.state_dict())
    stored = [tuple(t.shape) for t in network.state_dict().values() if t.ndim > 1]
    assert [tuple(t.shape) for t in encoder.state_dict().values() if t.ndim > 1] == stored[:-1]
    sums = {float(tensor.double().sum()) for tensor in network.state_dict().values()}
    assert all(float(t.double().sum()) in sums for t in encoder.state_dict().values())


def test_old_names_of_torchvisions_densenet_are_known(tmp_path):
    network = complete("densenet121", "torchvision")
    old = {
        layer.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): tensor
        for layer, tensor in network.state_dict().items()
    }
    assert any(".norm.1." in layer for layer in old)
    encoder = loaded(tmp_path, "densenet121", old)
    assert equal(encoder, loaded(tmp_path, "densenet121", network.state_dict()))
    assert canonical("features.denseblock1.denselayer2.norm.1.bias").endswith("norm1.bias")


def test_a_network_without_its_classifier_is_loaded(tmp_path):
    state = complete("resnet18", "torchvision").state_dict()
    cut = {layer: tensor for layer, tensor in state.items() if not layer.startswith("fc.")}
    assert equal(loaded(tmp_path, "resnet18", cut), loaded(tmp_path, "resnet18", state))


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("name", ["resnet18", "tu-tf_efficientnet_lite0.in1k"])
def test_a_first_convolution_for_other_images_is_refused(tmp_path, name, channels):
    state = get_encoder(name, weights=None).state_dict()
    first = next(iter(state))
    state[first] = torch.zeros(len(state[first]), channels, *state[first].shape[2:])
    with pytest.raises(ConfigError, match=f"takes {channels} channels, but photos have 3"):
        loaded(tmp_path, name, state)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    state = get_encoder("resnet18", weights=None).state_dict()
    state["layer3.0.bn1.bias"][7] = value
    with pytest.raises(ConfigError, match=r"NaN or infinite values in 1 layers.*layer3\.0\.bn1"):
        loaded(tmp_path, "resnet18", state)


def test_the_encoders_of_a_student_and_a_teacher_are_ambiguous(tmp_path):
    state = get_encoder("resnet18", weights=None).state_dict()
    both = {f"{part}.{n}": t for part in ("student", "teacher") for n, t in state.items()}
    with pytest.raises(ConfigError, match=r"contains 2 encoders, student\., teacher\.;"):
        loaded(tmp_path, "resnet18", both)


@pytest.mark.parametrize(
    ("name", "other"), [("resnet18", "resnet34"), ("vgg16", "vgg19"), ("resnet34", "resnet18")]
)
def test_a_deeper_network_with_the_same_layers_is_not_cut(tmp_path, cheap_weights, name, other):
    state = get_encoder(other, weights=None).state_dict()
    with pytest.raises(ConfigError, match=f"does not fit {name}: it has the layers of {other}$"):
        loaded(tmp_path, name, state)


def test_weights_of_no_shipped_backbone_are_described_by_their_layers(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(torch.nn.Linear(2, 1).state_dict(), path)
    with pytest.raises(ConfigError, match=r"does not fit resnet18: \d+ layers missing: conv1"):
        require_fit(Backbone("resnet18", str(path)))
