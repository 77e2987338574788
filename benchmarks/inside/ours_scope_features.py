"""Run the tasks in ``older_scope_features.py`` with ``astrodome_ztf_scope``."""

import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from astrodome import compute
from astrodome_ztf_scope.features import dmdt as images
from astrodome_ztf_scope.features import fourier as series
from astrodome_ztf_scope.features import periods
from astrodome_ztf_scope.features import statistics as summary
from serve import serve


def curve(path: str) -> Any:
    """Return the times, magnitudes and errors of a light curve, with shape (3, N)."""
    return np.load(path)


def _periodogram(path: str, algorithm: str, frequencies: int) -> Callable[[], Any]:
    time, mag, error = curve(path)
    grid = 1 / np.ptp(time) + np.arange(frequencies) / (10 * np.ptp(time))
    compute_all = periods.periodogram
    compute_all(time, mag, error, algorithm, grid[:10])  # Compile or load the kernels.
    return lambda: compute_all(time, mag, error, algorithm, grid)


def lomb_scargle(path: str, frequencies: int) -> Any:
    return _periodogram(path, "LS", frequencies)


def conditional_entropy(path: str, frequencies: int) -> Any:
    return _periodogram(path, "CE", frequencies)


def full_grid(path: str, algorithm: str) -> Any:
    """Search one light curve per CPU on the full grid, in threads."""
    time, mag, error = curve(path)
    options = periods.SearchOptions(algorithms=(algorithm,), full_grid=True)
    periods.search(time[:60], mag[:60], error[:60], options)
    pool = ThreadPoolExecutor(compute.cores())
    search = periods.search
    return lambda: list(
        pool.map(lambda _: search(time, mag, error, options), range(compute.cores()))
    )


def statistics(path: str, times: int) -> Any:
    data = curve(path)
    summary.statistics(*data)
    return lambda: [summary.statistics(*data) for _ in range(times)]


def fourier(path: str, times: int) -> Any:
    data = curve(path)
    series.fourier_features(*data, 0.7)
    return lambda: [series.fourier_features(*data, 0.7) for _ in range(times)]


def dmdt(path: str, times: int) -> Any:
    time, mag, _ = curve(path)
    images.dmdt_image(time[:3], mag[:3])
    return lambda: [images.dmdt_image(time, mag) for _ in range(times)]


def dmdt_memory(path: str) -> float:
    """Return the peak of the memory that is allocated for an image, in MB."""
    data = curve(path)
    tracemalloc.start()
    images.dmdt_image(*data[:2])
    return tracemalloc.get_traced_memory()[1] / 1e6


serve(
    {
        "lomb_scargle": lomb_scargle,
        "conditional_entropy": conditional_entropy,
        "full_grid": full_grid,
        "statistics": statistics,
        "fourier": fourier,
        "dmdt": dmdt,
        "dmdt_memory": dmdt_memory,
    }
)
