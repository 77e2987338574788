"""Load plugins from folders of Python files, which do not need a distribution.

Each file ``NAME.py`` and each package ``NAME`` in the folder is a plugin. The hooks are in the
file, or in the module ``NAME.plugin`` of a package. Names that start with ``_`` are ignored.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from .errors import AstrodomeError, InvalidInputError

OPTION = "--plugin-dir"
VARIABLE = "ASTRODOME_PLUGIN_DIR"


@contextmanager
def chosen(folders: Sequence[str]) -> Iterator[None]:
    """Use folders within the block. Child processes inherit them as an environment variable.

    If ``folders`` is empty, the folders in the environment variable are used. Raises
    InvalidInputError if the path of a folder contains the separator of the variable.
    """
    before = os.environ.get(VARIABLE)
    paths = [str(Path(folder).expanduser().absolute()) for folder in folders if folder]
    for path in paths:
        if os.pathsep in path:
            raise InvalidInputError(
                f"The path of a plugin folder cannot contain '{os.pathsep}': {path}",
                "Rename the folder.",
            )
    if paths:
        os.environ[VARIABLE] = os.pathsep.join(paths)
    try:
        yield
    finally:
        if paths and before is None:
            os.environ.pop(VARIABLE, None)
        elif paths and before is not None:
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
    """Return the plugins in the chosen folders, or an empty list if no folder was chosen.

    Raises InvalidInputError if a folder does not exist.
    """
    names = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    folders = dict.fromkeys(Path(name).expanduser().absolute() for name in names)
    return [file for folder in folders for file in _files(folder)]


def _files(folder: Path) -> Iterator[PluginFile]:
    if not folder.is_dir():
        raise InvalidInputError(
            f"Plugin folder not found: {folder}", f"Change {OPTION} or the variable {VARIABLE}."
        )
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # At the end, so that a file cannot replace another module.
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("_", ".")):
            continue
        if path.suffix == ".py" and path.is_file():
            yield PluginFile(path.stem, path.stem, path)
        elif (path / "__init__.py").is_file():
            hooks = f"{path.name}.plugin" if (path / "plugin.py").is_file() else path.name
            yield PluginFile(path.name, hooks, path)
