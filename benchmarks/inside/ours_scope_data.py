"""The tasks of ``older_scope_data.py`` with the library of ``scope``."""

import time
from pathlib import Path

from serve import serve


def read(path: str) -> float:
    """Read and impute the data set, like SCoPe, although no value is missing."""
    from astrodome_ztf_scope.tables import datasets

    started = time.perf_counter()
    frame = datasets.read_dataset(Path(path))
    _impute(frame)
    return time.perf_counter() - started


def impute(path: str) -> float:
    from astrodome_ztf_scope.tables import datasets

    frame = datasets.read_dataset(Path(path))
    started = time.perf_counter()
    _impute(frame)
    return time.perf_counter() - started


def _impute(frame: object) -> None:
    from astrodome_ztf_scope.classifiers.preprocessing.preparation import Preparation
    from astrodome_ztf_scope.config import loading

    features = loading.load_config().feature_sets["ontological"]
    Preparation.fit(frame, features, None).apply(frame)


serve({"read": read, "impute": impute})
