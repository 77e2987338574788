"""Find light curves in files by identifier or position, for the vetting page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..catalogues import epochs, positions
from ..features.extraction import partitioning
from ..features.extraction.inputs import FileInput


class SortedLightCurves:
    """The light curves in files, with the methods of a catalogue that the vetting page uses.

    ``folder`` is a folder for copies of the epochs, which are sorted by identifier. Memory usage
    does not depend on the number of epochs.

    Raises AstrodomeError if a file does not exist, or if a required column is missing.
    """

    def __init__(self, paths: Sequence[Path], folder: Path) -> None:
        files = tuple(epochs.light_curve_files([path.expanduser() for path in paths]))
        FileInput(files).prepare(folder)
        self.folder = folder

    @cached_property
    def _positions(self) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
        return partitioning.read_positions(self.folder)

    @property
    def has_positions(self) -> bool:
        """Whether at least one light curve has a position."""
        _, ra, dec = self._positions
        return bool(np.any(np.isfinite(ra) & np.isfinite(dec)))

    def cone(
        self, collection: str, ra: float, dec: float, radius: float, columns: Sequence[str] = ()
    ) -> list[list[dict[str, Any]]]:
        """Return the light curves around one position. See the protocol ``Catalogue``."""
        ids, other_ra, other_dec = self._positions
        distances = positions.separations(ra, dec, other_ra, other_dec)
        near = np.flatnonzero(distances <= radius)
        order = near[np.argsort(distances[near], kind="stable")]
        return [[{"_id": ids[row], "separation": float(distances[row])} for row in order]]

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """Return light curves with one row per epoch. See the protocol ``Catalogue``."""
        curves = partitioning.find(self.folder, sorted(set(map(str, ids))))
        table = epochs.normalize(curves, "The light curves").to_pandas()
        return table.rename(columns={"_id": "id"})
