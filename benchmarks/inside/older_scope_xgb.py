"""Train and score the boosted trees of SCoPe. This module runs in the environment of SCoPe."""

from functools import cache
from typing import Any

import numpy as np
import xgboost
from scope.xgb import XGB
from serve import serve, table


@cache
def trees(model: str) -> Any:
    made = XGB(name="vnv")
    made.load(model)
    return made


def xgb_train(features: str, target: str, model: str, threads: int) -> Any:
    x, y = table(features), np.load(target)
    split = len(x) * 9 // 10
    made = XGB(name="vnv")
    made.setup(max_depth=3, min_child_weight=1, eta=0.3, subsample=0.6, colsample_bytree=0.6)
    made.meta["params"]["nthread"] = threads

    def run() -> None:
        made.train(x[:split], y[:split], x[split:], y[split:], skip_cv=True)
        made.model.save_model(model)

    return run


def xgb_score(features: str, model: str, threads: int, form: str) -> Any:
    """Score a pandas table like SCoPe, or pass a NumPy array to XGBoost directly."""
    x, made = table(features), trees(model)
    made.model.set_param({"nthread": threads})
    if form == "pandas table":
        return lambda: made.predict(x)
    values, names = np.load(features), list(x.columns)
    return lambda: made.model.predict(xgboost.DMatrix(values, feature_names=names))


serve({"xgb_train": xgb_train, "xgb_score": xgb_score})
