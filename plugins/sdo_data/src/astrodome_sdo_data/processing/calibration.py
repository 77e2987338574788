"""Calibration of AIA level 1 images with aiapy: pointing and degradation of the instrument.

Both tables are fetched once from the network, or read from files: the master pointing table as in
https://aia.lmsal.com/public/master_aia_pointing3h.csv, and the degradation as in SolarSoft's
``aia_V*_response_table.txt``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from astrodome_solar.library_errors import converted_errors
from astropy import units as u
from astropy.table import QTable
from astropy.time import Time
from sunpy.map import GenericMap

COLUMN_UNITS = {"X0": u.pix, "Y0": u.pix, "IMSCALE": u.arcsec / u.pix, "INSTROT": u.deg}
"""Units of the columns of the pointing table, by the last part of their names."""
POINTING_SERVICES, DEGRADATION_SERVICES = ("lmsal", "jsoc"), ("ssw", "jsoc")
"""Names of the services from which aiapy can fetch a table."""
_LOADING = threading.Lock()


class Calibration:
    """Correction of pointing and degradation; the exposure time is not changed.

    Parameters
    ----------
    pointing, degradation : str
        File of the table, or a service of aiapy: ``lmsal`` or ``jsoc`` for the pointing, ``ssw``
        or ``jsoc`` for the degradation.
    section : str
        Section of the settings that contains these values, for messages.
    """

    def __init__(
        self, pointing: str = "lmsal", degradation: str = "ssw", section: str = "fido"
    ) -> None:
        self.pointing, self.degradation, self.section = pointing, degradation, section

    def prepare(self) -> None:
        """Load the tables; raise AstrodomeError if they or aiapy are not available."""
        if find_spec("aiapy") is None:
            raise AstrodomeError(
                "The package aiapy, which is needed for calibration, is not installed.",
                "pip install 'astrodome-sdo-data[calibrate]'",
            )
        with _LOADING:
            _ = self._pointing_table, self._degradation_table

    def apply(self, solar: GenericMap) -> GenericMap:
        """Return an AIA level 1 map of 4096 x 4096 pixels with corrected pointing and intensity.

        Raises AstrodomeError for other maps, and if the tables do not cover the time.
        """
        self.prepare()
        from aiapy.calibrate import correct_degradation, update_pointing

        with converted_errors("The calibration with aiapy failed"):
            # The service of JSOC returns a table for the time of each image.
            table = self._pointing_table
            pointing = _fetch_from_jsoc(solar) if table is None else table
            pointed = update_pointing(solar, pointing_table=pointing)
            return correct_degradation(pointed, correction_table=self._degradation_table)

    @cached_property
    def _pointing_table(self) -> Any:
        from aiapy.calibrate.util import get_pointing_table

        service = self.pointing.lower()
        if service == "jsoc":
            return None
        if service in POINTING_SERVICES:
            return self._load("pointing", service, lambda: get_pointing_table(service))
        path = Path(self.pointing).expanduser()
        return self._load("pointing", str(path), lambda: read_pointing(path))

    @cached_property
    def _degradation_table(self) -> Any:
        from aiapy.calibrate.util import get_correction_table

        origin = self.degradation.lower()
        if origin not in DEGRADATION_SERVICES:
            origin = str(Path(self.degradation).expanduser())
        return self._load("degradation", origin, lambda: get_correction_table(origin))

    def _load(self, table: str, origin: str, load: Callable[[], Any]) -> Any:
        if origin in POINTING_SERVICES + DEGRADATION_SERVICES:
            failure = f"Cannot fetch AIA's {table} table from {origin}"
            hint = f"Set {self.section}.{table} to a file of the table, or try again later."
        else:
            failure = f"{origin} is not a valid table of AIA's {table}"
            hint = f"Correct the setting {self.section}.{table}."
        with converted_errors(failure, hint):
            return load()


def read_pointing(path: Path) -> QTable:
    """Return the master pointing table of a CSV file, with units."""
    table = QTable.read(path, format="ascii.csv")
    for name in ("T_START", "T_STOP"):
        table[name] = Time(table[name], scale="utc")
    for name in table.colnames:
        unit = COLUMN_UNITS.get(name.rpartition("_")[2])
        if unit is not None:
            column = table[name]
            table[name] = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan) * unit
    return table


def _fetch_from_jsoc(solar: GenericMap) -> QTable:
    from aiapy.calibrate.util import get_pointing_table

    margin = 6 * u.hour
    time_range = Time([solar.reference_date - margin, solar.reference_date + margin])
    return get_pointing_table("jsoc", time_range=time_range)
