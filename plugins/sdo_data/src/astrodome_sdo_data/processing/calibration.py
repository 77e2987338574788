"""Calibrate AIA level 1 images with aiapy: correct the pointing and the degradation.

The pointing table and the degradation table are downloaded once or read from files. The pointing
file must have the format of https://aia.lmsal.com/public/master_aia_pointing3h.csv. The
degradation file must have the format of ``aia_V*_response_table.txt`` in SolarSoft.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
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
"""Units of the columns in the pointing table, keyed by the last part of the column name."""
_LOADING = threading.Lock()


class Calibration:
    """Calibration that corrects the pointing and the degradation of AIA level 1 maps.

    Intensities are not divided by the exposure time.

    Parameters
    ----------
    pointing, degradation : str
        Path of the table, or name of a service that aiapy supports: ``lmsal`` or ``jsoc`` for the
        pointing table, ``ssw`` or ``jsoc`` for the degradation table.
    section : str
        Name of the settings section that contains these values. It is used in error messages.
    """

    def __init__(
        self, pointing: str = "lmsal", degradation: str = "ssw", section: str = "fido"
    ) -> None:
        self.pointing, self.degradation, self.section = pointing, degradation, section

    def prepare(self) -> None:
        """Load the pointing table and the degradation table.

        Raises AstrodomeError if a table is not available or aiapy is not installed.
        """
        if find_spec("aiapy") is None:
            raise AstrodomeError(
                "Calibration requires the package aiapy, which is not installed.",
                "pip install 'astrodome-sdo-data[calibrate]'",
            )
        with _LOADING:
            _ = self._pointing_table, self._degradation_table

    def apply(self, solar: GenericMap) -> GenericMap:
        """Correct the pointing and the intensity of an AIA level 1 map with 4096 x 4096 pixels.

        Raises AstrodomeError if the map has a different level or size, or if the tables do not
        include its observation time.
        """
        self.prepare()
        from aiapy.calibrate import correct_degradation, update_pointing

        with converted_errors("The calibration with aiapy failed"):
            # JSOC returns a separate table for the time of each image.
            table = self._pointing_table
            pointing = _fetch_from_jsoc(solar) if table is None else table
            pointed = update_pointing(solar, pointing_table=pointing)
            return correct_degradation(pointed, correction_table=self._degradation_table)

    @cached_property
    def _pointing_table(self) -> Any:
        """The pointing table, or None if it is requested from JSOC for each image."""
        from aiapy.calibrate.util import get_pointing_table

        if self.pointing.lower() == "jsoc":
            return None
        with self._errors("pointing", self.pointing):
            if self.pointing.lower() == "lmsal":
                return get_pointing_table("lmsal")
            return read_pointing(Path(self.pointing).expanduser())

    @cached_property
    def _degradation_table(self) -> Any:
        from aiapy.calibrate.util import get_correction_table

        service = self.degradation.lower()
        path = str(Path(self.degradation).expanduser())
        with self._errors("degradation", self.degradation):
            return get_correction_table(service if service in ("ssw", "jsoc") else path)

    def _errors(self, table: str, origin: str) -> AbstractContextManager[None]:
        return converted_errors(
            f"Cannot load the AIA {table} table from {origin}",
            f"Change the setting {self.section}.{table}, or try again later.",
        )


def read_pointing(path: Path) -> QTable:
    """Read the master pointing table from a CSV file, and add units."""
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
