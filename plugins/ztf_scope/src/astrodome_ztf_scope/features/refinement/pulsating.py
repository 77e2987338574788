"""Find the period of an RR Lyrae star or a Cepheid, and describe its light curve.

Fourier series are fitted at all trial periods. Trial periods at which the Fourier phases are
typical of pulsating stars are preferred to aliases with a similar quality of the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import fourier_kernels as kernels
from .classes import Kind
from .multiband import MultibandLightCurve

Array = NDArray[np.float64]

LOCUS_AMPLITUDE = 0.1
LOCUS_PHI21, LOCUS_PHI31 = (3.0, 5.8), (0.6, 5.1)
"""Minimum peak-to-peak amplitude in magnitudes, and ranges of the Fourier phases (cosine series)
of pulsating stars."""
BIC_RANGE = 30.0
"""Models within this difference from the lowest BIC are considered."""
POLISHED = 24
"""Maximum number of trial periods that are improved."""
SCAN_WIDTH, SCAN_POINTS, SCAN_ROUNDS = 0.5, 41, 2
"""Half width of the scan around the chosen frequency, in units of 1 / baseline, its number of
points, and the number of scans, each of which is ten times narrower than the one before."""
POLISH_STEPS = 3
OUTLIER, MAD_TO_SIGMA = 5.0, 1.4826
BOOTSTRAPS = 25
RR_LYRAE_RATIOS = {1: 1.0, 2: 0.71, 3: 0.57}
"""Amplitudes relative to g, by filter number (Sesar et al. 2010, ApJ 708, 717)."""
SECOND_PERIODS = (0.15, 1.5)
SECOND_POINTS, SECOND_RMS, SECOND_LOG10_FAP = 40, 0.05, -3.0
RRD_RATIOS = (0.70, 0.80)
PHASES = np.arange(400) / 400


@dataclass(frozen=True)
class FourierModel:
    """A Fourier series that was fitted to all light curves of a source.

    Attributes
    ----------
    period : float
        Period in days.
    order : int
        Order of the series (1 to 5).
    bic, rss : float
        Bayesian information criterion and weighted residual sum of squares.
    coefficients : numpy.ndarray, shape (L, 2 order + 1)
        Constant, and cosine and sine coefficients of each order, of each light curve.
    """

    period: float
    order: int
    bic: float
    rss: float
    coefficients: Array

    def parameters(self, band: int) -> dict[str, float]:
        """Return the amplitude, the amplitude ratios and the phases of a light curve.

        The series is ``A_k cos(2 pi k phase + psi_k)``, with ``phi_k1 = psi_k - k psi_1``.
        """
        a, b = self.coefficients[band, 1::2], self.coefficients[band, 2::2]
        amplitude, psi = np.hypot(a, b), np.arctan2(-b, a)
        found = {"amp": float(np.ptp(series(self.coefficients[band], PHASES)))}
        for k in (2, 3):
            if self.order >= k and amplitude[0] > 0:
                found[f"R{k}1"] = float(amplitude[k - 1] / amplitude[0])
                found[f"phi{k}1"] = float((psi[k - 1] - k * psi[0]) % (2 * np.pi))
        return found

    def is_on_locus(self, band: int) -> bool:
        """Return whether the amplitude and the phases are typical of a pulsating star."""
        found = self.parameters(band)
        phases = (("phi21", LOCUS_PHI21), ("phi31", LOCUS_PHI31))
        return found["amp"] >= LOCUS_AMPLITUDE and all(
            low <= found.get(name, low) <= high for name, (low, high) in phases
        )


def series(coefficients: Array, phase: Array) -> Array:
    """Return the Fourier series with coefficients (1, cos, sin, cos 2, …) at the given phases."""
    total = np.full_like(phase, coefficients[0])
    for k in range(1, len(coefficients) // 2 + 1):
        angle = 2 * np.pi * k * phase
        total += coefficients[2 * k - 1] * np.cos(angle) + coefficients[2 * k] * np.sin(angle)
    return total


def find_period(curve: MultibandLightCurve, periods: Array) -> FourierModel | None:
    """Return the Fourier series at the best trial period.

    Returns None if no period is possible, or if a constant describes the light curve as well.
    """
    possible = np.array([period for period in periods if curve.covers_phases(period)])
    if not len(possible) or not curve.baseline:
        return None
    frequencies = 1 / possible
    bic = _bic(curve, kernels.residuals_by_order(*curve.arrays, frequencies))
    if bic.min() >= bic[0, 0]:
        return None
    order = np.argsort(bic[:, 1:].min(axis=1), kind="stable")[:POLISHED]
    polished = [_newton(curve, frequencies[k], int(bic[k, 1:].argmin()) + 1) for k in order]
    models = fit_models(curve, np.array(polished))
    return refine(curve, choose(models, curve.best))


def _bic(curve: MultibandLightCurve, rss: Array) -> Array:
    """Return the BIC for each row and order of the residual sums of squares."""
    count = len(curve)
    parameters = len(curve.filters) * (2 * np.arange(rss.shape[1]) + 1)
    bic: Array = count * np.log(rss / count) + parameters * np.log(count)
    return bic


def fit_models(curve: MultibandLightCurve, frequencies: Array) -> list[FourierModel]:
    """Fit Fourier series of the orders 1 to 5 at all frequencies."""
    rss = kernels.residuals_by_order(*curve.arrays, frequencies)
    bic = _bic(curve, rss)
    models = []
    for row, frequency in enumerate(frequencies):
        for order in range(1, kernels.ORDERS + 1):
            if len(curve) > len(curve.filters) * (2 * order + 1):
                coefficients = kernels.coefficients(*curve.arrays, frequency, order)
                values = float(bic[row, order]), float(rss[row, order])
                models.append(FourierModel(float(1 / frequency), order, *values, coefficients))
    return models


def choose(models: list[FourierModel], band: int) -> FourierModel:
    """Return the model with the lowest BIC, or a model on the locus with a similar BIC."""
    lowest = min(model.bic for model in models)
    typical = [m for m in models if m.bic <= lowest + BIC_RANGE and m.is_on_locus(band)]
    return min(typical or models, key=lambda model: (model.bic, model.period))


def refine(curve: MultibandLightCurve, model: FourierModel) -> FourierModel:
    """Return a model with the period that minimises the residuals.

    The frequency is scanned in steps that are short compared with the width of a peak, which is the
    inverse of the baseline, and then improved with the Gauss–Newton method.
    """
    frequency, half = 1 / model.period, SCAN_WIDTH / curve.baseline
    for _ in range(SCAN_ROUNDS):
        trials = frequency + half * np.linspace(-1, 1, SCAN_POINTS)
        trials = trials[trials > 0]
        rss = kernels.residuals_by_order(*curve.arrays, trials)[:, model.order]
        frequency, half = float(trials[np.argmin(rss)]), half / 10
    frequency = _newton(curve, frequency, model.order)
    rss = kernels.residuals_by_order(*curve.arrays, np.array([frequency]))
    return FourierModel(
        1 / frequency,
        model.order,
        float(_bic(curve, rss)[0, model.order]),
        float(rss[0, model.order]),
        kernels.coefficients(*curve.arrays, frequency, model.order),
    )


def without_outliers(curve: MultibandLightCurve, model: FourierModel) -> MultibandLightCurve:
    """Return a light curve in which epochs with large residuals have the weight 0."""
    squares = curve.weight * _residuals(curve, model) ** 2
    limit = (OUTLIER * MAD_TO_SIGMA) ** 2 * np.median(squares)
    return curve.reweighted(np.where(squares > limit, 0.0, curve.weight))


def _newton(curve: MultibandLightCurve, frequency: float, order: int) -> float:
    """Return the frequency after a few Gauss–Newton steps inside the peak of the periodogram."""
    start, limit = frequency, 0.25 / curve.baseline
    for _ in range(POLISH_STEPS):
        step, _normal = kernels.newton_step(*curve.arrays, frequency, order)
        frequency += float(np.clip(step, -limit, limit))
    return frequency if abs(frequency - start) < 4 * limit and frequency > 0 else start


def bootstrap_error(curve: MultibandLightCurve, model: FourierModel) -> float:
    """Return the standard error of the period from resampled epochs of each light curve, in days.

    The random numbers are the same for every source, so that the result depends on the source only.
    """
    rng = np.random.default_rng(0)
    periods = []
    for _ in range(BOOTSTRAPS):
        counts = np.zeros(len(curve))
        for start, end in zip(curve.offsets[:-1], curve.offsets[1:], strict=True):
            drawn = rng.integers(start, end, end - start)
            counts += np.bincount(drawn, minlength=len(curve))
        resampled = curve.reweighted(curve.weight * counts)
        periods.append(1 / _newton(resampled, 1 / model.period, model.order))
    values = np.array(periods)
    return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))


def describe(curve: MultibandLightCurve, model: FourierModel, kind: Kind) -> dict[str, float | str]:
    """Return the Fourier parameters, the mode, the second period and the residuals."""
    found: dict[str, float | str] = {**model.parameters(curve.best)}
    residuals = _residuals(curve, model)
    rms = float(np.sqrt(model.rss / len(curve)))
    found["resid_rms"] = rms
    if kind == "rr_lyrae":
        scale = RR_LYRAE_RATIOS.get(curve.filters[curve.best], 1.0)
        found["mode"] = rr_lyrae_mode(model.period, float(found["amp"]) / scale)
        second = _second_period(curve, residuals, rms)
        if np.isfinite(second):
            found["p2"] = second
            ratio = min(second, model.period) / max(second, model.period)
            found["is_rrd"] = RRD_RATIOS[0] < ratio < RRD_RATIOS[1]
        else:
            found["is_rrd"] = False
    return found


def rr_lyrae_mode(period: float, amplitude: float) -> str:
    """Return ``RRab`` or ``RRc`` from the period in days and the g amplitude in magnitudes."""
    if period > 0.5:
        return "RRab"
    largest = 0.64 if period <= 0.34 else max(0.64 - 1.6 * (period - 0.34), 0.15)
    return "RRc" if amplitude <= largest else "RRab"


def _residuals(curve: MultibandLightCurve, model: FourierModel) -> Array:
    residuals = curve.mag.copy()
    for band in range(len(curve.filters)):
        part = slice(*curve.offsets[band : band + 2])
        residuals[part] -= series(model.coefficients[band], (curve.time[part] / model.period) % 1.0)
    return residuals


def _second_period(curve: MultibandLightCurve, residuals: Array, rms: float) -> float:
    """Return the period of a significant second mode in the residuals in days, or NaN."""
    if np.count_nonzero(curve.weight) < SECOND_POINTS or rms < SECOND_RMS:
        return np.nan
    from ..periods import SearchOptions, search

    low, high = SECOND_PERIODS
    options = SearchOptions(
        algorithms=("LS",), min_frequency=1 / high, max_frequency=1 / low, top_n=1
    )
    used = np.flatnonzero(curve.weight > 0)
    order = used[np.argsort(curve.time[used], kind="stable")]
    error = np.full(len(order), rms)
    peaks = search(curve.time[order], residuals[order], error, options)["LS"]
    if not len(peaks.period) or peaks.log10_fap[0] > SECOND_LOG10_FAP:
        return np.nan
    return float(peaks.period[0])
