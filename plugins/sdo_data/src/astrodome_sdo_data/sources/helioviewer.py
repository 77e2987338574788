"""Helioviewer: JPEG 2000 images of SDO by nearest date, through its API v2.

AIA every 36 s or so, eight bits in the observers' own scaling, each with its FITS header; see
https://api.helioviewer.org/docs/v2. The service has no list of its images: it answers a time
with the nearest one that it has, however far away.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from astrodome import AstrodomeError, files, settings
from astrodome_solar import filenames
from astrodome_solar.formats import raster
from astrodome_solar.formats.reading import read_jpeg2000
from astrodome_solar.formats.solar_image import SolarImage
from astrodome_solar.protocols import FetchedImage, SourceInfo
from pydantic import Field

from . import grid
from .server import Host, HostSettings, Missing, OneHost, Unusable

WAVELENGTHS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)
SIDES = {"2k": 2048, "4k": 4096, "1k": 1024, "512": 512, "256": 256}
TRANSFER = 1_000_000
"""Bytes of an image of 4096 x 4096, which is what comes, whatever the size wanted of it."""


class HelioviewerSettings(HostSettings):
    """The service; every key also as ``ASTRODOME_HELIOVIEWER_<KEY>``."""

    url: str = Field("https://api.helioviewer.org/v2", description="Root of the API, version 2.")
    connections: int = Field(4, ge=1, le=8, description="Connections at a time, at most.")
    tolerance: float = Field(
        360.0, ge=0, description="Seconds that an image may be away from its time."
    )


class Helioviewer(OneHost):
    """Kind ``images``: the images nearest to the times asked for, as grey JPEG, north up."""

    info: ClassVar[SourceInfo] = SourceInfo(
        connections=4,
        wavelengths=WAVELENGTHS,
        sizes=tuple(SIDES),
        cadence=36.0,
        span=("2010-06-02", ""),
        options=("size", "quality"),
        parts=("image", "header"),
        size_bytes=dict.fromkeys(SIDES, TRANSFER),
        checked=True,
    )

    def __init__(self) -> None:
        self.limits = settings.section("helioviewer", HelioviewerSettings)
        self.host = Host("Helioviewer", self.limits)
        self._numbers: dict[int, int] = {}
        self._lock = threading.Lock()

    def search(
        self,
        start: datetime,
        end: datetime,
        freq: str,
        wavelength: Sequence[int],
        *,
        size: str = "2k",
        quality: int | None = None,
    ) -> pd.DataFrame:
        """A row for each time and wavelength; the service is asked for its data sources only.

        Columns: ``t_obs`` (UTC), ``wavelength`` (angstrom), ``size`` (a key of :data:`SIDES`),
        ``source_id`` (the service's number of the wavelength) and, unless ``quality`` is None,
        ``quality``: an image is skipped when its bit mask has a bit that this one lacks.
        """
        if size not in SIDES:
            raise AstrodomeError(
                f"Helioviewer images have no size '{size}'.",
                f"Known are {', '.join(SIDES)}.",
                exit_code=2,
            )
        rows = grid(start, end, freq, wavelength)
        numbers = self.numbers()
        if unknown := sorted(set(wavelength) - set(numbers)):
            raise AstrodomeError(
                f"Helioviewer has no AIA images at {', '.join(map(str, unknown))} angstrom.",
                f"It has {', '.join(map(str, sorted(numbers)))}.",
                exit_code=2,
            )
        rows = rows.assign(size=size, source_id=rows["wavelength"].map(numbers))
        return rows if quality is None else rows.assign(quality=quality)

    def numbers(self) -> dict[int, int]:
        """The service's number (``sourceId``) of each AIA wavelength (angstrom)."""
        with self._lock:
            if not self._numbers:
                self._numbers = self.host.get("/getDataSources/", _numbers)
            return self._numbers

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[FetchedImage]:
        """Fetch rows of :meth:`search` one after the other and yield what became of each.

        The header of ``meta.csv`` comes with the image. One further than
        ``helioviewer.tolerance`` from its time is missing.
        """
        for row in rows.to_dict("index").items():
            found = FetchedImage(row[0])
            try:
                self._fetch(row[1], target, found)
            except Missing as error:
                found.status, found.reason = "missing", error.message
            except AstrodomeError as error:
                found.status, found.reason = "failed", error.message
            yield found

    def _fetch(self, row: Mapping[str, Any], target: Path, found: FetchedImage) -> None:
        wanted = row["t_obs"].to_pydatetime()
        asked = f"date={wanted:%Y-%m-%dT%H:%M:%S}Z&sourceId={row['source_id']}"
        image = self.host.get(f"/getJP2Image/?{asked}", _observation)
        away = abs(image.time - wanted)
        if away > timedelta(seconds=self.limits.tolerance):
            raise Missing(f"The nearest image is of {image.time:%Y-%m-%dT%H:%M:%S}.")
        if image.wavelength != row["wavelength"]:
            raise AstrodomeError(f"Helioviewer sent an image at {image.wavelength} angstrom.")
        upright = image.north_up()
        found.header = upright.metadata_row()
        bits, quality = image.quality or 0, row.get("quality")
        if quality is not None and bits & ~int(quality):
            found.status = "skipped"
            found.reason = f"Its quality has the bits {bits & ~int(quality):#x}."
            return
        if not row.get("image", True):  # it is there, only its header was not
            return
        name = filenames.file_name(row["t_obs"], row["wavelength"])
        comment = f"Helioviewer: {row['size']}, of {image.time:%Y-%m-%dT%H:%M:%S.%f}"
        files.write_small(
            target / name, raster.encoded(upright.to_picture(SIDES[row["size"]]), name, comment)
        )
        found.path = target / name


def _observation(content: bytes) -> SolarImage:
    try:
        return read_jpeg2000(content)
    except AstrodomeError as error:
        raise Unusable(f"Helioviewer sent no good image. {error.message}") from error


def _numbers(content: bytes) -> dict[int, int]:
    """Number of each AIA wavelength out of the tree of observatories, instruments and so on."""
    try:
        tree = json.loads(content)["SDO"]["AIA"]
        found = {int(name): int(leaf["sourceId"]) for name, leaf in _leaves(tree) if name.isdigit()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable("Helioviewer sent no list of its data sources.") from error
    if not found:
        raise Unusable("Helioviewer has no images of AIA.")
    return found


def _leaves(tree: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and data source of every leaf; older servers have a level more, the detector."""
    for name, branch in tree.items():
        if "sourceId" in branch:
            yield name, branch
        else:
            yield from _leaves(branch)
