"""Reading and imputation with scope-ml; run with the Python of its environment."""

import time
from functools import cache
from types import ModuleType

from serve import enter_scope_folder, serve


@cache
def scope() -> ModuleType:
    enter_scope_folder()
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
