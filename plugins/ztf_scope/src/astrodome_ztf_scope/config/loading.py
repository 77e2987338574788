"""Read a SCoPe configuration file (``config.yaml``) in the 2022 layout or the current layout.

Each section combines settings from several sources. In descending order of precedence, these are
environment variables, the file given with ``--config``, ``./config.yaml``, the per-user
configuration file and the built-in ``defaults.yaml``. If a file contains ``training.classes`` or a
feature set, this mapping replaces the complete mapping from other sources.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from astrodome import AstrodomeError, InvalidInputError, errors, files, settings

from .feature_sets import FeatureConfig, FeatureSet, FeatureSettings, FeatureStats
from .schema import ClassConfig, ScopeSection, TrainingSettings
from .services import FritzSettings, KowalskiSettings, WandbSettings
from .taxonomy import TaxonomyNode, parents

Entry = TypeVar("Entry", bound=ScopeSection)

DEFAULTS = Path(__file__).with_name("defaults.yaml")
SECTIONS = ("taxonomy", "features", "feature_stats", "training")
"""Sections that only SCoPe has. The host checks the names of all other sections."""


@dataclass(frozen=True)
class ScopeConfig:
    """The validated configuration.

    Attributes
    ----------
    training : TrainingSettings
        Data set, classes, and parameters shared by all classes.
    feature_sets : dict of str to FeatureSet
        Feature sets, keyed by name.
    feature_stats : dict of str to FeatureStats
        Feature statistics, keyed by feature name without the suffix for the period-finding
        algorithm.
    taxonomy : TaxonomyNode
        Root node of the taxonomy.
    kowalski, fritz, wandb : KowalskiSettings, FritzSettings, WandbSettings
        Settings for the external services.
    origin : str
        File in which the classes are defined.
    """

    training: TrainingSettings
    feature_sets: dict[str, FeatureSet]
    feature_stats: dict[str, FeatureStats]
    taxonomy: TaxonomyNode
    kowalski: KowalskiSettings
    fritz: FritzSettings
    wandb: WandbSettings
    origin: str = field(compare=False)

    def __repr__(self) -> str:
        return f"ScopeConfig({len(self.classes)} classes from {self.origin})"

    @property
    def classes(self) -> dict[str, ClassConfig]:
        """Configured classes, keyed by tag."""
        return self.training.classes

    def select(self, tags: Iterable[str] = ()) -> dict[str, ClassConfig]:
        """Return the classes with the given tags, or all classes if ``tags`` is empty.

        Raises AstrodomeError if a tag is not configured.
        """
        selected = dict.fromkeys(tags)
        for tag in selected:
            if tag not in self.classes:
                raise InvalidInputError(
                    f"Class '{tag}' not found in {self.origin}.",
                    f"{errors.similar(tag, self.classes)}"
                    f"Configured classes: {', '.join(self.classes)}.",
                )
        return {tag: self.classes[tag] for tag in selected or self.classes}


def load_config(path: str | os.PathLike[str] | None = None) -> ScopeConfig:
    """Load and validate the configuration.

    Parameters
    ----------
    path : path-like, optional
        Configuration file that takes precedence over ``./config.yaml`` and the per-user
        configuration file. Both SCoPe layouts are supported.

    Returns
    -------
    ScopeConfig
        The validated configuration.

    Raises
    ------
    AstrodomeError
        If the file does not exist, or a value is invalid. The error message contains the file, the
        key and the expected type.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> config = scope.load_config()
    >>> config.classes["vnv"].label
    'variable'
    """
    return from_settings(_settings(path))


def check_sections() -> None:
    """Validate the sections of the current configuration that only SCoPe has.

    Raises AstrodomeError if a value is invalid, or if a section has a similar name.
    """
    _own_sections(_settings())


def _settings(path: str | os.PathLike[str] | None = None) -> settings.Settings:
    """Return the settings from all sources, including the default configuration."""
    found = settings.current()
    layers = [*found.layers, (settings.DEFAULT, settings.read_yaml(DEFAULTS))]
    if path:
        file = Path(path).expanduser()
        if not file.is_file():
            raise errors.not_found(file, kind="Configuration file", exit_code=2)
        layers.insert(0, (str(file), settings.read_yaml(file)))
    return settings.Settings(layers, found.environ)


def from_settings(found: settings.Settings) -> ScopeConfig:
    """Build and validate the configuration from the settings of all sources."""
    origin = found.values("training")["classes"][1]
    return ScopeConfig(
        **_own_sections(found),
        kowalski=found.section("kowalski", KowalskiSettings),
        fritz=found.section("fritz", FritzSettings),
        wandb=found.section("wandb", WandbSettings),
        origin="the built-in defaults" if origin == settings.DEFAULT else origin,
    )


def _own_sections(found: settings.Settings) -> dict[str, Any]:
    """Build and validate the sections of the configuration that only SCoPe has."""
    for origin, layer in found.layers:
        _reject_misspelled(layer, origin)
    training = found.section("training", TrainingSettings)
    sets = _feature_sets(found)
    _check_features(training, sets, found)
    return {
        "training": training,
        "feature_sets": sets,
        "feature_stats": _feature_stats(found),
        "taxonomy": found.section("taxonomy", TaxonomyNode),
    }


def write_defaults(path: Path, *, replace: bool = False) -> Path:
    """Write the default configuration, with comments, to a file.

    If ``path`` is a directory, the file is named ``config.yaml``. Raises AstrodomeError if the file
    exists, unless ``replace`` is True.
    """
    target = path / "config.yaml" if path.is_dir() else path
    if target.exists() and not replace:
        raise InvalidInputError(f"{target} already exists.", "Overwrite it with --force.")
    files.write_bytes(target, DEFAULTS.read_bytes())
    return target


def class_records(config: ScopeConfig, tags: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return one record per class, in the order of the configuration.

    In each record, ``parent`` is the closest ancestor in the taxonomy that is also configured, or
    None. ``feature_count`` is the number of included features. If ``tags`` is empty, all classes
    are returned. Raises AstrodomeError if a tag is not configured.
    """
    parent_of = dict(parents(config.taxonomy, config.classes))
    return [
        {
            "tag": tag,
            "label": entry.label,
            "parent": parent_of.get(tag),
            "features": entry.features,
            "feature_count": len(config.feature_sets[entry.features]),
            **entry.model_dump(exclude={"label", "features"}),
        }
        for tag, entry in config.select(tags).items()
    ]


