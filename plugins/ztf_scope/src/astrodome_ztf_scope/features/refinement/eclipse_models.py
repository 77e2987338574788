"""Models of the light curves of eclipsing binaries at given periods."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import geometry_kernels as kernels
from .eclipse_kernels import NARROWEST
from .multiband import MultibandLightCurve

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
"""Names of the models, from the most detailed (rank 6) to the least detailed (rank 0)."""
SIMPLER = {0: (3, 6), 1: (0, 3, 4, 5, 6), 2: (0, 3, 4, 5, 6), 3: (6,), 4: (3, 5, 6), 5: (6,)}
"""Simpler geometries, with which each geometry is compared at the same period."""
SIGNIFICANT = 10.0
"""Minimum decrease of the BIC compared with simpler models at the same period."""
FIRST_STEP, POLISH_STEPS, COSINE_WIDTH = 0.006, 4, 0.1
"""Largest step of the frequency scans in units of 1 / baseline, number of steps on each side, and
the width that determines the smaller steps if a model has no eclipse."""
WIDTH_RATIO, EQUAL_CHI2 = 1.5, 9.0
"""Limits for equal eclipses: the maximum ratio of their widths, and the maximum of the squared
significance of the difference between their depths, minus its expectation."""
SMALLEST_RATIO = 0.05
"""Minimum ratio of the depths of two eclipses. A shallower second Gaussian only corrects
the shape of the first one."""
EPOCHS_IN_ECLIPSE, NEAR_WIDTHS, LARGEST_CONDITION = 3, 2.8, 1e6
"""Conditions for the depths in a light curve: the number of epochs within a number of widths from
the centre of each eclipse, and the condition number of the normal equations."""
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


def fit_models(curve: MultibandLightCurve, periods: Array) -> list[EclipseModel]:
    """Fit all geometries at all periods, and return the significant models.

    A model is significant if it is valid and better than all simpler models at the same period.
    """
    models = []
    count = len(curve)
    for period in periods:
        if not curve.covers_phases(period):
            continue
        rows = kernels.fit_geometries(*curve.arrays, float(period))
        parameters = rows[:, 1]
        likelihood = count * np.log(rows[:, 0] / count)
        bic = likelihood + parameters * np.log(count)
        for geometry, simpler in SIMPLER.items():
            rss, _, first, second, width, other, valid = rows[geometry].tolist()
            if valid and bic[geometry] < bic[list(simpler)].min() - SIGNIFICANT:
                centres, widths = (first, second), (width, other)
                found = float(period), geometry, float(bic[geometry]), rss
                models.append(EclipseModel(*found, centres, widths))
    return models


def polish(curve: MultibandLightCurve, model: EclipseModel) -> EclipseModel:
    """Return a model with an improved period and the standard error of the period.

    The residuals are minimised in scans of the frequency with decreasing steps. Near the minimum,
    they are a parabola whose curvature gives the error.
    """
    width = min(model.widths[: model.eclipses], default=COSINE_WIDTH)
    frequency, start = 1 / model.period, model.parameters
    for step in np.array([FIRST_STEP, 0.15 * width, 0.05 * width]) / curve.baseline:
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
    gain = len(curve) * float(np.log(best / model.rss))
    number = model.eclipses
    centres = (parameters[0], parameters[1] if number == 2 else 0.0)
    widths = np.exp(parameters[max(number, 1) :][:number])
    return replace(
        model,
        period=float(1 / frequency),
        period_error=float(error),
        bic=model.bic + gain,
        rss=float(best),
        centres=(float(centres[0]), float(centres[1])),
        widths=(float(widths[0]) if number else 0.0, float(widths[1]) if number > 1 else 0.0),
    )


def doubled(curve: MultibandLightCurve, model: EclipseModel) -> EclipseModel | None:
    """Return a model with one eclipse as a model with two equal eclipses at twice the period.

    Both are the same light curve, so that the residuals are equal. Returns None if the model has
    two eclipses, or if one of the equal eclipses is too narrow or contains too few epochs.
    """
    if model.eclipses != 1 or model.widths[0] / 2 < NARROWEST:
        return None
    period, width = 2 * model.period, model.widths[0] / 2
    centres = model.centres[0] / 2, model.centres[0] / 2 + 0.5
    for centre in centres:
        distance = np.abs((curve.time / period - centre + 0.5) % 1.0 - 0.5)
        if (distance < NEAR_WIDTHS * width).sum() < EPOCHS_IN_ECLIPSE:
            return None
    count, parameters = len(curve), 4 + 3 * len(curve.filters)
    bic = count * float(np.log(model.rss / count)) + parameters * float(np.log(count))
    return EclipseModel(period, kernels.TWO, bic, model.rss, centres, (width, width))


def _fit(
    curve: MultibandLightCurve, geometry: int, frequency: float, start: Array
) -> tuple[float, Array]:
    """Return the residual sum of squares and the parameters of a geometry at a frequency."""
    gaussians, cosine = kernels.GEOMETRIES[geometry]
    phase = (curve.time * frequency) % 1.0
    linear = np.zeros((len(curve.filters), 4))
    rss, parameters = kernels.robust_fit(
        phase, *curve.arrays[1:], start, int(gaussians), int(cosine), linear
    )
    return float(rss), parameters


def depths(curve: MultibandLightCurve, model: EclipseModel, band: int) -> list[float] | None:
    """Return the depths of the eclipses in a light curve, or None if they are not determined.

    A depth is the difference between the model in the centre of an eclipse and at its brightest
    phase, in magnitudes.
    """
    part = slice(*curve.offsets[band : band + 2])
    phase = (curve.time[part] / model.period) % 1.0
    for g in range(model.eclipses):
        distance = np.abs((phase - model.centres[g] + 0.5) % 1.0 - 0.5)
        if (distance < NEAR_WIDTHS * model.widths[g]).sum() < EPOCHS_IN_ECLIPSE:
            return None
    linear, normal = _linear_fit(curve, model, band)
    if np.linalg.cond(normal) > LARGEST_CONDITION:
        return None
    brightest = float((linear @ model.functions(PHASES)).min())
    at_centres = linear @ model.functions(np.array(model.centres[: model.eclipses]))
    return [float(value) - brightest for value in at_centres]


def _linear_fit(curve: MultibandLightCurve, model: EclipseModel, band: int) -> tuple[Array, Array]:
    """Return the linear parameters of a light curve without outliers, and the normal matrix."""
    part = slice(*curve.offsets[band : band + 2])
    root = np.sqrt(curve.weight[part])
    matrix = (model.functions((curve.time[part] / model.period) % 1.0) * root).T
    values = curve.mag[part] * root
    linear = np.linalg.lstsq(matrix, values, rcond=None)[0]
    residuals = np.abs(values - matrix @ linear)
    kept = residuals <= kernels.OUTLIER * kernels.MAD_TO_SIGMA * np.median(residuals)
    if kept.sum() > len(linear):
        linear = np.linalg.lstsq(matrix[kept], values[kept], rcond=None)[0]
        matrix = matrix[kept]
    return np.asarray(linear, np.float64), np.asarray(matrix.T @ matrix, np.float64)


def has_two_eclipses(curve: MultibandLightCurve, model: EclipseModel) -> bool:
    """Return whether a model has two eclipses, neither of which has a negligible depth."""
    if model.eclipses < 2:
        return False
    found = depths(curve, model, curve.best)
    return found is None or min(found) > SMALLEST_RATIO * max(found)


def has_equal_eclipses(curve: MultibandLightCurve, model: EclipseModel) -> bool:
    """Return whether two eclipses are half a period apart, and have equal depths and widths."""
    separation = abs(model.centres[0] - model.centres[1])
    wide, narrow = max(model.widths), min(model.widths)
    if abs(separation - 0.5) > narrow or wide > WIDTH_RATIO * narrow:
        return False
    chi2 = 0.0
    for band in range(len(curve.filters)):
        found, normal = _linear_fit(curve, model, band)
        inverse = np.linalg.pinv(normal)
        variance = (inverse[1, 1] + inverse[2, 2] - 2 * inverse[1, 2]) * model.rss / len(curve)
        if variance > 0:
            chi2 += (found[1] - found[2]) ** 2 / variance
    return chi2 < EQUAL_CHI2 + len(curve.filters)
