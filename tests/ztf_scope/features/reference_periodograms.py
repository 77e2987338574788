"""Periodograms written from their formulas, and random light curves."""

from __future__ import annotations

import numpy as np
from astropy.timeseries import LombScargle
from numpy.typing import NDArray

Array = NDArray[np.float64]


def random_light_curve(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """A light curve of 2 to 400 points, some with ties, a trend, huge errors or missing values."""
    points = int(rng.choice([2, 3, 5, 7, 20, 21, rng.integers(8, 400)]))
    baseline = 10 ** rng.uniform(0, 3.3)
    time = np.sort(rng.uniform(0, baseline, points)) + rng.choice([0.0, 2458000.5])
    if rng.random() < 0.3:
        time = np.sort(np.round(time) + rng.normal(0, 0.03, points))  # once per night
    if rng.random() < 0.2:
        time = time[rng.integers(0, points, points)]  # equal times, unsorted
    period = 10 ** rng.uniform(-1.5, 1.5)
    phase = time / period % 1
    mag = 15 + 10 ** rng.uniform(-3, 0) * np.sin(2 * np.pi * phase) ** rng.integers(1, 4)
    mag += (phase < 0.05) * rng.uniform(0, 0.5) + rng.normal(0, 1e-4) * (time - time.min())
    magerr = 10 ** rng.uniform(-2.5, -0.5, points)
    if rng.random() < 0.2:
        magerr[rng.integers(points)] *= 1e6
    mag += rng.normal(0, 1, points) * np.minimum(magerr, 1)
    if rng.random() < 0.2:
        mag = np.round(mag, 1)  # equal magnitudes
    if rng.random() < 0.2 and points > 20:
        for column in (time, mag, magerr):
            column[rng.integers(points)] = rng.choice([np.nan, np.inf])
        magerr[rng.integers(points)] = rng.choice([0.0, -1.0])
    return time, mag, magerr


def valid(time: Array, mag: Array, magerr: Array) -> tuple[Array, Array, Array]:
    """The valid epochs, with times since the first of them."""
    known = np.isfinite(time + mag + magerr) & (magerr > 0)
    return time[known] - time[known].min(initial=np.inf), mag[known], magerr[known]


def phase_bin(t: Array, frequency: float, bins: int) -> NDArray[np.int64]:
    cycles = t * frequency
    return np.floor((cycles - np.floor(cycles)) * bins).astype(int)


def lomb_scargle(t: Array, m: Array, e: Array, frequency: float) -> float:
    return float(LombScargle(t, m, e).power(frequency, method="slow"))


def conditional_entropy(t: Array, m: Array, e: Array, frequency: float) -> float:
    span = np.ptp(m)
    mag_bin = np.minimum(np.floor((m - m.min()) / span * 10), 9) if span else np.zeros(len(m))
    share = np.zeros((20, 10))
    np.add.at(share, (phase_bin(t, frequency, 20), mag_bin.astype(int)), 1 / len(m))
    marginal = np.broadcast_to(share.sum(axis=1, keepdims=True), share.shape)
    some = share > 0
    return float((share[some] * np.log(marginal[some] / share[some])).sum())


def analysis_of_variance(t: Array, m: Array, e: Array, frequency: float) -> float:
    bins = phase_bin(t, frequency, 20)
    groups = [m[bins == k] for k in range(20)]
    between = sum(len(x) * (x.mean() - m.mean()) ** 2 for x in groups if len(x))
    within = sum(((x - x.mean()) ** 2).sum() for x in groups if len(x))
    return float((len(m) - 20) / 19 * between / within)


def piecewise_likelihood(t: Array, m: Array, e: Array, frequency: float) -> float:
    w = e**-2
    y = m - (w * m).sum() / w.sum()
    bins = phase_bin(t, frequency, 20)
    used = [bins == k for k in range(20) if (bins == k).any()]
    return float(sum((w * y)[k].sum() ** 2 / (2 * w[k].sum()) for k in used))


def fitted_chi2(m: Array, e: Array, columns: list[Array]) -> float:
    """The chi² of a weighted least-squares fit, by a QR decomposition."""
    design = np.stack(columns, axis=1) / e[:, np.newaxis]
    q, _ = np.linalg.qr(design / np.linalg.norm(design, axis=0))
    rest = m / e - q @ (q.T @ (m / e))
    return float((rest**2).sum())


def harmonics(t: Array, frequency: float, number: int) -> list[Array]:
    angle = 2 * np.pi * frequency * t
    return [f(k * angle) for k in range(1, number + 1) for f in (np.cos, np.sin)]


def harmonics_by_bic(t: Array, m: Array, e: Array, frequency: float) -> float:
    y = m - m.mean()
    trend = [np.ones_like(t), t - t.mean()]
    bic = [
        fitted_chi2(y, e, trend + harmonics(t, frequency, k)) + (2 + 2 * k) * np.log(len(t))
        for k in range(4)
        if len(t) > 2 + 2 * k
    ]
    return max(bic[0] - min(bic), 0.0)


def box_least_squares(t: Array, m: Array, e: Array, frequency: float) -> float:
    w = e**-2 / (e**-2).sum()
    y = m - (w * m).sum()
    bins = phase_bin(t, frequency, 50)
    best = 0.0
    for width in range(1, 26):
        for start in range(50):
            box = (bins - start) % 50 < width
            r, s = w[box].sum(), (w * y)[box].sum()
            if box.any() and not box.all() and r * (1 - r) > 1e-12:
                best = max(best, s**2 / (r * (1 - r)))
    return best


def harmonic_variance(t: Array, m: Array, e: Array, frequency: float) -> float:
    y = m - m.mean()
    constant = fitted_chi2(y, e, [np.ones_like(t)])
    fitted = fitted_chi2(y, e, [np.ones_like(t), *harmonics(t, frequency, 3)])
    return (constant - fitted) / 6 / (fitted / (len(t) - 7))


REFERENCES = {
    "LS": lomb_scargle,
    "CE": conditional_entropy,
    "AOV": analysis_of_variance,
    "FPW": piecewise_likelihood,
    "MHF": harmonics_by_bic,
    "BLS": box_least_squares,
    "MHAOV": harmonic_variance,
}
MIN_POINTS = {"LS": 4, "CE": 2, "AOV": 21, "FPW": 2, "MHF": 5, "BLS": 3, "MHAOV": 8}
