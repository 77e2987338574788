"""Write ``commands.md``, the reference of all commands, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, app, help, plugins

TARGET = Path(__file__).with_name("commands.md")
INTRODUCTION = """\
# Commands

Every command of `sdo` and `scope`, made from the commands by `make docs`. Commands and options may
be typed with `_` or `-`. Every option can also come from an environment variable, as in
`SDO_GOES_GET_MAX_DIFF` for `sdo goes get --max-diff`; every command answers to `-h`, `--help`. What
holds for all of them is in the [user guide](guide.md).
"""


def page() -> str:
    """The text of the reference."""
    parts = [INTRODUCTION]
    for name in plugins.OURS:
        registry = ours(name)
        with plugins.using(registry):
            root = app.build(name, registry)
            ctx = root.make_context(name, [], resilient_parsing=True)
            found = list(walk(root, ctx))
            parts += [overview(root, ctx, found), *(entry(*one) for one in found)]
    return "\n".join(parts)


def ours(name: str) -> plugins.Registry:
    """The registry of an app with the project's own plugins, all of which have to be there."""
    wanted = set(plugins.OURS[name].values())
    loaded = [plugin for plugin in plugins.load(name).plugins if plugin.distribution in wanted]
    active = {plugin.distribution for plugin in loaded if plugin.status == "active"}
    if missing := wanted - active:
        raise AstrodomeError(f"Not installed or not active: {', '.join(sorted(missing))}.")
    return plugins.Registry(name, loaded)


def walk(group: Any, ctx: Any) -> Iterator[tuple[Any, Any]]:
    """All commands below a group that do something themselves, each with its context."""
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
    """What an app is for, its options, and its commands with links."""
    lines = [f"## {ctx.command_path}\n", root.help.strip() + "\n", "| command | |", "|---|---|"]
    for command, below in found:
        link = f"[`{below.command_path}`](#{below.command_path.replace(' ', '-')})"
        lines.append(f"| {link} | {cell(command.get_short_help_str(200))} |")
    return "\n".join([*lines, "", *table("Options", help.sections(root, ctx)["Options"])])


def entry(command: Any, ctx: Any) -> str:
    """One command: what it is for, how it is typed, its arguments and options."""
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
