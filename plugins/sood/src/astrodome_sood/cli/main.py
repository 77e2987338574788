"""``sdo sood``: one group of commands per registered model, and commands for all models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

import typer
from astrodome import ModelSpec, lazy, models

from ..model_options import TASK

COMMANDS: dict[str, tuple[str, str]] = {
    "evaluate": (
        "evaluate",
        "Evaluate models with labels, flares, events or synthetic anomalies.",
    ),
    "calibrate": ("calibrate", "Calibrate false-alarm probabilities with clean images."),
    "benchmark": ("benchmark", "Compare all models with the benchmark SolarOOD."),
    "dataset": ("dataset", "Show or build an SDO ML v2 store."),
    "export": ("evaluate", "Export a trained model in ONNX format."),
    "report": ("evaluate", "Write an HTML page about a run."),
}
"""Module and summary of each command that is not specific to one model."""


class ModelGroup(lazy.LazyGroup):
    """Group that contains a subgroup for each registered model."""

    def entries(self) -> Mapping[str, lazy.Entry]:
        entries = {
            spec.name: lazy.Entry(spec.summary, partial(_model_commands, spec), "Models")
            for spec in models.specs(TASK).values()
        }
        for name, (module, text) in COMMANDS.items():
            entries[name] = lazy.Entry(text, partial(_command, module, name))
        return entries


app = typer.Typer(
    cls=ModelGroup,
    no_args_is_help=True,
    help="Detect anomalous images of the Sun, and anomalous regions in them.",
)


def _model_commands(spec: ModelSpec) -> Any:
    from .models import model_commands

    return model_commands(spec)


def _command(module: str, name: str) -> Any:
    return getattr(import_module(f".{module}", __package__), name)
