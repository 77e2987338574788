"""Refinement of single sources: grouping, classes, trial periods and unusual light curves."""

from __future__ import annotations

import astrodome_ztf_scope as package
import numpy as np
import pandas as pd
import pytest
from astrodome import InvalidInputError
from astrodome_ztf_scope.features.refinement import sources
from astrodome_ztf_scope.features.refinement.classes import RR_LYRAE, period_prior
from astrodome_ztf_scope.features.refinement.trial_periods import trial_periods


def test_rows_are_grouped_by_name_or_by_position() -> None:
    table = pd.DataFrame(
        {
            "_id": range(7),
            "obj_id": ["a", "", "a", "", "", None, "b"],
            "ra": [10.0, 20.0, 50.0, 20.0, 0.0001, 359.9999, 20.0],
            "dec": [0.0, 30.0, 0.0, 30.0 + 1.9 / 3600, 0.0, 0.0, 30.0],
        }
    )
    groups = [rows.tolist() for rows in sources.group_rows(table)]
    assert groups == [[0, 2], [1, 3], [4, 5], [6]]
    far = table.assign(dec=[0.0, 30.0, 0.0, 30.0 + 2.1 / 3600, 0.0, 0.0, 30.0], obj_id="")
    assert [rows.tolist() for rows in sources.group_rows(far)][1:3] == [[1, 6], [2]]
    alone = sources.group_rows(table[["_id"]])
    assert [rows.tolist() for rows in alone] == [[k] for k in range(7)]


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("EA", "eclipsing"),
        ("eclipsing", "eclipsing"),
        ("W Uma", "eclipsing"),
        ("β Lyrae", "eclipsing"),
        ("RR Lyrae ab", "rr_lyrae"),
        ("rr_lyrae_c", "rr_lyrae"),
        ("Cepheid", "cepheid"),
        ("Mira", None),
        ("", None),
        (None, None),
        (3.0, None),
    ],
)
def test_class_labels_are_recognised(label: object, kind: str | None) -> None:
    found = period_prior(label)
    assert (found.kind if found else None) == kind


def test_trial_periods_are_different_and_in_the_range_of_the_class() -> None:
    listed = [0.60003, 0.601, 2.0, 0.05, np.nan, 0.45]
    found = trial_periods(0.6, listed, RR_LYRAE, baseline=1000.0)
    assert found[:3].tolist() == [0.6, 1.2, 0.3]
    assert 0.601 in found and 0.45 in found and 0.60003 not in found
    assert found.min() >= 0.1 and found.max() <= 1.5
    frequency = np.sort(1 / found)
    assert np.diff(frequency).min() > 1e-5
    assert 1.0 in trial_periods(np.nan, [0.5], RR_LYRAE, 1000.0)
    assert not len(trial_periods(np.nan, [], RR_LYRAE, 1000.0))


def test_aliases_with_one_year_are_tried() -> None:
    truth = 0.6
    alias = 1 / (1 / truth + 1 / 365.25)
    found = trial_periods(alias, [], RR_LYRAE, 1000.0)
    assert np.abs(found / truth - 1).min() < 1e-9


@pytest.mark.parametrize(("seed", "index"), [(7101, 0), (7101, 184), (7101, 281)])
def test_the_period_of_narrow_eclipses_is_kept(seed: int, index: int) -> None:
    """Few epochs are in eclipses, and the period search does not find the true period."""
    points = 200 if index == 281 else 100
    found = package.simulate_light_curves(
        1, classes=["ea"], seed=seed, points=points, bands="gr", magnitude=(14, 18.5), first=index
    )
    curve, truth = found.epochs, found.truth["period"][0]
    result = package.refine_period(
        *(curve[name] for name in ("hjd", "mag", "magerr", "filter")),
        catflags=curve["catflags"],
        source_class="EA",
        period=truth,
        listed_periods=[0.1095577, truth / 2, 2 * truth],
    )
    assert result["period_refined"] == pytest.approx(truth, rel=1e-3)


def test_a_single_light_curve_is_searched_for_periods_if_none_are_listed() -> None:
    found = package.simulate_light_curves(1, classes=["rrab"], points=300, bands="r", seed=1)
    curve, truth = found.epochs, found.truth.iloc[0]
    result = package.refine_period(
        curve["hjd"], curve["mag"], curve["magerr"], catflags=curve["catflags"], source_class="RRab"
    )
    assert result["period_was_refined"]
    assert result["period_refined"] == pytest.approx(truth["period"], rel=1e-4)
    with pytest.raises(InvalidInputError, match="Invalid class 'Mira'"):
        package.refine_period([1.0], [1.0], [1.0], source_class="Mira")
    with pytest.raises(InvalidInputError, match="Invalid shapes"):
        package.refine_period([1.0, 2.0], [1.0], [1.0], source_class="EA")


@pytest.mark.parametrize("source_class", ["EA", "RRab", "Cepheid"])
def test_unusual_light_curves_have_defined_results(source_class: str) -> None:
    rng = np.random.default_rng(3)
    time = np.sort(rng.uniform(0, 900, 100))
    mag = rng.normal(15, 0.1, 100)
    curves = {
        "two points": (time[:2], mag[:2], np.full(2, 0.1)),
        "no points": (time[:0], mag[:0], mag[:0]),
        "missing values": (time, np.full(100, np.nan), np.full(100, 0.1)),
        "equal times": (np.zeros(100), mag, np.full(100, 0.1)),
        "huge errors": (time, mag, np.full(100, 1e6)),
        "constant": (time, np.full(100, 15.0), np.full(100, 0.1)),
    }
    for name, curve in curves.items():
        found = package.refine_period(
            *curve, source_class=source_class, period=0.7, listed_periods=[0.5, 0.9]
        )
        assert np.isfinite(found["period_refined"]), name
        if name not in ("huge errors", "constant"):
            assert found["period_refined"] == 0.7 and found["refinement_reason"], name
