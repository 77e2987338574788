"""Functions for configurations, which are nested mappings with dotted keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import getitem
from typing import Any


def get_key(plain: Mapping[str, Any], key: str) -> Any:
    """Return the value for a dotted key in nested mappings."""
    return reduce(getitem, key.split("."), plain)


def flatten(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of each item in nested mappings."""
    for key, value in plain.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def nest(dotted: str, value: Any) -> dict[str, Any]:
    """Return nested dicts that contain only the value for the given dotted key."""
    key, dot, rest = dotted.partition(".")
    return {key: nest(rest, value) if dot else value}


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings that contain the values of both, of which ``above`` has priority."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return result
