"""Write the generated files, and compare them with the files in the repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from . import metadata, project
from .project import ROOT, ReleaseError


def set_version(version: str, date: str = "") -> None:
    """Set the version of all distributions, and write the files that contain it."""
    try:
        normal = str(Version(version))
    except InvalidVersion:
        raise ReleaseError(
            f"Invalid version '{version}': expected a version such as 0.2.0 or 0.2.0rc1."
        ) from None
    if normal != version:
        raise ReleaseError(f"Invalid version '{version}': the normal form is {normal}.")
    _write(metadata.files(version, date))


def update() -> None:
    """Write all generated files."""
    _write(metadata.files(project.version()))


def _write(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"Written: {path.relative_to(ROOT)}")
