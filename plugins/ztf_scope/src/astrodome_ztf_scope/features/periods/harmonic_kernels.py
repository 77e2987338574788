"""Compiled periodograms of least-squares fits with harmonics: LS, MHF and MHAOV."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ..kernels import Array

HARMONICS = 3
"""Maximum number of harmonics of MHF, and number of harmonics of MHAOV."""
SINGULAR = 1e-10
"""A column is skipped if the other columns explain all but this fraction of its square norm."""

# Reassociation vectorizes the sums over points. The order of additions depends only on the number
# of points, so a light curve has the same result in every batch.
compiled = njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"}
)
_TERMS = 12
_COS = np.array([(-1) ** n / math.factorial(2 * n) for n in range(_TERMS)])
_SIN = np.array([(-1) ** n / math.factorial(2 * n + 1) for n in range(_TERMS)])


@compiled
def _cos_sin(time: Array, frequency: float, cos: Array, sin: Array) -> None:
    """Write the cosine and the sine of the phase of each point.

    The phase is reduced to at most a quarter of a cycle, where the Taylor series converge to
    float64 precision. Unlike calls of ``math.cos``, this loop is vectorized.
    """
    for i in range(len(time)):
        cycles = time[i] * frequency
        phase = cycles - np.floor(cycles)
        halves = np.floor(2 * phase + 0.5)
        sign = 2 * (halves - 1) * (halves - 1) - 1
        x = 2 * np.pi * (phase - 0.5 * halves)
        square = x * x
        c, s = _COS[_TERMS - 1], _SIN[_TERMS - 1]
        for n in range(_TERMS - 2, -1, -1):
            c = c * square + _COS[n]
            s = s * square + _SIN[n]
        cos[i] = sign * c
        sin[i] = sign * s * x


@compiled
def _multiples(cos: Array, sin: Array) -> None:
    """Fill the rows from 2 with the cosines and sines of multiples of the angles in row 1.

    Row 0 must contain the cosines and sines of 0. The recurrence is that of Chebyshev polynomials.
    """
    for k in range(2, len(cos)):
        for i in range(cos.shape[1]):
            cos[k, i] = 2 * cos[1, i] * cos[k - 1, i] - cos[k - 2, i]
            sin[k, i] = 2 * cos[1, i] * sin[k - 1, i] - sin[k - 2, i]


@compiled
def _products(rows: Array, cos: Array, sin: Array, harmonics: int, out: Array) -> None:
    """Write the sums of products of three rows with cos kx and sin kx to ``out[k]``.

    ``out`` has the shape (2 harmonics + 1, 6). Above the number of harmonics, only the first row is
    used.
    """
    a, b, c = rows[0], rows[1], rows[2]
    for k in range(len(cos)):
        x, y = cos[k], sin[k]
        ax = ay = bx = by = cx = cy = 0.0
        if k <= harmonics:
            for i in range(len(a)):
                ax += a[i] * x[i]
                ay += a[i] * y[i]
                bx += b[i] * x[i]
                by += b[i] * y[i]
                cx += c[i] * x[i]
                cy += c[i] * y[i]
        else:
            for i in range(len(a)):
                ax += a[i] * x[i]
                ay += a[i] * y[i]
        out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4], out[k, 5] = ax, ay, bx, by, cx, cy


@compiled
def _normal_equations(sums: Array, gram: Array, right: Array) -> None:
    """Write the Gram matrix of cos x, sin x, cos 2x, … and their products with the data.

    ``sums`` is the result of :func:`_products` for the weights w, w times the normalized trend, and
    w times the data. The columns are made orthogonal to the constant and to the trend.
    """
    n = len(gram) // 2
    norm = 1 / math.sqrt(sums[0, 0])
    mean, trend = np.empty(2 * n), np.empty(2 * n)
    for j in range(n):
        mean[2 * j], mean[2 * j + 1] = sums[j + 1, 0] * norm, sums[j + 1, 1] * norm
        trend[2 * j], trend[2 * j + 1] = sums[j + 1, 2], sums[j + 1, 3]
        right[2 * j], right[2 * j + 1] = sums[j + 1, 4], sums[j + 1, 5]
    for j in range(n):
        for k in range(j + 1):  # products of cosines and sines as sums
            add, diff = j + k + 2, j - k
            gram[2 * j, 2 * k] = 0.5 * (sums[diff, 0] + sums[add, 0])
            gram[2 * j + 1, 2 * k + 1] = 0.5 * (sums[diff, 0] - sums[add, 0])
            gram[2 * j + 1, 2 * k] = 0.5 * (sums[add, 1] + sums[diff, 1])
            if k < j:
                gram[2 * j, 2 * k + 1] = 0.5 * (sums[add, 1] - sums[diff, 1])
    for j in range(2 * n):
        for k in range(j + 1):
            gram[j, k] -= mean[j] * mean[k] + trend[j] * trend[k]


@compiled
def _explained(gram: Array, right: Array, limit: float, out: Array) -> None:
    """Write the chi² that the first 2, 4, … columns remove, by a Cholesky decomposition in place.

    The decomposition of the columns of few harmonics is part of that of more harmonics.
    """
    total = 0.0
    for j in range(len(gram)):
        for k in range(j):
            for m in range(k):
                gram[j, k] -= gram[j, m] * gram[k, m]
            gram[j, k] *= gram[k, k]
            gram[j, j] -= gram[j, k] * gram[j, k]
            right[j] -= gram[j, k] * right[k]
        # The diagonal contains reciprocals, and 0 for a column that is skipped.
        gram[j, j] = 1 / math.sqrt(gram[j, j]) if gram[j, j] > limit else 0.0
        right[j] *= gram[j, j]
        total += right[j] * right[j]
        if j % 2:
            out[j // 2] = total


@compiled
def explained_by_harmonics(time: Array, rows: Array, frequency: Array, out: Array) -> None:
    """Write the chi² that k harmonics remove to ``out[:, k - 1]``.

    ``rows`` has the shape (3, N): weights w, w times the normalized trend (or 0), and w times the
    residuals of the fit without harmonics. ``out`` has the shape (number of frequencies, number of
    harmonics).
    """
    harmonics = out.shape[1]
    cos = np.ones((2 * harmonics + 1, len(time)))
    sin = np.zeros((2 * harmonics + 1, len(time)))
    gram, right = np.empty((2 * harmonics, 2 * harmonics)), np.empty(2 * harmonics)
    sums = np.zeros((2 * harmonics + 1, 6))
    limit = SINGULAR * rows[0].sum()
    for f in range(len(frequency)):
        _cos_sin(time, frequency[f], cos[1], sin[1])
        _multiples(cos, sin)
        _products(rows, cos, sin, harmonics, sums)
        _normal_equations(sums, gram, right)
        _explained(gram, right, limit, out[f])
