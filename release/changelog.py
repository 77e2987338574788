"""Check the entries for the changelog."""

from __future__ import annotations

import tomllib
from pathlib import Path

from . import project
from .processes import run
from .project import ROOT

FOLDER = ROOT / "changes"


def check(_output: Path) -> list[str]:
    """Check that the changelog can be built from the files in changes/."""
    wrong = misplaced(FOLDER)
    built = run("towncrier", "build", "--draft", "--version", project.version())
    if not wrong and not built.strip():
        wrong.append("towncrier printed no text")
    return wrong


def misplaced(folder: Path) -> list[str]:
    """Return a description of each file that towncrier would ignore."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
    sections = {section["path"] for section in settings["section"]}
    types = {kind["directory"] for kind in settings["type"]}
    wrong = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path == folder / "README.md":
            continue
        place = path.relative_to(folder)
        parts = path.name.split(".")
        if len(place.parts) != 2 or place.parts[0] not in sections:
            wrong.append(f"{place}: expected a folder of changes/README.md")
        elif len(parts) != 3 or parts[1] not in types or parts[2] != "md":
            wrong.append(f"{place}: expected a name such as 123.feature.md")
        elif not path.read_text("utf-8").strip():
            wrong.append(f"{place}: empty file")
    return wrong
