"""Boosted-tree classifier, which uses features but not dmdt images.

Training stops when neither the validation metric (by default the area under the ROC curve, AUC) nor
the validation log loss improves for several rounds. The trees after the best round are removed. The
log loss is included because the AUC can reach 1 after the first tree, while all scores are still
near 0.5. The minimum improvement of the log loss is a fraction of its value for constant scores.
Without this limit, training could continue indefinitely while scores only change from 0.999 to
0.9999.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from astrodome import AstrodomeError, errors, files
from astrodome.runs import Run
from numpy.typing import NDArray

from ..preprocessing.examples import LabelledExamples
from .parameter_search import LARGER_IS_BETTER, search, start

WEIGHTS = "model.ubj"
FORMATS = (".ubj", ".json")
LOSS = "logloss"
ENOUGH = 0.002
"""Minimum improvement of the log loss, as a fraction of the entropy of the labels."""
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

        The entry ``importance`` in ``run.json`` contains the share of each feature in the total
        gain. If the class has a ``pre_trained_model``, training continues from that model.
        """
        _both_labels(train, "training")
        _both_labels(validation, "validation")
        settings = config["xgboost"]["other_training_params"]
        seed, names = config["class"]["random_state"], list(config["features"])
        params = _params(train, settings, seed, config.get("threads", 0))
        params |= start(config["xgboost"])
        searched: list[dict[str, Any]] = []
        if config.get("search"):
            matrix = xgb.DMatrix(train.features, train.target, feature_names=names)
            params, searched = search(matrix, params, config["xgboost"], seed)
        train_bins, validation_bins = _binned(train, validation, params, names)
        earlier = _earlier(config)
        stopping = EarlyStopping(
            settings["eval_metric"],
            settings["early_stopping_rounds"],
            validation.target > 0,
            params["scale_pos_weight"],
            lambda model: _loss(
                model.predict(train_bins, output_margin=True),
                train.target > 0,
                params["scale_pos_weight"],
            ),
        )
        trained = xgb.train(
            params | {"eval_metric": [settings["eval_metric"], LOSS]},
            train_bins,
            settings["num_boost_round"],
            # Exclude the training set, because computing its AUC takes as long as adding a tree.
            evals=[(validation_bins, "validation")],
            callbacks=[stopping],
            verbose_eval=False,
            xgb_model=earlier,
        )
        rounds = stopping.best + 1 + (earlier.num_boosted_rounds() if earlier else 0)
        self.booster, self._columns = trained[:rounds], None
        save(self.booster, run.path / WEIGHTS)
        files.write_text(run.path / "metrics.csv", stopping.table())
        run.note(
            xgboost={**params, "rounds": rounds, **stopping.metrics_at_best(), "search": searched},
            importance=importance(self.booster, names),
        )

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        """Load the trees from a run folder or a SCoPe model (a ``.json`` and a ``.params`` file).

        Raises AstrodomeError if the file does not exist, or if the features do not match.
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


class EarlyStopping(xgb.callback.TrainingCallback):
    """Stop training after several rounds without improvement, and determine the best round.

    Among the rounds whose ``metric`` is within one standard error of its best value, the best round
    is the one with the smallest log loss.

    Parameters
    ----------
    metric : str
        Name of the validation metric.
    rounds : int
        Number of rounds without improvement after which training stops.
    positive : numpy.ndarray of bool, shape (N,)
        Labels of the validation set.
    weight : float
        Weight of positive sources.
    train_loss : callable
        Function that returns the log loss on the training set.
    """

    def __init__(
        self,
        metric: str,
        rounds: int,
        positive: NDArray[np.bool_],
        weight: float,
        train_loss: Callable[[xgb.Booster], float],
    ) -> None:
        super().__init__()
        self.metric, self.rounds, self.train_loss = metric, rounds, train_loss
        count = int(positive.sum())
        self.rarer = min(count, len(positive) - count)
        share = weight * count / (weight * count + len(positive) - count)
        entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
        self.history: dict[str, list[float]] = {LOSS: []}
        # If the log loss is the only metric, any improvement counts.
        self._min_improvement = (
            {metric: 0.0} if metric == LOSS else {metric: 0.0, LOSS: ENOUGH * entropy}
        )
        self._best_rounds = dict.fromkeys(self._min_improvement, 0)

    @property
    def best(self) -> int:
        """Zero-based index of the best round."""
        values, losses = self._values(self.metric), self._values(LOSS)
        error = 0.0
        if self.metric in LARGER_IS_BETTER:
            # Upper bound on the standard error of the AUC (Birnbaum & Klose 1957). An AUC of 1 also
            # has an uncertainty.
            area = min(values.max(), 1 - 0.5 / self.rarer)
            error = np.sqrt(area * (1 - area) / self.rarer)
        good = np.flatnonzero(values >= values.max() - error)
        return int(good[np.argmax(losses[good])])

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Record the metrics for a round, and return whether to stop training."""
        self.history[LOSS].append(self.train_loss(model))
        for name, values in evals_log["validation"].items():
            self.history[f"val_{name}"] = values
        latest = len(self.history[LOSS]) - 1
        for name, best in self._best_rounds.items():
            values = self._values(name)
            if values[-1] > values[best] + self._min_improvement[name]:
                self._best_rounds[name] = latest
        return latest - max(self._best_rounds.values()) >= self.rounds

    def metrics_at_best(self) -> dict[str, float]:
        """Return the metrics on the validation set at the best boosting round."""
        return {f"best_val_{n}": self.history[f"val_{n}"][self.best] for n in self._best_rounds}

    def table(self) -> str:
        """Return the content of ``metrics.csv``."""
        return str(pd.DataFrame(self.history).to_csv(index_label="round"))

    def _values(self, name: str) -> NDArray[np.float64]:
        """Return a validation metric for each round, with the sign such that larger is better."""
        values = np.array(self.history[f"val_{name}"])
        return values if name in LARGER_IS_BETTER else -values


