"""Compute dmdt images from light curves.

A dmdt image is a histogram of the magnitude and time differences between all pairs of epochs
(Mahabal et al. 2017, arXiv:1709.06257). The bin edges are the same as in SCoPe.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .epochs import check_shapes, plain_values
from .kernels import Array, compiled

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
# A difference equal to the last edge belongs to the last bin, as in numpy.histogram2d.
_DT = np.array([*DT[:-1], np.nextafter(DT[-1], np.inf)])
_DM = np.array([*DM[:-1], np.nextafter(DM[-1], np.inf)])


def dmdt_image(time: ArrayLike, mag: ArrayLike) -> NDArray[np.float32]:
    """Compute the dmdt image of a light curve.

    Parameters
    ----------
    time : array_like, shape (N,)
        Times in days, a quantity, or an `astropy.time.Time` object. They do not have to be sorted.
    mag : array_like, shape (N,)
        Magnitudes. Epochs with a non-finite time or magnitude are ignored.

    Returns
    -------
    numpy.ndarray
        Image with shape (26, 26) and dtype float32. Rows correspond to magnitude differences, and
        columns to time differences. The L2 norm is 1. If no pair of epochs is within the bin edges,
        all pixels are 0.

    Raises
    ------
    astrodome.InvalidInputError
        If the arrays are not one-dimensional or differ in length.

    Notes
    -----
    The time is proportional to the number of pairs, and the memory to the number of epochs: 4,000
    epochs need less than 1 MB.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> image = scope.dmdt_image([0.0, 1.2, 5.0], [15.0, 15.4, 15.1])
    >>> image.shape, int((image > 0).sum())
    ((26, 26), 3)
    """
    t, m = plain_values(time, "d", "time"), plain_values(mag, "mag", "mag")
    check_shapes(time=t, mag=m)
    known = np.isfinite(t) & np.isfinite(m)
    order = np.argsort(t[known], kind="stable")
    t, m = t[known][order], m[known][order]
    counts = _count_pairs(t, m, np.argsort(m, kind="stable"), _DT, _DM).astype(np.float64)
    norm = np.linalg.norm(counts)
    image: NDArray[np.float32] = (counts / norm if norm else counts).astype(np.float32)
    return image


@compiled
def _count_pairs(
    t: Array, m: Array, by_mag: NDArray[np.intp], dt: Array, dm: Array
) -> NDArray[np.int64]:
    """Return the number of pairs in each bin, with the shape (dm bins, dt bins).

    ``t`` is sorted, and ``by_mag`` contains the indices that sort ``m``. The edges are half-open.

    The first epoch of a pair runs through the epochs in the order of magnitude. For each second
    epoch j, ``rows[j]`` is the number of dm edges that are less than or equal to the magnitude
    difference. This number decreases by one whenever an edge passes epoch j, so that no pair
    requires a search.
    """
    n, n_dt, n_dm = len(t), len(dt) - 1, len(dm) - 1
    first = _first_epochs(t, dt)
    ordered = m[by_mag]
    rows = np.full(n, n_dm + 1, np.uint8)
    passed = np.zeros(n_dm + 1, np.int64)
    # Consecutive pairs use different counters, because they are often in the same bin.
    counts = np.zeros((n_dt, 4, n_dm + 2), np.int64)
    for rank in range(n):
        for edge in range(n_dm + 1):
            position = passed[edge]
            while position < n and ordered[position] - ordered[rank] < dm[edge]:
                rows[by_mag[position]] -= 1
                position += 1
            passed[edge] = position
        limits = first[by_mag[rank]]
        for column in range(n_dt):
            count, found = counts[column], rows[limits[column] : limits[column + 1]]
            rest = len(found) % 4
            for j in range(0, len(found) - rest, 4):
                count[0, found[j]] += 1
                count[1, found[j + 1]] += 1
                count[2, found[j + 2]] += 1
                count[3, found[j + 3]] += 1
            for j in range(len(found) - rest, len(found)):
                count[0, found[j]] += 1
    image = np.empty((n_dm, n_dt), np.int64)
    for row in range(n_dm):
        for column in range(n_dt):
            image[row, column] = counts[column, :, row + 1].sum()
    return image


@compiled
def _first_epochs(t: Array, dt: Array) -> NDArray[np.int32]:
    """Return the first later epoch for each epoch and each edge of the time differences.

    For epoch i and edge k, this is the first epoch j > i with ``t[j] - t[i] >= dt[k]``.
    """
    n = len(t)
    first = np.empty((n, len(dt)), np.int32)
    for k in range(len(dt)):
        j = 0
        for i in range(n):
            j = max(j, i + 1)
            while j < n and t[j] - t[i] < dt[k]:
                j += 1
            first[i, k] = j
    return first
