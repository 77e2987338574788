"""Simulate the photometric errors, the detection limit and the bad epochs of ZTF."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FLOOR = 0.01
"""Calibration error, in magnitudes."""
SOURCE_NOISE, SKY_NOISE = 3.85e-4, 9.515e-3
"""Variances from the photons of the source and of the sky at magnitude 20."""
LIMIT = 20.8
"""Limiting magnitude (5 sigma) of an image of mean depth."""
CLOUDY = 32768
"""Flag in ``catflags`` for a bad or unreliable image (ZTF Science Data System, section 10.3)."""
MINOR_FLAGS = (1, 2, 4)
FLAGGED, MINOR, UNFLAGGED = 0.03, 0.01, 0.004
"""Shares of the epochs that are bad and flagged, that have a minor flag, and that are bad without
a flag."""


def magnitude_error(mag: Array, depth: Array | float = 0.0) -> Array:
    """Return the error of a magnitude: 0.01 at 15 mag, 0.02 at 18 mag, and 0.1 at 20 mag.

    The variance is the sum of a calibration error, the photon noise of the source and the noise of
    the sky (Masci et al. 2019, PASP 131, 018003, figure 9). ``depth`` is the difference between the
    limiting magnitude of the image and its mean value.
    """
    noise = 10 ** (0.4 * (np.minimum(mag, 25.0) - depth - 20))
    error: Array = np.sqrt(FLOOR**2 + SOURCE_NOISE * noise + SKY_NOISE * noise**2)
    return error


def observe(
    rng: np.random.Generator, mag: Array, depth: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return the observed magnitudes, their reported errors, and whether they are detections."""
    observed = mag + magnitude_error(mag, depth) * rng.standard_normal(len(mag))
    reported = magnitude_error(observed, depth) * np.exp(rng.normal(0, 0.04, len(mag)))
    return observed, reported, observed < LIMIT + depth


def add_bad_epochs(rng: np.random.Generator, mag: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return the magnitudes with some bad epochs, and ``catflags``.

    Most bad epochs have the flag 32768. A few have no flag.
    """
    draw, offset = rng.random(len(mag)), rng.exponential(0.4, len(mag))
    sign = np.where(rng.random(len(mag)) < 0.75, 1.0, -1.0)
    flagged = draw < FLAGGED
    minor = (draw >= FLAGGED) & (draw < FLAGGED + MINOR)
    unflagged = draw >= 1 - UNFLAGGED
    flags = np.where(flagged, CLOUDY, 0)
    flags = np.where(minor, rng.choice(MINOR_FLAGS, len(mag)), flags)
    shift = np.where(flagged, sign * offset, np.where(unflagged, sign * (0.3 + offset), 0.0))
    return mag + shift, flags.astype(np.int64)
