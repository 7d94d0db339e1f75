"""Atrous encoders compute the same features as the plain ones."""

import pytest
import torch
import torchvision
from segmentation_models_pytorch.encoders import get_encoder
from torch import nn

from clothseg.config.command_line import check_command
from clothseg.model.atrous import restore_rates

pytestmark = pytest.mark.usefixtures("cheap_weights")


def network(model, *overrides):
    (job,) = check_command([f"model={model}", *overrides])
    return job.config.model(job.config.backbone(), 21).eval()


def randomize_statistics(module):
    """Give a module running statistics as after training."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.8, 1.2)
    return module.eval()


@pytest.mark.slow(seconds=2)
def test_fcn_logits_equal_those_of_torchvision():
    theirs = torchvision.models.segmentation.fcn_resnet50(
        weights=None, weights_backbone=None, num_classes=21
    )
    randomize_statistics(theirs)
    ours = network("fcn", "model.output_stride=8", "model.head=convolutional")
    ours.body.encoder.load_state_dict(theirs.backbone.state_dict())
    ours.body.head.load_state_dict(theirs.classifier.state_dict())
    image = torch.randn(1, 3, 96, 64, dtype=torch.float64)
    with torch.no_grad():
        logits, expected = ours.double()(image)["logits"], theirs.double()(image)["out"]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow(seconds=2)
@pytest.mark.parametrize("model", ["fcn", "deeplabv3", "dilated_pspnet", "deeplabv3plus"])
@pytest.mark.parametrize(
    ("stride", "atrous"), [(16, (False, False, True)), (8, (False, True, True))]
)
def test_resnet_features_equal_those_of_torchvision(model, stride, atrous):
    theirs = randomize_statistics(
        torchvision.models.resnet50(weights=None, replace_stride_with_dilation=list(atrous))
    )
    theirs.avgpool, theirs.fc = nn.Identity(), nn.Identity()
    ours = network(model, "backbone=resnet50", f"model.output_stride={stride}").body.encoder
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, 64, 64, dtype=torch.float64)  # the order of summation differs
    with torch.no_grad():
        features, expected = ours.double().eval()(image)[-1], theirs.double()(image)
    assert features.shape == (1, 2048, 64 // stride, 64 // stride)
    torch.testing.assert_close(features.flatten(1), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        *(
            pytest.param(name, marks=pytest.mark.slow(seconds=3))
            for name in ("mobilenet_v2", "efficientnet-b0", "efficientnet-b3")
        ),
    ],
)
@pytest.mark.parametrize("stride", [8, 16])
def test_strided_features_equal_those_of_the_plain_encoder(name, stride):
    """Exclude the bottom right border, where EfficientNet pads less, and squeeze-and-excitation."""
    plain = randomize_statistics(get_encoder(name, weights=None))
    atrous = get_encoder(name, weights=None, output_stride=stride)
    restore_rates(atrous, name, stride)
    atrous.load_state_dict(plain.state_dict())
    for encoder in (plain, atrous):
        encoder.double()
        for module_name, module in encoder.named_modules():
            if module_name.endswith("_se_expand"):  # depends on the mean of the entire image
                module.register_forward_hook(lambda _, __, output: torch.zeros_like(output))
    image = torch.randn(1, 3, 128, 128, dtype=torch.float64)
    step = 32 // stride
    with torch.no_grad():
        ours, theirs = atrous.eval()(image)[-1][..., ::step, ::step], plain(image)[-1]
    inside = slice(0, 2)
    assert theirs.std() > 0
    torch.testing.assert_close(
        ours[..., inside, inside], theirs[..., inside, inside], rtol=1e-3, atol=1e-4
    )
