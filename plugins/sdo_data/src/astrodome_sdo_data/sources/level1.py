"""AIA level 1 FITS of archives that are searched: what they share, whoever has the catalogue.

An archive knows records near a time and the addresses of their files; those are fetched
politely, calibrated by aiapy when asked, scaled to eight bits and turned north up.
"""

from __future__ import annotations

import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pandas as pd
from astrodome import AstrodomeError, files
from astrodome_solar import filenames
from astrodome_solar.formats import fits, raster
from astrodome_solar.formats.reading import ImageReference
from astrodome_solar.formats.reading import read as read_image_file
from astrodome_solar.formats.solar_image import SolarImage
from astrodome_solar.protocols import FetchedImage, SourceInfo
from pydantic import Field

from ..processing.calibration import Calibration
from . import grid
from .server import Host, HostSettings, Missing, Unusable

WAVELENGTHS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)
SIDES = {"2k": 2048, "4k": 4096, "1k": 1024, "512": 512, "256": 256}
TRANSFER = 9_000_000
"""Bytes of an image of 4096 x 4096 in Rice compression, about."""
WINDOW = timedelta(days=5)
"""Time of one query: catalogues cut the answers to long ones."""
NOTHING = ""
"""The file of a row for which there is none."""


class Level1Settings(HostSettings):
    """How files are fetched, and aiapy's tables."""

    connections: int = Field(4, ge=1, le=8, description="Connections at a time, at most.")
    deadline: float = Field(900.0, gt=0, description="Seconds that one transfer may take.")
    tolerance: float = Field(
        60.0, ge=0, description="Seconds that an image may be away from its time."
    )
    pointing: str = Field("lmsal", description="Pointing table: lmsal, jsoc, or a CSV file.")
    degradation: str = Field("ssw", description="Degradation table: ssw, jsoc, or a file.")


