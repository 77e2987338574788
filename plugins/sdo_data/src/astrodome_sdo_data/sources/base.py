"""Base class of the image sources of this package."""

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
"""Channels of AIA (angstrom)."""
SIZES = {"2k": 2048, "4k": 4096, "1k": 1024, "512": 512, "256": 256}
"""Sizes of images that are scaled here, in pixels per side; the first is the default."""


class SkippedImageError(AstrodomeError):
    """The image exists, but does not meet the request."""

    status = "skipped"


class ArchiveSource(ABC):
    """Kind ``images``: one image for each requested time and wavelength.

    Subclasses find the images in :meth:`locate` and fetch one of them in :meth:`fetch_row`.
    """

    service: ClassVar[str]
    """Name of the archive in messages."""
    info: ClassVar[SourceInfo]
    sizes: ClassVar[Mapping[str, int]] = SIZES
    grid_cadence: ClassVar[float] = 0.0
    """The interval must be a multiple of this cadence (s); 0 allows all intervals."""

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
            First and last requested time (UTC), both included.
        freq : str
            Time between images as a pandas offset alias.
        wavelength : sequence of int
            Wavelengths (angstrom).
        size : str
            Key of :attr:`sizes`; the default is the first one.
        quality : int, optional
            Bit mask of allowed quality bits: images with other bits are skipped. The default
            allows all.
        **options
            Options of :meth:`locate`.

        Returns
        -------
        pandas.DataFrame
            Columns ``t_obs`` (UTC), ``wavelength`` (angstrom), ``size``, ``quality`` if requested,
            and the columns of :meth:`locate`.
        """
        size = size or next(iter(self.sizes))
        if size not in self.sizes:
            raise AstrodomeError(
                f"Size '{size}' not found: {self.service} has {', '.join(self.sizes)}.",
                exit_code=2,
            )
        self._check_wavelengths(wavelength, self.info.wavelengths)
        rows = time_grid(start, end, freq, wavelength, self.grid_cadence)
        rows = self.locate(rows, **options).assign(size=size)
        return rows if quality is None else rows.assign(quality=quality)

    def locate(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add the columns that :meth:`fetch_row` needs to the rows of a grid."""
        return rows

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[FetchedImage]:
        """Fetch rows of :meth:`search` into the folder ``target`` and yield one result for each.

        The boolean columns ``image``, ``header`` and ``parameters`` select the parts to fetch; the
        default is the image.
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
        """Fetch the image of a row, and set the path and the header of the result.

        Raises :class:`MissingImageError`, :class:`SkippedImageError` or AstrodomeError.
        """

    def _check_wavelengths(self, wavelength: Sequence[int], available: Sequence[int]) -> None:
        if unknown := sorted(set(wavelength) - set(available)):
            raise AstrodomeError(
                f"{self.service} has no images at {', '.join(map(str, unknown))} angstrom.",
                f"Available: {', '.join(map(str, sorted(available)))}.",
                exit_code=2,
            )

    def _save_image(
        self,
        image: SolarImage,
        row: Mapping[Any, Any],
        target: Path,
        comment: str,
        result: FetchedImage,
    ) -> None:
        """Set the header of the result, and write the image with a comment if it is requested."""
        result.header = image.metadata_row()
        if row.get("image", True):
            picture = image.to_picture(self.sizes[row["size"]])
            path = target / file_name(row["t_obs"], row["wavelength"])
            files.write_small(path, raster.encoded(picture, path.name, comment))
            result.path = path


class ServerSource(ArchiveSource):
    """An image source whose requests all go to one server."""

    server: Server

    def limit(self, connections: int) -> None:
        """Set the maximum number of connections, however many threads call ``fetch``."""
        self.server.limit(connections)

    def stop(self) -> None:
        """End running calls of ``fetch`` in other threads soon."""
        self.server.stop()


def check_quality(row: Mapping[Any, Any], bits: Any) -> None:
    """Raise :class:`SkippedImageError` if an image has quality bits that its row does not allow."""
    allowed = row.get("quality")
    if allowed is not None and isinstance(bits, int) and (others := bits & ~int(allowed)):
        raise SkippedImageError(f"Quality bits {others:#x} are set.")


def nearest(t_obs: pd.Series, candidates: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Return the candidate nearest to each of the sorted times; NaN beyond ``tolerance`` (s)."""
    return pd.merge_asof(
        pd.DataFrame({"t_obs": t_obs.to_numpy("datetime64[us]")}),
        candidates.sort_values("t_obs"),
        on="t_obs",
        direction="nearest",
        tolerance=pd.Timedelta(seconds=tolerance),
    )
