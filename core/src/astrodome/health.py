"""Check whether the apps start and which plugins are active, in a new process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass, field

MARK = "astrodome-health:"
TIMEOUT = 120.0
"""Timeout of the check in seconds, after which the apps are considered unable to start."""


@dataclass(frozen=True)
class Health:
    """The state of an environment.

    ``error`` is an empty string if every app starts. ``host`` is the version of astrodome, and
    ``plugins`` contains the state of each plugin. ``clashes`` and ``unsatisfied`` contain messages
    about names that several plugins register, and about unsatisfied requirements.
    """

    error: str = ""
    host: str = ""
    plugins: list[dict[str, str]] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)
    unsatisfied: list[str] = field(default_factory=list)

    def active(self) -> set[tuple[str, str, str]]:
        """Return a set of tuples (app, distribution, name) for the active plugins."""
        return {_key(plugin) for plugin in self.plugins if plugin["status"] == "active"}


def _key(plugin: dict[str, str]) -> tuple[str, str, str]:
    return plugin["app"], plugin["distribution"], plugin["name"]


def check() -> Health:
    """Start every app of this environment in a new process, and load its plugins."""
    ignored = ("ASTRODOME_PLUGINS", "ASTRODOME_PLUGIN_DIR")
    environ = {key: value for key, value in os.environ.items() if key not in ignored}
    code = "from astrodome.startup_check import report; report()"
    try:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env=environ,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Health(f"it did not start within {TIMEOUT:.0f} seconds")
    for line in reversed(ran.stdout.decode("utf-8", "replace").splitlines()):
        if line.startswith(MARK):
            return Health(**json.loads(line.removeprefix(MARK)))
    last = ran.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return Health("".join(last) or f"it ended with exit code {ran.returncode}")


def faults(before: Health, after: Health, removed: Collection[str]) -> list[str]:
    """Return descriptions of the problems that a change caused.

    ``before`` and ``after`` are the states of the environment before and after the change.
    ``removed`` contains the distributions that the user asked to remove.
    """
    if after.error:
        return [f"astrodome no longer starts: {after.error}"]
    found = []
    if before.host and after.host != before.host:
        found.append(f"astrodome {before.host} was replaced by {after.host}")
    present = {_key(plugin): plugin for plugin in after.plugins}
    for app, owner, name in sorted(before.active() - after.active()):
        now = present.get((app, owner, name))
        if now is not None:
            found.append(f"the plugin {name} ({owner}) {now['state']}")
        elif owner not in removed:
            found.append(f"the plugin {name} ({owner}) was removed")
    known = {_key(plugin) for plugin in before.plugins}
    for key, plugin in sorted(present.items()):
        if key not in known and plugin["status"] in ("failed", "incompatible"):
            found.append(f"the plugin {plugin['name']} {plugin['state']}")
    found += [text.rstrip(".") for text in after.clashes if text not in before.clashes]
    found += [text for text in after.unsatisfied if text not in before.unsatisfied]
    return list(dict.fromkeys(found))
