"""Check of a network and a loss of the user's own on one tiny batch, before anything slow.

Both are built and called as in training, on the CPU. Whatever is wrong is said in words, with the
place in the user's file. Shipped networks and losses are not checked, and torch is not imported
for them.
"""

import contextlib
import traceback
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.config.parameters import objects_of
from clothseg.config.run_config import RunConfig
from clothseg.config.target import own_package
from clothseg.error import ConfigError, UserError, first_line
from clothseg.labels import IGNORE
from clothseg.terminal.screen import say

if TYPE_CHECKING:
    from torch import Tensor

    from clothseg.loss.class_weights import ClassPixels

BATCH = 2
"""Images of the tiny batch; batch normalization needs two."""
LOSS_SIZE = 32
"""Height and width of the logits that a loss is tried with, pixels."""


def require_contract(config: RunConfig) -> None:
    """Check the network and the loss of a configuration as far as they are the user's own.

    Raises:
        ConfigError: one of them does not keep its contract.
    """
    own = {group: _is_own(config, group) for group in ("model", "loss")}
    for group, objects in (("model", ("backbone", "classes")), ("loss", ("pixels",))):
        if own[group]:
            _require_parameters(config, group, objects)
    if not any(own.values()):
        return
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if own["model"]:
            _require_network(config)
        if own["loss"]:
            _require_loss(config)


def _is_own(config: RunConfig, group: str) -> bool:
    return own_package(config.plain[group]["_target_"], config.trust) is not None


def _require_parameters(config: RunConfig, group: str, objects: tuple[str, ...]) -> None:
    """Compare the positional parameters of a function with the objects that it is given."""
    names = objects_of(getattr(config, group).function)
    if len(names) > len(objects):
        raise _problem(
            config,
            group,
            f"takes {', '.join(names)} by position, but is given {' and '.join(objects)} at most; "
            "it has to be a class or a function that returns the module, and its settings "
            "keyword-only parameters or parameters with a default",
        )
    name = config.plain["backbone"].get("name", "none")
    if group == "model" and len(names) < len(objects) and name != "none":
        takes = " and ".join(names) or "nothing"
        raise _problem(
            config, group, f"takes no backbone, only {takes} by position: add backbone=none"
        )


def _require_network(config: RunConfig) -> None:
    import torch
    from torch import Tensor, nn

    from clothseg.model.network import Network

    size, classes = config.data.frame.size, len(config.labels.names)
    with _in_words(config, "model"):
        built = config.model.given(config.backbone(), classes)
    if not isinstance(built, nn.Module):
        raise _problem(config, "model", f"returned {_kind(built)}; it must return an nn.Module")
    images = torch.randn(BATCH, 3, *size)
    with _in_words(config, "model"):
        output = built.train()(images)
    if isinstance(built, Network):
        output = output["logits"]
    if not isinstance(output, Tensor):
        raise _problem(
            config, "model", f"its forward returned {_kind(output)}; it must return the logits only"
        )
    shape, expected = tuple(output.shape), (BATCH, classes, *size)
    if shape != expected:
        raise _problem(config, "model", _shape_reason(shape, expected))
    _require_differentiable(config, "model", output, "its logits")
    if not any(p.requires_grad for p in built.parameters()):
        raise _problem(config, "model", "has no parameter to train")


