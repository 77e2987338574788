"""Generate the man pages of all programs and groups of commands.

The pages are stored in the folder ``share`` of each distribution, so that a wheel can be built
without the other distributions.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import app as host
from astrodome import command_schema, help, plugins, suggestions
from astrodome.registry import Registry

from .project import HOST, ROOT, ReleaseError, find, urls

FOLDER = Path("share/man/man1")
EXIT_STATUS = command_schema.EXIT_CODES


@dataclass(frozen=True)
class Page:
    """A man page of a program or of one of its commands."""

    name: str
    distribution: str
    text: str

    @property
    def path(self) -> Path:
        """Return the path in the repository."""
        return find(self.distribution).folder / FOLDER / f"{self.name}.1"


def files() -> dict[Path, str]:
    """Return the expected text of all man pages, keyed by path."""
    return {page.path: page.text for page in pages()}


def pages() -> Iterator[Page]:
    """Yield the pages of all apps. Requires all distributions of this repository."""
    examples = tomllib.loads((ROOT / "docs/examples.toml").read_text("utf-8"))
    for app in suggestions.apps():
        registry = _ours(app)
        with plugins.using(registry):
            root = host.build(app, registry)
            ctx = root.make_context(app, [], resilient_parsing=True)
            yield Page(app, HOST, _program(root, ctx))
            owners = {name: owned[0][0].distribution for name, owned in registry.commands().items()}
            for label, stub in root.commands.items():
                if not stub.hidden:
                    command = root.resolve_command(ctx, [label])[1]
                    below = command.make_context(label, [], parent=ctx, resilient_parsing=True)
                    text = _command(command, below, stub, examples)
                    yield Page(f"{app}-{label}", owners.get(label, HOST), text)
        for script in suggestions.scripts(app)[1:]:
            yield Page(script, HOST, f".so man1/{app}.1\n")


def _ours(app: str) -> Registry:
    """Return a registry with the plugins of this repository; all of them must be active."""
    wanted = set(suggestions.by_command(app).values())
    loaded = [plugin for plugin in plugins.load(app).plugins if plugin.distribution in wanted]
    active = {plugin.distribution for plugin in loaded if plugin.status == "active"}
    if missing := sorted(wanted - active):
        raise ReleaseError(f"Not installed or not active: {', '.join(missing)}.")
    return Registry(app, loaded)


def _program(root: Any, ctx: Any) -> str:
    """Return the page of a program: its options and its commands."""
    app = ctx.command_path
    about = root.help.partition("\n\n")[0].strip()
    lines = [*_head(app, about), *_synopsis(root, ctx)]
    lines += [".SH DESCRIPTION", _plain(about)]
    lines.append(
        "The commands are provided by plugins. A command is available if the distribution "
        "that contains it is installed."
    )
    found = help.sections(root, ctx)
    lines += _definitions("OPTIONS", found.pop("Options", []))
    for title, rows in found.items():
        shown = [(f"{app}-{term}(1)", text) for term, text in rows]
        lines += _definitions("COMMANDS" if title == "Commands" else title.upper(), shown)
    return _text([*lines, *_tail()])


def _command(command: Any, ctx: Any, stub: Any, examples: Mapping[str, Any]) -> str:
    """Return the page of a command or of a group of commands."""
    leaves = list(command_schema.walk(command, ctx, _fail)) if _is_group(command) else []
    lines = _head(ctx.command_path, stub.help)
    lines += _synopsis(command, ctx)
    lines += [".SH DESCRIPTION", *_paragraphs(command.help or stub.help)]
    if not leaves:
        lines += _parameters(command, ctx, ".SH")
        lines += _examples(ctx, examples, ".SH EXAMPLES")
    for leaf, below in leaves:
        lines += [f".SH {_quoted(below.command_path)}", *_synopsis(leaf, below, heading=False)]
        lines += [".PP", *_paragraphs(leaf.help or "")]
        lines += _parameters(leaf, below, ".SS")
        lines += _examples(below, examples, ".SS Examples")
    return _text([*lines, *_tail(ctx.parent.command_path)])


def _is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def _fail(error: Exception) -> None:
    raise ReleaseError(str(error))


def _head(path: str, about: str) -> list[str]:
    name = path.replace(" ", "-")
    summary = _plain(about.partition("\n")[0].rstrip("."))
    title = f'.TH {_quoted(name.upper())} "1" "" "{HOST}" "User commands"'
    return [title, ".SH NAME", f"{_plain(name)} \\- {summary}", ".SH SYNOPSIS"]


def _synopsis(command: Any, ctx: Any, heading: bool = True) -> list[str]:
    pieces = " ".join(command.collect_usage_pieces(ctx))
    return [*([] if heading else [".PP"]), f"\\fB{_plain(ctx.command_path)}\\fR {_plain(pieces)}"]


def _paragraphs(text: str) -> list[str]:
    parts = re.split(r"\n\s*\n", text.partition("\f")[0].strip())
    lines: list[str] = []
    for part in parts:
        if part.lstrip().startswith("\b"):  # Preformatted text
            lines += [".PP", ".nf", *map(_plain, part.strip("\b\n").splitlines()), ".fi"]
        else:
            lines += [".PP", _plain(" ".join(part.split()))]
    return lines[1:] if lines[:1] == [".PP"] else lines


def _parameters(command: Any, ctx: Any, heading: str) -> list[str]:
    lines: list[str] = []
    for title, rows in help.sections(command, ctx).items():
        lines += _definitions(title.upper() if heading == ".SH" else title, rows, heading)
    return lines


def _definitions(title: str, rows: list[tuple[str, str]], heading: str = ".SH") -> list[str]:
    """Return a section with a list of terms and their descriptions."""
    lines = [f"{heading} {_quoted(title)}"] if rows else []
    for term, text in rows:
        lines += [".TP", f"\\fB{_plain(term)}\\fR", _plain(" ".join(text.split())) or "\\&"]
    return lines


def _examples(ctx: Any, examples: Mapping[str, Any], heading: str) -> list[str]:
    lines: list[str] = []
    for about, line in examples.get(ctx.command_path, {}).items():
        lines += [".PP", _plain(about), ".PP", ".RS 4", ".nf", *map(_plain, line.splitlines())]
        lines += [".fi", ".RE"]
    return [heading, *lines[1:]] if lines else []


def _tail(program: str = "") -> list[str]:
    rows = [(code, text) for code, text in EXIT_STATUS.items()]
    lines = _definitions("EXIT STATUS", rows)
    also = f"\\fB{program}\\fR(1)\n.PP\n" if program else ""
    return [*lines, ".SH SEE ALSO", f"{also}Documentation: {_plain(urls()['Documentation'])}"]


def _quoted(text: str) -> str:
    return '"' + _plain(text).replace('"', "\\(dq") + '"'


def _plain(text: str) -> str:
    """Escape the characters with which roff formats text."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in text)
    return f"\\&{text}" if text.startswith((".", "'")) else text


def _text(lines: list[str]) -> str:
    return "\n".join(['.\\" Generated by: python -m release update', *lines]) + "\n"
