"""Known apps, and the distributions that provide a missing command or data source.

The data are stored in ``suggestions.json``, so that the code contains no distribution names.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

EVERY = "*"
"""Key for the distribution that provides all commands of an app."""


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return found


def apps() -> list[str]:
    """Return the names of the known apps."""
    return list(_data()["apps"])


def scripts(app: str) -> list[str]:
    """Return the names of the programs that start an app. The first one is the app's name."""
    return [app, *_data()["apps"].get(app, {}).get("scripts", ())]


def summary(app: str) -> str:
    """Return the first sentence of an app's help, or an empty string if the app is unknown."""
    return str(_data()["apps"].get(app, {}).get("summary", ""))


def by_command(app: str) -> dict[str, str]:
    """Return the distributions that provide the commands of an app, keyed by command."""
    return dict(_data()["apps"].get(app, {}).get("commands", {}))


def by_kind() -> dict[str, str]:
    """Return the distributions that provide data sources, keyed by kind."""
    return dict(_data()["kinds"])


def short_names() -> dict[str, str]:
    """Return names of distributions, keyed by the short names that ``plugins install`` accepts."""
    found: dict[str, str] = {}
    for app in apps():
        for command, distribution in by_command(app).items():
            found[app if command == EVERY else command] = distribution
            found[distribution.partition("-")[2]] = distribution
    return found
