"""AIA level 1 FITS out of the Virtual Solar Observatory, through sunpy.

sunpy's client asks the VSO for records and for the addresses of their files. The VSO's
catalogue has an image of each wavelength every 12 or 24 s since 2010.
"""

from __future__ import annotations

import warnings
from datetime import datetime
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, settings
from astrodome_solar.library_errors import converted_errors
from astropy import units as u
from pydantic import Field
from sunpy.net import attrs as a
from sunpy.net.vso import VSOClient
from sunpy.util.exceptions import SunpyUserWarning

from .level1 import Level1, Level1Settings


class FidoSettings(Level1Settings):
    """The VSO and aiapy's tables; every key also as ``ASTRODOME_FIDO_<KEY>``."""

    url: str = Field("", description="WSDL of a VSO server; without it the first that answers.")
    port: str = Field("sdacVSOi", description="Name of the port in the WSDL.")


class Fido(Level1):
    """Kind ``images``: AIA level 1 of the VSO as grey JPEG; calibrated by aiapy when asked."""

    service: ClassVar[str] = "The VSO"
    limits: FidoSettings

    def __init__(self) -> None:
        super().__init__(settings.section("fido", FidoSettings), "fido")

    @cached_property
    def client(self) -> VSOClient:
        """sunpy's client of the VSO; raises AstrodomeError when no server answers."""
        where = self.limits.url
        hint = "Try again later, or check fido.url in the settings."
        with converted_errors(f"The VSO does not answer{where and ' at '}{where}", hint):
            return VSOClient(url=where, port=self.limits.port) if where else VSOClient()

    def records(
        self, wavelength: int, start: datetime, end: datetime, sample: float
    ) -> pd.DataFrame:
        """What the VSO has in this time, one record in ``sample`` seconds; 0 for all."""
        wave = a.Wavelength(wavelength * u.AA, wavelength * u.AA)
        asked = [a.Time(start, end), a.Instrument("AIA"), wave]
        asked += [a.Sample(sample * u.s)] if sample else []
        client = self.client
        failure = "The VSO did not answer a query"
        record = warnings.catch_warnings(record=True)
        with self._asking, converted_errors(failure), record as said:
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

    def addresses(self, rows: pd.DataFrame) -> dict[str, str]:
        """Where the files of these rows are, in one question."""
        if rows.empty:
            return {}
        by_provider = {name: list(each["fileid"]) for name, each in rows.groupby("provider")}
        client = self.client
        methods = [*client.method_order, "URL"]
        with self._asking, converted_errors("The VSO gave no addresses"):
            request = client.create_getdatarequest(by_provider, methods, {})
            answer = client.api.service.GetData(request)
        found: dict[str, str] = {}
        for part in answer or ():
            items = part.getdataitem.dataitem if part.getdataitem else None
            for item in items or ():
                if item.url and item.fileiditem:
                    found |= dict.fromkeys(item.fileiditem.fileid, item.url)
        return found
