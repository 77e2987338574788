"""Convert the arguments of Python API functions to configurations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from astrodome import InvalidInputError, errors
from astrodome.runs import Run

from .. import config as configuration
from .. import model_options
from ..config import Config
from ..scoring.scorer import find_model

StrPath = str | os.PathLike[str]
Model = StrPath | Run
Keys = Mapping[str, Any] | None
"""Configuration values, keyed by dotted configuration key."""


def to_text(path: Any) -> str:
    text = os.fspath(path)
    return text if "://" in text else str(Path(text).expanduser())


def overrides_of(
    config: Keys, options: Mapping[str, Any], chosen: Iterable[str] = ()
) -> dict[str, Any]:
    """Convert keyword arguments to configuration values, keyed by dotted configuration key.

    ``chosen`` contains the names of the models whose options can also be passed.
    """
    own = [name for model in chosen for name in model_options.names(model) or ()]
    known = [*configuration.SHORT_NAMES, *dict.fromkeys(own)]
    if unknown := sorted(set(options) - set(known)):
        raise InvalidInputError(
            f"Unknown option '{unknown[0]}'.",
            f"{errors.similar(unknown[0], known)}Valid options: {', '.join(known)}. Pass other "
            "configuration keys in the argument config.",
        )
    given = {
        f"{model_options.KEY}.{name}": options[name]
        for name in own
        if name in options and name not in configuration.SHORT_NAMES
    }
    return {**(config or {}), **configuration.by_key(options), **given}


def configure(config: Keys, options: Mapping[str, Any], model: str = "") -> Config:
    overrides = overrides_of(config, options, [model] if model else [])
    return configuration.load(None, overrides, model=model)


def model_config(model: Model, config: Keys, options: Mapping[str, Any]) -> tuple[str, Config]:
    """Return the model name and the configuration for a run, a weights file or a model name."""
    name, weights = find_model(to_text(model.path if isinstance(model, Run) else model))
    overrides = overrides_of(config, options, [name])
    if weights:
        overrides["model.load_path"] = str(weights)
    return name, configuration.load(None, overrides, from_run=True, model=name)
