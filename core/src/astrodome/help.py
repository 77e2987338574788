"""Formatting of help pages, as panels on a terminal and as plain text in a pipe."""

from __future__ import annotations

from io import StringIO
from typing import Any

from .console import on_terminal


def sections(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """Return the (term, description) pairs of a help page, keyed by section title."""
    found: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        if not getattr(param, "envvar", None):
            param.show_envvar = False  # Do not list the variables (SDO_…) of all options.
        record = param.get_help_record(ctx)
        if record:
            panel = "Arguments" if param.param_type_name == "argument" else "Options"
            found.setdefault(getattr(param, "rich_help_panel", None) or panel, []).append(record)
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            panel = child.rich_help_panel if isinstance(child.rich_help_panel, str) else "Commands"
            found.setdefault(panel, []).append((name, child.get_short_help_str(200)))
    return found


def write(command: Any, ctx: Any, formatter: Any) -> None:
    """Write the help page of a command to a Click formatter."""
    if on_terminal():
        formatter.write(_panels(command, ctx))
        return
    command.format_usage(ctx, formatter)
    command.format_help_text(ctx, formatter)
    for title, rows in sections(command, ctx).items():
        with formatter.section(title):
            formatter.write_dl(rows)
    command.format_epilog(ctx, formatter)


def _panels(command: Any, ctx: Any) -> str:
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    text = StringIO()
    page = Console(file=text, force_terminal=True, highlight=False)
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    page.print(Text.assemble("\n Usage: ", (usage, "bold")))
    if command.help:
        page.print(
            Text("\n" + command.help.partition("\f")[0].replace("\b\n", "").strip()),
            style="",
            no_wrap=False,
        )
    page.print()
    for title, rows in sections(command, ctx).items():
        table = Table.grid(padding=(0, 2), pad_edge=False)
        table.add_column(style="bold cyan", overflow="fold", max_width=36)
        table.add_column(overflow="fold")
        for term, description in rows:
            table.add_row(Text(term), Text(description))
        page.print(Panel(table, title=title, title_align="left", border_style="dim"))
    if command.epilog:
        page.print(Text(command.epilog))
    return text.getvalue()
