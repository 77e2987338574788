"""Read and write sdo-cli CSV files, one per month, such as ``goes_cache/2011/6/goes_ts.csv``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from astrodome import AstrodomeError, files

from ..store.flux_store import Store
from ..store.parquet import read_month
from ..store.sample_table import sample_table

OTHER_NAMES = {"quality_xrsa": "xrsa_quality", "quality_xrsb": "xrsb_quality"}
"""Column names in files from older versions of sdo-cli, and the current names."""
LEAP_SECOND = r":60(?:\.\d*)?$"


def read_csv(path: Path, satellite: int = 0) -> pd.DataFrame:
    """Return the samples in a CSV file.

    ``satellite`` is the GOES number for rows that do not specify it, or 0 if it is unknown.
    Raises AstrodomeError if the file or one of its values is invalid. For an invalid value, the
    error message contains the line number.
    """
    try:
        frame = pd.read_csv(path, skipinitialspace=True, encoding_errors="replace")
    except (ValueError, OverflowError) as error:  # pandas exceptions are ValueErrors.
        why = " ".join(str(error).split()).rstrip(".")
        raise AstrodomeError(f"{path} is not a valid CSV file: {why}.") from error
    frame = frame.rename(columns=OTHER_NAMES)
    if missing := {"timestamp", "xrsa", "xrsb"} - set(map(str, frame.columns)):
        raise AstrodomeError(
            f"{path} has no column {', '.join(sorted(missing))}.",
            "Required columns: timestamp, xrsa, xrsb.",
        )
    return sample_table(
        timestamp=_times(path, frame["timestamp"]),
        xrsa=_numbers(path, frame, "xrsa"),
        xrsb=_numbers(path, frame, "xrsb"),
        xrsa_quality=_integers(path, frame, "xrsa_quality", 0xFFFF),
        xrsb_quality=_integers(path, frame, "xrsb_quality", 0xFFFF),
        satellite=_integers(path, frame, "satellite", 99).fillna(satellite),
        product="csv",
    )


def write_csv(store: Store) -> None:
    """Write the samples for each month to a CSV file in the folder of the store.

    As in sdo-cli, times are truncated to seconds. The files contain ``satellite`` as an additional
    column. A CSV file that is newer than the Parquet file for the same month is not changed.
    """
    for month, stored in store.months().items():
        year, number = map(int, month.split("-"))
        path = store.folder / "goes_cache" / str(year) / str(number) / "goes_ts.csv"
        if path.exists() and path.stat().st_mtime_ns > stored.stat().st_mtime_ns:
            continue
        samples = read_month(stored).drop(columns="product")
        with files.replacing(path) as part:
            samples.to_csv(part, index=False, date_format="%Y-%m-%dT%H:%M:%S")


def _times(path: Path, column: pd.Series) -> pd.Series:
    text = column.astype("string").str.replace(LEAP_SECOND, ":59.999", regex=True)
    times = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True)
    _check(path, column, times.notna(), "a time")
    return times.dt.tz_localize(None)


def _numbers(path: Path, frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        return pd.Series(float("nan"), frame.index)
    numbers = pd.to_numeric(frame[name], errors="coerce")
    _check(path, frame[name], numbers.notna() | frame[name].isna(), "a number")
    return numbers


def _integers(path: Path, frame: pd.DataFrame, name: str, largest: int) -> pd.Series:
    numbers = _numbers(path, frame, name)
    valid = numbers.isna() | (numbers.between(0, largest) & (numbers % 1 == 0))
    _check(path, numbers, valid, f"an integer from 0 to {largest}")
    return numbers


def _check(path: Path, column: pd.Series, valid: pd.Series, expected: str) -> None:
    if not valid.all():
        row = int(valid.to_numpy().argmin())
        raise AstrodomeError(
            f"Invalid value '{column.iloc[row]}' in {path}, line {row + 2}, column {column.name}: "
            f"expected {expected}.",
            "Correct the line and import the file again.",
        )
