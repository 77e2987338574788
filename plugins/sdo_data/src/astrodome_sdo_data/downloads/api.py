"""Search for images and download them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import sources
from astrodome_solar.protocols import source_info

from .plan import DownloadRequest, plan_download
from .run import DownloadReport, ResultCallback, run_download


def search(source: str, start: Any, end: Any, **request: Any) -> pd.DataFrame:
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
        Start time and end time (UTC), both inclusive, as a string, datetime, numpy.datetime64,
        pandas.Timestamp or astropy Time. If ``end`` is a date without a time of day, the whole
        day is included.
    **request
        Selection of the images:

        - ``freq``: time between images as a pandas offset alias (default: ``"60min"``)
        - ``wavelength``: one or more wavelengths in angstroms (default: 171)
        - ``size``: image size, for example ``512`` or ``"2k"`` (the default depends on the source)
        - ``quality``: bit mask of allowed quality bits (by default, all bits are allowed)

        Other keyword arguments are options for the source, for example ``calibrate=True``.

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
    chosen = DownloadRequest.create(source, start, end, **request)
    found = sources.get("images", source)
    return chosen.search(found, source_info(found))[1]


def download(
    source: str,
    start: Any,
    end: Any,
    folder: str | os.PathLike[str],
    *,
    jobs: int = 8,
    retry_missing: bool = False,
    verify: bool = False,
    on_result: ResultCallback | None = None,
    **request: Any,
) -> DownloadReport:
    """Download images into a folder. Images that already exist are not downloaded again.

    Parameters
    ----------
    source, start, end
        See :func:`search`.
    folder : path
        Output folder for the images, ``manifest.parquet`` and, if ``metadata`` is True,
        ``meta.csv`` and ``meta.parquet``.
    jobs : int
        Maximum number of parallel transfers.
    retry_missing : bool
        Whether to retry images that were previously missing at the source.
    verify : bool
        Whether to verify the content of all existing images.
    on_result : callable, optional
        Function that is called with the result for each image.
    **request
        The keyword arguments of :func:`search`, and the following:

        - ``metadata``, ``parameters``: whether to download the image headers and the image
          parameters, respectively (default: False)
        - ``min_flux``, ``max_flux``: minimum and maximum GOES 1-8 Å flux in W/m². Images at times
          with a flux outside these limits are skipped.
        - ``flux_source``: name of the flux source, which is required if several flux sources are
          installed

    Returns
    -------
    DownloadReport
        Report of the download. The DataFrame ``files`` contains the outcome for each image.

    Raises
    ------
    AstrodomeError
        If the source does not support the request, if the folder is not writable, or if the folder
        already contains some of the images from a different source or with a different size.

    Examples
    --------
    >>> report = download("gsu", "2012-03-07", "2012-03-08", "aia", freq="6min")  # doctest: +SKIP
    >>> report.files["outcome"].value_counts()  # doctest: +SKIP
    """
    plan = plan_download(
        DownloadRequest.create(source, start, end, **request),
        Path(folder).expanduser(),
        retry_missing=retry_missing,
        verify=verify,
    )
    return run_download(plan, jobs=jobs, on_result=on_result)
