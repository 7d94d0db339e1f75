"""Label spaces against independent mappings, and their contradictions."""

import numpy as np
import pytest

from clothseg.error import ConfigError
from clothseg.labels import IGNORE, UNKNOWN, LabelSpace
from support.answers import ccp_names, gathered_ccp_names
from support.shipped_config import CCP_NAMES, label_space


def small(**changes):
    parts = {
        "name": "small",
        "names": ["BG", "Hat"],
        "colors": ["#000000", "#ff8000"],
        "gathers": {"BG": ["null"], "Hat": ["cap", "beret"]},
    }
    return LabelSpace(**(parts | changes))


@pytest.mark.parametrize("space", ["refined15", "body4"])
def test_ccp_mapping_equals_the_independent_one(space):
    gathered = gathered_ccp_names(space)
    labels = label_space(space)
    assert list(labels.names) == list(gathered)
    table = labels.lookup_table(CCP_NAMES)
    expected = {name: number for number, names in enumerate(gathered.values()) for name in names}
    assert dict(zip(CCP_NAMES, table[:59].tolist(), strict=True)) == expected


def test_ccp_names_equal_the_independent_list():
    assert ccp_names() == CCP_NAMES
    assert label_space("ccp59").lookup_table(CCP_NAMES)[:59].tolist() == list(range(59))


def test_lookup_table_keeps_ignored_pixels_and_marks_unknown_ids():
    table = small(ignore=["noise"]).lookup_table(["null", "beret", "noise"])
    assert table[:3].tolist() == [0, 1, IGNORE]
    assert table[IGNORE] == IGNORE
    assert np.all(table[3:IGNORE] == UNKNOWN)


def test_palette_is_rgb_in_class_order():
    assert small().palette.tolist() == [[0, 0, 0], [255, 128, 0]]


def test_a_source_name_without_a_class_is_listed():
    with pytest.raises(ConfigError, match=r"2 of the dataset's names: glove, sock"):
        small().lookup_table(["null", "glove", "cap", "sock"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colors": ["#000000"]}, "1 colors for 2 names"),
        ({"names": ["BG", "BG"]}, "listed twice: BG"),
        ({"gathers": {"BG": ["null"], "Hut": ["cap"]}}, "not among its names: Hut"),
        ({"gathers": {"BG": ["cap"], "Hat": ["cap"]}}, "sources listed twice: cap"),
        ({"flip_pairs": [["Hat", "Cap"]]}, "not among its names: Cap"),
        ({"ignore": ["cap"]}, "sources listed twice: cap"),
    ],
)
def test_contradictions_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        small(**changes)
