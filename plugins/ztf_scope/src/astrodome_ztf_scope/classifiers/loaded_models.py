"""Load trained classifiers, with the parameters for imputing and scaling their features.

A run folder contains both the weights and the parameters for imputation and scaling. A SCoPe model
file contains only the weights, so the other parameters are read from the configuration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import InvalidInputError, checks, files, models
from numpy.typing import NDArray

from ..config.loading import ScopeConfig, load_config
from . import trained_models
from .preprocessing.preparation import Preparation
from .trained_models import run_metrics


@dataclass(frozen=True)
class LoadedModel:
    """A trained classifier that has been loaded for prediction.

    Attributes
    ----------
    path : pathlib.Path
        Run folder or model file.
    algorithm : str
        Name of the classification algorithm, for example ``xgb``.
    config : dict
        Configuration that was used for training.
    preparation : Preparation
        Imputation and scaling of the features.
    backend : Classifier
        Classifier that has loaded the weights.
    trained_with_dmdt : bool
        Whether the training data set contained dmdt images.
    """

    path: Path
    algorithm: str
    config: dict[str, Any] = field(repr=False)
    preparation: Preparation = field(repr=False)
    backend: Any = field(repr=False)
    trained_with_dmdt: bool = field(default=True, repr=False)

    @property
    def tag(self) -> str:
        """Tag of the class that the model predicts."""
        return str(self.config["tag"])

    @property
    def column(self) -> str:
        """Name of the score column."""
        return f"{self.tag}_{self.algorithm}"

    @property
    def uses_dmdt(self) -> bool:
        """Whether the model needs dmdt images.

        If images are optional for the classifier, they are needed only if the classifier was
        trained with images.
        """
        needed = uses_dmdt(self.backend, self.config)
        return self.trained_with_dmdt if needed is None else needed

    @property
    def metrics(self) -> dict[str, dict[str, float | None]]:
        """Metrics from the training run, keyed by subset (``test`` or ``dropped``).

        The mapping is empty for a SCoPe model file.
        """
        return run_metrics(self.path)

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the predicted probability for each source, with shape (N,).

        ``features`` contains imputed and scaled features with shape (N, F), and ``dmdt`` contains
        images with shape (N, 26, 26).
        """
        return probabilities(self.backend, features, dmdt)


def load_model(
    path: str | os.PathLike[str], config: ScopeConfig | None = None, *, threads: int = 0
) -> LoadedModel:
    """Load a trained classifier.

    Parameters
    ----------
    path : path-like
        Run folder or SCoPe model file. Model files are ``.h5`` or ``.index`` files (neural
        network), or ``.json`` files (boosted trees).
    config : ScopeConfig, optional
        Configuration that was used to train a SCoPe model file. By default, the result of
        :func:`load_config` is used. For run folders, this argument is ignored.
    threads : int
        Number of threads for prediction; 0 means one thread per CPU.

    Returns
    -------
    LoadedModel
        The loaded classifier.

    Raises
    ------
    AstrodomeError
        If the path does not contain a trained model, or if the model does not match the
        configuration.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> scope.load_model("models/experiment/xgb/vnv/42").column
    'vnv_xgb'
    """
    place = Path(path).expanduser()
    if place.is_file() or Path(f"{place}.index").is_file():
        (model,) = trained_models.find_models([place])
        return load(configure(model, config), threads)
    return load_run(place, threads)


def loaded(model: AnyModel, threads: int = 0) -> LoadedModel:
    """Return the model if it is already loaded; otherwise, load it."""
    if isinstance(model, LoadedModel):
        return model
    if isinstance(model, trained_models.TrainedModel):
        return load(model, threads)
    return load_model(model, threads=threads)


AnyModel = LoadedModel | trained_models.TrainedModel | str | os.PathLike[str]
"""A loaded model, a trained model, or the path of a run folder or model file."""


def probabilities(
    backend: Any, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return the predicted probabilities, with shape (N,).

    A classifier is not called without any source, because many libraries do not allow it.

    Raises AstrodomeError if the classifier returns an array with a different shape, or with values
    outside the range from 0 to 1.
    """
    if not len(features):
        return np.zeros(0, np.float32)
    found = backend.predict(features, dmdt)
    return checks.array(found, "probabilities", (len(features),), backend, (0, 1))


def uses_dmdt(backend: Any, config: Mapping[str, Any]) -> bool | None:
    """Return whether a classifier needs dmdt images, or None if they are optional."""
    return bool(backend.uses_dmdt(config)) if hasattr(backend, "uses_dmdt") else None


def load(model: trained_models.TrainedModel, threads: int = 0) -> LoadedModel:
    """Load the classifier from a run folder or a model file."""
    if not model.path.is_file():
        return load_run(model.path, threads)
    config = json.loads(configure(model).configured)["config"]
    return _loaded(model.path, model.algorithm, config, preparation(model), threads)


def load_run(folder: Path, threads: int = 0) -> LoadedModel:
    """Load the classifier from a run folder.

    Raises AstrodomeError if the directory is not a run folder, or if the run is not finished.
    """
    run, config = trained_models.read(folder)
    found = _loaded(folder, run.record["model"], config, Preparation.load(folder), threads)
    return replace(found, trained_with_dmdt=run.record.get("dmdt", True))


def preparation(model: trained_models.TrainedModel) -> Preparation:
    """Return the imputation and scaling of a trained model, without loading the classifier."""
    if not model.path.is_file():
        return Preparation.load(model.path)
    return Preparation.from_dict(json.loads(configure(model).configured)["preparation"])


def configure(
    model: trained_models.TrainedModel, config: ScopeConfig | None = None
) -> trained_models.TrainedModel:
    """Return a copy of a SCoPe model that contains the configuration for its class.

    By default, the configuration is the result of :func:`load_config`. Run folders, and model files
    that already have a configuration, are returned unchanged. Raises AstrodomeError if the class is
    not configured, or if ``feature_stats`` does not contain the statistics that are required for
    imputation.
    """
    if model.configured or not model.path.is_file():
        return model
    config = config or load_config()
    if model.tag not in config.classes:
        raise InvalidInputError(
            f"{model.path} is a model for the class '{model.tag}', which is not configured in "
            f"{config.origin}.",
            "Use the configuration with which the model was trained.",
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
