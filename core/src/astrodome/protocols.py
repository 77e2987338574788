"""Check that sources and models have the methods that their kind or task requires."""

from __future__ import annotations

import inspect
from typing import Any

from . import models, plugins, sources
from .errors import AstrodomeError
from .hookspecs import ModelSpec, SourceSpec


def fault(spec: SourceSpec | ModelSpec, target: Any) -> str:
    """Return why the class of a source or model cannot be used; empty if it can."""
    if not callable(target):
        return f"{spec.target} is an object of type {type(target).__name__}, expected a class"
    protocol: type[Any] | None
    verbs: tuple[str, ...] = ()
    if isinstance(spec, SourceSpec):
        protocol, kind = sources.KINDS.get(spec.kind), spec.kind
    else:
        protocol, kind, verbs = models.TASKS.get(spec.task), spec.task, spec.verbs
    if protocol is None:
        return ""  # a kind or task that the plugin defines itself
    missing = [
        name
        for name, member in vars(protocol).items()
        if inspect.isfunction(member)
        and not name.startswith("_")
        and (name in verbs or name not in models.VERBS or isinstance(spec, SourceSpec))
        and isinstance(target, type)  # A factory is checked only when it is called.
        and not callable(getattr(target, name, None))
    ]
    if not missing:
        return ""
    names = ", ".join(f"{name}()" for name in missing)
    return f"{spec.target} lacks {names}, which the kind '{kind}' requires"


def check(plugin: plugins.Plugin, spec: SourceSpec | ModelSpec, target: Any) -> None:
    """Raise an AstrodomeError that names the plugin if the class cannot be used."""
    if wrong := fault(spec, target):
        address = plugins.tracker(plugin)
        raise AstrodomeError(
            f"{plugin.owner} {plugin.version}".rstrip() + f" registers '{spec.name}', but {wrong}.",
            f"Report it at {address}" if address else f"Update or report {plugin.owner}.",
        )
