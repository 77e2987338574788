"""Random light curves with the irregularities of real photometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Curve = tuple[Array, Array, Array]


def random_curve(random: np.random.Generator, least: int = 2, most: int = 300) -> Curve:
    """Return times as Julian dates, magnitudes and errors of 2 to 300 epochs, sorted by time.

    Some curves have equal times, equal magnitudes, a few very large errors, or outliers.
    """
    n = int(random.integers(least, most + 1))
    t = np.sort(2_458_000 + random.uniform(0, random.choice([30.0, 500.0, 1800.0]), n))
    if random.random() < 0.2:  # Times with a resolution of a quarter of a day have ties.
        t = np.floor(t * 4) / 4
    e = np.exp(random.uniform(np.log(0.005), np.log(0.2), n))
    amplitude, period = random.exponential(0.3), np.exp(random.uniform(-3, 5))
    m = random.uniform(13, 21) + amplitude * np.sin(2 * np.pi * t / period)
    m += amplitude / 3 * np.cos(4 * np.pi * t / period) + random.normal(0, e)
    if random.random() < 0.3:
        m = np.round(m, int(random.integers(1, 4)))
    if random.random() < 0.2:
        e[random.integers(n, size=max(1, n // 10))] = random.choice([10.0, 1e3, 1e6])
    if random.random() < 0.2:
        m[random.integers(n)] += random.choice([-5.0, 3.0])
    return t, m, e


def with_invalid_epochs(random: np.random.Generator, curve: Curve) -> Curve:
    """Return the same light curve with additional invalid epochs, in random order."""
    n = len(curve[0])
    invalid = []
    for _ in range(int(random.integers(1, 10))):
        values = [2_458_100.0, 17.0, 0.1]
        values[random.integers(3)] = random.choice([np.nan, np.inf, -np.inf])
        invalid.append(values)
    invalid += [[2_458_200.0, 16.0, 0.0], [2_458_300.0, 15.0, -1.0]]
    columns = np.concatenate([np.transpose(curve), invalid])
    order = random.permutation(len(columns))
    # Epochs with equal times must keep their order.
    first = np.flatnonzero(order < n)
    order[first] = np.sort(order[first])
    t, m, e = np.ascontiguousarray(columns[order].T)
    return t, m, e
