"""Write ``commands/``, the reference of all commands, with a page for each group of commands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, app, help, plugins, suggestions
from astrodome.registry import Registry

TARGET = Path(__file__).parent / "commands"
EXAMPLES = Path(__file__).with_name("examples.toml")
HOST = "Host"
INTRODUCTION = """\
# Commands

All commands of `sdo` and `scope`; `make docs` generates these pages. Commands and options can be
typed with `_` or `-`. Every option can also be set with an environment variable, for example
`SDO_GOES_GET_MAX_DIFF` for `sdo goes get --max-diff`. Every command has the options `-h` and
`--help`. The [user guide](../guide.md) describes the features that all commands share.
"""


@dataclass(frozen=True)
class Command:
    """A command with the page on which it is described."""

    command: Any
    ctx: Any
    page: str
    title: str

    @property
    def path(self) -> str:
        return str(self.ctx.command_path)

    @property
    def examples(self) -> dict[str, str]:
        """Return the command lines in the file of examples, keyed by purpose."""
        given = tomllib.loads(EXAMPLES.read_text("utf-8"))
        if self.path in given or not self.page.endswith("-host"):
            return given.get(self.path, {})
        app_name, _, rest = self.path.partition(" ")
        shared = given.get(f"sdo {rest}", {})
        return {about: line.replace("sdo ", f"{app_name} ", 1) for about, line in shared.items()}


def commands() -> dict[str, tuple[list[str], list[Command]]]:
    """Return the overview and the commands of each app."""
    found = {}
    for name in suggestions.apps():
        registry = ours(name)
        with plugins.using(registry):
            root = app.build(name, registry)
            ctx = root.make_context(name, [], resilient_parsing=True)
            options = table("Options", help.sections(root, ctx)["Options"])
            found[name] = ([root.help.strip(), *options], list(top(name, root, ctx)))
    return found


def pages() -> dict[Path, str]:
    """Return the text of each page of the reference."""
    index = [INTRODUCTION]
    texts: dict[Path, list[str]] = {}
    for name, (about, found) in commands().items():
        index += [f"## {name}\n", about[0]]
        previous = None
        for one in found:
            path = TARGET / f"{one.page}.md"
            if one.page != previous:
                index += ["", f"### {one.title}\n", "| command | |", "|---|---|"]
                texts[path] = [f"# {one.title}\n"]
                previous = one.page
            link = f"[`{one.path}`]({one.page}.md#{one.path.replace(' ', '-')})"
            index.append(f"| {link} | {cell(one.command.get_short_help_str(200))} |")
            texts[path].append(entry(one))
        index += ["", f"### Options of {name}\n", *about[1:]]
    names = "\n".join(path.stem for path in texts)
    index.append(f"```{{toctree}}\n:hidden:\n\n{names}\n```\n")
    return {
        path: "\n".join(parts) for path, parts in [(TARGET / "index.md", index), *texts.items()]
    }


def top(name: str, root: Any, ctx: Any) -> Iterator[Command]:
    """Yield the commands of an app.

    A panel of the help page that contains only groups has a page for each group. Other panels,
    and the commands of the host, have one page.
    """
    stubs = {label: stub for label, stub in root.commands.items() if not stub.hidden}
    panels: dict[str, list[str]] = {}
    for label, stub in stubs.items():
        panels.setdefault(stub.rich_help_panel, []).append(label)
    for panel, labels in panels.items():
        children = {label: root.resolve_command(ctx, [label])[1] for label in labels}
        split = panel != HOST and all(hasattr(one, "commands") for one in children.values())
        for label, child in children.items():
            about = "plugins and settings" if panel == HOST else panel.lower()
            title = f"{name} {label}" if split else f"{name}: {about}"
            page = f"{name}-{label if split else panel.lower().replace(' ', '-')}"
            below = child.make_context(label, [], parent=ctx, resilient_parsing=True)
            for command, context in walk(child, below):
                yield Command(command, context, page, title)


def walk(command: Any, ctx: Any) -> Iterator[tuple[Any, Any]]:
    """Yield a command, or the commands in a group and its subgroups, each with its context."""
    if not hasattr(command, "commands"):
        yield command, ctx
        return
    for name, stub in command.commands.items():
        if not stub.hidden:
            child = command.resolve_command(ctx, [name])[1]
            below = child.make_context(name, [], parent=ctx, resilient_parsing=True)
            yield from walk(child, below)


def ours(name: str) -> Registry:
    """Return a registry with the plugins of this repository; all of them must be active."""
    wanted = set(suggestions.by_command(name).values())
    loaded = [plugin for plugin in plugins.load(name).plugins if plugin.distribution in wanted]
    active = {plugin.distribution for plugin in loaded if plugin.status == "active"}
    if missing := wanted - active:
        raise AstrodomeError(f"Not installed or not active: {', '.join(sorted(missing))}.")
    return Registry(name, loaded)


def entry(one: Command) -> str:
    """Return the section of a command: description, usage, examples, arguments and options."""
    usage = " ".join([one.path, *one.command.collect_usage_pieces(one.ctx)])
    about = one.command.help.partition("\f")[0].strip()
    lines = [f"## {one.path}\n", about + "\n", f"```text\n{usage}\n```\n"]
    for purpose, line in one.examples.items():
        lines.append(f"{purpose}\n\n```console\n$ {wrapped(line)}\n```\n")
    for title, rows in help.sections(one.command, one.ctx).items():
        lines += table(title, rows)
    return "\n".join(lines)


def wrapped(line: str, width: int = 76) -> str:
    """Break a long command line before its options."""
    rows = [""]
    for part in re.split(r" (?=--)", line):
        if rows[-1] and len(rows[-1]) + len(part) > width:
            rows.append("    " + part)
        else:
            rows[-1] += f" {part}" if rows[-1] else part
    return " \\\n".join(rows)


def table(title: str, rows: list[tuple[str, str]]) -> list[str]:
    """Return a table of parameters with their descriptions."""
    shown = [(term, text) for term, text in rows if not term.endswith("--help")]
    lines = [f"| `{cell(term)}` | {cell(text)} |" for term, text in shown]
    return [f"| {title.lower()} | |", "|---|---|", *lines, ""] if lines else []


def cell(text: str) -> str:
    """Return text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def write() -> None:
    """Write all pages, and delete the pages of commands that no longer exist."""
    TARGET.mkdir(exist_ok=True)
    written = pages()
    for path in set(TARGET.glob("*.md")) - set(written):
        path.unlink()
    for path, text in written.items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    write()
