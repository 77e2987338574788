"""Read and impute data sets with scope-ml. This module runs in the environment of scope-ml."""

from typing import Any

from serve import enter_scope_folder, serve

enter_scope_folder()
from scope import utils  # noqa: E402


def read(path: str) -> Any:
    return lambda: utils.Dataset("vnv", path, features=())


def impute(path: str) -> Any:
    import pandas as pd

    table = pd.read_parquet(path)
    return lambda: utils.impute_features(table, self_impute=True)


serve({"read": read, "impute": impute})
