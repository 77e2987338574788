"""The source of kind ``flux`` that other plugins use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .store.flux_store import Store, default_folder
from .store.lookup import MAX_DIFF, nearest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class GoesFlux:
    """Flux of the local GOES store, or of the one in ``folder``."""

    def __init__(self, folder: Path | None = None, max_diff: float = MAX_DIFF) -> None:
        self.store = Store(folder or default_folder())
        self.max_diff = max_diff

    def flux_at(self, times: ArrayLike) -> NDArray[np.float64]:
        """1-8 angstrom flux (W/m2) at UTC times, shape (N,).

        NaN where no good sample lies within ``max_diff`` seconds. Raises
        AstrodomeError when the store is empty.
        """
        wanted = np.atleast_1d(np.asarray(times, "datetime64[us]"))
        samples, distance = nearest(self.store, wanted, self.max_diff)
        return np.where(np.isfinite(distance), samples["xrsb"].astype(np.float64), np.nan)
