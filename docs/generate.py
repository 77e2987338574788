"""Write all generated pages; this module contains the reference of settings, ``settings.md``."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astrodome import plugins, settings_checks, suggestions
from astrodome_sood.config import Config
from astrodome_ztf_scope.config.schema import ClassConfig
from pydantic import BaseModel

COMMANDS = runpy.run_path(str(Path(__file__).with_name("generate_commands.py")))
cell, ours = COMMANDS["cell"], COMMANDS["ours"]
SETTINGS = Path(__file__).with_name("settings.md")
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


def settings_page() -> str:
    """Return the text of the reference of all settings."""
    parts = [SETTINGS_INTRODUCTION]
    for name in suggestions.apps():
        registry = ours(name)
        with plugins.using(registry):
            models = settings_checks.settings_models()
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


if __name__ == "__main__":
    COMMANDS["write"]()
    SETTINGS.write_text(settings_page(), "utf-8")
    for script in ("generate_api.py", "generate_directory.py", "generate_misbehaviour.py"):
        runpy.run_path(str(Path(__file__).with_name(script)), run_name="__main__")
