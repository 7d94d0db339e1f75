"""Functions of a user's own package as a `_target_`, and all ways in which they can be invalid."""

import re
import sys

import pytest

from clothseg.config.command_line import check_command
from clothseg.error import ConfigError

PACKAGE = {
    "plain": """
        import functools

        number = 3
        def untyped(pixels, *, gamma=2.0): ...
        def foreign(*, weight: float, ring: functools.partial, bell: memoryview): ...
    """,
    "postponed": """
        from __future__ import annotations
        from typing import TYPE_CHECKING, Optional
        if TYPE_CHECKING:
            from clothseg.commands.score import ClassPixels

        def mine(pixels: ClassPixels, *, count: Optional[int], share: float | None): ...
        def unknown(*, weight: Weight): ...
        def broken(*, weight: 1 / 0): ...
    """,
    "unfinished": "def mine(*, weight: float:\n",
    "raising": "ratio = 1 / 0\n",
    "leaving": "raise SystemExit(3)\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "wardrobe_losses"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name, text in PACKAGE.items():
        (folder / f"{name}.py").write_text(text.replace("\n        ", "\n"))
    monkeypatch.syspath_prepend(tmp_path)
    yield "wardrobe_losses"
    for name in [name for name in sys.modules if name.startswith("wardrobe_losses")]:
        del sys.modules[name]


def check(target, *overrides):
    return check_command([f"loss._target_={target}", "trust=[wardrobe_losses]", *overrides])


def test_a_parameter_without_annotation_accepts_any_value(package):
    assert check(f"{package}.plain.untyped", "+loss.gamma=[a]")[0].config.plain["loss"]["gamma"]


def test_postponed_annotations_are_validated(package):
    target = f"{package}.postponed.mine"
    assert check(target, "+loss.count=2", "+loss.share=null")
    with pytest.raises(ConfigError, match=r"loss\.count=x: must be a valid integer"):
        check(target, "+loss.count=x", "+loss.share=0.5")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("plain.missing", r"loss\._target_=\S+: wardrobe_losses\.plain has no `missing`"),
        ("plain.number", r"loss\._target_=\S+: `number` is not callable; its type is int"),
        (
            "plain.foreign",
            r"parameter `ring` cannot be (.|\n)*parameter `bell` cannot be validated",
        ),
        ("postponed.unknown", r"loss\._target_: its parameter `weight` .*'Weight' is not defined"),
        ("postponed.broken", r"its parameter `weight` cannot be validated \(division by zero\)"),
        ("unfinished.mine", r"cannot be imported \(SyntaxError: .*unfinished\.py, line 1\)"),
        ("raising.mine", r"\(ZeroDivisionError: division by zero\); `python -c 'import wardrobe"),
        ("leaving.mine", r"cannot be imported \(SystemExit: 3\)"),
    ],
)
def test_an_invalid_target_is_an_error(package, function, message):
    with pytest.raises(ConfigError) as error:
        check(f"{package}.{function}")
    assert re.search(message, str(error.value))


@pytest.mark.parametrize("target", ["null", "3", "[a]"])
def test_a_target_that_is_not_a_string_is_an_error(target):
    with pytest.raises(ConfigError, match=r"loss\._target_=.*: must be the dotted path"):
        check(target)


def test_trust_that_is_not_a_list_is_an_error():
    with pytest.raises(ConfigError, match=r"trust=3: must be a valid list"):
        check_command(["trust=3"])


def test_a_function_of_the_standard_library_can_be_trusted():
    with pytest.raises(ConfigError) as error:
        check_command(["trust=[json]", "loss._target_=json.loads", "+loss.gamma=3"])
    assert any("loss.gamma: no such key" in problem for problem in error.value.problems)
