"""The share of correct periods after the refinement, on simulated sources."""

from __future__ import annotations

from collections.abc import Callable

import astrodome_ztf_scope as scope
import numpy as np
import pytest
from astrodome_ztf_scope.features.cleaning import CleaningOptions, clean
from astrodome_ztf_scope.features.periods import SearchOptions, best_period, search

POINTS = 200
EXACT = 0.01


def refined(simulation: scope.Simulation) -> list[tuple[bool, bool]]:
    """Return whether the period of each source is correct before and after the refinement.

    The current period and the trial periods are those of the r light curve.
    """
    curves = dict(tuple(simulation.epochs.groupby("_id")))
    found = []
    for _, rows in simulation.truth.groupby("obj_id", sort=False):
        truth = rows[rows["filter"] == 2].iloc[0]
        values = [curves[truth["_id"]][c].to_numpy() for c in ("hjd", "mag", "magerr", "catflags")]
        kept = clean(*values, CleaningOptions(min_points=25))
        own = [column[kept] for column in values[:3]]
        peaks = search(*own, SearchOptions(max_frequency=10, top_n=20))
        current, _ = best_period(peaks, *own)
        both = simulation.epochs[simulation.epochs["_id"].isin(rows["_id"])]
        result = scope.refine_period(
            both["hjd"],
            both["mag"],
            both["magerr"],
            both["filter"],
            source_class=truth["class"],
            period=current,
            listed_periods=np.concatenate([one.period for one in peaks.values()]),
            catflags=both["catflags"],
        )
        periods = current, result["period_refined"]
        before, after = (abs(period / truth["period"] - 1) < EXACT for period in periods)
        found.append((before, after))
    return found


@pytest.mark.parametrize(
    ("classes", "least"), [(["ea", "eb", "ew"], 0.8), (["rrab", "rrc", "ceph"], 0.95)]
)
def test_most_periods_are_correct_after_the_refinement(
    classes: list[str], least: float, torture: Callable[[int, int], int]
) -> None:
    simulation = scope.simulate_light_curves(
        torture(18, 300), classes=classes, points=POINTS, bands="gr", magnitude=(14, 18.5), seed=21
    )
    found = refined(simulation)
    assert np.mean([after for _, after in found]) >= least
    correct = [after for before, after in found if before]
    assert len(correct) - sum(correct) <= 0.02 * len(correct)
