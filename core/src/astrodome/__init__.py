"""The host of astrodome: what a plugin may use.

Names in ``__all__`` are the public interface; everything else in this
package may change without notice. Submodules are imported on first use, so
that ``import astrodome`` stays cheap in every ``plugin.py``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        arrow,
        checks,
        compute,
        console,
        errors,
        files,
        http,
        lazy,
        limits,
        models,
        settings,
        sources,
        spreadsheets,
        temporary,
        testing,
        times,
    )
    from .errors import AstrodomeError
    from .hookspecs import CommandSpec, ModelSpec, SourceSpec, hookimpl

__version__ = "0.1.0"
API_VERSION = (1, 0)
"""Version of the interface for plugins: (breaking, added)."""

__all__ = [
    "API_VERSION",
    "AstrodomeError",
    "CommandSpec",
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
    "limits",
    "models",
    "settings",
    "sources",
    "spreadsheets",
    "temporary",
    "testing",
    "times",
]

_HOMES = {
    "AstrodomeError": "errors",
    "CommandSpec": "hookspecs",
    "ModelSpec": "hookspecs",
    "SourceSpec": "hookspecs",
    "hookimpl": "hookspecs",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if name in __all__:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
