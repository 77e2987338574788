"""The curated image parameter data set of Georgia State University, through its web service.

AIA images of nine channels every six minutes since 2011 as JPEG, their headers and
image parameters (Ahmadzadeh et al. 2019, ApJS 243, 18). The service answers a time with
the observation at it or within about ten minutes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from astrodome import AstrodomeError, files, settings
from astrodome_solar import filenames
from astrodome_solar.formats import raster
from astrodome_solar.protocols import FetchedImage, SourceInfo
from pydantic import Field

from .. import parameters
from . import grid
from .server import Host, HostSettings, Missing, OneHost, Unusable

WAVELENGTHS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700)
SIDES = {"2k": 2048, "512": 512, "256": 256}
"""Pixels a side by the service's name of a size."""
CADENCE = 360.0
HEADER = ("QUALITY", "DSUN", "X0", "R_SUN", "Y0", "CDELT")


class GsuSettings(HostSettings):
    """The image service; every key also as ``ASTRODOME_GSU_<KEY>``."""

    url: str = Field("http://dmlab.cs.gsu.edu/dmlabapi", description="Root of the service.")


class Gsu(OneHost):
    """Kind ``images``: JPEGs by time and wavelength."""

    info: ClassVar[SourceInfo] = SourceInfo(
        connections=8,
        batch=8,
        wavelengths=WAVELENGTHS,
        sizes=tuple(SIDES),
        cadence=CADENCE,
        span=("2011-01-01", ""),
        options=("size", "quality"),
        parts=("image", "header", "parameters"),
        size_bytes={"2k": 490_000, "512": 44_000, "256": 14_000},  # AIA 171 at JPEG quality 90
        checked=True,
    )

    def __init__(self) -> None:
        self.host = Host("GSU", settings.section("gsu", GsuSettings))

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
        """A row for each time and wavelength; the service is not asked.

        Columns: ``t_obs`` (UTC), ``wavelength`` (angstrom), ``size`` (``2k``, ``512``,
        ``256``) and, unless ``quality`` is None, ``quality``: an image is skipped when the
        bit mask of its observation has a bit that this one lacks.
        """
        unknown = sorted(set(wavelength) - set(WAVELENGTHS))
        if unknown:
            raise AstrodomeError(
                f"GSU has no images at {', '.join(map(str, unknown))} angstrom.",
                f"It has {', '.join(map(str, WAVELENGTHS))}.",
                exit_code=2,
            )
        if size not in SIDES:
            raise AstrodomeError(
                f"GSU has no size '{size}'.", f"It has {', '.join(SIDES)}.", exit_code=2
            )
        rows = grid(start, end, freq, wavelength, CADENCE).assign(size=size)
        return rows if quality is None else rows.assign(quality=quality)

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[FetchedImage]:
        """Fetch rows of :meth:`search` one after the other and yield what became of each.

        Without the columns ``image``, ``header`` and ``parameters`` it is the image. A file is
        whole, of the right size, and decodes.
        """
        columns = [rows[name].tolist() for name in rows.columns]
        for label, *values in zip(rows.index.tolist(), *columns, strict=True):
            row = dict(zip(rows.columns, values, strict=True))
            found = FetchedImage(label)
            try:
                self._fetch(row, target, found)
            except Missing as error:
                found.status, found.reason = "missing", error.message
            except AstrodomeError as error:
                found.status, found.reason = "failed", error.message
            yield found

    def _fetch(self, row: Mapping[str, Any], target: Path, found: FetchedImage) -> None:
        asked = _asked(row["t_obs"], row["wavelength"])
        quality = row.get("quality") if row.get("image", True) else None
        if row.get("header") or quality is not None:
            found.header = self.host.get(f"/header/SDO/AIA/json/?{asked}", header)
            bad = quality is not None and int(found.header["QUALITY"]) & ~int(quality)
            if bad:
                found.status, found.reason = "skipped", f"Its quality has the bits {bad:#x}."
                return
        if row.get("image", True):
            place = image_path(row["t_obs"], row["wavelength"], row["size"])
            content = self.host.get(place, partial(picture, SIDES[row["size"]]))
            path = target / filenames.file_name(row["t_obs"], row["wavelength"])
            files.write_small(path, content)
            found.path = path
        if row.get("parameters"):
            found.parameters = self.host.get(f"/params/SDO/AIA/64/full/?{asked}", _cube)


def image_path(t_obs: datetime, wavelength: int, size: str) -> str:
    """Where an image is, below the root of the service."""
    return f"/images/SDO/AIA/{size}/?{_asked(t_obs, wavelength)}"


def _asked(t_obs: datetime, wavelength: int) -> str:
    return f"wave={wavelength}&starttime={t_obs:%Y-%m-%dT%H:%M:%S}"


def header(content: bytes) -> dict[str, float]:
    """The header of an image out of the service's JSON, under the names of ``meta.csv``.

    Raises :class:`Unusable` when a value is not there or is no number.
    """
    try:
        given = json.loads(content)
        found = {name: float(given[name]) for name in HEADER}
        found["QUALITY"] = int(given["QUALITY"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise Unusable("GSU sent a header that is not one.") from error
    if not all(map(math.isfinite, found.values())) or not found["CDELT"] > 0:
        raise Unusable("GSU sent a header without meaning.")
    return found


def picture(side: int, content: bytes) -> bytes:
    """The JPEG; raises :class:`Unusable` unless it is whole and ``side`` px wide and high."""
    try:
        raster.check_jpeg(content, side)
    except AstrodomeError as error:
        raise Unusable(f"GSU sent no good image. {error.message}") from error
    return content


def _cube(content: bytes) -> Any:
    try:
        return parameters.from_xml(content)
    except AstrodomeError as error:
        raise Unusable(error.message) from error
