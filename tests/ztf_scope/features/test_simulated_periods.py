"""Periods of simulated stars: coarse-to-fine search, selection of the best period, false alarms."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from astrodome_ztf_scope.features.cleaning import CleaningOptions, clean
from astrodome_ztf_scope.features.periods import (
    Peaks,
    SearchOptions,
    best_period,
    nested,
    search,
)
from astrodome_ztf_scope.features.simulation import simulate_light_curves

PERIODIC = ("rrab", "rrc", "rrd", "ceph", "dscu", "mir", "ea", "eb", "ew", "rscvn")
Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


class Source(NamedTuple):
    curve: Curve
    period: float
    full: dict[str, Peaks]
    coarse: dict[str, Peaks]


def light_curve(name: str, seed: int, index: int, points: int, bad_epochs: bool) -> Curve:
    """Return a cleaned light curve in r that was simulated with a given number of epochs."""
    simulation = simulate_light_curves(
        1, classes=[name], seed=seed, points=points, bands="r", first=index, bad_epochs=bad_epochs
    )
    t, m, e = (simulation.epochs[name].to_numpy() for name in ("hjd", "mag", "magerr"))
    kept = clean(t, m, e, simulation.epochs["catflags"], CleaningOptions(min_points=2))
    return t[kept], m[kept], e[kept]


@pytest.fixture(scope="module")
def sources(torture: Callable[[int, int], int]) -> list[Source]:
    """Periodic stars of all classes with their peaks on the full grid and by the fast search."""
    found = []
    for index in range(torture(20, 500)):
        name, points = PERIODIC[index % 10], (100, 200, 400)[index // 10 % 3]
        truth = simulate_light_curves(
            1, classes=[name], seed=31, points=points, bands="r", first=index
        ).truth
        curve = light_curve(name, 31, index, points, True)
        full, coarse = (
            search(*curve, SearchOptions(max_frequency=24, full_grid=grid))
            for grid in (True, False)
        )
        found.append(Source(curve, float(truth["period"][0]), full, coarse))
    return found


def is_true(period: float, source: Source) -> bool:
    return abs(period / source.period - 1) < 0.01


@pytest.mark.parametrize("algorithm", ["LS", "CE", "AOV"])
def test_the_coarse_search_recovers_as_many_periods(algorithm: str, sources: list[Source]) -> None:
    full = sum(is_true(s.full[algorithm].period[0], s) for s in sources)
    coarse = sum(is_true(s.coarse[algorithm].period[0], s) for s in sources)
    assert full > len(sources) / 3
    assert coarse >= full - 0.01 * len(sources)


@pytest.mark.parametrize("algorithm", ["LS", "CE", "AOV"])
def test_the_coarse_search_has_the_significance_of_the_full_grid(
    algorithm: str, sources: list[Source]
) -> None:
    ratios = [
        s.coarse[algorithm].significance[0] / s.full[algorithm].significance[0] for s in sources
    ]
    assert np.median(ratios) == pytest.approx(1, abs=0.03)
    assert np.quantile(ratios, 0.1) > 0.9 and np.quantile(ratios, 0.9) < 1.1


def test_the_best_period_is_more_often_true_than_that_of_one_periodogram(
    sources: list[Source],
) -> None:
    rates = {
        "best": [is_true(best_period(s.coarse, *s.curve)[0], s) for s in sources],
        "nested": [is_true(nested(s.coarse, *s.curve)[0], s) for s in sources],
        **{
            name: [is_true(s.coarse[name].period[0], s) for s in sources]
            for name in ("LS", "CE", "AOV")
        },
    }
    mean = {name: np.mean(found) for name, found in rates.items()}
    assert mean["best"] > 0.7
    assert all(mean["best"] > mean[name] for name in mean if name != "best"), mean
