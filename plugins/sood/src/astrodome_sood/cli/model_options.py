"""Command-line options for the options of a model, which the field ``settings`` declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

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
    """Return problem descriptions for the options of a model.

    An option has a problem if it has a reserved name, or a type that the command line does not
    support.
    """
    declared = models.options(TASK, spec.name)
    if declared is None:
        return []
    names = reserved()
    found = [
        f"the option '{name}' in {spec.settings} has the name of another option of sdo sood; it "
        f"can be set only with --set model.options.{name}"
        for name in declared.model_fields
        if name in names
    ]
    supported = get_type_hints(option_groups.from_model(declared))
    document = declared.model_json_schema()
    for name, schema in document.get("properties", {}).items():
        if name not in supported and not _needs_set(schema, document.get("$defs", {})):
            found.append(
                f"the option '{name}' in {spec.settings} has the type "
                f"{_type_name(declared.model_fields[name].annotation)}, which is not supported; "
                "use str, int, float, bool, Literal, an Enum of strings, or a list of one of them"
            )
    return found


def _needs_set(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    """Return whether a field is a mapping or has several types. Such a field needs ``--set``."""
    choices = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    single = definitions.get(str(choices[0].get("$ref")).rpartition("/")[2], choices[0])
    return len(choices) > 1 or single.get("type") == "object"


def _type_name(annotation: Any) -> str:
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    return str(annotation)
