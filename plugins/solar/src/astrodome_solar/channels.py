"""Intensities to eight bits: clamp, logarithm, one scale for each channel.

The scaling of the SDO ML data set: values are clamped to the channel's range, their
log10 is mapped to [-1, 1] (HMI: linear), and that interval to 0..255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOGARITHMIC = {
    "94": (0.1, 800.0),
    "131": (0.7, 1900.0),
    "171": (5.0, 3500.0),
    "193": (20.0, 5500.0),
    "211": (7.0, 3500.0),
    "304": (0.1, 3500.0),
    "335": (0.4, 1000.0),
    "1600": (10.0, 800.0),
    "1700": (220.0, 5000.0),
    "4500": (4000.0, 20000.0),
}
"""Range of each AIA channel (angstrom) in DN/s."""
LINEAR = {"continuum": (0.0, 65535.0), "magnetogram": (-250.0, 250.0)}
"""Range of each HMI observable: DN/s, gauss."""


def to_bytes(intensity: NDArray[np.floating], channel: str) -> NDArray[np.uint8]:
    """Scale intensities of a channel to 0..255, same shape; NaN counts as no intensity.

    Raises KeyError for a channel without a range.
    """
    low, high = LOGARITHMIC.get(channel) or LINEAR[channel]
    clamped = np.clip(np.nan_to_num(intensity, nan=0.0), low, high)
    if channel in LOGARITHMIC:
        clamped, low, high = np.log10(clamped), np.log10(low), np.log10(high)
    scaled: NDArray[np.uint8] = np.rint((clamped - low) * (255 / (high - low))).astype(np.uint8)
    return scaled
