"""Find the orbital period of an eclipsing binary.

The periodogram of an eclipsing binary has its highest peak at half of the orbital period if both
eclipses have similar depths. Models with two different eclipses are therefore fitted at all trial
periods, and the most detailed model among the best ones determines the period.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import eclipse_kernels as kernels
from .multiband import MultibandLightCurve
from .scan_kernels import scan

Array = NDArray[np.float64]

GEOMETRIES = (
    "two eclipses",
    "two eclipses, cosine on the first",
    "two eclipses, cosine on the second",
    "one eclipse",
    "one eclipse, cosine",
    "cosine",
    "constant",
)
"""Names of the models, from the most to the least detailed (rank 6 to 0)."""
BIC_RANGE = 30.0
"""Models within this difference from the lowest BIC are considered."""
FITTED = 16
"""Maximum number of trial periods at which models are fitted."""
SCAN_WIDTH, SCAN_STEPS = 0.3, 15
"""Half width of the scan around each trial frequency in units of 1 / baseline, and its steps."""
RELATIVES = (1.0, 2.0, 0.5)
"""Multiples of the current period at which models are always fitted."""
SAME = 0.015
POLISH_STEP, POLISH_STEPS, COSINE_WIDTH = 0.15, 4, 0.1
"""Step of the final scan in units of width / baseline, number of steps to both sides, and the width
that is used if a model has no eclipse."""
EPOCHS_IN_ECLIPSE, LARGEST_CONDITION = 3, 1e6
"""Conditions for the depths of a light curve: the number of epochs in each eclipse, and the
condition number of the linear fit."""
PHASES = np.arange(400) / 400


@dataclass(frozen=True)
class EclipseModel:
    """A fitted model of an eclipsing binary.

    Attributes
    ----------
    period, period_error : float
        Orbital period and its standard error in days.
    geometry : int
        Index in :data:`GEOMETRIES`.
    bic, rss : float
        Bayesian information criterion and weighted residual sum of squares.
    centres, widths : tuple of float
        Phases of the centres, and standard deviations of the Gaussian eclipses in phase.
    """

    period: float
    geometry: int
    bic: float
    rss: float
    centres: tuple[float, float]
    widths: tuple[float, float]
    period_error: float = np.nan

    @property
    def rank(self) -> int:
        return len(GEOMETRIES) - 1 - self.geometry

    @property
    def name(self) -> str:
        return GEOMETRIES[self.geometry]

    @property
    def eclipses(self) -> int:
        """Number of Gaussian eclipses."""
        return int(kernels.GEOMETRIES[self.geometry, 0])

    @property
    def parameters(self) -> Array:
        """Nonlinear parameters in the order of the compiled functions."""
        number = self.eclipses
        values = [*self.centres[: max(number, 1)], *np.log(self.widths[:number])]
        return np.array([*values, 0.0, 0.0, 0.0, 0.0])[:4]

    def functions(self, phase: Array) -> Array:
        """Return the linear model functions at the given phases, with shape (functions, N)."""
        columns = [np.ones_like(phase)]
        for g in range(self.eclipses):
            distance = (phase - self.centres[g] + 0.5) % 1.0 - 0.5
            columns.append(np.exp(-0.5 * (distance / self.widths[g]) ** 2))
        cosine = int(kernels.GEOMETRIES[self.geometry, 1])
        if cosine >= 0:
            columns.append(np.cos(4 * np.pi * (phase - self.centres[cosine])))
        return np.array(columns)


def find_period(
    curve: MultibandLightCurve, periods: Array, current: float = np.nan
) -> EclipseModel | None:
    """Return the model of an eclipsing binary with the best of the trial periods.

    Each trial period is first improved, because its error smears narrow eclipses. Models are fitted
    at the current period, its double and its half, and at the most significant other periods.
    Returns None if no model is better than a constant.
    """
    if not len(periods) or not curve.baseline:
        return None
    bins = int(np.clip(len(curve) / 8, 10, 50))
    width = SCAN_WIDTH / curve.baseline
    frequencies, values = scan(*curve.arrays, 1 / periods, width, SCAN_STEPS, bins)
    ratios = periods[:, None] / (current * np.array(RELATIVES))
    always = (np.abs(ratios - 1) < SAME).any(axis=1)
    order = np.lexsort((-values, ~always))[:FITTED]
    best = choose(fit_models(curve, 1 / frequencies[order]))
    return None if best is None else polish(curve, best)


def fit_models(curve: MultibandLightCurve, periods: Array) -> list[EclipseModel]:
    """Fit all geometries at all periods, and return the valid models."""
    models = []
    count = len(curve)
    for period in periods:
        if not curve.covers_phases(period):
            continue
        for geometry, row in enumerate(kernels.fit_geometries(*curve.arrays, float(period))):
            rss, parameters, first, second, width, other, valid, _ = row.tolist()
            if valid and np.isfinite(rss):
                bic = count * np.log(rss / count) + parameters * np.log(count)
                centres, widths = (first, second), (width, other)
                models.append(EclipseModel(float(period), geometry, bic, rss, centres, widths))
    return models


def choose(models: list[EclipseModel]) -> EclipseModel | None:
    """Return the most detailed model within :data:`BIC_RANGE` of the lowest BIC.

    Returns None if a constant has the lowest BIC, or if there is no model.
    """
    best = min(models, key=lambda m: (m.bic, m.rank), default=None)
    if best is None or best.rank == 0:
        return None
    near = [m for m in models if m.bic <= best.bic + BIC_RANGE]
    return min(near, key=lambda m: (-m.rank, m.bic, m.period))


def polish(curve: MultibandLightCurve, model: EclipseModel) -> EclipseModel:
    """Return a model with an improved period and the standard error of the period.

    The residuals are minimised in two scans of the frequency. Near the minimum, they are a parabola
    whose curvature gives the error.
    """
    width = min(model.widths[: model.eclipses], default=COSINE_WIDTH)
    frequency, start = 1 / model.period, model.parameters
    for step in (POLISH_STEP * width / curve.baseline, 0.5 * POLISH_STEP * width / curve.baseline):
        trials = frequency + step * np.arange(-POLISH_STEPS, POLISH_STEPS + 1)
        fits = [_fit(curve, model.geometry, trial, start) for trial in trials]
        rss = np.array([fit[0] for fit in fits])
        k = int(np.clip(np.argmin(rss), 1, len(rss) - 2))
        curvature = (rss[k - 1] - 2 * rss[k] + rss[k + 1]) / step**2
        shift = 0.0
        if curvature > 0:
            shift = np.clip((rss[k - 1] - rss[k + 1]) / (2 * step**2 * curvature), -1, 1)
        frequency, start = trials[k] + shift * step, fits[k][1]
    best, parameters = _fit(curve, model.geometry, frequency, start)
    freedom = max(len(curve) - 4 - 4 * len(curve.filters), 1)
    error = np.sqrt(2 * best / freedom / curvature) / frequency**2 if curvature > 0 else np.nan
    number = model.eclipses
    centres = (parameters[0], parameters[1] if number == 2 else 0.0)
    widths = np.exp(parameters[max(number, 1) :][:number])
    return replace(
        model,
        period=float(1 / frequency),
        period_error=float(error),
        bic=model.bic + len(curve) * float(np.log(best / model.rss)),
        rss=float(best),
        centres=(float(centres[0]), float(centres[1])),
        widths=(float(widths[0]) if number else 0.0, float(widths[1]) if number > 1 else 0.0),
    )


def _fit(
    curve: MultibandLightCurve, geometry: int, frequency: float, start: Array
) -> tuple[float, Array]:
    """Return the residual sum of squares and the parameters of a geometry at a frequency."""
    gaussians, cosine = kernels.GEOMETRIES[geometry]
    phase = (curve.time * frequency) % 1.0
    linear = np.zeros((len(curve.filters), 4))
    rss, parameters, _ = kernels.fit_geometry(
        phase, *curve.arrays[1:], start, int(gaussians), int(cosine), linear
    )
    return float(rss), parameters


def describe(curve: MultibandLightCurve, model: EclipseModel) -> dict[str, float]:
    """Return the properties of the eclipses: width, separation, depths and residuals.

    A depth is the difference between the model in the centre of an eclipse and at its brightest
    phase, in magnitudes. The primary eclipse is the deeper one in the best-sampled light curve.
    """
    variance = float((curve.weight * curve.mag**2).sum())
    found = {
        "quality": 0.11 * (3.45 - float(np.log10(model.rss / variance))) if variance else np.nan,
        "resid_rms": float(np.sqrt(model.rss / len(curve))),
    }
    if not model.eclipses:
        return found
    depths = [_depths(curve, model, band) for band in range(len(curve.filters))]
    best = depths[curve.best]
    primary = 0
    if best is not None:
        primary = int(np.argmax(best))
        found["eclipse_depth"] = best[primary]
    found["eclipse_width"] = model.widths[primary]
    if model.eclipses == 2:
        distance = abs(model.centres[0] - model.centres[1])
        found["eclipse_separation"] = min(distance, 1 - distance)
        names = {1: "g", 2: "r", 3: "i"}
        for filter_, depth in zip(curve.filters, depths, strict=True):
            if depth is not None and depth[primary] > 0:
                ratio = depth[1 - primary] / depth[primary]
                found.setdefault(f"eclipse_depth_ratio_{names.get(filter_, 'unknown')}", ratio)
        if best is not None and best[primary] > 0:
            found["eclipse_depth_ratio"] = best[1 - primary] / best[primary]
    return found


def _depths(curve: MultibandLightCurve, model: EclipseModel, band: int) -> list[float] | None:
    """Return the depths of the eclipses in a light curve, or None if they are not determined."""
    part = slice(*curve.offsets[band : band + 2])
    phase = (curve.time[part] / model.period) % 1.0
    for g in range(model.eclipses):
        distance = np.abs((phase - model.centres[g] + 0.5) % 1.0 - 0.5)
        if (distance < 2.8 * model.widths[g]).sum() < EPOCHS_IN_ECLIPSE:
            return None
    root = np.sqrt(curve.weight[part])
    matrix = (model.functions(phase) * root).T
    if np.linalg.cond(matrix) > np.sqrt(LARGEST_CONDITION):  # The condition of the squared matrix.
        return None
    linear = np.linalg.lstsq(matrix, curve.mag[part] * root, rcond=None)[0]
    brightest = float((linear @ model.functions(PHASES)).min())
    at_centres = linear @ model.functions(np.array(model.centres[: model.eclipses]))
    return [float(value) - brightest for value in at_centres]
