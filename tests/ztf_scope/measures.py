"""Compute the features and dmdt images of light curves as defined in SCoPe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Array = NDArray[np.float64]

DT = (
    "0 0.02759 0.04 0.08 0.12 0.3 0.75 1 1.5 2.5 3.5 4.5 5.5 7 10 20 30 45 60 90 120 180 240 360 "
    "500 650 2000"
)
DM = (
    "-8 -4.5 -3 -2.5 -2 -1.5 -1.25 -0.75 -0.5 -0.3 -0.2 -0.1 -0.05 0 0.05 0.1 0.2 0.3 0.5 0.75 "
    "1.25 1.5 2 2.5 3 4.5 8"
)
DT_EDGES, DM_EDGES = (np.array(edges.split(), float) for edges in (DT, DM))
"""Edges of the dmdt image in days and magnitudes."""


def statistics(t: Array, m: Array, e: Array) -> dict[str, Array]:
    """The statistics of light curves (K, N) at times (N,), errors (K, N), as SCoPe defines them."""
    n = m.shape[1]
    weight = e**-2
    median = np.median(m, axis=1)
    mean = (weight * m).sum(1) / weight.sum(1)
    away = m - mean[:, None]
    spread = np.sqrt((weight * away**2).sum(1) / weight.sum(1))
    q = dict(zip((5, 10, 15, 20, 25), np.percentile(m, (5, 10, 15, 20, 25), axis=1), strict=True))
    p = dict(zip((5, 10, 15, 20, 25), np.percentile(m, (95, 90, 85, 80, 75), axis=1), strict=True))
    high, low = (m - e).max(1), (m + e).min(1)
    delta = np.sqrt(n / (n - 1)) * away / e
    pairs = delta[:, 1:] * delta[:, :-1]
    step = np.diff(t) ** -2
    neumann = (step * np.diff(m, axis=1) ** 2).sum(1) / (step.sum() * spread**2)
    with np.errstate(all="ignore"):
        return {
            "n": np.full(len(m), float(n)),
            "median": median,
            "wmean": mean,
            "chi2red": (weight * away**2).sum(1) / (n - 1),
            "roms": (np.abs(m - median[:, None]) / e).sum(1) / (n - 1),
            "wstd": spread,
            "norm_peak_to_peak_amp": (high - low) / (high + low),
            "norm_excess_var": (away**2 - e**2).sum(1) / (n * mean**2),
            "median_abs_dev": np.median(np.abs(m - median[:, None]), axis=1),
            "iqr": p[25] - q[25],
            "i60r": p[20] - q[20],
            "i70r": p[15] - q[15],
            "i80r": p[10] - q[10],
            "i90r": p[5] - q[5],
            "skew": n / ((n - 1) * (n - 2)) * ((away / e) ** 3).sum(1),
            "smallkurt": n * (n + 1) / ((n - 1) * (n - 2) * (n - 3)) * ((away / e) ** 4).sum(1)
            - 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)),
            "inv_vonneumannratio": 1 / neumann,
            "welch_i": pairs.sum(1),
            "stetson_j": (np.sign(pairs) * np.sqrt(np.abs(pairs))).sum(1),
            "stetson_k": np.abs(delta[:, :-1]).mean(1) / np.sqrt((delta[:, :-1] ** 2).mean(1)),
            "ad": _anderson(m / e),
            "sw": np.array([stats.shapiro(x).statistic for x in m / e]),
        }


def _anderson(x: Array) -> Array:
    """The Anderson–Darling statistic against a normal distribution."""
    n = x.shape[1]
    z = np.sort((x - x.mean(1, keepdims=True)) / x.std(1, ddof=1, keepdims=True), axis=1)
    odd = 2 * np.arange(1, n + 1) - 1
    return -n - (odd * (special.log_ndtr(z) + special.log_ndtr(-z[:, ::-1]))).sum(1) / n


def fourier(t: Array, m: Array, e: Array, period: Array) -> dict[str, Array]:
    """Weighted fits of offset, slope and up to five harmonics; the best by BIC, raw terms."""
    n = m.shape[1]
    angle = 2 * np.pi * t / period[:, None]
    terms = [np.ones_like(m), np.broadcast_to(t - t[0], m.shape)]
    for k in range(1, 6):
        terms += [np.cos(k * angle), np.sin(k * angle)]
    design = np.stack(terms, axis=2) / e[:, :, None]
    value = (m / e)[:, :, None]
    best = np.full(len(m), np.inf)
    flat, chosen = np.zeros(len(m)), np.zeros(len(m))
    solution = np.zeros((len(m), 12))
    for harmonics in range(6):
        used = design[:, :, : 2 + 2 * harmonics]
        found = np.linalg.pinv(used) @ value
        chi2 = ((value - used @ found) ** 2).sum((1, 2))
        flat = chi2 if harmonics == 0 else flat
        bic = chi2 + np.log(n) * (2 + 2 * harmonics)
        better = bic < best
        best[better], chosen[better] = bic[better], chi2[better]
        solution[better] = 0.0
        solution[better, : used.shape[2]] = found[better, :, 0]
    power = (flat - chosen) / flat
    names = ["f1_a", "f1_b", "f1_amp", "f1_phi0"]
    names += [f"f1_{what}{k}" for k in range(1, 5) for what in ("relamp", "relphi")]
    return {
        "f1_power": power,
        "f1_BIC": best,
        "significance": 10 + 100 * power,
        **dict(zip(names, solution.T, strict=True)),
    }


def dmdt(t: Array, m: Array) -> NDArray[np.float32]:
    """The image of all pairs of epochs, rows dm and columns dt, of norm 1."""
    first, second = np.triu_indices(len(t), 1)
    image, _, _ = np.histogram2d(m[second] - m[first], t[second] - t[first], (DM_EDGES, DT_EDGES))
    norm = np.linalg.norm(image)
    return (image / norm if norm else image).astype(np.float32)
