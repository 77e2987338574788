"""Convert an anomaly statistic to false-alarm probabilities with extreme-value theory.

The distribution of the statistic in a population, for example ``drw_max_z`` of all sources in one
band, is empirical up to a high percentile. Above it, the excesses follow a generalized Pareto
distribution (Coles 2001, An Introduction to Statistical Modeling of Extreme Values, chapter 4). The
calibration is saved, so that sources that are observed later get comparable probabilities.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astrodome import AstrodomeError, InvalidInputError, files
from astrodome.errors import not_found
from numpy.typing import ArrayLike

from .kernels import Array

FORMAT = "astrodome extreme-value calibration"
_FEWEST_VALUES, _FEWEST_EXCESSES = 20, 5
_QUANTILES = 201
_SMALLEST_PROBABILITY = 1e-300
_EXPONENTIAL = 1e-12
"""Absolute shape below which the generalized Pareto distribution is an exponential distribution."""


@dataclass(frozen=True)
class ExtremeValueCalibration:
    """Distribution of a statistic in a population.

    Parameters
    ----------
    limit
        Value above which the generalized Pareto distribution is used.
    shape, scale
        Parameters of the generalized Pareto distribution of the excesses above the limit.
    n
        Number of values in the population.
    n_excesses
        Number of values above the limit.
    quantiles
        Quantiles of the population at 201 equidistant probabilities from 0 to 1.
    """

    limit: float
    shape: float
    scale: float
    n: int
    n_excesses: int
    quantiles: tuple[float, ...]

    def probability(self, values: ArrayLike) -> Array:
        """Return the probability that a source of the population exceeds each value.

        The probability is NaN for values that are not finite, and otherwise at least 1e-300.
        """
        x = np.asarray(values, np.float64)
        levels = np.linspace(0, 1, len(self.quantiles))
        result = 1 - np.interp(x, self.quantiles, levels)
        excess = (np.maximum(x, self.limit) - self.limit) / self.scale
        if abs(self.shape) < _EXPONENTIAL:
            tail = np.exp(-excess)
        else:
            base = np.maximum(1 + self.shape * excess, 0)  # 0 above the upper end, if shape < 0
            with np.errstate(divide="ignore"):
                tail = base ** (-1 / self.shape)
        result = np.where(x > self.limit, self.n_excesses / self.n * tail, result)
        result = np.clip(result, _SMALLEST_PROBABILITY, 1)
        return np.where(np.isfinite(x), result, np.nan)

    def score(self, values: ArrayLike) -> Array:
        """Return the anomaly scores, which are the negative decimal logarithms of the probability.

        Scores of values that are not finite are NaN.
        """
        scores: Array = -np.log10(self.probability(values))
        return scores

    def threshold(self, probability: float = 0.01) -> float:
        """Return the value that a source of the population exceeds with a probability.

        Raises
        ------
        astrodome.InvalidInputError
            If the probability is not between 0 and 1.
        """
        if not 0 < probability < 1:
            raise InvalidInputError(
                f"Invalid false-alarm probability {probability}: expected a number between 0 and 1."
            )
        ratio = probability * self.n / self.n_excesses
        if ratio >= 1:
            levels = np.linspace(0, 1, len(self.quantiles))
            return float(np.interp(1 - probability, levels, self.quantiles))
        if abs(self.shape) < _EXPONENTIAL:
            return self.limit - self.scale * math.log(ratio)
        return self.limit + self.scale / self.shape * math.expm1(-self.shape * math.log(ratio))

    def save(self, path: Path) -> None:
        """Write the calibration to a JSON file."""
        content = {"format": FORMAT, **dataclasses.asdict(self)}
        files.write_text(Path(path), json.dumps(content, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> ExtremeValueCalibration:
        """Read a calibration from a JSON file.

        Raises
        ------
        astrodome.AstrodomeError
            If the file does not exist.
        astrodome.InvalidInputError
            If the file does not contain a calibration.
        """
        try:
            content = json.loads(Path(path).read_text("utf-8"))
        except FileNotFoundError:
            raise not_found(path) from None
        except ValueError as error:
            raise _invalid(path, f"invalid JSON ({error})") from None
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise _invalid(path, f"'format' is not '{FORMAT}'")
        names = {field.name for field in dataclasses.fields(cls)}
        if missing := names - set(content):
            raise _invalid(path, f"missing {', '.join(sorted(missing))}")
        try:
            quantiles = tuple(map(float, content["quantiles"]))
            n, n_excesses = int(content["n"]), int(content["n_excesses"])
            limit, shape, scale = (float(content[name]) for name in ("limit", "shape", "scale"))
        except (TypeError, ValueError) as error:
            raise _invalid(path, str(error)) from None
        if not (scale > 0 and 0 < n_excesses <= n and len(quantiles) > 1):
            raise _invalid(path, "scale, n, n_excesses and quantiles are inconsistent")
        return cls(limit, shape, scale, n, n_excesses, quantiles)


def calibrate(values: ArrayLike, percentile: float = 95.0) -> ExtremeValueCalibration:
    """Determine the distribution of a statistic in a population.

    Parameters
    ----------
    values : array_like
        Values of the statistic, one per source. Values that are not finite are ignored.
    percentile : float
        Percentile of the values above which a generalized Pareto distribution is fitted.

    Returns
    -------
    ExtremeValueCalibration
        The calibration.

    Raises
    ------
    astrodome.AstrodomeError
        If there are fewer than 20 finite values, or fewer than 5 values above the percentile.
    astrodome.InvalidInputError
        If the percentile is not between 0 and 100.

    Examples
    --------
    >>> import numpy as np
    >>> from astrodome_ztf_scope.features.extreme_values import calibrate
    >>> population = np.random.default_rng(1).exponential(size=5000)
    >>> calibration = calibrate(population)
    >>> calibration.probability([np.log(1000)]).round(3).tolist()
    [0.001]
    """
    from scipy.stats import genpareto

    if not 0 < percentile < 100:
        raise InvalidInputError(
            f"Invalid percentile {percentile}: expected a number between 0 and 100."
        )
    x = np.asarray(values, np.float64).ravel()
    x = x[np.isfinite(x)]
    if len(x) < _FEWEST_VALUES:
        raise AstrodomeError(
            f"Too few values for a calibration: {len(x)} are finite, at least {_FEWEST_VALUES} are "
            "required.",
            "Combine more feature tables.",
        )
    limit = float(np.percentile(x, percentile))
    excesses = x[x > limit] - limit
    if len(excesses) < _FEWEST_EXCESSES:
        raise AstrodomeError(
            f"Too few values for a calibration: {len(excesses)} of {len(x)} are above the "
            f"{percentile:g}th percentile, at least {_FEWEST_EXCESSES} are required.",
            "Combine more feature tables, or decrease the percentile.",
        )
    shape, _, scale = genpareto.fit(excesses, floc=0)
    quantiles = np.quantile(x, np.linspace(0, 1, _QUANTILES))
    return ExtremeValueCalibration(
        limit, float(shape), float(scale), len(x), len(excesses), tuple(quantiles.tolist())
    )


def _invalid(path: Path, problem: str) -> InvalidInputError:
    """Return the error for a file that does not contain a calibration."""
    return InvalidInputError(
        f"Invalid calibration file {path}: {problem}.",
        "Create the file with ExtremeValueCalibration.save.",
    )
