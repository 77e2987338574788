"""Data source of the kind ``flux``, which other plugins can use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .store.flux_store import Store
from .store.lookup import MAX_DIFF, flux_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class GoesFlux:
    """A source for the GOES X-ray flux in the store ``folder``, or in the default store."""

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, max_diff: float = MAX_DIFF
    ) -> None:
        self.store = Store(folder)
        self.max_diff = max_diff

    def flux_at(self, times: Any) -> NDArray[np.float64]:
        """Return the 1-8 angstrom flux at N UTC times as an array with shape (N,), in W/m2.

        Values are NaN at times without a good sample within ``max_diff`` seconds. Raises
        AstrodomeError if the store is empty.
        """
        return flux_at(self.store, times, self.max_diff)
