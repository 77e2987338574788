"""Load plugins from a folder of Python files, which do not need a distribution.

Each file ``NAME.py`` and each package ``NAME`` in the folder is a plugin. The hooks are in the
file, or in the module ``NAME.plugin`` of a package. Names that start with ``_`` are ignored.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from .errors import AstrodomeError, InvalidInputError

OPTION = "--plugin-dir"
VARIABLE = "ASTRODOME_PLUGIN_DIR"


@contextmanager
def chosen(folder: str) -> Iterator[None]:
    """Use a folder within the block. Child processes inherit it as an environment variable.

    If ``folder`` is an empty string, the folder in the environment variable is used.
    """
    before = os.environ.get(VARIABLE)
    if folder:
        os.environ[VARIABLE] = str(Path(folder).expanduser().absolute())
    try:
        yield
    finally:
        if folder and before is None:
            os.environ.pop(VARIABLE, None)
        elif folder and before is not None:
            os.environ[VARIABLE] = before


@dataclass(frozen=True)
class PluginFile:
    """A plugin in a folder: its name, the import name of its hooks, and its file or package."""

    name: str
    module: str
    path: Path

    def load(self) -> ModuleType:
        """Import the module that contains the hooks."""
        if not self.name.isidentifier():
            raise AstrodomeError(f"'{self.name}' is not a valid module name: rename the file.")
        importlib.invalidate_caches()
        spec = find_spec(self.name)
        used = spec.origin if spec else None
        if used and not Path(used).is_relative_to(self.path):
            raise AstrodomeError(
                f"the module name '{self.name}' is already used ({used}): rename the file."
            )
        return importlib.import_module(self.module)


def find() -> list[PluginFile]:
    """Return the plugins in the chosen folder, or an empty list if no folder was chosen.

    Raises InvalidInputError if the folder does not exist.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return []
    folder = Path(name).expanduser().absolute()
    if not folder.is_dir():
        raise InvalidInputError(
            f"Plugin folder not found: {folder}", f"Change {OPTION} or the variable {VARIABLE}."
        )
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # At the end, so that a file cannot replace another module.
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("_", ".")):
            continue
        if path.suffix == ".py" and path.is_file():
            found.append(PluginFile(path.stem, path.stem, path))
        elif (path / "__init__.py").is_file():
            hooks = f"{path.name}.plugin" if (path / "plugin.py").is_file() else path.name
            found.append(PluginFile(path.name, hooks, path))
    return found
