"""Search for the best XGBoost parameters by cross-validation on the training set.

The search uses SCoPe's greedy algorithm. It first optimizes the shape of the trees, then the
subsampling of rows and columns, and then the learning rate. Finally, it uses a finer grid around
the best values of the first two steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xgboost as xgb

SHAPE = ("max_depth", "min_child_weight")
SHARES = ("subsample", "colsample_bytree")
"""Parameters that are configured in units of 0.1."""
LARGER_IS_BETTER = frozenset({"auc", "aucpr"})


def start(settings: Mapping[str, Any]) -> dict[str, float]:
    """Return the first configured value of each parameter, for training without a search."""
    grid = settings["gridsearch_params_start_stop_step"]
    first = {name: _value(name, grid[name][0]) for name in SHAPE + SHARES}
    return first | {"eta": settings["other_training_params"]["eta"][0]}


def search(
    train: xgb.DMatrix, params: Mapping[str, Any], settings: Mapping[str, Any], seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the best parameters, and a record with the score of each evaluated combination.

    The folds are stratified, and all combinations use the same folds. The score is the first
    configured metric at the best round, averaged over the folds.
    """
    grid = settings["gridsearch_params_start_stop_step"]
    trials = _Trials(train, params, settings["other_training_params"], seed)
    coarse = {name: list(range(*grid[name])) for name in SHAPE + SHARES}
    best = dict(params)
    for names in (SHAPE, SHARES):
        # Try large fractions first, because the first of several equal scores is selected.
        steps = [sorted(coarse[name], reverse=name in SHARES) for name in names]
        best = trials.best(best, names, itertools.product(*steps))
    best = trials.best(best, ("eta",), ((eta,) for eta in settings["other_training_params"]["eta"]))
    for names in (SHAPE, SHARES):
        around = [_around(best[name], grid[name], name) for name in names]
        best = trials.best(best, names, itertools.product(*around))
    return best, trials.records


class _Trials:
    """Cached cross-validation results, so that no combination is evaluated twice."""

    def __init__(
        self,
        train: xgb.DMatrix,
        params: Mapping[str, Any],
        settings: Mapping[str, Any],
        seed: int,
    ) -> None:
        self.train, self.settings, self.seed = train, settings, seed
        self.records: list[dict[str, Any]] = []
        self._scores: dict[tuple[float, ...], float] = {}

    def best(
        self, params: Mapping[str, Any], names: Sequence[str], grid: Iterable[tuple[float, ...]]
    ) -> dict[str, Any]:
        """Return the parameters with the best score in the grid, or the first of equal results."""
        options = [
            {**params, **{n: _value(n, v) for n, v in zip(names, values, strict=True)}}
            for values in grid
        ]
        sign = 1 if self.settings["metrics"][0] in LARGER_IS_BETTER else -1
        return max(options, key=lambda option: sign * self._score(option))

    def _score(self, params: Mapping[str, Any]) -> float:
        varied = {name: params[name] for name in (*SHAPE, *SHARES, "eta")}
        key = tuple(varied.values())
        if key not in self._scores:
            metric = self.settings["metrics"][0]
            rounds: Any = xgb.cv(
                {name: value for name, value in params.items() if name != "eval_metric"},
                self.train,
                self.settings["num_boost_round"],
                nfold=self.settings["nfold"],
                stratified=True,
                metrics=[metric],
                early_stopping_rounds=self.settings["early_stopping_rounds"],
                seed=self.seed,
                as_pandas=False,
            )
            # xgb.cv omits the rounds after the best round.
            self._scores[key] = float(rounds[f"test-{metric}-mean"][-1])
            self.records.append({**varied, "score": self._scores[key]})
        return self._scores[key]


def _around(best: float, steps: Sequence[int], name: str) -> list[int]:
    """Return the values within one step of the best value and within the configured range."""
    start, stop, step = steps
    middle = round(best * 10) if name in SHARES else int(best)
    return list(range(max(start, middle - step), min(stop - 1, middle + step) + 1))


def _value(name: str, number: float) -> float:
    return number / 10 if name in SHARES else number
