"""Flare detection, compared with a slow implementation that follows the description."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from astrodome import InvalidInputError
from astrodome_ztf_scope.features import flares
from astrodome_ztf_scope.features.flares import FAST, SLOW, FlareOptions, find_flares
from ztf_scope.features.random_curves import Array, with_invalid_epochs


def reference(
    t: Array, m: Array, e: Array, o: FlareOptions
) -> list[tuple[float, float, float]] | None:
    """Return start, end and significance of each flare, with lists and loops only."""
    if len(t) < max(4, o.min_bins):
        return None
    bins: dict[int, list[tuple[float, float, float]]] = {}
    for time, mag, error in zip(t, m, e, strict=True):
        flux = 10 ** (-0.4 * (mag - np.median(m)))
        entry = (time, flux, 0.4 * math.log(10) * flux * error)
        bins.setdefault(math.floor((time - t[0]) / o.bin_size), []).append(entry)
    x, y, s = [], [], []
    for _, entries in sorted(bins.items()):
        weights = [1 / entry[2] ** 2 for entry in entries]
        x.append(sum(entry[0] for entry in entries) / len(entries))
        weighted = sum(w * entry[1] for w, entry in zip(weights, entries, strict=True))
        y.append(weighted / sum(weights))
        s.append(sum(weights) ** -0.5)
    n = len(x)
    if n < max(4, o.min_bins):
        return None
    middle = float(np.median(y))
    scale = s if o.use_bin_errors else [float(np.std(y))] * n
    half = o.smooth_window // 2
    slope = []
    for i in range(n):
        window = range(max(0, i - half), min(n, i + half + 1))
        slope.append(np.polyfit([x[j] - x[i] for j in window], [y[j] for j in window], 1)[0])
    peaks = [
        i
        for i in range(n)
        if all(y[i] > y[j] for j in (i - 1, i + 1) if 0 <= j < n)
        and y[i] > middle + o.peak_threshold * scale[i]
    ]
    owner = {p: p for p in peaks}
    extent = {p: [p, p] for p in peaks}
    grown = True
    while grown:
        grown = False
        for p in peaks:
            left, right = extent[p]
            i = left - 1
            free = i >= 0 and i not in owner and y[i] >= middle and x[left] - x[i] <= o.max_gap
            if free and (y[i] < y[left] or slope[left] >= 0):
                owner[i], extent[p][0], grown = p, i, True
            i = right + 1
            free = i < n and i not in owner and y[i] >= middle and x[i] - x[right] <= o.max_gap
            if free and (y[i] < y[right] or slope[right] <= 0):
                owner[i], extent[p][1], grown = p, i, True
    merged: list[tuple[int, int, float]] = []
    for p in peaks:
        start, end = extent[p]
        if end - start + 1 < o.min_bins:
            continue
        if merged:
            first, last, height = merged[-1]
            apart = x[start] - x[last] > o.max_gap
            if not apart and start > last + 2:
                saddle = min(y[last + 1 : start]) - middle
                apart = saddle <= o.saddle_ratio * (min(height, y[p]) - middle)
            if not apart:
                merged[-1] = first, end, max(height, y[p])
                continue
        merged.append((start, end, y[p]))
    result = []
    for start, end, _ in merged:
        region = range(start, end + 1)
        needed = np.median([middle + o.region_threshold * scale[i] for i in region])
        if np.median([y[i] for i in region]) >= needed:
            top = max(region, key=lambda i: y[i])
            result.append((x[start], x[end], (y[top] - middle) / scale[top]))
    return result


def flaring_curve(random: np.random.Generator, options: FlareOptions) -> tuple[Array, Array, Array]:
    """Return a light curve with several flares, in which neighbours overlap."""
    span = options.bin_size * random.integers(3, 150)
    t = 2_458_000 + np.sort(random.uniform(0, span, int(random.integers(4, 400))))
    e = random.uniform(0.01, 0.1, len(t))
    m = 17 + random.normal(0, e)
    for _ in range(int(random.integers(0, 6))):
        start, width = 2_458_000 + random.uniform(0, span), options.bin_size * random.uniform(1, 6)
        after = t - start
        decay = np.where(after > 0, np.exp(-after / width), np.exp(after / width * 3))
        m -= random.uniform(0.2, 2.5) * decay
    return t, m, e


@pytest.mark.parametrize(
    "options", [SLOW, FAST, FlareOptions(1.0, smooth_window=3, region_threshold=0.3)]
)
def test_flares_equal_the_description(
    options: FlareOptions, torture: Callable[[int, int], int]
) -> None:
    random = np.random.default_rng(1)
    numbers = []
    for _ in range(torture(60, 3000)):
        curve = flaring_curve(random, options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # np.polyfit for two bins
            wanted = reference(*curve, options)
        found = [(f.start, f.end, f.significance) for f in find_flares(*curve, options)]
        assert len(found) == len(wanted or [])
        np.testing.assert_allclose(
            np.reshape(found, (-1, 3)), np.reshape(wanted or [], (-1, 3)), rtol=1e-9
        )
        numbers.append(len(found))
    assert {0, 1, 2} <= set(numbers)


def test_the_features_summarize_the_flares() -> None:
    random = np.random.default_rng(2)
    for _ in range(30):
        t, m, e = flaring_curve(random, SLOW)
        found = flares.flare_features(t, m, e)
        assert tuple(found) == (*flares.NAMES, *flares.FAST_NAMES)
        for names, options in ((flares.NAMES, SLOW), (flares.FAST_NAMES, FAST)):
            wanted = reference(t, m, e, options)
            if wanted is None:
                assert all(np.isnan(found[name]) for name in names)
                continue
            duty = sum(end - start for start, end, _ in wanted) / np.ptp(t)
            assert found[names[0]] == len(wanted)
            assert found[names[1]] == pytest.approx(max((w[2] for w in wanted), default=0))
            assert found[names[2]] == pytest.approx(min(duty, 1))


def test_a_flare_of_minutes_is_a_fast_flare() -> None:
    random = np.random.default_rng(3)
    t = np.sort(np.concatenate([np.arange(0, 1000, 2.0), 500.5 + np.arange(60) / 1440]))
    m = 18 + random.normal(0, 0.02, len(t))
    after = np.clip(t - 500.51, 0, 1)
    m -= 1.5 * np.exp(-after / 0.008) * (t > 500.51)
    found = flares.flare_features(t, m, np.full(len(t), 0.02))
    assert found["n_fast_flares"] == 1 and found["fast_flare_significance"] > 12


def test_fading_is_not_a_flare() -> None:
    t = np.arange(0, 300, 3.0)
    m = 18 + 1.5 * np.exp(-(((t - 150) / 8) ** 2))
    assert flares.flare_features(t, m, np.full(len(t), 0.02))["n_flares"] == 0


@pytest.mark.parametrize(
    ("time", "value"),
    [
        ([], np.nan),
        ([1.0, 2.0, 3.0], np.nan),
        (np.linspace(0, 2, 50), np.nan),  # all epochs in one bin
        (np.full(50, 7.0), np.nan),
        (np.arange(0, 300, 3.0), 0.0),
    ],
)
def test_without_flares_or_bins_the_features_are_zero_or_nan(time: Array, value: float) -> None:
    m = np.full(len(time), 17.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = flares.flare_features(time, m, np.full(len(m), 0.1))
    np.testing.assert_equal([found[name] for name in flares.NAMES], [value] * 3)


def test_invalid_epochs_are_ignored() -> None:
    random = np.random.default_rng(4)
    for _ in range(20):
        curve = flaring_curve(random, SLOW)
        np.testing.assert_equal(
            flares.flare_features(*with_invalid_epochs(random, curve)),
            flares.flare_features(*curve),
        )


def test_extreme_magnitudes_do_not_give_warnings() -> None:
    m = np.full(60, 17.0)
    m[[10, 30]] = 1e4, -1e4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = flares.flare_features(np.arange(0, 180, 3.0), m, np.full(60, 0.1))
    assert not np.isinf([*found.values()]).any()


@pytest.mark.parametrize("options", [{"bin_size": 0.0}, {"bin_size": np.nan}, {"min_bins": 0}])
def test_invalid_options_are_an_error(options: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError, match=r"Invalid (bin size|number of bins)"):
        FlareOptions(**options)  # type: ignore[arg-type]
