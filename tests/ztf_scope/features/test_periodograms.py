"""The values of all periodograms, compared with their formulas and with other libraries."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from astrodome_ztf_scope.features.periods import ALGORITHMS, periodogram
from astropy.timeseries import BoxLeastSquares, LombScargle
from ztf_scope.features import reference_periodograms as reference

RNG = np.random.default_rng(20260101)


def condition(t: np.ndarray, e: np.ndarray, frequency: float, number: int) -> float:
    """The condition number of the design matrix with a trend and harmonics."""
    span = np.ptp(t) or 1.0
    columns = [np.ones_like(t), (t - t.mean()) / span, *reference.harmonics(t, frequency, number)]
    design = np.stack(columns, axis=1) / e[:, np.newaxis]
    return float(np.linalg.cond(design / np.linalg.norm(design, axis=0)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_values_equal_the_formula(algorithm: str, torture: Callable[[int, int], int]) -> None:
    rng = np.random.default_rng(len(algorithm))
    compared = 0
    for _ in range(torture(150, 10_000)):
        curve = reference.random_light_curve(rng)
        t, m, e = reference.valid(*curve)
        frequency = rng.uniform(0.02, 30, 3)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values = periodogram(*curve, algorithm, frequency)
        if len(t) < reference.MIN_POINTS[algorithm]:
            assert np.isnan(values).all()
            continue
        for f, value in zip(frequency, values, strict=True):
            if algorithm in ("LS", "MHF", "MHAOV"):
                number = {"LS": 1, "MHF": min(3, (len(t) - 3) // 2), "MHAOV": 3}[algorithm]
                if condition(t, e, f, number) > 1e3:
                    continue  # the fit is nearly degenerate, and so is its comparison
            with np.errstate(all="ignore"):
                expected = reference.REFERENCES[algorithm](t, m, e, f)
            if not np.isfinite(expected) or expected > 1e9:
                continue
            scale = (
                np.sum(((m - np.average(m, weights=e**-2)) / e) ** 2) if algorithm == "MHF" else 0
            )
            assert value == pytest.approx(expected, rel=1e-6, abs=1e-9 + 1e-10 * scale)
            compared += 1
    assert compared > 100


@pytest.mark.parametrize("size", [3, 2000])
def test_the_power_of_equal_magnitudes_is_zero(size: int) -> None:
    e = RNG.uniform(0.003, 0.1, 5)
    frequency = np.linspace(0.1, 20, size)
    values = periodogram(RNG.uniform(0, 6, 5), np.full(5, 15.1), e, "LS", frequency)
    assert np.array_equal(values, np.zeros(size))


def test_fast_lomb_scargle_equals_exact_astropy() -> None:
    t = np.sort(RNG.uniform(0, 1800, 300))
    e = RNG.uniform(0.01, 0.1, 300)
    m = 15 + 0.1 * np.sin(2 * np.pi * t / 0.5432) + RNG.normal(0, e)
    frequency = 2 / 1800 + np.arange(60_000) / 18_000
    expected = LombScargle(t, m, e).power(frequency, method="slow", assume_regular_frequency=True)
    values = periodogram(t, m, e, "LS", frequency)
    assert np.abs(values - expected).max() < 1e-7 * expected.max()
    gaps = np.r_[0:3000, 3500:9000]  # masked frequencies
    assert np.abs(periodogram(t, m, e, "LS", frequency[gaps]) - expected[gaps]).max() < 1e-7
    assert np.abs(periodogram(t, m, e, "LS", frequency[::70]) - expected[::70]).max() < 1e-9


def test_box_least_squares_finds_the_transit_of_astropy() -> None:
    t = np.sort(RNG.uniform(0, 300, 500))
    e = np.full(500, 0.01)
    m = 15 + 0.08 * (t / 2.3456 % 1 < 0.06) + RNG.normal(0, e)
    frequency = np.arange(0.2, 2.0, 1 / 6000)
    ours = frequency[periodogram(t, m, e, "BLS", frequency).argmax()]
    box = BoxLeastSquares(t, -m, e).power(1 / frequency, 0.06 * 2.3456)
    assert ours == pytest.approx(1 / box.period[box.power.argmax()], abs=2 / 6000)
    assert 1 / ours == pytest.approx(2.3456, rel=1e-3)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_values_do_not_depend_on_the_order_of_epochs(algorithm: str) -> None:
    t = np.round(np.sort(RNG.uniform(0, 100, 120)), 1)  # with ties
    m, e = RNG.normal(15, 0.1, 120), RNG.uniform(0.01, 0.1, 120)
    frequency = RNG.uniform(0.1, 20, 50)
    order = RNG.permutation(120)
    one = periodogram(t, m, e, algorithm, frequency)
    other = periodogram(t[order], m[order], e[order], algorithm, frequency)
    assert np.array_equal(one, other)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_values_do_not_depend_on_the_other_frequencies(algorithm: str) -> None:
    t = np.sort(RNG.uniform(0, 100, 120))
    m, e = RNG.normal(15, 0.1, 120), RNG.uniform(0.01, 0.1, 120)
    frequency = RNG.uniform(0.1, 20, 50)
    together = periodogram(t, m, e, algorithm, frequency)
    alone = [periodogram(t, m, e, algorithm, f)[0] for f in frequency]
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "errors", [1e-200, 1e-30, 1e30, 1e200], ids=["1e-200", "1e-30", "1e30", "1e200"]
)
def test_extreme_errors_cause_no_warning(algorithm: str, errors: float) -> None:
    t = np.sort(RNG.uniform(0, 100, 60))
    m, e = RNG.normal(15, 0.1, 60), np.full(60, errors)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = periodogram(t, m, e, algorithm, [0.5, 1.5])
    assert values.shape == (2,)
    if algorithm not in ("FPW", "MHF"):  # for these, the scale of the errors matters
        plain = periodogram(t, m, None, algorithm, [0.5, 1.5])
        assert values == pytest.approx(plain, rel=1e-9)
