"""The cleaning of light curves, compared with a slow implementation of the documented steps."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import numpy as np
import pytest
from astrodome import InvalidInputError
from astrodome_ztf_scope.features import cleaning
from astrodome_ztf_scope.features.cleaning import (
    CleaningOptions,
    EpochStatus,
    TooFewEpochsError,
    clean,
    epoch_status,
)
from ztf_scope.features.random_curves import Array, random_curve, with_invalid_epochs


def is_clipped(m: list[float]) -> list[bool]:
    if len(m) < 5:
        return [False] * len(m)
    middle = median(m)
    sigma = 1.4826 * median(abs(value - middle) for value in m)
    return [sigma > 0 and abs(value - middle) >= 5 * sigma for value in m]


def is_spike(m: list[float]) -> list[bool]:
    rest = list(range(len(m)))
    if len(m) < 3:
        return [False] * len(m)
    k = 1
    while k + 1 < len(rest):
        window = [m[i] for i in rest[k - 1 : k + 2]]
        if abs(window[1] - median(window)) > 1:
            del rest[k]
        else:
            k += 1
    first = abs(m[rest[0]] - m[rest[1]]) > 1
    last = abs(m[rest[-1]] - m[rest[-2]]) > 1
    kept = rest[first : len(rest) - last]
    return [i not in kept for i in range(len(m))]


def expected(t: Array, m: Array, e: Array, flags: Array, options: CleaningOptions) -> list[int]:
    """The indices of the kept epochs, step by step."""
    rest = [i for i in range(len(t)) if np.isfinite([t[i], m[i], e[i]]).all() and e[i] > 0]
    rest = sorted((i for i in rest if flags[i] == 0), key=lambda i: t[i])
    spaced: list[int] = []
    for i in rest:
        if not spaced or t[i] - t[spaced[-1]] >= options.min_cadence_minutes / 1440:
            spaced.append(i)
    magnitudes = [float(m[i]) for i in spaced]
    clipped, spikes = is_clipped(magnitudes), is_spike(magnitudes)
    outliers = {
        "none": [False] * len(spaced),
        "sigma": clipped,
        "spike": spikes,
        "both": [a and b for a, b in zip(clipped, spikes, strict=True)],
    }[options.outliers]
    return [i for i, outlier in zip(spaced, outliers, strict=True) if not outlier]


@pytest.mark.parametrize("outliers", ["none", "sigma", "spike", "both"])
def test_cleaning_follows_the_documented_steps(
    outliers: cleaning.OutlierFilter, torture: Callable[[int, int], int]
) -> None:
    random = np.random.default_rng(1)
    removed = 0
    for _ in range(torture(100, 2500)):
        t, m, e = with_invalid_epochs(random, random_curve(random))
        m[random.random(len(m)) < 0.05] += random.choice([-3.0, 1.5])
        flags = random.choice([0, 0, 0, 0, 32768], len(t)).astype(float)
        options = CleaningOptions(float(random.choice([0, 30, 600, 1440])), 0, outliers)
        found = clean(t, m, e, flags, options)
        assert found.tolist() == expected(t, m, e, flags, options)
        status = epoch_status(t, m, e, flags, options)
        assert sorted(found) == np.flatnonzero(status == EpochStatus.KEPT).tolist()
        removed += np.count_nonzero(status == EpochStatus.OUTLIER)
    assert (removed > 0) == (outliers != "none")


@pytest.mark.parametrize(
    ("minutes", "kept"), [(29.99, [0, 1, 2]), (30.0, [0, 1, 2]), (30.01, [0, 2])]
)
def test_an_epoch_at_the_minimum_cadence_is_kept(minutes: float, kept: list[int]) -> None:
    time = np.array([0, 30, 60]) / 1440
    options = CleaningOptions(minutes, 1)
    assert clean(time, [17, 17, 17], [0.1, 0.1, 0.1], options=options).tolist() == kept


def test_the_cadence_is_measured_from_the_last_kept_epoch() -> None:
    time = np.array([0, 20, 40, 50, 70]) / 1440
    found = clean(time, np.full(5, 17), np.full(5, 0.1), options=CleaningOptions(30, 1))
    assert found.tolist() == [0, 2, 4]


def test_flagged_epochs_do_not_hide_their_successors() -> None:
    time = np.array([0.0, 0.001, 1.0])
    found = clean(time, [17, 17, 17], [0.1] * 3, [4, 0, 0], CleaningOptions(min_points=1))
    assert found.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("magnitude", "spike"), [(18.0, False), (18.0 + 1e-9, True), (16.0, False)]
)
def test_a_spike_differs_by_more_than_the_limit(magnitude: float, spike: bool) -> None:
    m = np.full(9, 17.0)
    m[4] = magnitude
    assert cleaning.spikes(m, 1.0).tolist() == [i == 4 and spike for i in range(9)]


def test_an_epoch_at_five_standard_deviations_is_clipped() -> None:
    m = np.array([-1.0, 1.0] * 20 + [5 * 1.4826, -5 * 1.4826 + 1e-9])
    assert cleaning.clipped(m).tolist() == [False] * 40 + [True, False]


def test_the_default_keeps_eclipses_and_maxima_but_not_spikes() -> None:
    random = np.random.default_rng(2)
    t = np.sort(random.uniform(0, 1000, 400))
    eclipsing = 15 + random.normal(0, 0.01, 400) + 2.0 * ((t % 50) < 2)
    spiked = 15 + random.normal(0, 0.01, 400)
    spiked[[100, 250]] += 3
    e = np.full(400, 0.01)
    assert len(clean(t, eclipsing, e, options=CleaningOptions(0, outliers="sigma"))) < 395
    # Eclipses with a single epoch cannot be distinguished from spikes.
    consecutive = np.convolve((t % 50) < 2, [1, 1], "valid").max() > 1
    assert consecutive
    status = epoch_status(t, spiked, e, options=CleaningOptions(0))
    assert np.flatnonzero(status == EpochStatus.OUTLIER).tolist() == [100, 250]
    status = epoch_status(t, eclipsing, e, options=CleaningOptions(0))
    inside = (t % 50) < 2
    single = inside & ~np.roll(inside, 1) & ~np.roll(inside, -1)
    np.testing.assert_array_equal(status == EpochStatus.OUTLIER, single)
    pulsating = 15 - 1.4 * np.exp(-((t / 0.57) % 1) / 0.35) + random.normal(0, 0.01, 400)
    assert len(clean(t, pulsating, e, options=CleaningOptions(0))) == 400
    assert len(clean(t, pulsating, e, options=CleaningOptions(0, outliers="spike"))) < 400


def test_too_few_epochs_are_an_error_with_the_reasons() -> None:
    t = np.arange(100) / 100
    flags = np.zeros(100)
    flags[:40] = 1
    m = np.full(100, 17.0)
    m[99] = np.nan
    message = r"Too few epochs: 20 of 100 remain, at least 50 are required \(removed: "
    message += r"1 invalid, 40 flagged, 39 too close\)\."
    with pytest.raises(TooFewEpochsError, match=message):
        clean(t, m, np.full(100, 0.1), flags)
    with pytest.raises(TooFewEpochsError, match=r"0 of 0 remain.*\(removed: none\)"):
        clean([], [], [])


def test_exactly_the_minimum_number_of_epochs_is_sufficient() -> None:
    t = np.arange(50.0)
    assert len(clean(t, np.full(50, 17.0), np.full(50, 0.1))) == 50
    with pytest.raises(TooFewEpochsError, match="49 of 49"):
        clean(t[1:], np.full(49, 17.0), np.full(49, 0.1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"outliers": "mad"},
            "Invalid outlier filter 'mad': expected one of none, sigma, spike, both",
        ),
        ({"min_points": -1}, "Invalid min_points -1: expected a number from 0"),
        ({"clip_sigma": np.nan}, "Invalid clip_sigma nan"),
    ],
)
def test_invalid_options_are_an_error(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        CleaningOptions(**options)  # type: ignore[arg-type]
