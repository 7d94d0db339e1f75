"""Layers of the package: imports point downwards only, without cycles."""

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
    ("label_file", "geometry"),
    ("labels",),
    ("weights",),
    ("checkpoint", "json_file"),
    ("terminal", "threads", "files", "shipped", "extras", "quick_imports", "untrusted", "isolated"),
    ("error",),
)
"""Layers from top to bottom; a module imports from its own folder and from lower layers."""

LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}

MODULES = {
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SRC.rglob("*.py")
}


def imports(module):
    """Project modules that a module imports, including those in functions and for types."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in MODULES else node.module)
    return found.intersection(MODULES) - {module, "clothseg"}


def top_level(module):
    """Folder or file directly below `clothseg` that contains a module."""
    parts = module.split(".")
    return parts[0] if parts[0] == "hydra_plugins" else parts[1]


def upward_imports(graph):
    """Pairs of modules of which the first imports the second from its own layer or a higher one."""
    return [
        (module, other)
        for module, others in graph.items()
        for other in others
        if top_level(other) != top_level(module)
        and LEVELS[top_level(other)] <= LEVELS[top_level(module)]
    ]


def test_imports_point_downwards():
    graph = {module: imports(module) for module in sorted(MODULES.keys() - {"clothseg"})}
    assert upward_imports(graph) == []


def test_there_are_no_import_cycles():
    TopologicalSorter({module: imports(module) for module in MODULES}).prepare()


def test_layers_match_the_top_level_folders_and_files():
    assert {top_level(module) for module in MODULES if module != "clothseg"} == set(LEVELS)


def test_few_files_are_at_the_top_level():
    assert len(list((SRC / "clothseg").glob("*.py"))) <= 20


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("clothseg.error", "clothseg.commands.main"),
        ("clothseg.metric.scorecard", "clothseg.report.tables"),
        ("clothseg.logger.tracker", "clothseg.callbacks.history"),
    ],
)
def test_an_upward_import_is_detected(source, target):
    assert upward_imports({source: {target}}) == [(source, target)]
