"""Startup check that :mod:`.health` runs in a new process."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from importlib.metadata import entry_points
from io import StringIO
from typing import Any

from . import __version__, app, distributions, plugins, suggestions
from .health import MARK


def report() -> None:
    """Start every app, and print the state of all plugins as JSON."""
    found: dict[str, Any] = {"host": __version__, "plugins": [], "clashes": []}
    apps = set(suggestions.apps()) | {
        group.removeprefix(plugins.GROUP)
        for group in entry_points().groups
        if group.startswith(plugins.GROUP)
    }
    for name in sorted(apps):
        loaded = plugins.load(name)
        with redirect_stdout(StringIO()), plugins.using(loaded):
            app.build(name, loaded).main(["--help"], prog_name=name, standalone_mode=False)
        found["clashes"] += loaded.clashes()
        found["plugins"] += [
            {
                "app": name,
                "name": plugin.name,
                "distribution": distributions.canonical_name(plugin.distribution),
                "status": plugin.status,
                "state": plugin.state,
            }
            for plugin in loaded.plugins
        ]
    found["unsatisfied"] = distributions.unsatisfied()
    print(f"\n{MARK}{json.dumps(found)}", flush=True)
