"""Files of the archives of GOES XRS data, read through sunpy into samples.

Files of the older tool's CSV tree are read too, by :mod:`astrodome_goes.archives.csv_tree`.
"""

from __future__ import annotations

import itertools
import re
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pandas as pd
from astrodome import AstrodomeError
from astrodome_solar import limits
from astropy.io import fits
from sunpy.timeseries import TimeSeries

from ..store.samples import DTYPE, NO_FLAGS, PRODUCTS, Samples
from . import csv_tree

TITLES = {
    "high-resolution": "gxrs-l2-irrad",
    "1-minute": "xrsf-l2-avg1m",
    "1 minute": "xrsf-l2-avg1m",
    "1-s ": "xrsf-l2-flx1s",
}
"""Words in the title of NOAA's files that tell the product."""

FLAGS = ("{}_flags", "xrs{}_flags", "xrs{}_flag")
"""Names of the quality flags of a channel, in the files of different years."""
SATELLITE = r"(?i)(?<![a-z])(?:g(?:oes)?[-_ ]?(\d{1,2})(?!\d)|go(\d\d)\d{6})"
"""GOES-15, GOES 15, g15, and the file name go1520110607."""
HDF5 = b"\x89HDF"
ALL_BITS = 0xFFFF
FIRST_LIGHT = np.datetime64("1974-07-01")
"""The first of these X-ray sensors flew on SMS-1; what seems older is a fill value."""


def read(path: Path, satellite: int = 0) -> Samples:
    """The samples of one file: FITS of NASA, any netCDF of NOAA that sunpy reads, or CSV.

    ``satellite`` is the GOES number, for files that do not say it. The quality
    columns keep only the flags that make a sample unfit, so that 0 is good whatever the
    product: NOAA's minute averages also flag how the electron background was
    removed, which their own definition of good data leaves out.

    Raises AstrodomeError when the file is missing, broken or something else.
    """
    if not path.is_file():
        raise AstrodomeError(f"There is no file {path}.")
    with path.open("rb") as content:
        start = content.read(512)
    if not start:
        raise AstrodomeError(f"{path} is empty.", "Fetch it again.")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise AstrodomeError(
            f"{path} is a web page, not data; archives answer so when they limit the rate.",
            "Fetch it again later.",
        )
    limits.check_size(path)
    if path.suffix.lower() == ".csv":
        samples = csv_tree.read(path, satellite)
    else:
        samples = _read(path, start.startswith(HDF5), satellite)
    if not len(samples):
        raise AstrodomeError(f"{path} holds no sample.")
    return samples


def _read(path: Path, is_netcdf: bool, satellite: int) -> Samples:
    with _destructors_silent():
        try:
            if is_netcdf:
                _check_arrays(path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of leap seconds, which become 23:59:59.999
                series = _series(path)
            masks = _good_masks(path) if is_netcdf else dict.fromkeys("ab", ALL_BITS)
            return _samples(path, series, masks, satellite)
        except AstrodomeError:
            raise
        except Exception as error:  # sunpy, astropy, h5netcdf raise nearly anything on broken files
            why = " ".join(str(error).split()).strip("\"'").removeprefix("Something went wrong: ")
            cause: BaseException | None = error
            while cause is not None:
                traceback.clear_frames(cause.__traceback__)
                cause = cause.__cause__ or cause.__context__
            raise AstrodomeError(
                f"{path} is no GOES XRS file that can be read: {why.rstrip('.')}.",
                "Fetch it again.",
            ) from error


def _check_arrays(path: Path) -> None:
    """Raise AstrodomeError if the arrays that a netCDF file declares need too much memory.

    An array of any shape takes no space in the file until data is written to it.
    """
    limit, total = limits.max_bytes(), 0

    def add(_: str, found: object) -> None:
        nonlocal total
        if isinstance(found, h5py.Dataset):
            total += (found.size or 0) * found.dtype.itemsize

    with h5py.File(path, "r") as content:
        content.visititems(add)
    if total > limit:
        raise limits.too_large(path, total, limit)


@contextmanager
def _destructors_silent() -> Iterator[None]:
    """h5netcdf prints a traceback when a file is let go of that it could not open."""
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = before


def _series(path: Path) -> Any:
    try:
        return TimeSeries(path, source="XRS")
    except ValueError as error:
        if "Seconds out of range" not in str(error):
            raise
    # sunpy moves the sample of a leap second in netCDF files, but not in FITS.
    with fits.open(path) as content, tempfile.TemporaryDirectory() as folder:
        seconds = content[2].data["TIME"]
        seconds[(seconds >= 86400) & (seconds < 86401)] = 86399.999
        content.writeto(Path(folder, path.name))
        return TimeSeries(Path(folder, path.name), source="XRS")


def _samples(path: Path, series: Any, masks: dict[str, int], satellite: int) -> Samples:
    frame = series.to_dataframe()
    samples = np.empty(len(frame), DTYPE)
    samples["timestamp"] = pd.DatetimeIndex(frame.index).round("us").to_numpy()
    samples["satellite"] = satellite or _satellite(path, series)
    samples["product"] = PRODUCTS.index(_product(series.meta.metas[0]))
    for channel, mask in masks.items():
        flux = frame[f"xrs{channel}"].to_numpy()
        filled = np.abs(flux) >= 1  # -99999 and the like
        samples[f"xrs{channel}"] = np.where(filled, np.nan, flux)
        flags = frame.get(f"xrs{channel}_quality")
        samples[f"xrs{channel}_quality"] = (
            NO_FLAGS if flags is None else flags.fillna(ALL_BITS).to_numpy().astype("i4") & mask
        )
    return samples[samples["timestamp"] >= FIRST_LIGHT]


def _good_masks(path: Path) -> dict[str, int]:
    """The bits of each channel's flags that are 0 in good data; the file defines them."""
    masks = dict.fromkeys("ab", ALL_BITS)
    with h5netcdf.File(path, "r") as content:
        for channel, name in itertools.product(masks, FLAGS):
            about = content[name.format(channel)].attrs if name.format(channel) in content else {}
            meanings = str(about.get("flag_meanings", "")).split()
            if "good_data" in meanings and "flag_masks" in about:
                masks[channel] = int(about["flag_masks"][meanings.index("good_data")])
    return masks


def _product(header: dict[str, Any]) -> str:
    if "title" not in header:
        return "fits"
    title = str(header["title"])
    return next((name for words, name in TITLES.items() if words in title), "netcdf")


def _satellite(path: Path, series: Any) -> int:
    said = (series.observatory, series.meta.metas[0].get("platform"), path.name)
    for text in said:
        if match := re.search(SATELLITE, _text(text)):
            return int(match[1] or match[2])
    raise AstrodomeError(f"{path} does not say which GOES measured it.", "Add --satellite NUMBER.")


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
