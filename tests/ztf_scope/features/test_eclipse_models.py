"""Models of eclipsing binaries, compared with independent fits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from astrodome_ztf_scope.features.refinement import (
    eclipse_kernels,
    eclipse_models,
    eclipse_properties,
    eclipsing,
    geometry_kernels,
)
from astrodome_ztf_scope.features.refinement.classes import ECLIPSING
from astrodome_ztf_scope.features.refinement.multiband import MultibandLightCurve, combine
from astrodome_ztf_scope.features.refinement.scan_kernels import explained_variance
from numpy.typing import NDArray
from scipy.optimize import least_squares

Array = NDArray[np.float64]


def binary(
    rng: np.random.Generator, period: float, points: int = 200, noise: float = 0.02
) -> MultibandLightCurve:
    """Return g and r light curves with two Gaussian eclipses of different depths."""
    curves = []
    for depth in (0.6, 0.5):
        time = np.sort(rng.uniform(0, 500, points))
        phase = time / period % 1
        mag = 15 + depth * _gaussian(phase, 0.2, 0.03) + 0.4 * depth * _gaussian(phase, 0.7, 0.04)
        curves.append((time, mag + rng.normal(0, noise, points), np.full(points, noise)))
    return combine(curves, (1, 2))


def _gaussian(phase: Array, centre: float, width: float) -> Array:
    distance = (phase - centre + 0.5) % 1 - 0.5
    return np.exp(-0.5 * (distance / width) ** 2)


def _residuals(
    parameters: Array, phase: Array, curve: MultibandLightCurve, gaussians: int, cosine: int
) -> Array:
    """Return the weighted residuals of the full model, in which all parameters are nonlinear."""
    centres = max(gaussians, int(cosine >= 0))
    nonlinear, linear = np.split(parameters, [centres + gaussians])
    linear = linear.reshape(len(curve.filters), -1)
    found = []
    for band, values in enumerate(linear):
        part = slice(*curve.offsets[band : band + 2])
        model = np.full(part.stop - part.start, values[0])
        for g in range(gaussians):
            model += values[1 + g] * _gaussian(
                phase[part], nonlinear[g], np.exp(nonlinear[centres + g])
            )
        if cosine >= 0:
            model += values[-1] * np.cos(4 * np.pi * (phase[part] - nonlinear[cosine]))
        found.append(np.sqrt(curve.weight[part]) * (curve.mag[part] - model))
    return np.concatenate(found)


@pytest.mark.parametrize("geometry", range(7))
def test_each_geometry_reaches_the_minimum_of_the_full_model(
    geometry: int, torture: Callable[[int, int], int]
) -> None:
    gaussians, cosine = (int(value) for value in geometry_kernels.GEOMETRIES[geometry])
    size = max(gaussians, int(cosine >= 0)) + gaussians
    for seed in range(torture(3, 50)):
        curve = binary(np.random.default_rng(seed), 1.7)
        phase = curve.time / 1.7 % 1
        first = float(phase[np.argmax(curve.mag)])
        start = np.array([first, first + 0.5, 0, 0])
        start[max(gaussians, 1) : size] = np.log(0.04)
        linear = np.zeros((2, 4))
        rss, found, steps = eclipse_kernels.fit_geometry(
            phase, *curve.arrays[1:], start, gaussians, cosine, linear
        )
        assert steps <= eclipse_kernels.STEPS
        columns = 1 + gaussians + int(cosine >= 0)
        guess = np.concatenate([found[:size], linear[:, :columns].ravel()])
        assert np.sum(_residuals(guess, phase, curve, gaussians, cosine) ** 2) == pytest.approx(
            rss, rel=1e-6
        )
        best = least_squares(
            _residuals, guess, args=(phase, curve, gaussians, cosine), x_scale=0.1, xtol=1e-12
        )
        assert rss == pytest.approx(2 * best.cost, rel=1e-5)


def test_the_explained_variance_is_that_of_the_bin_means() -> None:
    rng = np.random.default_rng(4)
    curve = binary(rng, 1.7, 77)
    for frequency, bins in ((1 / 1.7, 10), (3.21, 25)):
        expected = 0.0
        for band in range(2):
            part = slice(*curve.offsets[band : band + 2])
            for shift in (0.0, 0.5):
                bin_ = np.floor((curve.time[part] * frequency % 1) * bins - shift) % bins
                for k in range(bins):
                    w = curve.weight[part] * (bin_ == k)
                    if w.any():
                        expected += 0.5 * (w * curve.mag[part]).sum() ** 2 / w.sum()
        found = explained_variance(*curve.arrays, frequency, bins)
        assert found == pytest.approx(expected, rel=1e-9)


def test_the_orbital_period_is_preferred_to_its_half_and_its_double() -> None:
    for seed in range(5):
        curve = binary(np.random.default_rng(seed), 1.7)
        trials = np.array([0.85, 1.7, 3.4, 0.425, 1.1])
        found = eclipsing.find_period(curve, trials, 0.85)
        assert found is not None
        assert found.period == pytest.approx(1.7, rel=1e-4)
        assert found.name == "two eclipses" and found.rank == 6


def test_the_measured_eclipses_are_the_simulated_ones() -> None:
    curve = binary(np.random.default_rng(1), 1.7, 400, 0.005)
    model = eclipsing.find_period(curve, np.array([1.7001]), 1.7001)
    assert model is not None
    found = eclipse_properties.describe(curve, model)
    assert found["eclipse_depth"] == pytest.approx(0.6, abs=0.02)
    assert found["eclipse_depth_ratio_g"] == pytest.approx(0.4, abs=0.02)
    assert found["eclipse_depth_ratio_r"] == pytest.approx(0.4, abs=0.02)
    assert found["eclipse_width"] == pytest.approx(0.03, rel=0.05)
    assert found["eclipse_separation"] == pytest.approx(0.5, abs=0.003)
    assert found["resid_rms"] == pytest.approx(0.005, rel=0.15)
    variance = (curve.weight * curve.mag**2).sum()
    assert found["quality"] == pytest.approx(0.11 * (3.45 - np.log10(model.rss / variance)))


def test_the_error_of_the_period_is_the_scatter_of_the_periods() -> None:
    periods, errors = [], []
    for seed in range(40):
        curve = binary(np.random.default_rng(seed), 1.7, 100, 0.05)
        model = eclipsing.find_period(curve, np.array([1.7]), 1.7)
        assert model is not None
        periods.append(model.period)
        errors.append(model.period_error)
    assert np.std(periods) == pytest.approx(np.median(errors), rel=0.35)
    assert np.mean(periods) == pytest.approx(1.7, abs=3 * np.std(periods) / np.sqrt(40))


def test_outliers_do_not_change_the_fit() -> None:
    """The result is that of a fit without them, and each adds five standard deviations."""
    good = binary(np.random.default_rng(3), 1.7, 300)
    mag = good.mag.copy()
    mag[[7, 100, 450]] += [0.8, -0.9, 0.7]
    bad = MultibandLightCurve(good.time, mag, good.weight, good.offsets, good.filters)
    clean, dirty = (geometry_kernels.fit_geometries(*c.arrays, 1.7)[0] for c in (good, bad))
    assert dirty[2:6] == pytest.approx(clean[2:6], abs=2e-3)
    sigma = np.sqrt(clean[0] / len(good))
    assert dirty[0] - clean[0] == pytest.approx(3 * 25 * sigma**2, rel=0.25)


def test_two_equal_eclipses_are_those_of_the_orbital_period() -> None:
    """The periodogram shows half of this period."""
    rng = np.random.default_rng(6)
    time = np.sort(rng.uniform(0, 900, 300))
    phase = time / 2.3 % 1
    mag = 15 + 0.5 * (_gaussian(phase, 0.1, 0.03) + _gaussian(phase, 0.6, 0.03))
    curve = combine([(time, mag + rng.normal(0, 0.02, 300), np.full(300, 0.02))], (2,))
    for trials in ([1.15, 2.3], [1.15], [4.6, 2.3], [2.3]):
        found = eclipsing.find_period(curve, np.array(trials), trials[0])
        assert found is not None and found.period == pytest.approx(2.3, rel=1e-4)
        assert eclipse_models.has_equal_eclipses(curve, found)


def test_a_weak_second_eclipse_is_kept_if_it_is_significant() -> None:
    rng = np.random.default_rng(6)
    time = np.sort(rng.uniform(0, 900, 500))
    phase = time / 2.3 % 1
    mag = 15 + 0.5 * _gaussian(phase, 0.1, 0.03) + 0.05 * _gaussian(phase, 0.6, 0.03)
    curve = combine([(time, mag + rng.normal(0, 0.01, 500), np.full(500, 0.01))], (2,))
    found = eclipsing.find_period(curve, np.array([2.3, 4.6, 1.15]), 4.6)
    assert found is not None and found.period == pytest.approx(2.3, rel=1e-4)
    assert not eclipse_models.has_equal_eclipses(curve, found)


def test_the_orbital_period_must_be_in_the_range_of_the_class() -> None:
    """A single eclipse at 60 d is not doubled, because the longest period is 100 d."""
    rng = np.random.default_rng(1)
    time = np.sort(rng.uniform(0, 1800, 400))
    mag = 15 + 0.5 * _gaussian(time / 60 % 1, 0.1, 0.03) + rng.normal(0, 0.02, 400)
    curve = combine([(time, mag, np.full(400, 0.02))], (2,))
    found = eclipsing.find_period(curve, np.array([60.0]), 60.0, ECLIPSING)
    assert found is not None and found.period == pytest.approx(60.0, rel=1e-3)
    assert found.name.startswith("one eclipse")


def test_models_must_be_better_than_simpler_ones_at_the_same_period() -> None:
    """At half of the period of a binary with equal eclipses, there is one eclipse only."""
    rng = np.random.default_rng(2)
    time = np.sort(rng.uniform(0, 900, 300))
    mag = 15 + 0.5 * _gaussian(time / 1.15 % 1, 0.3, 0.05) + rng.normal(0, 0.02, 300)
    curve = combine([(time, mag, np.full(300, 0.02))], (2,))
    found = eclipse_models.fit_models(curve, np.array([1.15]))
    assert {model.name for model in found} == {"one eclipse", "cosine"}
    flat = combine([(time, rng.normal(15, 0.02, 300), np.full(300, 0.02))], (2,))
    assert not eclipse_models.fit_models(flat, np.array([1.15, 0.77]))
    assert eclipsing.find_period(flat, np.array([1.15, 0.77]), 1.15) is None


def test_brightenings_are_not_eclipses() -> None:
    rng = np.random.default_rng(2)
    time = np.sort(rng.uniform(0, 500, 200))
    mag = rng.normal(15, 0.01, 200) - 0.5 * _gaussian(time / 1.7 % 1, 0.3, 0.03)
    curve = combine([(time, mag, np.full(200, 0.01))], (2,))
    rows = geometry_kernels.fit_geometries(*curve.arrays, 1.7)
    narrow = (rows[:, 4] < 0.1) & (np.arange(7) < 5)
    assert not rows[narrow, 6].any() and rows[6, 6]


def test_degenerate_light_curves_have_defined_results() -> None:
    time = np.arange(60.0)
    for mag in (np.full(60, 15.0), np.r_[np.full(59, 15.0), 14.0]):
        for times in (time, np.zeros(60)):
            curve = combine([(times, mag, np.full(60, 1e6))], (2,))
            eclipsing.find_period(curve, np.array([0.7, 1.4]), 0.7)
    assert eclipsing.find_period(combine([], ()), np.array([1.0]), 1.0) is None


def test_one_eclipse_equals_two_equal_eclipses_at_twice_the_period() -> None:
    curve = binary(np.random.default_rng(4), 1.3)
    models = eclipse_models.fit_models(curve, np.array([1.3]))
    one = next(model for model in models if model.geometry == geometry_kernels.ONE)
    two = eclipse_models.doubled(curve, one)
    assert two is not None and (two.period, two.rss) == (2.6, one.rss)
    phase = np.linspace(0, 1, 50, endpoint=False)
    gaussian = one.functions(2 * phase % 1)[1]
    np.testing.assert_allclose(two.functions(phase)[1:].sum(axis=0), gaussian, atol=1e-9)
    assert two.bic - one.bic == pytest.approx(4 * np.log(len(curve)))
    assert eclipse_models.doubled(curve, two) is None
