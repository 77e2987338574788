"""Host application for a plugin-based command line.

The names in ``__all__`` are the public interface for plugins. Everything else may change without
notice. Submodules are imported on first use, so that ``import astrodome`` is fast.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

__version__ = "0.1.0"
API_VERSION = (2, 0)
"""Version of the plugin interface, as (major, minor)."""

__all__ = [
    "API_VERSION",
    "AstrodomeError",
    "CheckSpec",
    "CommandSpec",
    "KindSpec",
    "ModelSpec",
    "SourceSpec",
    "arrow",
    "checks",
    "compute",
    "console",
    "errors",
    "files",
    "hookimpl",
    "http",
    "lazy",
    "models",
    "option_groups",
    "runs",
    "settings",
    "sources",
    "spreadsheets",
    "temporary",
    "testing",
    "times",
]

_MODULES = {
    "AstrodomeError": "errors",
    "CheckSpec": "hookspecs",
    "CommandSpec": "hookspecs",
    "KindSpec": "hookspecs",
    "ModelSpec": "hookspecs",
    "SourceSpec": "hookspecs",
    "hookimpl": "hookspecs",
}
"""Names of the modules that define public names, keyed by the public name."""


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    if name in __all__:
        return importlib.import_module(f".{name}", __name__)
    text = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(text, name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
