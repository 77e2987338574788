"""Analyse the light curves of one source: periods, periodograms, statistics and dmdt image.

The light curves of a source in several bands are searched for a period together, after the median
magnitude of each light curve has been subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from astrodome import AstrodomeError, InvalidInputError
from numpy.typing import NDArray

from ..catalogues import positions
from . import dmdt, fourier, periods
from .cleaning import CleaningOptions, EpochStatus, epoch_status
from .extraction.options import FeatureOptions
from .folding import FoldedLightCurve, fold
from .periods import Peaks, SearchOptions
from .periods.grid import make_grid
from .statistics import statistics

Array = NDArray[np.float64]
BANDS = {1: "g", 2: "r", 3: "i"}
"""Names of the ZTF bands."""
PERIODOGRAM_BINS = 1500
"""Maximum number of points in a periodogram."""
DEFAULT_OPTIONS = FeatureOptions(cleaning=CleaningOptions(min_points=1))
FACTORS = (1.0, 0.5, 2.0)
"""Multiples of the best period at which the light curves are folded."""
GIVEN = "given"
"""Value of ``SourceInspection.algorithm`` if the period was specified."""
MULTIPLES = {1.0: "", 1 / 2: "1/2", 2.0: "2", 1 / 3: "1/3", 3.0: "3"}
"""Multiples of the listed periods among which the best period is selected, with their names."""


@dataclass(frozen=True)
class InspectedLightCurve:
    """One light curve of a source.

    Attributes
    ----------
    id : int or str
        Identifier of the light curve.
    band : str
        ``g``, ``r`` or ``i``, or an empty string if the filter is unknown.
    time, mag, magerr : numpy.ndarray, shape (N,)
        Heliocentric Julian dates in days, magnitudes and errors of all valid epochs without flags,
        sorted by time.
    used : numpy.ndarray of bool, shape (N,)
        Whether each epoch was used to compute features and periods.
    removed : mapping of str to int
        Number of epochs that were not used, keyed by the reason.
    statistics : mapping of str to float
        Statistics of the epochs that were used.
    """

    id: Any
    band: str
    time: Array = field(repr=False)
    mag: Array = field(repr=False)
    magerr: Array = field(repr=False)
    used: NDArray[np.bool_] = field(repr=False)
    removed: Mapping[str, int]
    statistics: Mapping[str, float] = field(repr=False)

    @property
    def epochs(self) -> tuple[Array, Array, Array]:
        """Times, magnitudes and errors of the epochs that were used."""
        return self.time[self.used], self.mag[self.used], self.magerr[self.used]


@dataclass(frozen=True)
class Periodogram:
    """The best value of a periodogram in each of several intervals of the period.

    ``period`` is in days, in ascending order, and ``value`` contains the value of the periodogram.
    Both have the shape (N,). ``masked`` is True for periods in bands that are not searched.
    ``minimum`` is True if the best period has the smallest value.
    """

    period: Array
    value: Array
    masked: NDArray[np.bool_]
    minimum: bool = False

    @property
    def masked_bands(self) -> list[tuple[float, float]]:
        """The first and the last period of each band that is not searched, in days."""
        change = np.diff(self.masked.astype(np.int8), prepend=0, append=0)
        starts, stops = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
        return [
            (float(self.period[start]), float(self.period[stop - 1]))
            for start, stop in zip(starts, stops, strict=True)
        ]


@dataclass(frozen=True)
class SourceInspection:
    """The light curves of a source and the results of their analysis.

    Attributes
    ----------
    name : str
        Name or identifier of the source.
    ra, dec : float
        Mean position in degrees, or NaN.
    light_curves : sequence of InspectedLightCurve
        Light curves, sorted by band and identifier.
    period, significance : float
        Best period in days and its significance, or NaN. If the period was specified, the
        significance is NaN.
    log10_fap, log10_fap_period : float
        Smallest logarithm of the false-alarm probability of the best period, and the period in days
        for which an algorithm computed it, or NaN. If no algorithm found the best period, but a
        simple multiple of it, they are those of the multiple.
    algorithm : str
        Algorithms that found the best period, for example ``LS, CE``, or a multiple of their
        period, for example ``2 × the period of LS``. If the period was specified, ``given``.
    peaks : mapping of str to Peaks
        Best periods, keyed by algorithm.
    periodograms : mapping of str to Periodogram
        Periodograms, keyed by algorithm.
    folded : mapping of float to list of FoldedLightCurve
        Light curves folded at multiples of the best period, keyed by the factor.
    agreement : mapping of str to float
        Agreement between the algorithms.
    fourier : mapping of str to float
        Fourier features at the best period, for the light curve with the most epochs.
    dmdt : numpy.ndarray, shape (26, 26)
        dmdt image of the light curve with the most epochs.
    """

    name: str
    ra: float
    dec: float
    light_curves: Sequence[InspectedLightCurve]
    period: float
    significance: float
    log10_fap: float
    log10_fap_period: float
    algorithm: str
    peaks: Mapping[str, Peaks] = field(repr=False)
    periodograms: Mapping[str, Periodogram] = field(repr=False)
    folded: Mapping[float, Sequence[FoldedLightCurve]] = field(repr=False)
    agreement: Mapping[str, float] = field(repr=False)
    fourier: Mapping[str, float] = field(repr=False)
    dmdt: NDArray[np.float32] = field(repr=False)

    @property
    def is_multiple(self) -> bool:
        """Whether no algorithm found the best period, but a simple multiple of it."""
        return abs(self.log10_fap_period / self.period - 1) > 0.1

    @property
    def main(self) -> InspectedLightCurve:
        """The light curve with the most epochs that were used."""
        return main_light_curve(self.light_curves)


def inspect_source(
    light_curves: pa.Table,
    name: str = "",
    options: FeatureOptions = DEFAULT_OPTIONS,
    *,
    period: float | None = None,
) -> SourceInspection:
    """Analyse the light curves of one source.

    Parameters
    ----------
    light_curves : pyarrow.Table
        One row per light curve, in the format of :func:`.epochs.group`.
    name : str
        Name of the source. By default, the identifier of the first light curve is used.
    options : FeatureOptions
        Criteria for the epochs that are used, algorithms and frequency grid of the period search,
        and meaning of the Fourier features.
    period : float, optional
        Period in days to use instead of the best period.

    Raises
    ------
    AstrodomeError
        If no light curve has enough valid epochs, or if the period is invalid.
    """
    if period is not None and not (period > 0 and np.isfinite(period)):
        raise InvalidInputError(f"Invalid period {period:g}: expected a positive number of days.")
    curves = prepare_light_curves(light_curves, options)
    if not curves:
        least = options.cleaning.min_points
        raise AstrodomeError(
            f"The source {name} has too few epochs: none of its {len(light_curves)} light curves "
            f"has at least {least} epochs after cleaning.",
            "Decrease the minimum number of epochs (--min-points)." if least > 1 else "",
        )
    time, mag, magerr = combined(curves)
    peaks = periods.search(time, mag, magerr, options.search)
    best, significance, listed = period or np.nan, np.nan, _Listed(GIVEN)
    if period is None:
        best, significance = periods.best_period(peaks, time, mag, magerr)
        listed = _listed(best, peaks, float(np.ptp(time)))
    main = main_light_curve(curves).epochs
    convention = options.fourier_convention
    return SourceInspection(
        name=name or str(curves[0].id),
        **_position(light_curves),
        light_curves=curves,
        period=best,
        significance=significance,
        log10_fap=listed.log10_fap,
        log10_fap_period=listed.period,
        algorithm=listed.algorithm,
        peaks=peaks,
        periodograms={n: _periodogram(time, mag, magerr, n, options.search) for n in peaks},
        folded={factor: fold(curves, factor * best) for factor in FACTORS},
        agreement=periods.agreement(peaks) if len(peaks) > 1 else {},
        fourier=fourier.fourier_features(*main, best, convention=convention),
        dmdt=dmdt.dmdt_image(*main[:2]),
    )


def prepare_light_curves(
    light_curves: pa.Table, options: FeatureOptions = DEFAULT_OPTIONS
) -> list[InspectedLightCurve]:
    """Return the light curves that have enough epochs after cleaning, sorted by band.

    ``light_curves`` has one row per light curve, in the format of :func:`.epochs.group`.
    """
    curves = [_light_curve(row, options) for row in light_curves.to_pylist()]
    order = {band: number for number, band in BANDS.items()}
    curves.sort(key=lambda curve: order.get(curve.band, 0))
    least = max(options.cleaning.min_points, 1)
    return [curve for curve in curves if curve.used.sum() >= least]


def main_light_curve(curves: Sequence[InspectedLightCurve]) -> InspectedLightCurve:
    """Return the light curve with the most epochs that were used."""
    return max(curves, key=lambda curve: int(curve.used.sum()))


def combined(curves: Sequence[InspectedLightCurve]) -> tuple[Array, Array, Array]:
    """Return the used epochs of several light curves, sorted by time.

    If there is more than one light curve, the median magnitude of each is subtracted.
    """
    if len(curves) == 1:
        return curves[0].epochs
    parts = [
        (time, mag - np.median(mag), error)
        for time, mag, error in (curve.epochs for curve in curves)
    ]
    time, mag, magerr = (np.concatenate(values) for values in zip(*parts, strict=True))
    order = np.argsort(time, kind="stable")
    return time[order], mag[order], magerr[order]


def _light_curve(row: Mapping[str, Any], options: FeatureOptions) -> InspectedLightCurve:
    time, mag, magerr, flags = (
        np.array(row[name] or [], np.float64) for name in ("hjd", "mag", "magerr", "catflags")
    )
    if options.max_timestamp_hjd is not None:
        early = time <= options.max_timestamp_hjd
        time, mag, magerr, flags = time[early], mag[early], magerr[early], flags[early]
    status = epoch_status(time, mag, magerr, np.nan_to_num(flags), options.cleaning)
    shown = np.flatnonzero(~np.isin(status, (EpochStatus.INVALID, EpochStatus.FLAGGED)))
    order = shown[np.argsort(time[shown], kind="stable")]
    time, mag, magerr, used = (
        time[order],
        mag[order],
        magerr[order],
        status[order] == EpochStatus.KEPT,
    )
    counts = {one: int((status == one).sum()) for one in EpochStatus if one != EpochStatus.KEPT}
    return InspectedLightCurve(
        row["_id"],
        BANDS.get(row["filter"], str(row["filter"] or "")),
        time,
        mag,
        magerr,
        used,
        {one.name.lower().replace("_", " "): count for one, count in counts.items() if count},
        statistics(time[used], mag[used], magerr[used]),
    )


def _position(light_curves: pa.Table) -> dict[str, float]:
    """Return the mean position of the light curves in degrees, or NaN."""
    ra, dec = (light_curves[name].to_numpy() for name in ("ra", "dec"))
    ra, dec = positions.mean(np.asarray(ra, np.float64), np.asarray(dec, np.float64))
    return {"ra": ra, "dec": dec}


@dataclass(frozen=True)
class _Listed:
    """A period that algorithms found, with their names and its false-alarm probability."""

    algorithm: str = ""
    period: float = np.nan
    log10_fap: float = np.nan


def _listed(best: float, peaks: Mapping[str, Peaks], baseline: float) -> _Listed:
    """Return the period in the lists of the algorithms from which the best period was derived.

    It is the best period or, if no algorithm found it, the simple multiple of it with the smallest
    false-alarm probability. The selection of the best period changes a frequency by at most 0.05
    divided by the baseline.
    """
    multiples = []
    for factor, name in MULTIPLES.items():
        found = {}
        for algorithm, peak in peaks.items():
            same = np.abs(1 / (factor * peak.period) - 1 / best) * baseline <= 0.1
            if same.any():
                rank = same.argmax()
                found[algorithm] = float(peak.log10_fap[rank]), float(peak.period[rank])
        if found:
            log10_fap, period = min(found.values())
            names = ", ".join(found)
            listed = _Listed(
                f"{name} × the period of {names}" if name else names, period, log10_fap
            )
            if factor == 1:
                return listed
            multiples.append(listed)
    return min(multiples, key=lambda listed: listed.log10_fap, default=_Listed())


def _periodogram(
    time: Array, mag: Array, magerr: Array, algorithm: str, search: SearchOptions
) -> Periodogram:
    """Compute a periodogram, and reduce it to the best value in each of several intervals."""
    from .periods.algorithms import ALGORITHMS

    minimum = ALGORITHMS[algorithm].minimum
    grid = make_grid(float(np.ptp(time)), search) if len(time) else None
    if grid is None:
        return Periodogram(np.empty(0), np.empty(0), np.empty(0, bool), minimum)
    frequency = grid.frequency(np.arange(grid.size))
    value = periods.periodogram(time, mag, magerr, algorithm, frequency)
    searched = grid.is_searched(np.arange(grid.size))
    upward = np.where(np.isfinite(value), -value if minimum else value, -np.inf)
    edges = np.geomspace(frequency[0], frequency[-1], PERIODOGRAM_BINS)
    starts = np.unique(np.searchsorted(frequency, edges))
    best = []
    for start, stop in zip(starts, [*starts[1:], grid.size], strict=True):
        part = np.arange(start, stop)
        part = part[searched[part]] if searched[part].any() else part
        best.append(part[upward[part].argmax()])
    rows = np.array(best[::-1])
    return Periodogram(1 / frequency[rows], value[rows], ~searched[rows], minimum)
