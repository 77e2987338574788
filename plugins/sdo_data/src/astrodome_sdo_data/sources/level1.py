"""Base class for sources that provide AIA level 1 FITS files from a searchable archive.

Subclasses search the archive and determine the URLs of the files. The base class downloads the
files, calibrates them if requested, scales them to eight bits and rotates them so that north is up.
"""

from __future__ import annotations

import tempfile
import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pandas as pd
from astrodome import AstrodomeError
from astrodome_solar.formats import fits
from astrodome_solar.formats.reading import ImageReference, read
from astrodome_solar.formats.solar_image import SolarImage
from astrodome_solar.protocols import FetchedImage, SourceInfo

from ..processing.calibration import Calibration
from .base import AIA_WAVELENGTHS, SIZES, ArchiveSource, check_quality, nearest
from .server import MissingImageError, Server
from .settings import Level1Settings

FILE_BYTES = 9_000_000
"""Approximate size in bytes of a Rice-compressed image with 4096 x 4096 pixels."""
MAX_QUERY = timedelta(days=5)
"""Maximum time range of one query. Archives truncate long results."""
NO_FILE = ""
"""Value of the column ``fileid`` if no file is within the tolerance."""


class Level1Source(ArchiveSource):
    """Base class for sources that convert AIA level 1 files to grayscale JPEG images.

    North is up in the images. Files are optionally calibrated with aiapy.
    """

    info: ClassVar[SourceInfo] = SourceInfo(
        connections=4,
        batch=8,
        wavelengths=AIA_WAVELENGTHS,
        sizes=tuple(SIZES),
        cadence=12.0,
        span=("2010-05-13", ""),
        options=("size", "quality", "calibrate"),
        parts=("image", "header"),
        size_bytes=dict.fromkeys(SIZES, FILE_BYTES),
        checked=True,
    )

    def __init__(self, settings: Level1Settings, section: str) -> None:
        self.settings = settings
        self.calibration = Calibration(settings.pointing, settings.degradation, section)
        self._servers: dict[str, Server] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def records(
        self, wavelength: int, start: datetime, end: datetime, sample: float
    ) -> pd.DataFrame:
        """Return the records at a wavelength from ``start`` to ``end`` (UTC).

        At most one record per interval of ``sample`` seconds is returned. If ``sample`` is 0, all
        records are returned. The columns are ``t_obs`` (UTC), ``provider`` and ``fileid``.
        """

    @abstractmethod
    def addresses(self, rows: pd.DataFrame) -> dict[str, str]:
        """Return the file URLs for the given rows, keyed by ``fileid``."""

    def locate(self, rows: pd.DataFrame, *, calibrate: bool = False) -> pd.DataFrame:
        """Find the file nearest to each requested time, and sort the rows by wavelength.

        The columns ``provider``, ``fileid`` and ``calibrate`` are added. ``provider`` and
        ``fileid`` are empty if no file is within the tolerance.
        """
        if calibrate:
            self.calibration.prepare()
        rows = rows.sort_values(["wavelength", "t_obs"], ignore_index=True)
        found = [self._nearest(int(w), each["t_obs"]) for w, each in rows.groupby("wavelength")]
        files = pd.concat(found, ignore_index=True)
        return rows.assign(provider=files["provider"], fileid=files["fileid"], calibrate=calibrate)

    def _nearest(self, wavelength: int, t_obs: pd.Series) -> pd.DataFrame:
        tolerance = timedelta(seconds=self.settings.tolerance)
        records = [
            # Sampling starts at the first requested time, so records are near all requested times.
            self.records(
                wavelength, first if sample else first - tolerance, last + tolerance, sample
            )
            for first, last, sample in _query_ranges(t_obs)
        ]
        known = pd.concat(records).drop_duplicates("fileid")
        found = nearest(t_obs, known, self.settings.tolerance)
        return found[["provider", "fileid"]].fillna(NO_FILE)

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[FetchedImage]:
        """Request all URLs at once, download the images, and yield one result per row."""
        try:
            addresses = self.addresses(rows[rows["fileid"] != NO_FILE])
        except AstrodomeError as error:
            for label in rows.index:
                yield FetchedImage(label, status="failed", reason=error.message)
            return
        yield from super().fetch(rows.assign(url=rows["fileid"].map(addresses).fillna("")), target)

    def stop(self) -> None:
        """Cancel running ``fetch`` calls in other threads."""
        for server in list(self._servers.values()):
            server.stop()

    def _server(self, root: str) -> Server:
        with self._lock:
            if root not in self._servers:
                settings = self.settings.model_copy(update={"url": root})
                self._servers[root] = Server(f"{self.service} archive", settings)
            return self._servers[root]

    def fetch_row(self, row: Mapping[Any, Any], target: Path, result: FetchedImage) -> None:
        """Download the file for a row, calibrate it if requested, and scale it to eight bits."""
        if not row["url"]:
            raise MissingImageError(
                f"{self.service} does not provide an image at {row['wavelength']} angstrom near "
                f"{row['t_obs']:%Y-%m-%dT%H:%M:%S}."
            )
        with tempfile.TemporaryDirectory() as folder:
            image = self._download(row["url"], Path(folder, "aia.fits"))
        check_quality(row, image.quality)
        if image.wavelength != row["wavelength"]:
            raise AstrodomeError(
                f"The image has the wrong wavelength: expected {row['wavelength']} angstrom, "
                f"got {image.wavelength} angstrom."
            )
        calibrated = ""
        if row["calibrate"]:
            image = SolarImage.from_map(self.calibration.apply(image.to_map()))
            calibrated = ", calibrated"
        t_obs = f"{image.time:%Y-%m-%dT%H:%M:%S.%f}"
        comment = f"AIA level 1: {row['size']}, of {t_obs}{calibrated}"
        self._save_image(image.north_up(), row, target, comment, result)

    def _download(self, url: str, path: Path) -> SolarImage:
        def parse(content: bytes) -> SolarImage:
            if not content.startswith(fits.SIGNATURE):
                raise AstrodomeError("The file is not a FITS file.")
            path.write_bytes(content)
            return read(ImageReference(path))

        parts = urlsplit(url)
        root = f"{parts.scheme}://{parts.netloc}"
        return self._server(root).get(url.removeprefix(root), parse)


def _query_ranges(t_obs: pd.Series) -> Iterator[tuple[datetime, datetime, float]]:
    """Yield the start time, end time and step in seconds of each query for sorted times.

    Consecutive times with a constant step are combined into one query. The step is 0 if a query
    contains a single time.
    """
    steps = t_obs.diff().dropna().unique()
    if len(steps) != 1 or pd.Timedelta(steps[0]) > MAX_QUERY:
        for time in t_obs:
            yield time.to_pydatetime(), time.to_pydatetime(), 0.0
        return
    step = pd.Timedelta(steps[0])
    count = max(1, MAX_QUERY // step)
    for start in range(0, len(t_obs), count):
        part = t_obs.iloc[start : start + count]
        yield part.iloc[0].to_pydatetime(), part.iloc[-1].to_pydatetime(), step.total_seconds()
