"""The share of correct periods after the refinement, on simulated sources."""

from __future__ import annotations

from collections.abc import Callable

import astrodome_ztf_scope as scope
import numpy as np
import pytest
from astrodome_ztf_scope.features.cleaning import CleaningOptions, clean
from astrodome_ztf_scope.features.periods import SearchOptions, best_period, search

ECLIPSING = ("ea", "eb", "ew")
PULSATING = ("rrab", "rrc", "ceph")


def recovered(name: str, sources: int, points: int) -> tuple[float, float]:
    """Return the shares of correct refined periods, and of correct periods that became wrong."""
    found = scope.simulate_light_curves(
        sources, classes=[name], points=points, bands="r", magnitude=(14, 18), seed=21
    )
    correct, broken = [], []
    for row in found.truth.to_dict("records"):
        curve = found.epochs[found.epochs["_id"] == row["_id"]]
        values = [curve[c].to_numpy() for c in ("hjd", "mag", "magerr", "catflags")]
        kept = clean(*values, CleaningOptions(min_points=25))
        time, mag, error = (column[kept] for column in values[:3])
        peaks = search(time, mag, error, SearchOptions(max_frequency=10, top_n=20))
        current, _ = best_period(peaks, time, mag, error)
        listed = np.concatenate([one.period for one in peaks.values()])
        result = scope.refine_period(
            time, mag, error, source_class=name, period=current, listed_periods=listed
        )
        before, after = (
            abs(period / row["period"] - 1) < 0.01 for period in (current, result["period_refined"])
        )
        correct.append(after)
        broken.append(before and not after)
    return float(np.mean(correct)), float(np.mean(broken))


@pytest.mark.parametrize("name", [*ECLIPSING, *PULSATING])
def test_most_periods_are_correct_after_the_refinement(
    name: str, torture: Callable[[int, int], int]
) -> None:
    correct, broken = recovered(name, torture(10, 100), 200)
    assert correct >= 0.8
    assert broken <= torture(10, 2) / 100
