"""Places and small makers that tests share."""

from pathlib import Path

import scipy.io
import yaml

from clothseg.labels import LabelSpace
from clothseg.trust import CONF

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
CCP_NAMES = yaml.safe_load((CONF / "dataset" / "ccp.yaml").read_text())["names"]


def label_space(name):
    """A label space of `conf/labels`."""
    return LabelSpace(**yaml.safe_load((CONF / "labels" / f"{name}.yaml").read_text()))


def roots_of(dataset):
    """Keys of the folders that a dataset of `conf/dataset` must be given."""
    text = (CONF / "dataset" / f"{dataset}.yaml").read_text()
    sources = [
        entry for entry in yaml.safe_load(text).get("defaults", []) if isinstance(entry, str)
    ]
    named = [source.split("@")[1] for source in sources if "@" in source]
    return [f"dataset.{name}.root" for name in named] or ["dataset.root"]


def write_mask(root, number, mask):
    path = root / "annotations" / "pixel-level" / f"{number:04}.mat"
    scipy.io.savemat(path, {"groundtruth": mask})


def source_names_of(dataset):
    """Native names of a dataset of `conf/dataset`, in id order."""
    return yaml.safe_load((CONF / "dataset" / f"{dataset}.yaml").read_text())["names"]
