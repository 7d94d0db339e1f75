"""Places and small makers that tests share."""

import json
from pathlib import Path

import cv2
import numpy as np
import scipy.io
import yaml
from PIL import Image

from clothseg import dataset
from clothseg.labels import LabelSpace
from clothseg.trust import CONF

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
CCP_NAMES = yaml.safe_load((CONF / "dataset" / "ccp.yaml").read_text())["names"]
OWN_LABELS = [
    {"id": 0, "name": "background", "color": "#000000"},
    {"id": 1, "name": "left glove", "color": "#ff8000", "flip": "right glove"},
    {"id": 2, "name": "right glove", "color": "#0080ff"},
]


def label_space(name):
    """A label space of `conf/labels`."""
    return LabelSpace(**yaml.safe_load((CONF / "labels" / f"{name}.yaml").read_text()))


def reader_of(name, root, **changes):
    """The reader of a dataset of `conf/dataset` as its file configures it."""
    node = yaml.safe_load((CONF / "dataset" / f"{name}.yaml").read_text())
    keys = {key: value for key, value in node.items() if key not in ("_target_", "defaults")}
    return getattr(dataset, name)(**(keys | {"root": str(root)} | changes))


def png(path):
    """The values of a PNG as they are stored."""
    return np.asarray(Image.open(path))


def roots_of(option):
    """Keys of the folders that a dataset of `conf/dataset` must be given."""
    text = (CONF / "dataset" / f"{option}.yaml").read_text()
    sources = [
        entry for entry in yaml.safe_load(text).get("defaults", []) if isinstance(entry, str)
    ]
    named = [source.split("@")[1] for source in sources if "@" in source]
    return [f"dataset.{name}.root" for name in named] or ["dataset.root"]


def write_own_photos(root, photos=3, size=(40, 30)):
    """Random photos with masks of ids and three classes, in the layout of `dataset=folder`."""
    random = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(photos):
        image = random.integers(0, 255, (*size, 3), np.uint8)
        mask = random.integers(0, 3, size).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{number}.jpg"), image)
        cv2.imwrite(str(root / "masks" / f"{number}.png"), mask)
    (root / "labels.json").write_text(json.dumps(OWN_LABELS))
    return root


def write_mask(root, number, mask):
    path = root / "annotations" / "pixel-level" / f"{number:04}.mat"
    scipy.io.savemat(path, {"groundtruth": mask})


def source_names_of(dataset):
    """Native names of a dataset of `conf/dataset`, in id order."""
    return yaml.safe_load((CONF / "dataset" / f"{dataset}.yaml").read_text())["names"]


def empty_ccp(root):
    """CCP's folders and names, without a photo."""
    (root / "photos").mkdir(parents=True)
    (root / "annotations" / "pixel-level").mkdir(parents=True)
    cells = np.empty((1, len(CCP_NAMES)), object)
    cells[0] = CCP_NAMES
    scipy.io.savemat(root / "label_list.mat", {"label_list": cells})
    return root
