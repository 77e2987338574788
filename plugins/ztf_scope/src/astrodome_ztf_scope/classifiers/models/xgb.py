"""Boosted trees as a classifier; they use features, but no dmdt images.

The training stops when, for several rounds, neither the metric of the validation part (by default
the area under the ROC curve) nor its log loss has improved. The trees after the best round are
removed. The log loss is used because the area can be 1 after the first tree, while all scores are
still near 0.5. It must improve by a fraction of its value for constant scores; otherwise, trees
would be added indefinitely that only change scores of 0.999 to 0.9999.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from astrodome import AstrodomeError, files
from astrodome.runs import Run
from numpy.typing import NDArray

from ..protocol import Examples
from .parameter_search import LARGER_IS_BETTER, search, start

WEIGHTS = "model.ubj"
FORMATS = (".ubj", ".json")
LOSS = "logloss"
ENOUGH = 0.002
"""Fraction of the entropy of the labels by which the log loss must improve."""
PROBABILITIES = ("binary:logistic", "reg:logistic")


class XgbClassifier:
    """Gradient-boosted trees (XGBoost) of the features."""

    def __init__(self) -> None:
        self.booster: xgb.Booster | None = None
        self._columns: NDArray[np.intp] | None = None

    @staticmethod
    def uses_dmdt(config: Mapping[str, Any]) -> bool:
        """Return False: the trees do not use images."""
        return False

    def train(
        self,
        train: Examples,
        validation: Examples,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        """Train the trees, and write ``model.ubj``, ``metrics.csv`` and notes in ``run.json``.

        The entry ``importance`` of ``run.json`` is the fraction of each feature in the gain of all
        splits. If the class has a ``pre_trained_model``, trees are added to it.
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
            # Without the training part: computing its AUC takes as long as adding a tree.
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
        """Load the trees of a run folder, or of a file of SCoPe (``.json`` with ``.params``).

        Raises AstrodomeError if the file does not exist, or the features differ.
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
        """Return the probabilities (N,) for features (N, F) in the order of the configuration."""
        if self.booster is None:
            raise AstrodomeError("The model has no trees.", "Train or load a model first.")
        if features.shape[1:] != (self.booster.num_features(),):
            raise AstrodomeError(
                f"Invalid features: expected {self.booster.num_features()} per source, got "
                f"{features.shape[1]}."
            )
        if not len(features):
            return np.empty(0, np.float32)
        if self._columns is not None:
            features = features[:, self._columns]
        # Without a copy to a DMatrix, which takes longer than the prediction.
        scores = self.booster.inplace_predict(features, validate_features=False)
        return np.asarray(scores, np.float32)


class EarlyStopping(xgb.callback.TrainingCallback):
    """Stop the training after several rounds without improvement, and determine the best round.

    The best round is the one with the smallest log loss among the rounds whose ``metric`` is
    within one standard error of its best value.

    Parameters
    ----------
    metric : str
        Metric of the validation part.
    rounds : int
        Number of rounds without improvement after which the training stops.
    positive : numpy.ndarray of bool, shape (N,)
        Labels of the validation part.
    weight : float
        Weight of a positive source.
    train_loss : callable
        Function that returns the log loss of the training part.
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
        """The best round, counted from 0."""
        values, losses = self._values(self.metric), self._values(LOSS)
        error = 0.0
        if self.metric in LARGER_IS_BETTER:
            # Upper bound of Birnbaum & Klose (1957) for the error of an area; an area of 1 is
            # uncertain, too.
            area = min(values.max(), 1 - 0.5 / self.rarer)
            error = np.sqrt(area * (1 - area) / self.rarer)
        good = np.flatnonzero(values >= values.max() - error)
        return int(good[np.argmax(losses[good])])

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Record the metrics of a round; return whether the training stops."""
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
        """Return the metrics of the validation part at the best round."""
        return {f"best_val_{n}": self.history[f"val_{n}"][self.best] for n in self._best_rounds}

    def table(self) -> str:
        """Return the content of ``metrics.csv``."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["round", *self.history])
        lines.writerows(
            [number, *values]
            for number, values in enumerate(zip(*self.history.values(), strict=True))
        )
        return text.getvalue()

    def _values(self, name: str) -> NDArray[np.float64]:
        """Return a metric of the validation part by round, with the sign that larger is better."""
        values = np.array(self.history[f"val_{name}"])
        return values if name in LARGER_IS_BETTER else -values


