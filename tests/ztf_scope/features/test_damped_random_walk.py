"""The damped random walk, compared with the dense covariance matrix and with simulations."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astrodome_ztf_scope.features import damped_random_walk as drw
from astrodome_ztf_scope.features.damped_random_walk import (
    DampedRandomWalk,
    DampedRandomWalkOptions,
    drw_features,
    fit_damped_random_walk,
)
from scipy import linalg, optimize, stats
from threadpoolctl import threadpool_limits
from ztf_scope.features.random_curves import Array, with_invalid_epochs

Curve = tuple[Array, Array, Array]


def covariance(walk: DampedRandomWalk, t: Array, e: Array) -> Array:
    matrix: Array = walk.sigma**2 * np.exp(-np.abs(t[:, None] - t) / walk.tau)
    return matrix + np.diag(e**2 + walk.jitter**2)


def dense_log_likelihood(walk: DampedRandomWalk, t: Array, m: Array, e: Array) -> float:
    """The logarithm of the multivariate normal distribution."""
    factor = linalg.cholesky(covariance(walk, t, e), lower=True)
    white = linalg.solve_triangular(factor, m - walk.mean, lower=True)
    constant = 0.5 * len(t) * np.log(2 * np.pi)
    return float(-0.5 * white @ white - np.log(np.diag(factor)).sum() - constant)


def simulated(random: np.random.Generator, walk: DampedRandomWalk, n: int, span: float) -> Curve:
    t = 2_458_000 + np.sort(random.uniform(0, span, n))
    e = random.uniform(0.01, 0.05, n)
    m = random.multivariate_normal(np.full(n, walk.mean), covariance(walk, t, e))
    return t, m, e


def random_walk(random: np.random.Generator) -> DampedRandomWalk:
    tau, sigma, jitter = np.exp(random.uniform([0, -4, -8], [7, 1, -1]))
    return DampedRandomWalk(tau, sigma, jitter, random.uniform(15, 20))


def test_the_likelihood_equals_the_multivariate_normal_distribution() -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        walk, other = random_walk(random), random_walk(random)
        t, m, e = simulated(random, walk, int(random.integers(1, 150)), 1500)
        for model in (walk, other):
            dense = dense_log_likelihood(model, t, m, e)
            assert model.log_likelihood(t, m, e) == pytest.approx(dense, rel=1e-8)
    normal = stats.multivariate_normal(np.full(len(t), walk.mean), covariance(walk, t, e))
    assert walk.log_likelihood(t, m, e) == pytest.approx(normal.logpdf(m), rel=1e-6)


def test_the_gradient_equals_finite_differences() -> None:
    random = np.random.default_rng(2)
    for _ in range(20):
        walk = random_walk(random)
        t, m, e = simulated(random, random_walk(random), 60, 800)

        def objective(logarithms: Array) -> float:
            variance, rate, jitter = np.exp(logarithms)
            model = DampedRandomWalk(1 / rate, variance**0.5, jitter, walk.mean)  # noqa: B023
            return -model.log_likelihood(t, m, e)  # noqa: B023

        point = np.log([walk.sigma**2, 1 / walk.tau, walk.jitter])
        _, gradient = drw._negative_log_likelihood(
            t, m - walk.mean, e**2, walk.sigma**2, 1 / walk.tau, walk.jitter
        )
        numeric = optimize.approx_fprime(point, objective, 1e-6)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-3)


def test_the_innovations_whiten_the_dense_covariance() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        walk = random_walk(random)
        t, m, e = simulated(random, walk, 80, 500)
        factor = linalg.cholesky(covariance(walk, t, e), lower=True)
        white = linalg.solve_triangular(factor, m - walk.mean, lower=True)
        np.testing.assert_allclose(walk.innovations(t, m, e), white, rtol=1e-6, atol=1e-9)


def test_the_residuals_follow_their_formula() -> None:
    walk = DampedRandomWalk(tau=50.0, sigma=0.3, jitter=0.02, mean=18.0)
    t, m, e = simulated(np.random.default_rng(4), walk, 40, 300)
    wanted = [(m[0] - 18) / np.sqrt(0.3**2 + e[0] ** 2 + 0.02**2)]
    for i in range(1, 40):
        rho = np.exp(-(t[i] - t[i - 1]) / 50)
        variance = 0.3**2 * (1 - rho**2) + e[i] ** 2 + 0.02**2
        wanted.append((m[i] - 18 - (m[i - 1] - 18) * rho) / np.sqrt(variance))
    np.testing.assert_allclose(walk.residuals(t, m, e), wanted, rtol=1e-9)


def test_the_fit_has_the_largest_dense_likelihood() -> None:
    random = np.random.default_rng(5)
    for _ in range(3):
        curve = simulated(random, DampedRandomWalk(40, 0.2, 1e-4, 18), 80, 900)
        walk, converged = fit_damped_random_walk(*curve)
        assert converged

        def dense(x: Array, *curve: Array) -> float:
            tau, sigma, jitter = np.exp(x[:3])
            return -dense_log_likelihood(DampedRandomWalk(tau, sigma, jitter, x[3]), *curve)

        start = [*np.log([walk.tau, walk.sigma, walk.jitter]), walk.mean]
        best = optimize.minimize(
            dense, start, curve, method="Nelder-Mead", options={"maxiter": 400}
        )
        assert -walk.log_likelihood(*curve) < best.fun + 0.01


def test_the_parameters_of_simulated_walks_are_recovered() -> None:
    random = np.random.default_rng(6)
    walk = DampedRandomWalk(tau=30.0, sigma=0.25, jitter=1e-5, mean=18.5)
    with threadpool_limits(1, "blas"):
        found = [drw_features(*simulated(random, walk, 300, 1800)) for _ in range(40)]
    tau, sigma = ([each[name] for each in found] for name in ("drw_tau", "drw_sigma"))
    assert np.mean([each["drw_fit_success"] for each in found]) > 0.95
    assert np.median(tau) == pytest.approx(30, rel=0.15)
    assert np.median(sigma) == pytest.approx(0.25, rel=0.08)
    assert np.std(np.log(tau)) < 0.5
    # The largest of 300 standard normal innovations is almost always between 2.4 and 4.3.
    largest = np.array([each["drw_max_innovation"] for each in found])
    assert 2.7 < np.median(largest) < 3.4 and largest.max() < 5


def test_a_flare_has_a_large_residual() -> None:
    random = np.random.default_rng(7)
    t, m, e = simulated(random, DampedRandomWalk(100, 0.1, 1e-5, 18), 200, 1000)
    m[120] -= 2
    found = drw_features(t, m, e)
    assert found["drw_max_z"] > 6 and found["drw_max_innovation"] > 6


def test_repeated_fits_exclude_outliers() -> None:
    random = np.random.default_rng(8)
    t, m, e = simulated(random, DampedRandomWalk(60, 0.15, 1e-5, 18), 200, 1000)
    spoiled = m.copy()
    spoiled[[50, 90, 130]] -= 2
    clean = drw_features(t, m, e)
    once = drw_features(t, spoiled, e)
    often = drw_features(t, spoiled, e, DampedRandomWalkOptions(max_iterations=6))
    assert abs(often["drw_sigma"] - clean["drw_sigma"]) < abs(
        once["drw_sigma"] - clean["drw_sigma"]
    )
    assert often["drw_max_z"] > once["drw_max_z"]


def test_white_noise_is_not_a_constrained_walk() -> None:
    random = np.random.default_rng(9)
    t = np.sort(random.uniform(0, 1000, 200))
    e = np.full(200, 0.05)
    successes = [
        drw_features(t, 18 + random.normal(0, 0.05, 200), e)["drw_fit_success"] for _ in range(20)
    ]
    assert np.mean(successes) < 0.5


@pytest.mark.parametrize("n", [0, 1, 14])
def test_too_few_epochs_give_nan(n: int) -> None:
    t = np.arange(float(n))
    found = drw_features(t, 18 + np.sin(t), np.full(n, 0.1))
    assert tuple(found) == drw.NAMES
    assert found.pop("drw_fit_success") == 0
    assert np.isnan([*found.values()]).all()


def test_the_first_of_equal_times_is_used() -> None:
    t, m, e = simulated(np.random.default_rng(10), DampedRandomWalk(40, 0.2, 1e-4, 18), 15, 200)
    twice = (np.repeat(t, 2), np.repeat(m, 2) + np.tile([0, 5], 15), np.repeat(e, 2))
    assert drw_features(*twice) == drw_features(t, m, e)
    assert np.isfinite(drw_features(t, m, e)["drw_tau"])
    assert np.isnan(drw_features(t[1:], m[1:], e[1:])["drw_tau"])


def test_invalid_epochs_are_ignored() -> None:
    random = np.random.default_rng(11)
    curve = simulated(random, DampedRandomWalk(40, 0.2, 1e-4, 18), 60, 500)
    found = drw_features(*with_invalid_epochs(random, curve))
    assert found == drw_features(*curve)


@pytest.mark.parametrize("error", [1e-9, 0.1, 1e6])
def test_constant_magnitudes_and_extreme_errors_give_no_warnings(error: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = drw_features(np.arange(40.0), np.full(40, 17.0), np.full(40, error))
    assert found["drw_fit_success"] == 0
    assert not np.isinf([*found.values()]).any()
