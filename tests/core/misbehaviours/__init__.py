"""Kinds of misbehaviour of plugins, and what the host does with each of them.

``tests/core/test_misbehaviours.py`` runs each plugin, and ``docs/plugins/misbehaviour.md`` is
generated from the same data.
"""

from __future__ import annotations

from .case import Misbehaviour
from .commands import COMMANDS
from .components import COMPONENTS
from .hooks import HOOKS
from .imports import IMPORTS
from .specs import SPECS

GROUPS: dict[str, tuple[Misbehaviour, ...]] = {
    "Import of the plugin module": IMPORTS,
    "Hooks and interface version": HOOKS,
    "Specs": SPECS,
    "Commands and health checks": COMMANDS,
    "Models and sources": COMPONENTS,
}
ALL = {each.name: each for group in GROUPS.values() for each in group}
assert len(ALL) == sum(map(len, GROUPS.values())), "The names must be unique."

__all__ = ["ALL", "GROUPS", "Misbehaviour"]
