"""Boosted-tree classifier, which uses features but not dmdt images.

Training stops when the log loss on the validation set no longer improves, and the trees after the
best round are removed. The minimum improvement is a fraction of the log loss for constant scores.
Without this limit, training could continue indefinitely while scores only change from 0.999 to
0.9999. The area under the ROC curve (AUC) is not suitable as a stopping criterion, because it can
reach 1 after the first tree, while all scores are still near 0.5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from astrodome import AstrodomeError, errors, files
from astrodome.runs import Run
from numpy.typing import NDArray
from scipy.special import entr

from ..preprocessing.examples import LabelledExamples
from .parameter_search import search, start

WEIGHTS = "model.ubj"
FORMATS = (".ubj", ".json")
LOSS = "logloss"
MIN_IMPROVEMENT = 0.0002
"""Minimum improvement of the log loss, as a fraction of the log loss for constant scores."""
PROBABILITIES = ("binary:logistic", "reg:logistic")


class XgbClassifier:
    """Gradient-boosted tree classifier (XGBoost)."""

    def __init__(self) -> None:
        self.booster: xgb.Booster | None = None
        self._columns: NDArray[np.intp] | None = None

    @staticmethod
    def uses_dmdt(config: Mapping[str, Any]) -> bool:
        """Return False, because this classifier does not use images."""
        return False

    def train(
        self,
        train: LabelledExamples,
        validation: LabelledExamples,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        """Train the trees, and write the results to the run folder.

        The trees are written to ``model.ubj``, and the metrics per boosting round to
        ``metrics.csv``. The parameters and the best metrics are added to ``run.json``.

        The entry ``importance`` in ``run.json`` contains the fraction of the total gain for each
        feature. If the class has a ``pre_trained_model``, training continues from that model.
        """
        _both_labels(train, "training")
        _both_labels(validation, "validation")
        settings = config["xgboost"]["other_training_params"]
        seed, names = config["class"]["random_state"], list(config["features"])
        positive = train.target > 0
        balance = float(train.weight[positive].mean() / train.weight[~positive].mean())
        weight, val_weight = _weight(train, balance), _weight(validation, balance)
        params = _params(settings, seed, config.get("threads", 0)) | start(config["xgboost"])
        searched: list[dict[str, Any]] = []
        if config.get("search"):
            matrix = xgb.DMatrix(train.features, train.target, weight=weight, feature_names=names)
            params, searched = search(matrix, params, config["xgboost"], seed)
        bins = partial(xgb.QuantileDMatrix, feature_names=names, nthread=params["nthread"] or None)
        train_bins = bins(train.features, train.target, weight=weight)
        validation_bins = bins(
            validation.features, validation.target, weight=val_weight, ref=train_bins
        )
        metric = settings["eval_metric"]
        share = float(np.average(validation.target, weights=val_weight))
        metrics: dict[str, dict[str, list[float]]] = {}
        earlier = _earlier(config)
        booster = xgb.train(
            params | {"eval_metric": [metric, LOSS] if metric != LOSS else metric},
            train_bins,
            settings["num_boost_round"],
            # Exclude the training set, because computing its AUC takes as long as adding a tree.
            evals=[(validation_bins, "validation")],
            evals_result=metrics,
            callbacks=[_early_stopping(settings, share)],
            verbose_eval=False,
            xgb_model=earlier,
        )
        self.booster, self._columns = booster, None
        save(booster, run.path / WEIGHTS)
        table = pd.DataFrame(metrics["validation"]).add_prefix("val_")
        files.write_text(run.path / "metrics.csv", table.to_csv(index_label="round"))
        best = booster.best_iteration - (earlier.num_boosted_rounds() if earlier else 0)
        at_best = table.filter(like="val_").add_prefix("best_").iloc[best].to_dict()
        rounds = booster.num_boosted_rounds()
        about = {"scale_pos_weight": balance, "rounds": rounds, **at_best, "search": searched}
        run.note(xgboost=params | about, importance=importance(booster, names))

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        """Load the trees from a run folder or a SCoPe model (a ``.json`` and a ``.params`` file).

        Raises AstrodomeError if the file does not exist, or if its features differ from the
        configuration.
        """
        file = path / WEIGHTS if path.is_dir() else path
        booster = read(file)
        if threads := config.get("threads", 0):
            booster.set_param({"nthread": threads})
        self.booster = booster
        self._columns = _order(booster, list(config["features"]), file)

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return probabilities with shape (N,).

        ``features`` has the shape (N, F), with the features in the order of the configuration.
        """
        if self.booster is None:
            raise AstrodomeError(
                "The model has not been trained or loaded.", "Call train or load first."
            )
        if features.shape[1:] != (self.booster.num_features(),):
            raise AstrodomeError(
                f"Invalid number of features: expected {self.booster.num_features()} per source, "
                f"got {features.shape[1]}."
            )
        if not len(features):
            return np.empty(0, np.float32)
        if self._columns is not None:
            features = features[:, self._columns]
        # Avoid the copy to a DMatrix, which takes longer than the prediction.
        scores = self.booster.inplace_predict(features, validate_features=False)
        return np.asarray(scores, np.float32)


