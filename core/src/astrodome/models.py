"""Look up model backends by task and name."""

from __future__ import annotations

from typing import Any

from . import plugins, protocols, registry
from .errors import AstrodomeError
from .hookspecs import ModelSpec
from .specs import dashed


def specs(task: str) -> dict[str, ModelSpec]:
    """Return the registered models for a task, keyed by name, without importing them."""
    return {owned[0][1].name: owned[0][1] for owned in plugins.current().models(task).values()}


def get(task: str, name: str) -> Any:
    """Return a new instance of a model backend.

    Parameters
    ----------
    task
        Task that the model performs.
    name
        Name of the model, in which ``_`` and ``-`` are equivalent.

    Raises
    ------
    AstrodomeError
        If the model is unknown, if several plugins registered it, or if a library that it needs is
        not installed.
    """
    found = plugins.current().models(task)
    if dashed(name) not in found:
        known = ", ".join(owned[0][1].name for owned in found.values()) or "none"
        raise AstrodomeError(
            f"Model not found: '{name}' for the task '{task}'.", f"Installed models: {known}."
        )
    plugin, spec = registry.only(f"{task} model", name, found[dashed(name)])
    return protocols.load(plugin, spec)()
