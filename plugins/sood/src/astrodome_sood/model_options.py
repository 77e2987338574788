"""Options of models, which are the configuration values below ``model.options``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from astrodome import InvalidInputError, errors, models

TASK = "sood"
KEY = "model.options"


def names(model: str) -> list[str] | None:
    """Return the names of the options of a model.

    Return None for a model that does not declare its options. Such a model accepts all names.
    """
    declared = models.options(TASK, model)
    return None if declared is None else list(declared.model_fields)


def complete_options(
    model: str, layers: Iterable[tuple[str, Mapping[str, Any]]], several_models: bool = False
) -> dict[str, Any]:
    """Return the values of all options of a model.

    ``layers`` contains tuples (origin, configuration), in ascending order of priority. If
    ``several_models`` is True, options that the model does not have are ignored. Raises
    AstrodomeError if an option is unknown or its value is invalid.
    """
    given: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        for name, value in (layer.get("model") or {}).get("options", {}).items():
            given[name], origins[name] = value, origin
    known = names(model)
    if several_models and known is not None:
        given = {name: value for name, value in given.items() if name in known}
    return models.option_values(TASK, model, given, lambda name: origins.get(name, ""), KEY)


def completed(model: str, saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a run, with the default values of options that were added later."""
    declared = models.options(TASK, model)
    default = {} if declared is None else declared().model_dump(mode="json")
    return default | dict(saved)


def check_options(chosen: Sequence[str], given: Iterable[str]) -> None:
    """Check that each option in ``given`` exists in at least one of the chosen models.

    Raises InvalidInputError if no model has the option.
    """
    known = [names(model) for model in dict.fromkeys(chosen)]
    if None in known:
        return
    valid = list(dict.fromkeys(name for each in known if each for name in each))
    for name in given:
        if name not in valid:
            raise InvalidInputError(
                f"Unknown option '{KEY}.{name}'.",
                f"{errors.similar(name, valid)}Options of {', '.join(dict.fromkeys(chosen))}: "
                f"{', '.join(valid) or 'none'}.",
            )
