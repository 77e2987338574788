"""The runs that a training consists of, and the options that determine their results."""

from __future__ import annotations

import hashlib
import json
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, compute, models, settings
from astrodome.runs import Run

from ..config.feature_sets import FeatureSet, FeatureStats
from ..config.loading import ScopeConfig
from ..config.schema import ClassConfig, DnnSettings
from . import trained_models
from .protocol import Classifier

COMMAND_LINE = "the command line"
"""Origin of the options in error messages."""


@dataclass(frozen=True)
class TrainingOptions:
    """Options of a training, in addition to the configuration.

    Attributes
    ----------
    algorithm : str
        ``dnn``, ``xgb``, or a model of another plugin.
    root, group
        Directory of the groups of runs, and name of the group.
    random_states : tuple of int
        Random states; those of the classes by default.
    classes, dnn : mapping
        Values that override the entries of the classes and the section ``training.dnn``.
    group_by : str
        Column, or ``position``: all rows of a source are put into the same part.
    configured_stats : bool
        Whether to scale by ``feature_stats`` instead of statistics of the training part.
    search : bool
        Whether to search for the parameters of XGBoost.
    save, plot : bool, optional
        Whether to keep the runs and to write plots; the default is that of the class, or True.
    plot_model : bool
        Whether to write the layers of the network as text.
    jobs : int
        Maximum number of processes; 0 for one per CPU.
    environment : mapping
        Environment variables of the processes.
    """

    algorithm: str = "dnn"
    root: Path = trained_models.ROOT
    group: str = trained_models.GROUP
    random_states: tuple[int, ...] = ()
    classes: Mapping[str, Any] = field(default_factory=dict)
    dnn: Mapping[str, Any] = field(default_factory=dict)
    group_by: str = ""
    configured_stats: bool = False
    search: bool = False
    save: bool | None = None
    plot: bool | None = None
    plot_model: bool = False
    jobs: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def processes(self) -> int:
        """Maximum number of processes."""
        return self.jobs or compute.cores()


@dataclass(frozen=True)
class TrainingJob:
    """One run: a class, a random state, and all options that determine the result.

    ``config`` is the configuration for the classifier. ``place`` is the folder of the run.
    ``folder`` is the folder in which it is trained, a temporary folder if the run is not saved.
    ``backend`` is the class of the classifier as ``module:class``, so that it is imported in the
    environment of the run. ``about`` is added to ``run.json``.
    """

    tag: str
    random_state: int
    place: Path
    folder: Path
    backend: str
    algorithm: str
    config: dict[str, Any]
    features: FeatureSet
    stats: dict[str, FeatureStats] | None
    group_by: str
    save: bool
    plot: bool
    plot_model: bool
    environment: Mapping[str, str]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The class and the random state."""
        return f"{self.tag} {self.random_state}"

    @property
    def classifier(self) -> type[Classifier]:
        """The class of the classifier."""
        found: type[Classifier] = pkgutil.resolve_name(self.backend)
        return found

    @property
    def digest(self) -> str:
        """Checksum of the data set and of all options that determine the result."""
        options = {
            "dataset": self.about["dataset_digest"],
            "config": {key: value for key, value in self.config.items() if key != "threads"},
            "columns": self.features.columns,
            "strategies": [
                (name, feature.impute_strategy)
                for name, feature in self.features.features.items()
                if feature.include
            ],
            "stats": None
            if self.stats is None
            else {name: dict(known) for name, known in self.stats.items()},
            "group_by": self.group_by,
        }
        text = json.dumps(options, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def finished(self) -> bool:
        """Return whether the folder contains a finished run with the same digest."""
        record = Run(self.folder).record
        return record.get("status") == trained_models.FINISHED and (
            record.get("digest") == self.digest
        )


def backend_name(algorithm: str) -> str:
    """Return the registered name of an algorithm, which may be given with ``-`` or ``_``."""
    names = {name.replace("_", "-"): name for name in models.specs(trained_models.TASK)}
    return names.get(algorithm.replace("_", "-"), algorithm)


def training_jobs(
    config: ScopeConfig,
    tags: Sequence[str],
    options: TrainingOptions,
    backend: type[Classifier],
    algorithm: str,
    scratch: Path,
) -> Iterator[TrainingJob]:
    """Yield one job for each class and random state.

    Runs that are not saved are trained in the directory ``scratch``. Raises AstrodomeError for an
    unknown class or an invalid option.
    """
    shared = {
        "dnn": _override(DnnSettings, config.training.dnn, options.dnn).model_dump(),
        "xgboost": config.training.xgboost.model_dump(),
    }
    if not shared["dnn"]["dense_branch"] and not shared["dnn"]["conv_branch"]:
        raise AstrodomeError("At least one branch of the network must be enabled.", exit_code=2)
    entries = {
        tag: _override(ClassConfig, entry, options.classes)
        for tag, entry in config.select(tags).items()
    }
    count = len(entries) * max(1, len(options.random_states))
    threads = max(1, compute.cores() // min(options.processes, count))
    for tag, entry in entries.items():
        features = config.feature_sets[entry.features]
        for state in options.random_states or (entry.random_state,):
            current = entry.model_copy(update={"random_state": state})
            save = _enabled(options.save, current, "save")
            place = trained_models.folder(options.root, options.group, algorithm, tag, state)
            yield TrainingJob(
                tag=tag,
                random_state=state,
                place=place,
                folder=place if save else scratch / tag / str(state),
                backend=f"{backend.__module__}:{backend.__qualname__}",
                algorithm=algorithm,
                config={
                    "tag": tag,
                    "features": list(features.columns.values()),
                    "class": current.model_dump(mode="json", exclude={"save", "plot"}),
                    **shared,
                    "search": options.search,
                    "threads": threads,
                },
                features=features,
                stats=config.feature_stats if options.configured_stats else None,
                group_by=options.group_by,
                save=save,
                plot=_enabled(options.plot, current, "plot") and save,
                plot_model=options.plot_model,
                environment=options.environment,
            )


def _override(model: type[Any], entry: Any, values: Mapping[str, Any]) -> Any:
    """Return a validated entry of the configuration with other values."""
    try:
        settings.validate(model, {**entry.model_dump(), **values}, COMMAND_LINE)
    except AstrodomeError as error:
        raise AstrodomeError(error.message, error.hint, exit_code=2) from None
    # exclude_unset preserves the information which values are defaults.
    return model.model_validate({**entry.model_dump(exclude_unset=True), **values})


def _enabled(option: bool | None, entry: ClassConfig, name: str) -> bool:
    """Return the value of an option, otherwise that of the class if it is set, otherwise True."""
    if option is not None:
        return option
    return getattr(entry, name) if name in entry.model_fields_set else True
