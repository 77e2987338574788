"""False-alarm probabilities of periodogram peaks, as decimal logarithms that are always finite."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy import special, stats

from ..cleaning import MAD_TO_SIGMA
from . import binned_kernels
from .algorithms import ALGORITHMS, bic_differences, explained_by_harmonics
from .grid import Grid
from .light_curve import LightCurve
from .options import Array

CLIP = 3.5
"""Distance from the median, in standard deviations, beyond which magnitudes are reduced to it."""
TRIALS = {"CE": 14.0, "AOV": 4.3, "FPW": 5.3, "MHF": 10.0, "BLS": 3700.0, "MHAOV": 9.5}
"""Number of independent trials per 1/baseline of the searched frequency range.

They reproduce the share of constant stars with a probability below 5 to 10 percent (1 percent for
MHF) in a simulation of 1,000 stars with 60 to 400 epochs and normally distributed errors. The boxes
of BLS and the numbers of harmonics of MHF count as trials.
"""
PERMUTATIONS, FREQUENCIES = 16, 1024
"""Number of permutations of a light curve, and number of frequencies for each permutation."""
LOWEST = -690.0
"""Lowest natural logarithm of a probability of CE."""


def log10_fap(name: str, curve: LightCurve, frequency: Array, grid: Grid) -> Array:
    """Return the probability that a constant star has a peak as high as those at the frequencies.

    Isolated outliers can produce the best value of a phase-binned periodogram at any frequency. The
    periodogram is therefore evaluated again at the peaks, after magnitudes at more than
    :data:`CLIP` standard deviations from the median have been reduced to this distance. The
    standard deviation is estimated from the median absolute deviation.

    For LS, the probability is the upper limit by Baluev (2008, MNRAS 385, 1279). For the other
    algorithms, it is the probability at one frequency for the number of independent trials in
    :data:`TRIALS`. The probability at one frequency is extrapolated from random permutations of the
    magnitudes for CE. For the others, it is that of the fraction of the chi² that the model
    removes, which has a beta distribution.
    """
    curve = _winsorized(curve)
    value = ALGORITHMS[name].prepare(curve)(frequency)
    if name == "CE":
        log_probability = _log_permutation_probability(curve, grid, value)
    else:
        fraction, terms, rest = _explained_fraction(name, curve, frequency, value)
        if name == "LS":
            return _baluev(fraction, len(curve.mag), grid.first + grid.step * grid.size, curve)
        log_probability = log_beta_survival(fraction, terms, rest)
    trials = TRIALS[name] * max(grid.searched_size * grid.step * curve.baseline, 1.0)
    return _log10_any(log_probability + math.log(trials))


def _winsorized(curve: LightCurve) -> LightCurve:
    """Return the light curve with a limited distance of the magnitudes from their median."""
    median = np.median(curve.mag)
    limit = CLIP * MAD_TO_SIGMA * np.median(np.abs(curve.mag - median))
    if not limit > 0:
        return curve
    return replace(curve, mag=np.clip(curve.mag, median - limit, median + limit))


def _explained_fraction(
    name: str, curve: LightCurve, frequency: Array, value: Array
) -> tuple[Array, Array | float, Array | float]:
    """Return the fraction of the chi² that the model removes, and the degrees of freedom.

    The two degrees of freedom are those of the model, and those that remain.
    """
    points, bins = len(curve.mag), binned_kernels.PHASE_BINS
    total = float((curve.weight * curve.residual**2).sum())
    if name == "LS":
        return value, 2.0, points - 3.0
    if name in ("AOV", "MHAOV"):
        terms = bins - 1.0 if name == "AOV" else 6.0
        rest = points - 1.0 - terms
        return value * terms / (value * terms + rest), terms, rest
    if name == "FPW":
        return 2 * value / (curve.total_weight * total), bins - 1.0, max(points - bins, 1.0)
    if name == "BLS":
        return value / total, 1.0, points - 2.0
    return _best_model(curve, frequency)


def _best_model(curve: LightCurve, frequency: Array) -> tuple[Array, Array, Array]:
    """Return the arguments of the beta distribution for the best model of MHF."""
    differences = bic_differences(curve)(frequency)
    points, harmonics = len(curve.mag), differences.shape[1]
    terms = 2.0 * np.arange(1, harmonics + 1)
    removed = differences + terms * math.log(points)
    total = curve.total_weight * explained_by_harmonics(curve, 1, trend=True)[1]
    best = differences.argmax(axis=1)
    chosen = removed[np.arange(len(best)), best]
    return chosen / total, terms[best], points - 2 - terms[best]


def log_beta_survival(fraction: Array, terms: Array | float, rest: Array | float) -> Array:
    """Return ln P(x > fraction) for the fraction of chi² that a model removes from pure noise.

    x has a beta distribution with the parameters terms/2 and rest/2. If the probability is too
    small for float64, the first two terms of the continued fraction of the incomplete beta function
    are used.
    """
    x = np.clip(1 - np.nan_to_num(fraction), 1e-16, 1.0)
    a, b = np.broadcast_to(rest, x.shape) / 2, np.broadcast_to(terms, x.shape) / 2
    probability = special.betainc(a, b, x)
    tail = a * np.log(x) + b * np.log1p(-x) - np.log(a) - special.betaln(a, b)
    tail -= np.log1p(-np.minimum((a + b) / (a + 1) * x, 0.5))
    logarithm: Array = np.where(probability > 1e-250, np.log(np.maximum(probability, 1e-300)), tail)
    return logarithm


def _baluev(fraction: Array, points: int, max_frequency: float, curve: LightCurve) -> Array:
    """Return the upper limit by Baluev for the standard normalization."""
    remaining = np.log(np.clip(1 - fraction, 1e-16, 1.0))
    half = (points - 3) / 2
    width = max_frequency * math.sqrt(4 * math.pi * _weighted_variance(curve))
    gamma = math.exp(special.gammaln((points - 1) / 2) - special.gammaln((points - 2) / 2))
    factor = gamma * math.sqrt(2 / (points - 1)) * width
    crossings = (
        np.log(factor)
        + (half - 0.5) * remaining
        + 0.5 * np.log(0.5 * (points - 1) * np.clip(fraction, 0, 1))
    )
    return _log10_any(np.logaddexp(half * remaining, crossings))


def _weighted_variance(curve: LightCurve) -> float:
    mean = (curve.weight * curve.time).sum()
    return float((curve.weight * (curve.time - mean) ** 2).sum())


def _log_permutation_probability(curve: LightCurve, grid: Grid, value: Array) -> Array:
    """Return ln P that the conditional entropy is at most the given value at one frequency.

    The distribution of the entropies for random permutations of the magnitudes and random
    frequencies is approximated by a Pearson type III distribution with the same mean, standard
    deviation and skewness.
    """
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(PERMUTATIONS):
        order = rng.permutation(len(curve.mag))
        permuted = replace(curve, mag=curve.mag[order], magerr=curve.magerr[order])
        index = rng.integers(0, grid.size, FREQUENCIES)
        parts.append(ALGORITHMS["CE"].prepare(permuted)(grid.frequency(index)))
    entropies = np.concatenate(parts)
    if not entropies.std() > 0:
        return np.zeros(len(value))
    skewness = min(float(stats.skew(entropies)), 0.0)  # Otherwise, values would have a limit.
    distance = (value - entropies.mean()) / entropies.std()
    probability: Array = np.maximum(stats.pearson3.logcdf(distance, skewness), LOWEST)
    return probability


def _log10_any(log_expected: Array) -> Array:
    """Return log10 of the probability of at least one event, for the log of the expected number."""
    clipped = np.clip(log_expected, -30, 5)
    log = np.where(log_expected < -30, log_expected, np.log(-np.expm1(-np.exp(clipped))))
    result: Array = log / math.log(10)
    return result
