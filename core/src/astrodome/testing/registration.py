"""Check that a plugin is loaded through the entry points of its installed distribution."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, packages_distributions

from .. import distributions, plugins
from . import effects


def owners(module: str) -> list[Distribution]:
    """Return the installed distributions that contain the package of a plugin module.

    An editable installation lists no files, so distributions with an entry point for the package
    are also returned.
    """
    package = module.partition(".")[0]
    names = packages_distributions().get(package, [])
    found = {
        name: dist
        for name, dist in distributions.installed().items()
        if name in map(distributions.canonical_name, names)
        or name == distributions.canonical_name(package)
        or (distributions.has_plugins(dist) and package in _packages(dist))
    }
    return list(found.values())


def _packages(dist: Distribution) -> set[str]:
    return {
        entry.value.partition(".")[0]
        for entry in dist.entry_points
        if entry.group.startswith(distributions.GROUP)
    }


def problems(module: str, found: list[Distribution]) -> list[str]:
    """Return the problems of the entry points that load a plugin module.

    ``found`` is the result of :func:`owners`.
    """
    entries = [
        entry
        for dist in found
        for entry in dist.entry_points
        if entry.group.startswith(distributions.GROUP) and entry.module == module
    ]
    if not entries:
        names = ", ".join(distributions.name_of(dist) for dist in found)
        return [
            f"No entry point of {names} loads {module}: add it to the table "
            f'[project.entry-points."{distributions.GROUP}APP"] in pyproject.toml, and install the '
            "distribution again."
        ]
    texts = []
    for entry in entries:
        app = entry.group.removeprefix(distributions.GROUP)
        loaded = plugins.load(app, [entry]).plugins[0]
        if loaded.status != "active":
            texts.append(f"The plugin {entry.name} of the app {app} {loaded.state}.")
            continue
        expected = plugins.of(app, plugin=effects.load(module)).plugins[0]
        if loaded.specs != expected.specs:
            texts.append(
                f"The entry point {entry.name} of the app {app} registers other objects than "
                f"{module}."
            )
        texts += clashes(app, loaded.distribution)
    return texts


def clashes(app: str, distribution: str) -> list[str]:
    """Return a message for each name that a distribution and another plugin register."""
    word = re.compile(rf"(?<![\w-]){re.escape(distribution)}(?![\w-])")
    return [text for text in plugins.load(app).clashes() if word.search(text)]
