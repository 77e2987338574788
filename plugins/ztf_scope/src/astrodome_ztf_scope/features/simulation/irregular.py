"""Signals of spotted, flaring, accreting and constant sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .signals import (
    Array,
    Signal,
    by_band,
    clipped_normal,
    damped_random_walk,
    log_uniform,
    phases,
)

Band = NDArray[np.int64]
START, END = 2_458_150.0, 2_460_050.0
"""Julian dates between which events can occur."""
SPOT_RATIOS = (1.0, 0.87, 0.72)
FLARE_RATIOS = (1.0, 0.30, 0.10)
"""Relative flux of a flare in g, r and i: a hot continuum on a cool star."""
DISC_RATIOS = (1.0, 0.93, 0.85)
AGN_RATIOS = (1.0, 0.85, 0.72)


def rotating(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Spotted rotating star (RS CVn, BY Dra) with spots that evolve slowly.

    Two harmonics describe the light curve (Strassmeier 2009, A&A Rev. 17, 251). Their amplitudes
    and phases change with a time scale of several years.
    """
    period = log_uniform(rng, 0.4, 30.0)
    amplitude = log_uniform(rng, 0.05, 0.3)
    angle = 2 * np.pi * phases(rng, time, period)
    knots = np.linspace(START, END, 5)
    strength = np.interp(time, knots, rng.uniform(0.7, 1.3, 5))
    drift = np.interp(time, knots, np.cumsum(rng.normal(0, 0.25, 5)))
    wave = np.cos(angle + drift) + rng.uniform(0, 0.3) * np.cos(2 * angle + rng.uniform(0, 6.28))
    return Signal(by_band(band, *SPOT_RATIOS) * amplitude / 2 * strength * wave, period)


def flare_profile(time: Array) -> Array:
    """Return the relative flux of a flare with peak 1 at time 0, in units of the half width.

    The rise is a polynomial, and the decay the sum of two exponential functions (Davenport et al.
    2014, ApJ 797, 122, equations 1 and 4).
    """
    rise = 1 + time * (1.941 + time * (-0.175 + time * (-2.246 - 1.125 * time)))
    late = np.clip(time, 0, 200)
    decay = 0.6890 * np.exp(-1.600 * late) + 0.3030 * np.exp(-0.2783 * late)
    flux: Array = np.where(time < -1, 0.0, np.where(time < 0, rise, decay))
    return flux


def flaring(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Flaring M dwarf: flares with a power law of amplitudes, and weak rotational variation.

    The cumulative distribution of the energies has the index -1 (Hawley et al. 2014, ApJ 797, 121).
    """
    number = rng.poisson((END - START) * rng.uniform(0.3, 1.5))
    peaks = np.sort(rng.uniform(START, END, number))
    amplitude = np.minimum(0.15 * (1 + rng.pareto(1.0, number)), 30.0)
    width = 0.012 * np.sqrt(amplitude / 0.15) * np.exp(rng.normal(0, 0.3, number))
    flux = np.zeros(len(time))
    last = np.searchsorted(peaks, time)
    for offset in (-2, -1, 0):  # the flares before and after each epoch
        event = last + offset
        known = (event >= 0) & (event < number)
        event = np.clip(event, 0, max(number - 1, 0))
        if number:
            flux += known * amplitude[event] * flare_profile((time - peaks[event]) / width[event])
    spots = 0.01 * np.cos(2 * np.pi * phases(rng, time, log_uniform(rng, 0.3, 20.0)))
    return Signal(spots - 2.5 * np.log10(1 + by_band(band, *FLARE_RATIOS) * flux))


def cataclysmic(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Dwarf nova with recurring outbursts and flickering in quiescence.

    Amplitude and recurrence time follow the relation ``A = 0.70 + 1.90 log10 T`` (Warner 1995,
    Cataclysmic Variable Stars, equation 3.1).
    """
    recurrence = log_uniform(rng, 15.0, 150.0)
    amplitude = float(np.clip(0.70 + 1.90 * np.log10(recurrence) + rng.normal(0, 0.4), 1.5, 5.5))
    intervals = recurrence * np.exp(rng.normal(0, 0.3, int(2.5 * (END - START) / recurrence) + 5))
    starts = START - rng.uniform(0, recurrence) + np.cumsum(intervals)
    plateau = 0.08 * recurrence * np.exp(rng.normal(0, 0.4, len(starts)))
    peak = amplitude * np.clip(rng.normal(0.95, 0.08, len(starts)), 0.6, 1.1)
    event = np.clip(np.searchsorted(starts, time) - 1, 0, len(starts) - 1)
    since = time - starts[event]
    rise, decline = 1.0, rng.uniform(1.5, 3.0)  # days, and days per magnitude
    level = np.minimum(since / rise, 1.0) * peak[event]
    level = level - np.maximum(since - rise - plateau[event], 0) / decline
    outburst = np.where(since > 0, np.clip(level, 0, None), 0.0)
    flicker = rng.normal(0, 0.12, len(time)) * np.where(outburst > 0.5, 0.3, 1.0)
    return Signal(flicker - by_band(band, *DISC_RATIOS) * outburst)


def active_nucleus(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Active galactic nucleus: a damped random walk (MacLeod et al. 2010, ApJ 721, 1014)."""
    tau = log_uniform(rng, 60.0, 900.0)
    sigma = clipped_normal(rng, 0.2, 0.08, 0.06, 0.45)
    return Signal(by_band(band, *AGN_RATIOS) * damped_random_walk(rng, time, tau, sigma))


def constant(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Constant star."""
    return Signal(np.zeros(len(time)))
