"""Run the tasks in ``older_scope_data.py`` with ``astrodome_ztf_scope``."""

from pathlib import Path
from typing import Any

from astrodome_ztf_scope.classifiers.preprocessing.preparation import Preparation
from astrodome_ztf_scope.config import loading
from astrodome_ztf_scope.tables import datasets
from serve import serve


def read(path: str) -> Any:
    """Read and impute the data set, like SCoPe, although no value is missing."""
    return lambda: _impute(datasets.read_dataset(Path(path)))


def impute(path: str) -> Any:
    frame = datasets.read_dataset(Path(path))
    return lambda: _impute(frame)


def _impute(frame: Any) -> None:
    features = loading.load_config().feature_sets["ontological"]
    Preparation.fit(frame, features, None).apply(frame)


serve({"read": read, "impute": impute})
