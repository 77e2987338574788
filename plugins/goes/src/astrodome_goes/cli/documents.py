"""Types of the JSON documents that the commands of ``sdo goes`` print.

Fluxes are in W/m2, and times in UTC.
"""

from __future__ import annotations

from typing import TypedDict

from astrodome.outputs import OutcomeDocument


class GoesDownloadDocument(OutcomeDocument):
    """Numbers of downloaded months, and the days for which the archives contain no file."""

    days_without_file: list[str]


FluxRow = TypedDict(
    "FluxRow",
    {
        "timestamp": str,
        "time": str,
        "class": str | None,
        "xrsb_W_m2": float,
        "xrsa_W_m2": float | None,
        "quality": int | None,
        "satellite": int | None,
        "product": str | None,
        "distance_s": float,
    },
)

FlareRow = TypedDict(
    "FlareRow",
    {
        "start": str,
        "peak": str,
        "end": str,
        "class": str,
        "flux_W_m2": float,
        "satellite": int | None,
        "product": str | None,
        "operational_scaling": bool | None,
    },
)


class SatelliteRow(TypedDict):
    """The stored data of one satellite."""

    satellite: int | None
    product: str | None
    first: str
    last: str
    days: int
    samples: int
    good: int


class FluxGapRow(TypedDict):
    """A gap between good samples."""

    start: str
    end: str
    minutes: float


class CoverageDocument(TypedDict):
    """The time range, the satellites and the gaps of the stored data."""

    store: str
    megabytes: float
    months: int
    first: str | None
    last: str | None
    samples: int
    good: int
    satellites: list[SatelliteRow]
    gaps: list[FluxGapRow]


PlottedFlare = TypedDict("PlottedFlare", {"peak": str, "class": str})
CatalogueFlare = TypedDict("CatalogueFlare", {"start": str, "end": str, "class": str, "id": str})


class FluxPlotDocument(TypedDict):
    """A plot and the flares in it. ``left_out`` contains (identifier, reason) of other flares."""

    file: str
    start: str
    end: str
    samples: int
    flares: list[PlottedFlare]
    catalogue: list[CatalogueFlare]
    skipped: list[list[str]]
