"""Objects built from shipped configuration files: label spaces, readers, names."""

import re

import yaml

from clothseg import dataset
from clothseg.config.command_line import check_command
from clothseg.config.run_config import RunConfig
from clothseg.labels import LabelSpace
from clothseg.shipped import CONF

CCP_NAMES = yaml.safe_load((CONF / "dataset" / "ccp.yaml").read_text())["names"]


PARSING = ["dataset=ccihp", "dataset.root=somewhere", "model=hptr_tiny"]
"""Overrides of a configuration of human parsing."""

REQUIREMENTS = {
    **dict.fromkeys(("augmentation=hptr", "loss=hptr", "task=parsing"), PARSING),
    **dict.fromkeys(("model=hptr", "model=hptr_tiny"), PARSING[:2]),
    "model=pyramid_unet": ["data.image_size=224"],
    "loss=guided": [
        "model=pyramid_unet",
        "model.image_heads=true",
        "model.segmentation_heads=true",
        "data.image_size=224",
    ],
}
"""Overrides without which the default configuration does not fit an option."""


def size_of(experiment):
    """Overrides that undo the image size of a budget for an experiment that does not allow it."""
    return ["data.image_size=224"] if re.fullmatch("dang2020/[a-h]", experiment) else []


def label_space(name):
    """Build a label space of `conf/labels`."""
    return LabelSpace(**yaml.safe_load((CONF / "labels" / f"{name}.yaml").read_text()))


def reader_of(name, root, **changes):
    """Build the reader of a dataset with the settings of its file in `conf/dataset`."""
    node = yaml.safe_load((CONF / "dataset" / f"{name}.yaml").read_text())
    keys = {key: value for key, value in node.items() if key not in ("_target_", "defaults")}
    return getattr(dataset, name)(**(keys | {"root": str(root)} | changes))


def roots_of(option):
    """Keys of the folders that a dataset of `conf/dataset` requires."""
    text = (CONF / "dataset" / f"{option}.yaml").read_text()
    sources = [
        entry for entry in yaml.safe_load(text).get("defaults", []) if isinstance(entry, str)
    ]
    named = [source.split("@")[1] for source in sources if "@" in source]
    return [f"dataset.{name}.root" for name in named] or ["dataset.root"]


def source_names_of(dataset):
    """Native label names of a dataset of `conf/dataset`, in id order."""
    return yaml.safe_load((CONF / "dataset" / f"{dataset}.yaml").read_text())["names"]


def with_split(node, max_train_images=None, trust=()):
    """Build the default configuration with another split."""
    (default,) = check_command([])
    data = {**default.config.plain["data"], "max_train_images": max_train_images}
    return RunConfig({**default.config.plain, "split": node, "data": data, "trust": list(trust)})
