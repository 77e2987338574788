"""Search for images and download them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import sources
from astrodome_solar.protocols import source_info

from .plan import DownloadRequest, plan_download
from .run import DownloadReport, ResultCallback, run_download


def search(
    source: str,
    start: Any,
    end: Any,
    *,
    freq: str = "60min",
    wavelength: int | Sequence[int] = 171,
    size: str | int = "",
    quality: int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Search an image source.

    Some sources, such as ``gsu`` and ``helioviewer``, cannot list the available images. For these
    sources, the result has one row for each requested time, even if no image exists at that time.

    Parameters
    ----------
    source : str
        Name of the source, for example ``"gsu"`` or ``"helioviewer"``. Some sources accept an
        argument after a colon, for example ``"sdoml:FOLDER"``. The command ``sdo data sources``
        lists the installed sources.
    start, end : time
        Start and end of the time range in UTC, both included, as a string, datetime,
        numpy.datetime64, pandas.Timestamp or astropy Time. If ``end`` is a string with a date
        only, the whole day is included.
    freq : str
        Time between images as a pandas offset alias, for example ``"6min"``.
    wavelength : int or sequence of int
        Wavelengths in angstroms.
    size : str or int
        Image size, for example ``512`` or ``"2k"``. The default depends on the source.
    quality : int, optional
        Bit mask of allowed quality bits. By default, all bits are allowed.
    **options
        Additional options for the source, for example ``calibrate=True``.

    Returns
    -------
    pandas.DataFrame
        One row per image with the columns ``t_obs`` (UTC), ``wavelength`` (in angstroms) and
        ``file_name``, and additional columns that depend on the source.

    Raises
    ------
    AstrodomeError
        If the source is not installed, cannot be reached or does not support the request.

    Examples
    --------
    >>> rows = search("gsu", "2012-03-07", "2012-03-07", freq="6h", size="512")
    >>> rows["file_name"].tolist()[:2]
    ['2012-03-07T000000__171.jpeg', '2012-03-07T060000__171.jpeg']
    """
    request = DownloadRequest(
        start, end, freq, wavelength, source, size, quality=quality, options=options
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
    size: str | int = "",
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
    """Download images into a folder. Images that already exist are not downloaded again.

    Parameters
    ----------
    source, start, end, freq, wavelength, size, quality, **options
        See :func:`search`.
    folder : path
        Output folder for the images, ``manifest.parquet`` and, if ``metadata`` is True,
        ``meta.csv``.
    metadata, parameters : bool
        Whether to download the image headers and the image parameters, respectively.
    min_flux, max_flux : float, optional
        Minimum and maximum GOES 1-8 Å flux in W/m². Images at times with a flux outside these
        limits are skipped.
    flux_source : str
        Name of the flux source. It is required if several flux sources are installed.
    jobs : int
        Maximum number of parallel transfers.
    retry_missing : bool
        Whether to retry images that were previously missing at the source.
    verify : bool
        Whether to verify the content of all existing images.
    on_result : callable, optional
        Function that is called with the result for each image.

    Returns
    -------
    DownloadReport
        Report of the download. The DataFrame ``files`` contains the outcome for each image.

    Raises
    ------
    AstrodomeError
        If the source does not support the request, if the folder is not writable, or if the folder
        contains images from a different source or with a different size.

    Examples
    --------
    >>> report = download("gsu", "2012-03-07", "2012-03-08", "aia", freq="6min")  # doctest: +SKIP
    >>> report.files["outcome"].value_counts()  # doctest: +SKIP
    """
    request = DownloadRequest(
        start,
        end,
        freq,
        wavelength,
        source,
        size,
        metadata,
        parameters,
        quality,
        min_flux,
        max_flux,
        flux_source,
        options,
    )
    path = Path(folder).expanduser()
    plan = plan_download(request, path, retry_missing=retry_missing, verify=verify)
    return run_download(plan, jobs=jobs, on_result=on_result)
