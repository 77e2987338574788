"""Fit a damped random walk to a light curve.

A damped random walk (Ornstein-Uhlenbeck process) describes the stochastic variability of active
galactic nuclei (Kelly et al. 2009, ApJ 698, 895). The covariance of two epochs is
``sigma² exp(-|dt| / tau)``, plus the squared magnitude error and the squared jitter for equal
epochs. The likelihood is computed exactly by a Kalman filter, in a time proportional to the number
of epochs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .epochs import valid_epochs
from .kernels import Array, compiled

NAMES = ("drw_tau", "drw_sigma", "drw_max_z", "drw_fit_success", "drw_max_innovation")
"""Names of the features, which are column names in feature tables."""
# Limits of the variance in mag², the rate 1 / tau in 1 / d, and the jitter in mag.
_LOWEST, _HIGHEST = np.log([1e-8, 1e-5, 1e-6]), np.log([1e2, 1e2, 1e1])
_SMALLEST_SIGMA = 1.01 * math.sqrt(1e-8)
"""Standard deviation up to which a fit is considered to be at the lower limit, in magnitudes."""


@dataclass(frozen=True)
class DampedRandomWalkOptions:
    """Parameters of the fit.

    Parameters
    ----------
    min_epochs
        Minimum number of epochs with different times.
    max_iterations
        Maximum number of fits. After each fit, epochs with a standardized residual larger than
        ``max_residual`` are excluded from the next fit, except for the first and the last epoch.
    max_residual
        Limit for the standardized residual.
    """

    min_epochs: int = 15
    max_iterations: int = 1
    max_residual: float = 3.0


@dataclass(frozen=True)
class DampedRandomWalk:
    """A damped random walk.

    Parameters
    ----------
    tau
        Damping time scale, in days.
    sigma
        Asymptotic standard deviation, in magnitudes. The asymptotic amplitude of the structure
        function is ``sqrt(2) * sigma``.
    jitter
        Standard deviation of additional white noise, in magnitudes.
    mean
        Mean magnitude.
    """

    tau: float
    sigma: float
    jitter: float
    mean: float

    def log_likelihood(self, time: Array, mag: Array, magerr: Array) -> float:
        """Return the logarithm of the likelihood of a light curve, which is sorted by time."""
        half, _ = _negative_log_likelihood(
            time, mag - self.mean, magerr**2, self.sigma**2, 1 / self.tau, self.jitter
        )
        return float(-half - 0.5 * len(time) * math.log(2 * math.pi))

    def residuals(self, time: Array, mag: Array, magerr: Array) -> Array:
        """Return the residuals of one-step predictions, divided by their standard deviations.

        Each magnitude is predicted from the previous observed magnitude, as in SCoPe. The error of
        the previous magnitude is neglected. The first magnitude is compared with the mean.
        """
        correlation = np.exp(-np.diff(time, prepend=-np.inf) / self.tau)
        deviation = mag - self.mean
        predicted = correlation * np.append(0.0, deviation[:-1])
        variance = self.sigma**2 * (1 - correlation**2) + magerr**2 + self.jitter**2
        standardized: Array = (deviation - predicted) / np.sqrt(variance)
        return standardized

    def innovations(self, time: Array, mag: Array, magerr: Array) -> Array:
        """Return the innovations of the Kalman filter, divided by their standard deviations.

        Each magnitude is predicted from all previous magnitudes and their errors. For a damped
        random walk, the innovations are independent and have a standard normal distribution.
        """
        noise = magerr**2 + self.jitter**2
        innovation, variance = _filter(time, mag - self.mean, noise, self.sigma**2, 1 / self.tau)
        standardized: Array = innovation / np.sqrt(variance)
        return standardized


def drw_features(
    time: Any,
    mag: Any,
    magerr: Any,
    options: DampedRandomWalkOptions = DampedRandomWalkOptions(),
) -> dict[str, float]:
    """Return the features of a damped random walk that is fitted to a light curve.

    Parameters
    ----------
    time : array_like, shape (N,)
        Times in days, a quantity, or an `astropy.time.Time` object. They do not have to be sorted.
    mag, magerr : array_like, shape (N,)
        Magnitudes in one band, and their errors. Epochs with a non-finite value, or with an error
        that is not positive, are ignored. The first of several epochs with equal times is used.
    options : DampedRandomWalkOptions
        Parameters of the fit.

    Returns
    -------
    dict of str to float
        - ``drw_tau``, the damping time scale in days;
        - ``drw_sigma``, the asymptotic standard deviation in magnitudes;
        - ``drw_max_z``, the largest absolute residual (see :meth:`DampedRandomWalk.residuals`);
        - ``drw_max_innovation``, the largest absolute innovation (see
          :meth:`DampedRandomWalk.innovations`);
        - ``drw_fit_success``, 1 if the fit converged, tau is between the median time difference
          and the time range of the epochs, and sigma is above its lower limit, and otherwise 0.
          Without success, tau and sigma are limits rather than estimates.

        With fewer than ``options.min_epochs`` epochs, ``drw_fit_success`` is 0, and all other
        values are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.damped_random_walk import drw_features
    >>> random = np.random.default_rng(1)
    >>> time = np.arange(0.0, 900.0, 3.0)
    >>> mag = 19 + np.convolve(random.normal(0, 0.1, 300), 0.9 ** np.arange(60))[:300]
    >>> found = drw_features(time, mag, np.full(300, 0.02))
    >>> found["drw_fit_success"], bool(10 < found["drw_tau"] < 100)
    (1.0, True)
    """
    t, m, e = valid_epochs(time, mag, magerr)
    later = np.diff(t, prepend=-np.inf) > 0
    t, m, e = t[later], m[later], e[later]
    values = dict.fromkeys(NAMES, math.nan) | {"drw_fit_success": 0.0}
    used = np.ones(len(t), np.bool_)
    for _ in range(max(1, options.max_iterations)):
        if np.count_nonzero(used) < options.min_epochs:
            break
        walk, converged = fit_damped_random_walk(t[used], m[used], e[used])
        residual = np.abs(walk.residuals(t, m, e))
        success = converged and _is_constrained(walk, t[used])
        innovation = np.abs(walk.innovations(t, m, e))
        found = (walk.tau, walk.sigma, residual.max(), success, innovation.max())
        values = dict(zip(NAMES, map(float, found), strict=True))
        accepted = residual <= options.max_residual
        accepted[[0, -1]] = True
        if np.array_equal(accepted, used):
            break
        used = accepted
    return values


def fit_damped_random_walk(time: Array, mag: Array, magerr: Array) -> tuple[DampedRandomWalk, bool]:
    """Return the damped random walk with the largest likelihood, and whether the fit converged.

    ``time`` must increase. The mean magnitude is determined analytically for each set of the other
    three parameters. These are limited to 1e-4 mag <= sigma <= 10 mag, 0.01 d <= tau <= 1e5 d and
    1e-6 mag <= jitter <= 10 mag.
    """
    from scipy.optimize import minimize

    center = float(np.median(mag))
    deviation, noise = mag - center, magerr**2
    first = np.log(
        [
            max(float(np.var(mag)), 1e-8),
            5 / max(time[-1] - time[0], 1.0),
            max(float(np.median(magerr)), 1e-4),
        ]
    )

    def objective(logarithms: Array) -> tuple[float, Array]:
        variance, rate, jitter = np.exp(logarithms)
        mean = _best_mean(time, deviation, noise + jitter**2, variance, rate)
        return _negative_log_likelihood(time, deviation - mean, noise, variance, rate, jitter)

    result = minimize(
        objective,
        np.clip(first, _LOWEST, _HIGHEST),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(_LOWEST, _HIGHEST, strict=True)),
    )
    variance, rate, jitter = np.exp(result.x)
    mean = center + _best_mean(time, deviation, noise + jitter**2, variance, rate)
    walk = DampedRandomWalk(1 / rate, math.sqrt(variance), float(jitter), mean)
    return walk, bool(result.success)


def _is_constrained(walk: DampedRandomWalk, time: Array) -> bool:
    """Return whether the epochs determine the parameters of a damped random walk."""
    shortest, longest = float(np.median(np.diff(time))), time[-1] - time[0]
    return bool(shortest <= walk.tau <= longest and walk.sigma > _SMALLEST_SIGMA)


@compiled
def _filter(
    time: Array, deviation: Array, noise: Array, variance: float, rate: float
) -> tuple[Array, Array]:
    """Return the innovations of the Kalman filter and their variances."""
    n = len(time)
    innovations, variances = np.empty(n), np.empty(n)
    state, uncertainty = 0.0, variance
    for i in range(n):
        if i > 0:
            correlation = math.exp(-rate * (time[i] - time[i - 1]))
            state *= correlation
            uncertainty = variance + correlation**2 * (uncertainty - variance)
        innovations[i] = deviation[i] - state
        variances[i] = uncertainty + noise[i]
        state += uncertainty / variances[i] * innovations[i]
        uncertainty *= noise[i] / variances[i]
    return innovations, variances


@compiled
def _best_mean(time: Array, deviation: Array, noise: Array, variance: float, rate: float) -> float:
    """Return the mean with the largest likelihood, by generalized least squares."""
    responses, variances = _filter(time, np.ones(len(time)), noise, variance, rate)
    innovations, _ = _filter(time, deviation, noise, variance, rate)
    numerator = denominator = 0.0
    for i in range(len(time)):
        numerator += responses[i] * innovations[i] / variances[i]
        denominator += responses[i] ** 2 / variances[i]
    return numerator / denominator


@compiled
def _negative_log_likelihood(
    time: Array, deviation: Array, noise: Array, variance: float, rate: float, jitter: float
) -> tuple[float, NDArray[np.float64]]:
    """Return the negative logarithm of the likelihood without its constant, and the gradient.

    The gradient contains the derivatives with respect to the logarithms of the variance, the rate
    and the jitter. They are computed together with the filter: a name with the suffix ``_d`` is the
    array of the derivatives of the quantity without the suffix.
    """
    total, total_d = 0.0, np.zeros(3)
    state, state_d = 0.0, np.zeros(3)
    uncertainty, uncertainty_d = variance, np.array([variance, 0.0, 0.0])
    for i in range(len(time)):
        if i > 0:
            step = rate * (time[i] - time[i - 1])
            correlation = math.exp(-step)
            loss = -math.expm1(-2 * step)
            for k in range(3):
                state_d[k] *= correlation
                uncertainty_d[k] *= correlation**2
            state_d[1] -= step * correlation * state
            uncertainty_d[0] += loss * variance
            uncertainty_d[1] -= 2 * step * correlation**2 * (uncertainty - variance)
            state *= correlation
            uncertainty = loss * variance + correlation**2 * uncertainty
        white = noise[i] + jitter**2
        spread = uncertainty + white
        innovation = deviation[i] - state
        gain = uncertainty / spread
        scaled = innovation / spread
        total += 0.5 * (innovation * scaled + math.log(spread))
        for k in range(3):
            spread_d = uncertainty_d[k]
            if k == 2:
                spread_d += 2 * jitter**2
            gain_d = (uncertainty_d[k] - gain * spread_d) / spread
            total_d[k] -= scaled * state_d[k]
            total_d[k] += 0.5 * (1 / spread - scaled**2) * spread_d
            uncertainty_d[k] = (1 - gain) * uncertainty_d[k] - gain_d * uncertainty
            state_d[k] = (1 - gain) * state_d[k] + gain_d * innovation
        state += gain * innovation
        uncertainty *= white / spread
    return total, total_d