def read(file: Path) -> xgb.Booster:
    """Read trees from a ``.ubj`` or ``.json`` file, and the ``.params`` file if it exists.

    Raises AstrodomeError if the file does not exist, or if it is not an XGBoost model that predicts
    probabilities.
    """
    if not file.is_file():
        raise errors.not_found(file, "Train a model first.", kind="Model")
    if file.suffix not in FORMATS:
        raise AstrodomeError(
            f"Unsupported file extension of the model {file}: expected {' or '.join(FORMATS)}."
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
            f"Unsupported objective '{objective}' of the model {file}: expected "
            f"{' or '.join(PROBABILITIES)}, which predict probabilities."
        )
    return booster


def save(booster: xgb.Booster, file: Path) -> None:
    """Write the trees in the format of the file extension, ``.json`` or ``.ubj``."""
    # If the disk is full, Booster.save_model raises an error that contains a C++ stack trace.
    form = "json" if file.suffix == ".json" else "ubj"
    files.write_bytes(file, bytes(booster.save_raw(form)))


def importance(booster: xgb.Booster, names: Sequence[str]) -> dict[str, float]:
    """Return the share of each feature in the total gain, in descending order."""
    gain = {
        name: float(np.sum(value))
        for name, value in booster.get_score(importance_type="total_gain").items()
    }
    total = sum(gain.values()) or 1.0
    shares = {name: gain.get(name, 0.0) / total for name in names}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _params(
    train: LabelledExamples, settings: Mapping[str, Any], seed: int, threads: int
) -> dict[str, Any]:
    if settings["objective"] not in PROBABILITIES:
        raise AstrodomeError(
            f"Invalid value '{settings['objective']}' of "
            f"'training.xgboost.other_training_params.objective': expected "
            f"{' or '.join(PROBABILITIES)}, which predict probabilities.",
        )
    positive = train.target > 0
    weight = float(train.weight[positive].mean() / train.weight[~positive].mean())
    return {
        "objective": settings["objective"],
        "eval_metric": settings["eval_metric"],
        "scale_pos_weight": weight,
        "tree_method": "hist",
        "seed": seed,
        "nthread": threads,
    }


def _binned(
    train: LabelledExamples,
    validation: LabelledExamples,
    params: Mapping[str, Any],
    names: list[str],
) -> tuple[xgb.QuantileDMatrix, xgb.QuantileDMatrix]:
    """Convert the training and validation sets to quantile matrices with the same bins."""
    common = {"feature_names": names, "nthread": params["nthread"] or None}
    train_bins = xgb.QuantileDMatrix(train.features, train.target, **common)
    # With weights from scale_pos_weight, the log loss equals the training objective.
    weight = np.where(validation.target > 0, params["scale_pos_weight"], 1.0)
    validation_bins = xgb.QuantileDMatrix(
        validation.features, validation.target, weight=weight, ref=train_bins, **common
    )
    return train_bins, validation_bins


def _loss(margin: NDArray[np.float32], positive: NDArray[np.bool_], weight: float) -> float:
    """Return the log loss for margins with shape (N,), with ``weight`` for positive sources."""
    losses = np.logaddexp(0, np.where(positive, -margin, margin))
    return float(np.average(losses, weights=np.where(positive, weight, 1.0)))


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
    """Return the position of each model feature in ``names``, or None if the order is equal.

    SCoPe models contain column names, which include the suffix for the period-finding algorithm.
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
            else f"the model has {booster.num_features()} features, the configuration {len(names)}"
        )
        raise AstrodomeError(
            f"The features of the model {file} differ from the configuration: {difference}.",
            "Use the configuration with which the model was trained.",
        )
    return None if found == list(range(len(names))) else np.array(found)


def _find(column: str, names: Sequence[str]) -> int:
    """Return the position of the feature in a column, or -1 if it is not found."""
    if column in names:
        return names.index(column)
    stems = [name for name in names if column.startswith(f"{name}_")]
    return names.index(max(stems, key=len)) if stems else -1
