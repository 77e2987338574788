"""SCoPe's ``config.yaml``, of 2022 and since, as one checked and typed object.

Each section comes from the layers of the settings (environment, ``--config``,
``./config.yaml``, per-user file), above the built-in ``defaults.yaml``. A file that
names ``training.classes`` or a feature set replaces it as a whole.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from astrodome import AstrodomeError, files, settings

from .feature_sets import FeatureConfig, FeatureSet, FeatureSettings, FeatureStats
from .schema import (
    ClassConfig,
    FeatureGenerationSettings,
    InferenceSettings,
    Section,
    TrainingSettings,
)
from .services import FritzSettings, KowalskiSettings, WandbSettings
from .taxonomy import TaxonomyNode

Entry = TypeVar("Entry", bound=Section)

DEFAULTS = Path(__file__).with_name("defaults.yaml")
SECTIONS = (
    "kowalski",
    "fritz",
    "wandb",
    "taxonomy",
    "features",
    "feature_stats",
    "training",
    "feature_generation",
    "inference",
    "fields_to_exclude",
)


@dataclass(frozen=True)
class ScopeConfig:
    """What is configured: classes with their training, feature sets, statistics, services.

    ``feature_sets`` are by name, ``feature_stats`` by the name of the feature (without the
    suffix of a period search), ``fields_to_exclude`` are ZTF fields. ``origin`` is the file
    that the classes come from.
    """

    training: TrainingSettings
    feature_sets: dict[str, FeatureSet]
    feature_stats: dict[str, FeatureStats]
    taxonomy: TaxonomyNode
    kowalski: KowalskiSettings
    fritz: FritzSettings
    wandb: WandbSettings
    feature_generation: FeatureGenerationSettings
    inference: InferenceSettings
    fields_to_exclude: tuple[int, ...]
    origin: str = field(compare=False)

    @property
    def classes(self) -> dict[str, ClassConfig]:
        """The classes by tag."""
        return self.training.classes

    def select(self, tags: Iterable[str] = ()) -> dict[str, ClassConfig]:
        """These classes, or all; raises AstrodomeError for a tag that is not configured."""
        wanted = dict.fromkeys(tags)
        for tag in wanted:
            if tag not in self.classes:
                close = difflib.get_close_matches(tag, self.classes, 1, 0.5)
                raise AstrodomeError(
                    f"There is no class '{tag}' in {self.origin}.",
                    f"Did you mean '{close[0]}'?" if close else "See them all: scope classes",
                    exit_code=2,
                )
        return {tag: self.classes[tag] for tag in wanted or self.classes}


def load(path: Path | None = None) -> ScopeConfig:
    """The configuration in force; ``path`` goes before the files of the settings.

    Raises AstrodomeError that names file, key and expectation when something is wrong.
    """
    found = settings.current()
    layers = [*found.layers, (settings.DEFAULT, settings.read_yaml(DEFAULTS))]
    if path:
        if not path.is_file():
            raise AstrodomeError(f"There is no configuration file {path}.", exit_code=2)
        layers.insert(0, (str(path), settings.read_yaml(path)))
    return read(settings.Settings(layers, found.environ))


def read(found: settings.Settings) -> ScopeConfig:
    """The configuration that these layers make."""
    for origin, layer in found.layers:
        _refuse_misspelt(layer, origin)
    training = found.section("training", TrainingSettings)
    origin = found.values("training")["classes"][1]
    sets = _feature_sets(found)
    _check_features(training, sets, found)
    return ScopeConfig(
        training=training,
        feature_sets=sets,
        feature_stats=_feature_stats(found),
        taxonomy=found.section("taxonomy", TaxonomyNode),
        kowalski=found.section("kowalski", KowalskiSettings),
        fritz=found.section("fritz", FritzSettings),
        wandb=found.section("wandb", WandbSettings),
        feature_generation=found.section("feature_generation", FeatureGenerationSettings),
        inference=found.section("inference", InferenceSettings),
        fields_to_exclude=_fields_to_exclude(found),
        origin="the built-in defaults" if origin == settings.DEFAULT else origin,
    )


def write_defaults(path: Path, *, replace: bool = False) -> Path:
    """Write the commented defaults to a file, or to ``config.yaml`` in a folder.

    Raises AstrodomeError when the file is there, unless ``replace``.
    """
    target = path / "config.yaml" if path.is_dir() else path
    if target.exists() and not replace:
        raise AstrodomeError(f"{target} is there already.", "Replace it with --force.", exit_code=2)
    files.write_bytes(target, DEFAULTS.read_bytes())
    return target


def _check_features(
    training: TrainingSettings, sets: Mapping[str, FeatureSet], found: settings.Settings
) -> None:
    """Every class has features to be trained with."""
    for tag, entry in training.classes.items():
        if entry.features not in sets:
            raise AstrodomeError(
                f"{found.values('training')['classes'][1]}: 'training.classes.{tag}.features': "
                f"there is no feature set '{entry.features}'; known are {', '.join(sets)}."
            )
        if not sets[entry.features]:
            raise AstrodomeError(
                f"{found.values('features')[entry.features][1]}: 'features.{entry.features}' "
                f"includes no feature, and the class '{tag}' is trained with it."
            )


def _feature_sets(found: settings.Settings) -> dict[str, FeatureSet]:
    given = found.values("features")
    info, origin = given.pop("info", ({}, ""))
    suffix = _entry(FeatureSettings, info, origin, "features.info").period_suffix
    return {
        name: FeatureSet(_features(value, where, f"features.{name}"), suffix or "")
        for name, (value, where) in given.items()
    }


def _features(given: Any, origin: str, key: str) -> dict[str, FeatureConfig]:
    """A set in either form: names with their properties, or the plain list of 2022."""
    if isinstance(given, list):
        for name in given:
            if not isinstance(name, str):
                raise AstrodomeError(f"{origin}: '{key}': {name!r} is no name of a feature.")
        return {name: FeatureConfig(impute_strategy="zero") for name in given}  # as 2022 did
    if not isinstance(given, Mapping):
        raise AstrodomeError(
            f"{origin}: '{key}' should be a list of names or a mapping of names to their "
            f"properties, got {given!r}."
        )
    return {
        name: _entry(FeatureConfig, entry, origin, f"{key}.{name}") for name, entry in given.items()
    }


def _feature_stats(found: settings.Settings) -> dict[str, FeatureStats]:
    return {
        name: _entry(FeatureStats, value, origin, f"feature_stats.{name}")
        for name, (value, origin) in found.values("feature_stats").items()
    }


def _entry(model: type[Entry], value: Any, origin: str, key: str) -> Entry:
    """One entry of a section whose keys are names, which the file chooses."""
    if value is not None and not isinstance(value, Mapping):
        raise AstrodomeError(
            f"{origin}: '{key}' should be a mapping of keys to values, got {value!r}."
        )
    return settings.validate(model, value or {}, origin, key)


class _Fields(Section):
    fields_to_exclude: tuple[int, ...] | None = None


def _fields_to_exclude(found: settings.Settings) -> tuple[int, ...]:
    for origin, layer in found.layers:
        if "fields_to_exclude" in layer:
            given = {"fields_to_exclude": layer["fields_to_exclude"]}
            return settings.validate(_Fields, given, origin).fields_to_exclude or ()
    return ()


def _refuse_misspelt(layer: Mapping[str, Any], origin: str) -> None:
    """Sections of other plugins are none of ours, but one that nearly has our name is a slip."""
    for name in layer:
        close = difflib.get_close_matches(name, SECTIONS, 1, 0.8)
        if name not in SECTIONS and close:
            raise AstrodomeError(f"{origin}: '{name}': unknown key; did you mean '{close[0]}'?")
