"""The Fourier features, compared with independent least-squares fits."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import astrodome_ztf_scope as scope
import numpy as np
import pytest
from astrodome import InvalidInputError
from astrodome_ztf_scope.features.fourier import NAMES
from astropy import units as u
from ztf_scope.features.random_curves import Array, random_curve, with_invalid_epochs

HARMONIC = NAMES[4:]


def is_dependent(design: Array, column: int) -> bool:
    """Return whether a column is a combination of the previous ones to within 1e-6."""
    previous, term = design[:, :column], design[:, column]
    rest = term - previous @ np.linalg.lstsq(previous, term, rcond=None)[0]
    return bool(np.linalg.norm(rest) <= 1e-6 * np.linalg.norm(term))


def expected(t: Array, m: Array, e: Array, period: float) -> Array:
    """Fit each number of harmonics separately, with the phase of the full Julian date."""
    phase = 2 * np.pi * np.fmod(t, period) / period
    terms = [np.ones(len(t)), (t - t.min()) / np.ptp(t)]
    fits = []
    for k in range(6):
        if k:
            terms += [np.cos(k * phase), np.sin(k * phase)]
        design = np.array(terms).T / e[:, None]
        if len(t) <= len(terms) or is_dependent(design, -2) or is_dependent(design, -1):
            break
        solution = np.linalg.lstsq(design, m / e, rcond=None)[0]
        chi2 = np.sum((m / e - design @ solution) ** 2)
        fits.append((chi2 + len(terms) * np.log(len(t)), chi2, solution))
    if not fits:
        return np.full(14, np.nan)
    best = min(fits, key=lambda fit: fit[0])
    values = np.zeros(14)
    values[:2] = (fits[0][1] - best[1]) / fits[0][1], best[0]
    values[2 : 2 + len(best[2])] = best[2]
    values[3] /= np.ptp(t)
    return values


def test_the_coefficients_equal_independent_fits(torture: Callable[[int, int], int]) -> None:
    random = np.random.default_rng(1)
    for number in range(torture(300, 10_000)):
        t, m, e = random_curve(random)
        period = float(np.exp(random.uniform(np.log(0.03), np.log(0.5 * np.ptp(t) + 0.04))))
        wanted = expected(t, m, e, period)
        found = np.array([*scope.fourier_features(t, m, e, period).values()])
        for values in (wanted, found):
            values[3] *= np.ptp(t)  # The slope, as a difference in magnitude.
        tolerance = 1e-7 * (np.abs(wanted[3:]).max() + 1e-3)
        message = str((number, period))
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=tolerance, err_msg=message)


def test_amplitudes_and_phases_follow_from_the_coefficients() -> None:
    random = np.random.default_rng(2)
    for _ in range(100):
        t, m, e = random_curve(random, 30)
        period = float(np.exp(random.uniform(-2, 3)))
        raw = scope.fourier_features(t, m, e, period)
        found = scope.fourier_features(t, m, e, period, convention="amplitudes")
        assert tuple(found) == tuple(raw) == NAMES
        for name in NAMES[:4]:
            np.testing.assert_equal(found[name], raw[name])
        a, b = np.reshape([raw[name] for name in HARMONIC], (5, 2)).T
        amplitude, phase = np.hypot(a, b), np.arctan2(a, b)
        wanted = [amplitude[0], phase[0]]
        for k in range(2, 6):
            if amplitude[k - 1]:
                relative = (phase[k - 1] / k - phase[0]) * k / (2 * np.pi)
                wanted += [amplitude[k - 1] / amplitude[0], relative - np.floor(relative)]
            else:
                wanted += [0, 0]
        assert [found[name] for name in HARMONIC] == pytest.approx(wanted, rel=1e-9)


def test_amplitudes_do_not_depend_on_the_phase_of_the_observations() -> None:
    t = np.sort(np.random.default_rng(3).uniform(2_458_000, 2_459_800, 300))
    for shift in np.linspace(0, 1, 7):
        phase = 2 * np.pi * (t / 0.6 + shift)
        m = 16 + 0.3 * np.sin(phase) + 0.1 * np.sin(2 * phase + 0.5)
        arguments = (t, m, np.full(300, 0.02), 0.6)
        found = scope.fourier_features(*arguments, convention="amplitudes")
        assert found["f1_amp"] == pytest.approx(0.3, rel=1e-6)
        assert found["f1_relamp1"] == pytest.approx(1 / 3, rel=1e-6)
        assert found["f1_relphi1"] == pytest.approx(0.5 / (2 * np.pi), rel=1e-5)
        assert found["f1_relamp2"] == found["f1_relphi2"] == 0


def test_the_phase_is_exact_for_short_periods_and_julian_dates() -> None:
    period = 0.02
    epochs = 2_458_000 + np.sort(np.random.default_rng(4).uniform(0, 1800, 200))
    cycles = epochs.astype(np.longdouble) / np.longdouble(period)
    m = 15 + 0.2 * np.sin(2 * np.pi * (cycles - np.floor(cycles))).astype(float)
    found = scope.fourier_features(epochs, m, np.full(200, 0.01), period)
    assert found["f1_phi0"] == pytest.approx(0.2, rel=1e-9)
    assert found["f1_amp"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("harmonics", "amplitude"), [(0, 0), (1, 0.5), (3, 0.5), (5, 0.5)])
def test_the_number_of_harmonics_is_selected(harmonics: int, amplitude: float) -> None:
    random = np.random.default_rng(5)
    t = np.sort(random.uniform(0, 1000, 400))
    m = 17 + 1e-4 * t + random.normal(0, 0.02, 400)
    for k in range(1, harmonics + 1):
        m += amplitude / k * np.cos(2 * np.pi * k * t / 3.3 + k)
    found = scope.fourier_features(t, m, np.full(400, 0.02), 3.3)
    assert np.count_nonzero([found[name] for name in HARMONIC]) == 2 * harmonics
    assert found["f1_a"] == pytest.approx(17, abs=0.01)
    assert found["f1_b"] == pytest.approx(1e-4, rel=0.1)
    assert found["f1_power"] == 0 if not harmonics else found["f1_power"] > 0.9


@pytest.mark.parametrize(
    ("time", "period"),
    [
        ([], 1.0),
        ([1.0], 1.0),
        ([1.0, 2.0], 1.0),
        ([3.0] * 20, 1.0),
        (np.arange(20.0), np.nan),
        (np.arange(20.0), np.inf),
        (np.arange(20.0), 0.0),
        (np.arange(20.0), -1.0),
    ],
)
@pytest.mark.parametrize("convention", ["coefficients", "amplitudes"])
def test_a_fit_that_is_not_possible_gives_nan(
    time: list[float], period: float, convention: str
) -> None:
    m = 17 + 0.1 * np.sin(np.asarray(time))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scope.fourier_features(time, m, np.full(len(m), 0.1), period, convention=convention)
    assert np.isnan([*found.values()]).all()


def test_constant_magnitudes_have_no_harmonics() -> None:
    for convention in ("coefficients", "amplitudes"):
        found = scope.fourier_features(
            np.arange(30.0), np.full(30, 17.1), np.full(30, 0.1), 3.7, convention=convention
        )
        assert found["f1_a"] == pytest.approx(17.1) and found["f1_BIC"] == pytest.approx(
            2 * np.log(30)
        )
        assert [found[name] for name in NAMES if name not in ("f1_a", "f1_BIC")] == [0.0] * 12


def test_dependent_harmonics_are_not_used() -> None:
    t = np.arange(40.0)  # A period of 2 d is sampled at two phases only, and 1 d at one phase.
    m = 17 + 0.3 * (-1.0) ** t
    assert scope.fourier_features(t, m, np.full(40, 0.01), 1.0)["f1_power"] == 0
    found = scope.fourier_features(t, m, np.full(40, 0.01), 2.0)
    assert np.isfinite([*found.values()]).all() and found["f1_power"] == 0


def test_invalid_epochs_are_ignored() -> None:
    random = np.random.default_rng(6)
    for _ in range(20):
        curve = random_curve(random)
        np.testing.assert_equal(
            scope.fourier_features(*with_invalid_epochs(random, curve), 0.7),
            scope.fourier_features(*curve, 0.7),
        )


def test_a_period_can_be_a_quantity() -> None:
    curve = random_curve(np.random.default_rng(7), 50)
    assert scope.fourier_features(*curve, 12 * u.hour) == scope.fourier_features(*curve, 0.5)


def test_invalid_arguments_give_one_error() -> None:
    curve = random_curve(np.random.default_rng(8))
    with pytest.raises(InvalidInputError, match="Invalid convention 'raw': expected one of coef"):
        scope.fourier_features(*curve, 0.5, convention="raw")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="Invalid period: expected one number, got 2"):
        scope.fourier_features(*curve, [0.5, 0.6])
