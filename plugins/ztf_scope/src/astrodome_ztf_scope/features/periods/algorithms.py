"""The period-finding algorithms: preparation of a light curve and evaluation at frequencies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import binned_kernels, harmonic_kernels, lomb_scargle
from .light_curve import LightCurve
from .options import Array

Evaluate = Callable[[Array], Array]
"""Function that returns the values of a periodogram at frequencies in 1/d."""


@dataclass(frozen=True)
class Algorithm:
    """A period-finding algorithm.

    Parameters
    ----------
    prepare
        Function that returns the periodogram of a light curve, as a function of the frequency.
    min_points
        Minimum number of points for which the periodogram is defined.
    minimum
        Whether the best period has the smallest value.
    coarse_step
        Number of grid frequencies from one frequency of the coarse grid to the next.
    """

    prepare: Callable[[LightCurve], Evaluate]
    min_points: int
    minimum: bool = False
    coarse_step: int = 4


def _conditional_entropy(curve: LightCurve) -> Evaluate:
    points = len(curve.mag)
    span = np.ptp(curve.mag)
    bins = binned_kernels.MAG_BINS
    scaled = (curve.mag - curve.mag.min()) / span * bins if span > 0 else np.zeros(points)
    mag_bin = np.asarray(np.clip(np.nan_to_num(scaled), 0, bins - 1), np.int32)
    count = np.arange(points + 1)
    terms = count * np.log(np.maximum(count, 1))
    # The largest power of two with which no sum of up to 2 N table values exceeds 63 bits.
    unit = 2.0 ** (math.ceil(math.log2(max(terms[-1], 1.0))) - 61)
    table = np.round(terms / unit).astype(np.int64)

    def evaluate(frequency: Array) -> Array:
        out = np.empty(len(frequency))
        binned_kernels.conditional_entropy(curve.time, mag_bin, frequency, table, unit, out)
        return out

    return evaluate


def _analysis_of_variance(curve: LightCurve) -> Evaluate:
    bins, points = binned_kernels.PHASE_BINS, len(curve.mag)
    residual = curve.mag - curve.mag.mean()
    # All bits that the number of points does not require are used for the sums of residuals.
    count_bits = points.bit_length()
    largest = np.abs(residual).max() * points
    unit = 2.0 ** (math.ceil(math.log2(largest)) + count_bits - 62) if largest > 0 else 1.0
    rounded = np.round(residual / unit)
    packed = (rounded.astype(np.int64) << count_bits) + 1
    total = float((rounded**2).sum())

    def evaluate(frequency: Array) -> Array:
        between = np.empty(len(frequency))
        binned_kernels.variance_between_bins(curve.time, packed, count_bits, frequency, between)
        return variance_ratio(between, total, bins - 1, points - bins)

    return evaluate


def variance_ratio(explained: Array, total: float, terms: int, rest: int) -> Array:
    """Return the F statistic: explained and remaining chi², divided by their degrees of freedom.

    The remaining chi² is at least the rounding error of the total, so that the ratio is finite.
    """
    remaining = np.maximum(total - explained, 1e-15 * total)
    ratio: Array = explained / remaining * (rest / terms)
    return ratio


def _piecewise_likelihood(curve: LightCurve) -> Evaluate:
    weighted, scale = curve.weight * curve.residual, curve.total_weight

    def evaluate(frequency: Array) -> Array:
        out = np.empty(len(frequency))
        binned_kernels.piecewise_likelihood(curve.time, curve.weight, weighted, frequency, out)
        return scale * out

    return evaluate


def _box_least_squares(curve: LightCurve) -> Evaluate:
    weighted = curve.weight * curve.residual

    def evaluate(frequency: Array) -> Array:
        out = np.empty(len(frequency))
        binned_kernels.box_least_squares(curve.time, curve.weight, weighted, frequency, out)
        return out

    return evaluate


def explained_by_harmonics(
    curve: LightCurve, harmonics: int, *, trend: bool
) -> tuple[Evaluate, float]:
    """Return the chi² that 1, 2, … harmonics remove, and the chi² of the fit without harmonics.

    The weights have a sum of 1. The fit without harmonics is a constant, or a linear trend if
    ``trend`` is True. The function that is returned maps F frequencies to values with the shape
    (F, harmonics).
    """
    weight, residual = curve.weight, curve.residual
    shifted = curve.time - (weight * curve.time).sum()
    norm = math.sqrt((weight * shifted**2).sum())
    rows = np.zeros((3, len(weight)))
    rows[0] = weight
    if trend and norm > 0:
        rows[1] = weight * shifted / norm
        residual = residual - (rows[1] * residual).sum() / norm * shifted
    rows[2] = weight * residual

    def evaluate(frequency: Array) -> Array:
        out = np.empty((len(frequency), harmonics))
        harmonic_kernels.explained_by_harmonics(curve.time, rows, frequency, out)
        return out

    return evaluate, float((weight * residual**2).sum())


def bic_differences(curve: LightCurve) -> Evaluate:
    """Return BIC₀ − BIC_k for k = 1, 2, … harmonics, as a function with the shape (F, harmonics).

    Models with at least as many parameters as points are skipped.
    """
    points = len(curve.mag)
    harmonics = min(harmonic_kernels.HARMONICS, (points - 3) // 2)
    explained, _ = explained_by_harmonics(curve, harmonics, trend=True)
    penalty = 2 * np.arange(1, harmonics + 1) * math.log(points)
    scale = curve.total_weight

    def evaluate(frequency: Array) -> Array:
        differences: Array = scale * explained(frequency) - penalty
        return differences

    return evaluate


def _harmonics_by_bic(curve: LightCurve) -> Evaluate:
    differences = bic_differences(curve)

    def evaluate(frequency: Array) -> Array:
        best: Array = np.maximum(differences(frequency).max(axis=1), 0)
        return best

    return evaluate


def _harmonic_variance(curve: LightCurve) -> Evaluate:
    harmonics, points = harmonic_kernels.HARMONICS, len(curve.mag)
    explained, total = explained_by_harmonics(curve, harmonics, trend=False)

    def evaluate(frequency: Array) -> Array:
        last = explained(frequency)[:, -1]
        return variance_ratio(last, total, 2 * harmonics, points - 2 * harmonics - 1)

    return evaluate


def _lomb_scargle(curve: LightCurve) -> Evaluate:
    explained, total = explained_by_harmonics(curve, 1, trend=False)

    def evaluate(frequency: Array) -> Array:
        if total == 0:  # All magnitudes are equal.
            return np.zeros(len(frequency))
        position = lomb_scargle.grid_positions(frequency)
        if position is not None:
            return lomb_scargle.power(curve, frequency, position)
        power: Array = explained(frequency)[:, 0] / total
        return power

    return evaluate


ALGORITHMS = {
    "LS": Algorithm(_lomb_scargle, min_points=4),
    "CE": Algorithm(_conditional_entropy, min_points=2, minimum=True),
    "AOV": Algorithm(_analysis_of_variance, min_points=binned_kernels.PHASE_BINS + 1),
    "FPW": Algorithm(_piecewise_likelihood, min_points=2),
    "MHF": Algorithm(_harmonics_by_bic, min_points=5),
    "BLS": Algorithm(_box_least_squares, min_points=3),
    "MHAOV": Algorithm(_harmonic_variance, min_points=2 * harmonic_kernels.HARMONICS + 2),
}
