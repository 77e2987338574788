"""The tasks of ``older_scope_xgb.py`` with the library of ``scope``."""

import os
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from astrodome.runs import Run
from astrodome_ztf_scope.classifiers.training import ENVIRONMENT
from serve import serve

os.environ.update(ENVIRONMENT)  # as in the processes for training, before XGBoost starts threads


@cache
def array(file: str) -> Any:
    import numpy as np

    return np.load(file)


def config(features: int, threads: int) -> dict[str, Any]:
    from astrodome_ztf_scope.config.schema import ClassConfig, XgboostSettings

    return {
        "tag": "vnv",
        "features": [f"f{i}" for i in range(features)],
        "class": ClassConfig(label="variable", features="phenomenological").model_dump(),
        "xgboost": XgboostSettings().model_dump(),
        "threads": threads,
    }


@cache
def trees(model: str, features: int, threads: int) -> Any:
    from astrodome_ztf_scope.classifiers.models.xgb import XgbClassifier

    made = XgbClassifier()
    made.load(Path(model), config(features, threads))
    return made


def xgb_train(features: str, target: str, threads: int) -> float:
    import numpy as np
    from astrodome_ztf_scope.classifiers.models.xgb import XgbClassifier
    from astrodome_ztf_scope.classifiers.preprocessing.examples import LabelledExamples

    x, y = array(features), array(target)
    split = len(x) * 9 // 10
    train, validation = (
        LabelledExamples(x[part], None, y[part], np.ones_like(y[part]))
        for part in (slice(split), slice(split, None))
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Run.start(Path(folder) / "run", "scope", "xgb", {})
        started = time.perf_counter()
        XgbClassifier().train(train, validation, run, config(x.shape[1], threads))
        return time.perf_counter() - started


@cache
def table(features: str) -> Any:
    import pandas as pd

    values = array(features)
    return pd.DataFrame(values, columns=[f"f{i}" for i in range(values.shape[1])])


def xgb_score(features: str, model: str, threads: int, form: str) -> float:
    import numpy as np

    x = array(features)
    made = trees(model, x.shape[1], threads)
    given = table(features) if form == "pandas table" else x
    started = time.perf_counter()
    made.predict(given.to_numpy(np.float32) if form == "pandas table" else given)
    return time.perf_counter() - started


serve({"xgb_train": xgb_train, "xgb_score": xgb_score})
