"""Functions to search and download images, for scripts and notebooks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import sources
from astrodome_solar.protocols import source_info

from ..time_range import parse_range
from .plan import DownloadRequest, plan_download
from .run import DownloadReport, ResultCallback, run_download


def search(
    source: str,
    start: Any,
    end: Any,
    *,
    freq: str = "60min",
    wavelength: int | Sequence[int] = 171,
    size: str = "",
    quality: int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Search a source for images.

    Sources without a list of their images, such as ``gsu`` and ``helioviewer``, return one row for
    every requested time; a download shows which images exist.

    Parameters
    ----------
    source : str
        Name of the source, for example ``gsu`` or ``helioviewer``; with an argument for some
        sources, for example ``sdoml:FOLDER``. ``sdo data sources`` lists the installed ones.
    start, end : time
        First and last time, both included: a string, datetime, numpy.datetime64, pandas.Timestamp
        or astropy Time in UTC. An end that is a date as a string includes the whole day.
    freq : str
        Time between images as a pandas offset alias.
    wavelength : int or sequence of int
        Wavelengths in angstrom.
    size : str
        Size of the images, for example ``512``; the default is the first one of the source.
    quality : int, optional
        Bit mask of allowed quality bits; the default allows all.
    **options
        Further options of the source, for example ``calibrate=True``.

    Returns
    -------
    pandas.DataFrame
        One row per image with the columns ``t_obs`` (UTC), ``wavelength`` (angstrom),
        ``file_name`` and further columns of the source.

    Raises
    ------
    AstrodomeError
        If the source is not installed, is not reachable or does not support the request.

    Examples
    --------
    >>> rows = search("gsu", "2012-03-07", "2012-03-07", freq="6h", size="512")
    >>> rows["file_name"].tolist()[:2]
    ['2012-03-07T000000__171.jpeg', '2012-03-07T060000__171.jpeg']
    """
    request = _request(
        source, start, end, freq, wavelength, size=size, quality=quality, options=options
    )
    found = sources.get("images", source)
    return request.search(found, source_info(found))[1]


def download(
    source: str,
    start: Any,
    end: Any,
    folder: str | os.PathLike[str],
    *,
    freq: str = "60min",
    wavelength: int | Sequence[int] = 171,
    size: str = "",
    metadata: bool = False,
    parameters: bool = False,
    quality: int | None = None,
    min_flux: float | None = None,
    max_flux: float | None = None,
    flux_source: str = "",
    jobs: int = 8,
    retry_missing: bool = False,
    verify: bool = False,
    on_result: ResultCallback | None = None,
    **options: Any,
) -> DownloadReport:
    """Download images into a folder; existing images are kept.

    Parameters
    ----------
    source, start, end, freq, wavelength, size, quality, **options
        As in :func:`search`.
    folder : path
        Folder for the images, their ``manifest.parquet`` and, with ``metadata``, ``meta.csv``.
    metadata, parameters : bool
        Also download headers, or image parameters.
    min_flux, max_flux : float, optional
        Download only images at times with a GOES flux (W/m2, 1-8 angstrom) inside these limits.
    flux_source : str
        Source of the flux; needed if several are installed.
    jobs : int
        Maximum number of simultaneous transfers.
    retry_missing : bool
        Request images again that the source did not have.
    verify : bool
        Check the content of all existing images.
    on_result : callable, optional
        Called with the result of each image.

    Returns
    -------
    DownloadReport
        The outcome of every image in the DataFrame ``files``.

    Raises
    ------
    AstrodomeError
        If the source does not support the request, or the folder cannot be written or contains
        the images from another source or in another size.

    Examples
    --------
    >>> report = download("gsu", "2012-03-07", "2012-03-08", "aia", freq="6min")  # doctest: +SKIP
    >>> report.files["outcome"].value_counts()  # doctest: +SKIP
    """
    request = _request(
        source,
        start,
        end,
        freq,
        wavelength,
        size=size,
        metadata=metadata,
        parameters=parameters,
        quality=quality,
        min_flux=min_flux,
        max_flux=max_flux,
        flux_source=flux_source,
        options=options,
    )
    path = Path(folder).expanduser()
    plan = plan_download(request, path, retry_missing=retry_missing, verify=verify)
    return run_download(plan, jobs=jobs, on_result=on_result)


def _request(
    source: str,
    start: Any,
    end: Any,
    freq: str,
    wavelength: int | Sequence[int],
    **arguments: Any,
) -> DownloadRequest:
    first, last = parse_range(start, end)
    wavelengths = (wavelength,) if isinstance(wavelength, int) else tuple(wavelength)
    return DownloadRequest(first, last, freq, wavelengths, source, **arguments)
