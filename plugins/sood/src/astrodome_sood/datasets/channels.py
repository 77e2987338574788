"""The channels of SDO ML data, and how their intensities become what a network sees.

Intensities are clamped to the channel's range; log10 of them (HMI: themselves) is mapped to
[-1, 1]. Ranges after the SDO benchmark data set, as sdo-cli has them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from astrodome import AstrodomeError
from numpy.typing import NDArray
from torch import Tensor

HMI = 6173
"""Wavelength (angstrom) of HMI's observables."""
RADIUS = 976 / 0.6 / 4096
"""Radius of the solar disk, to which SDO ML frames are all scaled, as a share of their side."""


@dataclass(frozen=True)
class Channel:
    """``low`` and ``high`` in DN/s (HMI: gauss, continuum in DN/s); ``wavelength`` in angstrom."""

    name: str
    wavelength: int
    low: float
    high: float
    logarithmic: bool = True

    @property
    def is_hmi(self) -> bool:
        return self.wavelength == HMI

    def scaled(self, intensity: Tensor) -> Tensor:
        """Intensities, any shape, mapped to [-1, 1] in place."""
        intensity.clamp_(self.low, self.high)
        low, high = self.low, self.high
        if self.logarithmic:
            intensity.log10_()
            low, high = math.log10(low), math.log10(high)
        return intensity.sub_(low).mul_(2 / (high - low)).sub_(1)

    def intensity(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """The intensities of values in [-1, 1]: the inverse of :meth:`scaled`."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high = math.log10(low), math.log10(high)
        values = (scaled + np.float32(1)) * np.float32((high - low) / 2) + np.float32(low)
        result: NDArray[np.float32] = np.float32(10) ** values if self.logarithmic else values
        return result


def _aia(wavelength: int, low: float, high: float) -> Channel:
    return Channel(f"{wavelength}A", wavelength, low, high)


CHANNELS = (
    _aia(94, 0.1, 800),
    _aia(131, 0.7, 1900),
    _aia(171, 5, 3500),
    _aia(193, 20, 5500),
    _aia(211, 7, 3500),
    _aia(304, 0.1, 3500),
    _aia(335, 0.4, 1000),
    _aia(1600, 10, 800),
    _aia(1700, 220, 5000),
    _aia(4500, 4000, 20000),
    Channel("continuum", HMI, 0, 65535, logarithmic=False),
    Channel("magnetogram", HMI, -250, 250, logarithmic=False),
    Channel("Bx", HMI, -250, 250, logarithmic=False),
    Channel("By", HMI, -250, 250, logarithmic=False),
    Channel("Bz", HMI, -250, 250, logarithmic=False),
)
_BY_NAME = {channel.name.lower().removesuffix("a"): channel for channel in CHANNELS}
_BY_NAME["magnetogram"] = next(each for each in CHANNELS if each.name == "magnetogram")


def find(name: Any) -> Channel:
    """The channel of a name: ``171A``, ``171``, ``0171``, ``Bx``, whatever the case.

    Raises AstrodomeError that lists the known ones.
    """
    key = re.sub(r"^0+(?=\d)", "", str(name).strip().lower()).removesuffix("a")
    if key not in _BY_NAME:
        known = ", ".join(channel.name for channel in CHANNELS)
        raise AstrodomeError(f"There is no channel '{name}'.", f"Known: {known}.")
    return _BY_NAME[key]


def disk(side: int, factor: float = 1.0) -> Tensor:
    """The pixels of an SDO ML frame that lie on the disk, bool (side, side).

    ``factor`` scales the radius of 976 arcsec, to which all frames are registered.
    """
    away = torch.arange(side, dtype=torch.float32) - side // 2
    return away[:, None] ** 2 + away**2 <= (RADIUS * side * factor) ** 2


def prepared(frames: Tensor, channel: Channel, size: int, mask: Tensor | None = None) -> Tensor:
    """Frames of intensities, float32 (N, H, W), as a network sees them: (N, size, size).

    Row 0 of a frame is in the south, that of the result in the north, as pictures have it.
    ``mask`` (H, W): what lies outside counts as no intensity. Resized with antialiasing
    before the scaling.
    """
    if mask is not None:
        frames = frames * mask
    if frames.shape[-2:] != (size, size):
        frames = torch.nn.functional.interpolate(
            frames[:, None], (size, size), mode="bilinear", antialias=True
        )[:, 0]
    elif mask is None:
        frames = frames.clone()
    return channel.scaled(frames).flip(-2)
