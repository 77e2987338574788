"""Compute features with scope-ml and astropy. This module runs in the environment of scope-ml."""

import tracemalloc
from pathlib import Path
from typing import Any

from serve import enter_scope_folder, serve

enter_scope_folder()
import numpy as np  # noqa: E402
import yaml  # noqa: E402
from tools.featureGeneration import lcstats, periodsearch  # noqa: E402

CONFIG = yaml.safe_load(Path("config.yaml").read_text("utf-8"))
EDGES = CONFIG["feature_generation"]["dmdt_ints"]


def curve(path: str) -> Any:
    """Return the times, magnitudes and errors of a light curve, with shape (3, N)."""
    return np.load(path)


def lomb_scargle(path: str, frequencies: int) -> Any:
    """Compute the exact periodogram with astropy."""
    from astropy.timeseries import LombScargle

    time, mag, error = curve(path)
    model = LombScargle(time, mag, error)
    grid = 1 / np.ptp(time) + np.arange(frequencies) / (10 * np.ptp(time))
    return lambda: model.power(grid, method="cython")


def conditional_entropy(path: str, frequencies: int) -> Any:
    time, mag, error = curve(path)
    grid = 1 / np.ptp(time) + np.arange(frequencies) / (10 * np.ptp(time))
    curves = [(time, mag, error)]
    return lambda: periodsearch.find_periods("CE", curves, grid, doCPU=True, Ncore=2)


def statistics(path: str, times: int) -> Any:
    data = curve(path)
    return lambda: [lcstats.calc_basic_stats(1, data) for _ in range(times)]


def fourier(path: str, times: int) -> Any:
    data = curve(path)
    return lambda: [lcstats.calc_fourier_stats(1, data, 0.7) for _ in range(times)]


def dmdt(path: str, times: int) -> Any:
    data = curve(path)
    return lambda: [lcstats.compute_dmdt(1, data, EDGES) for _ in range(times)]


def dmdt_memory(path: str) -> float:
    """Return the peak of the memory that is allocated for an image, in MB."""
    data = curve(path)
    tracemalloc.start()
    lcstats.compute_dmdt(1, data, EDGES)
    return tracemalloc.get_traced_memory()[1] / 1e6


serve(
    {
        "lomb_scargle": lomb_scargle,
        "conditional_entropy": conditional_entropy,
        "statistics": statistics,
        "fourier": fourier,
        "dmdt": dmdt,
        "dmdt_memory": dmdt_memory,
    }
)