def _shape_reason(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Explain a wrong shape of logits."""
    if len(shape) == len(expected) and shape[1] != expected[1]:
        return f"its logits have {shape[1]} channels, but there are {expected[1]} classes"
    reason = f"its logits have shape {list(shape)} instead of {list(expected)}"
    if len(shape) == len(expected):
        reason += "; upsample them to the size of the images, as with F.interpolate"
    return reason


def _require_loss(config: RunConfig) -> None:
    import torch
    from torch import nn

    from clothseg.loss.plain import as_loss

    classes = len(config.labels.names)
    with _in_words(config, "loss"):
        built = config.loss.given(_some_pixels(classes))
    if not isinstance(built, nn.Module):
        raise _problem(config, "loss", f"returned {_kind(built)}; it must return an nn.Module")
    loss = as_loss(built)
    logits = torch.randn(BATCH, classes, LOSS_SIZE, LOSS_SIZE, requires_grad=True)
    target = torch.randint(classes, (BATCH, LOSS_SIZE, LOSS_SIZE))
    ignoring = target.clone()
    ignoring[:, :4] = IGNORE
    with _in_words(config, "loss"):
        try:
            terms = _terms(loss, logits, ignoring)
        except Exception as error:
            _terms(loss, logits, target)  # raises the same unless ignored pixels are the reason
            raise _problem(
                config,
                "loss",
                f"fails at ignored pixels, where the target is {IGNORE}, as without "
                f"ignore_index={IGNORE} ({first_line(error)})",
            ) from error
    if not isinstance(terms, Mapping):
        raise _problem(
            config, "loss", f"its forward returned {_kind(terms)}; it must return a dict of terms"
        )
    for term in terms.values():
        if not isinstance(term, torch.Tensor):
            reason = f"its forward returned {_kind(term)}; it must return a scalar tensor"
            raise _problem(config, "loss", reason)
        if term.shape != ():
            reason = f"its value has shape {list(term.shape)}; it must be a scalar, as after mean()"
            raise _problem(config, "loss", reason)
    total = torch.stack(list(terms.values())).sum()
    _require_differentiable(config, "loss", total, "its value")
    with _in_words(config, "loss"):
        (gradient,) = torch.autograd.grad(total, logits, allow_unused=True)
    if gradient is None or not gradient.any():
        raise _problem(config, "loss", "its value does not depend on the logits: no gradient")
    if not torch.isfinite(gradient).all():
        raise _problem(config, "loss", "its gradient is not finite")
    if gradient[:, :, :4].any():
        target_name = config.plain["loss"]["_target_"]
        say(f"warning: loss._target_={target_name}: ignored pixels ({IGNORE}) affect its gradient")


def _terms(loss: Any, logits: "Tensor", target: "Tensor") -> Any:
    import torch

    counts = torch.bincount(target.flatten(), minlength=256)
    return loss({"logits": logits}, {"mask": target, "pixels": counts})


def _some_pixels(classes: int) -> "ClassPixels":
    """Equal class frequencies, in place of those of a training part that is not known yet."""
    import numpy as np

    from clothseg.loss.class_weights import ClassPixels

    return ClassPixels(np.ones(classes), np.full(classes, float(classes)))


def _require_differentiable(config: RunConfig, group: str, value: Any, what: str) -> None:
    import torch

    if not value.is_floating_point():
        raise _problem(config, group, f"{what} must be float32, not {value.dtype}")
    if not torch.isfinite(value).all():
        kind = "NaN" if torch.isnan(value).any() else "infinite"
        raise _problem(config, group, f"{what} on a batch of random numbers is {kind}")
    if not value.requires_grad:
        reason = f"{what} has no gradient, as after argmax, detach() or item()"
        raise _problem(config, group, reason)


def _kind(value: Any) -> str:
    """Describe a value by its type, and the keys of a dictionary."""
    keys = f" with the keys {', '.join(map(str, value))}" if isinstance(value, Mapping) else ""
    return f"a value of type {type(value).__name__}{keys}"


@contextlib.contextmanager
def _in_words(config: RunConfig, group: str) -> Iterator[None]:
    """Turn an exception of the user's code into a problem of the configuration."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise _problem(config, group, f"{reason} ({_place(config, group, error)})") from error


def _place(config: RunConfig, group: str, error: Exception) -> str:
    """File and line of the last of the user's own functions in a traceback, or of the last one."""
    package = str(own_package(config.plain[group]["_target_"], config.trust)).partition(".")[0]
    spec = find_spec(package)
    folders = (spec.submodule_search_locations or [str(spec.origin)]) if spec else []
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if any(Path(frame.filename).is_relative_to(folder) for folder in folders)
    ]
    last = (own or frames)[-1]
    return f"{last.filename}, line {last.lineno}, in {last.name}"


def _problem(config: RunConfig, group: str, reason: str) -> ConfigError:
    return ConfigError([f"{group}._target_={config.plain[group]['_target_']}: {reason}"])
