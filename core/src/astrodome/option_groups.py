"""Command-line options, defined individually or in groups that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import copy
from types import SimpleNamespace
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    get_args,
    get_origin,
    get_type_hints,
)

import typer
from typer.models import OptionInfo

from . import times
from .errors import InvalidInputError

if TYPE_CHECKING:
    from pydantic import BaseModel

Json = Annotated[bool, typer.Option("--json", help="Print the result as a single JSON document.")]
"""Type of the parameter ``as_json`` of a command."""
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what the command would do, but change nothing.")
]
"""Type of the parameter ``dry_run`` of a command that changes a store or many files."""


def option(default: Any, help: str, *names: str, panel: str = "", **more: Any) -> Any:
    """Return a Typer option with a default value and a help text.

    Use the result as the default of a function parameter or as a class attribute of an
    :class:`OptionGroup`. The default ``...`` makes the option required. ``more`` contains further
    keyword arguments for ``typer.Option``.
    """
    return typer.Option(default, *names, help=help, rich_help_panel=panel or None, **more)


def time_option(default: Any, help: str) -> Any:
    """Return a Typer option for a time, which is converted to UTC without a time zone."""
    return option(default, f"{help} (UTC, ISO 8601).", parser=times.utc, metavar="TIME")


def end_option(default: Any, help: str) -> Any:
    """Return a Typer option for the end of a time range.

    A date without a time of day is converted to the end of the day.
    """
    help += " (UTC, ISO 8601). A date without a time of day includes the whole day."
    return option(default, help, parser=times.utc_end, metavar="TIME")


class OptionGroup(SimpleNamespace):
    """A group of options, in which each annotated class attribute is an option of the command.

    An instance contains the option values. ``panel`` is the title of the group in the help page.

    Examples
    --------
    >>> class Cut(OptionGroup, panel="Selection"):
    ...     minimum: float = option(0.0, "Smallest value.")
    >>> def select(path: str, *, cut: Cut) -> None: ...
    >>> list(inspect.signature(expand(select)).parameters)
    ['path', 'minimum']
    """

    panel: ClassVar[str] = ""

    def __init_subclass__(cls, panel: str = "") -> None:
        cls.panel = panel

    def given(self) -> dict[str, Any]:
        """Return the options whose value is not None."""
        return {name: value for name, value in vars(self).items() if value is not None}


def assignments(texts: Iterable[str], example: str = "model.z_dim=64") -> dict[str, Any]:
    """Parse the values of an option ``--set KEY=VALUE``. Each value is parsed as YAML.

    Parameters
    ----------
    texts
        Values of the option.
    example
        Valid value, for error messages.

    Raises
    ------
    InvalidInputError
        If a text has no key or no value, or if the value is not valid YAML.

    Examples
    --------
    >>> assignments(["trees=200", "layout=disks"])
    {'trees': 200, 'layout': 'disks'}
    """
    import yaml

    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InvalidInputError(
                f"Invalid --set '{text}': expected KEY=VALUE, for example {example}."
            )
        try:
            found[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InvalidInputError(
                f"Invalid value of --set {key}: '{value}' is not valid YAML."
            ) from error
    return found


def expand(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for Typer in which each :class:`OptionGroup` is replaced with its options.

    A Boolean option without explicit names and with the default False has no ``--no-…`` variant.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, dict[str, Any]] = {}
    parameters: list[inspect.Parameter] = []

    def add(name: str, annotation: Any, default: Any, panel: str = "") -> None:
        if isinstance(default, OptionInfo):
            default = copy(default)
            default.rich_help_panel = default.rich_help_panel or panel or None
            if default.default is False and not default.param_decls:
                default.param_decls = (f"--{name.replace('_', '-')}",)
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, kind, default=default, annotation=annotation))

    for name, parameter in inspect.signature(command).parameters.items():
        hint = hints[name]
        if isinstance(hint, type) and issubclass(hint, OptionGroup):
            groups[name] = dict(_options(hint))
            for field, annotation in groups[name].items():
                add(field, annotation, getattr(hint, field), hint.panel)
        else:
            add(name, hint, parameter.default)

    def expanded(**values: Any) -> Any:
        for name, fields in groups.items():
            values[name] = hints[name](**{field: values.pop(field) for field in fields})
        return command(**values)

    vars(expanded).update(vars(command))
    expanded.__name__, expanded.__doc__ = command.__name__, command.__doc__
    expanded.__module__ = command.__module__
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {one.name: one.annotation for one in parameters}
    return expanded


def _options(group: type[OptionGroup]) -> Iterator[tuple[str, Any]]:
    for name, hint in get_type_hints(group, include_extras=True).items():
        if name != "panel":
            yield name, hint


def from_model(
    model: type[BaseModel], base: type[OptionGroup] = OptionGroup, exclude: Collection[str] = ()
) -> type[OptionGroup]:
    """Return a group with an option for each field of a pydantic model.

    The value of an option that is not specified is None; see :meth:`OptionGroup.given`. Validate
    the specified values with the pydantic model. Fields whose values are mappings, tuples or
    nested lists, or have several types, have no option.

    Parameters
    ----------
    model
        Pydantic model. The type, limits, choices, default and description of each field determine
        the option.
    base
        Base class of the group. Its ``panel`` is the title of the group in the help page.
    exclude
        Names of fields that have no option.

    Examples
    --------
    >>> from pydantic import BaseModel, Field
    >>> class Forest(BaseModel):
    ...     trees: int = Field(100, ge=1, description="Number of trees.")
    >>> from_model(Forest).trees.help
    'Number of trees (default: 100).'
    """
    fields: dict[str, Any] = {"__module__": __name__}
    hints: dict[str, Any] = {}
    document = model.model_json_schema()
    for name, schema in document.get("properties", {}).items():
        several, single = _item(schema, document.get("$defs", {}))
        parsed = _parameter(single)
        if parsed is None or name in exclude:
            continue
        kind, more = parsed
        if several and get_origin(kind) is Literal:  # Typer does not support lists of choices.
            kind, more = str, {"metavar": f"[{'|'.join(get_args(kind))}]"}
        hints[name] = (list[kind] if several else kind) | None  # type: ignore[valid-type]
        fields[name] = option(None, _help(schema, single, several), **more)
    fields["__annotations__"] = hints
    return type(model.__name__, (base,), fields, panel=base.panel)


def _item(
    schema: Mapping[str, Any], definitions: Mapping[str, Any]
) -> tuple[bool, Mapping[str, Any]]:
    """Return whether a value is a list, and the JSON Schema of the value or of its items.

    ``definitions`` contains the schemas of other classes, for example of an Enum.
    """
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    choices = choices or schema.get("allOf", [])  # pydantic before version 2.9
    if len(choices) == 1:
        schema = choices[0]
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "array" and "prefixItems" not in schema:
        nested, single = _item(schema.get("items", {}), definitions)
        return True, {} if nested else single
    return False, schema


def _parameter(schema: Mapping[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """Return the Python type and the arguments of an option for the JSON Schema of a value."""
    kind = schema.get("type")
    limits = {"min": schema.get("minimum"), "max": schema.get("maximum")}
    if kind == "integer":  # Typer supports only inclusive limits.
        if "exclusiveMinimum" in schema:
            limits["min"] = schema["exclusiveMinimum"] + 1
        if "exclusiveMaximum" in schema:
            limits["max"] = schema["exclusiveMaximum"] - 1
        return int, limits
    if kind == "number":
        return float, limits
    if kind == "string":
        return Literal[tuple(schema["enum"])] if "enum" in schema else str, {}
    return (bool, {}) if kind == "boolean" else None


def _help(schema: Mapping[str, Any], single: Mapping[str, Any], several: bool) -> str:
    """Return the description of a field, followed by its default value and its exclusive limits.

    Typer adds the inclusive limits. ``single`` is the JSON Schema of the value or of its items.
    """
    text = " ".join(str(schema.get("description", "")).split()).rstrip(".")
    default = schema.get("default")
    if isinstance(default, list):
        default = ", ".join(str(one) for one in default) or "none"
    elif isinstance(default, bool):
        default = "yes" if default else "no"
    remarks = [f"default: {default}"] if default not in (None, "") else []
    if single.get("type") == "number":
        limits = {"greater than": "exclusiveMinimum", "less than": "exclusiveMaximum"}
        remarks += [f"{word} {single[key]:g}" for word, key in limits.items() if key in single]
    if remarks:
        text = f"{text} ({'; '.join(remarks)})".strip()
    return f"{text}. This option can be repeated." if several else f"{text}."
