"""Networks and losses of the user's own: plain ones are accepted, broken ones said to be so."""

import re

import pytest
import torch
import torch.nn.functional as F

from clothseg import build
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.loss.pixelwise import CrossEntropy
from clothseg.run.contract import require_contract
from support.own_package import OwnPackage

PARTS = """
import torch
import torch.nn.functional as F
from torch import nn
from clothseg.loss.pixelwise import CrossEntropy


class Net(nn.Module):
    def __init__(self, classes, width=4):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, classes, 1))
        self.unused = nn.Linear(2, 2)

    def forward(self, image):
        return self.body(image)


class Positional(Net):
    def __init__(self, classes):
        super().__init__(classes)
        self.position = nn.Parameter(torch.zeros(3, 64, 32))

    def forward(self, image):
        return super().forward(image + self.position)


def with_backbone(backbone, classes):
    assert backbone.name == "resnet18"
    return Net(classes)


class Changed(Net):
    change = staticmethod(lambda logits: logits)

    def forward(self, image):
        return type(self).change(super().forward(image))


class Half(Changed):
    change = staticmethod(lambda logits: logits[..., ::2, ::2])

class Flat(Changed):
    change = staticmethod(lambda logits: logits.flatten(1))

class Fewer(Changed):
    change = staticmethod(lambda logits: logits[:, 1:])

class Torchvision(Changed):
    change = staticmethod(lambda logits: {"out": logits})

class Nan(Changed):
    change = staticmethod(lambda logits: logits / 0 * 0)

class Detached(Changed):
    change = staticmethod(lambda logits: logits.detach())

class Classes(Changed):
    change = staticmethod(lambda logits: logits.argmax(1, keepdim=True).expand_as(logits))

class Raising(Changed):
    @staticmethod
    def change(logits):
        raise ValueError("the seam burst")

def unbuildable(classes):
    return nn.Conv2d(classes, "wide", 1)

def nothing(classes): ...

def three(backbone, classes, width): ...


class Loss(nn.Module):
    def __init__(self, gamma=1.0):
        super().__init__()
        self.gamma = gamma

    def forward(self, logits, target):
        assert target.dtype == torch.int64
        return self.gamma * F.cross_entropy(logits, target, ignore_index=255)

class Ours(CrossEntropy):
    pass

def ours(pixels):
    assert pixels.counts.sum() > 0
    return Ours()

class NoIgnore(Loss):
    def forward(self, logits, target):
        return F.cross_entropy(logits, target)

class PerPixel(Loss):
    def forward(self, logits, target):
        return F.cross_entropy(logits, target, ignore_index=255, reduction="none")

class Number(Loss):
    def forward(self, logits, target):
        return super().forward(logits, target).item()

class Accuracy(Loss):
    def forward(self, logits, target):
        return (logits.argmax(1) == target).float().mean()

class Elsewhere(Loss):
    def forward(self, logits, target):
        return super().forward(torch.zeros_like(logits, requires_grad=True), target)

class LossNan(Loss):
    def forward(self, logits, target):
        return super().forward(logits, target) * torch.nan

class LossRaising(Loss):
    def forward(self, logits, target):
        return F.cross_entropy(logits, "target")

class CountsIgnored(Loss):
    def forward(self, logits, target):
        return F.cross_entropy(logits, target.clamp(max=logits.shape[1] - 1))

class Terms(CrossEntropy):
    def forward(self, output, batch):
        return [1]

def bare(logits, target): ...

def function(pixels):
    return F.cross_entropy
"""


@pytest.fixture(autouse=True)
def package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    package = OwnPackage(tmp_path, "hem")
    package.write("parts", PARTS)
    yield package
    package.forget()


def config_of(*overrides):
    (job,) = check_command(["trust=[hem]", "data.image_size=32", *overrides])
    return job.config


def network(name, *overrides):
    return config_of("backbone=none", f"model._target_=hem.parts.{name}", *overrides)


def loss(name, *overrides):
    return config_of(f"loss._target_=hem.parts.{name}", *overrides)


def test_a_plain_network_is_trained_like_any_other():
    config = network("Net", "model.width=8")
    require_contract(config)
    built = build.build_network(config, 16)
    assert built(torch.zeros(1, 3, 20, 12))["logits"].shape == (1, 16, 20, 12)
    assert built.trainable == 8 * 28 + 16 * 9  # without the parameters that are not used
    assert not built.body.unused.weight.requires_grad


def test_a_plain_network_is_built_for_images_that_are_not_square():
    config = network("Positional", "data.image_size=[64,32]")
    require_contract(config)
    built = build.build_network(config, 16)
    assert built(torch.zeros(1, 3, 64, 32))["logits"].shape == (1, 16, 64, 32)
    assert built.body.position.requires_grad
    with pytest.raises(ConfigError, match=r"must match the size of tensor"):
        require_contract(network("Positional", "data.image_size=[32,64]"))


