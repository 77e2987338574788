"""AIA images corrected as aiapy does it: pointing from the master table, degradation with time.

Both tables come from the network once, or are files: the pointing as at
https://aia.lmsal.com/public/master_aia_pointing3h.csv, the degradation as in SolarSoft,
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

UNITS = {"X0": u.pix, "Y0": u.pix, "IMSCALE": u.arcsec / u.pix, "INSTROT": u.deg}
"""What the columns of the pointing table are in, by the end of their names."""
POINTING, DEGRADATION = ("lmsal", "jsoc"), ("ssw", "jsoc")
"""Names of the places that aiapy asks."""
_READING = threading.Lock()


class Calibration:
    """Pointing and degradation corrected; the exposure is divided out where counts are scaled."""

    def __init__(
        self, pointing: str = "lmsal", degradation: str = "ssw", section: str = "fido"
    ) -> None:
        """A table is a file, or a place that aiapy asks: ``lmsal``, ``ssw``; ``jsoc`` has both.

        ``section`` is that of the settings in which a user sets them.
        """
        self.pointing, self.degradation, self.section = pointing, degradation, section

    def prepare(self) -> None:
        """Have the tables; raises AstrodomeError when they, or aiapy, are not to be had."""
        if find_spec("aiapy") is None:
            raise AstrodomeError(
                "Calibration needs the package aiapy.",
                "pip install 'astrodome-sdo-data[calibrate]'",
            )
        with _READING:
            _ = self._pointing, self._degradation

    def apply(self, solar: GenericMap) -> GenericMap:
        """An AIA map of level 1 and 4096 x 4096 pixels with its pointing and intensity corrected.

        Raises AstrodomeError when it is another, or the tables do not cover its time.
        """
        self.prepare()
        from aiapy.calibrate import correct_degradation, update_pointing

        with converted_errors("aiapy cannot calibrate it"):
            # JSOC's table is asked for the time of each image.
            table = _from_jsoc(solar) if self._pointing is None else self._pointing
            pointed = update_pointing(solar, pointing_table=table)
            return correct_degradation(pointed, correction_table=self._degradation)

    @cached_property
    def _pointing(self) -> Any:
        from aiapy.calibrate.util import get_pointing_table

        place = self.pointing.lower()
        if place == "jsoc":
            return None
        if place in POINTING:
            return self._asked("pointing", place, lambda: get_pointing_table(place))
        return self._asked("pointing", self.pointing, lambda: read_pointing(Path(self.pointing)))

    @cached_property
    def _degradation(self) -> Any:
        from aiapy.calibrate.util import get_correction_table

        place = self.degradation.lower()
        if place not in DEGRADATION:
            place = str(Path(self.degradation).expanduser())
        return self._asked("degradation", place, lambda: get_correction_table(place))

    def _asked(self, what: str, place: str, read: Callable[[], Any]) -> Any:
        if place in POINTING + DEGRADATION:
            failure = f"The table of AIA's {what} cannot be fetched from {place}"
            hint = f"Set {self.section}.{what} to a file of it, or try again later."
        else:
            failure = f"{place} is no table of AIA's {what}"
            hint = f"Correct {self.section}.{what} in the settings."
        with converted_errors(failure, hint):
            return read()


def read_pointing(path: Path) -> QTable:
    """The master pointing table of a CSV file, with units."""
    table = QTable.read(path.expanduser(), format="ascii.csv")
    for name in ("T_START", "T_STOP"):
        table[name] = Time(table[name], scale="utc")
    for name in table.colnames:
        unit = UNITS.get(name.rpartition("_")[2])
        if unit is not None:
            values = table[name]
            table[name] = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan) * unit
    return table


def _from_jsoc(solar: GenericMap) -> QTable:
    from aiapy.calibrate.util import get_pointing_table

    around = Time([solar.reference_date - 6 * u.hour, solar.reference_date + 6 * u.hour])
    return get_pointing_table("jsoc", time_range=around)
