"""Read the parameters of commands: the only module that depends on the classes of Typer.

Typer 0.29 replaced the parameter types of Click with annotations, so both must be supported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin

_TYPES = {
    "int": "integer",
    "integer": "integer",
    "float": "number",
    "boolean": "boolean",
}
"""JSON types, keyed by the name of a parameter type until Typer 0.28. Other types are strings."""
_ANNOTATIONS: Mapping[Any, str] = {bool: "boolean", int: "integer", float: "number"}
"""JSON types, keyed by the annotation of a parameter. Other annotations are strings."""


def is_option(param: Any) -> bool:
    """Return whether a parameter is an option, not an argument."""
    return bool(param.param_type_name == "option")


def is_hidden(param: Any) -> bool:
    """Return whether a parameter is not listed in the help page."""
    return bool(getattr(param, "hidden", False))


def is_path(param: Any) -> bool:
    """Return whether the values of a parameter are paths."""
    described = getattr(param, "type_descriptor", None)  # since Typer 0.29
    return "path" in str(described.annotation if described else param.type).lower()


def help_text(param: Any) -> str:
    """Return the help text of a parameter in one line, or an empty string."""
    return " ".join((getattr(param, "help", None) or "").split())


def names(param: Any) -> Sequence[str]:
    """Return the spellings of an option, for example ``--output`` and ``-o``."""
    return tuple(getattr(param, "opts", ()))


def name(param: Any) -> str:
    """Return the name of a parameter: the longest option without dashes, or the argument."""
    if not is_option(param):
        return str(param.name)
    return max(names(param), key=len).lstrip("-").replace("-", "_")


def set_variable(param: Any, ctx: Any) -> None:
    """Name the environment variable of an option after the option, for example ``SDO_…_JSON``.

    Typer names the variable after the parameter of the function, for example ``SDO_…_AS_JSON``.
    Both variables can then be used. The variables are not listed on help pages.
    """
    if not is_option(param) or param.envvar or not ctx.auto_envvar_prefix:
        return
    if name(param) != param.name:
        param.envvar = f"{ctx.auto_envvar_prefix}_{name(param).upper()}"
        param.show_envvar = False


def title(param: Any) -> str:
    """Return the name of a parameter in messages: the first option, or the argument."""
    return str(names(param)[0] if is_option(param) else param.metavar or param.name)


def schema(param: Any) -> dict[str, Any]:
    """Return the JSON Schema of the value of a parameter."""
    item = _item(param)
    if param.nargs not in (1, -1) and "prefixItems" not in item:
        item = {"type": "array", "items": item, "minItems": param.nargs, "maxItems": param.nargs}
    if getattr(param, "count", False):
        return {"type": "integer", "minimum": 0}
    if param.nargs == -1 or getattr(param, "multiple", False):
        repeated: dict[str, Any] = {"type": "array", "items": item}
        return {**repeated, "minItems": 1} if param.required else repeated
    return item


def plain(value: Any) -> Any:
    """Return a default value or a choice as a JSON value."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, PurePath) else value


def _item(param: Any) -> dict[str, Any]:
    """Return the JSON Schema of one value of a parameter."""
    described = getattr(param, "type_descriptor", None)
    if described is None:
        return _of_type(param.type)
    kind = described.annotation
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    return _of_annotation(kind, described.parameter_info)


def _of_annotation(kind: Any, info: Any) -> dict[str, Any]:
    """Return the JSON Schema of an annotation (since Typer 0.29)."""
    if get_origin(kind) is tuple:
        return _fixed([_of_annotation(part, info) for part in get_args(kind)])
    if info.parser is not None:
        return {"type": "string"}
    if get_origin(kind) is Literal:
        return _choice(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(tuple(kind))
    found: dict[str, Any] = {"type": _ANNOTATIONS.get(kind, "string")}
    if kind in (int, float):
        limits = {"minimum": info.min, "maximum": info.max}
        found |= {
            key: int(value) if kind is int else value
            for key, value in limits.items()
            if value is not None
        }
    return found


def _of_type(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a parameter type (until Typer 0.28)."""
    if parts := getattr(kind, "types", None):
        return _fixed([_of_type(part) for part in parts])
    if choices := getattr(kind, "choices", None):
        return _choice(choices)
    found: dict[str, Any] = {"type": _TYPES.get(kind.name.removesuffix(" range"), "string")}
    if kind.name.endswith("range"):
        limits = {"minimum": kind.min, "maximum": kind.max}
        found |= {key: value for key, value in limits.items() if value is not None}
    return found


def _fixed(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON Schema of an array with one schema for each of its values."""
    return {
        "type": "array",
        "prefixItems": list(items),
        "minItems": len(items),
        "maxItems": len(items),
    }


def _choice(values: Sequence[Any]) -> dict[str, Any]:
    return {"type": "string", "enum": [plain(one) for one in values]}
