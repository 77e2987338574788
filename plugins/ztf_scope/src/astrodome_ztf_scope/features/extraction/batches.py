"""Compute the features of the light curves in a batch, on a local thread or a Dask worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import errors

from ...catalogues import epochs
from ..cleaning import TooFewEpochsError
from .light_curve import light_curve_features
from .options import FeatureOptions

BATCH = 32
"""Number of light curves in a batch, which is computed by one task."""
EXCLUDED = "excluded"
"""Column in the light curves with the reason why a light curve is skipped, or an empty text."""
STATUS, REASON = "status", "reason"
"""Columns in the result of a batch. They are null if the features were computed."""
SKIPPED, FAILED = "skipped", "failed"
IMAGE = pa.list_(pa.list_(pa.float32()))


@dataclass(frozen=True)
class Batch:
    """A row group in a file with light curves; ``number`` is its index in the file.

    ``name`` is the name of the file that will contain the features.
    """

    path: Path
    number: int
    name: str


def compute(batch: Batch, options: FeatureOptions) -> pa.Table:
    """Compute the features of a batch, and return one row per light curve.

    If the features of a light curve cannot be computed, the columns ``status`` and ``reason``
    contain the reason, and the features are null.
    """
    with pq.ParquetFile(batch.path) as file:
        curves = file.read_row_group(batch.number)
    rows, problems = [], []
    for number in range(len(curves)):
        features, problem = _compute_one(curves, number, options)
        rows.append(features)
        problems.append(problem)
    about = [name for name in curves.column_names if name not in (*epochs.EPOCH, EXCLUDED)]
    own = [name for name in about if name == "_id" or name in epochs.SOURCE or name == "obj_id"]
    columns = {name: curves[name] for name in own}
    columns |= _columns(rows)
    columns |= {name: curves[name] for name in about if name not in own}
    columns[STATUS] = pa.array([status for status, _ in problems], pa.string())
    columns[REASON] = pa.array([reason for _, reason in problems], pa.string())
    return pa.table(columns)


def _compute_one(
    curves: pa.Table, number: int, options: FeatureOptions
) -> tuple[Mapping[str, Any] | None, tuple[str | None, str | None]]:
    """Return the features of a light curve, and its status and reason if there is a problem."""
    if EXCLUDED in curves.column_names and (excluded := curves[EXCLUDED][number].as_py()):
        return None, (SKIPPED, excluded)
    time, mag, magerr = (_values(curves, name, number) for name in ("hjd", "mag", "magerr"))
    catflags = np.nan_to_num(_values(curves, "catflags", number))
    try:
        return light_curve_features(time, mag, magerr, catflags, options), (None, None)
    except TooFewEpochsError as error:
        return None, (SKIPPED, error.message)
    except MemoryError:
        raise
    except Exception as error:
        return None, (FAILED, errors.reason(error))


def _values(curves: pa.Table, name: str, number: int) -> Any:
    """Return the values of the epochs of a light curve, with NaN for missing values."""
    values = curves[name][number].values
    if values is None:
        return np.empty(0)
    found = values.to_numpy(zero_copy_only=False)
    return np.array(found, np.float64)


def _columns(rows: Sequence[Mapping[str, Any] | None]) -> dict[str, pa.Array]:
    """Return one column per feature, which is null for light curves without features."""
    names = dict.fromkeys(name for row in rows if row is not None for name in row)
    return {
        name: _column([None if row is None else row.get(name) for row in rows]) for name in names
    }


def _column(values: Sequence[Any]) -> pa.Array:
    known = next(value for value in values if value is not None)
    if isinstance(known, np.ndarray):
        return pa.array([None if v is None else list(v) for v in values], IMAGE)
    if isinstance(known, str):
        return pa.array(values, pa.string())
    return pa.array([None if v is None else float(v) for v in values], pa.float64())
