"""Light curves of eclipsing binaries, from the geometry of two stars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .signals import Array, Signal, by_band, clipped_normal, log_uniform, phases

Band = NDArray[np.int64]
CONTRAST = (1.0, 0.85, 0.75)
"""Exponents of the ratio of the surface brightnesses in g, r and i. The contrast between a hot and
a cool star decreases with wavelength."""
SMALLEST_DEPTH = 0.12
"""Minimum depth of the primary eclipse in r, in magnitudes."""
GRID = np.arange(1000) / 1000


@dataclass(frozen=True)
class Orbit:
    """Two spherical stars with uniform discs; lengths are in units of the semi-major axis.

    Attributes
    ----------
    radii : (float, float)
        Radius of the hotter and of the cooler star.
    brightness : float
        Surface brightness of the cooler star relative to the hotter star, in g.
    inclination, eccentricity, periastron : float
        Inclination and argument of periastron in radians, and eccentricity.
    ellipsoidal, reflection : float
        Amplitudes of the ellipsoidal variation, -A cos(2 theta), and of the reflection effect,
        -A cos(theta), relative to the mean flux (Morris 1985, ApJ 295, 143).
    """

    radii: tuple[float, float]
    brightness: float
    inclination: float
    eccentricity: float = 0.0
    periastron: float = 0.0
    ellipsoidal: float = 0.0
    reflection: float = 0.0

    def flux(self, phase: Array, contrast: Array) -> Array:
        """Return the relative flux. Phase 0 is close to the eclipse of the hotter star."""
        theta, distance = self.position(phase)
        first, second = self.radii
        brightness = self.brightness**contrast
        separation = distance * np.sqrt(1 - (np.sin(self.inclination) * np.cos(theta)) ** 2)
        hidden = overlap(separation, first, second)
        lost = hidden * np.where(np.cos(theta) > 0, 1.0, brightness)
        total = np.pi * (first**2 + brightness * second**2)
        tides = 1 - self.ellipsoidal * np.cos(2 * theta) - self.reflection * np.cos(theta)
        flux: Array = (1 - lost / total) * tides
        return flux

    def position(self, phase: Array) -> tuple[Array, Array]:
        """Return the angle from the conjunction and the distance, from the equation of Kepler."""
        if not self.eccentricity:
            return 2 * np.pi * phase, np.ones_like(phase)
        anomaly = 2 * np.pi * phase + np.pi / 2 - self.periastron
        eccentric = anomaly + self.eccentricity * np.sin(anomaly)
        for _ in range(8):
            residual = eccentric - self.eccentricity * np.sin(eccentric) - anomaly
            eccentric = eccentric - residual / (1 - self.eccentricity * np.cos(eccentric))
        true = 2 * np.arctan2(
            np.sqrt(1 + self.eccentricity) * np.sin(eccentric / 2),
            np.sqrt(1 - self.eccentricity) * np.cos(eccentric / 2),
        )
        return (
            true + self.periastron - np.pi / 2,
            1 - self.eccentricity * np.cos(eccentric),
        )


def overlap(separation: Array, first: float, second: float) -> Array:
    """Return the area in which two discs with the given radii overlap."""
    small, large = min(first, second), max(first, second)
    distance = np.clip(separation, large - small, large + small)
    distance = np.maximum(distance, 1e-12)
    cosine_small = (distance**2 + small**2 - large**2) / (2 * distance * small)
    cosine_large = (distance**2 + large**2 - small**2) / (2 * distance * large)
    angle_small = np.arccos(np.clip(cosine_small, -1, 1))
    angle_large = np.arccos(np.clip(cosine_large, -1, 1))
    small_part = small**2 * (angle_small - np.sin(2 * angle_small) / 2)
    large_part = large**2 * (angle_large - np.sin(2 * angle_large) / 2)
    return np.asarray(small_part + large_part, np.float64)


def _signal(
    rng: np.random.Generator, time: Array, band: Band, period: float, orbit: Orbit
) -> Signal:
    flux = orbit.flux(phases(rng, time, period), by_band(band, *CONTRAST))
    depths = {number: _depths(orbit, number) for number in (1, 2, 3)}
    return Signal(-2.5 * np.log10(flux), period, depths=depths)


def _depths(orbit: Orbit, band: int) -> tuple[float, float]:
    """Return the depths of both eclipses in a filter, the primary eclipse first."""
    primary = np.cos(orbit.position(GRID)[0]) > 0
    mag = -2.5 * np.log10(orbit.flux(GRID, np.full(len(GRID), CONTRAST[band - 1])))
    depths = [float(mag[half].max() - mag.min()) for half in (primary, ~primary)]
    return max(depths), min(depths)


def eclipsing_ea(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Detached eclipsing binary (EA), in 40 % of the cases with an eccentric orbit.

    The sum of the radii follows from the third law of Kepler for two stars of about one solar mass
    and radius (Hilditch 2001, An Introduction to Close Binary Stars).
    """
    while True:
        period = float(np.clip(np.exp(rng.normal(np.log(2.5), 0.8)), 0.5, 20.0))
        total = 0.42 * period ** (-2 / 3) * np.exp(rng.normal(0.1, 0.2))
        total = float(np.clip(total, 0.06, 0.5))
        share = rng.uniform(0.4, 0.6)
        eccentric = period > 2 and rng.random() < 0.4
        orbit = Orbit(
            radii=(share * total, (1 - share) * total),
            brightness=rng.uniform(0.15, 1.0),
            inclination=float(np.arccos(rng.uniform(0, 0.7 * total))),
            eccentricity=rng.uniform(0.02, 0.3) if eccentric else 0.0,
            periastron=rng.uniform(0, 2 * np.pi),
            ellipsoidal=0.3 * total**3,
        )
        if _depths(orbit, 2)[0] >= SMALLEST_DEPTH:
            return _signal(rng, time, band, period, orbit)


