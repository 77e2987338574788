"""Run the tasks in ``older_scope_xgb.py`` with ``astrodome_ztf_scope``."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astrodome_ztf_scope.classifiers.training import ENVIRONMENT
from ours_scope import config, train
from serve import serve, table

# Set the variables before XGBoost starts threads, as in the training processes of astrodome.
os.environ.update(ENVIRONMENT)
from astrodome_ztf_scope.classifiers.models.xgb import XgbClassifier

array = cache(np.load)


@cache
def trees(model: str, features: int, threads: int) -> XgbClassifier:
    made = XgbClassifier()
    made.load(Path(model), config(features, threads))
    return made


def xgb_train(features: str, target: str, model: str, threads: int) -> Any:
    x, y = array(features), array(target)
    settings = config(x.shape[1], threads)
    return lambda: train(XgbClassifier(), x, None, y, settings)


def xgb_score(features: str, model: str, threads: int, form: str) -> Any:
    x, frame = array(features), table(features)
    made = trees(model, x.shape[1], threads)
    if form == "pandas table":
        return lambda: made.predict(frame.to_numpy(np.float32))
    return lambda: made.predict(x)


serve({"xgb_train": xgb_train, "xgb_score": xgb_score})
