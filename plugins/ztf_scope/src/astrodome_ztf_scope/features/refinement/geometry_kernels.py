"""Fit the geometries of eclipsing binaries at a period, compiled with Numba.

The fits are robust: after a first fit, epochs with residuals above five standard deviations are
removed, and the model is fitted again. In the residual sum of squares of a model, each residual is
at most five standard deviations of the residuals of this model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels import compiled
from .eclipse_kernels import NARROWEST, WIDEST, fit_geometry

Array = NDArray[np.float64]
Index = NDArray[np.int64]

SEPARATION = 0.08
"""Minimum separation of the two eclipses, in phase."""
BINS = 40
FIRST_WIDTH = 0.05
NEAR_WIDTHS, NEAR_MAXIMUM = 2.8, 0.2
"""An epoch is in an eclipse if its distance from the centre is less than this number of widths and
less than this phase difference."""
IN_ECLIPSE = 3
"""Minimum number of epochs in each eclipse."""
OUTLIER, MAD_TO_SIGMA = 5.0, 1.4826
GEOMETRIES = np.array([[2, -1], [2, 0], [2, 1], [1, -1], [1, 0], [0, 0], [0, -1]], np.int64)
"""Number of Gaussians, and number of the centre of the cosine (-1: no cosine), in order of rank."""
TWO, ONE, CONSTANT = 0, 3, 6
FIT_ORDER = np.array([6, 5, 3, 4, 0, 1, 2], np.int64)
"""Order of the fits. The results for simple geometries are the start values for detailed ones."""
COLUMNS = 7
"""Columns of a result: RSS, number of parameters, two centres, two widths, and validity."""


@compiled
def _deepest_phase(phase: Array, mag: Array, avoid: float) -> float:
    """Return the phase of the bin with the faintest median, not near the phase ``avoid``.

    If ``avoid`` is negative, all bins are considered.
    """
    values = np.empty(len(phase))
    best, deepest = 0.0, -np.inf
    for k in range(BINS):
        centre = (k + 0.5) / BINS
        distance = centre - avoid
        if avoid >= 0.0 and abs(distance - np.floor(distance + 0.5)) < SEPARATION:
            continue
        count = 0
        for n in range(len(phase)):  # Insert the magnitudes in the bin in ascending order.
            if min(int(phase[n] * BINS), BINS - 1) == k:
                i = count
                while i > 0 and values[i - 1] > mag[n]:
                    values[i] = values[i - 1]
                    i -= 1
                values[i] = mag[n]
                count += 1
        if count > 0:
            median = 0.5 * (values[count // 2] + values[(count - 1) // 2])
            if median > deepest:
                best, deepest = centre, median
    return best


@compiled
def residuals(
    phase: Array,
    mag: Array,
    offsets: Index,
    p: Array,
    gaussians: int,
    cosine: int,
    coefficients: Array,
    result: Array,
) -> None:
    """Compute the differences between the magnitudes and a model."""
    for band in range(len(offsets) - 1):
        for n in range(offsets[band], offsets[band + 1]):
            value = mag[n] - coefficients[band, 0]
            for g in range(gaussians):
                distance = phase[n] - p[g]
                distance -= np.floor(distance + 0.5)
                x = distance * np.exp(-p[gaussians + g])
                value -= coefficients[band, 1 + g] * np.exp(-0.5 * x * x)
            if cosine >= 0:
                angle = 4 * np.pi * (phase[n] - p[cosine])
                value -= coefficients[band, 1 + gaussians] * np.cos(angle)
            result[n] = value


@compiled
def _limit(result: Array, weight: Array) -> float:
    """Return the largest weighted square of a residual that is not an outlier."""
    squares = weight * result * result
    return OUTLIER**2 * MAD_TO_SIGMA**2 * np.median(squares)


@compiled
def robust_fit(
    phase: Array,
    mag: Array,
    weight: Array,
    offsets: Index,
    start: Array,
    gaussians: int,
    cosine: int,
    coefficients: Array,
) -> tuple[float, Array]:
    """Fit a geometry without outliers, and return the limited sum of squares and the parameters."""
    found, kept = np.empty(len(phase)), weight.copy()
    rss, p, _ = fit_geometry(phase, mag, weight, offsets, start, gaussians, cosine, coefficients)
    for attempt in range(2):
        residuals(phase, mag, offsets, p, gaussians, cosine, coefficients, found)
        limit = _limit(found, weight)
        rss, outliers = 0.0, 0
        for n in range(len(phase)):
            square = weight[n] * found[n] * found[n]
            outlier = square > limit
            outliers += outlier
            kept[n] = 0.0 if outlier else weight[n]
            rss += min(square, limit)
        if outliers == 0 or attempt == 1:
            break
        _, p, _ = fit_geometry(phase, mag, kept, offsets, p, gaussians, cosine, coefficients)
    return max(rss, 1e-12), p


@compiled
def _is_valid(
    phase: Array, weight: Array, offsets: Index, p: Array, gaussians: int, coefficients: Array
) -> bool:
    """Return whether the widths, the separation, the epochs and the depths are plausible."""
    for g in range(gaussians):
        width = np.exp(p[gaussians + g])
        if not NARROWEST <= width <= WIDEST:
            return False
        near = min(NEAR_WIDTHS * width, NEAR_MAXIMUM)
        inside, depth = 0, 0.0
        for band in range(len(offsets) - 1):
            for n in range(offsets[band], offsets[band + 1]):
                distance = phase[n] - p[g]
                inside += abs(distance - np.floor(distance + 0.5)) <= near
                depth += weight[n] * coefficients[band, 1 + g]
        if inside < IN_ECLIPSE or depth <= 0.0:
            return False
    distance = p[0] - p[1]
    return gaussians < 2 or abs(distance - np.floor(distance + 0.5)) >= SEPARATION


@compiled
def fit_geometries(time: Array, mag: Array, weight: Array, offsets: Index, period: float) -> Array:
    """Fit all geometries at a period, and return one row per geometry; see :data:`COLUMNS`.

    The fit of two eclipses starts with the result for one eclipse. The second eclipse starts at the
    faintest bin of the residuals, or at a distance of 0.5. A valid result is preferred.
    """
    phase = time / period
    phase -= np.floor(phase)
    light_curves = len(offsets) - 1
    results = np.zeros((len(GEOMETRIES), COLUMNS))
    parameters = np.zeros((len(GEOMETRIES), 4))
    left, start = np.empty(len(phase)), np.zeros(4)
    parameters[ONE, 0] = _deepest_phase(phase, mag, -1.0)
    parameters[ONE, 1] = np.log(FIRST_WIDTH)
    second = 0.0
    for row in FIT_ORDER:
        gaussians, cosine = GEOMETRIES[row, 0], GEOMETRIES[row, 1]
        best, best_p, best_valid = np.inf, np.zeros(4), False
        best_coefficients = np.zeros((light_curves, 4))
        for attempt in range(2 if row == TWO else 1):
            coefficients = np.zeros((light_curves, 4))
            if row == TWO:
                start[0] = parameters[ONE, 0]
                start[1] = second if attempt == 0 else start[0] + 0.5
                start[2] = min(max(parameters[ONE, 1], np.log(NARROWEST)), np.log(FIRST_WIDTH))
                start[3] = start[2]
            else:
                source = TWO if gaussians == 2 else ONE
                for i in range(4):
                    start[i] = parameters[source, i]
            rss, p = robust_fit(phase, mag, weight, offsets, start, gaussians, cosine, coefficients)
            valid = _is_valid(phase, weight, offsets, p, gaussians, coefficients)
            if (valid and not best_valid) or (valid == best_valid and rss < best):
                best, best_p, best_valid = rss, p, valid
                best_coefficients = coefficients
        for i in range(4):
            parameters[row, i] = best_p[i]
        if row == ONE:
            residuals(phase, mag, offsets, best_p, 1, -1, best_coefficients, left)
            second = _deepest_phase(phase, left, best_p[0])
        has_cosine = 1 if cosine >= 0 else 0
        results[row, 0] = best
        results[row, 1] = (
            max(gaussians, has_cosine) + gaussians + light_curves * (1 + gaussians + has_cosine)
        )
        results[row, 2] = best_p[0]
        for g in range(gaussians):
            results[row, 2 + g] = best_p[g]
            results[row, 4 + g] = np.exp(best_p[gaussians + g])
        results[row, 6] = 1.0 if best_valid else 0.0
    return results
