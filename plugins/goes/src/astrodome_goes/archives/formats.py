"""Read GOES XRS files from the archives with sunpy, and CSV files written by sdo-cli."""

from __future__ import annotations

import itertools
import re
import tempfile
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import pandas as pd
from astrodome import AstrodomeError, errors
from astrodome_solar import limits
from astrodome_solar.library_errors import converted_errors
from astropy.io import fits
from sunpy.timeseries import TimeSeries

from ..store.sample_table import sample_table
from .csv_files import read_csv

PRODUCT_OF_TITLE = {
    "high-resolution": "gxrs-l2-irrad",
    "1-minute": "xrsf-l2-avg1m",
    "1 minute": "xrsf-l2-avg1m",
    "1-s ": "xrsf-l2-flx1s",
}
"""Product names, keyed by a substring of the ``title`` attribute in netCDF files."""
FLAG_VARIABLES = ("{}_flags", "xrs{}_flags", "xrs{}_flag")
"""Names of the quality flag variable for a channel (``a`` or ``b``) in netCDF files.

The name depends on the product and the processing version.
"""
SATELLITE = r"(?i)(?<![a-z])(?:g(?:oes)?[-_ ]?(\d{1,2})(?!\d)|go(\d\d)\d{6})"
"""Pattern that matches ``GOES-15``, ``GOES 15``, ``g15`` and the file name ``go1520110607``."""
HDF5 = b"\x89HDF"
ALL_FLAGS = 0xFFFF
FIRST_LIGHT = "1974-07-01"
"""Earliest valid time. SMS-1 carried the first of these X-ray sensors in 1974."""


def read_file(path: Path, satellite: int = 0) -> pd.DataFrame:
    """Return the samples in a NASA FITS file, a NOAA netCDF file or an sdo-cli CSV file.

    ``satellite`` is the GOES number for files that do not specify it. The quality columns contain
    only flags that make a sample unusable, so 0 means good data in every product. Other flags
    are removed, for example the NOAA flags for the method of electron background removal.

    Raises AstrodomeError if the file does not exist, is damaged or has an unsupported format.
    """
    if not path.is_file():
        raise errors.not_found(path)
    with path.open("rb") as content:
        start = content.read(512)
    if not start:
        raise AstrodomeError(f"{path} is empty.", "Download the file again.")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise AstrodomeError(
            f"{path} is a web page instead of a data file. Archives return web pages when they "
            "limit the request rate.",
            "Download the file again later.",
        )
    limits.check_size(path)
    if path.suffix.lower() == ".csv":
        samples = read_csv(path, satellite)
    else:
        samples = _read_xrs_file(path, start.startswith(HDF5), satellite)
    if samples.empty:
        raise AstrodomeError(f"{path} contains no samples.")
    return samples


def _read_xrs_file(path: Path, is_netcdf: bool, satellite: int) -> pd.DataFrame:
    with converted_errors(
        f"{path} is damaged or is not a GOES XRS file", "Download the file again."
    ):
        if is_netcdf:
            _check_array_sizes(path)
        series = _read_time_series(path)
        masks = _good_data_masks(path) if is_netcdf else dict.fromkeys("ab", ALL_FLAGS)
        return _samples(path, series, masks, satellite)


def _check_array_sizes(path: Path) -> None:
    """Raise AstrodomeError if the arrays in a netCDF file would need too much memory.

    The file size is not a sufficient check: HDF5 stores no data for the unwritten part of an
    array, so a small file can declare arrays of any size.
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


def _read_time_series(path: Path) -> Any:
    try:
        return TimeSeries(path, source="XRS")
    except KeyError as error:
        raise AstrodomeError(
            f"{path} is not a GOES XRS file: expected a NASA FITS file, a NOAA netCDF file, or "
            "an sdo-cli CSV file with the extension .csv."
        ) from error
    except ValueError as error:
        if "Seconds out of range" not in str(error):
            raise
    # sunpy changes the time of a leap second in netCDF files, but not in FITS files.
    with fits.open(path) as content, tempfile.TemporaryDirectory() as folder:
        seconds = content[2].data["TIME"]
        seconds[(seconds >= 86400) & (seconds < 86401)] = 86399.999
        content.writeto(Path(folder, path.name))
        return TimeSeries(Path(folder, path.name), source="XRS")


def _samples(path: Path, series: Any, masks: dict[str, int], satellite: int) -> pd.DataFrame:
    frame = series.to_dataframe()
    columns: dict[str, Any] = {"timestamp": pd.DatetimeIndex(frame.index).round("us")}
    for channel, mask in masks.items():
        columns[f"xrs{channel}"] = frame[f"xrs{channel}"].to_numpy()
        flags = frame.get(f"xrs{channel}_quality")
        if flags is not None:
            flags = flags.fillna(ALL_FLAGS).to_numpy().astype("int32") & mask
        columns[f"xrs{channel}_quality"] = flags
    samples = sample_table(
        **columns,
        satellite=satellite or _satellite(path, series),
        product=_product(series.meta.metas[0]),
    )
    return samples[samples["timestamp"] >= FIRST_LIGHT]


def _good_data_masks(path: Path) -> dict[str, int]:
    """Return a bit mask for each channel. A sample is good if none of the masked flags is set.

    The masks are read from the flag definitions in the file.
    """
    masks = dict.fromkeys("ab", ALL_FLAGS)
    with h5netcdf.File(path, "r") as content:
        for channel, name in itertools.product(masks, FLAG_VARIABLES):
            variable = name.format(channel)
            attributes = content[variable].attrs if variable in content else {}
            meanings = str(attributes.get("flag_meanings", "")).split()
            if "good_data" in meanings and "flag_masks" in attributes:
                masks[channel] = int(attributes["flag_masks"][meanings.index("good_data")])
    return masks


def _product(header: dict[str, Any]) -> str:
    if "title" not in header:
        return "fits"
    title = str(header["title"])
    return next((name for words, name in PRODUCT_OF_TITLE.items() if words in title), "netcdf")


def _satellite(path: Path, series: Any) -> int:
    for text in (series.observatory, series.meta.metas[0].get("platform"), path.name):
        text = text.decode(errors="replace") if isinstance(text, bytes) else str(text or "")
        if match := re.search(SATELLITE, text):
            return int(match[1] or match[2])
    raise AstrodomeError(
        f"{path} does not specify the satellite.",
        "Specify the GOES number with the parameter 'satellite'.",
    )
