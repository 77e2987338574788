"""Command-line options for the options of a model, which the field ``settings`` declares."""

from __future__ import annotations

from typing import Any, get_type_hints

from astrodome import ModelSpec, models, option_groups
from astrodome.option_groups import OptionGroup

from ..model_options import TASK
from .options import (
    AutoencoderOptions,
    ConfigOptions,
    ImageOptions,
    ModelSpecificOptions,
    PredictOptions,
    ScoreOptions,
    TrainOptions,
    UnusedOptions,
    WeightsOptions,
)

GROUPS = (
    ConfigOptions,
    ImageOptions,
    TrainOptions,
    PredictOptions,
    WeightsOptions,
    ScoreOptions,
    AutoencoderOptions,
    UnusedOptions,
)


def option_verb(spec: ModelSpec) -> str:
    """Return the command that has the options of a model: ``train`` if it exists, or ``predict``.

    The options of a run are stored, so that they need not be specified for predictions.
    """
    return "train" if "train" in spec.verbs else "predict"


def option_group(spec: ModelSpec) -> type[OptionGroup]:
    """Return a group with the options of a model. Options with reserved names are not included.

    The options of a model that does not declare them can be specified only with ``--set``.
    """
    declared = models.options(TASK, spec.name)
    if declared is None:
        return ModelSpecificOptions
    return option_groups.from_model(declared, ModelSpecificOptions, reserved())


def reserved() -> set[str]:
    """Return the names that an option of a model cannot have.

    These are the names of configuration keys, and of the options of ``train`` and ``predict``.
    """
    from ..config import SHORT_NAMES

    found = {"as_json", "help", "jobs", "json", "scheduler", "set", "top", *SHORT_NAMES}
    for group in GROUPS:
        for name in get_type_hints(group):
            flags = getattr(getattr(group, name, None), "param_decls", None) or ()
            long = [flag.removeprefix("--") for flag in flags if flag.startswith("--")]
            found |= {name, *(flag.replace("-", "_") for flag in long)}
    return found


def problems(spec: ModelSpec, target: Any) -> list[str]:
    """Return problem descriptions for the options of a model with reserved names."""
    declared = models.options(TASK, spec.name)
    return [
        f"the option '{name}' in {spec.settings} has the name of another option of sdo sood; it "
        f"can be set only with --set model.options.{name}"
        for name in (declared.model_fields if declared else ())
        if name in reserved()
    ]
