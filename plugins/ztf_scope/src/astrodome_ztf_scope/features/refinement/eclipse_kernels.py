"""Fit eclipse models to phased light curves with variable projection, compiled with Numba.

The model of a light curve is a constant plus Gaussian eclipses and, optionally, a cosine with half
the period. The centres and the widths are shared by all light curves of a source and are found with
the Levenberg–Marquardt algorithm. The constants and amplitudes of each light curve are linear, and
are eliminated exactly (Golub and Pereyra 1973, SIAM J. Numer. Anal. 10, 413; the Jacobian uses the
approximation of Kaufman 1975, BIT 15, 49).

The nonlinear parameters are the centres, in phase, followed by the logarithms of the widths. All
functions need only one pass over the epochs per evaluation: they accumulate the inner products of
the model functions, their derivatives and the magnitudes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kernels import compiled

Array = NDArray[np.float64]
Index = NDArray[np.int64]

STEPS = 40
"""Maximum number of Levenberg–Marquardt steps."""
SMALLEST_GAIN = 1e-5
"""A fit ends if a step reduces, or is expected to reduce, the residuals by less than this share."""
RIDGE = 1e-10
FARTHEST = 9.0
"""Distance from the centre of an eclipse in widths, from which a Gaussian is 0 (below 1e-17)."""
NARROWEST, WIDEST = 0.0025, 0.4
"""Range of the widths of valid eclipses, in phase."""
MARGIN = 1.5
"""Factor by which the widths may leave the valid range during the fit."""


@compiled
def _cholesky(matrix: Array, size: int) -> bool:
    """Replace the lower triangle of a matrix by its Cholesky factor."""
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i > j:
                matrix[i, j] = total / matrix[j, j]
            elif total > 0.0:
                matrix[i, i] = np.sqrt(total)
            else:
                return False
    return True


@compiled
def _forward(factor: Array, vector: Array, size: int) -> None:
    """Replace a vector by the solution of ``factor x = vector``."""
    for i in range(size):
        total = vector[i]
        for k in range(i):
            total -= factor[i, k] * vector[k]
        vector[i] = total / factor[i, i]


@compiled
def _backward(factor: Array, vector: Array, size: int) -> None:
    """Replace a vector by the solution of ``transpose(factor) x = vector``."""
    for i in range(size - 1, -1, -1):
        total = vector[i]
        for k in range(i + 1, size):
            total -= factor[k, i] * vector[k]
        vector[i] = total / factor[i, i]


@compiled
def _inner_products(
    phase: Array,
    mag: Array,
    weight: Array,
    start: int,
    end: int,
    p: Array,
    gaussians: int,
    cosine: int,
    gram: Array,
) -> None:
    """Compute the weighted inner products of the model functions, derivatives and magnitudes.

    The functions are: 1, the Gaussians, the cosine; then for each Gaussian its derivatives with
    respect to the centre and to the logarithm of the width, and the derivative of the cosine with
    respect to its centre; and last the magnitudes.
    """
    has_cosine = 1 if cosine >= 0 else 0
    linear = 1 + gaussians + has_cosine
    size = linear + 2 * gaussians + has_cosine + 1
    values = np.empty(10)
    values[0] = 1.0
    inverse = np.empty(2)
    for g in range(gaussians):
        inverse[g] = np.exp(-p[gaussians + g])
    gram.fill(0.0)
    for n in range(start, end):
        for g in range(gaussians):
            distance = phase[n] - p[g]
            distance -= np.floor(distance + 0.5)
            x = distance * inverse[g]
            value = np.exp(-0.5 * x * x) if abs(x) < FARTHEST else 0.0
            values[1 + g] = value
            values[linear + 2 * g] = value * x * inverse[g]
            values[linear + 2 * g + 1] = value * x * x
        if has_cosine:
            angle = 4 * np.pi * (phase[n] - p[cosine])
            values[1 + gaussians] = np.cos(angle)
            values[linear + 2 * gaussians] = 4 * np.pi * np.sin(angle)
        values[size - 1] = mag[n]
        for i in range(size):
            scaled = weight[n] * values[i]
            if scaled == 0.0:  # Most epochs are outside of narrow eclipses.
                continue
            for j in range(i + 1):
                gram[i, j] += scaled * values[j]


@compiled
def _evaluate(
    phase: Array,
    mag: Array,
    weight: Array,
    offsets: Index,
    p: Array,
    gaussians: int,
    cosine: int,
    normal: Array,
    gradient: Array,
    coefficients: Array,
) -> float:
    """Return the residual sum of squares, and compute the normal equations of the parameters."""
    has_cosine = 1 if cosine >= 0 else 0
    linear = 1 + gaussians + has_cosine
    derivatives = 2 * gaussians + has_cosine
    last = linear + derivatives
    centres = max(gaussians, has_cosine)
    gram, factor = np.empty((10, 10)), np.empty((4, 4))
    column, projected = np.empty(4), np.empty((5, 4))
    chain = np.zeros((5, 4))
    normal.fill(0.0)
    gradient.fill(0.0)
    rss = 0.0
    for band in range(len(offsets) - 1):
        _inner_products(
            phase, mag, weight, offsets[band], offsets[band + 1], p, gaussians, cosine, gram
        )
        for i in range(linear):
            column[i] = gram[last, i]
            for j in range(i + 1):
                factor[i, j] = gram[i, j]
            factor[i, i] += RIDGE * gram[0, 0]
        if not _cholesky(factor, linear):
            return np.inf
        _forward(factor, column, linear)
        rss += gram[last, last]
        for i in range(linear):
            rss -= column[i] * column[i]
        _backward(factor, column, linear)
        for i in range(linear):
            coefficients[band, i] = column[i]
        chain.fill(0.0)
        for g in range(gaussians):
            chain[2 * g, g] = column[1 + g]
            chain[2 * g + 1, centres + g] = column[1 + g]
        if has_cosine:
            chain[2 * gaussians, cosine] = column[1 + gaussians]
        for e in range(derivatives):
            for i in range(linear):
                projected[e, i] = gram[linear + e, i]
            _forward(factor, projected[e], linear)
        for e in range(derivatives):
            slope = gram[last, linear + e]
            for i in range(linear):
                slope -= gram[linear + e, i] * column[i]
            for f in range(derivatives):
                row, other = max(e, f), min(e, f)
                product = gram[linear + row, linear + other]
                for i in range(linear):
                    product -= projected[e, i] * projected[f, i]
                for a in range(4):
                    for b in range(4):
                        normal[a, b] += chain[e, a] * chain[f, b] * product
            for a in range(4):
                gradient[a] += chain[e, a] * slope
    return max(rss, 1e-12)


@compiled
def fit_geometry(
    phase: Array,
    mag: Array,
    weight: Array,
    offsets: Index,
    start: Array,
    gaussians: int,
    cosine: int,
    coefficients: Array,
) -> tuple[float, Array, int]:
    """Fit one geometry, and return the residual sum of squares, the parameters and the iterations.

    ``coefficients`` is filled with the linear parameters of each light curve: the constant, the
    depths and the amplitude of the cosine.
    """
    has_cosine = 1 if cosine >= 0 else 0
    size = max(gaussians, has_cosine) + gaussians
    p = start.copy()
    normal, gradient = np.empty((4, 4)), np.empty(4)
    new_normal, new_gradient = np.empty((4, 4)), np.empty(4)
    trial, step = np.empty((4, 4)), np.empty(4)
    new_coefficients = coefficients.copy()
    narrow, wide = np.log(NARROWEST / MARGIN), np.log(WIDEST * MARGIN)
    rss = _evaluate(
        phase, mag, weight, offsets, p, gaussians, cosine, normal, gradient, coefficients
    )
    damping, iteration = 1e-3, 0
    while iteration < STEPS and size > 0:
        iteration += 1
        for i in range(size):
            step[i] = gradient[i]
            for j in range(i + 1):
                trial[i, j] = normal[i, j]
            trial[i, i] += damping * normal[i, i] + 1e-14
        if not _cholesky(trial, size):
            damping = 10 * damping + 1e-3
            continue
        _forward(trial, step, size)
        _backward(trial, step, size)
        expected = 0.0
        for i in range(size):
            expected += gradient[i] * step[i]
        if expected < SMALLEST_GAIN * rss:
            break
        new = p.copy()
        for i in range(size):
            is_width = i >= size - gaussians
            limit = 0.7 if is_width else 0.1
            new[i] += min(max(step[i], -limit), limit)
            if is_width:
                new[i] = min(max(new[i], narrow), wide)
        new_rss = _evaluate(
            phase,
            mag,
            weight,
            offsets,
            new,
            gaussians,
            cosine,
            new_normal,
            new_gradient,
            new_coefficients,
        )
        if new_rss < rss:
            gain = (rss - new_rss) / rss
            p, rss, damping = new, new_rss, 0.3 * damping
            normal, new_normal = new_normal, normal
            gradient, new_gradient = new_gradient, gradient
            for band in range(len(coefficients)):
                for i in range(4):
                    coefficients[band, i] = new_coefficients[band, i]
            if gain < SMALLEST_GAIN:
                break
        else:
            damping = 5 * damping + 1e-6
            if damping > 1e6:
                break
    for i in range(max(gaussians, has_cosine)):
        p[i] -= np.floor(p[i])
    return rss, p, iteration
