"""Places and small makers that tests share."""

from pathlib import Path

import scipy.io
import yaml

from clothseg.labels import LabelSpace
from clothseg.trust import CONF

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
CCP_NAMES = yaml.safe_load((CONF / "dataset" / "ccp.yaml").read_text())["dataset"]["names"]


def label_space(name):
    """A label space of `conf/labels`."""
    return LabelSpace(**yaml.safe_load((CONF / "labels" / f"{name}.yaml").read_text()))


def write_mask(root, number, mask):
    path = root / "annotations" / "pixel-level" / f"{number:04}.mat"
    scipy.io.savemat(path, {"groundtruth": mask})
