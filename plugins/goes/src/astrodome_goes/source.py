"""The source of kind ``flux`` for other plugins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .store.flux_store import Store
from .store.lookup import MAX_DIFF, flux_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class GoesFlux:
    """The flux in the local GOES store, or in the store in ``folder``."""

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, max_diff: float = MAX_DIFF
    ) -> None:
        self.store = Store(folder)
        self.max_diff = max_diff

    def flux_at(self, times: Any) -> NDArray[np.float64]:
        """Return the 1-8 angstrom flux (W/m2) at UTC times, shape (N,).

        The result is NaN where no good sample is within ``max_diff`` seconds. Raises
        AstrodomeError if the store is empty.
        """
        return flux_at(self.store, times, self.max_diff)
