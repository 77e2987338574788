"""Look up model backends by task and name, and the values of their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from . import plugins, protocols, registry, settings
from .hookspecs import ModelSpec
from .registry import Plugin
from .specs import section

if TYPE_CHECKING:
    from pydantic import BaseModel


def specs(task: str) -> dict[str, ModelSpec]:
    """Return the registered models for a task, keyed by name, without importing them."""
    return {owned[0][1].name: owned[0][1] for owned in plugins.current().models(task).values()}


def get(task: str, name: str) -> Any:
    """Return a new instance of a model backend.

    Parameters
    ----------
    task
        Task that the model performs.
    name
        Name of the model, in which ``_`` and ``-`` are equivalent.

    Raises
    ------
    AstrodomeError
        If the model is unknown, if several plugins registered it, or if a library that it needs is
        not installed.
    """
    plugin, spec = _find(task, name)
    return protocols.load(plugin, spec)()


def options(task: str, name: str) -> type[BaseModel] | None:
    """Return the pydantic model that defines the options of a model backend.

    The backend itself and its libraries are not imported.

    Parameters
    ----------
    task
        Task that the model performs.
    name
        Name of the model, in which ``_`` and ``-`` are equivalent.

    Returns
    -------
    type or None
        Pydantic model in the field ``settings`` of the ModelSpec, or None if the field is empty.

    Raises
    ------
    AstrodomeError
        If the model is unknown, or if its settings cannot be imported or are not a pydantic model.
    """
    plugin, spec = _find(task, name)
    return protocols.load_options(plugin, spec) if spec.settings else None


def option_values(
    task: str,
    name: str,
    given: Mapping[str, Any],
    where: Callable[[str], str] | str = "",
    prefix: str = "options",
) -> dict[str, Any]:
    """Validate the options of a model backend, and add the values of all other options.

    The other values are read from the settings section ``TASK_NAME``, for example
    ``sood_forest``, which can be set in configuration files and environment variables. The
    defaults of the options have the lowest priority.

    Parameters
    ----------
    task
        Task that the model performs.
    name
        Name of the model, in which ``_`` and ``-`` are equivalent.
    given
        Values with the highest priority, keyed by the name of the option.
    where
        Origin of the values in ``given`` for error messages: a text, or a function that returns the
        origin of an option. An empty string means that the value was passed as an argument.
    prefix
        Key that contains the options in the configuration of the command, for error messages.

    Returns
    -------
    dict
        The values of all options as JSON-serializable values, keyed by the name of the option. If
        the ModelSpec has no settings, the result is a copy of ``given``.

    Raises
    ------
    AstrodomeError
        If the model or an option is unknown, or if a value is invalid.
    """
    plugin, spec = _find(task, name)
    if not spec.settings:
        return dict(given)
    model = protocols.load_options(plugin, spec)
    configured = settings.section(section(spec), model).model_dump(mode="json", exclude_unset=True)
    found = settings.validate(model, {**configured, **given}, where, prefix)
    return found.model_dump(mode="json")


def _find(task: str, name: str) -> tuple[Plugin, ModelSpec]:
    return registry.find("model", ("task", task), name, plugins.current().models(task))
