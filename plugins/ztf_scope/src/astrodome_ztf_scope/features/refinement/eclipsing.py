"""Find the orbital period of an eclipsing binary.

The periodogram of an eclipsing binary has its highest peak at half of the orbital period if both
eclipses have similar depths. Models with up to two eclipses are therefore fitted at all trial
periods. A binary with two equal eclipses has the same light curve at half of its orbital period,
and every light curve repeats at the double of its period. The BIC cannot decide between these
periods, because the shapes of real eclipses differ from those of the models. The orbital period
is therefore selected by rules.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .classes import ECLIPSING, PeriodPrior
from .eclipse_models import (
    Array,
    EclipseModel,
    doubled,
    fit_models,
    has_equal_eclipses,
    has_two_eclipses,
    polish,
)
from .multiband import MultibandLightCurve
from .scan_kernels import scan

FITTED, IMPROVED = 20, 3
"""Maximum number of trial periods at which models are fitted, and number of the best ones that are
improved with their models."""
SCAN_WIDTH, SCAN_STEPS = 0.3, 15
"""Half width of the scan around each trial frequency in units of 1 / baseline, and its steps."""
FEWEST_BINS, MOST_BINS, EPOCHS_PER_BIN = 10, 50, 8
ALWAYS = (1.0, 2.0, 0.5)
"""Multiples of the current period at which models are always fitted."""
SAME = 1e-6
TOLERANCE = 30.0
HALF_TOLERANCE, DOUBLE_TOLERANCE = 0.05, 0.2
"""Differences of the BIC that the shapes of real eclipses can cause: a constant, and the difference
per epoch between a period and its half, and between a period and its double."""


def find_period(
    curve: MultibandLightCurve,
    periods: Array,
    current: float = np.nan,
    prior: PeriodPrior = ECLIPSING,
) -> EclipseModel | None:
    """Return the model of an eclipsing binary at the best trial period.

    Each trial period is first improved, because its error smears narrow eclipses. Models are fitted
    at the current period, its double and its half, and at the most significant other periods. The
    current period is also tried unchanged, because a few epochs in a narrow eclipse explain less
    variance than the noise in all phase bins.
    Returns None if no model is better than a constant.
    """
    if not len(periods) or not curve.baseline:
        return None
    frequencies, values = _scanned(curve, periods)
    ratios = periods[:, None] / (current * np.array(ALWAYS))
    always = (np.abs(ratios - 1) < SAME).any(axis=1)
    order = np.lexsort((-values, ~always))[:FITTED]
    starts = np.concatenate([periods[always], 1 / frequencies[order]])
    models = _improved(curve, fit_models(curve, starts))
    if not models:
        return None
    return polish(curve, orbital_model(curve, models, prior))


def _scanned(curve: MultibandLightCurve, periods: Array) -> tuple[Array, Array]:
    """Return the best frequency near each trial period, and the variance that it explains."""
    bins = int(np.clip(len(curve) / EPOCHS_PER_BIN, FEWEST_BINS, MOST_BINS))
    width = SCAN_WIDTH / curve.baseline
    found: tuple[Array, Array] = scan(*curve.arrays, 1 / periods, width, SCAN_STEPS, bins)
    return found


def _improved(curve: MultibandLightCurve, models: Sequence[EclipseModel]) -> list[EclipseModel]:
    """Fit all geometries again, at the improved periods of the best models."""
    chosen: list[EclipseModel] = []
    for model in sorted(models, key=lambda model: (model.bic, model.period)):
        if len(chosen) < IMPROVED and all(model.period != other.period for other in chosen):
            chosen.append(model)
    return fit_models(curve, np.array([polish(curve, model).period for model in chosen]))


def orbital_model(
    curve: MultibandLightCurve, models: Sequence[EclipseModel], prior: PeriodPrior
) -> EclipseModel:
    """Return the model at the orbital period.

    The period with the lowest BIC is the orbital period if a model with two different eclipses
    describes the light curve equally well. If both eclipses are equal, and a model at half of the
    period also has two eclipses, the orbital period is half of the period. If there is only one
    eclipse, both eclipses of the binary are probably equal, and the orbital period is twice the
    period.
    """
    best = _lowest(models)
    two = _with_two_eclipses(curve, [m for m in models if m.period == best.period])
    if two is not None and two.bic <= best.bic + TOLERANCE:
        limit = two.bic + TOLERANCE + HALF_TOLERANCE * len(curve)
        near = _near(curve, 0.5 * two.period, prior) if has_equal_eclipses(curve, two) else []
        other = _with_two_eclipses(curve, near)
        if other is not None and other.bic > _lowest(near).bic:
            other = None  # The second Gaussian only corrects the shape of one eclipse.
    else:
        two = best
        limit = best.bic + TOLERANCE + DOUBLE_TOLERANCE * len(curve)
        near = _near(curve, 2 * best.period, prior)
        start = doubled(curve, best) if prior.contains(2 * best.period) else None
        other = _with_two_eclipses(curve, near if start is None else [*near, start])
    return other if other is not None and other.bic <= limit else two


def _near(curve: MultibandLightCurve, period: float, prior: PeriodPrior) -> list[EclipseModel]:
    """Return the significant models near a period, or none if the class has no such period."""
    if not prior.contains(period):
        return []
    frequencies, _ = _scanned(curve, np.array([period]))
    return _improved(curve, fit_models(curve, np.array([period, *(1 / frequencies)])))


def _lowest(models: Sequence[EclipseModel]) -> EclipseModel:
    return min(models, key=lambda model: (model.bic, model.period))


def _with_two_eclipses(
    curve: MultibandLightCurve, models: Sequence[EclipseModel]
) -> EclipseModel | None:
    found = [model for model in models if has_two_eclipses(curve, model)]
    return min(found, key=lambda model: (model.bic, model.period), default=None)
