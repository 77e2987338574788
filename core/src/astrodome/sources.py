"""Protocols of data sources by kind, and how a command gets one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from . import plugins
from .errors import AstrodomeError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


@runtime_checkable
class Images(Protocol):
    """Kind ``images``: an archive of solar images."""

    def search(
        self, start: datetime, end: datetime, freq: str, wavelength: Sequence[int]
    ) -> pd.DataFrame:
        """A row an image: ``t_obs`` (UTC), ``wavelength`` (angstrom), and what ``fetch`` needs."""
        ...

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterable[Path]:
        """Bring the images of these rows to the folder ``target``; yield each finished file."""
        ...


@runtime_checkable
class Events(Protocol):
    """Kind ``events``: a catalogue of solar events."""

    def search(
        self, start: datetime, end: datetime, event_types: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Events that overlap [start, end] (UTC), as untouched records of the catalogue."""
        ...


@runtime_checkable
class Flux(Protocol):
    """Kind ``flux``: solar soft X-ray flux."""

    def flux_at(self, times: ArrayLike) -> NDArray[np.float64]:
        """1-8 angstrom flux (W/m2) at UTC times, shape (N,); NaN where no good sample is near."""
        ...


@runtime_checkable
class LightCurves(Protocol):
    """Kind ``lightcurves``: photometric time series by source."""

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """One row an epoch: ``id``, ``hjd`` (d), ``mag``, ``magerr``, ``filter``."""
        ...


@runtime_checkable
class Catalogue(Protocol):
    """Kind ``catalogue``: documents of survey sources, found by query or position."""

    def find(self, collection: str, where: Mapping[str, Any], columns: Sequence[str]) -> Any:
        """The matching documents, projected to ``columns``."""
        ...

    def cone(self, collection: str, ra: ArrayLike, dec: ArrayLike, radius: float) -> Any:
        """For each position (deg), the documents within ``radius`` (arcsec)."""
        ...


@runtime_checkable
class Marshal(Protocol):
    """Kind ``marshal``: sources with classifications and annotations by people and models."""

    def classifications(self, obj_id: str) -> list[dict[str, Any]]:
        """Every classification of a source."""
        ...

    def annotations(self, obj_id: str) -> list[dict[str, Any]]:
        """Every annotation of a source."""
        ...


KINDS: dict[str, type[Any]] = {
    "images": Images,
    "events": Events,
    "flux": Flux,
    "lightcurves": LightCurves,
    "catalogue": Catalogue,
    "marshal": Marshal,
}
PROVIDERS = {
    "images": "astrodome-sdo-data",
    "events": "astrodome-hek-events",
    "flux": "astrodome-goes",
    "lightcurves": "astrodome-ztf-scope",
    "catalogue": "astrodome-ztf-scope",
    "marshal": "astrodome-ztf-scope",
}


def names(kind: str) -> dict[str, str]:
    """The registered sources of a kind, name to summary, without importing any."""
    return {n: owned[0][1].summary for n, owned in plugins.current().sources(kind).items()}


def get(kind: str, name: str = "") -> Any:
    """The source ``name`` of a kind, or the only one there is.

    Raises AstrodomeError when none is installed (and says what to install), when
    the name is unknown, or when several serve and none was named.
    """
    found = plugins.current().sources(kind)
    if not found:
        wanted = PROVIDERS.get(kind)
        raise AstrodomeError(
            f"No installed plugin provides a source of kind '{kind}'.",
            f"Install one: pip install {wanted}" if wanted else "",
        )
    if not name and len(found) > 1:
        raise AstrodomeError(
            f"Several sources of kind '{kind}' are installed: {', '.join(found)}.",
            "Name one of them.",
        )
    name = name or next(iter(found))
    if name not in found:
        raise AstrodomeError(
            f"There is no source '{name}' of kind '{kind}'.", f"Known: {', '.join(found)}."
        )
    plugin, spec = plugins.only(f"{kind} source", name, found[name])
    return plugins.load_target(spec.target, plugin, spec.extra)()
