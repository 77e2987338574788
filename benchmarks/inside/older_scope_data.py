"""Reading and imputation with scope-ml; run with the Python of its environment."""

import os
import shutil
import tempfile
import time
from functools import cache
from importlib.metadata import files
from types import ModuleType

from serve import serve


@cache
def scope() -> ModuleType:
    """Import a module of scope-ml, which reads a configuration in the current folder."""
    os.chdir(tempfile.mkdtemp())
    default = next(f for f in files("scope-ml") or [] if f.name == "config.defaults.yaml")
    shutil.copy(default.locate(), "config.yaml")
    from scope import utils

    return utils


def read(path: str) -> float:
    utils = scope()
    started = time.perf_counter()
    utils.Dataset("vnv", path, features=())
    return time.perf_counter() - started


def impute(path: str) -> float:
    import pandas as pd

    utils = scope()
    table = pd.read_parquet(path)
    started = time.perf_counter()
    utils.impute_features(table, self_impute=True)
    return time.perf_counter() - started


serve({"read": read, "impute": impute})
