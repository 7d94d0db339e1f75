"""Texts and lists in messages: what is long is cut, and both of its ends remain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.error import ConfigError, abbreviate, listed, shortened


@given(text=st.text(max_size=300), length=st.integers(10, 250))
def test_a_text_is_as_long_as_it_may_be(text, length):
    cut = shortened(text, length)
    assert len(cut) == min(len(text), length)
    assert cut == text or (cut[:3] == text[:3] and cut[-2:] == text[-2:] and " … " in cut)


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (3, 3), (21, 21), (22, 21), (178, 21)])
def test_a_list_is_counted_from_its_twentieth_line(count, shown):
    lines = listed([f"photo {number}" for number in range(count)])
    assert len(lines) == shown
    if count > shown:
        assert lines[-1] == f"… and {count - 20} more"


def test_messages_stay_short():
    assert len(abbreviate(["x" * 1000] * 9)) < 650
    assert str(ConfigError(["a"] * 500)).endswith("… and 480 more")
    assert len(ConfigError(["a"] * 500).problems) == 500
