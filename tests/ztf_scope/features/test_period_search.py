"""The period search: frequency grid, peaks, masks, invalid light curves and reproducibility."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from astrodome import InvalidInputError
from astrodome_ztf_scope.features.periods import (
    ALGORITHMS,
    SearchOptions,
    find_periods,
    periodogram,
    search,
)
from astrodome_ztf_scope.features.periods.grid import alias_bands, make_grid
from astropy import units as u
from astropy.time import Time

ALL = tuple(ALGORITHMS)
Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


def sine(
    period: float = 0.7654, points: int = 150, baseline: float = 200.0, seed: int = 1
) -> Curve:
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, baseline, points))
    error = rng.uniform(0.01, 0.03, points)
    return time, 15 + 0.3 * np.sin(2 * np.pi * time / period) + rng.normal(0, error), error


def same(one: object, other: object) -> bool:
    """Whether two results of ``search`` are identical bit by bit, NaN included."""
    return repr(flat(one)) == repr(flat(other))


def flat(result: object) -> list[object]:
    return [
        (name, getattr(peaks, field).tobytes().hex())
        for name, peaks in result.items()  # type: ignore[attr-defined]
        for field in ("period", "value", "significance", "log10_fap")
    ]


@pytest.mark.parametrize("full_grid", [True, False], ids=["full", "coarse"])
@pytest.mark.parametrize("algorithm", ALL)
def test_finds_the_period_of_a_sine(algorithm: str, full_grid: bool) -> None:
    options = SearchOptions((algorithm,), 10, full_grid=full_grid)
    peaks = search(*sine(), options)[algorithm]
    ratio = peaks.period[0] / 0.7654
    assert min(abs(ratio / h - 1) for h in (1, 2, 3)) < 0.003  # binned methods prefer multiples
    assert peaks.significance[0] > 5 and peaks.log10_fap[0] < -2
    assert np.isfinite(peaks.log10_fap).all()
    assert (np.diff(peaks.significance) <= 0).all()


@pytest.mark.parametrize("algorithm", ALL)
def test_peaks_are_the_best_values_of_chunks_in_log_period(algorithm: str) -> None:
    curve = sine(points=60, baseline=50)
    options = SearchOptions((algorithm,), 5, top_n=4, full_grid=True, mask_aliases=False)
    peaks = search(*curve, options)[algorithm]
    span = np.ptp(curve[0])
    # The last epoch is at a bin edge, so that rounding decides about its bin.
    frequency = 2 / span + np.arange(int((5 - 2 / span) * 10 * span) + 1) * (1 / (10 * span))
    values = periodogram(*curve, algorithm, frequency)
    upward = -values if algorithm == "CE" else values
    chunk = np.log(frequency / frequency[0]) / np.log(
        (frequency[-1] + 1 / (10 * span)) / frequency[0]
    )
    winners = []
    for k in range(12):
        inside = np.flatnonzero(np.floor(chunk * 12 + 1e-9) == k)
        if len(inside):
            winners.append(inside[upward[inside].argmax()])
    best = sorted(winners, key=lambda i: -upward[i])[:4]
    assert peaks.period == pytest.approx(1 / frequency[best], rel=1e-9)
    assert peaks.value == pytest.approx(values[best], rel=1e-7, abs=1e-9)
    expected = np.abs(values[best] - values.mean()) / values.std()
    assert peaks.significance == pytest.approx(expected, rel=1e-6)
    assert (peaks.mean, peaks.std) == pytest.approx((values.mean(), values.std()), rel=1e-6)


@pytest.mark.parametrize("algorithm", ALL)
def test_the_coarse_search_finds_the_peak_of_the_full_grid(algorithm: str) -> None:
    found = 0
    for seed in range(10):
        curve = sine(0.1 + 0.37 * seed, points=100, baseline=400, seed=seed)
        full, coarse = (
            search(*curve, SearchOptions((algorithm,), 12, full_grid=grid))[algorithm]
            for grid in (True, False)
        )
        found += full.period[0] == coarse.period[0]
    assert found >= 9


def test_masked_frequencies_are_not_reported() -> None:
    time = np.sort(np.random.default_rng(3).uniform(0, 1500, 300))
    mag = 15 + np.sin(2 * np.pi * time) + 0.5 * np.sin(2 * np.pi * 7 * 1.0027379 * time)
    bands = np.array(alias_bands(12))
    for full_grid in (True, False):
        options = SearchOptions(ALL, 12, full_grid=full_grid)
        for name, peaks in search(time, mag, np.full(300, 0.02), options).items():
            frequency = 1 / peaks.period[:, np.newaxis]
            inside = (frequency > bands[:, 0]) & (frequency < bands[:, 1])
            assert not inside.any(), name
        free = SearchOptions(("LS",), 12, mask_aliases=False, full_grid=full_grid)
        assert search(time, mag, None, free)["LS"].period[0] == pytest.approx(1, abs=1e-3)


def test_alias_bands_contain_solar_and_sidereal_multiples() -> None:
    bands = np.array(alias_bands(48))
    for f in (1, 2, 4, 5, 30, 48, 5 / 0.99726957, 30 / 0.99726957, 1 / 365.25):
        assert ((bands[:, 0] < f) & (f < bands[:, 1])).any(), f
    for f in (0.7, 1.5, 5.1, 20.5, 29.99):
        assert not ((bands[:, 0] < f) & (f < bands[:, 1])).any(), f


def test_the_grid_depends_only_on_the_baseline() -> None:
    grid = make_grid(1800.0, SearchOptions())
    assert grid is not None
    assert (grid.first, grid.step) == (2 / 1800, 1 / 18_000)
    assert grid.frequency(np.array([grid.size - 1]))[0] <= 48 < grid.first + grid.step * grid.size
    assert len(grid.edges) == 31
    assert (np.diff(grid.edges) >= 0).all() and grid.edges[-1] == grid.size


def test_ties_have_a_defined_result() -> None:
    """Times at multiples of 0.25 d cannot distinguish f from 4 - f."""
    rng = np.random.default_rng(4)
    time = np.arange(80) * 0.25
    mag, error = rng.normal(15, 0.1, 80), np.full(80, 0.1)
    options = SearchOptions(ALL, 4, full_grid=True, mask_aliases=False)
    first = search(time, mag, error, options)
    order = rng.permutation(80)
    assert same(first, search(time[order], mag[order], error[order], options))
    best = first["FPW"].value[0]
    assert (first["FPW"].value == best).sum() >= 1
    assert 1 / first["FPW"].period[0] <= 2.01


@pytest.mark.parametrize(
    "curve",
    [
        ([], [], []),
        ([1.0], [15.0], [0.1]),
        ([1.0, 2.0], [15.0, 15.5], [0.1, 0.1]),
        ([3.0] * 60, list(np.linspace(15, 16, 60)), [0.1] * 60),
        (list(np.linspace(0, 90, 60)), [15.0] * 60, [0.1] * 60),
        (list(np.linspace(0, 90, 60)), [np.nan] * 60, [0.1] * 60),
        (list(np.linspace(0, 90, 60)), list(np.linspace(15, 16, 60)), [0.0] * 60),
        (list(np.linspace(0, 90, 60)), list(np.linspace(15, 16, 60)), [1e300] * 60),
        (list(np.linspace(0, 1e-9, 60)), list(np.linspace(15, 16, 60)), [0.1] * 60),
    ],
    ids=[
        "empty", "one", "two", "equal times", "equal magnitudes", "nan", "zero errors",
        "huge errors", "short",
    ],
)  # fmt: skip
def test_unsuitable_light_curves_have_defined_results(curve: tuple[list[float], ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = search(*curve, SearchOptions(ALL, 8))
    assert set(result) == set(ALL)
    for peaks in result.values():
        for column in (peaks.period, peaks.value, peaks.significance, peaks.log10_fap):
            assert column.shape == (10,)
            assert np.isnan(column[np.isnan(peaks.period)]).all()
            assert np.isfinite(column[np.isfinite(peaks.period)]).all()


def test_results_are_identical_alone_in_a_batch_and_with_several_threads() -> None:
    curves = [sine(0.3 + 0.1 * seed, 60 + 20 * seed, 100, seed) for seed in range(6)]
    epochs = pd.concat(
        [
            pd.DataFrame({"_id": 10**15 + i, "hjd": t, "mag": m, "magerr": e})
            for i, (t, m, e) in enumerate(curves)
        ]
    )
    options = {"algorithms": ALL, "max_frequency": 8.0}
    one = find_periods(epochs, jobs=1, **options)
    two = find_periods(epochs.iloc[::-1], jobs=2, **options)
    two = pd.concat([two[two["_id"] == name] for name in one["_id"].unique()], ignore_index=True)
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    for i, curve in enumerate(curves):
        alone = find_periods(*curve, **options)
        batch = one[one["_id"] == 10**15 + i].drop(columns="_id").reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, batch, check_exact=True)


def test_units_times_and_lists_are_accepted() -> None:
    t, m, e = sine()
    plain = find_periods(t, m, e, algorithms=["LS"], max_frequency=5)
    quantity = find_periods(
        (t * u.day).to(u.hour),
        (m * u.mag),
        (e * u.mag).to(u.mmag) if hasattr(u, "mmag") else e * u.mag,
        algorithms=["LS"],
        max_frequency=(5 / u.day).to(u.uHz),
    )
    dates = find_periods(Time(t + 2458000.5, format="jd"), m, e, algorithms=["LS"], max_frequency=5)
    listed = find_periods([t, t], [m, m], [e, e], algorithms=["LS"], max_frequency=5)
    for other in (quantity, dates):
        assert other["period"].to_numpy() == pytest.approx(plain["period"].to_numpy(), rel=1e-6)
    assert listed["_id"].tolist() == [0] * len(plain) + [1] * len(plain)
    assert listed.columns.tolist() == [
        "_id", "algorithm", "rank", "period", "value", "significance", "log10_fap",
    ]  # fmt: skip


def test_a_light_curve_without_periods_has_a_row() -> None:
    table = find_periods([1.0, 2.0], [15.0, 15.1], algorithms=["LS", "AOV"])
    assert table["algorithm"].tolist() == ["LS", "AOV"]
    assert table["period"].isna().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SearchOptions(("ELS",)), "Unknown period-finding algorithm 'ELS'"),
        (lambda: SearchOptions(()), "Invalid algorithms"),
        (lambda: SearchOptions(("LS", "LS")), "repeated"),
        (lambda: SearchOptions(max_frequency=0), "Invalid max_frequency 0"),
        (lambda: SearchOptions(samples_per_peak=np.nan), "Invalid samples_per_peak nan"),
        (lambda: SearchOptions(top_n=2.5), "Invalid top_n 2.5"),  # type: ignore[arg-type]
        (lambda: SearchOptions(min_frequency=50), "Invalid min_frequency 50"),
        (lambda: search([1.0, 2.0], [15.0]), "Invalid shapes"),
        (lambda: find_periods([1.0], [15.0], algorithms=["MHF"]), "MHF requires the errors"),
        (lambda: find_periods([[1.0]], [[15.0], [15.0]]), "same number of light curves"),
        (lambda: find_periods(pd.DataFrame({"_id": [1]})), "Missing columns .*hjd, mag, magerr"),
        (lambda: find_periods([1.0]), "Missing magnitudes"),
        (lambda: find_periods([1.0] * u.m, [15.0]), "Invalid unit"),
        (lambda: periodogram([1.0], [15.0], None, "XX", [1.0]), "Unknown period-finding"),
    ],
)
def test_invalid_arguments_have_one_clear_error(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_the_package_does_not_import_numba(run_python: Callable[[str], str]) -> None:
    code = (
        "import sys, astrodome_ztf_scope.features.periods as p; p.SearchOptions(); p.ALGORITHMS;"
        "print('numba' in sys.modules)"
    )
    assert run_python(code) == "False"


@pytest.fixture
def run_python() -> Callable[[str], str]:
    import subprocess
    import sys

    def run(code: str) -> str:
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        return ran.stdout.strip()

    return run
