"""The search for the parameters of boosted trees, by cross-validation within the training part.

SCoPe's greedy way: first how deep trees grow, then what they see of rows and columns, then the
learning rate; then, in finer steps, what lies around the best of the first two.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xgboost as xgb

SHAPE = ("max_depth", "min_child_weight")
SHARES = ("subsample", "colsample_bytree")
"""These two are configured in tenths."""
LARGER_IS_BETTER = frozenset({"auc", "aucpr"})


def start(settings: Mapping[str, Any]) -> dict[str, float]:
    """The parameters without a search: the first of each range."""
    grid = settings["gridsearch_params_start_stop_step"]
    first = {name: _value(name, grid[name][0]) for name in SHAPE + SHARES}
    return first | {"eta": settings["other_training_params"]["eta"][0]}


def search(
    train: xgb.DMatrix, params: Mapping[str, Any], settings: Mapping[str, Any], seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The best parameters found, and the score of each that was tried.

    Folds are stratified and the same for every trial. The score is the first metric of the
    configuration, its mean over the folds at the best round.
    """
    grid = settings["gridsearch_params_start_stop_step"]
    trials = _Trials(train, params, settings["other_training_params"], seed)
    coarse = {name: list(range(*grid[name])) for name in SHAPE + SHARES}
    best = dict(params)
    for names in (SHAPE, SHARES):
        # The largest shares first: between equals, the one that sees more.
        steps = [sorted(coarse[name], reverse=name in SHARES) for name in names]
        best = trials.best(best, names, itertools.product(*steps))
    best = trials.best(best, ("eta",), ((eta,) for eta in settings["other_training_params"]["eta"]))
    for names in (SHAPE, SHARES):
        around = [_around(best[name], grid[name], name) for name in names]
        best = trials.best(best, names, itertools.product(*around))
    return best, trials.told


class _Trials:
    """Cross-validations done so far; none is done twice."""

    def __init__(
        self,
        train: xgb.DMatrix,
        params: Mapping[str, Any],
        settings: Mapping[str, Any],
        seed: int,
    ) -> None:
        self.train, self.settings, self.seed = train, settings, seed
        self.told: list[dict[str, Any]] = []
        self._scores: dict[tuple[float, ...], float] = {}

    def best(
        self, params: Mapping[str, Any], names: Sequence[str], grid: Iterable[tuple[float, ...]]
    ) -> dict[str, Any]:
        """The best of ``params`` with each combination of the grid, the first between equals."""
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
            # Ends with the best round.
            self._scores[key] = float(rounds[f"test-{metric}-mean"][-1])
            self.told.append({**varied, "score": self._scores[key]})
        return self._scores[key]


def _around(best: float, steps: Sequence[int], name: str) -> list[int]:
    """Within one step of the grid around the best, by ones, inside the grid's range."""
    start, stop, step = steps
    middle = round(best * 10) if name in SHARES else int(best)
    return list(range(max(start, middle - step), min(stop - 1, middle + step) + 1))


def _value(name: str, number: float) -> float:
    return number / 10 if name in SHARES else number
