"""Compute dmdt images from light curves.

A dmdt image is a histogram of the magnitude and time differences between all pairs of epochs
(Mahabal et al. 2017, arXiv:1709.06257). The bin edges are the same as in SCoPe.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

DT = (
    *(0, 0.02759, 0.04, 0.08, 0.12, 0.3, 0.75, 1, 1.5, 2.5, 3.5, 4.5, 5.5, 7, 10, 20, 30, 45),
    *(60, 90, 120, 180, 240, 360, 500, 650, 2000),
)
"""Bin edges for time differences, in days."""
DM = (
    *(-8, -4.5, -3, -2.5, -2, -1.5, -1.25, -0.75, -0.5, -0.3, -0.2, -0.1, -0.05, 0, 0.05, 0.1),
    *(0.2, 0.3, 0.5, 0.75, 1.25, 1.5, 2, 2.5, 3, 4.5, 8),
)
"""Bin edges for magnitude differences, in magnitudes."""


def dmdt_image(time: ArrayLike, mag: ArrayLike) -> NDArray[np.float32]:
    """Compute the dmdt image of a light curve.

    Parameters
    ----------
    time : array_like, shape (N,)
        Times in days. They do not have to be sorted.
    mag : array_like, shape (N,)
        Magnitudes. Epochs with a non-finite time or magnitude are ignored.

    Returns
    -------
    numpy.ndarray
        Image with shape (26, 26) and dtype float32. Rows correspond to magnitude differences, and
        columns to time differences. The L2 norm is 1. If no pair of epochs is within the bin edges,
        all pixels are 0.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> image = scope.dmdt_image([0.0, 1.2, 5.0], [15.0, 15.4, 15.1])
    >>> image.shape, int((image > 0).sum())
    ((26, 26), 3)
    """
    t, m = np.asarray(time, np.float64), np.asarray(mag, np.float64)
    known = np.isfinite(t) & np.isfinite(m)
    order = np.argsort(t[known], kind="stable")
    t, m = t[known][order], m[known][order]
    first, second = np.triu_indices(len(t), k=1)
    counts = np.histogram2d(m[second] - m[first], t[second] - t[first], bins=(DM, DT))[0]
    norm = np.linalg.norm(counts)
    image: NDArray[np.float32] = (counts / norm if norm else counts).astype(np.float32)
    return image
