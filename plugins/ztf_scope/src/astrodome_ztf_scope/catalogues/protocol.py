"""Protocol for plugins of the kind ``catalogue``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike


@runtime_checkable
class Catalogue(Protocol):
    """A database of documents about survey sources, which can be searched by query or position.

    A collection is identified by its role (``sources``, ``features``, ``classifications``,
    ``gaia``, ``allwise``, ``ps1``, ``alerts``) or by its name in the service. ``where`` maps column
    names to values or to conditions with the operators ``$eq``, ``$ne``, ``$gt``, ``$gte``,
    ``$lt``, ``$lte`` and ``$in``, for example ``{"field": 296, "nobs": {"$gte": 20}}``. A document
    matches if it satisfies all conditions. The condition ``{"$or": [where, ...]}`` is satisfied if
    at least one element of the list is satisfied.
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
        """Yield the matching documents, sorted by ``_id``.

        Each document contains ``_id`` and the requested ``columns``, or all columns if ``columns``
        is empty. The first ``skip`` documents are omitted. At most ``limit`` documents are
        returned; 0 means no limit. The list for the operator ``$in`` can have any length.
        """
        ...

    def cone(
        self,
        collection: str,
        ra: ArrayLike,
        dec: ArrayLike,
        radius: float,
        columns: Sequence[str] = (),
        *,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[dict[str, Any]]]:
        """Search for documents around each position, and return one list of documents per position.

        The positions are in degrees, and ``radius`` is the maximum separation in arcseconds. If
        ``where`` is given, only matching documents are returned. Each list is sorted by
        ``separation``. Each document contains ``_id``, ``ra`` and ``dec`` in degrees,
        ``separation`` in arcseconds, and the requested ``columns``.
        """
        ...

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """Return light curves as a table with one row per epoch.

        The columns are ``id``, ``hjd`` in days, ``mag``, ``magerr`` and ``filter`` (1 for g, 2 for
        r, 3 for i). The columns ``ra`` and ``dec`` in degrees, ``catflags``, ``programid`` and
        ``expid`` are included if they are available. All epochs are returned. The caller is
        responsible for filtering them by flag or time.
        """
        ...
