"""Names of the programs that start the apps, and programs of others with the same name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, entry_points
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


def provider(app: str) -> Distribution | None:
    """Return the distribution that installs the program of an app.

    Return None for the apps of the host, and if no distribution installs the program.
    """
    for entry in entry_points(group="console_scripts", name=app):
        if entry.module == STARTER and entry.dist and distributions.name_of(entry.dist):
            is_host = distributions.name_of(entry.dist) == distributions.HOST
            return None if is_host else entry.dist
    return None


def requirement(app: str) -> str:
    """Return the requirement for the distribution that provides the program of an app.

    The result is an empty string if the program belongs to the host or is not installed.
    """
    from packaging.version import Version

    owner = provider(app)
    if owner is None:
        return ""
    name = distributions.canonical_name(distributions.name_of(owner))
    return f"{name}>={Version(distributions.version_of(owner)).public}"


def conflicts(app: str) -> Iterator[str]:
    """Yield a description of each program of another project with the name of an app."""
    import shutil

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
