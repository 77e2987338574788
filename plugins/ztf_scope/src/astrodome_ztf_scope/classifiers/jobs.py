"""Define training jobs and the options that determine their results."""

from __future__ import annotations

import hashlib
import json
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, InvalidInputError, compute, files, models, settings
from astrodome.runs import Run, provenance

from ..config.feature_sets import FeatureSet, FeatureStats
from ..config.loading import ScopeConfig
from ..config.schema import ClassConfig, DnnSettings
from . import trained_models
from .algorithm_options import option_values
from .protocol import Classifier


@dataclass(frozen=True)
class TrainingOptions:
    """Training options that are not part of the configuration.

    Attributes
    ----------
    algorithm : str
        ``dnn``, ``xgb``, or the name of an algorithm from another plugin.
    root : pathlib.Path
        Directory that contains the run groups.
    group : str
        Name of the run group.
    random_states : tuple of int
        Random states to use for training. If the tuple is empty, the configured random state of
        each class is used.
    classes, dnn : mapping
        Values that override the configuration entry for each class (``classes``) and the section
        ``training.dnn`` (``dnn``).
    algorithm_options : mapping
        Options of the algorithm, keyed by name.
    group_by : str
        Column that identifies the source in each row, or ``position``. All rows of a source are
        assigned to the same subset.
    fourier_convention : str
        Values in the Fourier columns of the data set: ``coefficients``, ``amplitudes``, or an empty
        string if the data set contains this information.
    configured_stats : bool
        Whether to scale features with ``feature_stats`` instead of statistics from the training
        set.
    search : bool
        Whether to search for the best XGBoost parameters.
    save, plot : bool, optional
        Whether to save the runs, and whether to write plots. By default, the value in the
        configuration entry for the class is used, or True if it is not set.
    plot_model : bool
        Whether to write a list of the network layers to a text file.
    jobs : int
        Maximum number of processes; 0 means one process per CPU.
    environment : mapping
        Environment variables for the training processes.
    """

    algorithm: str = "dnn"
    root: Path = trained_models.ROOT
    group: str = trained_models.GROUP
    random_states: tuple[int, ...] = ()
    classes: Mapping[str, Any] = field(default_factory=dict)
    dnn: Mapping[str, Any] = field(default_factory=dict)
    algorithm_options: Mapping[str, Any] = field(default_factory=dict)
    group_by: str = ""
    fourier_convention: str = ""
    configured_stats: bool = False
    search: bool = False
    save: bool | None = None
    plot: bool | None = None
    plot_model: bool = False
    jobs: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def processes(self) -> int:
        """Maximum number of parallel processes."""
        return self.jobs or compute.cores()


@dataclass(frozen=True)
class TrainingJob:
    """A training run for one class and one random state, with all options that affect its result.

    Attributes
    ----------
    tag : str
        Tag of the class.
    random_state : int
        Seed for all random numbers.
    options : TrainingOptions
        Options that are shared by all jobs.
    algorithm : str
        Registered name of the algorithm.
    backend : str
        Import path of the classifier, in the format ``module:class``. The training process imports
        the classifier from this path.
    config : dict
        Configuration for the classifier.
    features : FeatureSet
        Features that the classifier uses.
    stats : dict, optional
        Feature statistics for scaling. By default, the statistics of the training set are used.
    folder : pathlib.Path
        Directory to which the results are written. It is temporary if the run is not saved.
    save, plot : bool
        Whether to save the run, and whether to write plots.
    about : dict
        Additional entries for ``run.json``, such as the data set and the library versions.
    """

    tag: str
    random_state: int
    options: TrainingOptions
    algorithm: str
    backend: str
    config: dict[str, Any]
    features: FeatureSet
    stats: dict[str, FeatureStats] | None
    folder: Path
    save: bool
    plot: bool
    about: dict[str, Any]

    @property
    def name(self) -> str:
        """Tag of the class and random state, separated by a space."""
        return f"{self.tag} {self.random_state}"

    @property
    def classifier(self) -> type[Classifier]:
        """Python class that implements the classifier."""
        found: type[Classifier] = pkgutil.resolve_name(self.backend)
        return found

    @property
    def digest(self) -> str:
        """SHA-256 checksum of the data set and all options that affect the result."""
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
            "group_by": self.options.group_by,
        }
        if self.options.fourier_convention:
            options["fourier_convention"] = self.options.fourier_convention
        text = json.dumps(options, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def finished(self) -> bool:
        """Return whether the folder contains a finished run with the same digest."""
        record = Run(self.folder).record
        return record.get("status") == trained_models.FINISHED and (
            record.get("digest") == self.digest
        )


def training_jobs(
    config: ScopeConfig,
    tags: Sequence[str],
    options: TrainingOptions,
    dataset: Path,
    scratch: Path = Path(),
) -> Iterator[TrainingJob]:
    """Yield one job for each combination of class and random state.

    Runs that are not saved are trained in the directory ``scratch``. Raises AstrodomeError if the
    algorithm or a class is unknown, or if an option is invalid.
    """
    backend = type(models.get(trained_models.TASK, options.algorithm))
    names = {name.replace("_", "-"): name for name in models.specs(trained_models.TASK)}
    algorithm = names.get(options.algorithm.replace("_", "-"), options.algorithm)
    about = {
        "dataset": str(dataset),
        "dataset_digest": files.digest([dataset]) if dataset.is_file() else "",
        **provenance(["astrodome-ztf-scope", "xgboost"], trained_models.TASK, [algorithm]),
    }
    own = option_values(algorithm, options.algorithm_options)
    about |= own
    shared = {
        "dnn": _override(DnnSettings, config.training.dnn, options.dnn).model_dump(),
        "xgboost": config.training.xgboost.model_dump(),
        **own,
    }
    if not shared["dnn"]["dense_branch"] and not shared["dnn"]["conv_branch"]:
        raise InvalidInputError(
            "At least one branch of the network must be enabled, but dense_branch and conv_branch "
            "are both false.",
            "Set dense_branch or conv_branch to true.",
        )
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
                options=options,
                algorithm=algorithm,
                backend=f"{backend.__module__}:{backend.__qualname__}",
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
                folder=place if save else scratch / tag / str(state),
                save=save,
                plot=_enabled(options.plot, current, "plot") and save,
                about=about,
            )


def _override(model: type[Any], entry: Any, values: Mapping[str, Any]) -> Any:
    """Override values in a configuration entry, and validate the result."""
    try:
        settings.validate(model, {**entry.model_dump(), **values}, "")
    except AstrodomeError as error:
        raise InvalidInputError(error.message, error.hint) from None
    # exclude_unset keeps only the values that were set explicitly.
    return model.model_validate({**entry.model_dump(exclude_unset=True), **values})


def _enabled(option: bool | None, entry: ClassConfig, name: str) -> bool:
    """Return ``option`` or, if it is None, the configured value for the class.

    If the value is not configured, True is returned.
    """
    if option is not None:
        return option
    return getattr(entry, name) if name in entry.model_fields_set else True
