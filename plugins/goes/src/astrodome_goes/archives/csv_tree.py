"""The CSV tree of the older tool: ``goes_cache/2011/6/goes_ts.csv``, a file a month."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files

from ..store.parquet import read_month
from ..store.samples import DTYPE, NO_FLAGS, PRODUCTS, Samples

NAMES = {
    "xrsa_quality": ("xrsa_quality", "quality_xrsa"),
    "xrsb_quality": ("xrsb_quality", "quality_xrsb"),
    "satellite": ("satellite",),
}
"""Columns that a file may have beside ``timestamp``, ``xrsa`` and ``xrsb``, the flags under
either of two names."""
LEAP_SECOND = re.compile(r":60(?:\.\d*)?$")


def read(path: Path, satellite: int = 0) -> Samples:
    """The samples of one file; ``satellite`` (GOES number) where the file does not say it, or 0.

    Raises AstrodomeError, which names the line, when something in it is no time or number.
    """
    try:
        frame = pd.read_csv(path, skipinitialspace=True, encoding_errors="replace")
    except (ValueError, OverflowError) as error:  # pandas' own are ValueErrors
        why = " ".join(str(error).split()).rstrip(".")
        raise AstrodomeError(f"{path} is no CSV file that can be read: {why}.") from error
    if missing := {"timestamp", "xrsa", "xrsb"} - set(map(str, frame.columns)):
        raise AstrodomeError(
            f"{path} has no column {', '.join(sorted(missing))}.",
            "A CSV file of X-ray flux has the columns timestamp, xrsa and xrsb.",
        )
    samples = np.empty(len(frame), DTYPE)
    samples["timestamp"] = _times(path, frame["timestamp"])
    for name in ("xrsa", "xrsb"):
        flux = _numbers(path, frame[name])
        samples[name] = np.where(np.abs(flux) >= 1, np.nan, flux)  # -99999 and the like
    for name in ("xrsa_quality", "xrsb_quality"):
        flags = _named(path, frame, name)
        samples[name] = np.where(np.isnan(flags), NO_FLAGS, flags)
    given = _named(path, frame, "satellite")
    samples["satellite"] = np.where(np.isnan(given), satellite, given)
    samples["product"] = PRODUCTS.index("csv")
    return samples


def write(month: Path, folder: Path) -> Path:
    """Write a file of the store (``…/year=2011/month=06/xrs.parquet``) below ``folder``.

    As in the older tool, times are whole seconds; the satellite's number is added. A file that
    is newer than the month is left alone. Returns the path of the CSV file.
    """
    year, number = (int(part.partition("=")[2]) for part in month.parts[-3:-1])
    path = folder / "goes_cache" / str(year) / str(number) / "goes_ts.csv"
    if path.exists() and path.stat().st_mtime_ns > month.stat().st_mtime_ns:
        return path
    samples = read_month(month)
    columns = {name: samples[name] for name in DTYPE.names or () if name != "product"}
    for name in ("xrsa_quality", "xrsb_quality"):
        flags = pd.array(columns[name], dtype="Int32")
        flags[columns[name] == NO_FLAGS] = pd.NA
        columns[name] = flags
    with files.replacing(path) as part:
        pd.DataFrame(columns).to_csv(part, index=False, date_format="%Y-%m-%dT%H:%M:%S")
    return path


def _named(path: Path, frame: pd.DataFrame, name: str) -> np.ndarray:
    found = next((other for other in NAMES[name] if other in frame), None)
    if found is None:
        return np.full(len(frame), np.nan)
    numbers = _numbers(path, frame[found])
    with np.errstate(invalid="ignore"):
        wrong = (numbers < NO_FLAGS) | (numbers > (99 if name == "satellite" else 0xFFFF))
        wrong |= (numbers < 0) if name == "satellite" else False
    _refuse(path, frame[found], wrong, "number in its range")
    return numbers


def _numbers(path: Path, column: pd.Series) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce")
    _refuse(path, column, (numbers.isna() & column.notna()).to_numpy(), "number")
    found: np.ndarray = numbers.to_numpy("f8")
    return found


def _times(path: Path, column: pd.Series) -> np.ndarray:
    text = column.astype("string").str.replace(LEAP_SECOND, ":59.999", regex=True)
    times = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True)
    _refuse(path, column, times.isna().to_numpy(), "time")
    found: np.ndarray = times.dt.tz_localize(None).to_numpy("M8[us]")
    return found


def _refuse(path: Path, column: pd.Series, wrong: np.ndarray, what: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise AstrodomeError(
            f"{path}, line {row + 2}: '{column.iloc[row]}' is no {what} ({column.name}).",
            "Correct the line and import the file again.",
        )
