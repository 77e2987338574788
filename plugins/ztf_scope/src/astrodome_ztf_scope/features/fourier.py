"""Fit a Fourier series with a linear trend to a folded light curve."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
from astrodome import InvalidInputError

from .epochs import plain_values, valid_epochs
from .kernels import Array, compiled

Convention = Literal["coefficients", "amplitudes"]
"""Meaning of ``f1_amp``, ``f1_phi0``, ``f1_relamp*`` and ``f1_relphi*``."""
NAMES = (
    *("f1_power", "f1_BIC", "f1_a", "f1_b", "f1_amp", "f1_phi0", "f1_relamp1", "f1_relphi1"),
    *("f1_relamp2", "f1_relphi2", "f1_relamp3", "f1_relphi3", "f1_relamp4", "f1_relphi4"),
)
"""Names of the features, which are column names in feature tables."""
HARMONICS = 5
"""Largest number of harmonics."""
_TERMS = 2 + 2 * HARMONICS
_DEPENDENT = 1e-6
"""A term is linearly dependent if the component orthogonal to the previous terms has at most this
norm, relative to the norm of the term."""


def fourier_features(
    time: Any, mag: Any, magerr: Any, period: Any, *, convention: Convention = "coefficients"
) -> dict[str, float]:
    r"""Fit a Fourier series with a linear trend to a light curve with a known period.

    The model with n harmonics is

    .. math:: m(t) = a + b (t - t_\mathrm{min})
        + \sum_{k=1}^{n} [A_k \cos(2 \pi k t / P) + B_k \sin(2 \pi k t / P)],

    where t is the given time, usually the heliocentric Julian date. The number of harmonics, from 0
    to 5, is the one with the smallest Bayesian information criterion.

    Parameters
    ----------
    time : array_like, shape (N,)
        Times in days, a quantity, or an `astropy.time.Time` object. They do not have to be sorted.
    mag : array_like, shape (N,)
        Magnitudes in one band.
    magerr : array_like, shape (N,)
        Magnitude errors. Epochs with a non-finite value, or with an error that is not positive, are
        ignored.
    period : float or astropy.units.Quantity
        Period P, in days.
    convention : {"coefficients", "amplitudes"}
        Meaning of the ten features from ``f1_amp`` to ``f1_relphi4``. Models must be used with the
        convention that they were trained with.

        - ``coefficients`` (SCoPe 0.9.5 and the published catalogues): the coefficients
          :math:`A_1, B_1, A_2, B_2, \dots, A_5, B_5` in magnitudes.
        - ``amplitudes`` (SCoPe since 2026): with :math:`C_k = \sqrt{A_k^2 + B_k^2}` and
          :math:`\varphi_k = \mathrm{atan2}(A_k, B_k)`, the amplitude :math:`C_1` in magnitudes, the
          phase :math:`\varphi_1` in radians, and for k from 2 to 5 the ratio :math:`C_k / C_1` and
          the relative phase :math:`((\varphi_k / k - \varphi_1) / (2 \pi / k)) \bmod 1`.

    Returns
    -------
    dict of str to float
        ``f1_power``, the fraction of the residual sum of squares of the linear trend that the
        harmonics explain; ``f1_BIC``, the Bayesian information criterion
        :math:`\chi^2 + (2 + 2n) \ln N`; ``f1_a`` in magnitudes; ``f1_b`` in magnitudes per day; and
        the ten features above, which are 0 for harmonics that the model does not contain.

        All values are NaN if the linear trend is not determined, for example for two epochs or for
        equal times, or if the period is not a positive number.

    Raises
    ------
    astrodome.InvalidInputError
        If the arrays are not one-dimensional or differ in length, if the period is not one number,
        or if the convention is unknown.

    Notes
    -----
    The least-squares problem is solved by orthogonalization of the weighted terms, which gives all
    numbers of harmonics at once. Numbers of harmonics with at least N parameters, or with terms
    that are linearly dependent at the observed times (within a relative tolerance of 1e-6), are not
    considered. The phase is computed from the remainder of the division of t by P, so that it is
    also exact for short periods.

    Examples
    --------
    >>> import numpy as np
    >>> import astrodome_ztf_scope as scope
    >>> time = np.arange(0, 30, 0.7)
    >>> mag = 15 + 0.3 * np.sin(2 * np.pi * time / 0.51)
    >>> found = scope.fourier_features(time, mag, np.full(len(time), 0.02), 0.51)
    >>> round(found["f1_power"], 6), round(found["f1_a"], 6), round(found["f1_phi0"], 6)
    (1.0, 15.0, 0.3)
    """
    if convention not in get_args(Convention):
        raise InvalidInputError(
            f"Invalid convention '{convention}': expected one of {', '.join(get_args(Convention))}."
        )
    t, m, e = valid_epochs(time, mag, magerr)
    trials = plain_values(period, "d", "period")
    if len(trials) != 1:
        raise InvalidInputError(f"Invalid period: expected one number, got {len(trials)}.")
    trial = float(trials[0])
    if not (len(t) and 0 < trial < math.inf):
        return dict.fromkeys(NAMES, math.nan)
    values = _fit(t, m, e, trial)
    if convention == "amplitudes":
        _convert_to_amplitudes(values)
    return dict(zip(NAMES, values.tolist(), strict=True))


@compiled
def _fit(t: Array, m: Array, e: Array, period: float) -> Array:
    """Return the features in the order of ``NAMES``, with coefficients."""
    n = len(t)
    values = np.full(2 + _TERMS, np.nan)
    terms = _weighted_terms(t, e, period)
    residual = (m - m[0]) / e
    triangle = np.zeros((_TERMS, _TERMS))
    projections = np.zeros(_TERMS)
    best, best_criterion, trend, best_squares = -1, np.inf, np.nan, np.nan
    for harmonics in range(HARMONICS + 1):
        size = 2 + 2 * harmonics
        if n <= size or not (
            _orthogonalize(terms, triangle, size - 2) and _orthogonalize(terms, triangle, size - 1)
        ):
            break
        for k in range(size - 2, size):
            projections[k] = _dot(terms[k], residual)
            residual -= projections[k] * terms[k]
        squares = _dot(residual, residual)
        if harmonics == 0:
            trend = squares
        criterion = squares + size * math.log(n)
        if criterion < best_criterion:
            best, best_criterion, best_squares = harmonics, criterion, squares
    if best < 0:
        return values
    values[0] = (trend - best_squares) / trend if best else 0.0
    values[1] = best_criterion
    values[2:] = 0.0
    for k in range(1 + 2 * best, -1, -1):
        total = projections[k]
        for j in range(k + 1, 2 + 2 * best):
            total -= triangle[k, j] * values[2 + j]
        values[2 + k] = total / triangle[k, k]
    values[2] += m[0]
    values[3] /= t[n - 1] - t[0]
    return values


@compiled
def _weighted_terms(t: Array, e: Array, period: float) -> Array:
    """Return the terms of the model divided by the errors, with shape (12, N).

    The second term is the time since the first epoch, as a fraction of the time range.
    """
    n = len(t)
    terms = np.empty((_TERMS, n))
    for i in range(n):
        phase = 2 * math.pi * ((t[i] % period) / period)  # The remainder is exact.
        cosine, sine = math.cos(phase), math.sin(phase)
        weight = 1 / e[i]
        terms[0, i] = weight
        terms[1, i] = weight * ((t[i] - t[0]) / (t[n - 1] - t[0]))
        c, s = cosine, sine
        for k in range(2, _TERMS, 2):
            terms[k, i] = weight * c
            terms[k + 1, i] = weight * s
            c, s = c * cosine - s * sine, s * cosine + c * sine
    return terms


@compiled
def _orthogonalize(terms: Array, triangle: Array, column: int) -> bool:
    """Replace a term by its normalized component orthogonal to the previous terms.

    The column of the triangular matrix is stored in ``triangle``. Return False if the term is
    linearly dependent. Two passes make the terms orthogonal to the rounding error.
    """
    term = terms[column]
    norm = math.sqrt(_dot(term, term))
    for _ in range(2):
        for k in range(column):
            projection = _dot(terms[k], term)
            triangle[k, column] += projection
            term -= projection * terms[k]
    remaining = math.sqrt(_dot(term, term))
    if not remaining > _DEPENDENT * norm:
        return False
    triangle[column, column] = remaining
    term /= remaining
    return True


@compiled
def _dot(x: Array, y: Array) -> float:
    """Return the scalar product. Unlike in BLAS, the order of the summation is always the same."""
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


def _convert_to_amplitudes(values: Array) -> None:
    """Replace the coefficients of the harmonics by amplitudes and phases."""
    pairs = values[4:].reshape(HARMONICS, 2)
    amplitudes = np.hypot(pairs[:, 0], pairs[:, 1])
    phases = np.arctan2(pairs[:, 0], pairs[:, 1])
    present = int(np.flatnonzero(amplitudes)[-1]) + 1 if amplitudes.any() else 0
    pairs[0] = amplitudes[0], phases[0]
    for k in range(2, present + 1):
        ratio = amplitudes[k - 1] / amplitudes[0] if amplitudes[0] else math.nan
        pairs[k - 1] = ratio, (phases[k - 1] / k - phases[0]) / (2 * math.pi / k) % 1
