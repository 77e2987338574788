"""Host application for a plugin-based command line.

The names in ``__all__`` are the public interface for plugins. Everything else may change without
notice. Submodules are imported on first use, so that ``import astrodome`` is fast.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from .errors import AstrodomeError, InvalidInputError

if TYPE_CHECKING:
    from .hookspecs import (
        CheckSpec,
        CommandSpec,
        Finding,
        KindSpec,
        ModelSpec,
        SourceSpec,
        ViewSpec,
        hookimpl,
    )

__version__ = "0.1.0"
API_VERSION = (2, 1)
"""Version of the plugin interface, as (major, minor)."""

__all__ = [
    "API_VERSION",
    "AstrodomeError",
    "CheckSpec",
    "CommandSpec",
    "Finding",
    "InvalidInputError",
    "KindSpec",
    "ModelSpec",
    "SourceSpec",
    "ViewSpec",
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
    "outputs",
    "runs",
    "settings",
    "sources",
    "spreadsheets",
    "temporary",
    "testing",
    "times",
    "views",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        text = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(text, name=name, obj=sys.modules[__name__])
    if name in ("Finding", "hookimpl") or name.endswith("Spec"):
        return getattr(importlib.import_module(".hookspecs", __name__), name)
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
