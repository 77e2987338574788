"""Check the built distributions and their metadata with the tools of the Python community."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from . import build
from .processes import run
from .project import ReleaseError, distributions


def twine(output: Path) -> list[str]:
    """Check the descriptions of all distributions with twine."""
    files = [*build.packages(output, ".whl"), *build.packages(output, ".tar.gz")]
    return _failure("twine", "check", "--strict", *files)


def contents(output: Path) -> list[str]:
    """Check the files in all wheels with check-wheel-contents."""
    return _failure("check-wheel-contents", "--no-config", *build.packages(output, ".whl"))


def pyproject(_output: Path) -> list[str]:
    """Check every pyproject.toml with validate-pyproject."""
    return [
        text
        for one in distributions()
        for text in _failure("validate-pyproject", one.folder / "pyproject.toml")
    ]


def pyroma(_output: Path) -> list[str]:
    """Check that pyroma rates every distribution with 10 of 10 points."""
    wrong = []
    for one in distributions():
        with tempfile.TemporaryDirectory() as made:
            copy = Path(made) / one.name
            shutil.copytree(one.folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
            for text in _failure("pyroma", "--min", "10", "--directory", copy):
                wrong.append(f"{one.name}: {text}")
    return wrong


def _failure(*command: object) -> list[str]:
    try:
        run(*command)
    except ReleaseError as error:
        return [str(error)]
    return []
