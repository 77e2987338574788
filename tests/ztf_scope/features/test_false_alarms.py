"""False-alarm probabilities, compared with astropy, mpmath and simulated constant stars."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from astrodome_ztf_scope.features.cleaning import CleaningOptions, clean
from astrodome_ztf_scope.features.periods import ALGORITHMS, SearchOptions, search
from astrodome_ztf_scope.features.periods.false_alarms import log_beta_survival
from astrodome_ztf_scope.features.simulation import simulate_light_curves
from astropy.timeseries import LombScargle
from scipy.stats import binom


def test_lomb_scargle_probability_equals_baluev_of_astropy() -> None:
    for seed, amplitude in ((1, 0.01), (2, 0.02), (3, 0.03)):
        rng = np.random.default_rng(seed)
        t = np.sort(rng.uniform(0, 300, 150))
        e = rng.uniform(0.02, 0.05, 150)
        noise = np.clip(rng.normal(0, 1, 150), -1.8, 1.8)  # No magnitude is an outlier.
        m = 15 + amplitude * np.sin(2 * np.pi * t / 1.37) + noise * e
        peaks = search(t, m, e, SearchOptions(("LS",), 10, full_grid=True))["LS"]
        periodogram = LombScargle(t, m, e)
        expected = periodogram.false_alarm_probability(peaks.value, maximum_frequency=10)
        assert 10**peaks.log10_fap == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("points", [22, 60, 300, 4000])
@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.9, 0.999999])
def test_probability_of_a_fraction_of_chi2_equals_mpmath(points: int, fraction: float) -> None:
    terms, rest = 19.0, points - 20.0
    found = log_beta_survival(np.array([fraction]), terms, rest)[0]
    with mpmath.workdps(60):
        exact = mpmath.log(
            mpmath.betainc(rest / 2, terms / 2, 0, 1 - mpmath.mpf(fraction), regularized=True)
        )
    assert found == pytest.approx(float(exact), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_probability_is_finite_without_noise(algorithm: str) -> None:
    t = np.sort(np.random.default_rng(6).uniform(0, 100, 200))
    m = 15 + np.sign(np.sin(2 * np.pi * t / 2.5))
    peaks = search(t, m, np.full(200, 1e-3), SearchOptions((algorithm,), 5))[algorithm]
    assert np.isfinite(peaks.log10_fap).all()
    assert peaks.log10_fap[0] < -10


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_bad_epoch_is_not_a_detection(algorithm: str) -> None:
    rng = np.random.default_rng(8)
    t, e = np.sort(rng.uniform(0, 400, 120)), np.full(120, 0.02)
    m = 15 + rng.normal(0, e)
    m[50] += 0.9
    peaks = search(t, m, e, SearchOptions((algorithm,), 5))[algorithm]
    assert peaks.log10_fap.min() > -2


@pytest.fixture(scope="module")
def constant_stars(torture: Callable[[int, int], int]) -> dict[str, np.ndarray]:
    """The smallest probability of each algorithm for constant stars with the cadence of ZTF."""
    count = torture(32, 1000)
    max_frequency = 4.0 if count < 1000 else 48.0
    found: dict[str, list[float]] = {name: [] for name in ALGORITHMS}
    for index in range(count):
        points = (60, 100, 200, 400)[index % 4]
        epochs = simulate_light_curves(
            1, classes=["nonvar"], seed=17, points=points, bands="r", first=index
        ).epochs
        t, m, e = (epochs[name].to_numpy() for name in ("hjd", "mag", "magerr"))
        kept = clean(t, m, e, epochs["catflags"], CleaningOptions(min_points=25))
        options = SearchOptions(tuple(ALGORITHMS), max_frequency=max_frequency)
        for name, peaks in search(t[kept], m[kept], e[kept], options).items():
            found[name].append(peaks.log10_fap[0])
    return {name: np.array(values) for name, values in found.items()}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_rate_of_false_alarms_is_close_to_the_probability(
    algorithm: str, constant_stars: dict[str, np.ndarray]
) -> None:
    values = constant_stars[algorithm]
    for probability in (0.01, 0.1):
        alarms = int((values < np.log10(probability)).sum())
        # The accuracy of the models is limited: a factor of 1.5 more or 3 fewer are accepted.
        assert binom.sf(alarms - 1, len(values), 1.5 * probability) > 1e-3, alarms
        assert binom.cdf(alarms, len(values), probability / 3) > 1e-3, alarms