def eclipsing_eb(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Semi-detached eclipsing binary (EB, β Lyrae type) with ellipsoidal variation."""
    while True:
        period = float(np.clip(np.exp(rng.normal(np.log(1.1), 0.6)), 0.35, 10.0))
        total = rng.uniform(0.5, 0.72)
        share = rng.uniform(0.4, 0.6)
        orbit = Orbit(
            radii=(share * total, (1 - share) * total),
            brightness=rng.uniform(0.1, 0.85),
            inclination=float(np.arccos(rng.uniform(0, 0.6 * total))),
            ellipsoidal=rng.uniform(0.04, 0.12),
            reflection=rng.uniform(0, 0.02),
        )
        if _depths(orbit, 2)[0] >= SMALLEST_DEPTH:
            return _signal(rng, time, band, period, orbit)


def eclipsing_ew(rng: np.random.Generator, time: Array, band: Band) -> Signal:
    """Contact binary (EW, W Ursae Majoris type) as a cosine series of the flux.

    The coefficients of contact binaries satisfy ``|a4| < |a2| (0.125 - a2)`` (Rucinski 1997,
    AJ 113, 407). ``a1`` makes the depths of the eclipses unequal, and ``b1`` the maxima.
    """
    period = float(np.clip(np.exp(rng.normal(np.log(0.36), 0.25)), 0.22, 1.0))
    a2 = -log_uniform(rng, 0.06, 0.28)
    a4 = rng.uniform(0.3, 0.9) * a2 * (0.125 - a2)
    a1 = -clipped_normal(rng, 0.018, 0.012, 0.0, 0.05)
    b1 = rng.normal(0, 0.006)

    def flux(phase: Array) -> Array:
        theta = 2 * np.pi * phase
        value: Array = 1 + a1 * np.cos(theta) + b1 * np.sin(theta)
        return value + a2 * np.cos(2 * theta) + a4 * np.cos(4 * theta)

    mag = -2.5 * np.log10(flux(phases(rng, time, period)))
    model = -2.5 * np.log10(flux(GRID))
    primary = np.abs(GRID - 0.5) > 0.25
    depths = [float(model[half].max() - model.min()) for half in (primary, ~primary)]
    both = (max(depths), min(depths))
    return Signal(mag, period, depths=dict.fromkeys((1, 2, 3), both))