def test_a_plain_network_may_take_a_backbone():
    config = config_of("model._target_=hem.parts.with_backbone", "backbone=resnet18")
    require_contract(config)
    with pytest.raises(
        ConfigError, match=r"takes no backbone, only classes by .*: add backbone=no"
    ):
        require_contract(config_of("model._target_=hem.parts.Net"))


def test_a_plain_loss_gets_logits_and_ignored_pixels_as_255():
    config = loss("Loss", "loss.gamma=3.0")
    require_contract(config)
    built = build.build_loss(config, None)
    logits = torch.randn(2, 4, 5, 5, requires_grad=True)
    mask = torch.randint(4, (2, 5, 5))
    mask[0] = 255
    counts = torch.bincount(mask.flatten(), minlength=256)
    batch = {"mask": mask, "pixels": counts}
    (value,) = built({"logits": logits}, batch).values()
    torch.testing.assert_close(value, 3 * F.cross_entropy(logits[1:], mask[1:]))
    assert built.mass(counts) == 25  # by which a validation batch is weighted

    mask[:] = 255  # a batch of ignored pixels only, of which the mean is NaN
    (value,) = built({"logits": logits}, batch).values()
    value.backward()
    assert value == 0
    assert not logits.grad.any()


def test_a_loss_with_the_interface_of_the_package_is_used_as_it_is():
    config = loss("ours")
    require_contract(config)
    pixels = build.build_loss(config, type("Pixels", (), {"counts": torch.ones(2)}))
    assert isinstance(pixels, CrossEntropy)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (lambda: network("Half"), r"\[2, 15, 16, 16\] instead of \[2, 15, 32, 32\]; upsample"),
        (lambda: network("Flat"), r"its logits have shape \[2, 15360\] instead of"),
        (lambda: network("Fewer"), r"its logits have 14 channels, but there are 15 classes"),
        (lambda: network("Torchvision"), r"of type dict with the keys out; it must return the lo"),
        (lambda: network("Nan"), r"its logits on a batch of random numbers is NaN"),
        (lambda: network("Detached"), r"its logits has no gradient"),
        (lambda: network("Classes"), r"its logits must be float32, not torch.int64"),
        (lambda: network("Raising"), r"ValueError: the seam burst \(.*hem/parts\.py, line \d+, in"),
        (lambda: network("unbuildable"), r"TypeError: .*hem/parts\.py, line \d+, in unbuildable"),
        (lambda: network("nothing"), r"returned a value of type NoneType; it must return an nn"),
        (
            lambda: network("three"),
            r"takes backbone, classes, width by position, but is given back",
        ),
        (lambda: loss("NoIgnore"), r"fails at ignored pixels, where the target is 255, as without"),
        (lambda: loss("PerPixel"), r"its value has shape \[2, 32, 32\]; it must be a scalar"),
        (lambda: loss("Number"), r"returned a value of type float; it must return a scalar tensor"),
        (lambda: loss("Accuracy"), r"its value has no gradient, as after argmax"),
        (lambda: loss("Elsewhere"), r"its value does not depend on the logits"),
        (lambda: loss("LossNan"), r"its value on a batch of random numbers is NaN"),
        (lambda: loss("LossRaising"), r"TypeError: .*hem/parts\.py, line \d+, in forward"),
        (lambda: loss("Terms"), r"returned a value of type list; it must return a dict of terms"),
        (lambda: loss("bare"), r"takes logits, target by position, but is given pixels at most"),
        (lambda: loss("function"), r"returned a value of type function; it must return an nn.Mod"),
    ],
)
def test_a_broken_contract_is_a_problem_in_words(config, reason):
    with pytest.raises(ConfigError) as error:
        require_contract(config())
    (problem,) = error.value.problems
    assert re.match(r"(model|loss)\._target_=hem\.parts\.\w+: ", problem)
    assert re.search(reason, problem)


def test_a_loss_of_ignored_pixels_is_a_warning(capsys):
    require_contract(loss("CountsIgnored"))
    assert "ignored pixels (255) affect its gradient" in " ".join(capsys.readouterr().out.split())
    require_contract(loss("Loss"))
    assert capsys.readouterr().out == ""


def test_the_check_changes_no_random_numbers():
    torch.manual_seed(3)
    before = torch.rand(1)
    torch.manual_seed(3)
    require_contract(network("Net"))
    assert torch.rand(1) == before


def test_a_shipped_network_and_loss_are_not_built(monkeypatch):
    monkeypatch.setattr(build, "build_network", None)
    require_contract(config_of())
