"""The noise-free signal of a source, and building blocks that several classes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """The noise-free signal of a source at the observed times.

    Attributes
    ----------
    mag : numpy.ndarray, shape (N,)
        Differences from the reference magnitude of the filter.
    period, second_period : float
        Periods in days, or NaN. For eclipsing binaries, the orbital period.
    depths : mapping of int to (float, float)
        Depths of the primary and the secondary eclipse in magnitudes, by filter number.
    """

    mag: Array
    period: float = np.nan
    second_period: float = np.nan
    depths: Mapping[int, tuple[float, float]] = field(default_factory=dict)


def by_band(band: NDArray[np.int64], g: float, r: float, i: float) -> Array:
    """Return the value for the filter (1 g, 2 r, 3 i) of each epoch."""
    return np.array([g, r, i])[band - 1]


def phases(rng: np.random.Generator, time: Array, period: float) -> Array:
    """Return the phases of the epochs, with a random phase at the start of the survey."""
    phase: Array = (time - 2_458_000.0) / period + rng.random()
    return phase % 1.0


def series(phase: Array, amplitudes: Sequence[float], psi: Sequence[float]) -> Array:
    """Return the sum of ``A_k cos(2 pi k phase + psi_k)``, scaled to a peak-to-peak range of 1."""
    grid = np.arange(200) / 200
    order = np.arange(1, len(amplitudes) + 1)[:, None]
    weight, shift = np.asarray(amplitudes)[:, None], np.asarray(psi)[:, None]
    both = np.concatenate([grid, phase])
    values = (weight * np.cos(2 * np.pi * order * both + shift)).sum(axis=0)
    scale: Array = values[200:] / np.ptp(values[:200])
    return scale


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def clipped_normal(
    rng: np.random.Generator, mean: float, sigma: float, low: float, high: float
) -> float:
    return float(np.clip(rng.normal(mean, sigma), low, high))


def damped_random_walk(rng: np.random.Generator, time: Array, tau: float, sigma: float) -> Array:
    """Return a damped random walk (Kelly et al. 2009, ApJ 698, 895) at the given times.

    ``sigma`` is the asymptotic standard deviation. By Doob's theorem, ``exp(-t) W(exp(2 t))`` is
    this process if W is a Wiener process and t is the time in units of ``tau``. The total time must
    be shorter than 300 ``tau``.
    """
    order = np.argsort(time, kind="stable")
    scaled = (time[order] - time[order[0]]) / tau if len(time) else time
    clock = np.exp(2 * scaled)
    steps = np.sqrt(np.diff(clock, prepend=0.0)) * rng.standard_normal(len(time))
    walk = np.empty(len(time))
    walk[order] = sigma * np.exp(-scaled) * np.cumsum(steps)
    return walk