def read(file: Path) -> xgb.Booster:
    """Read boosted trees from a ``.ubj`` or ``.json`` file.

    If a ``.params`` file with the same name exists, it is also read. Raises AstrodomeError if the
    file does not exist, or if it is not an XGBoost model that predicts probabilities.
    """
    if not file.is_file():
        raise errors.not_found(file, "Train a model first.", kind="Model")
    if file.suffix not in FORMATS:
        raise AstrodomeError(
            f"Unsupported file extension in '{file}': expected {' or '.join(FORMATS)}."
        )
    booster = xgb.Booster()
    parameters = file.with_suffix(".params")
    try:
        # XGBoost logs a warning for each configuration from an older version. If it cannot read a
        # model, it raises an error. Otherwise, the scores do not depend on the version.
        with xgb.config_context(verbosity=0):
            booster.load_model(file)
            if file.suffix == ".json" and parameters.is_file():
                booster.load_config(parameters.read_text("utf-8"))
        objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    except (xgb.core.XGBoostError, ValueError, UnicodeDecodeError) as error:
        raise AstrodomeError(
            f"{file} cannot be read as an XGBoost model.",
            "Expected a file written by xgboost.Booster.save_model. Copy the file again, or train "
            "the model.",
        ) from error
    if objective not in PROBABILITIES:
        raise AstrodomeError(
            f"Unsupported objective '{objective}' in the model {file}: expected "
            f"{' or '.join(PROBABILITIES)}, which predict probabilities."
        )
    return booster


def save(booster: xgb.Booster, file: Path) -> None:
    """Write the trees in the format given by the file extension, ``.json`` or ``.ubj``."""
    # If the disk is full, Booster.save_model raises an error that contains a C++ stack trace.
    form = "json" if file.suffix == ".json" else "ubj"
    files.write_bytes(file, bytes(booster.save_raw(form)))


def importance(booster: xgb.Booster, names: Sequence[str]) -> dict[str, float]:
    """Return the fraction of the total gain for each feature, in descending order."""
    gain = {
        name: float(np.sum(value))
        for name, value in booster.get_score(importance_type="total_gain").items()
    }
    total = sum(gain.values()) or 1.0
    shares = {name: gain.get(name, 0.0) / total for name in names}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _params(settings: Mapping[str, Any], seed: int, threads: int) -> dict[str, Any]:
    if settings["objective"] not in PROBABILITIES:
        raise AstrodomeError(
            f"Invalid value '{settings['objective']}' for "
            f"'training.xgboost.other_training_params.objective': expected "
            f"{' or '.join(PROBABILITIES)}, which predict probabilities.",
        )
    return {
        "objective": settings["objective"],
        "eval_metric": settings["eval_metric"],
        "tree_method": "hist",
        "seed": seed,
        "nthread": threads,
    }


def _early_stopping(settings: Mapping[str, Any], share: float) -> xgb.callback.EarlyStopping:
    """Return the early-stopping callback. ``share`` is the fraction of positive sources."""
    # If the log loss is the configured metric, any improvement counts.
    least = 0.0 if settings["eval_metric"] == LOSS else MIN_IMPROVEMENT
    return xgb.callback.EarlyStopping(
        rounds=settings["early_stopping_rounds"],
        metric_name=LOSS,
        data_name="validation",
        save_best=True,
        min_delta=least * entr([share, 1 - share]).sum(),
    )


def _weight(examples: LabelledExamples, balance: float) -> NDArray[np.float64]:
    """Return the sample weights: ``balance`` for positive sources, and 1 for all others."""
    return np.where(examples.target > 0, balance, 1.0)


def _both_labels(examples: LabelledExamples, part: str) -> None:
    if len(np.unique(examples.target)) < 2:
        raise AstrodomeError(
            f"All {len(examples.target)} sources in the {part} set have the same label: expected "
            "positive and negative sources.",
            "Change the threshold, or add sources to the data set.",
        )


def _earlier(config: Mapping[str, Any]) -> xgb.Booster | None:
    path = config["class"].get("pre_trained_model")
    if not path:
        return None
    file = Path(path) / WEIGHTS if Path(path).is_dir() else Path(path)
    booster = read(file)
    if _order(booster, list(config["features"]), file) is not None:
        raise AstrodomeError(
            f"The order of the features in {file} differs from the configuration.",
            "Use a feature set with the same order, or train without pre_trained_model.",
        )
    return booster


def _order(booster: xgb.Booster, names: list[str], file: Path) -> NDArray[np.intp] | None:
    """Return the index in ``names`` of each feature in the model.

    Returns None if the model and ``names`` contain the features in the same order. SCoPe models
    contain column names, which include the suffix for the period-finding algorithm. Raises
    AstrodomeError if the features differ.
    """
    if booster.feature_names is None:
        if booster.num_features() == len(names):
            return None
        found: list[int] = []
    else:
        found = [_find(name, names) for name in booster.feature_names]
    if sorted(found) != list(range(len(names))):
        missing = [n for n, at in zip(booster.feature_names or (), found, strict=True) if at < 0]
        difference = (
            f"the model requires {', '.join(missing[:3])}"
            if missing
            else f"the model has {booster.num_features()} features, but the configuration has "
            f"{len(names)}"
        )
        raise AstrodomeError(
            f"The features of the model {file} differ from the configuration: {difference}.",
            "Use the configuration with which the model was trained.",
        )
    return None if found == list(range(len(names))) else np.array(found)


def _find(column: str, names: Sequence[str]) -> int:
    """Return the index of the feature that a column contains, or -1 if no feature matches."""
    if column in names:
        return names.index(column)
    stems = [name for name in names if column.startswith(f"{name}_")]
    return names.index(max(stems, key=len)) if stems else -1
