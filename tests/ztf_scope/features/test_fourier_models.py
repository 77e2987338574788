"""Fourier models of pulsating stars, compared with independent fits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from astrodome_ztf_scope.features.refinement import fourier_kernels as kernels
from astrodome_ztf_scope.features.refinement import pulsating
from astrodome_ztf_scope.features.refinement.multiband import MultibandLightCurve, combine
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from ztf_scope.features.random_curves import random_curve

Array = NDArray[np.float64]
R21, R31, PSI21, PSI31 = 0.45, 0.3, 4.0, 1.9


def pulsator(
    rng: np.random.Generator, period: float, points: int = 150, noise: float = 0.02
) -> MultibandLightCurve:
    """Return g and r light curves with given Fourier parameters."""
    curves = []
    for amplitude in (0.5, 0.35):
        time = np.sort(rng.uniform(0, 900, points))
        angle = 2 * np.pi * time / period + 1.3
        mag = np.cos(angle) + R21 * np.cos(2 * angle + PSI21) + R31 * np.cos(3 * angle + PSI31)
        mag = 16 + amplitude * mag + rng.normal(0, noise, points)
        curves.append((time, mag, np.full(points, noise)))
    return combine(curves, (1, 2))


def _reference(
    curve: MultibandLightCurve, frequency: float, order: int
) -> tuple[float, list[Array]]:
    """Return the weighted residual sum of squares and the coefficients of each light curve."""
    total, found = 0.0, []
    for band in range(len(curve.filters)):
        part = slice(*curve.offsets[band : band + 2])
        angle = 2 * np.pi * curve.time[part] * frequency
        columns = [np.ones_like(angle)]
        for k in range(1, order + 1):
            columns += [np.cos(k * angle), np.sin(k * angle)]
        root = np.sqrt(curve.weight[part])
        matrix = np.transpose(columns) * root[:, None]
        solution = np.linalg.lstsq(matrix, curve.mag[part] * root, rcond=None)[0]
        total += float(np.sum((curve.mag[part] * root - matrix @ solution) ** 2))
        found.append(solution)
    return total, found


def test_residuals_and_coefficients_are_those_of_a_linear_fit(
    torture: Callable[[int, int], int],
) -> None:
    rng = np.random.default_rng(1)
    for _ in range(torture(100, 5000)):
        curve = combine([random_curve(rng, 40), random_curve(rng, 40)], (1, 2))
        frequency = float(np.exp(rng.uniform(-2, 3)))
        rss = kernels.residuals_by_order(*curve.arrays, np.array([frequency]))[0]
        scale = float((curve.weight * curve.mag**2).sum())
        for order in range(6):
            expected, coefficients = _reference(curve, frequency, order)
            assert rss[order] == pytest.approx(expected, rel=1e-6, abs=1e-8 * scale + 1e-11)
            if order:
                found = kernels.coefficients(*curve.arrays, frequency, order)
                for own, reference in zip(found, coefficients, strict=True):
                    largest = np.abs(reference).max() + 1e-9
                    assert own == pytest.approx(reference, rel=1e-4, abs=1e-4 * largest)


def test_the_refined_period_minimises_the_residuals() -> None:
    for seed, period in enumerate((0.3, 0.57, 5.4)):
        curve = pulsator(np.random.default_rng(seed), period)
        model = pulsating.find_period(curve, np.array([period * 1.0001, period * 1.3]))
        assert model is not None and model.order == 3
        step = 0.3 / curve.baseline
        best = minimize_scalar(
            lambda f: _reference(curve, f, 3)[0],  # noqa: B023
            bounds=(1 / period - step, 1 / period + step),
            method="bounded",
            options={"xatol": 1e-10},
        )
        assert model.period == pytest.approx(1 / best.x, rel=1e-7)
        assert model.rss == pytest.approx(best.fun, rel=1e-6)


def test_fourier_parameters_are_the_simulated_ones() -> None:
    curve = pulsator(np.random.default_rng(5), 0.57, 600, 0.003)
    model = pulsating.find_period(curve, np.array([0.57]))
    assert model is not None
    found = pulsating.describe(curve, model, "rr_lyrae")
    assert found["R21"] == pytest.approx(R21, abs=0.01)
    assert found["R31"] == pytest.approx(R31, abs=0.01)
    assert found["phi21"] == pytest.approx(PSI21, abs=0.03)
    assert found["phi31"] == pytest.approx(PSI31, abs=0.04)
    grid = 2 * np.pi * np.arange(2000) / 2000
    shape = np.cos(grid) + R21 * np.cos(2 * grid + PSI21) + R31 * np.cos(3 * grid + PSI31)
    assert found["amp"] == pytest.approx(0.5 * np.ptp(shape), abs=0.01)
    assert found["mode"] == "RRab" and found["is_rrd"] == 0


def test_outliers_are_removed_before_the_light_curve_is_measured() -> None:
    good = pulsator(np.random.default_rng(5), 0.57)
    mag = good.mag.copy()
    mag[[3, 40, 200]] += [0.9, -0.8, 0.7]
    bad = MultibandLightCurve(good.time, mag, good.weight, good.offsets, good.filters)
    model = pulsating.find_period(bad, np.array([0.57]))
    assert model is not None
    clean = pulsating.without_outliers(bad, model)
    assert np.flatnonzero(clean.weight == 0).tolist() == [3, 40, 200]
    found = pulsating.refine(clean, model)
    expected = pulsating.find_period(good, np.array([0.57]))
    assert expected is not None
    assert found.period == pytest.approx(expected.period, rel=1e-6)
    assert found.parameters(0)["amp"] == pytest.approx(expected.parameters(0)["amp"], abs=5e-3)


def test_the_bootstrap_error_is_the_scatter_of_the_periods() -> None:
    periods, errors = [], []
    for seed in range(40):
        curve = pulsator(np.random.default_rng(seed), 0.57, 60, 0.05)
        model = pulsating.find_period(curve, np.array([0.57]))
        assert model is not None
        periods.append(model.period)
        errors.append(pulsating.bootstrap_error(curve, model))
    assert np.std(periods) == pytest.approx(np.median(errors), rel=0.4)


def test_an_alias_off_the_locus_is_rejected_only_if_the_locus_fits_as_well() -> None:
    def model(bic: float, phi21: float, period: float) -> pulsating.FourierModel:
        coefficients = np.array([[0.0, 0.2, 0.0, 0.1 * np.cos(phi21), -0.1 * np.sin(phi21)]])
        return pulsating.FourierModel(period, 2, bic, 1.0, coefficients)

    typical, alias = model(-80.0, 4.0, 0.5), model(-100.0, 1.0, 0.34)
    assert typical.is_on_locus(0) and not alias.is_on_locus(0)
    assert pulsating.choose([typical, alias], 0) is typical
    worse = model(-60.0, 4.0, 0.5)
    assert pulsating.choose([worse, alias], 0) is alias


@pytest.mark.parametrize(
    ("period", "amplitude", "mode"),
    [
        (0.30, 0.64, "RRc"),
        (0.30, 0.65, "RRab"),
        (0.34, 0.64, "RRc"),
        (0.40, 0.54, "RRc"),
        (0.40, 0.56, "RRab"),
        (0.50, 0.38, "RRc"),
        (0.50, 0.39, "RRab"),
        (0.51, 0.10, "RRab"),
    ],
)
def test_the_mode_follows_from_period_and_amplitude(
    period: float, amplitude: float, mode: str
) -> None:
    assert pulsating.rr_lyrae_mode(period, amplitude) == mode


def test_a_second_mode_is_found_in_the_residuals() -> None:
    rng = np.random.default_rng(8)
    time = np.sort(rng.uniform(0, 900, 300))
    first, fundamental = 0.36, 0.36 / 0.745
    mag = 16 + 0.2 * np.cos(2 * np.pi * time / first)
    mag += 0.12 * np.cos(2 * np.pi * time / fundamental) + rng.normal(0, 0.02, 300)
    curve = combine([(time, mag, np.full(300, 0.02))], (1,))
    model = pulsating.find_period(curve, np.array([first]))
    assert model is not None
    found = pulsating.describe(curve, model, "rr_lyrae")
    assert found["p2"] == pytest.approx(fundamental, rel=1e-3) and found["is_rrd"] == 1


def test_degenerate_light_curves_have_defined_results() -> None:
    for times in (np.arange(60.0), np.zeros(60)):
        for mag in (np.full(60, 15.0), np.r_[np.full(59, 15.0), 14.0]):
            curve = combine([(times, mag, np.full(60, 1e6))], (2,))
            pulsating.find_period(curve, np.array([0.7, 1.4]))
    assert pulsating.find_period(combine([], ()), np.array([1.0])) is None
