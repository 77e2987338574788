"""The distributions of this repository, and the settings that they share."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHANGELOG = ROOT / "CHANGELOG.md"
HOST = "astrodome"
VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


class ReleaseError(Exception):
    """A release step failed; the message says why."""


@dataclass(frozen=True)
class Distribution:
    """A folder with a ``pyproject.toml``, from which one wheel is built."""

    folder: Path

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        """Return the parsed ``pyproject.toml``."""
        return tomllib.loads((self.folder / "pyproject.toml").read_text("utf-8"))

    @property
    def project(self) -> dict[str, Any]:
        """Return the table ``[project]``."""
        table: dict[str, Any] = self.pyproject["project"]
        return table

    @property
    def name(self) -> str:
        """Return the name of the distribution, for example ``astrodome-goes``."""
        return str(self.project["name"])

    @property
    def package(self) -> str:
        """Return the import name, for example ``astrodome_goes``."""
        return self.name.replace("-", "_")

    @property
    def init(self) -> Path:
        """Return the module that contains ``__version__``."""
        return self.folder / "src" / self.package / "__init__.py"

    @property
    def version(self) -> str:
        """Return the value of ``__version__``."""
        found = VERSION.findall(self.init.read_text("utf-8"))
        if len(found) != 1:
            raise ReleaseError(f"{self.init}: expected one line '__version__ = \"…\"'.")
        return str(found[0])

    @property
    def apps(self) -> list[str]:
        """Return the applications for which the distribution contains a plugin."""
        groups = self.project.get("entry-points", {})
        return [group.partition(".")[2] for group in groups if group.startswith(f"{HOST}.")]

    @property
    def is_library(self) -> bool:
        """Return whether other distributions of this repository require the distribution."""
        return any(self.name in other.siblings for other in distributions())

    @property
    def siblings(self) -> list[str]:
        """Return the distributions of this repository that the distribution requires."""
        names = {other.name for other in distributions() if other.folder != self.folder}
        lines = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in self.project["dependencies"]]
        return [name for name in lines if name in names]


def distributions() -> list[Distribution]:
    """Return all distributions, the host first."""
    folders = [
        ROOT / "core",
        *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")),
    ]
    return [Distribution(folder) for folder in folders]


def find(name: str) -> Distribution:
    """Return the distribution with the given name."""
    for one in distributions():
        if one.name == name:
            return one
    raise ReleaseError(f"Unknown distribution '{name}'.")


def version() -> str:
    """Return the version of the host, which all distributions share."""
    return find(HOST).version


def shared() -> dict[str, str]:
    """Return the table ``[tool.astrodome]``: the public addresses of the project."""
    table: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"][
        "astrodome"
    ]
    return table


def urls() -> dict[str, str]:
    """Return ``project.urls`` of every distribution."""
    repository = shared()["repository"]
    return {
        "Homepage": shared()["documentation"],
        "Documentation": shared()["documentation"],
        "Source": repository,
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
    }
