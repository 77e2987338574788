"""Describe the arguments, the output and the exit codes of commands as JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import PurePath
from typing import Any, TypedDict

from . import outputs
from .errors import AstrodomeError, reason

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXIT_CODES = {
    "0": "The command succeeded.",
    "1": "The operation failed, or some of the items failed.",
    "2": "The command line or an input is invalid.",
    "130": "The command was interrupted.",
}
_TYPES = {
    "int": "integer",
    "integer": "integer",
    "float": "number",
    "boolean": "boolean",
}
"""JSON types, keyed by the name of a parameter type in Typer. All other types are strings."""


class ListedCommand(TypedDict):
    """A command in the list of all commands."""

    command: str
    effect: str
    help: str


class CommandDescription(TypedDict):
    """The JSON Schemas of a command, and the meaning of its exit codes."""

    command: str
    help: str
    effect: str
    arguments: dict[str, Any]
    exit_codes: dict[str, str]
    output: Any
    error: Any


def context_of(command: Any, parent: Any) -> Any:
    """Return a context of a command that is described but not run."""
    context = command.make_context(command.name, [], parent=parent, resilient_parsing=True)
    context.resilient_parsing = False  # The import of a subcommand must not fail silently.
    return context


def walk(
    group: Any, ctx: Any, skipped: Callable[[AstrodomeError], object]
) -> Iterator[tuple[Any, Any]]:
    """Yield the listed commands in a group and its subgroups, each with its context.

    ``skipped`` is called with the error of each command that cannot be imported.
    """
    for name, stub in group.commands.items():
        if stub.hidden:
            continue
        try:
            child = group.resolve_command(ctx, [name])[1]
        except AstrodomeError as error:
            skipped(AstrodomeError(f"{ctx.command_path} {name}: {error.message}", error.hint))
            continue
        below = context_of(child, ctx)
        if hasattr(child, "commands"):
            yield from walk(child, below, skipped)
        else:
            yield child, below


def summarize(command: Any, ctx: Any) -> ListedCommand:
    """Return the entry of a command in the list of all commands."""
    return {
        "command": ctx.command_path,
        "effect": effect(command),
        "help": command.get_short_help_str(200),
    }


def effect(command: Any) -> str:
    """Return ``read-only``, ``writes``, or ``unknown`` if the command declares no output."""
    declared = outputs.declaration(command.callback)
    if declared is None:
        return "unknown"
    return "read-only" if declared.reads_only else "writes"


def describe(command: Any, ctx: Any) -> CommandDescription:
    """Return the JSON Schemas of the arguments and the output of a command.

    Raises AstrodomeError if the declared output cannot be converted to JSON Schema.
    """
    declared = outputs.declaration(command.callback)
    output: Any = declared is None
    if declared is not None and declared.document is not None:
        try:
            output = outputs.json_schema(declared.document)
        except Exception as error:  # The declaration of a plugin may contain any object.
            raise AstrodomeError(
                f"The output that '{ctx.command_path}' declares is invalid: {reason(error)}"
            ) from error
    return {
        "command": ctx.command_path,
        "help": " ".join((command.help or "").partition("\f")[0].split()),
        "effect": effect(command),
        "arguments": arguments(command, ctx),
        "exit_codes": EXIT_CODES,
        "output": output,
        "error": outputs.json_schema(outputs.ErrorDocument),
    }


def arguments(command: Any, ctx: Any) -> dict[str, Any]:
    """Return the JSON Schema of the arguments and options of a command, keyed by name.

    A parameter with ``"writes": true`` causes a command that is otherwise read-only to write files.
    """
    declared = outputs.declaration(command.callback)
    writing = declared.writes_with if declared else ()
    known = {
        name(param): param
        for param in command.get_params(ctx)
        if not getattr(param, "hidden", False) and "--help" not in param.opts
    }
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": {
            key: _property(param, ctx) | ({"writes": True} if param.name in writing else {})
            for key, param in known.items()
        },
        "required": [key for key, param in known.items() if param.required],
        "additionalProperties": False,
    }


def name(param: Any) -> str:
    """Return the name of a parameter: the longest option without dashes, or the argument."""
    if param.param_type_name == "argument":
        return str(param.name)
    longest: str = max(param.opts, key=len)
    return longest.lstrip("-").replace("-", "_")


def _property(param: Any, ctx: Any) -> dict[str, Any]:
    """Return the JSON Schema of one parameter.

    The keys ``kind``, ``option``, ``negative`` and ``environment`` are not in JSON Schema. They
    contain what is needed to write the parameter in a command line or as environment variables.
    """
    found: dict[str, Any] = _schema(param)
    if text := " ".join((getattr(param, "help", None) or "").split()):
        found["description"] = text
    default = _plain(param.default)
    if default is not None and not param.required and not callable(default):
        found["default"] = default
    found["kind"] = param.param_type_name
    if param.param_type_name == "option":
        found["option"] = max(param.opts, key=len)
        if param.secondary_opts:
            found["negative"] = max(param.secondary_opts, key=len)
    if variables := _variables(param, ctx):
        found["environment"] = variables
    return found


def _schema(param: Any) -> dict[str, Any]:
    item = _item(param.type)
    if param.nargs not in (1, -1) and "prefixItems" not in item:
        item = {"type": "array", "items": item, "minItems": param.nargs, "maxItems": param.nargs}
    if getattr(param, "count", False):
        return {"type": "integer", "minimum": 0}
    if param.nargs == -1 or getattr(param, "multiple", False):
        repeated: dict[str, Any] = {"type": "array", "items": item}
        return {**repeated, "minItems": 1} if param.required else repeated
    return item


def _item(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a parameter type of Typer."""
    if parts := getattr(kind, "types", None):
        items = [_item(part) for part in parts]
        return {
            "type": "array",
            "prefixItems": items,
            "minItems": len(items),
            "maxItems": len(items),
        }
    if choices := getattr(kind, "choices", None):
        return {"type": "string", "enum": [_plain(one) for one in choices]}
    found: dict[str, Any] = {"type": _TYPES.get(kind.name.removesuffix(" range"), "string")}
    if kind.name.endswith("range"):
        low, high = ("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")
        for value, opened, names in (
            (kind.min, kind.min_open, low),
            (kind.max, kind.max_open, high),
        ):
            if value is not None:
                found[names[0 if opened else 1]] = value
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, PurePath) else value


def _variables(param: Any, ctx: Any) -> list[str]:
    """Return the names of the environment variables that set a parameter."""
    given = param.envvar or []
    found = [given] if isinstance(given, str) else list(given)
    if param.param_type_name == "option" and ctx.auto_envvar_prefix:
        found.append(f"{ctx.auto_envvar_prefix}_{param.name.upper()}")
    return found
