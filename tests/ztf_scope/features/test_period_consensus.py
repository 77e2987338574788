"""Agreement between algorithms, sidereal families and the selection of a period."""

from __future__ import annotations

import doctest
from collections.abc import Mapping

import numpy as np
import pytest
from astrodome_ztf_scope.features import periods
from astrodome_ztf_scope.features.periods import (
    Peaks,
    SearchOptions,
    agreement,
    best_period,
    nested,
    periodogram,
    search,
    sidereal_family,
)

SIDEREAL = 24 / 23.9345


def lists(**listed: list[float]) -> Mapping[str, Peaks]:
    """Peaks with the given periods and decreasing significance."""
    return {
        name: Peaks(
            np.array(values, float),
            np.ones(len(values)),
            10.0 - np.arange(len(values)),
            -np.ones(len(values)),
        )
        for name, values in listed.items()
    }


def test_agreement_of_equal_and_unequal_periods() -> None:
    scores = agreement(lists(LS=[0.5, 3.4], CE=[1.01, 7.7], AOV=[11.0, 3.4]))
    assert scores["n_total_pairs"] == 3
    assert scores["agree_strict"] == pytest.approx(1 / 3)  # 0.5 and 1.01 d
    assert scores["n_agree_pairs"] == 2
    assert scores["agree_score"] == pytest.approx(2 / 3)
    assert scores["agree_weighted"] == pytest.approx((1 + 1 / 4 + 0) / 3)
    assert scores["best_agree_period"] == 0.5
    assert scores["best_consensus_period"] == 0.5


def test_votes_are_added_to_the_first_matching_period() -> None:
    scores = agreement(lists(LS=[9.0, 0.7], CE=[0.7, 5.0], AOV=[0.7, 2.2]))
    assert scores["best_consensus_period"] == 0.7
    assert scores["best_agree_period"] == 0.7


@pytest.mark.parametrize(
    ("ratio", "matches"),
    [
        (1.049, True),
        (1.06, False),
        (2.0, True),
        (0.5, True),
        (3.0, True),
        (1 / 3, True),
        (4, False),
    ],
)
def test_periods_match_at_simple_ratios(ratio: float, matches: bool) -> None:
    scores = agreement(lists(LS=[0.6 * ratio], CE=[0.6]))
    assert scores["agree_strict"] == matches
    assert np.isnan(scores["best_consensus_period"]) == (not matches)


def test_short_and_missing_periods_are_ignored() -> None:
    scores = agreement(lists(LS=[0.005, np.nan], CE=[0.005, np.nan]))
    assert scores["n_agree_pairs"] == 0 and np.isnan(scores["best_agree_period"])
    assert np.isnan(agreement(lists(LS=[1.0]))["agree_score"])
    family = sidereal_family(lists(LS=[np.nan], CE=[0.005]))
    assert family["family_n_algos"] == 0 and np.isnan(family["family_best_period"])
    assert family["family_best_algo"] == ""


def test_sidereal_aliases_form_a_family() -> None:
    f = 2.345
    peaks = lists(
        LS=[1 / f, 50.0], CE=[1 / (f + SIDEREAL), 0.9], AOV=[1 / (f / 2 + 3 * SIDEREAL), 17.0]
    )
    family = sidereal_family(peaks, {"LS": 0.2, "CE": 0.9, "AOV": 0.5})
    assert family["family_n_algos"] == 3
    assert family["family_rank_score"] == 3
    assert family["family_n_members"] >= 3
    assert family["family_n_total"] == 6
    assert (family["family_best_algo"], family["family_best_f1_power"]) == ("CE", 0.9)
    assert family["family_best_period"] == 1 / (f + SIDEREAL)


def test_the_family_without_fourier_features_uses_the_significance() -> None:
    peaks = dict(lists(LS=[0.4], CE=[1 / (2.5 + 1.00274)]))
    peaks["CE"] = Peaks(peaks["CE"].period, *np.array([[1.0], [99.0], [-9.0]]))
    assert sidereal_family(peaks)["family_best_algo"] == "CE"


def test_distant_multiples_of_the_sidereal_day_are_not_aliases() -> None:
    f = 20.3
    for order, algorithms in ((15, 2), (16, 1)):
        peaks = lists(LS=[1 / f], CE=[1 / (f + order * SIDEREAL)])
        # The half and the double of these frequencies are no aliases either.
        assert sidereal_family(peaks)["family_n_algos"] == algorithms


def light_curve() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    time = np.sort(rng.uniform(0, 500, 200))
    error = np.full(200, 0.02)
    phase = time / 0.61 % 1
    return time, 15 + 0.8 * phase + rng.normal(0, error), error


def test_nested_chooses_the_best_aov_value_of_the_other_algorithms() -> None:
    curve = light_curve()
    peaks = search(*curve, SearchOptions(max_frequency=10))
    period, significance = nested(peaks, *curve)
    candidates = np.concatenate([peaks["LS"].period, peaks["CE"].period])
    values = periodogram(*curve, "AOV", 1 / candidates)
    assert period == candidates[values.argmax()]
    assert period == pytest.approx(0.61, rel=1e-3)
    mean, std = peaks["AOV"].mean, peaks["AOV"].std
    assert significance == pytest.approx((values.max() - mean) / std)


def test_no_candidates_have_no_period() -> None:
    curve = ([1.0, 2.0], [15.0, 15.1], [0.1, 0.1])
    peaks = search(*curve)
    assert np.isnan(nested(peaks, *curve)).all()
    assert np.isnan(best_period(peaks, *curve)).all()


def test_the_best_period_of_a_sawtooth() -> None:
    curve = light_curve()
    period, significance = best_period(search(*curve, SearchOptions(max_frequency=10)), *curve)
    assert period == pytest.approx(0.61, rel=1e-3)
    assert significance > 10


@pytest.mark.parametrize("name", [n for n in periods.__all__ if callable(getattr(periods, n))])
def test_the_examples_in_docstrings_run(name: str) -> None:
    for test in doctest.DocTestFinder(recurse=False).find(getattr(periods, name), name, globs={}):
        assert doctest.DocTestRunner().run(test).failed == 0
