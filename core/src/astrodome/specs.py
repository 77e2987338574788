"""Validate the specs that plugin hooks return."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields

from .hookspecs import CheckSpec, CommandSpec, KindSpec, ModelSpec, SourceSpec, ViewSpec

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
EXTENSION = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)*")
RESERVED = ("config", "plugins", "schema")
"""Names of host commands, which plugins cannot register."""

AnySpec = CommandSpec | SourceSpec | ModelSpec | ViewSpec | KindSpec | CheckSpec

_TYPES: dict[str, tuple[type, str]] = {"str": (str, "a string"), "bool": (bool, "True or False")}


def dashed(name: str) -> str:
    """Return the form of a name used for comparison, for example ``ce-vae`` for ``ce_vae``."""
    return name.replace("_", "-")


def targets(spec: AnySpec) -> dict[str, str]:
    """Return the import strings in a spec, keyed by field name."""
    if isinstance(spec, KindSpec):
        found = {"protocol": spec.protocol, "contract": spec.contract}
        return {field: target for field, target in found.items() if target}
    if isinstance(spec, CheckSpec) and spec.fix:
        return {"target": spec.target, "fix": spec.fix}
    return {"target": spec.target}


def settings_models(spec: AnySpec) -> dict[str, str]:
    """Return the import strings of the settings models in a spec, keyed by section name."""
    given = getattr(spec, "settings", "")
    if isinstance(given, str):
        given = {section(spec): given}
    return {name: target for name, target in given.items() if target}


def settings_sections(spec: AnySpec) -> list[str]:
    """Return the names of the settings sections in a spec, also of those without a model."""
    given = getattr(spec, "settings", "")
    return list(settings_models(spec) if isinstance(given, str) else given)


def section(spec: AnySpec) -> str:
    """Return the name of the settings section of a spec, for example ``sood_forest``."""
    if isinstance(spec, ModelSpec):  # Environment variables cannot contain a hyphen.
        return f"{spec.task}_{spec.name}".replace("-", "_")
    return spec.name


def _settings_targets(spec: AnySpec) -> Iterator[tuple[str, str]]:
    for target in settings_models(spec).values():
        yield "settings", target


def fault(spec: AnySpec) -> str:
    """Return a message if a spec is invalid, otherwise an empty string."""
    kind = type(spec).__name__
    for field in fields(spec):
        value = getattr(spec, field.name)
        expected, text = _TYPES.get(str(field.type), (object, ""))
        if not isinstance(value, expected):
            return f"the field {field.name} of its {kind} must be {text}, not {value!r}"
        if str(field.type).startswith("tuple") and not (
            isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        ):
            return f"the {field.name} of its {kind} '{spec.name}' must be a tuple of strings"
        if field.name == "settings" and not isinstance(value, str | Mapping):
            return f"the settings of its {kind} must be a string or a mapping, not {value!r}"
    if not NAME.fullmatch(spec.name):
        return (
            f"it registers the invalid name {spec.name!r} (a name starts with a letter or a "
            "digit and consists of letters, digits, - and _)"
        )
    if isinstance(spec, CommandSpec) and dashed(spec.name) in RESERVED:
        return f"it registers the command '{spec.name}', which is reserved for the host"
    if isinstance(spec, KindSpec) and spec.role not in ("source", "model", "view"):
        return f"the role of its KindSpec '{spec.name}' must be 'source', 'model' or 'view'"
    if isinstance(spec, ViewSpec) and (wrong := _view_fault(spec)):
        return wrong
    for field_name, target in [*targets(spec).items(), *_settings_targets(spec)]:
        module, colon, name = target.partition(":")
        if not (colon and name.isidentifier() and all(p.isidentifier() for p in module.split("."))):
            return f"the {field_name} {target!r} of '{spec.name}' must be 'package.module:name'"
    return ""


def _view_fault(spec: ViewSpec) -> str:
    """Return a message if the role or the extension of a view is invalid."""
    if spec.role not in ("section", "exporter"):
        return f"the role of its ViewSpec '{spec.name}' must be 'section' or 'exporter'"
    if spec.role == "section" and spec.extension:
        return f"its ViewSpec '{spec.name}' is a section, which has no extension"
    if spec.role == "exporter" and not EXTENSION.fullmatch(spec.extension):
        return (
            f"the extension of its ViewSpec '{spec.name}' must be a file extension without a "
            f"leading dot, for example 'csv', not {spec.extension!r}"
        )
    return ""
