"""The dmdt image of a light curve: how magnitudes differ, by the time between them.

Mahabal et al. 2017 (arXiv 1709.06257), with the edges of SCoPe.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

DT = (
    *(0, 0.02759, 0.04, 0.08, 0.12, 0.3, 0.75, 1, 1.5, 2.5, 3.5, 4.5, 5.5, 7, 10, 20, 30, 45),
    *(60, 90, 120, 180, 240, 360, 500, 650, 2000),
)
"""Edges in days."""
DM = (
    *(-8, -4.5, -3, -2.5, -2, -1.5, -1.25, -0.75, -0.5, -0.3, -0.2, -0.1, -0.05, 0, 0.05, 0.1),
    *(0.2, 0.3, 0.5, 0.75, 1.25, 1.5, 2, 2.5, 3, 4.5, 8),
)
"""Edges in magnitudes."""


def image(time: ArrayLike, mag: ArrayLike) -> NDArray[np.float32]:
    """The image (26, 26) of a light curve, rows by magnitude, columns by time, L2 norm 1.

    ``time`` in days and ``mag`` (N,) in any order. All zero where no pair lies within the edges.
    """
    t, m = np.asarray(time, np.float64), np.asarray(mag, np.float64)
    known = np.isfinite(t) & np.isfinite(m)
    order = np.argsort(t[known], kind="stable")
    t, m = t[known][order], m[known][order]
    first, second = np.triu_indices(len(t), k=1)
    counts = np.histogram2d(m[second] - m[first], t[second] - t[first], bins=(DM, DT))[0]
    norm = np.linalg.norm(counts)
    found: NDArray[np.float32] = (counts / norm if norm else counts).astype(np.float32)
    return found
