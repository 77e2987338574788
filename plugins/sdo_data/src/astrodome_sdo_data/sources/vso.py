"""Image source ``fido``: AIA level 1 FITS files from the Virtual Solar Observatory (VSO).

The VSO is accessed with sunpy. Since May 2010, it provides an image at each wavelength every 12 or
24 s.
"""

from __future__ import annotations

import warnings
from datetime import datetime
from functools import cached_property
from typing import ClassVar

import pandas as pd
from astrodome import AstrodomeError, settings
from astrodome_solar.library_errors import converted_errors
from astropy import units as u
from sunpy.net import attrs as a
from sunpy.net.vso import VSOClient
from sunpy.util.exceptions import SunpyUserWarning

from .level1 import Level1Source
from .settings import FidoSettings


class VsoSource(Level1Source):
    """Image source that downloads AIA level 1 FITS files from the VSO."""

    service: ClassVar[str] = "The VSO"
    settings: FidoSettings

    def __init__(self) -> None:
        super().__init__(settings.section("fido", FidoSettings), "fido")

    @cached_property
    def client(self) -> VSOClient:
        """The sunpy client for the VSO.

        Raises AstrodomeError if no server can be reached.
        """
        url = self.settings.url
        hint = "Try again later, or check the setting fido.url."
        with converted_errors(f"Cannot connect to the VSO{url and ' at '}{url}", hint):
            return VSOClient(url=url, port=self.settings.port) if url else VSOClient()

    def records(
        self, wavelength: int, start: datetime, end: datetime, sample: float
    ) -> pd.DataFrame:
        """Return the records at a wavelength from ``start`` to ``end`` (UTC).

        At most one record per interval of ``sample`` seconds is returned. If ``sample`` is 0, all
        records are returned.
        """
        query = [a.Time(start, end), a.Instrument("AIA")]
        query += [a.Wavelength(wavelength * u.AA, wavelength * u.AA)]
        query += [a.Sample(sample * u.s)] if sample else []
        client = self.client
        failure = "The VSO query failed"
        recording = warnings.catch_warnings(record=True)
        with self._lock, converted_errors(failure), recording as caught:
            warnings.simplefilter("always", SunpyUserWarning)
            found = client.search(*query)
        # sunpy reports some provider errors only as warnings.
        problems = [warning.message for warning in caught] + list(found.errors)
        if problems:
            text = " ".join(str(problems[0]).split())
            raise AstrodomeError(f"{failure}: {text}.", "Try again later.")
        if not len(found):
            return pd.DataFrame(
                {"t_obs": pd.to_datetime([]).as_unit("us"), "provider": [], "fileid": []}
            )
        t_obs = found["Start Time"].to_value("datetime64").astype("datetime64[us]")
        return pd.DataFrame(
            {"t_obs": t_obs, "provider": list(found["Provider"]), "fileid": list(found["fileid"])}
        )

    def addresses(self, rows: pd.DataFrame) -> dict[str, str]:
        """Return the file URLs for the given rows, keyed by ``fileid``, with one request."""
        if rows.empty:
            return {}
        by_provider = {name: list(each["fileid"]) for name, each in rows.groupby("provider")}
        client = self.client
        methods = [*client.method_order, "URL"]
        with self._lock, converted_errors("The VSO returned no file URLs"):
            request = client.create_getdatarequest(by_provider, methods, {})
            response = client.api.service.GetData(request)
        urls: dict[str, str] = {}
        for part in response or ():
            for item in part.getdataitem.dataitem if part.getdataitem else ():
                if item.url and item.fileiditem:
                    urls |= dict.fromkeys(item.fileiditem.fileid, item.url)
        return urls
