"""Load trained classifiers together with the preparation of their features.

A run folder contains the weights and the preparation. A model file of SCoPe contains the weights
only; the preparation is determined from the configuration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, checks, files, models
from numpy.typing import NDArray

from ..config.loading import ScopeConfig, load_config
from . import trained_models
from .preprocessing.preparation import Preparation
from .trained_models import run_metrics


@dataclass(frozen=True)
class LoadedModel:
    """A trained classifier that is ready for predictions.

    Attributes
    ----------
    path : pathlib.Path
        Run folder or file.
    algorithm : str
        Algorithm of the classifier.
    config : dict
        Configuration with which it was trained.
    preparation : Preparation
        Imputation and scaling of the features.
    backend : Classifier
        The classifier.
    """

    path: Path
    algorithm: str
    config: dict[str, Any]
    preparation: Preparation
    backend: Any
    trained_with_dmdt: bool = True

    @property
    def tag(self) -> str:
        """The class of the classifier."""
        return str(self.config["tag"])

    @property
    def column(self) -> str:
        """Name of the column with the scores."""
        return f"{self.tag}_{self.algorithm}"

    @property
    def uses_dmdt(self) -> bool:
        """Whether the model needs dmdt images: True if it was trained with them."""
        needed = uses_dmdt(self.backend, self.config)
        return self.trained_with_dmdt if needed is None else needed

    @property
    def metrics(self) -> dict[str, dict[str, float | None]]:
        """Metrics of the training run by part (``test``, ``dropped``); empty for a file."""
        return run_metrics(self.path)

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the probabilities (N,) for prepared features (N, F) and images (N, 26, 26)."""
        return probabilities(self.backend, features, dmdt)


def load_model(
    path: str | os.PathLike[str], config: ScopeConfig | None = None, *, threads: int = 0
) -> LoadedModel:
    """Load a trained classifier.

    Parameters
    ----------
    path : path-like
        Run folder, or a model file of SCoPe: ``.h5`` or ``.index`` (network), ``.json`` (trees).
    config : ScopeConfig, optional
        For model files of SCoPe, the configuration with which the model was trained. By default,
        the result of :func:`load_config`.
    threads : int
        Number of threads for predictions; 0 for one per CPU.

    Returns
    -------
    LoadedModel

    Raises
    ------
    AstrodomeError
        If the path is not a trained model, or the model does not match the configuration.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> scope.load_model("models/experiment/xgb/vnv/42").column
    'vnv_xgb'
    """
    place = Path(path).expanduser()
    if place.is_file() or Path(f"{place}.index").is_file():
        (model,) = trained_models.find_models([place])
        return load(configure(model, config or load_config()), threads)
    return load_run(place, threads)


def probabilities(
    backend: Any, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return the probabilities (N,) that a classifier predicts.

    Raises AstrodomeError if it returns another shape or values that are not from 0 to 1.
    """
    found = backend.predict(features, dmdt)
    return checks.array(found, "probabilities", (len(features),), backend, (0, 1))


def uses_dmdt(backend: Any, config: Mapping[str, Any]) -> bool | None:
    """Return whether a classifier needs dmdt images; None if it uses them when they exist."""
    return bool(backend.uses_dmdt(config)) if hasattr(backend, "uses_dmdt") else None


def load(model: trained_models.TrainedModel, threads: int = 0) -> LoadedModel:
    """Load the classifier of a run folder, or of a file with a configuration."""
    if not model.path.is_file():
        return load_run(model.path, threads)
    if not model.configured:
        raise AstrodomeError(
            f"{model.path} contains only weights.", "Add its configuration with configure()."
        )
    given = json.loads(model.configured)
    preparation = Preparation.from_dict(given["preparation"])
    return _loaded(model.path, model.algorithm, given["config"], preparation, threads)


def load_run(folder: Path, threads: int = 0) -> LoadedModel:
    """Load the classifier of a run folder.

    Raises AstrodomeError if the directory is not a run folder, or the run is not finished.
    """
    run, config = trained_models.read(folder)
    found = _loaded(folder, run.record["model"], config, Preparation.load(folder), threads)
    return replace(found, trained_with_dmdt=run.record.get("dmdt", True))


def configure(
    model: trained_models.TrainedModel, config: ScopeConfig
) -> trained_models.TrainedModel:
    """Return a model file of SCoPe with the configuration of its class.

    Run folders are returned unchanged. Raises AstrodomeError if the class is not configured, or
    an entry of ``feature_stats`` is missing.
    """
    if not model.path.is_file():
        return model
    if model.tag not in config.classes:
        raise AstrodomeError(
            f"{model.path} is a model of the class '{model.tag}', which does not exist in "
            f"{config.origin}.",
            "Specify the configuration with which it was trained: --config FILE.",
            exit_code=2,
        )
    entry = config.classes[model.tag]
    features = config.feature_sets[entry.features]
    preparation = Preparation.configured(features, entry.scale_features, config.feature_stats)
    given = {
        "config": {
            "tag": model.tag,
            "features": list(features.columns.values()),
            "class": entry.model_dump(mode="json"),
            "dnn": config.training.dnn.model_dump(),
            "xgboost": config.training.xgboost.model_dump(),
        },
        "preparation": preparation.to_dict(),
        "digest": files.digest([model.path]),
    }
    return replace(model, configured=json.dumps(given))


def _loaded(
    path: Path, algorithm: str, config: dict[str, Any], preparation: Preparation, threads: int
) -> LoadedModel:
    config["threads"] = threads
    backend = models.get(trained_models.TASK, algorithm)
    backend.load(path, config)
    return LoadedModel(path, algorithm, config, preparation, backend)
