"""The tasks with SCoPe 0.9.5; run with the Python of its environment."""

import time
from functools import cache
from typing import Any

from serve import serve


@cache
def table(features: str) -> Any:
    """Return the features as a table with one column each, like SCoPe."""
    import numpy as np
    import pandas as pd

    values = np.load(features)
    return pd.DataFrame(values, columns=[f"f{i}" for i in range(values.shape[1])])


@cache
def trees(model: str) -> Any:
    from scope.xgb import XGB

    made = XGB(name="vnv")
    made.load(model)
    return made


def xgb_train(features: str, target: str, model: str, threads: int) -> float:
    import numpy as np
    from scope.xgb import XGB

    x, y = table(features), np.load(target)
    split = len(x) * 9 // 10
    made = XGB(name="vnv")
    made.setup(max_depth=3, min_child_weight=1, eta=0.3, subsample=0.6, colsample_bytree=0.6)
    made.meta["params"]["nthread"] = threads
    started = time.perf_counter()
    made.train(x[:split], y[:split], x[split:], y[split:], skip_cv=True)
    taken = time.perf_counter() - started
    made.model.save_model(model)
    return taken


def xgb_score(features: str, model: str, threads: int, form: str) -> float:
    """Score a table like SCoPe; an array is passed to the trees without pandas."""
    import numpy as np
    import xgboost

    x, made = table(features), trees(model)
    made.model.set_param({"nthread": threads})
    values, names = np.load(features), list(x.columns)
    started = time.perf_counter()
    if form == "pandas table":
        made.predict(x)
    else:
        made.model.predict(xgboost.DMatrix(values, feature_names=names))
    return time.perf_counter() - started


serve({"xgb_train": xgb_train, "xgb_score": xgb_score})
