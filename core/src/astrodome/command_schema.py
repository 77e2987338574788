"""Describe the arguments, the output and the exit codes of commands as JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypedDict

from . import outputs, parameters
from .errors import AstrodomeError, reason

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXIT_CODES = {
    "0": "The command succeeded.",
    "1": "The operation failed, or some of the items failed.",
    "2": "The command line or an input is invalid.",
    "130": "The command was interrupted.",
}


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
        parameters.name(param): param
        for param in command.get_params(ctx)
        if not parameters.is_hidden(param) and "--help" not in parameters.names(param)
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


def _property(param: Any, ctx: Any) -> dict[str, Any]:
    """Return the JSON Schema of one parameter.

    The keys ``kind``, ``option``, ``negative`` and ``environment`` are not in JSON Schema. They
    contain what is needed to write the parameter in a command line or as environment variables.
    """
    found: dict[str, Any] = parameters.schema(param)
    if text := parameters.help_text(param):
        found["description"] = text
    default = parameters.plain(param.default)
    if default is not None and not param.required and not callable(default):
        found["default"] = default
    found["kind"] = param.param_type_name
    if parameters.is_option(param):
        found["option"] = max(parameters.names(param), key=len)
        if param.secondary_opts:
            found["negative"] = max(param.secondary_opts, key=len)
    if variables := _variables(param, ctx):
        found["environment"] = variables
    return found


def _variables(param: Any, ctx: Any) -> list[str]:
    """Return the names of the environment variables that set a parameter."""
    given = param.envvar or []
    found = [given] if isinstance(given, str) else list(given)
    if parameters.is_option(param) and ctx.auto_envvar_prefix:
        found.append(f"{ctx.auto_envvar_prefix}_{param.name.upper()}")
    return found