def read(file: Path) -> xgb.Booster:
    """Read the trees in a ``.ubj`` or ``.json`` file, and its ``.params`` file if it exists.

    Raises AstrodomeError if the file does not exist or is not an XGBoost model for probabilities.
    """
    if not file.is_file():
        raise AstrodomeError(f"Model {file} does not exist.", "Train one: scope train.")
    if file.suffix not in FORMATS:
        raise AstrodomeError(
            f"Unsupported file extension of {file}: expected {' or '.join(FORMATS)}."
        )
    booster = xgb.Booster()
    parameters = file.with_suffix(".params")
    try:
        # XGBoost warns about every configuration from an older version. It raises an error if
        # it cannot read the model; otherwise the scores are the same.
        with xgb.config_context(verbosity=0):
            booster.load_model(file)
            if file.suffix == ".json" and parameters.is_file():
                booster.load_config(parameters.read_text("utf-8"))
        objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    except (xgb.core.XGBoostError, ValueError, UnicodeDecodeError) as error:
        raise AstrodomeError(
            f"{file} cannot be read as an XGBoost model.",
            "Expected a file from Booster.save_model of XGBoost. Copy it again or train the model.",
        ) from error
    if objective not in PROBABILITIES:
        raise AstrodomeError(
            f"{file} was trained with the objective '{objective}', which is not a probability."
        )
    return booster


def save(booster: xgb.Booster, file: Path) -> None:
    """Write the trees in the format of the file extension, ``.json`` or ``.ubj``."""
    # Booster.save_model reports a full disk with a stack trace.
    form = "json" if file.suffix == ".json" else "ubj"
    files.write_bytes(file, bytes(booster.save_raw(form)))


def importance(booster: xgb.Booster, names: Sequence[str]) -> dict[str, float]:
    """Return the fraction of each feature in the gain of all splits, the largest first."""
    gain = {
        name: float(np.sum(value))
        for name, value in booster.get_score(importance_type="total_gain").items()
    }
    total = sum(gain.values()) or 1.0
    shares = {name: gain.get(name, 0.0) / total for name in names}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _params(
    train: Examples, settings: Mapping[str, Any], seed: int, threads: int
) -> dict[str, Any]:
    if settings["objective"] not in PROBABILITIES:
        raise AstrodomeError(
            f"Invalid value '{settings['objective']}' of "
            f"'training.xgboost.other_training_params.objective': expected "
            f"{' or '.join(PROBABILITIES)}, which are probabilities.",
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
    train: Examples,
    validation: Examples,
    params: Mapping[str, Any],
    names: list[str],
) -> tuple[xgb.QuantileDMatrix, xgb.QuantileDMatrix]:
    """Return both parts with the same bins."""
    common = {"feature_names": names, "nthread": params["nthread"] or None}
    train_bins = xgb.QuantileDMatrix(train.features, train.target, **common)
    # With the weights of scale_pos_weight, the log loss is the one that the training minimizes.
    weight = np.where(validation.target > 0, params["scale_pos_weight"], 1.0)
    validation_bins = xgb.QuantileDMatrix(
        validation.features, validation.target, weight=weight, ref=train_bins, **common
    )
    return train_bins, validation_bins


def _loss(margin: NDArray[np.float32], positive: NDArray[np.bool_], weight: float) -> float:
    """Return the log loss of margins (N,), with the weight of a positive source."""
    losses = np.logaddexp(0, np.where(positive, -margin, margin))
    return float(np.average(losses, weights=np.where(positive, weight, 1.0)))


def _both_labels(examples: Examples, part: str) -> None:
    if len(np.unique(examples.target)) < 2:
        raise AstrodomeError(
            f"All {len(examples.target)} sources of the {part} part have the same label.",
            "A classifier needs positive and negative sources: lower the threshold or add sources.",
        )


def _earlier(config: Mapping[str, Any]) -> xgb.Booster | None:
    path = config["class"].get("pre_trained_model")
    if not path:
        return None
    file = Path(path) / WEIGHTS if Path(path).is_dir() else Path(path)
    booster = read(file)
    if _order(booster, list(config["features"]), file) is not None:
        raise AstrodomeError(f"The order of the features in {file} differs from the configuration.")
    return booster


def _order(booster: xgb.Booster, names: list[str], file: Path) -> NDArray[np.intp] | None:
    """Return the positions of the model's features in ``names``; None if the order is the same.

    Models of SCoPe contain the names of columns, with the suffix of a period search.
    """
    if booster.feature_names is None:
        if booster.num_features() == len(names):
            return None
        found: list[int] = []
    else:
        found = [_find(name, names) for name in booster.feature_names]
    if len(found) != len(names) or len(set(found)) != len(names) or -1 in found:
        raise AstrodomeError(
            f"The features of {file} differ from the configuration: {_difference(booster, names)}.",
            "Use the configuration with which the model was trained.",
        )
    return None if found == list(range(len(names))) else np.array(found)


def _find(column: str, names: Sequence[str]) -> int:
    """Return the position of the feature of a column; -1 if there is none."""
    if column in names:
        return names.index(column)
    stems = [name for name in names if column.startswith(f"{name}_")]
    return names.index(max(stems, key=len)) if stems else -1


def _difference(booster: xgb.Booster, names: Sequence[str]) -> str:
    theirs = booster.feature_names
    if theirs is None:
        return f"{booster.num_features()} features instead of {len(names)}"
    missing = [name for name in theirs if _find(name, names) < 0]
    if missing:
        rest = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        return f"it needs {', '.join(missing[:3])}{rest}"
    return f"{len(theirs)} features instead of {len(names)}"
