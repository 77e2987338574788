"""Fit Fourier series to the light curves of a source at a period, compiled with Numba.

Each light curve has its own coefficients: a constant, and a cosine and a sine of each order. The
functions are sorted by order, so that one Cholesky factorisation gives the residuals for all
orders.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels import compiled

Array = NDArray[np.float64]
Index = NDArray[np.int64]

ORDERS = 5
"""Highest order of the Fourier series."""
SIZE = 2 * ORDERS + 1
RIDGE = 1e-10


@compiled
def _functions(phase: float, order: int, values: Array) -> None:
    """Fill ``values`` with 1, cos(2 pi k phase) and sin(2 pi k phase) for k up to ``order``."""
    angle = 2 * np.pi * (phase - np.floor(phase))
    c, s = np.cos(angle), np.sin(angle)
    values[0], values[1], values[2] = 1.0, c, s
    for k in range(2, order + 1):
        values[2 * k - 1] = values[2 * k - 3] * c - values[2 * k - 2] * s
        values[2 * k] = values[2 * k - 2] * c + values[2 * k - 3] * s


@compiled
def _factorise(
    time: Array,
    mag: Array,
    weight: Array,
    start: int,
    end: int,
    frequency: float,
    order: int,
    factor: Array,
    z: Array,
) -> float:
    """Compute the Cholesky factor of the normal equations, and its inverse times the right side.

    Returns the weighted sum of squares of the magnitudes. A direction without information has an
    infinite diagonal element, so that its coefficient is 0.
    """
    size = 2 * order + 1
    values = np.empty(SIZE)
    factor.fill(0.0)
    z.fill(0.0)
    total = 0.0
    for n in range(start, end):
        _functions(time[n] * frequency, order, values)
        for i in range(size):
            scaled = weight[n] * values[i]
            z[i] += scaled * mag[n]
            for j in range(i + 1):
                factor[i, j] += scaled * values[j]
        total += weight[n] * mag[n] * mag[n]
    smallest = RIDGE * factor[0, 0]
    for i in range(size):
        for j in range(i + 1):
            value = factor[i, j]
            for k in range(j):
                value -= factor[i, k] * factor[j, k]
            if i > j:
                factor[i, j] = value / factor[j, j]
            else:
                factor[i, i] = np.sqrt(value) if value > smallest else np.inf
        value = z[i]
        for k in range(i):
            value -= factor[i, k] * z[k]
        z[i] = value / factor[i, i]
    return total


@compiled
def residuals_by_order(
    time: Array, mag: Array, weight: Array, offsets: Index, frequencies: Array
) -> Array:
    """Return the residual sum of squares of the orders 0 to 5, in one row per frequency."""
    factor, z = np.empty((SIZE, SIZE)), np.empty(SIZE)
    result = np.zeros((len(frequencies), ORDERS + 1))
    for row in range(len(frequencies)):
        for band in range(len(offsets) - 1):
            start, end = offsets[band], offsets[band + 1]
            left = _factorise(time, mag, weight, start, end, frequencies[row], ORDERS, factor, z)
            for order in range(ORDERS + 1):
                for i in range(max(2 * order - 1, 0), 2 * order + 1):
                    left -= z[i] * z[i]
                result[row, order] += max(left, 1e-12)
    return result


@compiled
def coefficients(
    time: Array, mag: Array, weight: Array, offsets: Index, frequency: float, order: int
) -> Array:
    """Return the coefficients (1, cos, sin, cos 2, …) in one row per light curve."""
    factor, z = np.empty((SIZE, SIZE)), np.empty(SIZE)
    size = 2 * order + 1
    result = np.zeros((len(offsets) - 1, size))
    for band in range(len(offsets) - 1):
        start, end = offsets[band], offsets[band + 1]
        _factorise(time, mag, weight, start, end, frequency, order, factor, z)
        _solve_transposed(factor, z, size)
        for i in range(size):
            result[band, i] = z[i]
    return result


@compiled
def _solve_transposed(factor: Array, z: Array, size: int) -> None:
    """Replace ``z`` by the solution of ``transpose(factor) x = z``."""
    for i in range(size - 1, -1, -1):
        value = z[i]
        for k in range(i + 1, size):
            value -= factor[k, i] * z[k]
        z[i] = value / factor[i, i]


@compiled
def newton_step(
    time: Array, mag: Array, weight: Array, offsets: Index, frequency: float, order: int
) -> tuple[float, float]:
    """Return the Gauss–Newton step of the frequency, and its normal equation.

    The coefficients of all light curves are eliminated. If the residuals have the variance s², the
    variance of the frequency is s² divided by the second value.
    """
    factor, z = np.empty((SIZE, SIZE)), np.empty(SIZE)
    values, cross = np.empty(SIZE), np.empty(SIZE)
    size = 2 * order + 1
    normal, gradient = 0.0, 0.0
    for band in range(len(offsets) - 1):
        start, end = offsets[band], offsets[band + 1]
        _factorise(time, mag, weight, start, end, frequency, order, factor, z)
        _solve_transposed(factor, z, size)
        cross.fill(0.0)
        for n in range(start, end):
            _functions(time[n] * frequency, order, values)
            slope, residual = 0.0, mag[n] - z[0]
            for k in range(1, order + 1):
                c, s = values[2 * k - 1], values[2 * k]
                residual -= z[2 * k - 1] * c + z[2 * k] * s
                slope += k * (z[2 * k] * c - z[2 * k - 1] * s)
            slope *= 2 * np.pi * time[n]
            gradient += weight[n] * slope * residual
            normal += weight[n] * slope * slope
            for i in range(size):
                cross[i] += weight[n] * slope * values[i]
        for i in range(size):
            value = cross[i]
            for k in range(i):
                value -= factor[i, k] * cross[k]
            cross[i] = value / factor[i, i]
            normal -= cross[i] * cross[i]
    if normal <= 0.0:
        return 0.0, 0.0
    return gradient / normal, normal
