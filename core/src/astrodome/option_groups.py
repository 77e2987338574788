"""Command-line options, defined individually or in groups that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, get_type_hints

import typer
from typer.models import OptionInfo

from . import times

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
