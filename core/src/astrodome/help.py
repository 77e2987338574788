"""Format help pages: as panels on a terminal, otherwise as plain text."""

from __future__ import annotations

from typing import Any

from . import parameters
from .console import on_terminal


def sections(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """Return the (term, description) pairs of a help page, keyed by section title."""
    found: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        _hide_variable(param)
        record = param.get_help_record(ctx)
        if record:
            panel = "Options" if parameters.is_option(param) else "Arguments"
            found.setdefault(getattr(param, "rich_help_panel", None) or panel, []).append(record)
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            panel = child.rich_help_panel if isinstance(child.rich_help_panel, str) else "Commands"
            found.setdefault(panel, []).append((name, child.get_short_help_str(200)))
    return found


def write(command: Any, ctx: Any, formatter: Any) -> None:
    """Write the help page of a command to a Click formatter."""
    if on_terminal():
        from typer.rich_utils import rich_format_help

        for param in command.get_params(ctx):
            _hide_variable(param)
        rich_format_help(obj=command, ctx=ctx, markup_mode="markdown")
        return
    command.format_usage(ctx, formatter)
    command.format_help_text(ctx, formatter)
    for title, rows in sections(command, ctx).items():
        with formatter.section(title):
            formatter.write_dl(rows)
    command.format_epilog(ctx, formatter)


def _hide_variable(param: Any) -> None:
    """Do not list the environment variable (SDO_…) that every option has automatically."""
    if not getattr(param, "envvar", None):
        param.show_envvar = False
