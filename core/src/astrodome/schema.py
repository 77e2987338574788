"""The command ``schema``, which describes the commands of an app for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from . import command_schema, console, outputs
from .command_schema import CommandDescription, ListedCommand
from .errors import AstrodomeError, InvalidInputError, similar
from .option_groups import Json, option


@outputs.declare(
    list[ListedCommand] | list[CommandDescription] | CommandDescription, reads_only=True
)
def schema(
    ctx: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(help="Name of a command or group (default: all commands).", metavar="NAME"),
    ] = None,
    full: bool = option(False, "Show the schemas of all commands in the list.", "--full"),
    as_json: Json = False,
) -> None:
    """List all commands, or show the JSON Schema of the arguments and output of one command.

    The schema is always printed as JSON. Only the module of the requested command is imported.
    """
    found, context = _find(ctx.find_root(), command or [])
    if not hasattr(found, "commands"):
        console.show_json(command_schema.describe(found, context))
        return
    below = list(command_schema.walk(found, context, _warn))
    if full:
        console.show_json(list(_descriptions(below)))
    else:
        console.show((command_schema.summarize(*one) for one in below), as_json=as_json)


def _find(root: Any, words: Sequence[str]) -> tuple[Any, Any]:
    """Return the named command and its context."""
    found, context = root.command, root
    for position, word in enumerate(words):
        known = getattr(found, "commands", {})
        name = " ".join([root.info_name, *words[: position + 1]])
        if not known:
            raise _unknown(name, word, known)
        try:
            name, child, _ = found.resolve_command(context, [word])
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            raise _unknown(name, word, known) from error
        found, context = child, command_schema.context_of(child, context)
    return found, context


def _unknown(name: str, word: str, known: Mapping[str, Any]) -> InvalidInputError:
    listed = (one for one, command in known.items() if not command.hidden)
    return InvalidInputError(
        f"Command not found: '{name}'.",
        f"{similar(word, listed)}Use '{name.split()[0]} schema' to list all commands.",
    )


def _descriptions(commands: Iterable[tuple[Any, Any]]) -> Iterator[CommandDescription]:
    """Yield the descriptions of commands. Commands with an invalid declaration are skipped."""
    for command, context in commands:
        try:
            yield command_schema.describe(command, context)
        except AstrodomeError as error:
            _warn(error)


def _warn(skipped: AstrodomeError) -> None:
    console.warn(skipped.message, skipped.hint)
