"""Conversion of the arguments of the Python API to configurations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError
from astrodome.runs import Run

from .. import config as configuration
from ..config import Config
from ..scoring.scorer import find_model

StrPath = str | os.PathLike[str]
Model = StrPath | Run


def to_text(path: Any) -> str:
    text = os.fspath(path)
    return text if "://" in text else str(Path(text).expanduser())


def overrides_of(config: Mapping[str, Any] | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return configuration values by dotted key from keyword arguments."""
    if unknown := sorted(set(options) - set(configuration.SHORT_NAMES)):
        raise AstrodomeError(
            f"Unknown option '{unknown[0]}'.",
            f"Options: {', '.join(configuration.SHORT_NAMES)}. Use config for other keys.",
        )
    given = {configuration.SHORT_NAMES[name]: value for name, value in options.items()}
    if (devices := given.pop("devices", None)) is not None:
        given["devices.gpus"] = 0 if devices == "cpu" else devices
    return {**(config or {}), **given}


def configure(
    config: Mapping[str, Any] | None, options: Mapping[str, Any], model: str = ""
) -> Config:
    return configuration.load(None, overrides_of(config, options), model=model)


def model_config(
    model: Model, config: Mapping[str, Any] | None, options: Mapping[str, Any]
) -> tuple[str, Config]:
    """Return the name and the configuration of a run, of weights, or of a model without them."""
    name, weights = find_model(to_text(model.path if isinstance(model, Run) else model))
    overrides = overrides_of(config, options)
    if weights:
        overrides["model.load_path"] = str(weights)
    return name, configuration.load(None, overrides, from_run=True, model=name)
