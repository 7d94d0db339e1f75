"""Every pair of architecture and backbone either takes a training step or is refused."""

import re
from functools import cache

import pytest
import torch
import yaml
from torch.nn.utils import get_total_norm

from clothseg.build import build_task
from clothseg.config.command_line import check_command
from clothseg.config.run_config import RunConfig
from clothseg.error import ConfigError
from clothseg.model.compatibility import pair_problem
from clothseg.model.sizes import ANY
from clothseg.shipped import CONF, options
from support.answers import model_pairs
from support.shipped_config import REQUIREMENTS

pytestmark = pytest.mark.usefixtures("cheap_weights")
MODELS = [model for model in options("model") if not model.startswith("hptr")]
"""Architectures of semantic segmentation."""
BACKBONES = options("backbone")
LIBRARY_NAMES = {
    "deeplabv3": "DeepLabV3",
    "deeplabv3plus": "DeepLabV3Plus",
    "fpn": "FPN",
    "linknet": "Linknet",
    "pspnet": "PSPNet",
    "segformer": "Segformer",
    "unet": "Unet",
    "unetplusplus": "UnetPlusPlus",
    "upernet": "UPerNet",
}

SUCCESSORS = {
    "timm-efficientnet-b0": "efficientnet-b0",
    "timm-skresnet18": "tu-skresnet18",
}
"""Replacements of encoder names that are deprecated in segmentation-models-pytorch."""

WITHOUT_AN_OPTION = ["tu-resnet50", "tu-skresnet18"]
"""Encoders of the reference matrix without an option in conf/backbone: the first duplicates
ResNet-50; the second, SK-ResNet-18, cannot be trained with a batch of one image."""


def backbone_node(backbone):
    return yaml.safe_load((CONF / "backbone" / f"{backbone}.yaml").read_text())


def encoder(backbone):
    """Return an option's encoder in segmentation-models-pytorch, without the tag of its weights."""
    return backbone_node(backbone)["name"].split(".")[0]


def works(model, backbone):
    return pair_problem(model, backbone, MODELS, BACKBONES) is None


SIBLINGS = re.compile(r"efficientnet-b[124567]|resnet(18|34|101)|vgg16")
"""Backbones that differ only in depth and width from one that is tested with all architectures;
testing them with one architecture that uses all their stages suffices."""
SUPPORTED = [
    (m, b)
    for b in BACKBONES
    for m in MODELS
    if works(m, b) and (m == "unet" or not SIBLINGS.fullmatch(b))
]
TESTED = {(m, encoder(b)) for m, b in SUPPORTED} | {
    (m, e) for e in WITHOUT_AN_OPTION for m in LIBRARY_NAMES
}


@cache
def composed(model):
    (job,) = check_command([f"model={model}", *REQUIREMENTS.get(f"model={model}", [])])
    return job.config.plain


def task(model, backbone):
    """Build the Lightning module of a pair from a configuration, as a run does."""
    return build_task(RunConfig({**composed(model), "backbone": backbone}))


def check_training_step(module):
    """Train on one batch, if possible of a size that is no multiple of any stride, and check it."""
    shapes = []
    module.network.register_forward_hook(lambda _, __, out: shapes.append(out["logits"].shape))
    sizes = module.network.sizes
    size = (33, 47) if sizes == ANY else (sizes.smallest, sizes.smallest)
    images = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    mask = torch.randint(0, 15, (2, *size))
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    first = next(iter(trained.values()))
    before = first.detach().clone()
    optimizer = module.make_optimizer([], list(trained.values()))
    output = module.network(module.normalized(images))
    batch = {"mask": mask, "pixels": torch.bincount(mask.flatten(), minlength=256)}
    terms = module.loss(output, batch)
    loss = sum(terms.values())
    loss.backward()
    for name, parameter in module.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    optimizer.step()
    assert shapes == [(2, 15, *size)]
    assert torch.isfinite(loss)
    assert torch.isfinite(get_total_norm(trained.values()))
    assert first.grad.any(), "the logits do not depend on the image"
    assert not torch.equal(first, before)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "backbone"), SUPPORTED)
def test_supported_pair_takes_a_training_step(model, backbone):
    module = task(model, backbone_node(backbone))
    check_training_step(module)
    if model == "unet":  # uses all stages of the encoder
        title = (CONF / "backbone" / f"{backbone}.yaml").read_text().splitlines()[0]
        count = sum(p.numel() for p in module.network.body.encoder.parameters())
        assert re.search(r": (\S+) M parameters\.$", title)[1] == f"{count / 1e6:.1f}"


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT_AN_OPTION)
@pytest.mark.parametrize("model", LIBRARY_NAMES)
def test_pair_of_the_reference_matrix_without_an_option_takes_a_training_step(model, name):
    check_training_step(task(model, {**backbone_node("resnet18"), "name": name}))


def reference_rows():
    """Yield the matrix's rows of supported architectures as (model, current encoder name, row)."""
    ours = {name: model for model, name in LIBRARY_NAMES.items()}
    for architecture, name, row in model_pairs():
        yield ours[architecture], SUCCESSORS.get(name, name), row


def test_every_working_pair_of_the_reference_matrix_is_tested():
    working = {
        (model, name) for model, name, row in reference_rows() if row["built"] and row["runs"]
    }
    assert len(working) >= 110
    assert working <= TESTED


def test_refused_pairs_are_those_that_the_library_refuses():
    options_of = {encoder(backbone): backbone for backbone in BACKBONES}
    rows = [row for row in reference_rows() if row[1] in options_of]
    assert len(rows) >= 50
    for model, name, row in rows:
        assert works(model, options_of[name]) == row["built"]


@pytest.mark.parametrize(
    ("model", "backbone", "reason", "works_with"),
    [
        ("linknet", "mit_b2", "no LinkNet on a Mix Transformer", "efficientnet-b0"),
        ("unetplusplus", "mit_b2", "no U-Net++ on a Mix Transformer", "resnet50"),
        ("deeplabv3", "vgg16", "downsamples by pooling", "resnet50"),
        ("fcn model.output_stride=16", "densenet121", "downsamples by pooling", "mobilenet_v2"),
        ("segnet", "resnet18", "has a built-in encoder", "none"),
        ("pyramid_unet", "vgg16", "has a built-in encoder", "none"),
        ("fpn", "none", "needs an encoder", "vgg19"),
        ("densenet_decoder", "resnet50", "a decoder for DenseNet", "densenet121"),
    ],
)
def test_error_names_the_reason_and_the_alternatives(model, backbone, reason, works_with):
    own = REQUIREMENTS.get(f"model={model}", [])
    with pytest.raises(ConfigError) as error:
        check_command([*f"model={model}".split(), f"backbone={backbone}", *own])
    (problem,) = error.value.problems
    model = model.split()[0]
    assert f"model={model} cannot have backbone={backbone}" in problem
    assert reason in problem
    assert re.search(rf"model={model} works with ([\w-]+, )*{works_with}\b", problem)


def test_plain_encoder_accepts_any_backbone():
    assert check_command(["model=fcn", "backbone=densenet121", "model.output_stride=32"])
