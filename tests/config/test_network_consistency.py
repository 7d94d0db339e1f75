"""Consistency of a network with the size of the images and with the loss."""

import re

import pytest

from clothseg.config.command_line import check_command
from clothseg.error import ConfigError

PYRAMID = ["model=pyramid_unet", "data.image_size=224"]
HEADS = ["model.image_heads=true", "model.segmentation_heads=true"]
GUIDED = [*PYRAMID, *HEADS, "loss=guided"]


def problems(*overrides):
    with pytest.raises(ConfigError) as error:
        check_command(overrides)
    return error.value.problems


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            [*PYRAMID, "data.image_size=192"],
            "data.image_size=192: model=pyramid_unet takes multiples of 32 px from 224 px; "
            "set data.image_size=224",
        ),
        (
            [*PYRAMID, "model.geometry=strict", "data.image_size=256"],
            "data.image_size=256: model=pyramid_unet takes 224 px only; set data.image_size=224",
        ),
        (
            ["model=pyramid_unet", "budget=smoke"],
            "data.image_size=64: model=pyramid_unet takes multiples of 32 px from 224 px; "
            "set data.image_size=224, after a budget, which changes it, too",
        ),
        (
            [*GUIDED, "data.image_size=288"],
            "data.image_size=288: label pooling does not cover .* 256 or 320, or loss.gamma=0",
        ),
    ],
)
def test_a_size_that_does_not_fit_is_refused_with_one_that_does(overrides, message):
    (problem,) = problems(*overrides)
    assert re.search(message, problem)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            [*GUIDED, "model.image_heads=false"],
            ["loss.alpha=1.0: needs the heads of model.image_heads=true, or loss.alpha=0"],
        ),
        (
            [*GUIDED, "model.segmentation_heads=false"],
            ["loss.beta=1.0: needs the heads of model.segmentation_heads=true, or loss.beta=0"],
        ),
        (
            [*GUIDED, "loss.beta=0"],
            [
                "model.segmentation_heads=true: loss.beta=0 does not train these heads; set "
                "model.segmentation_heads=false, or loss=guided with loss.beta=1"
            ],
        ),
        (
            [*PYRAMID, "model.image_heads=true"],
            [
                "model.image_heads=true: loss=cross_entropy does not train these heads; set "
                "model.image_heads=false, or loss=guided with loss.alpha=1"
            ],
        ),
        (
            ["model=fpn", "loss=guided", "loss.beta=0"],
            [
                f"loss.{key}=1.0: model=fpn has no head for this term; use model=pyramid_unet, or "
                f"loss.{key}=0"
                for key in ("alpha", "gamma")
            ],
        ),
    ],
)
def test_a_term_without_its_heads_and_heads_without_their_term_are_refused(overrides, expected):
    assert problems(*overrides) == expected


@pytest.mark.parametrize(
    "overrides",
    [
        GUIDED,
        [*GUIDED, "data.image_size=256", "loss.gamma=0"],
        [*PYRAMID, "data.image_size=288"],
        [*PYRAMID, "loss=guided", "loss.alpha=0", "loss.beta=0"],
        [*PYRAMID, "loss=focal"],
        ["model=fpn", "loss=guided", "loss.alpha=0", "loss.beta=0", "loss.gamma=0"],
    ],
)
def test_what_fits_is_accepted(overrides):
    check_command(overrides)
