"""AIA level 1 FITS from the Joint Science Operations Center itself, through drms.

JSOC prepares files on demand and for registered e-mail addresses only
(http://jsoc.stanford.edu/ajax/register_email.html): an export is asked for, waited for, and
fetched on one connection. Series and record sets are those of
http://jsoc.stanford.edu/jsocwiki/DataSeries.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cached_property
from typing import ClassVar

import drms
import numpy as np
import pandas as pd
from astrodome import AstrodomeError, settings
from astrodome_solar.library_errors import converted_errors
from astrodome_solar.protocols import SourceInfo
from drms.config import ServerConfig
from pydantic import Field

from .level1 import Level1, Level1Settings

EUV, UV, VISIBLE = "aia.lev1_euv_12s", "aia.lev1_uv_24s", "aia.lev1_vis_1h"
SERIES = {1600: UV, 1700: UV, 4500: VISIBLE}
"""Series of the wavelengths (angstrom) that are not extreme ultraviolet."""
RECORD = re.compile(r"\[([^\]]+)\]\[(\d+)\]")
"""Time and wavelength in the name of a record."""
TIME = "%Y-%m-%dT%H:%M:%SZ"


class JsocSettings(Level1Settings):
    """JSOC and aiapy's tables; every key also as ``ASTRODOME_JSOC_<KEY>``."""

    url: str = Field("http://jsoc.stanford.edu", description="Root of the server.")
    email: str = Field("", description="Address that is registered with JSOC for exports.")
    connections: int = Field(1, ge=1, le=2, description="Connections at a time; JSOC wants one.")
    poll: float = Field(5.0, gt=0, description="Seconds between two looks at an export.")
    export_deadline: float = Field(3600.0, gt=0, description="Seconds that an export may take.")


class Jsoc(Level1):
    """Kind ``images``: AIA level 1 of JSOC as grey JPEG; calibrated by aiapy when asked."""

    service: ClassVar[str] = "JSOC"
    info: ClassVar[SourceInfo] = SourceInfo(
        **{name: getattr(Level1.info, name) for name in SourceInfo.__slots__}
        | {"connections": 1, "batch": 100}
    )
    limits: JsocSettings

    def __init__(self) -> None:
        super().__init__(settings.section("jsoc", JsocSettings), "jsoc")

    @cached_property
    def client(self) -> drms.Client:
        """drms's client of the server; raises AstrodomeError without a registered address."""
        if not self.limits.email:
            raise AstrodomeError(
                "JSOC gives files to registered e-mail addresses only.",
                f"Register one at {self.limits.url}/ajax/register_email.html and set jsoc.email.",
                exit_code=2,
            )
        root = self.limits.url.rstrip("/")
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
        series = SERIES.get(wavelength, EUV)
        every = f"@{sample:.0f}s" if sample else ""
        wanted = f"{series}[{start:{TIME}}-{end:{TIME}}{every}][{wavelength}]"
        client = self.client
        with (
            self._asking,
            converted_errors("JSOC did not answer a query", "Try again later."),
        ):
            found = client.query(wanted, key="T_REC", convert_numeric=False)
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
        found: dict[str, str] = {}
        for (series, wavelength), each in rows.groupby(["provider", "wavelength"]):
            times = ",".join(fileid[1:].partition("]")[0] for fileid in each["fileid"])
            found |= self._exported(f"{series}[{times}][{wavelength}]{{image}}")
        return found

    def _exported(self, records: str) -> dict[str, str]:
        """Have records prepared as files; their addresses by time and wavelength."""
        client = self.client
        hint = "Check that jsoc.email is registered, or try again later."
        with self._asking, converted_errors("JSOC did not export", hint):
            how = {"method": "url", "protocol": "fits", "filenamefmt": False}
            request = client.export(records, email=self.limits.email, **how)
            ready = request.wait(timeout=self.limits.export_deadline, sleep=self.limits.poll)
            urls = request.urls if ready else None
        if urls is None:
            raise AstrodomeError(
                f"JSOC has not finished the export {request.id} in time.",
                "Give the same command again later, or raise jsoc.export_deadline.",
            )
        found = {}
        for name, url in zip(urls["record"], urls["url"], strict=True):
            if parts := RECORD.search(str(name)):
                found[f"[{parts[1]}][{parts[2]}]"] = str(url)
        return found
