"""AIA and HMI channels, and the scaling of their intensities.

Intensities are clipped to the intensity range of the channel. The logarithm of AIA intensities is
mapped linearly to [-1, 1]. HMI values are mapped linearly without the logarithm. In images with
eight bits per pixel, the interval [-1, 1] is mapped to 0-255. The ranges are the same as in the
SDO ML data set and in sdo-cli.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from numpy.typing import NDArray

HMI_WAVELENGTH = 6173
"""Wavelength in angstrom of all HMI observables."""


@dataclass(frozen=True)
class Channel:
    """An AIA channel or an HMI observable.

    Attributes
    ----------
    name : str
        Name in SDO ML data sets, for example ``171A`` or ``Bx``.
    wavelength : int
        Wavelength in angstrom.
    low, high : float
        Range of the intensities in DN/s, or in gauss for magnetic fields.
    logarithmic : bool
        Whether the logarithm of the intensity is scaled instead of the intensity.
    """

    name: str
    wavelength: int
    low: float
    high: float
    logarithmic: bool = True

    @property
    def is_hmi(self) -> bool:
        """Whether the channel is an HMI observable."""
        return self.wavelength == HMI_WAVELENGTH

    @property
    def limits(self) -> tuple[float, float]:
        """Intensities, or their logarithms, that are mapped to -1 and 1."""
        if self.logarithmic:
            return math.log10(self.low), math.log10(self.high)
        return self.low, self.high

    def to_bytes(self, intensity: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
        """Scale intensities to 0-255. NaN is treated as zero intensity.

        Examples
        --------
        >>> find_channel("171").to_bytes(np.array([0, 5, 132.3, 3500, np.nan]))
        array([  0,   0, 128, 255,   0], dtype=uint8)
        """
        values = np.clip(np.nan_to_num(intensity, nan=0.0), self.low, self.high)
        if self.logarithmic:
            values = np.log10(values)
        low, high = self.limits
        levels: NDArray[np.uint8] = np.rint((values - low) * (255 / (high - low))).astype(np.uint8)
        return levels

    def intensity(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert scaled values in [-1, 1] to intensities."""
        low, high = self.limits
        values = (scaled + np.float32(1)) * np.float32((high - low) / 2) + np.float32(low)
        result: NDArray[np.float32] = np.float32(10) ** values if self.logarithmic else values
        return result


CHANNELS = (
    Channel("94A", 94, 0.1, 800),
    Channel("131A", 131, 0.7, 1900),
    Channel("171A", 171, 5, 3500),
    Channel("193A", 193, 20, 5500),
    Channel("211A", 211, 7, 3500),
    Channel("304A", 304, 0.1, 3500),
    Channel("335A", 335, 0.4, 1000),
    Channel("1600A", 1600, 10, 800),
    Channel("1700A", 1700, 220, 5000),
    Channel("4500A", 4500, 4000, 20000),
    Channel("continuum", HMI_WAVELENGTH, 0, 65535, logarithmic=False),
    Channel("magnetogram", HMI_WAVELENGTH, -250, 250, logarithmic=False),
    Channel("Bx", HMI_WAVELENGTH, -250, 250, logarithmic=False),
    Channel("By", HMI_WAVELENGTH, -250, 250, logarithmic=False),
    Channel("Bz", HMI_WAVELENGTH, -250, 250, logarithmic=False),
)


def _key(name: Any) -> str:
    return re.sub(r"^0*(\d+)a?$", r"\1", str(name).strip().lower())


_BY_KEY = {_key(channel.name): channel for channel in CHANNELS}


def find_channel(name: Any) -> Channel:
    """Return the channel with the given name.

    Parameters
    ----------
    name : str or int
        HMI observable, or wavelength in angstrom, which may have leading zeros and the suffix
        ``A``. The name is not case-sensitive.

    Returns
    -------
    Channel
        The channel.

    Raises
    ------
    AstrodomeError
        If the channel is unknown.

    Examples
    --------
    >>> find_channel("0171").low, find_channel("bx").name
    (5, 'Bx')
    """
    try:
        return _BY_KEY[_key(name)]
    except KeyError:
        known = ", ".join(channel.name for channel in CHANNELS)
        raise AstrodomeError(f"Unknown channel '{name}'.", f"Known channels: {known}.") from None
