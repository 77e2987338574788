"""Flares in the 1-8 angstrom flux, by the definition of NOAA's Space Weather Prediction Center.

A flare starts with the first of four consecutive minutes in which the mean flux rises
monotonically to at least 1.4 times the first value. It peaks in the minute with the
highest flux, and ends when the flux has fallen halfway from the peak to the value at the
start. If another flare starts during this decay, the earlier one ends there.
(https://www.swpc.noaa.gov/products/goes-x-ray-flux, "X-ray flare event definitions")
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from astrodome_solar.flare_classes import flare_class
from numpy.typing import NDArray

from .store.flux_store import Store
from .store.samples import DTYPE, PRODUCTS, Samples, Times, good, operational_scaling, starts

RISE = 1.4
"""Flux of the fourth minute of a start over that of the first, at least."""
LONGEST_GAP = np.timedelta64(10, "m")
"""A flare whose decay runs into a longer gap has no end: nobody saw it."""
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Flare:
    """One flare: its times (UTC minutes), and the peak flux (W/m2) with its origin.

    ``end`` is None if the data stop before the end of the flare. ``satellite`` is the GOES
    number, or 0 if it is unknown; ``product`` is one of ``PRODUCTS``.
    """

    start: np.datetime64
    peak: np.datetime64
    end: np.datetime64 | None
    flux: float
    satellite: int = 0
    product: str = ""

    @property
    def flare_class(self) -> str:
        return flare_class(self.flux)

    @property
    def operational_scaling(self) -> bool | None:
        """Whether the flux contains the operational scaling factors; None if this is unknown."""
        return operational_scaling(self.satellite, self.product)


def flares(
    store: Store, start: np.datetime64 | None = None, end: np.datetime64 | None = None
) -> list[Flare]:
    """The flares of the store that peak in start <= peak <= end (UTC), in order of time."""
    minutes, flux, origin = minute_means(
        store, None if start is None else start - DAY, None if end is None else end + DAY
    )
    return [
        _with_origin(flare, origin[np.searchsorted(minutes, flare.peak)])
        for flare in find(minutes, flux)
        if (start is None or flare.peak >= start) and (end is None or flare.peak <= end)
    ]


def _with_origin(flare: Flare, sample: np.void) -> Flare:
    product = PRODUCTS[int(sample["product"])]
    return replace(flare, satellite=int(sample["satellite"]), product=product)


def minute_means(
    store: Store, start: np.datetime64 | None = None, end: np.datetime64 | None = None
) -> tuple[Times, NDArray[np.float64], Samples]:
    """Return the mean flux of each minute with good samples between two times (UTC).

    Returns the minutes (datetime64[m]) in order, the mean flux (W/m2) and the first sample of
    each, all of shape (N,). All samples of a minute have the same satellite and product.
    """
    parts = []
    for month in store.within(start, end):
        usable = month[good(month)]
        if len(usable):
            minutes = usable["timestamp"].astype("M8[m]")
            first = starts(minutes)
            count = np.diff(np.r_[first, len(usable)])
            total = np.add.reduceat(usable["xrsb"], first, dtype=np.float64)
            parts.append((minutes[first], total / count, usable[first]))
    if not parts:
        return np.array([], "datetime64[m]"), np.array([]), np.empty(0, DTYPE)
    moments, means, samples = zip(*parts, strict=True)
    return np.concatenate(moments), np.concatenate(means), np.concatenate(samples)


def find(minutes: Times, flux: NDArray[np.float64]) -> Iterator[Flare]:
    """The flares in minutes (datetime64[m], in order) and their fluxes (W/m2), shape (N,)."""
    if len(flux) < 4:
        return
    rising = np.diff(flux) > 0
    steep = rising[:-2] & rising[1:-1] & rising[2:] & (flux[3:] >= RISE * flux[:-3])
    rises = np.flatnonzero(steep & (minutes[3:] - minutes[:-3] == np.timedelta64(3, "m")))
    gaps = np.flatnonzero(np.diff(minutes) > LONGEST_GAP) + 1
    stops = np.append(gaps, len(flux))
    current: tuple[int, int, int | None] | None = None
    over = 0
    for first in rises.tolist():
        if current and first < over:
            begin = current[0]
            if flux[first] >= flux[begin:first].max():
                continue  # the current flare still rises to its peak
            current = (begin, begin + int(np.argmax(flux[begin:first])), first)
        if current:
            yield _flare(minutes, flux, *current)
        stop = int(stops[np.searchsorted(gaps, first, "right")])
        peak, end = _course(flux[first:stop])
        current = (first, first + peak, None if end is None else first + end)
        over = stop if end is None else first + end
    if current:
        yield _flare(minutes, flux, *current)


def _flare(
    minutes: Times, flux: NDArray[np.float64], start: int, peak: int, end: int | None
) -> Flare:
    last = None if end is None else minutes[end]
    return Flare(minutes[start], minutes[peak], last, float(flux[peak]))


def _course(flux: NDArray[np.float64]) -> tuple[int, int | None]:
    """Indices of peak and end of a flare that starts with ``flux[0]``; the end may be missing."""
    length = 64
    while True:
        highest = np.maximum.accumulate(flux[:length])
        ended = flux[:length] <= (highest + flux[0]) / 2
        ended[:4] = False
        if ended.any() or length >= len(flux):
            end = int(np.argmax(ended)) if ended.any() else None
            return int(np.argmax(flux[: length if end is None else end])), end
        length *= 4
