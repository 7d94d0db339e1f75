"""Every pair of architecture and backbone: either takes a training step, or is refused with why."""

import re
from functools import cache

import pytest
import torch
import yaml
from torch.nn.utils import get_total_norm

from clothseg.build import build_task
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.loss.combined import supervised
from clothseg.model.compatibility import pair_problem
from clothseg.shipped import CONF, options
from support.answers import model_pairs

pytestmark = pytest.mark.usefixtures("cheap_weights")
MODELS, BACKBONES = options("model"), options("backbone")
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
    "timm-efficientnet-b0": "efficientnet-b0",  # one network under two names, the first deprecated
    "timm-skresnet18": "tu-skresnet18",  # deprecated for the second, which is the same network
}
"""What is built for encoders whose names segmentation-models-pytorch warns about."""

WITHOUT_AN_OPTION = ["tu-resnet50", "tu-skresnet18"]
"""Encoders of the independent matrix that conf/backbone does not offer: the first is ResNet-50
again, the second, SK-ResNet-18, cannot be trained with one photo in a batch."""


def shipped(backbone):
    return yaml.safe_load((CONF / "backbone" / f"{backbone}.yaml").read_text())


def encoder(backbone):
    """An option's encoder in segmentation-models-pytorch, without the tag of its weights."""
    return shipped(backbone)["name"].split(".")[0]


def works(model, backbone):
    return pair_problem(model, backbone, MODELS, BACKBONES) is None


SIBLINGS = re.compile(r"efficientnet-b[124567]|resnet(18|34|101)|vgg16")
"""Backbones that differ from another one, of which all pairs are stepped, in depth and width only;
one architecture that uses all their stages stands for the others."""
OFFERED = [
    (m, b)
    for b in BACKBONES
    for m in MODELS
    if works(m, b) and (m == "unet" or not SIBLINGS.fullmatch(b))
]
STEPPED = {(m, encoder(b)) for m, b in OFFERED} | {
    (m, e) for e in WITHOUT_AN_OPTION for m in LIBRARY_NAMES
}


@cache
def composed(model):
    (job,) = check_command([f"model={model}"])
    return job.config


def task(model, backbone):
    """The Lightning module of a pair, built from a configuration as a run builds it."""
    return build_task({**composed(model), "backbone": backbone})


def require_a_step(module):
    """Train on one batch of a size that no stride divides, and look at what came of it."""
    shapes = []
    module.network.register_forward_hook(lambda _, __, out: shapes.append(out["logits"].shape))
    photos = torch.randint(0, 256, (2, 33, 47, 3), dtype=torch.uint8)
    mask = torch.randint(0, 15, (2, 33, 47))
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    first = next(iter(trained.values()))
    before = first.detach().clone()
    optimizer = module.make_optimizer(list(trained.values()))
    output = module.network(module.normalized(photos))
    batch = {"mask": mask, "pixels": torch.bincount(mask.flatten(), minlength=256)}
    terms = supervised(module.loss, output, batch, module.network.output_weights)
    loss = sum(terms.values())
    loss.backward()
    for name, parameter in module.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    optimizer.step()
    assert shapes == [(2, 15, 33, 47)]
    assert torch.isfinite(loss)
    assert torch.isfinite(get_total_norm(trained.values()))
    assert first.grad.any(), "the photo does not reach the logits"
    assert not torch.equal(first, before)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "backbone"), OFFERED)
def test_an_offered_pair_takes_a_training_step(model, backbone):
    module = task(model, shipped(backbone))
    require_a_step(module)
    if model == "unet":  # which has all stages of the encoder
        title = (CONF / "backbone" / f"{backbone}.yaml").read_text().splitlines()[0]
        count = sum(p.numel() for p in module.network.body.encoder.parameters())
        assert re.search(r": (\S+) M parameters\.$", title)[1] == f"{count / 1e6:.1f}"


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT_AN_OPTION)
@pytest.mark.parametrize("model", LIBRARY_NAMES)
def test_a_pair_of_the_independent_matrix_without_an_option_takes_a_training_step(model, name):
    require_a_step(task(model, {**shipped("resnet18"), "name": name}))


def independent_rows():
    """The matrix's rows of our architectures, as (model, encoder that is built here, row)."""
    ours = {name: model for model, name in LIBRARY_NAMES.items()}
    for architecture, name, row in model_pairs():
        yield ours[architecture], SUCCESSORS.get(name, name), row


def test_every_pair_that_the_independent_matrix_calls_good_is_stepped():
    good = {
        (model, name) for model, name, row in independent_rows() if row["built"] and row["runs"]
    }
    assert len(good) >= 110
    assert good <= STEPPED


def test_the_refused_pairs_are_those_that_the_library_refuses():
    options_of = {encoder(backbone): backbone for backbone in BACKBONES}
    rows = [row for row in independent_rows() if row[1] in options_of]
    assert len(rows) >= 50
    for model, name, row in rows:
        assert works(model, options_of[name]) == row["built"]


@pytest.mark.parametrize(
    ("model", "backbone", "reason", "works_with"),
    [
        ("linknet", "mit_b2", "no LinkNet on a Mix Transformer", "efficientnet-b0"),
        ("unetplusplus", "mit_b2", "no U-Net++ on a Mix Transformer", "resnet50"),
        ("deeplabv3", "vgg16", "shrinks by pooling", "resnet50"),
        ("fcn model.output_stride=16", "densenet121", "shrinks by pooling", "mobilenet_v2"),
        ("segnet", "resnet18", "has an encoder of its own", "none"),
        ("fpn", "none", "needs an encoder", "vgg19"),
        ("densenet_decoder", "resnet50", "a decoder for DenseNet", "densenet121"),
    ],
)
def test_a_refusal_names_the_reason_and_what_works(model, backbone, reason, works_with):
    with pytest.raises(ConfigError) as error:
        check_command([*f"model={model}".split(), f"backbone={backbone}"])
    (problem,) = error.value.problems
    model = model.split()[0]
    assert f"model={model} cannot have backbone={backbone}" in problem
    assert reason in problem
    assert re.search(rf"model={model} works with ([\w-]+, )*{works_with}\b", problem)


def test_an_encoder_that_keeps_its_stride_may_be_any():
    assert check_command(["model=fcn", "backbone=densenet121", "model.output_stride=32"])
