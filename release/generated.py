"""Write the generated files, and compare them with the files in the repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from . import completions, manpages, metadata, project
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


def check_tag(name: str) -> None:
    """Raise ReleaseError if the name of a Git tag does not match the version."""
    expected = f"v{project.version()}"
    if name != expected:
        raise ReleaseError(f"The tag {name} does not match the version: expected {expected}.")
    if not project.CHANGELOG.read_text("utf-8").count(f"\n## {project.version()} ("):
        raise ReleaseError(f"CHANGELOG.md has no section for the version {project.version()}.")


def update() -> None:
    """Write all generated files."""
    _write(metadata.files(project.version()))
    _write(shared_files())
    for path in obsolete():
        path.unlink()
        print(f"Deleted: {path.relative_to(ROOT)}")


def shared_files() -> dict[Path, str]:
    """Return the expected text of the man pages and the completion scripts, keyed by path."""
    return manpages.files() | completions.files()


def obsolete() -> list[Path]:
    """Return the files in the folders ``share`` that are no longer generated."""
    wanted = shared_files()
    return [
        path
        for one in project.distributions()
        for path in sorted((one.folder / "share").rglob("*"))
        if path.is_file() and path not in wanted
    ]


def check(_output: Path) -> list[str]:
    """Check that the man pages and the completion scripts are up to date."""
    wrong = [
        f"{path.relative_to(ROOT)} is not up to date (run: python -m release update)"
        for path, text in shared_files().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    return wrong + [f"{path.relative_to(ROOT)} is not generated" for path in obsolete()]


def _write(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"Written: {path.relative_to(ROOT)}")
