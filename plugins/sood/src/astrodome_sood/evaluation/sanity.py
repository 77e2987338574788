"""Check that spoiled frames receive high anomaly scores.

A model can pass an evaluation with subtle anomalies and still consider a black frame as normal,
because its reconstruction error is small. Each spoiled frame is compared with normal patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ..datasets.disks import Corner, Disk

REQUIRED_RANK = 0.95
"""Minimum rank of a spoiled frame: the fraction of normal patches that must have lower scores."""
UNDER_EXPOSURE = 0.1
DEFOCUS = 4.0
"""Standard deviation of the Gaussian kernel for the defocused frame, in pixels."""
Pixels = NDArray[np.float32]


def sanity_frames(disk: Disk, corners: Sequence[Corner], size: int) -> dict[str, Pixels]:
    """Return patches of spoiled frames, keyed by the kind of frame.

    Each value has the shape (N, 1, size, size) and values in [-1, 1]. The frames ``black``,
    ``white`` and ``flat`` have one patch, because all of their patches are equal. The intensity of
    the flat frame is the mean of the disk. The frames ``under_exposed`` and ``defocused`` have one
    patch for each corner.
    """
    mean = float(disk.pixels[disk.on_disk].mean())
    frames = {
        "under_exposed": (disk.pixels + 1) * np.float32(UNDER_EXPOSURE) - 1,
        "defocused": gaussian_filter(disk.pixels, DEFOCUS),
    }
    constant = {"black": -1.0, "white": 1.0, "flat": mean}
    found = {name: np.full((1, 1, size, size), v, np.float32) for name, v in constant.items()}
    for name, frame in frames.items():
        parts = [frame[None, y : y + size, x : x + size] for x, y in corners]
        found[name] = np.stack(parts).astype(np.float32)
    return found


def rank(normal: NDArray[np.floating[Any]], spoiled: NDArray[np.floating[Any]]) -> float:
    """Return the fraction of normal patches whose scores are below the median spoiled patch.

    Equal scores count as one half.
    """
    value = float(np.median(spoiled))
    return float((normal < value).mean() + (normal == value).mean() / 2)
