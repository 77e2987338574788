"""Options of classifiers, which the field ``settings`` of a ModelSpec declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from astrodome import InvalidInputError, ModelSpec, models

from ..config.schema import ClassConfig
from . import trained_models


def option_values(algorithm: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all options of an algorithm as the configuration entry ``options``.

    Return an empty dict if the algorithm does not declare options. Raises AstrodomeError if an
    option is unknown or its value is invalid.
    """
    if models.options(trained_models.TASK, algorithm) is None:
        if given:
            raise InvalidInputError(
                f"Unknown option '{next(iter(given))}': the algorithm '{algorithm}' has no options."
            )
        return {}
    return {"options": models.option_values(trained_models.TASK, algorithm, given)}


def of_keywords(algorithm: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments that are options of an algorithm."""
    declared = models.options(trained_models.TASK, algorithm)
    own = set(declared.model_fields if declared else ()) - set(ClassConfig.model_fields)
    return {name: value for name, value in given.items() if name in own}


def problems(spec: ModelSpec, target: Any) -> list[str]:
    """Return problem descriptions for the options of a classifier with reserved names."""
    declared = models.options(trained_models.TASK, spec.name)
    return [
        f"the option '{name}' in {spec.settings} has the name of a key in the configuration of a "
        "class; it can be set only with --set"
        for name in (declared.model_fields if declared else ())
        if name in ClassConfig.model_fields
    ]
