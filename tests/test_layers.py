"""The layers of the package: imports run downwards only, and never in a circle."""

import ast
from graphlib import TopologicalSorter

import pytest

from support.paths import REPOSITORY

SRC = REPOSITORY / "src"

LAYERS = (
    ("__main__",),
    ("commands",),
    ("benchmark",),
    ("hydra_plugins",),
    ("jobs",),
    ("run",),
    ("build",),
    ("config",),
    ("trainer",),
    ("callbacks", "logger"),
    ("task",),
    ("loss", "model", "postprocess", "optimizer", "scheduler"),
    ("backbone",),
    ("datamodule",),
    ("split", "augmentation"),
    ("cache",),
    ("dataset",),
    ("report",),
    ("metric",),
    ("label_file",),
    ("labels",),
    ("weights",),
    ("screen", "threads", "files", "shipped", "extras"),
    ("error",),
)
"""Highest first: a module imports from its own folder and from the layers below it."""

RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}

MODULES = {
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SRC.rglob("*.py")
}


def imports(module):
    """Modules of the project that a module imports, inside functions and for types as well."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
    return found.intersection(MODULES) - {module, "clothseg"}


def room(module):
    """The folder or file directly below `clothseg` that a module is in."""
    parts = module.split(".")
    return parts[0] if parts[0] == "hydra_plugins" else parts[1]


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"clothseg"}))
def test_imports_run_downwards(module):
    upwards = [
        other
        for other in imports(module)
        if room(other) != room(module) and RANKS[room(other)] <= RANKS[room(module)]
    ]
    assert not upwards


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter({module: imports(module) for module in MODULES}).prepare()


def test_every_room_has_a_layer_and_every_layer_a_room():
    assert {room(module) for module in MODULES if module != "clothseg"} == set(RANKS)


def test_few_files_lie_at_the_root():
    assert len(list((SRC / "clothseg").glob("*.py"))) <= 20


@pytest.mark.parametrize(
    ("source", "target"), [("error", "commands"), ("metric", "report"), ("labels", "dataset")]
)
def test_an_upward_import_would_be_found(source, target):
    assert RANKS[source] > RANKS[target]
