"""Image source ``gsu``: the curated image parameter data set of Georgia State University.

The data set contains AIA JPEG images in nine channels with a cadence of six minutes since 2011, and
their headers and image parameters (Ahmadzadeh et al. 2019, ApJS 243, 18). For a requested time, the
service returns an observation within about ten minutes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from astrodome import AstrodomeError, files, settings
from astrodome_solar.filenames import file_name
from astrodome_solar.formats import raster
from astrodome_solar.protocols import FetchedImage, SourceInfo

from .. import parameters
from ..manifest import HEADER
from .base import AIA_WAVELENGTHS, ServerSource, check_quality
from .server import Server
from .settings import GsuSettings

CADENCE = 360.0


class GsuSource(ServerSource):
    """Image source that downloads AIA JPEG images from the GSU service."""

    service: ClassVar[str] = "GSU"
    sizes: ClassVar[Mapping[str, int]] = {"2k": 2048, "512": 512, "256": 256}
    grid_cadence: ClassVar[float] = CADENCE
    info: ClassVar[SourceInfo] = SourceInfo(
        connections=8,
        batch=8,
        wavelengths=AIA_WAVELENGTHS[:-1],
        sizes=tuple(sizes),
        cadence=CADENCE,
        span=("2011-01-01", ""),
        options=("size", "quality"),
        parts=("image", "header", "parameters"),
        size_bytes={"2k": 490_000, "512": 44_000, "256": 14_000},  # AIA 171 at JPEG quality 90
        checked=True,
    )

    def __init__(self) -> None:
        self.server = Server(self.service, settings.section("gsu", GsuSettings))

    def fetch_row(self, row: Mapping[Any, Any], target: Path, result: FetchedImage) -> None:
        """Download the requested parts of an observation: image, header and parameters."""
        query = _query(row["t_obs"], row["wavelength"])
        image = row.get("image", True)
        if row.get("header") or (image and row.get("quality") is not None):
            result.header = self.server.get(f"/header/SDO/AIA/json/?{query}", parse_header)
            if image:
                check_quality(row, result.header["QUALITY"])
        if image:
            path = target / file_name(row["t_obs"], row["wavelength"])
            url = image_path(row["t_obs"], row["wavelength"], row["size"])
            content = self.server.get(url, partial(checked_jpeg, self.sizes[row["size"]]))
            files.write_bytes(path, content, sync=False)
            result.path = path
        if row.get("parameters"):
            result.parameters = self.server.get(
                f"/params/SDO/AIA/64/full/?{query}", parameters.from_xml
            )


def image_path(t_obs: datetime, wavelength: int, size: str) -> str:
    """Return the URL path of an image relative to the base URL of the service."""
    return f"/images/SDO/AIA/{size}/?{_query(t_obs, wavelength)}"


def _query(t_obs: datetime, wavelength: int) -> str:
    return f"wave={wavelength}&starttime={t_obs:%Y-%m-%dT%H:%M:%S}"


def parse_header(content: bytes) -> dict[str, float]:
    """Parse a header in JSON format, and return the values with the column names of ``meta.csv``.

    Raises AstrodomeError if a value is missing or invalid.
    """
    try:
        document = json.loads(content)
        header = {name: float(document[name]) for name in HEADER}
        header["QUALITY"] = int(document["QUALITY"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise AstrodomeError(
            f"Invalid image header: a value is missing or invalid ({error!r})."
        ) from error
    if not all(map(math.isfinite, header.values())) or not header["CDELT"] > 0:
        raise AstrodomeError(
            "Invalid image header: a value is NaN or infinite, or CDELT is not positive."
        )
    return header


def checked_jpeg(side: int, content: bytes) -> bytes:
    """Return ``content`` if it is a valid JPEG image with a width and height of ``side`` pixels.

    Raises AstrodomeError otherwise.
    """
    raster.check_jpeg(content, side)
    return content
