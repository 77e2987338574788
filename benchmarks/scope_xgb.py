"""Boosted trees: training one class and scoring with it, beside SCoPe's, on the same rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import compute
from astrodome_ztf_scope.config import load

from tests.ztf_scope import sky

from . import older
from .measure import Figure, cost, in_turn, rate, worker

ROWS = 20_000
SETS = ("phenomenological", "ontological")
"""SCoPe's sets of 35 and of 61 features."""
LABEL = "periodic"
TURNS = 2
"""Training takes long enough for its figures to be steady."""


def scope_xgb(place: Path, repeat: int) -> Iterator[Figure]:
    """Both sides warm, with as many threads as there are processors; the trees scored with are
    the older tool's own, in its file."""
    with (
        worker(older.environment("scope") / "python", "older_scope_xgb") as a,
        worker(sys.executable, "ours_scope_xgb") as b,
    ):
        made = sky.sky(ROWS, 1).table
        target = place / "target.npy"
        np.save(target, (made[LABEL] > 0.7).to_numpy(np.float32))
        for name in SETS:
            features = write(made, name, place)
            model = place / f"{name}.json"
            given: dict[str, Any] = {"features": features, "threads": compute.cores()}
            title = f"{ROWS:,} rows x {np.load(features).shape[1]}"
            seconds = in_turn(
                lambda given=given, model=model: a(
                    "xgb_train", target=target, model=model, **given
                ),
                lambda given=given: b("xgb_train", target=target, **given),
                min(repeat, TURNS),
            )
            yield cost(f"XGB training, {title}", *seconds, "s")
            seconds = in_turn(
                lambda given=given, model=model: a("xgb_score", model=model, **given),
                lambda given=given, model=model: b("xgb_score", model=model, **given),
                repeat,
            )
            yield rate(f"XGB scores, {title}", *seconds, ROWS, "rows", "≥ 2")


def write(table: pd.DataFrame, features: str, place: Path) -> Path:
    """A file of the features of a set (N, F), their medians where there are none."""
    values = table[list(load().feature_sets[features].columns.values())]
    path = place / f"{features}.npy"
    np.save(path, values.fillna(values.median()).to_numpy(np.float32))
    return path
