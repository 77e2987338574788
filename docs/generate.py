"""Write ``commands.md`` and ``settings.md``, the references of all commands and settings."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, app, commands, help, plugins, suggestions
from astrodome.registry import Registry
from astrodome_sood.config import Config
from astrodome_ztf_scope.config.schema import ClassConfig
from pydantic import BaseModel

TARGET = Path(__file__).with_name("commands.md")
SETTINGS = Path(__file__).with_name("settings.md")
INTRODUCTION = """\
# Commands

All commands of `sdo` and `scope`; `make docs` generates this page. Commands and options can be
typed with `_` or `-`. Every option can also be set with an environment variable, for example
`SDO_GOES_GET_MAX_DIFF` for `sdo goes get --max-diff`. Every command has the options `-h` and
`--help`. The [user guide](guide.md) describes the features that all commands share.
"""

SETTINGS_INTRODUCTION = """\
# Settings

All settings of `sdo` and `scope`, with their default values and the range of valid values;
`make docs` generates this page. The [user guide](guide.md#settings) describes the files and
environment variables that set them.
"""
LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "{} or more characters",
    "minItems": "{} or more items",
}


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


def settings_page() -> str:
    """Return the text of the reference of all settings."""
    parts = [SETTINGS_INTRODUCTION]
    for name in suggestions.apps():
        registry = ours(name)
        with plugins.using(registry):
            models = commands.settings_models()
        parts += [f"## {name}\n", *settings_table(f"{name} settings", models)]
    parts += ["## Training configurations\n"]
    parts += settings_table("`sdo sood MODEL train --config-file`", {"": Config})
    parts += settings_table(
        "a class in `training.classes` of SCoPe's `config.yaml`", {"": ClassConfig}
    )
    return "\n".join(parts)


def settings_table(title: str, models: dict[str, type[BaseModel]]) -> list[str]:
    """Return a table of the keys in some sections, keyed by section name."""
    lines = [f"| {title} | default | valid values | description |", "|---|---|---|---|"]
    for name, model in models.items():
        schema = model.model_json_schema()
        lines += keys(name, schema, schema.get("$defs", {}))
    return [*lines, ""]


def keys(section: str, schema: dict[str, Any], models: dict[str, Any]) -> Iterator[str]:
    """Yield a line of the table for each key, also for the keys of nested sections."""
    for name, key in schema.get("properties", {}).items():
        path = f"{section}.{name}".lstrip(".")
        if "$ref" in key:
            yield from keys(path, models[key["$ref"].rpartition("/")[2]], models)
            continue
        required = "required" if name in schema.get("required", []) else ""
        default = f"`{json.dumps(key['default'])}`" if "default" in key else required
        values = valid_values(key)
        yield f"| `{path}` | {default} | {values} | {cell(key.get('description', ''))} |"


def valid_values(key: dict[str, Any]) -> str:
    """Describe the values that the JSON schema of a key allows."""
    if "anyOf" in key:
        return " or ".join(valid_values(one) for one in key["anyOf"])
    if "enum" in key:
        return ", ".join(f"`{json.dumps(value)}`" for value in key["enum"])
    kind = key.get("type", "any")
    if "items" in key:
        kind += f" ({valid_values(key['items'])})"
    limits = [text.format(key[name]) for name, text in LIMITS.items() if name in key]
    return " ".join([kind, ", ".join(limits)]).strip()


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
    SETTINGS.write_text(settings_page(), "utf-8")
    for script in ("generate_api.py", "generate_directory.py", "generate_misbehaviour.py"):
        runpy.run_path(str(Path(__file__).with_name(script)), run_name="__main__")
