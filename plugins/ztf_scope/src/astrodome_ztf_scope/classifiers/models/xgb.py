"""Boosted trees: the features of a source, without its dmdt, to the probability of a class.

Trees grow over histograms until for ten rounds neither the metric on the validation part (AUC)
has improved nor the log loss there by enough to matter; those after the best round are cut off.
The log loss counts because sources are told apart, which is all that AUC sees, long before
scores are probabilities: where AUC is 1 after the first tree, all scores are still near 0.5.
It has to fall by a share of what it is when nothing is known, or trees would grow for ever that
only make scores of 0.999 those of 0.9999.
``search`` looks for the parameters first, by cross-validation within the training part.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost as xgb
from astrodome import AstrodomeError, compute, files
from astrodome.runs import Run
from numpy.typing import NDArray

from ..protocol import Examples
from .parameter_search import LARGER_IS_BETTER, search, start

if TYPE_CHECKING:
    from .forest import Forest

WEIGHTS = "model.ubj"
FORMATS = (".ubj", ".json")
LOSS = "logloss"
ENOUGH = 0.002
"""Share of the entropy of the labels by which the log loss has to fall."""
PROBABILITIES = ("binary:logistic", "reg:logistic")
MANY = 8192
"""Sources from which on the compiled trees are worth the moment that it takes to load them."""
PROBE = 256
"""Sources that compiled trees have to score as XGBoost does before they score others."""


class XgbClassifier:
    """Gradient-boosted trees (XGBoost) of the features."""

    def __init__(self) -> None:
        self.booster: xgb.Booster | None = None
        self._columns: NDArray[np.intp] | None = None
        self._threads = 0
        self._forest: Forest | None = None
        self._refused = False

    @staticmethod
    def uses_dmdt(config: Mapping[str, Any]) -> bool:
        return False

    def train(
        self,
        train: Examples,
        validation: Examples,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        """Learn, and leave ``model.ubj``, ``metrics.csv`` and, in ``run.json``, the parameters.

        ``importance`` there is the share of each feature in what the splits gained. A
        ``pre_trained_model`` of the class grows on.
        """
        _both_labels(train, "training")
        _both_labels(validation, "validation")
        settings = config["xgboost"]["other_training_params"]
        seed, names = config["class"]["random_state"], list(config["features"])
        params = _params(train, settings, seed, config.get("threads", 0))
        params |= start(config["xgboost"])
        tried: list[dict[str, Any]] = []
        if config.get("search"):
            given = xgb.DMatrix(train.features, train.target, feature_names=names)
            params, tried = search(given, params, config["xgboost"], seed)
        learned, held = _binned(train, validation, params, names)
        earlier = _earlier(config)
        patience = EarlyStopping(
            settings["eval_metric"],
            settings["early_stopping_rounds"],
            validation.target > 0,
            params["scale_pos_weight"],
            lambda model: _loss(
                model.predict(learned, output_margin=True),
                train.target > 0,
                params["scale_pos_weight"],
            ),
        )
        grown = xgb.train(
            params | {"eval_metric": [settings["eval_metric"], LOSS]},
            learned,
            settings["num_boost_round"],
            evals=[(held, "validation")],  # the area of all that is learned takes as long as a tree
            callbacks=[patience],
            verbose_eval=False,
            xgb_model=earlier,
        )
        rounds = patience.best + 1 + (earlier.num_boosted_rounds() if earlier else 0)
        kept = grown[:rounds]
        self._take(kept, None, config)
        save(kept, run.path / WEIGHTS)
        files.write_text(run.path / "metrics.csv", patience.table())
        run.note(
            xgboost={**params, "rounds": rounds, **patience.at_best(), "search": tried},
            importance=importance(kept, names),
        )

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        """Take the weights of a run folder, or of a file of SCoPe's (``.json`` beside ``.params``).

        Raises AstrodomeError when they are none, or were learned from other features.
        """
        file = path / WEIGHTS if path.is_dir() else path
        booster = read(file)
        if threads := config.get("threads", 0):
            booster.set_param({"nthread": threads})
        self._take(booster, _order(booster, list(config["features"]), file), config)

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Probabilities (N,) of features (N, F), in the order of the configuration's names."""
        if self.booster is None:
            raise AstrodomeError("The trees are not there yet.", "Train or load a model first.")
        if features.shape[1:] != (self.booster.num_features(),):
            raise AstrodomeError(
                f"The model was trained with {self.booster.num_features()} features, "
                f"and there are {features.shape[1]}."
            )
        if not len(features):
            return np.empty(0, np.float32)
        forest = self._compiled(features) if len(features) >= MANY else None
        return forest.score(features, self._threads) if forest else self._plain(features)

    def _take(
        self, booster: xgb.Booster, columns: NDArray[np.intp] | None, config: Mapping[str, Any]
    ) -> None:
        self.booster, self._columns = booster, columns
        self._threads = config.get("threads", 0) or compute.cores()
        self._forest, self._refused = None, False

    def _plain(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores of XGBoost itself."""
        assert self.booster
        given = features if self._columns is None else features[:, self._columns]
        # No copy into a DMatrix, which takes longer than the trees do.
        scores = self.booster.inplace_predict(given, validate_features=False)
        return np.asarray(scores, np.float32)

    def _compiled(self, features: NDArray[np.float32]) -> Forest | None:
        """The trees as compiled loops, if they score these sources as XGBoost does."""
        if self._forest is None and not self._refused:
            from .forest import flatten  # loads the compiler

            assert self.booster
            probe = features[:PROBE]
            made = flatten(self.booster, self._columns)
            alike = made and np.allclose(made.score(probe), self._plain(probe), rtol=0, atol=1e-6)
            self._forest, self._refused = (made, False) if alike else (None, True)
        return self._forest


class EarlyStopping(xgb.callback.TrainingCallback):
    """Stops when nothing has improved for some rounds, and knows the best round.

    Of the rounds whose ``metric`` is within one standard error of the best, that is the one with
    the least log loss. ``positive`` (N,) says which sources of the validation part are, and
    ``weight`` what one of them counts; ``learned`` is the log loss of the training part.
    """

    def __init__(
        self,
        metric: str,
        rounds: int,
        positive: NDArray[np.bool_],
        weight: float,
        learned: Callable[[xgb.Booster], float],
    ) -> None:
        super().__init__()
        self.metric, self.rounds, self.learned = metric, rounds, learned
        count = int(positive.sum())
        self.fewer = min(count, len(positive) - count)
        share = weight * count / (weight * count + len(positive) - count)
        entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
        self.history: dict[str, list[float]] = {LOSS: []}
        # Whoever stops by the log loss alone wants all of it.
        self._least = {metric: 0.0} if metric == LOSS else {metric: 0.0, LOSS: ENOUGH * entropy}
        self._records = dict.fromkeys(self._least, 0)

    @property
    def best(self) -> int:
        worth, losses = self._worth(self.metric), self._worth(LOSS)
        error = 0.0
        if self.metric in LARGER_IS_BETTER:
            # The bound of Birnbaum & Klose (1957) on that of an area; 1 is never quite certain.
            area = min(worth.max(), 1 - 0.5 / self.fewer)
            error = np.sqrt(area * (1 - area) / self.fewer)
        good = np.flatnonzero(worth >= worth.max() - error)
        return int(good[np.argmax(losses[good])])

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self.history[LOSS].append(self.learned(model))
        for name, values in evals_log["validation"].items():
            self.history[f"val_{name}"] = values
        latest = len(self.history[LOSS]) - 1
        for name, record in self._records.items():
            worth = self._worth(name)
            if worth[-1] > worth[record] + self._least[name]:
                self._records[name] = latest
        return latest - max(self._records.values()) >= self.rounds

    def at_best(self) -> dict[str, float]:
        """The metrics of validation at the best round."""
        return {f"best_val_{n}": self.history[f"val_{n}"][self.best] for n in self._records}

    def table(self) -> str:
        """What ``metrics.csv`` holds."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["round", *self.history])
        lines.writerows(
            [number, *values]
            for number, values in enumerate(zip(*self.history.values(), strict=True))
        )
        return text.getvalue()

    def _worth(self, name: str) -> NDArray[np.float64]:
        values = np.array(self.history[f"val_{name}"])
        return values if name in LARGER_IS_BETTER else -values


def read(file: Path) -> xgb.Booster:
    """The trees in a ``.ubj`` or ``.json`` file, with the ``.params`` beside it if there are any.

    Raises AstrodomeError when it holds none.
    """
    if not file.is_file():
        raise AstrodomeError(f"There is no model {file}.", "Train one: scope train.")
    if file.suffix not in FORMATS:
        raise AstrodomeError(f"{file} is no XGBoost model: those end in {' or '.join(FORMATS)}.")
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
        raise AstrodomeError(f"{file} was trained for '{objective}', which gives no probabilities.")
    return booster


def save(booster: xgb.Booster, file: Path) -> None:
    # XGBoost derives the format from the extension, and reports a full disk with a stack trace.
    form = "json" if file.suffix == ".json" else "ubj"
    files.write_bytes(file, bytes(booster.save_raw(form)))


def importance(booster: xgb.Booster, names: Sequence[str]) -> dict[str, float]:
    """Share of each feature in what all splits gained, the most important first."""
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
            f"'training.xgboost.other_training_params.objective' is '{settings['objective']}', "
            "which gives no probabilities.",
            f"Use {' or '.join(PROBABILITIES)}.",
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
    """Both parts in the same bins."""
    common = {"feature_names": names, "nthread": params["nthread"] or None}
    learned = xgb.QuantileDMatrix(train.features, train.target, **common)
    # The trees' own scale_pos_weight, so that the log loss is the one they reduce.
    weight = np.where(validation.target > 0, params["scale_pos_weight"], 1.0)
    held = xgb.QuantileDMatrix(
        validation.features, validation.target, weight=weight, ref=learned, **common
    )
    return learned, held


def _loss(margin: NDArray[np.float32], positive: NDArray[np.bool_], weight: float) -> float:
    """Log loss of margins (N,), in which a positive source counts ``weight``."""
    losses = np.logaddexp(0, np.where(positive, -margin, margin))
    return float(np.average(losses, weights=np.where(positive, weight, 1.0)))


def _both_labels(examples: Examples, part: str) -> None:
    if len(np.unique(examples.target)) < 2:
        raise AstrodomeError(
            f"All {len(examples.target)} sources of the {part} part have the same label.",
            "A classifier needs sources of both; lower the threshold or add sources.",
        )


def _earlier(config: Mapping[str, Any]) -> xgb.Booster | None:
    path = config["class"].get("pre_trained_model")
    if not path:
        return None
    file = Path(path) / WEIGHTS if Path(path).is_dir() else Path(path)
    booster = read(file)
    if _order(booster, list(config["features"]), file) is not None:
        raise AstrodomeError(f"{file} was trained with these features in another order.")
    return booster


def _order(booster: xgb.Booster, names: list[str], file: Path) -> NDArray[np.intp] | None:
    """Where the model's features are among ``names``; None when in that order already.

    SCoPe's models name columns, so with the suffix of a period search.
    """
    if booster.feature_names is None:
        if booster.num_features() == len(names):
            return None
        found: list[int] = []
    else:
        found = [_find(wanted, names) for wanted in booster.feature_names]
    if len(found) != len(names) or len(set(found)) != len(names) or -1 in found:
        raise AstrodomeError(
            f"{file} was trained with other features: {_difference(booster, names)}.",
            "Score with the configuration that the model was trained with.",
        )
    return None if found == list(range(len(names))) else np.array(found)


def _find(wanted: str, names: Sequence[str]) -> int:
    if wanted in names:
        return names.index(wanted)
    stems = [name for name in names if wanted.startswith(f"{name}_")]
    return names.index(max(stems, key=len)) if stems else -1


def _difference(booster: xgb.Booster, names: Sequence[str]) -> str:
    theirs = booster.feature_names
    if theirs is None:
        return f"{booster.num_features()} of them instead of {len(names)}"
    missing = [name for name in theirs if _find(name, names) < 0]
    if missing:
        rest = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        return f"it needs {', '.join(missing[:3])}{rest}"
    return f"{len(theirs)} of them instead of {len(names)}"
