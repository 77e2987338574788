"""Image source ``jsoc``: AIA level 1 FITS files from the Joint Science Operations Center (JSOC).

JSOC exports files on request for registered e-mail addresses
(http://jsoc.stanford.edu/ajax/register_email.html). This module requests an export with drms, waits
until it is complete, and downloads the files over one connection. Series and record sets are
described at http://jsoc.stanford.edu/jsocwiki/DataSeries.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import ClassVar

import drms
import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, settings
from astrodome_solar.library_errors import converted_errors
from astrodome_solar.protocols import SourceInfo
from drms.config import ServerConfig

from .level1 import Level1Source
from .settings import JsocSettings

EUV, UV, VISIBLE = "aia.lev1_euv_12s", "aia.lev1_uv_24s", "aia.lev1_vis_1h"
SERIES = {1600: UV, 1700: UV, 4500: VISIBLE}
"""JSOC series for wavelengths (in angstroms) outside the extreme ultraviolet."""
RECORD = re.compile(r"\[([^\]]+)\]\[(\d+)\]")
"""Pattern for the time and wavelength in a record name."""
TIME = "%Y-%m-%dT%H:%M:%SZ"


class JsocSource(Level1Source):
    """Image source that downloads AIA level 1 FITS files from JSOC."""

    service: ClassVar[str] = "JSOC"
    info: ClassVar[SourceInfo] = replace(Level1Source.info, connections=1, batch=100)
    settings: JsocSettings

    def __init__(self) -> None:
        super().__init__(settings.section("jsoc", JsocSettings), "jsoc")

    @cached_property
    def client(self) -> drms.Client:
        """The drms client.

        Raises AstrodomeError if no e-mail address is configured.
        """
        if not self.settings.email:
            raise InvalidInputError(
                "Missing setting jsoc.email: JSOC requires a registered e-mail address.",
                f"Register an address at {self.settings.url}/ajax/register_email.html, "
                "and set jsoc.email.",
            )
        root = self.settings.url.rstrip("/")
        server = ServerConfig(
            name="JSOC",
            cgi_baseurl=f"{root}/cgi-bin/ajax/",
            cgi_jsoc_info="jsoc_info",
            cgi_jsoc_fetch="jsoc_fetch",
            cgi_check_address="checkAddress.sh",
            http_download_baseurl=f"{root}/",
        )
        return drms.Client(server)

    def records(
        self, wavelength: int, start: datetime, end: datetime, sample: float
    ) -> pd.DataFrame:
        """Return the records at a wavelength from ``start`` to ``end`` (UTC).

        At most one record per interval of ``sample`` seconds is returned. If ``sample`` is 0, all
        records are returned.
        """
        series = SERIES.get(wavelength, EUV)
        step = f"@{sample:.0f}s" if sample else ""
        query = f"{series}[{start:{TIME}}-{end:{TIME}}{step}][{wavelength}]"
        client = self.client
        with self._lock, converted_errors("The JSOC query failed", "Try again later."):
            found = client.query(query, key="T_REC", convert_numeric=False)
        stamps = found["T_REC"].astype(str) if len(found) else pd.Series([], dtype=str)
        t_obs = pd.to_datetime(stamps, format="ISO8601", utc=True, errors="coerce")
        return pd.DataFrame(
            {
                "t_obs": t_obs.dt.tz_localize(None).to_numpy("datetime64[us]"),
                "provider": np.full(len(stamps), series),
                "fileid": [f"[{stamp}][{wavelength}]" for stamp in stamps],
            }
        ).dropna()

    def addresses(self, rows: pd.DataFrame) -> dict[str, str]:
        """Request one export per wavelength, and return the file URLs, keyed by ``fileid``."""
        urls: dict[str, str] = {}
        for (series, wavelength), each in rows.groupby(["provider", "wavelength"]):
            times = ",".join(fileid[1:].partition("]")[0] for fileid in each["fileid"])
            urls |= self._export(f"{series}[{times}][{wavelength}]{{image}}")
        return urls

    def _export(self, records: str) -> dict[str, str]:
        """Export records as files, and return the file URLs, keyed by time and wavelength."""
        client = self.client
        hint = "Check that jsoc.email is registered, or try again later."
        with self._lock, converted_errors("The JSOC export failed", hint):
            request = client.export(
                records,
                method="url",
                protocol="fits",
                filenamefmt=False,
                email=self.settings.email,
            )
            ready = request.wait(timeout=self.settings.export_deadline, sleep=self.settings.poll)
            urls = request.urls if ready else None
        if urls is None:
            raise AstrodomeError(
                f"The JSOC export {request.id} was not complete after "
                f"{self.settings.export_deadline:g} s.",
                "Run the same command again later, or increase jsoc.export_deadline.",
            )
        found = {}
        for name, url in zip(urls["record"], urls["url"], strict=True):
            if parts := RECORD.search(str(name)):
                found[f"[{parts[1]}][{parts[2]}]"] = str(url)
        return found
