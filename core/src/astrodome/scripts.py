"""Names of the programs that start the apps, and programs of others with the same name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from . import distributions, suggestions

STARTER = "astrodome.start"
WRAPPERS = (STARTER, "pyenv exec")
"""Text in scripts that start an app, directly or through a version manager."""


def app_of(script: str) -> str:
    """Return the app that a program starts; a second name is converted to that of the app."""
    for app in suggestions.apps():
        if script in suggestions.scripts(app):
            return app
    return script


def program(app: str) -> str:
    """Return the name under which the user started an app, or the name of the app."""
    script = Path(sys.argv[0]).stem if sys.argv else ""
    return script if app_of(script) == app else app


def requirement(app: str) -> str:
    """Return the requirement for the distribution that provides the program of an app.

    The result is an empty string if the program belongs to the host or is not installed.
    """
    from importlib.metadata import entry_points

    from packaging.version import Version

    for entry in entry_points(group="console_scripts", name=app):
        owner = entry.dist
        if entry.module != STARTER or owner is None:
            continue
        name = distributions.canonical_name(distributions.name_of(owner))
        if name and name != distributions.HOST:
            return f"{name}>={Version(distributions.version_of(owner)).public}"
    return ""


def conflicts(app: str) -> Iterator[str]:
    """Yield a description of each program of another project with the name of an app."""
    import shutil
    from importlib.metadata import entry_points

    others = [name for name in suggestions.scripts(app) if name != app]
    advice = f"; use the name {others[0]}, which starts the same app" if others else ""
    path = shutil.which(app)
    if path and not _starts_an_app(Path(path)):
        yield f"the first program '{app}' in PATH is {path}, another program{advice}"
    for entry in entry_points(group="console_scripts", name=app):
        owner = entry.dist.name if entry.dist else "unknown"
        if entry.module != STARTER:
            yield f"the distribution {owner} also installs a program '{app}'{advice}"


def _starts_an_app(path: Path) -> bool:
    """Return whether a file is a script that starts an app, or cannot be read."""
    try:
        with path.open("rb") as file:
            text = file.read(4096)
    except OSError:
        return True
    return any(word.encode() in text for word in WRAPPERS)
