"""Find anomalous light curves in feature tables with extreme-value theory.

The distribution of a statistic, for example the largest residual from a damped random walk, is
calibrated separately for each filter. The calibrations can be stored, so that the scores of light
curves in later tables are comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, InvalidInputError, files
from numpy.typing import NDArray

from ...tables import datasets, parts
from ..extreme_values import ExtremeValueCalibration, calibrate

STATISTIC = "drw_max_z"
"""Feature that is calibrated by default."""
SCORE, FLAG = "anomaly_score", "anomaly_flag"
"""Names of the added columns. The flag is 1 for an anomalous light curve, and otherwise 0."""


@dataclass(frozen=True)
class AnomalyResult:
    """Result of :func:`find_anomalies`.

    Attributes
    ----------
    path : pathlib.Path
        Path of the output file.
    filters : pandas.DataFrame
        One row per filter, with the columns ``filter``, ``light_curves``, ``threshold`` (value of
        the statistic above which a light curve is anomalous) and ``anomalies`` (number of anomalous
        light curves). The threshold is missing if there are too few light curves.
    """

    path: Path
    filters: pd.DataFrame


def find_anomalies(
    tables: Sequence[Path],
    out: Path,
    *,
    statistic: str = STATISTIC,
    probability: float = 0.01,
    calibrations: Path | None = None,
) -> AnomalyResult:
    """Add anomaly scores to feature tables, and write them to a single Parquet file.

    Parameters
    ----------
    tables : sequence of pathlib.Path
        Parquet files with features.
    out : pathlib.Path
        Parquet file to write. It has two additional columns, ``anomaly_score`` and
        ``anomaly_flag``.
    statistic : str
        Feature from which the score is derived.
    probability : float
        Fraction of the light curves in a typical population that exceed the threshold.
    calibrations : pathlib.Path, optional
        Folder with one calibration per filter, ``<statistic>_filter_<number>.json``. Missing
        calibrations are derived from the tables and stored in this folder.

    Raises
    ------
    AstrodomeError
        If a table does not have the statistic, or if a calibration is invalid.
    """
    files.check_extension(out, datasets.PARQUET)
    for path in tables:
        datasets.require_file(path)
        names = datasets.column_names(path)
        if statistic == STATISTIC and STATISTIC not in names:
            raise AstrodomeError(
                f"{path} has no column '{STATISTIC}'.",
                "Compute this feature with scope features --drw, or specify another feature "
                "(--statistic).",
            )
        datasets.require_columns([statistic, "filter"], names, path)
        if path.resolve() == out.resolve():
            raise InvalidInputError(f"The output file {out} is also an input file.")
    known = _calibrations(tables, statistic, calibrations)
    schema = parts.common_schema(tables)
    names = [name for name in schema.names if name not in (SCORE, FLAG)]
    added = [pa.field(SCORE, pa.float64()), pa.field(FLAG, pa.int64())]
    metadata = {
        key: value
        for key, value in (pq.read_schema(tables[0]).metadata or {}).items()
        if key not in (parts.PROVENANCE, b"pandas")
    }
    read = partial(_scored, statistic=statistic, known=known, probability=probability)
    parts.join(tables, out, pa.schema([*(schema.field(n) for n in names), *added]), metadata, read)
    return AnomalyResult(out, _summary(out, statistic, known, probability))


def _calibrations(
    tables: Sequence[Path], statistic: str, folder: Path | None
) -> dict[int, ExtremeValueCalibration]:
    """Return the calibration of each filter. Filters with too few light curves are omitted."""
    values = pd.concat(
        [_values(pq.read_table(path, columns=["filter", statistic])) for path in tables]
    )
    found: dict[int, ExtremeValueCalibration] = {}
    for number, population in values.groupby("filter")[statistic]:
        path = folder / f"{statistic}_filter_{number}.json" if folder else None
        if path and path.exists():
            found[int(number)] = ExtremeValueCalibration.load(path)
            continue
        try:
            found[int(number)] = calibrate(population.to_numpy())
        except InvalidInputError:
            raise
        except AstrodomeError:  # too few values
            continue
        if path:
            found[int(number)].save(path)
    return found


def _values(table: pa.Table) -> pd.DataFrame:
    """Return the filter, in which 0 stands for an unknown filter, and the statistic as numbers."""
    frame = table.to_pandas()
    return frame.assign(filter=frame["filter"].fillna(0).astype(np.int64))


def _scored(
    path: Path, statistic: str, known: Mapping[int, ExtremeValueCalibration], probability: float
) -> pa.Table:
    """Return a table with the columns ``anomaly_score`` and ``anomaly_flag``."""
    table = pq.read_table(path)
    frame = _values(table.select(["filter", statistic]))
    score = np.full(len(frame), np.nan)
    flag = np.full(len(frame), np.nan)
    for number, calibration in known.items():
        rows = (frame["filter"] == number).to_numpy() & frame[statistic].notna().to_numpy()
        values = frame[statistic].to_numpy(np.float64)[rows]
        score[rows] = calibration.score(values)
        flag[rows] = values > calibration.threshold(probability)
    kept = table.select([name for name in table.column_names if name not in (SCORE, FLAG)])
    kept = kept.append_column(SCORE, _nullable(score, pa.float64()))
    return kept.append_column(FLAG, _nullable(flag, pa.int64()))


def _nullable(values: NDArray[np.float64], kind: pa.DataType) -> pa.Array:
    return pa.array(values, from_pandas=True).cast(kind)


def _summary(
    out: Path, statistic: str, known: Mapping[int, ExtremeValueCalibration], probability: float
) -> pd.DataFrame:
    rows = []
    table = _values(pq.read_table(out, columns=["filter", FLAG]))
    for number, group in table.groupby("filter"):
        calibration = known.get(int(number))
        rows.append(
            {
                "filter": int(number),
                "light_curves": len(group),
                "threshold": calibration.threshold(probability) if calibration else None,
                "anomalies": int(group[FLAG].sum()),
            }
        )
    return pd.DataFrame(rows)
