"""Compare the training and the scores of boosted trees with SCoPe on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import compute
from astrodome_ztf_scope.config.loading import load_config

from tests.ztf_scope import sky

from .measure import Effort, Figure, cost, rate, workers

ROWS, FEWEST = 20_000, 1_000
SETS = ("phenomenological", "ontological")
"""The feature sets of SCoPe, with 35 and 61 features."""
LABEL = "periodic"
TURNS = 2
"""Maximum number of training runs, because the duration varies little."""


def scope_xgb(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure both sides in running processes, with one thread per CPU.

    Each side stops training according to its own rule. Both sides compute scores with the trees
    that SCoPe trained, from a pandas table and from a NumPy array.
    """
    with workers("scope", "scope_xgb") as sides:
        rows = effort.size(ROWS, FEWEST)
        made = sky.sky(rows, 1).table
        target = place / "target.npy"
        np.save(target, (made[LABEL] > 0.7).to_numpy(np.float32))
        for name in SETS:
            features = write(made, name, place)
            given: dict[str, Any] = {"features": features, "threads": compute.cores()}
            given["model"] = place / f"{name}.json"
            title = f"{rows:,} rows × {np.load(features).shape[1]} features"
            seconds = sides.compare(effort.at_most(TURNS), "xgb_train", target=target, **given)
            yield cost(f"XGB training, {title}", *seconds, "s")
            for form in ("pandas table", "NumPy array"):
                seconds = sides.compare(effort, "xgb_score", form=form, **given)
                yield rate(f"XGB scores from a {form}, {title}", *seconds, rows, "rows", "≥ 2")


def write(table: pd.DataFrame, features: str, place: Path) -> Path:
    """Write an array of features with shape (N, F). Missing values are replaced by medians."""
    values = table[list(load_config().feature_sets[features].columns.values())]
    path = place / f"{features}.npy"
    np.save(path, values.fillna(values.median()).to_numpy(np.float32))
    return path
