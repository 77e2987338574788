"""LoadedModel classifiers, ready to score, with how features are prepared for them.

A run folder holds all of that. A file of SCoPe's holds the weights alone: what belongs to them
is taken from the configuration, and goes wherever the model is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, checks, files, models
from numpy.typing import NDArray

from ..config.loading import ScopeConfig
from . import trained_models
from .preprocessing.preparation import Preparation


@dataclass(frozen=True)
class LoadedModel:
    """A loaded classifier; ``path`` is its run folder or file, ``config`` what it was given."""

    path: Path
    algorithm: str
    config: dict[str, Any]
    preparation: Preparation
    backend: Any

    trained_with_dmdt: bool = True

    @property
    def uses_dmdt(self) -> bool:
        """Whether the model needs dmdt images: True if it was trained with them."""
        needed = uses_dmdt(self.backend, self.config)
        return self.trained_with_dmdt if needed is None else needed

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Predict, check and return the probabilities (N,) of sources."""
        return probabilities(self.backend, features, dmdt)


def probabilities(
    backend: Any, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return the probabilities (N,) that a backend predicts.

    Raises AstrodomeError if it returns another shape or values that are not from 0 to 1.
    """
    found = backend.predict(features, dmdt)
    return checks.array(found, "probabilities", (len(features),), backend, (0, 1))


def uses_dmdt(backend: Any, config: Mapping[str, Any]) -> bool | None:
    """Return whether a backend needs dmdt images; None if it uses them when they exist."""
    return bool(backend.uses_dmdt(config)) if hasattr(backend, "uses_dmdt") else None


def load(trained: trained_models.TrainedModel, threads: int = 0) -> LoadedModel:
    """The classifier of a run folder, or of a file that was :func:`configured`."""
    if not trained.path.is_file():
        return load_run(trained.path, threads)
    if not trained.configured:
        raise AstrodomeError(
            f"{trained.path} holds weights alone.", "Give it a configuration: saved.configured."
        )
    given = json.loads(trained.configured)
    preparation = Preparation.from_dict(given["preparation"])
    return _loaded(trained.path, trained.algorithm, given["config"], preparation, threads)


def load_run(folder: Path, threads: int = 0) -> LoadedModel:
    """The classifier of a run folder; AstrodomeError when it is none, or not finished."""
    run, config = trained_models.read(folder)
    found = _loaded(folder, run.record["model"], config, Preparation.load(folder), threads)
    return replace(found, trained_with_dmdt=run.record.get("dmdt", True))


def configured(
    trained: trained_models.TrainedModel, config: ScopeConfig
) -> trained_models.TrainedModel:
    """A file of SCoPe's with what the configuration says of its class; a run folder as it is.

    Raises AstrodomeError when the class is not configured, or lacks a statistic.
    """
    if not trained.path.is_file():
        return trained
    if trained.tag not in config.classes:
        raise AstrodomeError(
            f"{trained.path} is a model of '{trained.tag}', a class that {config.origin} lacks.",
            "Name the configuration that it was trained with: --config FILE.",
            exit_code=2,
        )
    entry = config.classes[trained.tag]
    features = config.feature_sets[entry.features]
    preparation = Preparation.configured(features, entry.scale_features, config.feature_stats)
    given = {
        "config": {
            "tag": trained.tag,
            "features": list(features.columns.values()),
            "class": entry.model_dump(mode="json"),
            "dnn": config.training.dnn.model_dump(),
            "xgboost": config.training.xgboost.model_dump(),
        },
        "preparation": preparation.to_dict(),
        "digest": files.digest([trained.path]),
    }
    return replace(trained, configured=json.dumps(given))


def _loaded(
    path: Path, algorithm: str, config: dict[str, Any], preparation: Preparation, threads: int
) -> LoadedModel:
    config["threads"] = threads
    backend = models.get(trained_models.TASK, algorithm)
    backend.load(path, config)
    return LoadedModel(path, algorithm, config, preparation, backend)
