"""Search for the best XGBoost parameters by cross-validation on the training set.

The search uses SCoPe's greedy algorithm. It first optimizes the shape of the trees, then the
subsampling of rows and columns, and then the learning rate. Finally, it uses a finer grid around
the best values of the first two steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import xgboost as xgb

SHAPE = ("max_depth", "min_child_weight")
SHARES = ("subsample", "colsample_bytree")
"""Parameters that are configured in units of 0.1."""
VARIED = (*SHAPE, *SHARES, "eta")
LARGER_IS_BETTER = frozenset({"auc", "aucpr"})


def start(settings: Mapping[str, Any]) -> dict[str, float]:
    """Return the first configured value of each parameter, for training without a search."""
    grid = settings["gridsearch_params_start_stop_step"]
    first = {name: _value(name, grid[name][0]) for name in SHAPE + SHARES}
    return first | {"eta": settings["other_training_params"]["eta"][0]}


def search(
    train: xgb.DMatrix, params: Mapping[str, Any], settings: Mapping[str, Any], seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the best parameters, and a list of all evaluated combinations with their scores.

    The folds are stratified, and all combinations use the same folds. The score is the first
    configured metric at the best round, averaged over the folds.
    """
    grid, other = settings["gridsearch_params_start_stop_step"], settings["other_training_params"]
    metric = other["metrics"][0]
    sign = 1 if metric in LARGER_IS_BETTER else -1
    common = {name: value for name, value in params.items() if name != "eval_metric"}
    records: list[dict[str, Any]] = []

    @cache
    def score(*values: float) -> float:
        varied = dict(zip(VARIED, values, strict=True))
        rounds: Any = xgb.cv(
            common | varied,
            train,
            other["num_boost_round"],
            nfold=other["nfold"],
            stratified=True,
            metrics=[metric],
            early_stopping_rounds=other["early_stopping_rounds"],
            seed=seed,
            as_pandas=False,
        )
        # xgb.cv omits the rounds after the best round.
        found = float(rounds[f"test-{metric}-mean"][-1])
        records.append({**varied, "score": found})
        return sign * found

    def best_of(names: Sequence[str], steps: Iterable[Iterable[float]]) -> dict[str, Any]:
        """Return the first parameters in a grid that have the best score."""
        options = [
            best | {n: _value(n, v) for n, v in zip(names, values, strict=True)}
            for values in itertools.product(*steps)
        ]
        return max(options, key=lambda option: score(*(option[name] for name in VARIED)))

    best = dict(params)
    for names in (SHAPE, SHARES):
        # Try large fractions first, because the first of several equal scores is selected.
        best = best_of(names, [sorted(range(*grid[n]), reverse=n in SHARES) for n in names])
    best = best_of(("eta",), [other["eta"]])
    for names in (SHAPE, SHARES):
        best = best_of(names, [_around(best[name], grid[name], name) for name in names])
    return best, records


def _around(best: float, steps: Sequence[int], name: str) -> list[int]:
    """Return the values within one step of the best value and within the configured range."""
    start, stop, step = steps
    middle = round(best * 10) if name in SHARES else int(best)
    return list(range(max(start, middle - step), min(stop - 1, middle + step) + 1))


def _value(name: str, number: float) -> float:
    return number / 10 if name in SHARES else number
