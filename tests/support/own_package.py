"""Packages of a user's own, written by tests."""

import importlib
import sys
from textwrap import dedent


class OwnPackage:
    """Package in a temporary folder that can be imported.

    Args:
        folder: folder that is on the import path.
        name: name of the package.
    """

    def __init__(self, folder, name):
        self.folder, self.name = folder / name, name
        self.folder.mkdir()
        self.write("__init__", "")

    def write(self, module, text):
        """Write a module; the next import reads it."""
        (self.folder / f"{module}.py").write_text(dedent(text))
        self.forget()

    def forget(self):
        """Let the next import read all files again, as a new process does."""
        for name in [name for name in sys.modules if name.partition(".")[0] == self.name]:
            del sys.modules[name]
        importlib.invalidate_caches()
