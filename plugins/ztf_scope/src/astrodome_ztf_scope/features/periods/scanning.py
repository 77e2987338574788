"""Search one light curve for periods, without storing the periodograms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from astrodome import InvalidInputError
from numpy.typing import ArrayLike, NDArray

from ..epochs import plain_values
from .grid import Grid, make_grid
from .light_curve import LightCurve, prepare
from .options import Array, Peaks, SearchOptions, check_algorithms
from .summary import Index, Summary, chunk_parts

MAX_FREQUENCY = 1e9
"""Maximum frequency, in 1/d, for which phases are meaningful."""
BLOCK = 1 << 16
"""Maximum number of grid frequencies that are processed at once."""
BLOCKS = 16
"""Minimum number of blocks, except for small grids."""
CANDIDATES = 0.02
"""Fraction of the coarse grid whose surroundings are searched, in each chunk."""
MIN_CANDIDATES = 16
"""Minimum number of frequencies of the coarse grid whose surroundings are searched, per chunk."""
STRONG = 6.0
"""Height of a peak above the mean, in standard deviations, that noticeably affects the mean and the
standard deviation."""
NOTHING = np.empty(0)


def search(
    time: ArrayLike,
    mag: ArrayLike,
    magerr: ArrayLike | None = None,
    options: SearchOptions | None = None,
) -> dict[str, Peaks]:
    """Search one light curve for periods.

    The frequencies depend only on the time span of the light curve: from 2/baseline to the maximum
    frequency, with a fixed number of frequencies per 1/baseline. They are cut into chunks of equal
    width in log period, three for each requested period. The best frequencies of the chunks are
    ranked by their significance.

    By default, the search is coarse to fine. It first evaluates every fourth frequency, and then
    the frequencies around the best two percent of each chunk.

    Parameters
    ----------
    time : array_like, shape (N,)
        Times in days. They do not have to be sorted.
    mag : array_like, shape (N,)
        Magnitudes.
    magerr : array_like, shape (N,), optional
        Standard errors of the magnitudes. By default, all epochs have the same weight. Epochs with
        a non-finite value, or with an error that is not positive, are ignored.
    options : SearchOptions, optional
        Algorithms, frequency grid and number of periods.

    Returns
    -------
    dict of str to Peaks
        The best periods for each algorithm. If an algorithm requires more points than the light
        curve has, or if all magnitudes or times are equal, all elements are NaN.

    Raises
    ------
    InvalidInputError
        If the arrays have different lengths, or if the time span requires too many frequencies.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.periods import SearchOptions, search
    >>> time = np.sort(np.random.default_rng(1).uniform(0, 100, 200))
    >>> mag = 15 + 0.2 * np.sin(2 * np.pi * time / 0.7654)
    >>> peaks = search(time, mag, np.full(200, 0.01), SearchOptions(max_frequency=10))
    >>> {name: round(float(peak.period[0]), 3) for name, peak in peaks.items()}
    {'LS': 0.765, 'CE': 0.765, 'AOV': 0.765}
    """
    options = options or SearchOptions()
    curve = prepare(time, mag, magerr)
    grid = make_grid(curve.baseline, options)
    with np.errstate(all="ignore"):  # Extreme values of the light curve result in NaN.
        return {name: _search(name, curve, grid, options) for name in options.algorithms}


def periodogram(
    time: ArrayLike,
    mag: ArrayLike,
    magerr: ArrayLike | None,
    algorithm: str,
    frequency: ArrayLike,
) -> Array:
    """Compute the values of a periodogram at given frequencies.

    Parameters
    ----------
    time, mag, magerr : array_like, shape (N,)
        Times in days, magnitudes and their standard errors. See :func:`search`.
    algorithm : str
        Name of the algorithm, for example ``"LS"``.
    frequency : array_like or Quantity, shape (F,)
        Frequencies, in 1/d unless they have a unit.

    Returns
    -------
    numpy.ndarray
        Values with shape (F,) and dtype float64. They are NaN if the algorithm requires more
        points than the light curve has.

    Raises
    ------
    InvalidInputError
        If the algorithm is unknown, if a frequency is not finite, or if the arrays have different
        lengths.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.periods import periodogram
    >>> time = np.arange(40) * 0.37
    >>> mag = 15 + 0.1 * np.cos(2 * np.pi * 0.5 * time)
    >>> periodogram(time, mag, None, "LS", [0.4, 0.5]).round(3)
    array([0.05, 1.  ])
    """
    from .algorithms import ALGORITHMS

    check_algorithms((algorithm,))
    curve = prepare(time, mag, magerr)
    frequencies = plain_values(frequency, "1/d", "frequency")
    if not (np.isfinite(frequencies) & (np.abs(frequencies) < MAX_FREQUENCY)).all():
        raise InvalidInputError(
            f"Invalid frequency: expected finite values below {MAX_FREQUENCY:g}/d."
        )
    chosen = ALGORITHMS[algorithm]
    if len(curve.mag) < chosen.min_points:
        return np.full(len(frequencies), np.nan)
    with np.errstate(all="ignore"):  # Extreme values of the light curve result in NaN.
        return chosen.prepare(curve)(frequencies)


def _search(name: str, curve: LightCurve, grid: Grid | None, options: SearchOptions) -> Peaks:
    """Return the peaks of one algorithm."""
    from .algorithms import ALGORITHMS
    from .false_alarms import log10_fap

    algorithm, n = ALGORITHMS[name], int(options.top_n)
    if grid is None or len(curve.mag) < algorithm.min_points or np.ptp(curve.mag) == 0:
        return _peaks(n)
    evaluate, sign = algorithm.prepare(curve), -1 if algorithm.minimum else 1

    def upward(index: Index) -> Array:
        values = sign * evaluate(grid.frequency(index))
        return np.where(np.isfinite(values), values, -np.inf)

    if options.full_grid:
        summary = _scan(grid, upward)
    else:
        summary = _scan_coarse_to_fine(grid, upward, algorithm.coarse_step)
    found = summary.best_index >= 0
    if not summary.std > 0 or not found.any():
        return _peaks(n)
    value, index = summary.best_value[found], summary.best_index[found]
    order = np.lexsort((index, -value))[:n]
    value, frequency = value[order], grid.frequency(index[order])
    fap = log10_fap(name, curve, frequency, grid)
    significance = np.abs(summary.mean - value) / summary.std
    return _peaks(
        n, 1 / frequency, sign * value, significance, fap, sign * summary.mean, summary.std
    )


def _peaks(
    n: int,
    period: Array = NOTHING,
    value: Array = NOTHING,
    significance: Array = NOTHING,
    log10_fap: Array = NOTHING,
    mean: float = math.nan,
    std: float = math.nan,
) -> Peaks:
    """Return peaks whose arrays are filled with NaN up to the length n."""

    def padded(column: Array) -> Array:
        return np.concatenate([column, np.full(n - len(column), np.nan)])

    return Peaks(padded(period), padded(value), padded(significance), padded(log10_fap), mean, std)


def _scan(grid: Grid, evaluate: Callable[[Index], Array]) -> Summary:
    """Evaluate all frequencies of the grid that are not masked."""
    summary = Summary.empty(len(grid.edges) - 1)
    for index in _blocks(grid, 1):
        values = evaluate(index)
        summary.add(values)
        summary.update_best(grid, index, values)
    return summary


def _scan_coarse_to_fine(grid: Grid, evaluate: Callable[[Index], Array], step: int) -> Summary:
    """Evaluate every ``step``-th frequency, and then those around the best ones in each chunk."""
    summary = Summary.empty(len(grid.edges) - 1)
    coarse = []
    for index in _blocks(grid, step):
        values = evaluate(index)
        summary.add(values)
        coarse.append((index, values))
    if not coarse:
        return summary
    index, values = (np.concatenate(parts) for parts in zip(*coarse, strict=True))
    best = _best_of_chunks(grid, index, values)
    offsets = np.concatenate([np.arange(1 - step, 0), np.arange(1, step)])
    around = np.unique(index[best][:, np.newaxis] + offsets)
    around = around[(around >= 0) & (around < grid.size)]
    around = around[grid.is_searched(around)]
    fine = evaluate(around)
    summary.update_best(grid, index, values)
    summary.update_best(grid, around, fine)
    strong = index[best & (values > summary.mean + STRONG * summary.std)] // step
    if len(strong):
        # The few values of the coarse grid in a high and narrow peak represent it badly.
        cells = np.concatenate([strong, strong - 1])
        inside = np.isin(index // step, cells)
        summary.reset_moments()
        summary.add(values[~inside], step)
        summary.add(np.concatenate([values[inside], fine[np.isin(around // step, cells)]]))
    return summary


def _best_of_chunks(grid: Grid, index: Index, values: Array) -> NDArray[np.bool_]:
    """Return which frequencies of the coarse grid are among the best of their chunk."""
    best = np.zeros(len(index), np.bool_)
    for _, part in chunk_parts(grid, index):
        size = part.stop - part.start
        count = min(max(MIN_CANDIDATES, math.ceil(CANDIDATES * size)), size)
        best[part.start + np.argpartition(-values[part], count - 1)[:count]] = True
    return best


def _blocks(grid: Grid, step: int) -> Iterator[Index]:
    """Yield the indices that are not masked in blocks, each with every ``step``-th frequency."""
    size = min(BLOCK, max(step, math.ceil(grid.size / BLOCKS)))
    size = math.ceil(size / step) * step
    for start in range(0, grid.size, size):
        index = np.arange(start, min(start + size, grid.size), step)
        index = index[grid.is_searched(index)]
        if len(index):
            yield index
