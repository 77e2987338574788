"""Write ``plugins/directory.md``, the list of plugins, from ``plugins/directory.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astrodome import (
    AstrodomeError,
    CheckSpec,
    CommandSpec,
    InvalidInputError,
    KindSpec,
    ModelSpec,
    SourceSpec,
    ViewSpec,
    distributions,
    plugins,
    settings,
)
from astrodome.registry import Plugin
from pydantic import BaseModel, ConfigDict, Field

SOURCE = Path(__file__).parent / "plugins" / "directory.toml"
ROOT = Path(__file__).parents[1]
INTRODUCTION = """\
# Directory of plugins

Plugins for `sdo` and `scope`, with the commands, sources, models and views that each of them adds;
`make docs` generates this page from [`directory.toml`](directory.toml) and from the installed
plugins. Install a plugin with `sdo plugins install NAME`.
"""
ADDING = """\
## Add your plugin

1. Publish the distribution on PyPI; see the [author's guide](../plugins.md).
2. Add an entry to [`directory.toml`](directory.toml):

   ```toml
   [[plugin]]
   distribution = "astrodome-corona"
   repository = "https://example.org/astrodome-corona"
   description = "Measure the brightness of the corona."
   apps = ["sdo"]
   ```

3. Install your distribution in the environment of this repository, run `make docs`, and propose
   the change. The page is generated from the metadata and the hooks of the installed distribution.
   An unknown key, a distribution that is not installed, an inactive plugin or a wrong app is an
   error.
"""
TYPES: dict[type, str] = {
    CommandSpec: "command",
    SourceSpec: "source",
    ModelSpec: "model",
    ViewSpec: "view",
    KindSpec: "kind",
    CheckSpec: "check",
}


class Listed(BaseModel):
    """An entry of the directory."""

    model_config = ConfigDict(extra="forbid")

    distribution: str = Field(min_length=1, description="Name of the distribution.")
    repository: str = Field(pattern=r"^(https://\S+|[\w./-]+)$", description="URL or folder.")
    description: str = Field(min_length=1, pattern=r"\.$", description="One sentence.")
    apps: list[str] = Field(min_length=1, description="Apps that the distribution extends.")


class Directory(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")

    plugin: list[dict[str, Any]]


def entries(source: Path = SOURCE) -> list[Listed]:
    """Read the entries of the directory, sorted by name.

    Raises AstrodomeError if an entry is invalid or if a distribution has several entries.
    """
    try:
        content = tomllib.loads(source.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{source} is not valid TOML: {error}.") from error
    found = []
    for number, given in enumerate(settings.validate(Directory, content, str(source)).plugin, 1):
        name = given.get("distribution") or f"number {number}"
        found.append(settings.validate(Listed, given, f"{source}, entry {name}"))
    names = [distributions.canonical_name(entry.distribution) for entry in found]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInputError(f"{source} contains several entries for '{name}'.")
    return sorted(found, key=lambda entry: distributions.canonical_name(entry.distribution))


def registered(entry: Listed) -> list[Plugin]:
    """Return the active plugins of a distribution.

    Raises AstrodomeError if the distribution is not installed, or if its apps or the states of its
    plugins are not the expected ones.
    """
    dist = distributions.find(entry.distribution)
    if dist is None:
        raise AstrodomeError(
            f"The distribution '{entry.distribution}' in {SOURCE.name} is not installed.",
            f"Install it, then run make docs again: pip install {entry.distribution}",
        )
    groups = {point.group for point in dist.entry_points}
    apps = sorted(g.removeprefix(plugins.GROUP) for g in groups if g.startswith(plugins.GROUP))
    if apps != sorted(entry.apps):
        raise AstrodomeError(
            f"The distribution '{entry.distribution}' extends the apps "
            f"{', '.join(apps) or 'none'}, but {SOURCE.name} lists {', '.join(entry.apps)}."
        )
    name = distributions.canonical_name(entry.distribution)
    found = [
        plugin
        for app in apps
        for plugin in plugins.load(app).plugins
        if distributions.canonical_name(plugin.distribution) == name
    ]
    for plugin in found:
        if plugin.status != "active":
            raise AstrodomeError(f"The plugin {plugin.name} ({plugin.owner}) {plugin.state}.")
    return found


def page(source: Path = SOURCE) -> str:
    """Return the text of the page."""
    listed = entries(source)
    lines = [INTRODUCTION, "| distribution | apps | description |", "|---|---|---|"]
    for entry in listed:
        link = f"[`{entry.distribution}`](#{entry.distribution})"
        lines.append(f"| {link} | {', '.join(entry.apps)} | {cell(entry.description)} |")
    lines.append("")
    for entry in listed:
        lines += section(entry)
    return "\n".join([*lines, ADDING])


def section(entry: Listed) -> Iterator[str]:
    """Yield the lines about one distribution: metadata, and a table of the registered objects."""
    found = registered(entry)
    dist = distributions.find(entry.distribution)
    assert dist is not None
    local = not entry.repository.startswith("https://")
    if local and not (ROOT / entry.repository).is_dir():
        raise AstrodomeError(f"The folder {entry.repository} in {SOURCE.name} does not exist.")
    target = f"../../{entry.repository}" if local else entry.repository
    facts = [f"repository: [{entry.repository}]({target})"]
    for label, field in (("license", "License-Expression"), ("Python", "Requires-Python")):
        if value := dist.metadata[field]:
            facts.append(f"{label}: {value}")
    if extras := dist.metadata.get_all("Provides-Extra"):
        facts.append(f"extras: {', '.join(extras)}")
    yield f"## {entry.distribution}\n"
    yield f"{dist.metadata['Summary'] or entry.description}\n"
    yield f"{'; '.join(facts)}.\n"
    yield "| type | name | description |"
    yield "|---|---|---|"
    specs: list[Any] = []
    for plugin in found:
        specs += [spec for spec in plugin.specs if spec not in specs]
    for spec_class, kind in TYPES.items():
        for spec in specs:
            if isinstance(spec, spec_class) and not getattr(spec, "hidden", False):
                yield f"| {kind} | `{label_of(spec)}` | {cell(text_of(spec))} |"
    yield ""


def label_of(spec: Any) -> str:
    """Return the name of a registered object, with its kind, task or subject."""
    group = getattr(spec, "kind", getattr(spec, "task", getattr(spec, "subject", "")))
    if isinstance(spec, KindSpec):
        group = spec.role
    return f"{group}: {spec.name}" if group else spec.name


def text_of(spec: Any) -> str:
    """Return the description of a registered object."""
    text = str(spec.help if isinstance(spec, CommandSpec) else spec.summary)
    if isinstance(spec, ViewSpec):
        text += f" ({spec.role}{f', .{spec.extension}' if spec.extension else ''})"
    if extra := getattr(spec, "extra", ""):
        text += f" (extra: `{extra}`)"
    return text


def cell(text: str) -> str:
    """Return text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    SOURCE.with_suffix(".md").write_text(page(), "utf-8")
