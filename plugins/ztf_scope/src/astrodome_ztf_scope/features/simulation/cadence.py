"""Draw the times at which ZTF observes a position.

The survey strategy follows Bellm et al. (2019, PASP 131, 068003): visits every two to three nights
in each filter, repeated visits on some nights, and occasional nights of continuous observation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FIRST_NIGHT, NIGHTS = 2_458_200, 1_800
"""Julian date of the noon before the first night, and the number of nights."""
MIDNIGHT = 0.825
"""Local midnight at Palomar Observatory, as a fraction of the Julian day."""
HALF_NIGHT = 0.18
"""Half of the usable part of a night, in days."""
SYNODIC_MONTH, NEW_MOON = 29.530588853, 2_451_550.1
CLEAR_TO_CLOUDY, CLOUDY_TO_CLEAR = 0.12, 0.36
MOON_LOSS = {1: 0.9, 2: 0.35, 3: 0.2}
"""Share of visits that is lost at full Moon, by filter number (1 g, 2 r, 3 i)."""
REPEATED, REPEATED_TWICE = 0.25, 0.05
"""Shares of the nights with at least two and with three visits in the same filter."""
CONTINUOUS_SHARE, CONTINUOUS_VISITS = 0.15, 0.15
"""Share of sources with nights of continuous observation, and their share of the visits."""
SECONDS = 1 / 86_400


@dataclass(frozen=True)
class Nights:
    """The nights of the survey: whether they are clear, and the depth of the images.

    ``depth`` is the difference between the limiting magnitude of a night and its mean value,
    ``moon`` is the illuminated fraction of the Moon, and ``sun`` is the right ascension of the Sun
    in degrees.
    """

    clear: NDArray[np.bool_]
    depth: NDArray[np.float64]
    moon: NDArray[np.float64]
    sun: NDArray[np.float64]


@lru_cache(maxsize=8)
def survey_nights(seed: int) -> Nights:
    """Return the nights of a survey. All sources with the same seed share the weather."""
    rng = np.random.default_rng([seed, 1])
    change = rng.random(NIGHTS)
    clear = np.empty(NIGHTS, np.bool_)
    state = True
    for night in range(NIGHTS):
        state = change[night] >= CLEAR_TO_CLOUDY if state else change[night] < CLOUDY_TO_CLEAR
        clear[night] = state
    date = FIRST_NIGHT + MIDNIGHT + np.arange(NIGHTS, dtype=np.float64)
    moon = 0.5 - 0.5 * np.cos(2 * np.pi * (date - NEW_MOON) / SYNODIC_MONTH)
    depth = rng.normal(0.0, 0.25, NIGHTS) - 0.6 * (moon - 0.5)
    return Nights(clear, depth, moon, _sun(date))


def _sun(date: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the right ascension of the Sun in degrees (low-precision formula of the Almanac)."""
    day = date - 2_451_545.0
    anomaly = np.radians(357.528 + 0.9856003 * day)
    longitude = np.radians(
        280.460 + 0.9856474 * day + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    )
    obliquity = np.radians(23.439)
    right_ascension: NDArray[np.float64] = np.degrees(
        np.arctan2(np.cos(obliquity) * np.sin(longitude), np.cos(longitude))
    )
    return right_ascension % 360


def visits(
    rng: np.random.Generator, nights: Nights, ra: float, dec: float, band: int, count: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the times of ``count`` visits as Julian dates, sorted, and the number of each night.

    ``band`` is the filter number. If the usable nights do not suffice for ``count`` visits, the
    additional visits are continuous observations.
    """
    usable, transit = _usable_nights(rng, nights, ra, dec, band)
    continuous = 0
    if count >= 100 and rng.random() < CONTINUOUS_SHARE:
        continuous = int(CONTINUOUS_VISITS * count)
    mean = 1 + REPEATED + REPEATED_TWICE
    number = min(len(usable), int(1.15 * (count - continuous) / mean) + 2)
    # One night from each of ``number`` equal parts: regular intervals with a random scatter.
    parts = (np.arange(number) + rng.random(number)) * (len(usable) / number)
    chosen = usable[np.minimum(parts.astype(np.intp), len(usable) - 1)]
    draw = rng.random(number)
    repeats = 1 + (draw < REPEATED).astype(np.intp) + (draw < REPEATED_TWICE)
    night = np.repeat(chosen, repeats)
    hour = np.repeat(transit[chosen] + rng.normal(0, 0.06, number), repeats)
    if len(night) > count - continuous:
        kept = np.sort(rng.choice(len(night), count - continuous, replace=False))
        night, hour = night[kept], hour[kept]
    first = np.concatenate([[True], night[1:] != night[:-1]])
    hour = np.clip(hour, -HALF_NIGHT, HALF_NIGHT) + ~first * rng.uniform(0.021, 0.08, len(night))
    if count > len(night):
        more, hours = _continuous(rng, usable, count - len(night))
        night, hour = np.concatenate([night, more]), np.concatenate([hour, hours])
    time = FIRST_NIGHT + MIDNIGHT + night + hour
    order = np.argsort(time, kind="stable")
    return time[order], night[order]


def _usable_nights(
    rng: np.random.Generator, nights: Nights, ra: float, dec: float, band: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the usable nights of a position, and its time of transit after midnight, in days.

    A position cannot be observed for four to five months a year, when the Sun is closer in right
    ascension than 60° (in the north) to 80° (in the south).
    """
    transit = ((ra - nights.sun) % 360 - 180) / 360
    distance = 180 - np.abs(transit) * 360
    season = distance > np.clip(75 - 0.18 * dec, 60, 80)
    dark = rng.random(NIGHTS) >= MOON_LOSS[band] * nights.moon**2
    return np.flatnonzero(nights.clear & season & dark), transit


def _continuous(
    rng: np.random.Generator, usable: NDArray[np.intp], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the nights and the times after midnight of continuous observations."""
    length = int(rng.integers(30, 120))
    blocks = -(-count // length)
    night = np.repeat(rng.choice(usable, blocks, replace=blocks > len(usable)), length)[:count]
    start = np.repeat(rng.uniform(-HALF_NIGHT, 0.02, blocks), length)[:count]
    step = np.tile(np.arange(length), blocks)[:count]
    return night, start + step * rng.uniform(60, 120) * SECONDS
