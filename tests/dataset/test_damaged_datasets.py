"""Datasets with random damage: every sample is read or has a defect that names the problem."""

import contextlib
import json
import random

import numpy as np
import pytest

from clothseg import dataset
from clothseg.commands.dataset.audit.action import audit
from clothseg.dataset.listing import complete_samples
from clothseg.error import UserError
from clothseg.labels import LabelSpace
from support.shipped_config import reader_of, source_names_of
from support.small_datasets import OWN_LABELS, write_mask

pytestmark = pytest.mark.slow(seconds=50)

VALUES = (None, True, -1, 1e308, 10**30, "", "../x", "a\0b", [], {}, [[1e8] * 6], [[]], "1e400")
CELLS = ("", "-1", "1e400", "nan", "1 99999999999999999999", "1 1 " * 500, "../../x", "x" * 5000)


def damage_bytes(content, chance):
    """Change, remove or insert a few bytes."""
    place = chance.randrange(len(content))
    return chance.choice(
        [
            content[:place],
            content[:place] + bytes(200) + content[place + 200 :],
            content[:place] + chance.randbytes(20) + content[place:],
            content[:place] + chance.randbytes(2) + content[place + 2 :],
            b"",
        ]
    )


def damage_json(content, chance):
    """Replace one value of a JSON file."""
    tree = json.loads(content)
    nodes = [tree]
    for node in nodes:
        children = node.values() if isinstance(node, dict) else node
        nodes += [child for child in children if isinstance(child, dict | list) and child]
    node = chance.choice(nodes)
    key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
    node[key] = chance.choice(VALUES)
    return json.dumps(tree).encode()


def damage_table(content, chance):
    """Replace one cell of a CSV file."""
    lines = content.decode().splitlines()
    number = chance.randrange(len(lines))
    cells = lines[number].split(",")
    cells[chance.randrange(len(cells))] = chance.choice(CELLS)
    lines[number] = ",".join(cells)
    return "\n".join(lines).encode()


def damage(root, chance):
    """Damage one file of a dataset; its lists more often than the others."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    lists = [path for path in files if path.suffix in (".json", ".csv", ".mat")]
    path = chance.choice(lists if lists and chance.random() < 0.6 else files)
    ways = {".json": damage_json, ".csv": damage_table}
    way = ways.get(path.suffix, damage_bytes) if chance.random() < 0.8 else damage_bytes
    path.write_bytes(way(path.read_bytes(), chance))


def check(reader, names):
    """Audit a dataset, and read what is intact; nothing but a user error may be raised."""
    space = LabelSpace("own", names, ["#000000"] * len(names), {name: [name] for name in names})
    findings, samples = [], []
    with contextlib.suppress(UserError):
        samples, _ = complete_samples(reader)
        _, findings = audit(reader, space)
    assert all(finding.message for finding in findings)
    unexpected = [f.message for f in findings if "Error(" in f.message and "decoded (" in f.message]
    assert not unexpected
    for sample in samples:
        try:
            image, mask = reader.read(sample)
        except UserError:
            continue
        assert image.shape[:2] == mask.shape


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_folder(seed, own_photos):
    damage(own_photos, random.Random(seed))
    names = [label["name"] for label in OWN_LABELS]
    check(dataset.folder(root=str(own_photos), names=names), names)


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_ccp(seed, small_ccp):
    write_mask(small_ccp, 4, np.random.default_rng(0).integers(0, 59, (40, 30), np.uint8))
    damage(small_ccp, random.Random(seed))
    check(reader_of("ccp", small_ccp), source_names_of("ccp"))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("name", "parts"),
    [("modanet", ["annotations", "images"]), ("imaterialist", ["train", "train.csv"])],
)
def test_a_damaged_list(name, parts, seed, drawn_datasets, tmp_path):
    for part in parts:
        source = drawn_datasets / name / part
        for path in [source] if source.is_file() else source.iterdir():
            copy = tmp_path / path.relative_to(drawn_datasets / name)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    damage(tmp_path, random.Random(seed))
    check(reader_of(name, tmp_path, missing="leave_out"), source_names_of(name))
