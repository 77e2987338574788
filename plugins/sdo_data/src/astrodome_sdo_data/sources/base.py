"""Base classes for the image sources."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from astrodome import AstrodomeError, files
from astrodome_solar.filenames import file_name
from astrodome_solar.formats import raster
from astrodome_solar.protocols import FetchedImage, SourceInfo

from .grid import time_grid
from .server import Server

if TYPE_CHECKING:
    from astrodome_solar.formats.solar_image import SolarImage

AIA_WAVELENGTHS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)
"""Wavelengths of the AIA channels in angstroms."""
SIZES = {"2k": 2048, "4k": 4096, "1k": 1024, "512": 512, "256": 256}
"""Mapping from image sizes to the width in pixels, for sources that resize images.

The first size is the default."""


class SkippedImageError(AstrodomeError):
    """Raised if an image exists but does not meet the criteria of the request."""

    status = "skipped"


class ArchiveSource(ABC):
    """Base class for sources that provide one image per requested time and wavelength.

    Subclasses find the images in :meth:`locate`, and download a single image in :meth:`fetch_row`.
    """

    service: ClassVar[str]
    """Name of the archive that is used in messages."""
    info: ClassVar[SourceInfo]
    sizes: ClassVar[Mapping[str, int]] = SIZES
    grid_cadence: ClassVar[float] = 0.0
    """Cadence in seconds. The requested interval must be a multiple of the cadence.

    The value 0 allows all intervals."""

    def search(
        self,
        start: datetime,
        end: datetime,
        freq: str,
        wavelength: Sequence[int],
        *,
        size: str = "",
        quality: int | None = None,
        **options: Any,
    ) -> pd.DataFrame:
        """Return one row per requested time and wavelength.

        Parameters
        ----------
        start, end : datetime
            Start time and end time (UTC), both inclusive.
        freq : str
            Time between images as a pandas offset alias.
        wavelength : sequence of int
            Wavelengths in angstroms.
        size : str
            One of the keys of :attr:`sizes`. The default is the first key.
        quality : int, optional
            Bit mask of allowed quality bits. Images with other bits are skipped. By default, all
            bits are allowed.
        **options
            Options that are passed to :meth:`locate`.

        Returns
        -------
        pandas.DataFrame
            Table with the columns ``t_obs`` (UTC), ``wavelength`` (in angstroms), ``size``,
            ``quality`` if requested, and the columns added by :meth:`locate`.
        """
        size = size or next(iter(self.sizes))
        rows = time_grid(start, end, freq, wavelength, self.grid_cadence)
        rows = self.locate(rows, **options).assign(size=size)
        return rows if quality is None else rows.assign(quality=quality)

    def locate(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the requested rows with the additional columns that :meth:`fetch_row` requires."""
        return rows

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[FetchedImage]:
        """Download images into the folder ``target``, and yield one result per row.

        ``rows`` is a result of :meth:`search`. The optional boolean columns ``image``, ``header``
        and ``parameters`` select the parts to download. By default, only the image is downloaded.
        """
        for label, row in rows.to_dict("index").items():
            result = FetchedImage(label)
            try:
                self.fetch_row(row, target, result)
            except AstrodomeError as error:
                result.status = getattr(error, "status", "failed")
                result.reason = error.message
            yield result

    @abstractmethod
    def fetch_row(self, row: Mapping[Any, Any], target: Path, result: FetchedImage) -> None:
        """Download the image for a row, and set the path and header of ``result``.

        Raises :class:`MissingImageError` if the image does not exist, :class:`SkippedImageError` if
        it does not meet the request, and AstrodomeError if the download fails.
        """

    def _save_image(
        self,
        image: SolarImage,
        row: Mapping[Any, Any],
        target: Path,
        comment: str,
        result: FetchedImage,
    ) -> None:
        """Set the header of the result, and write the image if it is requested.

        The comment is stored in the image file.
        """
        result.header = image.metadata_row()
        if row.get("image", True):
            picture = image.to_picture(self.sizes[row["size"]])
            path = target / file_name(row["t_obs"], row["wavelength"])
            files.write_bytes(path, raster.encoded(picture, path.name, comment), sync=False)
            result.path = path


class ServerSource(ArchiveSource):
    """Base class for sources that send all requests to one server."""

    server: Server

    def stop(self) -> None:
        """Cancel running ``fetch`` calls in other threads."""
        self.server.stop()


def check_quality(row: Mapping[Any, Any], bits: Any) -> None:
    """Raise :class:`SkippedImageError` if ``bits`` contains quality bits that are not allowed."""
    allowed = row.get("quality")
    if allowed is not None and isinstance(bits, int) and (others := bits & ~int(allowed)):
        raise SkippedImageError(f"Quality bits {others:#x} are set.")


def nearest(t_obs: pd.Series, candidates: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Return the candidate nearest to each time.

    The times must be sorted. If no candidate is within ``tolerance`` seconds of a time, the
    columns of the candidate are NaN in the row for this time.
    """
    return pd.merge_asof(
        pd.DataFrame({"t_obs": t_obs.to_numpy("datetime64[us]")}),
        candidates.sort_values("t_obs"),
        on="t_obs",
        direction="nearest",
        tolerance=pd.Timedelta(seconds=tolerance),
    )
