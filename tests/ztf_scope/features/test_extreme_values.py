"""The calibration of anomaly statistics, compared with SciPy and with simulated populations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astrodome import AstrodomeError, InvalidInputError
from astrodome_ztf_scope.features.extreme_values import ExtremeValueCalibration, calibrate
from scipy import stats


@pytest.fixture(scope="module")
def population() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return stats.t(4).rvs(20_000, random_state=1) ** 2


def test_the_tail_is_the_generalized_pareto_distribution(population: np.ndarray) -> None:
    found = calibrate(population)
    limit = np.percentile(population, 95)
    excesses = population[population > limit] - limit
    shape, _, scale = stats.genpareto.fit(excesses, floc=0)
    x = limit + np.array([0.01, 1.0, 10.0, 1000.0])
    wanted = len(excesses) / len(population) * stats.genpareto(shape, 0, scale).sf(x - limit)
    np.testing.assert_allclose(found.probability(x), wanted, rtol=1e-9)
    np.testing.assert_allclose(found.score(x), -np.log10(wanted), rtol=1e-9)
    frozen = stats.genpareto(shape, 0, scale)
    for probability in (0.01, 0.001, 1e-8):
        threshold = limit + frozen.isf(probability * len(population) / len(excesses))
        assert found.threshold(probability) == pytest.approx(threshold, rel=1e-9)
        assert found.probability([threshold]) == pytest.approx(probability, rel=1e-9)


def test_the_body_is_the_empirical_distribution(population: np.ndarray) -> None:
    found = calibrate(population)
    for fraction in (0.05, 0.5, 0.9, 0.94):
        value = np.quantile(population, fraction)
        assert found.probability([value]) == pytest.approx(1 - fraction, abs=0.003)
        assert found.threshold(1 - fraction) == pytest.approx(value, rel=0.05)
    assert found.probability([population.min() - 1]) == 1


def test_the_false_alarm_rate_of_new_sources_is_the_nominal_rate(population: np.ndarray) -> None:
    new = stats.t(4).rvs(100_000, random_state=2) ** 2
    found = calibrate(population)
    for probability in (0.1, 0.01, 0.001):
        rate = np.mean(new > found.threshold(probability))
        assert rate == pytest.approx(probability, rel=0.25)
        assert np.mean(found.probability(new) < probability) == pytest.approx(rate, rel=0.05)


def calibration(shape: float) -> ExtremeValueCalibration:
    return ExtremeValueCalibration(
        10.0, shape, 2.0, 1000, 50, tuple(np.linspace(0, 12, 201).tolist())
    )


def test_a_shape_of_zero_is_the_exponential_limit() -> None:
    x = np.array([11.0, 20.0, 60.0])
    np.testing.assert_allclose(
        calibration(0.0).probability(x), calibration(1e-9).probability(x), rtol=1e-5
    )
    np.testing.assert_allclose(calibration(0.0).probability(x), 0.05 * np.exp(-(x - 10) / 2))
    assert calibration(0.0).threshold(1e-3) == pytest.approx(calibration(1e-9).threshold(1e-3))


def test_values_beyond_a_finite_upper_end_have_the_smallest_probability() -> None:
    found = calibration(-0.5)  # The upper end is 10 + 2 / 0.5 = 14.
    assert found.probability([13.999, 14.0, 100.0]) == pytest.approx(
        [0.05 * (1 - 0.25 * 3.999 * 1) ** 2, 1e-300, 1e-300]
    )
    assert found.score([100.0]) == pytest.approx([300])


def test_values_that_are_not_finite_have_no_probability() -> None:
    found = calibration(0.1)
    assert np.isnan(found.probability([np.nan, np.inf, -np.inf])).all()
    assert np.isnan(found.score([np.nan])).all()
    assert found.probability(np.zeros((2, 3))).shape == (2, 3)


def test_values_that_are_not_finite_are_ignored_in_a_population(population: np.ndarray) -> None:
    spoiled = np.append(population, [np.nan, np.inf])
    assert calibrate(spoiled) == calibrate(population)


def test_a_saved_calibration_is_loaded_exactly(tmp_path: Path, population: np.ndarray) -> None:
    found = calibrate(population, 90.0)
    path = tmp_path / "calibrations" / "g.json"
    found.save(path)
    assert ExtremeValueCalibration.load(path) == found


@pytest.mark.parametrize(
    ("values", "percentile", "message"),
    [
        (np.arange(19.0), 95.0, "Too few values for a calibration: 19 are finite, at least 20"),
        (np.arange(20.0), 95.0, "1 of 20 are above the 95th percentile, at least 5"),
        (np.ones(1000), 95.0, "0 of 1000 are above"),
        (np.arange(100.0), 100.0, "Invalid percentile 100.0"),
    ],
)
def test_too_small_populations_are_an_error(
    values: np.ndarray, percentile: float, message: str
) -> None:
    with pytest.raises(AstrodomeError, match=message):
        calibrate(values, percentile)


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, np.nan])
def test_an_invalid_false_alarm_probability_is_an_error(probability: float) -> None:
    with pytest.raises(InvalidInputError, match="Invalid false-alarm probability"):
        calibration(0.1).threshold(probability)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", "invalid JSON"),
        ("[1]", "'format' is not 'astrodome extreme-value calibration'"),
        ({"format": "other"}, "'format' is not"),
        ({"scale": None}, "Invalid calibration file"),
        ({"scale": -1.0}, "inconsistent"),
        ({"n_excesses": 0}, "inconsistent"),
        ("missing", "missing quantiles, scale"),
    ],
)
def test_an_invalid_file_is_an_error(
    tmp_path: Path, change: str | dict[str, object], message: str
) -> None:
    path = tmp_path / "calibration.json"
    calibration(0.1).save(path)
    content = json.loads(path.read_text())
    if isinstance(change, dict):
        path.write_text(json.dumps(content | change))
    elif change == "missing":
        del content["scale"], content["quantiles"]
        path.write_text(json.dumps(content))
    else:
        path.write_text(change)
    with pytest.raises(InvalidInputError, match=message):
        ExtremeValueCalibration.load(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AstrodomeError, match="File not found"):
        ExtremeValueCalibration.load(tmp_path / "none.json")
