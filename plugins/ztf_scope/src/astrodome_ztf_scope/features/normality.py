"""Compute the Anderson-Darling and Shapiro-Wilk statistics of a sample.

Both statistics test whether a sample was drawn from a normal distribution with an unknown mean and
variance.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .kernels import Array, compiled

# Coefficients of the polynomials in 1 / sqrt(N) that Royston (1992) adds to the two largest
# normalized scores, beginning with the linear term.
_LARGEST = (0.221157, -0.147981, -2.07119, 4.434685, -2.706056)
_SECOND = (0.042981, -0.293762, -1.752461, 5.682633, -3.582633)
_FAR_TAIL = 30.0
"""Standard deviations from which a series gives the tail of the normal distribution."""


@functools.lru_cache(maxsize=4096)
def shapiro_wilk_weights(n: int) -> Array:
    """Return the weights for the differences between the largest and smallest of N sorted values.

    There are N // 2 weights, beginning with the weight of the difference between the maximum and
    the minimum. The array is empty for fewer than three values. The approximation is from Royston
    (1992, Statistics and Computing 2, 117; 1995, algorithm AS R94).
    """
    if n < 3:
        return np.empty(0)
    if n == 3:
        return np.array([math.sqrt(0.5)])
    from scipy.special import ndtri

    scores: Array = -ndtri((np.arange(1, n // 2 + 1) - 0.375) / (n + 0.25))
    total = 2 * np.sum(scores**2)
    powers = n ** (-0.5 * np.arange(1, 6))
    corrected = 1 if n <= 5 else 2
    head = scores[:corrected] / math.sqrt(total) + [
        np.dot(each, powers) for each in (_LARGEST, _SECOND)[:corrected]
    ]
    rest = total - 2 * np.sum(scores[:corrected] ** 2)
    scale = math.sqrt((1 - 2 * np.sum(head**2)) / rest)
    return np.concatenate([head, scores[corrected:] * scale])


@compiled
def shapiro_wilk(ordered: Array, weights: Array) -> float:
    """Return the Shapiro-Wilk statistic W of sorted values.

    ``weights`` is the result of :func:`shapiro_wilk_weights`. The statistic is NaN for fewer than
    three values and for equal values.
    """
    n = len(ordered)
    if n < 3 or ordered[0] == ordered[n - 1]:
        return np.nan
    mean = _mean(ordered)
    contrast = norm = squares = 0.0
    for i in range(len(weights)):
        contrast += weights[i] * (ordered[n - 1 - i] - ordered[i])
        norm += 2 * weights[i] ** 2
    for i in range(n):
        squares += (ordered[i] - mean) ** 2
    return contrast**2 / (norm * squares) if squares > 0 else np.nan


@compiled
def anderson_darling(ordered: Array) -> float:
    """Return the Anderson-Darling statistic A² of sorted values.

    The statistic is NaN for fewer than two values and for equal values.
    """
    n = len(ordered)
    if n < 2 or ordered[0] == ordered[n - 1]:
        return np.nan
    mean = _mean(ordered)
    squares = 0.0
    for i in range(n):
        squares += (ordered[i] - mean) ** 2
    deviation = math.sqrt(squares / (n - 1))
    if not 0 < deviation < np.inf:
        return np.nan  # The values are too small or too large for their squares.
    total = 0.0
    for i in range(n):
        z = (ordered[i] - mean) / deviation
        tail, rest = _log_probabilities(abs(z))
        below, above = (tail, rest) if z < 0 else (rest, tail)
        total += (2 * i + 1) * below + (2 * (n - i) - 1) * above
    return -n - total / n


@compiled
def _mean(values: Array) -> float:
    """Return the mean, computed from the differences from the first value."""
    total = 0.0
    for i in range(len(values)):
        total += values[i] - values[0]
    return float(values[0] + total / len(values))


@compiled
def _log_probabilities(z: float) -> tuple[float, float]:
    """Return the logarithms of P(x > z) and P(x < z) for a normal variable x and z >= 0."""
    if z < _FAR_TAIL:
        tail = 0.5 * math.erfc(z * math.sqrt(0.5))
        return math.log(tail), math.log1p(-tail)
    inverse = 1 / (z * z)
    series = inverse * (-1 + inverse * (3 + inverse * (-15 + inverse * 105)))
    log_tail = -0.5 * z * z - math.log(z * math.sqrt(2 * math.pi)) + math.log1p(series)
    return log_tail, -math.exp(log_tail)
