"""Write ``commands.md``, the reference of all commands, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, app, help, plugins, suggestions
from astrodome.registry import Registry

TARGET = Path(__file__).with_name("commands.md")
INTRODUCTION = """\
# Commands

All commands of `sdo` and `scope`; `make docs` generates this page. Commands and options can be
typed with `_` or `-`. Every option can also be set with an environment variable, for example
`SDO_GOES_GET_MAX_DIFF` for `sdo goes get --max-diff`. Every command has the options `-h` and
`--help`. The [user guide](guide.md) describes what all commands have in common.
"""


def page() -> str:
    """Return the text of the reference."""
    parts = [INTRODUCTION]
    for name in suggestions.apps():
        registry = ours(name)
        with plugins.using(registry):
            root = app.build(name, registry)
            ctx = root.make_context(name, [], resilient_parsing=True)
            found = list(walk(root, ctx))
            parts += [overview(root, ctx, found), *(entry(*one) for one in found)]
    return "\n".join(parts)


def ours(name: str) -> Registry:
    """Return a registry with the plugins of this repository; all of them must be active."""
    wanted = set(suggestions.by_command(name).values())
    loaded = [plugin for plugin in plugins.load(name).plugins if plugin.distribution in wanted]
    active = {plugin.distribution for plugin in loaded if plugin.status == "active"}
    if missing := wanted - active:
        raise AstrodomeError(f"Not installed or not active: {', '.join(sorted(missing))}.")
    return Registry(name, loaded)


def walk(group: Any, ctx: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the commands in a group and its subgroups, each with its context."""
    for name, stub in group.commands.items():
        if stub.hidden:
            continue
        child = group.resolve_command(ctx, [name])[1]
        below = child.make_context(name, [], parent=ctx, resilient_parsing=True)
        if hasattr(child, "commands"):
            yield from walk(child, below)
        else:
            yield child, below


def overview(root: Any, ctx: Any, found: list[tuple[Any, Any]]) -> str:
    """Return the description of an app: its options, and links to its commands."""
    lines = [f"## {ctx.command_path}\n", root.help.strip() + "\n", "| command | |", "|---|---|"]
    for command, below in found:
        link = f"[`{below.command_path}`](#{below.command_path.replace(' ', '-')})"
        lines.append(f"| {link} | {cell(command.get_short_help_str(200))} |")
    return "\n".join([*lines, "", *table("Options", help.sections(root, ctx)["Options"])])


def entry(command: Any, ctx: Any) -> str:
    """Return the section of a command: description, usage, arguments and options."""
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    about = command.help.partition("\f")[0].strip()
    lines = [f"### {ctx.command_path}\n", about + "\n", f"```\n{usage}\n```\n"]
    for title, rows in help.sections(command, ctx).items():
        lines += table(title, rows)
    return "\n".join(lines)


def table(title: str, rows: list[tuple[str, str]]) -> list[str]:
    shown = [(term, text) for term, text in rows if not term.endswith("--help")]
    lines = [f"| `{cell(term)}` | {cell(text)} |" for term, text in shown]
    return [f"| {title.lower()} | |", "|---|---|", *lines, ""] if lines else []


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
