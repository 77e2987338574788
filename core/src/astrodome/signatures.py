"""Compare the signatures of methods with the protocol of a kind of sources or models."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any


def faults(protocol: type, target: type, names: list[str]) -> Iterator[str]:
    """Yield a message for each method that cannot be called as its protocol defines.

    ``names`` are the names of the methods to compare. Required arguments are passed by position,
    and optional arguments by keyword.
    """
    for name in names:
        expected = _parameters(protocol, name)
        given = _parameters(target, name)
        if expected is None or given is None:
            continue
        if inspect.iscoroutinefunction(getattr(target, name)):
            yield f"{target.__qualname__}.{name}() must not be a coroutine function"
            continue
        positional = [p for p in expected if _by_position(p)]
        keywords = [p for p in expected if not _by_position(p) and p.kind not in VARIADIC]
        try:
            signature = inspect.Signature(given)
            signature.bind(*positional)
            signature.bind(*positional, **{p.name: p for p in keywords})
        except TypeError as error:
            yield (
                f"{target.__qualname__}.{name}({_shown(given)}) cannot be called as "
                f"{protocol.__name__}.{name}({_shown(expected)}): {error}"
            )


def required(target: type) -> str:
    """Return the names of the arguments that the constructor of a class requires."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return ""
    return ", ".join(p.name for p in parameters if p.default is p.empty and p.kind not in VARIADIC)


VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _by_position(parameter: inspect.Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty and parameter.kind in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )


def _parameters(owner: type, name: str) -> list[inspect.Parameter] | None:
    """Return the parameters of a method without ``self``, or None if they are unknown."""
    static: Any = inspect.getattr_static(owner, name, None)
    try:
        found = list(inspect.signature(getattr(owner, name)).parameters.values())
    except (AttributeError, TypeError, ValueError):
        return None
    return found[1:] if inspect.isfunction(static) else found


def _shown(parameters: list[inspect.Parameter]) -> str:
    """Return the names and default values of parameters, without annotations."""
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return str(inspect.Signature(bare))[1:-1]
