"""AIA level 1 FITS out of the Virtual Solar Observatory, through sunpy.

sunpy's client asks the VSO for records and for the addresses of their files; those are fetched
like any other archive's, scaled to eight bits and turned north up. The VSO's catalogue has
an image of each wavelength every 12 or 24 s since 2010.
"""

from __future__ import annotations

import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files, settings
from astrodome.sources import About, Fetched
from astropy import units as u
from pydantic import Field
from sunpy.net import attrs as a
from sunpy.net.vso import VSOClient
from sunpy.util.exceptions import SunpyUserWarning

from .. import naming, observation, pictures
from ..calibration import Calibration
from . import grid
from .host import Host, HostSettings, Missing, Unusable

WAVELENGTHS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)
SIDES = {"2k": 2048, "4k": 4096, "1k": 1024, "512": 512, "256": 256}
TRANSFER = 9_000_000
"""Bytes of an image of 4096 x 4096 in Rice compression, about."""
WINDOW = timedelta(days=5)
"""Time of one query: the VSO cuts the answers to long ones."""
NOTHING = ""
"""The file of a row for which the VSO has none."""


class FidoSettings(HostSettings):
    """The VSO and aiapy's tables; every key also as ``ASTRODOME_FIDO_<KEY>``."""

    url: str = Field("", description="WSDL of a VSO server; without it the first that answers.")
    port: str = Field("sdacVSOi", description="Name of the port in the WSDL.")
    connections: int = Field(4, ge=1, le=8, description="Connections at a time, at most.")
    deadline: float = Field(900.0, gt=0, description="Seconds that one transfer may take.")
    tolerance: float = Field(
        60.0, ge=0, description="Seconds that an image may be away from its time."
    )
    pointing: str = Field("lmsal", description="Pointing table: lmsal, jsoc, or a CSV file.")
    degradation: str = Field("ssw", description="Degradation table: ssw, jsoc, or a file.")


class Fido:
    """Kind ``images``: AIA level 1 as grey JPEG, north up; calibrated by aiapy when asked."""

    about: ClassVar[About] = About(
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

    def __init__(self) -> None:
        self.limits = settings.section("fido", FidoSettings)
        self._hosts: dict[str, Host] = {}
        self.calibration = Calibration(self.limits.pointing, self.limits.degradation)
        self._asking = threading.Lock()

    @cached_property
    def client(self) -> VSOClient:
        """sunpy's client of the VSO; raises AstrodomeError when no server answers."""
        where = self.limits.url
        hint = "Try again later, or check fido.url in the settings."
        with observation.understood(f"The VSO does not answer{where and ' at '}{where}", hint):
            return VSOClient(url=where, port=self.limits.port) if where else VSOClient()

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
        """A row for each time and wavelength with the file nearest to it that the VSO knows.

        Columns: ``t_obs`` (UTC), ``wavelength`` (angstrom), ``provider`` and ``fileid``, which
        are empty where none is within ``fido.tolerance``, ``size`` (a key of :data:`SIDES`),
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
            self._records(wavelength, first if sample else first - reach, last + reach, sample)
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

    def _records(
        self, wavelength: int, start: datetime, end: datetime, sample: float
    ) -> pd.DataFrame:
        """What the VSO has in this time, one record in ``sample`` seconds; 0 for all."""
        wave = a.Wavelength(wavelength * u.AA, wavelength * u.AA)
        asked = [a.Time(start, end), a.Instrument("AIA"), wave]
        asked += [a.Sample(sample * u.s)] if sample else []
        client = self.client
        failure = "The VSO did not answer a query"
        record = warnings.catch_warnings(record=True)
        with self._asking, observation.understood(failure), record as said:
            warnings.simplefilter("always", SunpyUserWarning)
            found = client.search(*asked)
        if said:  # sunpy only warns of what a provider could not do
            why = " ".join(str(said[0].message).split())
            raise AstrodomeError(f"{failure}: {why}.", "Try again later.")
        if found.errors:
            why = " ".join(str(found.errors[0]).split())
            found.errors.clear()  # sunpy keeps them for all later answers
            raise AstrodomeError(f"{failure}: {why}.", "Try again later.")
        if not len(found):
            return pd.DataFrame(
                {"t_obs": np.array([], "datetime64[us]"), "provider": [], "fileid": []}
            )
        t_obs = found["Start Time"].to_value("datetime64").astype("datetime64[us]")
        return pd.DataFrame(
            {"t_obs": t_obs, "provider": list(found["Provider"]), "fileid": list(found["fileid"])}
        )

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[Fetched]:
        """Fetch rows of :meth:`search` one after the other and yield what became of each."""
        try:
            addresses = self._addresses(rows[rows["fileid"] != NOTHING])
        except AstrodomeError as error:
            for label in rows.index:
                yield Fetched(label, status="failed", reason=error.message)
            return
        for label, row in rows.to_dict("index").items():
            found = Fetched(label)
            try:
                if row["fileid"] not in addresses:
                    raise Missing("The VSO has no image near this time.")
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
        """The server at ``root``: the VSO gives addresses on several."""
        with self._asking:
            if root not in self._hosts:
                limits = self.limits.model_copy(update={"url": root})
                self._hosts[root] = Host("The VSO's archive", limits)
            return self._hosts[root]

    def _addresses(self, rows: pd.DataFrame) -> dict[str, str]:
        """Where the files of these rows are, in one question."""
        if rows.empty:
            return {}
        by_provider = {name: list(each["fileid"]) for name, each in rows.groupby("provider")}
        client = self.client
        methods = [*client.method_order, "URL"]
        with self._asking, observation.understood("The VSO gave no addresses"):
            request = client.create_getdatarequest(by_provider, methods, {})
            answer = client.api.service.GetData(request)
        found: dict[str, str] = {}
        for part in answer or ():
            items = part.getdataitem.dataitem if part.getdataitem else None
            for item in items or ():
                if item.url and item.fileiditem:
                    found |= dict.fromkeys(item.fileiditem.fileid, item.url)
        return found

    def _fetch(self, row: Mapping[str, Any], url: str, target: Path, found: Fetched) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "aia.fits")

            def read(content: bytes) -> Any:
                if not content.startswith(observation.FITS):
                    raise Unusable("The VSO's archive sent no FITS file.")
                path.write_bytes(content)
                try:
                    return observation.solar_map(path)
                except AstrodomeError as error:
                    raise Unusable(
                        f"The VSO's archive sent no good file. {error.message}"
                    ) from error

            parts = urlsplit(url)
            host = self._host(f"{parts.scheme}://{parts.netloc}")
            solar = host.get(url.removeprefix(host.limits.url), read)
            bits, quality = solar.meta.get("quality", 0), row.get("quality")
            if quality is not None and isinstance(bits, int) and bits & ~int(quality):
                found.status = "skipped"
                found.reason = f"Its quality has the bits {bits & ~int(quality):#x}."
                return
            if row.get("calibrate"):
                solar = self.calibration.apply(solar)
            seen = observation.from_map(solar)
            if seen.wavelength != row["wavelength"]:
                raise AstrodomeError(f"The file is of {seen.wavelength} angstrom.")
            image, found.header = seen.render(SIDES[row["size"]])
        if not row.get("image", True):  # it is there, only its header was not
            return
        name = naming.file_name(row["t_obs"], row["wavelength"])
        how = ", calibrated" if row.get("calibrate") else ""
        comment = f"VSO: {row['size']}, of {seen.t_obs:%Y-%m-%dT%H:%M:%S.%f}{how}"
        files.write_small(target / name, pictures.encoded(image, name, comment))
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
