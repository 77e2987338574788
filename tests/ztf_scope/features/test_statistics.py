"""The statistics of light curves, compared with their formulas in NumPy and with SciPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import astrodome_ztf_scope as scope
import numpy as np
import pytest
from astrodome import InvalidInputError
from astrodome_ztf_scope.features import normality
from astrodome_ztf_scope.features.statistics import NAMES
from astropy import units as u
from astropy.table import MaskedColumn
from astropy.time import Time
from scipy import special, stats
from ztf_scope.features.random_curves import Array, random_curve, with_invalid_epochs


def expected(t: Array, m: Array, e: Array) -> dict[str, Any]:
    """The definitions of SCoPe, written with NumPy in extended precision."""
    x = m / e
    n, t, m, e = len(m), t.astype(np.longdouble), m.astype(np.longdouble), e.astype(np.longdouble)
    w = e**-2
    mean = np.average(m, weights=w)
    std = np.sqrt(np.average((m - mean) ** 2, weights=w))
    z = (m - mean) / e
    d = np.sqrt(n / (n - 1)) * z
    products = d[:-1] * d[1:]
    upper, lower = np.max(m - e), np.min(m + e)
    intervals = np.diff(t) ** -2
    ratio = np.sum(intervals * np.diff(m) ** 2) / (np.sum(intervals) * std**2)
    q = dict(zip(range(5, 100, 5), np.percentile(m, range(5, 100, 5)), strict=True))
    skew = n / ((n - 1) * (n - 2)) * np.sum(z**3) if n > 2 else np.nan
    kurt = np.nan
    if n > 3:
        kurt = n * (n + 1) / ((n - 1) * (n - 2) * (n - 3)) * np.sum(z**4)
        kurt -= 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))
    return {
        "n": n,
        "median": np.median(m),
        "wmean": mean,
        "chi2red": np.sum(z**2) / (n - 1),
        "roms": np.sum(np.abs(m - np.median(m)) / e) / (n - 1),
        "wstd": std,
        "norm_peak_to_peak_amp": (upper - lower) / (upper + lower),
        "norm_excess_var": np.sum((m - mean) ** 2 - e**2) / (n * mean**2),
        "median_abs_dev": np.median(np.abs(m - np.median(m))),
        "iqr": q[75] - q[25],
        "i60r": q[80] - q[20],
        "i70r": q[85] - q[15],
        "i80r": q[90] - q[10],
        "i90r": q[95] - q[5],
        "skew": skew,
        "smallkurt": kurt,
        "inv_vonneumannratio": 1 / ratio,
        "welch_i": np.sum(products),
        "stetson_j": np.sum(np.sign(products) * np.sqrt(np.abs(products))),
        "stetson_k": np.mean(np.abs(d)) / np.sqrt(np.mean(d**2)),
        "ad": anderson_darling(x),
        "sw": stats.shapiro(x)[0] if n > 2 else np.nan,
    }


def anderson_darling(x: Array) -> float:
    n = len(x)
    z = (np.sort(x) - np.mean(x)) / np.std(x, ddof=1)
    i = np.arange(1, n + 1)
    return float(-n - np.sum((2 * i - 1) * (special.log_ndtr(z) + special.log_ndtr(-z[::-1]))) / n)


def test_the_statistics_equal_their_definitions(torture: Callable[[int, int], int]) -> None:
    random = np.random.default_rng(1)
    for number in range(torture(500, 10_000)):
        curve = random_curve(random)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = expected(*curve)
        found = scope.light_curve_statistics(*curve)
        assert tuple(found) == NAMES
        for name, value in found.items():
            reference = float(wanted[name]) if np.isfinite(wanted[name]) else np.nan
            assert value == pytest.approx(reference, rel=1e-6, abs=1e-11, nan_ok=True), (
                number,
                name,
            )


def test_long_light_curves_equal_the_definitions() -> None:
    random = np.random.default_rng(2)
    curve = random_curve(random, 4000, 4000)
    found, wanted = scope.light_curve_statistics(*curve), expected(*curve)
    for name in NAMES:
        assert found[name] == pytest.approx(wanted[name], rel=1e-6, nan_ok=True), name


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 12, 50, 333, 4999])
def test_the_normality_tests_equal_scipy(n: int) -> None:
    random = np.random.default_rng(n)
    for x in (random.normal(size=n), random.exponential(size=n), random.standard_cauchy(n) * 1e3):
        ordered = np.sort(x)
        weights = normality.shapiro_wilk_weights(n)
        assert normality.shapiro_wilk(ordered, weights) == pytest.approx(
            stats.shapiro(x)[0], rel=1e-6
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            statistic = stats.anderson(x, "norm").statistic
        assert normality.anderson_darling(ordered) == pytest.approx(statistic, rel=1e-9)


def test_the_tail_of_the_normal_distribution_is_accurate_for_extreme_outliers() -> None:
    x = np.append(np.linspace(-1, 1, 3999), 1e6)  # An outlier of 63 standard deviations.
    assert normality.anderson_darling(np.sort(x)) == pytest.approx(anderson_darling(x), rel=1e-9)


def test_invalid_epochs_are_ignored_and_the_order_does_not_matter() -> None:
    random = np.random.default_rng(3)
    for _ in range(50):
        curve = random_curve(random)
        found = scope.light_curve_statistics(*with_invalid_epochs(random, curve))
        np.testing.assert_array_equal(
            [*found.values()], [*scope.light_curve_statistics(*curve).values()]
        )


@pytest.mark.parametrize(
    ("time", "mag", "magerr", "undefined"),
    [
        ([], [], [], set(NAMES) - {"n"}),
        ([np.nan], [17.0], [0.1], set(NAMES) - {"n"}),
        ([0.0, 1.0], [17.0, 17.1], [0.0, 0.0], set(NAMES) - {"n"}),
        (
            [0.0, 1.0],
            [17.0, 17.1],
            [0.1, 0.1],
            {"skew", "smallkurt", "sw"},
        ),
        (
            [0.0, 1.0, 2.0, 3.0],
            [17.0] * 4,
            [0.1] * 4,
            {"inv_vonneumannratio", "stetson_k", "ad", "sw"},
        ),
        ([5.0] * 4, [17.0, 17.2, 17.1, 16.8], [0.1] * 4, {"inv_vonneumannratio"}),
        ([0.0, 1.0, 1.0, 2.0], [17.0, 17.2, 17.1, 16.8], [0.1] * 4, {"inv_vonneumannratio"}),
    ],
)
def test_statistics_that_are_not_defined_are_nan(
    time: list[float], mag: list[float], magerr: list[float], undefined: set[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scope.light_curve_statistics(time, mag, magerr)
    assert {name for name, value in found.items() if np.isnan(value)} == undefined
    assert not np.isinf([*found.values()]).any()


@pytest.mark.parametrize("error", [1e-300, 1e-160, 1e160, 1e300])
def test_extreme_errors_give_finite_values_or_nan_without_warnings(error: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scope.light_curve_statistics([0, 1, 2, 3, 4], [17, 18, 16, 15, 17], [error] * 5)
    assert found["wmean"] == pytest.approx(16.6)
    assert not np.isinf([*found.values()]).any()


def test_constant_magnitudes_have_no_variability() -> None:
    found = scope.light_curve_statistics(np.arange(9.0), np.full(9, 17.1), np.full(9, 0.1))
    for name in ("chi2red", "roms", "wstd", "iqr", "i90r", "median_abs_dev", "welch_i"):
        assert found[name] == pytest.approx(0, abs=1e-12)
    assert found["norm_excess_var"] < 0 and found["norm_peak_to_peak_amp"] < 0


def test_quantities_times_and_masked_columns_are_accepted() -> None:
    random = np.random.default_rng(4)
    t, m, e = random_curve(random, 20, 20)
    wanted = scope.light_curve_statistics(t, m, e)
    hidden = MaskedColumn(np.append(m, 99.0), mask=[False] * 20 + [True])
    for found in (
        scope.light_curve_statistics(Time(t, format="jd"), m * u.mag, e * 1000 * u.mmag),
        scope.light_curve_statistics(t * 24 * u.hour, u.Magnitude(m, u.ABmag), e),
        scope.light_curve_statistics([*t, 0], hidden, [*e, 1]),
        scope.light_curve_statistics(t.astype(">f8"), m[::-1][::-1], e),
    ):
        assert found == pytest.approx(wanted, rel=1e-6, nan_ok=True)


def test_read_only_arrays_are_accepted_and_not_changed() -> None:
    t, m, e = random_curve(np.random.default_rng(5))
    before = t.copy(), m.copy(), e.copy()
    for array in (t, m, e):
        array.flags.writeable = False
    scope.light_curve_statistics(t, m, e)
    scope.fourier_features(t, m, e, 1.0)
    scope.dmdt_image(t, m)
    np.testing.assert_array_equal((t, m, e), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [17.0], [0.1]), r"Invalid shapes: time \(2,\), mag \(1,\), magerr \(1,\)"),
        (([[1, 2]], [[17, 17]], [[1, 1]]), r"Invalid shapes: time \(1, 2\)"),
        (([1] * u.m, [17], [0.1]), "Invalid unit 'm' for 'time': cannot be converted to 'd'"),
        ((["today"], [17], [0.1]), "Invalid values for 'time'"),
    ],
)
def test_unusable_arguments_give_one_error(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        scope.light_curve_statistics(*arguments)
