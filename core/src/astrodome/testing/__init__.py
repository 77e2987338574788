"""Conformance tests and pytest fixtures for plugins.

Subclass the contract classes in a test module::

    from astrodome.testing import CommandContract, PluginContract

    class TestPlugin(PluginContract):
        plugin = "astrodome_moon.plugin"

    class TestPhases(CommandContract):
        plugin = "astrodome_moon.plugin"
        app = "sdo"
        command = "moon"
        arguments = [("phases", "2011-06-07")]
        invalid = [("phases", "yesterday")]

:func:`run` runs a command line in the current process and returns its output. The fixtures, whose
names start with ``astrodome_``, are available in every test, because this package is installed as a
pytest plugin.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .commands import CommandContract
    from .components import ModelContract, SourceContract
    from .contract import PluginContract, problems
    from .network import NetworkAccessError
    from .runner import Result, run

_MODULES = {
    "CommandContract": "commands",
    "ModelContract": "components",
    "NetworkAccessError": "network",
    "PluginContract": "contract",
    "Result": "runner",
    "SourceContract": "components",
    "problems": "contract",
    "run": "runner",
}

ENVIRONMENT = dict(os.environ)
"""Environment variables at the start of pytest, which no plugin has changed yet."""

__all__ = [
    "CommandContract",
    "ModelContract",
    "NetworkAccessError",
    "PluginContract",
    "Result",
    "SourceContract",
    "problems",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        text = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(text, name=name)
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return list(__all__)
