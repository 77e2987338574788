"""The plan of a training: which runs are to be made, and all that decides what comes out."""

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


@dataclass(frozen=True)
class TrainingOptions:
    """What is asked for beside the configuration.

    ``classes`` and ``dnn`` go over the entries of the classes and of ``training.dnn``.
    ``random_states``: those of the classes unless given. ``group_by`` (a column, or
    ``position``) keeps a source's rows in one part. ``configured_stats``: scale by
    ``feature_stats`` instead of by the training part. ``save=False`` leaves nothing.
    ``environment`` is set in the processes that train.
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
        return self.jobs or compute.cores()


@dataclass(frozen=True)
class TrainingJob:
    """One run to make: a class, a random state, and all that decides what comes out.

    ``config`` is what the backend gets. ``place`` is the run's own folder, ``folder`` where it is
    made: elsewhere when it is not kept. ``backend`` is named as ``module:class``, so that it is
    imported in the environment of the run.
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
        return f"{self.tag} {self.random_state}"

    @property
    def classifier(self) -> type[Classifier]:
        found: type[Classifier] = pkgutil.resolve_name(self.backend)
        return found

    @property
    def digest(self) -> str:
        """Changes with the data set and with every option that the result depends on."""
        decides = {
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
        text = json.dumps(decides, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def finished(self) -> bool:
        """Whether the very same run is there already."""
        record = Run(self.folder).record
        return (
            record.get("status") == trained_models.FINISHED and record.get("digest") == self.digest
        )


def backend_name(typed: str) -> str:
    """The name under which an algorithm is registered, however it was typed."""
    spellings = {name.replace("_", "-"): name for name in models.specs(trained_models.TASK)}
    return spellings.get(typed.replace("_", "-"), typed)


def plan(
    config: ScopeConfig,
    tags: Sequence[str],
    options: TrainingOptions,
    backend: type[Classifier],
    algorithm: str,
    scratch: Path,
) -> Iterator[TrainingJob]:
    """The runs that are asked for; AstrodomeError when an option is out of range."""
    shared = {
        "dnn": _over(DnnSettings, config.training.dnn, options.dnn).model_dump(),
        "xgboost": config.training.xgboost.model_dump(),
    }
    if not shared["dnn"]["dense_branch"] and not shared["dnn"]["conv_branch"]:
        raise AstrodomeError("One of the two branches of the network has to be on.", exit_code=2)
    wanted = config.select(tags)
    entries = {tag: _over(ClassConfig, entry, options.classes) for tag, entry in wanted.items()}
    count = sum(len(options.random_states or (0,)) for _ in entries)
    threads = max(1, compute.cores() // min(options.processes, count))
    for tag, entry in entries.items():
        features = config.feature_sets[entry.features]
        for state in options.random_states or (entry.random_state,):
            chosen = entry.model_copy(update={"random_state": state})
            save = _switch(options.save, chosen, "save")
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
                    "class": chosen.model_dump(mode="json", exclude={"save", "plot"}),
                    **shared,
                    "search": options.search,
                    "threads": threads,
                },
                features=features,
                stats=config.feature_stats if options.configured_stats else None,
                group_by=options.group_by,
                save=save,
                plot=_switch(options.plot, chosen, "plot") and save,
                plot_model=options.plot_model,
                environment=options.environment,
            )


def _over(model: type[Any], entry: Any, given: Mapping[str, Any]) -> Any:
    """A checked entry with the options that are given over it."""
    try:
        settings.validate(model, {**entry.model_dump(), **given}, COMMAND_LINE)
    except AstrodomeError as error:
        raise AstrodomeError(error.message, error.hint, exit_code=2) from None
    # Built from what was set, so that it is still known what was not.
    return model.model_validate({**entry.model_dump(exclude_unset=True), **given})


def _switch(given: bool | None, entry: ClassConfig, name: str) -> bool:
    """An option, or what the class says, or yes."""
    if given is not None:
        return given
    return getattr(entry, name) if name in entry.model_fields_set else True
