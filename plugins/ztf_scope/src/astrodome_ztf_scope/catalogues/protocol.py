"""Protocol of the kind ``catalogue``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike


@runtime_checkable
class Catalogue(Protocol):
    """Documents about survey sources, found by a query or by position.

    A collection is identified by its role (``sources``, ``features``, ``classifications``,
    ``gaia``) or by its name in the service. ``where`` maps columns to a value or to conditions with
    the operators ``$eq $ne $gt $gte $lt $lte $in``, for example
    ``{"field": 296, "nobs": {"$gte": 20}}``. A document must satisfy all of them. With
    ``{"$or": [where, ...]}`` it must satisfy at least one element of the list.
    """

    def collections(self) -> list[str]:
        """Return the names of the available collections."""
        ...

    def find(
        self,
        collection: str,
        where: Mapping[str, Any],
        columns: Sequence[str] = (),
        *,
        skip: int = 0,
        limit: int = 0,
    ) -> Iterable[dict[str, Any]]:
        """Yield the matching documents in the order of their ``_id``.

        Each document has ``_id`` and the ``columns``, or all columns if ``columns`` is empty. A
        ``limit`` of 0 means no limit. The list of an ``$in`` can have any length.
        """
        ...

    def cone(
        self,
        collection: str,
        ra: ArrayLike,
        dec: ArrayLike,
        radius: float,
        columns: Sequence[str] = (),
    ) -> list[list[dict[str, Any]]]:
        """Return, for each position (deg), the documents within ``radius`` (arcsec).

        The documents of a position are sorted by ``separation`` (arcsec). Each has ``_id``,
        ``ra``, ``dec`` (deg), ``separation`` and the ``columns``.
        """
        ...

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """Return light curves with one row per epoch.

        The columns are ``id``, ``hjd`` (d), ``mag``, ``magerr`` and ``filter`` (1 g, 2 r, 3 i), and
        if known ``ra``, ``dec`` (deg), ``catflags``, ``programid`` and ``expid``. All epochs are
        returned: the caller applies limits and flags.
        """
        ...