class Level1(ABC):
    """Kind ``images``: AIA level 1 as grey JPEG, north up; calibrated by aiapy when asked."""

    service: ClassVar[str]
    """What the archive is called in sentences."""
    info: ClassVar[SourceInfo] = SourceInfo(
        connections=4,
        batch=8,
        wavelengths=WAVELENGTHS,
        sizes=tuple(SIDES),
        cadence=12.0,
        span=("2010-05-13", ""),
        options=("size", "quality", "calibrate"),
        parts=("image", "header"),
        size_bytes=dict.fromkeys(SIDES, TRANSFER),
        checked=True,
    )

    def __init__(self, limits: Level1Settings, section: str) -> None:
        self.limits = limits
        self.calibration = Calibration(limits.pointing, limits.degradation, section)
        self._hosts: dict[str, Host] = {}
        self._asking = threading.Lock()

    @abstractmethod
    def records(
        self, wavelength: int, start: datetime, end: datetime, sample: float
    ) -> pd.DataFrame:
        """What there is in this time, one record in ``sample`` seconds; 0 for all.

        Columns: ``t_obs`` (UTC), ``provider`` and ``fileid``. Raises AstrodomeError.
        """

    @abstractmethod
    def addresses(self, rows: pd.DataFrame) -> dict[str, str]:
        """Where the files of these rows are, by ``fileid``; raises AstrodomeError."""

    def search(
        self,
        start: datetime,
        end: datetime,
        freq: str,
        wavelength: Sequence[int],
        *,
        size: str = "2k",
        quality: int | None = None,
        calibrate: bool = False,
    ) -> pd.DataFrame:
        """A row for each time and wavelength with the file nearest to it.

        Columns: ``t_obs`` (UTC), ``wavelength`` (angstrom), ``provider`` and ``fileid``, which
        are empty where none is within ``tolerance``, ``size`` (a key of :data:`SIDES`),
        ``calibrate`` and, unless ``quality`` is None, ``quality``: an image is skipped when
        its bit mask has a bit that this one lacks.
        """
        if size not in SIDES:
            raise AstrodomeError(
                f"AIA images have no size '{size}'.", f"Known are {', '.join(SIDES)}.", exit_code=2
            )
        if unknown := sorted(set(wavelength) - set(WAVELENGTHS)):
            raise AstrodomeError(
                f"AIA has no images at {', '.join(map(str, unknown))} angstrom.",
                f"It has {', '.join(map(str, WAVELENGTHS))}.",
                exit_code=2,
            )
        if calibrate:
            self.calibration.prepare()
        rows = grid(start, end, freq, wavelength).sort_values(
            ["wavelength", "t_obs"], ignore_index=True
        )
        found = [self._nearest(int(w), each["t_obs"]) for w, each in rows.groupby("wavelength")]
        nearest = pd.concat(found, ignore_index=True)
        rows = rows.assign(
            provider=nearest["provider"], fileid=nearest["fileid"], size=size, calibrate=calibrate
        )
        return rows if quality is None else rows.assign(quality=quality)

    def _nearest(self, wavelength: int, wanted: pd.Series) -> pd.DataFrame:
        """Provider and file nearest to each time, empty where none is near."""
        reach = timedelta(seconds=self.limits.tolerance)
        times = wanted.sort_values()
        records = [
            # A sample begins with the window, so that its images are near the times.
            self.records(wavelength, first if sample else first - reach, last + reach, sample)
            for first, last, sample in _windows(times)
        ]
        known = pd.concat(records).drop_duplicates("fileid").sort_values("t_obs")
        near = pd.merge_asof(
            pd.DataFrame({"t_obs": times.to_numpy("datetime64[us]")}),
            known,
            on="t_obs",
            direction="nearest",
            tolerance=pd.Timedelta(reach),
        )
        return near[["provider", "fileid"]].fillna(NOTHING)

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[FetchedImage]:
        """Fetch rows of :meth:`search` one after the other and yield what became of each."""
        try:
            addresses = self.addresses(rows[rows["fileid"] != NOTHING])
        except AstrodomeError as error:
            for label in rows.index:
                yield FetchedImage(label, status="failed", reason=error.message)
            return
        for label, row in rows.to_dict("index").items():
            found = FetchedImage(label)
            try:
                if row["fileid"] not in addresses:
                    raise Missing(f"{self.service} has no image near this time.")
                self._fetch(row, addresses[row["fileid"]], target, found)
            except Missing as error:
                found.status, found.reason = "missing", error.message
            except AstrodomeError as error:
                found.status, found.reason = "failed", error.message
            yield found

    def stop(self) -> None:
        """End what other threads fetch, soon."""
        for host in list(self._hosts.values()):
            host.stop()

    def _host(self, root: str) -> Host:
        """The server at ``root``: archives give addresses on several."""
        with self._asking:
            if root not in self._hosts:
                limits = self.limits.model_copy(update={"url": root})
                self._hosts[root] = Host(f"{self.service}'s archive", limits)
            return self._hosts[root]

    def _fetch(self, row: Mapping[str, Any], url: str, target: Path, found: FetchedImage) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "aia.fits")

            def read(content: bytes) -> SolarImage:
                if not content.startswith(fits.SIGNATURE):
                    raise Unusable(f"{self.service}'s archive sent no FITS file.")
                path.write_bytes(content)
                try:
                    return read_image_file(ImageReference(path))
                except AstrodomeError as error:
                    raise Unusable(
                        f"{self.service}'s archive sent no good file. {error.message}"
                    ) from error

            parts = urlsplit(url)
            host = self._host(f"{parts.scheme}://{parts.netloc}")
            image = host.get(url.removeprefix(host.limits.url), read)
            bits, quality = image.quality or 0, row.get("quality")
            if quality is not None and bits & ~int(quality):
                found.status = "skipped"
                found.reason = f"Its quality has the bits {bits & ~int(quality):#x}."
                return
            if row.get("calibrate"):
                image = SolarImage.from_map(self.calibration.apply(image.to_map()))
            if image.wavelength != row["wavelength"]:
                raise AstrodomeError(f"The file is of {image.wavelength} angstrom.")
            upright = image.north_up()
            found.header = upright.metadata_row()
        if not row.get("image", True):  # it is there, only its header was not
            return
        name = filenames.file_name(row["t_obs"], row["wavelength"])
        how = ", calibrated" if row.get("calibrate") else ""
        comment = f"AIA level 1: {row['size']}, of {image.time:%Y-%m-%dT%H:%M:%S.%f}{how}"
        files.write_small(
            target / name, raster.encoded(upright.to_picture(SIDES[row["size"]]), name, comment)
        )
        found.path = target / name


def _windows(times: pd.Series) -> Iterator[tuple[datetime, datetime, float]]:
    """First time, last time and seconds between them, for each query of sorted times."""
    steps = times.diff().dropna().unique()
    even = len(steps) == 1 and pd.Timedelta(steps[0]) <= WINDOW
    if not even:
        for time in times:
            yield time.to_pydatetime(), time.to_pydatetime(), 0.0
        return
    step = pd.Timedelta(steps[0])
    count = max(1, WINDOW // step)
    for at in range(0, len(times), count):
        part = times.iloc[at : at + count]
        yield part.iloc[0].to_pydatetime(), part.iloc[-1].to_pydatetime(), step.total_seconds()
