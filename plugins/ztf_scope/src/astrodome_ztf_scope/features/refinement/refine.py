"""Refine the period of one source with the method for its class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astrodome import InvalidInputError

from ..cleaning import CleaningOptions, TooFewEpochsError, clean
from ..epochs import check_shapes, plain_values
from ..periods import SearchOptions, search
from . import eclipse_properties, eclipsing, pulsating
from .classes import PeriodPrior, period_prior
from .multiband import MIN_POINTS, Array, MultibandLightCurve, combine
from .trial_periods import trial_periods

PREFIX = "refined_"
RESULT = {
    "period_refined": "float64",
    "period_was_refined": "boolean",
    "period_model": "string",
    "period_model_rank": "Int64",
    "refinement_reason": "string",
}
"""Columns of every result and their types."""
MEASURED = {
    **dict.fromkeys(("period_err", "resid_rms", "quality"), "float64"),
    **dict.fromkeys(("eclipse_depth", "eclipse_width", "eclipse_separation"), "float64"),
    **dict.fromkeys([f"eclipse_depth_ratio{band}" for band in ("", "_g", "_r", "_i")], "float64"),
    **dict.fromkeys(("amp", "R21", "R31", "phi21", "phi31"), "float64"),
    **{"mode": "string", "p2": "float64", "is_rrd": "boolean"},
}
"""Measurements and their types. In a result, :data:`PREFIX` is added to the names."""


@dataclass(frozen=True)
class RefinementOptions:
    """Options of the period refinement.

    Attributes
    ----------
    n_periods : int
        Number of periods per algorithm that are tried.
    min_cadence_minutes : float
        Minimum time difference between consecutive epochs, in minutes.
    min_points : int
        Minimum number of epochs of a source in all filters.
    characterise : bool
        Whether to also measure the light curve: eclipses, Fourier parameters, second period and
        error of the period.
    """

    n_periods: int = 50
    min_cadence_minutes: float = 30.0
    min_points: int = 60
    characterise: bool = True


def refine_period(
    time: Any,
    mag: Any,
    magerr: Any,
    band: Any = None,
    *,
    source_class: str,
    period: float = np.nan,
    listed_periods: Iterable[float] = (),
    catflags: Any = None,
    options: RefinementOptions = RefinementOptions(),
) -> dict[str, Any]:
    """Refine the period of an eclipsing binary, an RR Lyrae star or a Cepheid.

    Models for the class are fitted to the light curves in all filters together, at the current
    period, its double and its half, and at the most significant periods of several algorithms.

    Parameters
    ----------
    time : array_like, shape (N,)
        Times in days, or an astropy time.
    mag, magerr : array_like, shape (N,)
        Magnitudes and their errors.
    band : array_like, shape (N,), optional
        Filter of each epoch: 1 (g), 2 (r) or 3 (i). By default, all epochs have the same filter.
    source_class : str
        Class of the source, for example ``EA``, ``ew``, ``RRab`` or ``Cepheid``.
    period : float
        Current period in days.
    listed_periods : iterable of float
        Other periods to try, in days. If it is empty, the light curve with the most epochs is
        searched for periods.
    catflags : array_like, shape (N,), optional
        Quality flags. Only epochs with the flag 0 are used.
    options : RefinementOptions
        Criteria for the epochs, and the number of periods.

    Returns
    -------
    dict
        ``period_refined`` in days, ``period_was_refined`` (False if the current period is kept),
        ``period_model``, ``period_model_rank`` and ``refinement_reason`` (why the period was not
        refined). If ``options.characterise`` is True, also the properties of the light curve, whose
        names begin with ``refined_``.

    Raises
    ------
    InvalidInputError
        If periods of the class cannot be refined, or if the arrays differ in length.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> simulation = scope.simulate_light_curves(1, classes=["ew"], points=200, bands="r")
    >>> curve, truth = simulation.epochs, simulation.truth["period"][0]
    >>> columns = [curve[name] for name in ("hjd", "mag", "magerr")]
    >>> found = scope.refine_period(
    ...     *columns,
    ...     catflags=curve["catflags"],
    ...     source_class="EW",
    ...     period=truth / 2,
    ...     listed_periods=[0.7, 1.3],
    ... )
    >>> round(float(found["period_refined"] / truth), 3), found["period_model"]
    (1.0, 'two eclipses')
    """
    prior = period_prior(source_class)
    if prior is None:
        raise InvalidInputError(
            f"Invalid class '{source_class}': periods of this class cannot be refined.",
            "Use the class of an eclipsing binary, an RR Lyrae star or a Cepheid, for example ew, "
            "rrab or ceph.",
        )
    t, m, e = (
        plain_values(time, "d", "time"),
        plain_values(mag, "mag", "mag"),
        plain_values(magerr, "mag", "magerr"),
    )
    filters = np.zeros(len(t)) if band is None else plain_values(band, "", "band")
    flags = np.zeros(len(t)) if catflags is None else plain_values(catflags, "", "catflags")
    check_shapes(time=t, mag=m, magerr=e, band=filters, catflags=flags)
    curves, numbers = [], []
    for number in np.unique(filters[np.isfinite(filters)]):
        inside = filters == number
        curves.append((t[inside], m[inside], e[inside], flags[inside]))
        numbers.append(int(number))
    periods = [period] if period > 0 and np.isfinite(period) else []
    result = refine_light_curves(curves, numbers, prior, periods, listed_periods, options)
    if not result["period_was_refined"]:
        result["period_refined"] = float(period)
    return result


def refine_light_curves(
    curves: Sequence[tuple[Array, Array, Array, Array]],
    filters: Sequence[int],
    prior: PeriodPrior,
    periods: Sequence[float],
    listed: Iterable[float],
    options: RefinementOptions,
) -> dict[str, Any]:
    """Refine the period of a source from its light curves: times, magnitudes, errors and flags.

    The first one of ``periods`` is the current period. See :func:`refine_period` for the result.
    """
    cleaned = [_cleaned(curve, options) for curve in curves]
    combined = combine(cleaned, filters)
    if len(combined) < options.min_points:
        longest = max((len(time) for time, _, _ in cleaned), default=0)
        return unchanged(
            f"too few epochs: {len(combined)} in light curves with at least {MIN_POINTS} epochs "
            f"({options.min_points} are required; longest light curve: {longest})",
        )
    listed = list(listed) or _search(cleaned[_longest(cleaned)], prior, options)
    current = periods[0] if periods else np.nan
    trials = trial_periods(current, [*periods[1:], *listed], prior, combined.baseline)
    if not len(trials):
        low, high = prior.shortest, prior.longest
        return unchanged(f"no trial period from {low:g} to {high:g} d")
    found = _fit(combined, trials, prior, current, options)
    return unchanged("no model describes the light curve") if found is None else found


def unchanged(reason: str) -> dict[str, Any]:
    """Return the result for a source whose current period is kept."""
    return {
        "period_refined": None,
        "period_was_refined": False,
        "period_model": None,
        "period_model_rank": None,
        "refinement_reason": reason,
    }


def _fit(
    curve: MultibandLightCurve,
    trials: Array,
    prior: PeriodPrior,
    period: float,
    options: RefinementOptions,
) -> dict[str, Any] | None:
    """Return the result of the method for the class, or None if no model was found."""
    properties: dict[str, Any] = {}
    if prior.kind == "eclipsing":
        eclipses = eclipsing.find_period(curve, trials, period, prior)
        if eclipses is None:
            return None
        refined, name, rank = eclipses.period, eclipses.name, eclipses.rank
        if options.characterise:
            properties = {
                "period_err": eclipses.period_error,
                **eclipse_properties.describe(curve, eclipses),
            }
    else:
        fourier = pulsating.find_period(curve, trials)
        if fourier is None:
            return None
        curve = pulsating.without_outliers(curve, fourier)
        fourier = pulsating.refine(curve, fourier)
        refined, name, rank = fourier.period, "Fourier series", fourier.order
        if options.characterise:
            error = pulsating.bootstrap_error(curve, fourier)
            properties = {"period_err": error, **pulsating.describe(curve, fourier, prior.kind)}
    return {
        "period_refined": refined,
        "period_was_refined": True,
        "period_model": name,
        "period_model_rank": rank,
        "refinement_reason": None,
        **{PREFIX + key: value for key, value in properties.items()},
    }


def _cleaned(
    curve: tuple[Array, Array, Array, Array], options: RefinementOptions
) -> tuple[Array, Array, Array]:
    time, mag, error, flags = curve
    cleaning = CleaningOptions(
        min_cadence_minutes=options.min_cadence_minutes, min_points=MIN_POINTS
    )
    try:
        kept = clean(time, mag, error, flags, cleaning)
    except TooFewEpochsError:
        kept = np.empty(0, np.intp)
    return time[kept], mag[kept], error[kept]


def _longest(curves: Sequence[tuple[Array, Array, Array]]) -> int:
    return int(np.argmax([len(time) for time, _, _ in curves]))


def _search(
    curve: tuple[Array, Array, Array], prior: PeriodPrior, options: RefinementOptions
) -> list[float]:
    """Return the best periods of a light curve in the range of the class."""
    baseline = float(np.ptp(curve[0]))
    lowest = max(2 / baseline, 1 / prior.longest) if baseline else np.inf
    # The highest peak of an eclipsing binary is at half of the period.
    highest = min(2 / prior.shortest, 48.0)
    if not lowest < highest:
        return []
    grid = SearchOptions(min_frequency=lowest, max_frequency=highest, top_n=options.n_periods)
    peaks = search(*curve, grid)
    periods = np.concatenate([found.period for found in peaks.values()])
    return [float(value) for value in periods[np.isfinite(periods)]]
