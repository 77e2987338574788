"""Compute the 22 statistics of a light curve that SCoPe uses as features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .epochs import valid_epochs
from .kernels import Array, compiled
from .normality import anderson_darling, shapiro_wilk, shapiro_wilk_weights

NAMES = (
    *("n", "median", "wmean", "chi2red", "roms", "wstd", "norm_peak_to_peak_amp"),
    *("norm_excess_var", "median_abs_dev", "iqr", "i60r", "i70r", "i80r", "i90r", "skew"),
    *("smallkurt", "inv_vonneumannratio", "welch_i", "stetson_j", "stetson_k", "ad", "sw"),
)
"""Names of the statistics, which are column names in feature tables."""
_TAILS = (0.25, 0.2, 0.15, 0.1, 0.05)
"""Fraction of epochs below each interpercentile range, from ``iqr`` to ``i90r``."""


def light_curve_statistics(time: Any, mag: Any, magerr: Any) -> dict[str, float]:
    r"""Compute the 22 statistics of a light curve that SCoPe uses as features.

    Parameters
    ----------
    time : array_like, shape (N,)
        Times in days, a quantity, or an `astropy.time.Time` object. They do not have to be sorted.
    mag : array_like, shape (N,)
        Magnitudes in one band.
    magerr : array_like, shape (N,)
        Magnitude errors. Epochs with a non-finite value, or with an error that is not positive, are
        ignored.

    Returns
    -------
    dict of str to float
        The statistics below. A statistic that is not defined is NaN, for example ``skew`` for two
        epochs, ``stetson_k`` for constant magnitudes, or ``inv_vonneumannratio`` for equal times.

        ========================= =================================================================
        ``n``                     number of epochs N
        ``median``                median magnitude
        ``wmean``                 mean magnitude :math:`\bar m` with the weights :math:`e^{-2}`
        ``chi2red``               :math:`\sum d^2 / (N - 1)` with :math:`d = (m - \bar m) / e`
        ``roms``                  robust median statistic
                                  :math:`\sum |m - \mathrm{median}| / e / (N - 1)`
        ``wstd``                  weighted standard deviation, in magnitudes
        ``norm_peak_to_peak_amp`` :math:`(u - l) / (u + l)` with :math:`u = \max(m - e)` and
                                  :math:`l = \min(m + e)`
        ``norm_excess_var``       :math:`\sum ((m - \bar m)^2 - e^2) / (N \bar m^2)`
        ``median_abs_dev``        median absolute deviation from the median, in magnitudes
        ``iqr``                   difference between the 75th and 25th percentiles
        ``i60r`` … ``i90r``       range of the central 60, 70, 80 and 90 % of the magnitudes
        ``skew``                  small-sample skewness of d
        ``smallkurt``             small-sample kurtosis of d
        ``inv_vonneumannratio``   inverse of the time-weighted von Neumann ratio
        ``welch_i``               :math:`\sum P_i` with :math:`P_i = N / (N - 1) \, d_i d_{i + 1}`
                                  for the N - 1 pairs of consecutive epochs
        ``stetson_j``             :math:`\sum \mathrm{sign}(P_i) \sqrt{|P_i|}`
        ``stetson_k``             :math:`\sum |d| / \sqrt{N \sum d^2}`
        ``ad``                    Anderson-Darling statistic for normally distributed m / e
        ``sw``                    Shapiro-Wilk statistic W for normally distributed m / e
        ========================= =================================================================

    Raises
    ------
    astrodome.InvalidInputError
        If the arrays are not one-dimensional or differ in length.

    Notes
    -----
    The definitions are those of SCoPe (Coughlin et al. 2021, MNRAS 505, 2954). The Welch-Stetson
    indices are sums over pairs of epochs, which are not divided by the number of pairs.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> found = scope.light_curve_statistics([0, 1, 3, 4], [15.0, 15.4, 15.1, 15.2], [0.1] * 4)
    >>> found["n"], round(found["median"], 3), round(found["chi2red"], 3)
    (4.0, 15.15, 2.917)
    """
    return statistics(time, mag, magerr)


def statistics(time: Any, mag: Any, magerr: Any) -> dict[str, float]:
    """Return the statistics that :func:`light_curve_statistics` describes."""
    t, m, e = valid_epochs(time, mag, magerr)
    with np.errstate(over="ignore"):
        scaled = np.sort(m / e)
    values = [
        *_moments_and_quantiles(t, m, e, np.sort(m)).tolist(),
        anderson_darling(scaled),
        shapiro_wilk(scaled, shapiro_wilk_weights(len(m))),
    ]
    return dict(zip(NAMES, values, strict=True))


@compiled
def _moments_and_quantiles(t: Array, m: Array, e: Array, ordered: Array) -> Array:
    """Return the first 20 statistics. ``ordered`` contains the sorted magnitudes."""
    n = len(m)
    values = np.full(20, np.nan)
    values[0] = n
    if n == 0:
        return values
    median = _quantile(ordered, 0.5)
    mean, deviation, residual = _weighted_mean(m, e)
    values[1], values[2], values[5] = median, mean, deviation
    values[8] = _median_absolute_deviation(ordered, median)
    for k in range(5):
        values[9 + k] = _quantile(ordered, 1 - _TAILS[k]) - _quantile(ordered, _TAILS[k])
    _add_moments(m, e, residual, values)
    if n > 1:
        _add_neighbour_statistics(t, m, residual / e, deviation, values)
    for k in range(20):
        if not np.isfinite(values[k]):
            values[k] = np.nan
    return values


@compiled
def _quantile(ordered: Array, fraction: float) -> float:
    """Return a quantile of sorted values with linear interpolation."""
    position = fraction * (len(ordered) - 1)
    below = min(int(position), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (position - below) * (ordered[above] - ordered[below]))


@compiled
def _median_absolute_deviation(ordered: Array, median: float) -> float:
    """Return the median of ``abs(ordered - median)``.

    The deviations are sorted on both sides of the median, so that they are merged and not sorted.
    """
    n = len(ordered)
    left = (n - 1) // 2
    right = left + 1
    previous = current = 0.0
    for _ in range(n // 2 + 1):
        previous = current
        if right == n or (left >= 0 and median - ordered[left] <= ordered[right] - median):
            current = median - ordered[left]
            left -= 1
        else:
            current = ordered[right] - median
            right += 1
    return current if n % 2 else 0.5 * (previous + current)


@compiled
def _weighted_mean(m: Array, e: Array) -> tuple[float, float, Array]:
    """Return the mean and the standard deviation with the weights 1 / e², and the residuals.

    The magnitudes are measured from the epoch with the smallest error. Its residual is therefore
    accurate, even if the mean is almost equal to its magnitude.
    """
    best = np.argmin(e)
    weight = (e[best] / e) ** 2
    total = offset = variance = 0.0
    for i in range(len(m)):
        total += weight[i]
        offset += weight[i] * (m[i] - m[best])
    offset /= total
    residual = (m - m[best]) - offset
    for i in range(len(m)):
        variance += weight[i] * residual[i] ** 2
    return m[best] + offset, math.sqrt(variance / total), residual


@compiled
def _add_moments(m: Array, e: Array, residual: Array, values: Array) -> None:
    """Store the statistics that do not depend on the order of the epochs."""
    n, median, mean = len(m), values[1], values[2]
    absolute = robust = excess = second = third = fourth = 0.0
    upper, lower = -np.inf, np.inf
    for i in range(n):
        d = residual[i] / e[i]
        square = d * d
        absolute += abs(d)
        second += square
        third += square * d
        fourth += square * square
        robust += abs(m[i] - median) / e[i]
        excess += residual[i] ** 2 - e[i] ** 2
        upper = max(upper, m[i] - e[i])
        lower = min(lower, m[i] + e[i])
    values[3] = second / (n - 1)
    values[4] = robust / (n - 1)
    values[6] = (upper - lower) / (upper + lower)
    values[7] = excess / (n * mean**2)
    if n > 2:
        values[14] = n / ((n - 1) * (n - 2)) * third
    if n > 3:
        factor = n * (n + 1) / ((n - 1) * (n - 2) * (n - 3))
        values[15] = factor * fourth - 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))
    values[19] = absolute / math.sqrt(n * second)


@compiled
def _add_neighbour_statistics(
    t: Array, m: Array, d: Array, deviation: float, values: Array
) -> None:
    """Store the statistics of consecutive epochs. ``d`` contains the residuals divided by e."""
    n = len(m)
    weights = changes = products = roots = 0.0
    for i in range(1, n):
        weight = 1 / (t[i] - t[i - 1]) ** 2
        weights += weight
        changes += weight * (m[i] - m[i - 1]) ** 2
        product = n / (n - 1) * d[i - 1] * d[i]
        products += product
        roots += math.copysign(math.sqrt(abs(product)), product)
    values[16] = weights * deviation**2 / changes
    values[17] = products
    values[18] = roots