def _check_features(
    training: TrainingSettings, sets: Mapping[str, FeatureSet], found: settings.Settings
) -> None:
    """Raise AstrodomeError if the feature set of a class does not exist or is empty."""
    for tag, entry in training.classes.items():
        if entry.features not in sets:
            raise AstrodomeError(
                f"{found.values('training')['classes'][1]}: 'training.classes.{tag}.features': "
                f"unknown feature set '{entry.features}': expected one of {', '.join(sets)}."
            )
        if not sets[entry.features]:
            raise AstrodomeError(
                f"{found.values('features')[entry.features][1]}: 'features.{entry.features}': "
                f"the feature set of the class '{tag}' must include at least one feature."
            )


def _feature_sets(found: settings.Settings) -> dict[str, FeatureSet]:
    sections = found.values("features")
    info, origin = sections.pop("info", ({}, ""))
    suffix = _entry(FeatureSettings, info, origin, "features.info").period_suffix
    return {
        name: FeatureSet(_features(value, where, f"features.{name}"), suffix or "")
        for name, (value, where) in sections.items()
    }


def _features(value: Any, origin: str, key: str) -> dict[str, FeatureConfig]:
    """Return the features in a feature set, which is a mapping or, in the 2022 layout, a list."""
    if isinstance(value, list):
        for name in value:
            if not isinstance(name, str):
                raise AstrodomeError(
                    f"{origin}: '{key}': invalid feature name {name!r}: expected text."
                )
        # In 2022, SCoPe replaced all missing values by 0.
        return {name: FeatureConfig(impute_strategy="zero") for name in value}
    if not isinstance(value, Mapping):
        raise AstrodomeError(
            f"{origin}: '{key}' must be a list of feature names or a mapping of feature names to "
            f"properties, got {value!r}."
        )
    return {
        name: _entry(FeatureConfig, entry, origin, f"{key}.{name}") for name, entry in value.items()
    }


def _feature_stats(found: settings.Settings) -> dict[str, FeatureStats]:
    return {
        name: _entry(FeatureStats, value, origin, f"feature_stats.{name}")
        for name, (value, origin) in found.values("feature_stats").items()
    }


def _entry(model: type[Entry], value: Any, origin: str, key: str) -> Entry:
    """Validate an entry in a section whose keys are defined by the user."""
    if value is not None and not isinstance(value, Mapping):
        raise AstrodomeError(
            f"{origin}: '{key}' must be a mapping of keys to values, got {value!r}."
        )
    return settings.validate(model, value or {}, origin, key)


def _reject_misspelled(layer: Mapping[str, Any], origin: str) -> None:
    """Raise AstrodomeError if a section name is similar to a name in :data:`SECTIONS`.

    Other unknown sections are allowed, because they may belong to other plugins.
    """
    for name in layer:
        close = difflib.get_close_matches(name, SECTIONS, 1, 0.8)
        if name not in SECTIONS and close:
            raise AstrodomeError(f"{origin}: '{name}': unknown key; did you mean '{close[0]}'?")
