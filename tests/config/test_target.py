"""Functions of a person's own package in a `_target_`, and every way in which one can be unfit."""

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


def checked(target, *overrides):
    return check_command([f"loss._target_={target}", "trust=[wardrobe_losses]", *overrides])


def test_a_parameter_without_annotation_takes_any_value(package):
    assert checked(f"{package}.plain.untyped", "+loss.gamma=[a]")[0].config["loss"]["gamma"]


def test_annotations_that_are_postponed_are_checked(package):
    target = f"{package}.postponed.mine"
    assert checked(target, "+loss.count=2", "+loss.share=null")
    with pytest.raises(ConfigError, match=r"loss\.count=x: must be a valid integer"):
        checked(target, "+loss.count=x", "+loss.share=0.5")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("plain.missing", r"loss\._target_=\S+: there is no `missing` in wardrobe_losses\.plain"),
        ("plain.number", r"loss\._target_=\S+: `number` is no function but of type int"),
        ("plain.foreign", r"parameter `ring` cannot be checked (.|\n)*parameter `bell` cannot be"),
        ("postponed.unknown", r"loss\._target_: its parameter `weight` .*'Weight' is not defined"),
        ("postponed.broken", r"its parameter `weight` cannot be checked \(division by zero\)"),
        ("unfinished.mine", r"cannot be imported \(SyntaxError: .*unfinished\.py, line 1\)"),
        ("raising.mine", r"\(ZeroDivisionError: division by zero\); `python -c 'import wardrobe"),
        ("leaving.mine", r"cannot be imported \(SystemExit: 3\)"),
    ],
)
def test_what_is_unfit_is_told(package, function, message):
    with pytest.raises(ConfigError) as error:
        checked(f"{package}.{function}")
    assert re.search(message, str(error.value))


@pytest.mark.parametrize("target", ["null", "3", "[a]"])
def test_a_target_that_is_no_text_is_told(target):
    with pytest.raises(ConfigError, match=r"loss\._target_=.*: must be the dotted path"):
        checked(target)


def test_trust_that_is_no_list_is_told():
    with pytest.raises(ConfigError, match=r"trust=3: must be a valid list"):
        check_command(["trust=3"])


def test_a_function_of_the_standard_library_can_be_trusted():
    with pytest.raises(ConfigError) as error:
        check_command(["trust=[json]", "loss._target_=json.loads", "+loss.gamma=3"])
    assert any("loss.gamma: no such key" in problem for problem in error.value.problems)
