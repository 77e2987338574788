"""Import commands only when they run, and format their help pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from . import parameters
from .errors import AstrodomeError
from .specs import dashed


@dataclass(frozen=True)
class Entry:
    """An entry in a list of commands: the help text, and the function that imports the command."""

    help: str
    load: Callable[[], Any]
    panel: str = "Commands"
    hidden: bool = False


class _Style:
    """A mixin for the format of help pages and for the names of environment variables."""

    params: list[Any]

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        for param in self.params:
            parameters.set_variable(param, ctx)
        return super().parse_args(ctx, args)  # type: ignore[misc]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from .help import write

        write(self, ctx, formatter)


class Command(_Style, TyperCommand):
    """A command with a help page in the format of the host, which expands ``~`` in paths."""

    def invoke(self, ctx: Any) -> Any:
        for param in self.params:
            if parameters.is_path(param) and param.name in ctx.params:
                ctx.params[param.name] = _expanded(ctx.params[param.name])
        if ctx.params.get("as_json"):  # It may also be set with an environment variable.
            from . import console

            console.json_requested = True
        return super().invoke(ctx)


def _expanded(value: Any) -> Any:
    """Expand ``~`` in a path or in a list of paths, for example in ``--out=~/images``."""
    if isinstance(value, list | tuple):
        return type(value)(map(_expanded, value))
    if isinstance(value, str | Path) and str(value).startswith("~"):
        with suppress(RuntimeError):  # The user does not exist.
            return type(value)(Path(value).expanduser())
    return value


class Group(_Style, TyperGroup):
    """A group of commands in whose names ``_`` and ``-`` are equivalent."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        spellings = {dashed(name): name for name in self.commands}
        return self.commands.get(spellings.get(dashed(cmd_name), cmd_name))


class LazyGroup(Group):
    """A group that imports a command only when the command runs, not when it is listed.

    Subclass it, override :meth:`entries`, and pass the class to ``typer.Typer(cls=…)``.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._entries = self.entries()
        for name, entry in self._entries.items():
            self.add_command(
                Command(
                    name,
                    help=entry.help,
                    short_help=entry.help,
                    rich_help_panel=entry.panel,
                    hidden=entry.hidden,
                )
            )

    def entries(self) -> Mapping[str, Entry]:
        """Return the entries of the group, keyed by command name."""
        return {}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and command.name and command.name in self._entries:
            try:
                command = real(self._entries[command.name].load(), command)
            except Exception:
                if not ctx.resilient_parsing:  # Shell completion must not show errors.
                    raise
        return name, command, rest


def fault(target: Any) -> str:
    """Return a message if an object cannot be used as a command, otherwise an empty string."""
    if isinstance(target, TyperCommand | TyperGroup | typer.Typer):
        return ""
    if callable(target) and not isinstance(target, type):
        return ""
    what = "the class" if isinstance(target, type) else "an object of type"
    name = target.__name__ if isinstance(target, type) else type(target).__name__
    return f"it is {what} {name}, expected a Typer app or a function"


def real(target: Any, stub: Any) -> Any:
    """Return the imported command that replaces ``stub``, its placeholder in a list of commands.

    ``target`` is a Typer app, a function or a Click command.
    """
    if wrong := fault(target):
        raise AstrodomeError(f"Invalid command '{stub.name}': {wrong}.")
    if isinstance(target, TyperCommand | TyperGroup):
        command: Any = target
    else:
        app = target
        if not isinstance(target, typer.Typer):
            app = typer.Typer()
            app.command(help=stub.help if not target.__doc__ else None)(target)
        _dress(app)
        single = not isinstance(target, typer.Typer)
        command = typer.main.get_command(app) if single else typer.main.get_group(app)
    command.name = stub.name
    command.help = command.help or stub.help
    return command


def _dress(app: typer.Typer) -> None:
    """Use the host's classes for all commands and groups that do not have a custom class."""
    app.rich_markup_mode = None
    app._add_completion = False
    if not isinstance(app.info.cls, type) or app.info.cls is TyperGroup:
        app.info.cls = Group
    for info in app.registered_commands:
        if info.cls in (None, TyperCommand):
            info.cls = Command
    for group in app.registered_groups:
        if group.typer_instance:
            _dress(group.typer_instance)
            if not isinstance(group.cls, type):
                group.cls = group.typer_instance.info.cls
