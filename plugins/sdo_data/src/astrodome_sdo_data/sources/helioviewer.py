"""Image source ``helioviewer``: JPEG 2000 images from the Helioviewer API v2.

The service provides AIA images with a cadence of about 36 s and eight bits per pixel, each with its
FITS header; see https://api.helioviewer.org/docs/v2. It cannot list the available images. For a
requested time, it returns the nearest image regardless of the time difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from astrodome import AstrodomeError, settings
from astrodome_solar.formats.reading import read_jpeg2000
from astrodome_solar.protocols import FetchedImage, SourceInfo

from .base import AIA_WAVELENGTHS, SIZES, ServerSource, check_quality
from .server import MissingImageError, Server
from .settings import HelioviewerSettings

SOURCE_IDS = dict(zip(AIA_WAVELENGTHS, range(8, 18), strict=True))
"""Identifiers of the AIA wavelengths in the Helioviewer API."""
FILE_BYTES = 1_000_000
"""Approximate file size in bytes.

The service always returns images with 4096 x 4096 pixels."""


class HelioviewerSource(ServerSource):
    """Image source that downloads the Helioviewer image nearest to each requested time."""

    service: ClassVar[str] = "Helioviewer"
    info: ClassVar[SourceInfo] = SourceInfo(
        connections=4,
        wavelengths=AIA_WAVELENGTHS,
        sizes=tuple(SIZES),
        cadence=36.0,
        span=("2010-06-02", ""),
        options=("size", "quality"),
        parts=("image", "header"),
        size_bytes=dict.fromkeys(SIZES, FILE_BYTES),
        checked=True,
    )

    def __init__(self) -> None:
        self.settings = settings.section("helioviewer", HelioviewerSettings)
        self.server = Server(self.service, self.settings)

    def fetch_row(self, row: Mapping[Any, Any], target: Path, result: FetchedImage) -> None:
        """Download the nearest image.

        The image is reported as missing if the difference between the requested and the observed
        time exceeds ``helioviewer.tolerance``.
        """
        requested = row["t_obs"].to_pydatetime()
        query = f"date={requested:%Y-%m-%dT%H:%M:%S}Z&sourceId={SOURCE_IDS[row['wavelength']]}"
        image = self.server.get(f"/getJP2Image/?{query}", read_jpeg2000)
        if abs(image.time - requested) > timedelta(seconds=self.settings.tolerance):
            raise MissingImageError(
                f"No image found within {self.settings.tolerance:g} s: the nearest image was "
                f"observed at {image.time:%Y-%m-%dT%H:%M:%S}."
            )
        if image.wavelength != row["wavelength"]:
            raise AstrodomeError(
                f"The image has the wrong wavelength: expected {row['wavelength']} angstrom, "
                f"got {image.wavelength} angstrom."
            )
        check_quality(row, image.quality)
        comment = f"Helioviewer: {row['size']}, of {image.time:%Y-%m-%dT%H:%M:%S.%f}"
        self._save_image(image.north_up(), row, target, comment, result)
