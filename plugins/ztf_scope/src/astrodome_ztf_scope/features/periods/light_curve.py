"""A light curve that is prepared for the period search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..epochs import check_shapes, plain_values
from .options import Array


@dataclass(frozen=True)
class LightCurve:
    """Sorted times in days since the first epoch, magnitudes and their errors, shape (N,) each."""

    time: Array
    mag: Array
    magerr: Array

    @cached_property
    def weight(self) -> Array:
        """Inverse variances, divided by their sum."""
        relative = (self.magerr.min() / self.magerr) ** 2
        normalized: Array = relative / relative.sum()
        return normalized

    @property
    def total_weight(self) -> float:
        """Sum of the inverse variances, in 1/mag². For extreme errors, it is infinite or 0."""
        smallest = self.magerr.min()
        return float(((smallest / self.magerr) ** 2).sum() / smallest**2)

    @cached_property
    def residual(self) -> Array:
        """Magnitudes minus their weighted mean, without rounding errors if they are all equal."""
        if len(self.mag) and np.ptp(self.mag) == 0:
            return np.zeros_like(self.mag)
        difference: Array = self.mag - (self.weight * self.mag).sum()
        return difference

    @property
    def baseline(self) -> float:
        return float(self.time[-1]) if len(self.time) else 0.0


def prepare(time: ArrayLike, mag: ArrayLike, magerr: ArrayLike | None) -> LightCurve:
    """Return the light curve sorted by time, without epochs that have an invalid value.

    Equal times are sorted by magnitude and error, so that the result does not depend on the order
    of the epochs. Without errors, all epochs have the same weight.
    """
    t, m = plain_values(time, "d", "time"), plain_values(mag, "mag", "mag")
    e = np.ones_like(m) if magerr is None else plain_values(magerr, "mag", "magerr")
    check_shapes(time=t, mag=m, magerr=e)
    valid = np.isfinite(t) & np.isfinite(m) & np.isfinite(e) & (e > 0)
    t, m, e = t[valid], m[valid], e[valid]
    order = np.lexsort((e, m, t))
    t, m, e = t[order], m[order], e[order]
    return LightCurve(t - t[0] if len(t) else t, m, e)
