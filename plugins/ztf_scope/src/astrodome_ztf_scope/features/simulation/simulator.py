"""Simulate ZTF light curves of variable and constant sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from astrodome import InvalidInputError
from numpy.typing import NDArray

from . import cadence, eclipsing, irregular, photometry, pulsating
from .signals import Array, Signal

Model = Callable[[np.random.Generator, Array, NDArray[np.int64]], Signal]


@dataclass(frozen=True)
class SourceClass:
    """The model of a class, and its typical colours g - r and r - i in magnitudes."""

    model: Model
    g_r: float
    r_i: float


MODELS = {
    "rrab": SourceClass(pulsating.rr_lyrae_ab, 0.3, 0.1),
    "rrc": SourceClass(pulsating.rr_lyrae_c, 0.2, 0.05),
    "rrd": SourceClass(pulsating.rr_lyrae_d, 0.25, 0.05),
    "ceph": SourceClass(pulsating.cepheid, 0.7, 0.3),
    "dscu": SourceClass(pulsating.delta_scuti, 0.2, 0.0),
    "mir": SourceClass(pulsating.mira, 1.6, 1.4),
    "ea": SourceClass(eclipsing.eclipsing_ea, 0.5, 0.2),
    "eb": SourceClass(eclipsing.eclipsing_eb, 0.3, 0.1),
    "ew": SourceClass(eclipsing.eclipsing_ew, 0.6, 0.2),
    "rscvn": SourceClass(irregular.rotating, 0.9, 0.4),
    "fla": SourceClass(irregular.flaring, 1.4, 1.2),
    "cv": SourceClass(irregular.cataclysmic, 0.1, 0.1),
    "agn": SourceClass(irregular.active_nucleus, 0.2, 0.1),
    "nonvar": SourceClass(irregular.constant, 0.5, 0.2),
}
CLASSES = tuple(MODELS)
"""Simulated classes; the names are the tags of SCoPe. ``nonvar`` is a constant star."""
BANDS = {"g": 1, "r": 2, "i": 3}
TYPICAL_POINTS = {1: 0.8, 2: 1.0, 3: 0.12}
"""Mean number of epochs in each filter relative to r."""
FIRST_ID = 10**15


@dataclass(frozen=True)
class Simulation:
    """Simulated light curves, as returned by :func:`simulate_light_curves`.

    Attributes
    ----------
    epochs : pandas.DataFrame
        One row per epoch, grouped by light curve and sorted by time: ``_id``, ``filter`` (1 g, 2 r,
        3 i), ``ra`` and ``dec`` in degrees, ``hjd`` in days, ``mag``, ``magerr``, ``catflags``.
    truth : pandas.DataFrame
        One row per light curve: ``_id``, ``obj_id`` (the same for all filters of a source),
        ``class``, ``filter``, ``ra``, ``dec``, ``period`` and ``period_2`` in days (missing if the
        source is not periodic), mean magnitude ``mag``, peak-to-peak ``amplitude`` at the observed
        epochs without noise, ``depth_1`` and ``depth_2`` of the eclipses in magnitudes, and the
        number of epochs ``points``.
    """

    epochs: pd.DataFrame
    truth: pd.DataFrame

    def __repr__(self) -> str:
        return f"Simulation({len(self.truth)} light curves, {len(self.epochs)} epochs)"


def simulate_light_curves(
    sources: int,
    *,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    points: int | tuple[int, int] | None = None,
    bands: str = "gri",
    magnitude: tuple[float, float] = (14.0, 19.0),
    bad_epochs: bool = True,
    first: int = 0,
) -> Simulation:
    """Simulate light curves with the cadence, errors and bad epochs of ZTF.

    The light curves of a source depend only on the seed, the index of the source and the options,
    and not on the number of sources.

    Parameters
    ----------
    sources : int
        Number of sources. The classes alternate.
    classes : sequence of str, optional
        Classes to simulate (default: all). The names are the tags of SCoPe: ``rrab``, ``rrc``,
        ``rrd``, ``ceph``, ``dscu``, ``mir``, ``ea``, ``eb``, ``ew``, ``rscvn``, ``fla``, ``cv``,
        ``agn`` and ``nonvar``.
    seed : int
        Seed of the random numbers. Sources with the same seed share the weather.
    points : int or (int, int), optional
        Number of epochs of each light curve, or its range (20 to 1,500). A light curve has fewer
        epochs if the source is too faint on many nights. By default, the number is typical of ZTF:
        150 to 1,200 in r, fewer in g, and few in i.
    bands : str
        Filters: one or more of the letters g, r and i.
    magnitude : (float, float)
        Range of the mean r magnitudes.
    bad_epochs : bool
        Whether some epochs have wrong magnitudes, most of them with ``catflags`` 32768.
    first : int
        Index of the first source, to simulate a large sample in parts.

    Returns
    -------
    Simulation
        The epochs and the true parameters.

    Raises
    ------
    InvalidInputError
        If a class, a filter or a number is invalid.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> simulation = scope.simulate_light_curves(2, classes=["rrab", "ew"], points=100, bands="r")
    >>> simulation
    Simulation(2 light curves, 200 epochs)
    >>> simulation.truth["class"].tolist()
    ['rrab', 'ew']
    """
    names = CLASSES if classes is None else tuple(classes)
    span = (points, points) if isinstance(points, int | np.integer) else points
    numbers = _checked(sources, names, span, bands, seed)
    nights = cadence.survey_nights(seed)
    epochs: list[dict[str, NDArray[np.generic]]] = []
    truth: list[dict[str, object]] = []
    for index in range(first, first + sources):
        source = _Source(seed, index, names[index % len(names)], magnitude, bad_epochs)
        for curve, row in source.light_curves(nights, numbers, span):
            epochs.append(curve)
            truth.append(row)
    columns = {name: np.concatenate([one[name] for one in epochs]) for name in EPOCH_COLUMNS}
    return Simulation(pd.DataFrame(columns), pd.DataFrame(truth))


EPOCH_COLUMNS = ("_id", "filter", "ra", "dec", "hjd", "mag", "magerr", "catflags")


def _checked(
    sources: int,
    classes: tuple[str, ...],
    points: tuple[int, int] | None,
    bands: str,
    seed: int,
) -> tuple[int, ...]:
    """Return the filter numbers; raise InvalidInputError if an argument is invalid."""
    unknown = [name for name in classes if name not in MODELS]
    if unknown or not classes:
        raise InvalidInputError(
            f"Invalid class '{(*unknown, '')[0]}': expected one of {', '.join(CLASSES)}."
        )
    if not bands or set(bands) - set(BANDS) or len(set(bands)) < len(bands):
        raise InvalidInputError(f"Invalid bands '{bands}': expected different letters of 'gri'.")
    low, high = points or (20, 20)
    if not 1 <= low <= high <= 10_000:
        raise InvalidInputError(
            f"Invalid points {points}: expected a number, or a range of two numbers, from 1 to "
            "10,000."
        )
    if sources < 1:
        raise InvalidInputError(f"Invalid number of sources {sources}: must be at least 1.")
    if seed < 0:
        raise InvalidInputError(f"Invalid seed {seed}: must not be negative.")
    return tuple(BANDS[band] for band in bands)


@dataclass(frozen=True)
class _Source:
    """A simulated source, identified by the seed and its index."""

    seed: int
    index: int
    name: str
    magnitude: tuple[float, float]
    bad_epochs: bool

    def light_curves(
        self,
        nights: cadence.Nights,
        bands: tuple[int, ...],
        points: tuple[int, int] | None,
    ) -> list[tuple[dict[str, NDArray[np.generic]], dict[str, object]]]:
        """Return the epochs and the true parameters of the light curve in each filter."""
        rng = np.random.default_rng([self.seed, 2, self.index])
        ra = rng.uniform(0, 360)
        dec = float(np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(-28.0)), 1.0))))
        mean_r = rng.uniform(*self.magnitude)
        numbers = _numbers(rng, bands, points)
        observed = [
            cadence.visits(rng, nights, ra, dec, band, int(1.3 * number) + 10)
            for band, number in zip(bands, numbers, strict=True)
        ]
        time = np.concatenate([times for times, _ in observed])
        band = np.repeat(bands, [len(times) for times, _ in observed])
        signal = MODELS[self.name].model(rng, time, band)
        curves, start = [], 0
        for number, one, (times, night) in zip(numbers, bands, observed, strict=True):
            clean = signal.mag[start : start + len(times)] + self._mean(one, mean_r)
            start += len(times)
            kept, columns = self._photometry(rng, clean, nights.depth[night], number)
            columns |= {"hjd": times[kept]}
            curves.append(self._described(rng, columns, clean[kept], one, (ra, dec), signal))
        return curves

    def _mean(self, band: int, mean_r: float) -> float:
        about = MODELS[self.name]
        return mean_r + {1: about.g_r, 2: 0.0, 3: -about.r_i}[band]

    def _photometry(
        self, rng: np.random.Generator, clean: Array, depth: Array, number: int
    ) -> tuple[NDArray[np.intp], dict[str, NDArray[np.generic]]]:
        """Return the rows of the detected epochs, at most ``number``, and their photometry."""
        mag, error, detected = photometry.observe(rng, clean, depth)
        rows = np.flatnonzero(detected)
        if len(rows) > number:
            rows = np.sort(rng.choice(rows, number, replace=False))
        mag, flags = mag[rows], np.zeros(len(rows), np.int64)
        if self.bad_epochs:
            mag, flags = photometry.add_bad_epochs(rng, mag)
        return rows, {"mag": mag, "magerr": error[rows], "catflags": flags}

    def _described(
        self,
        rng: np.random.Generator,
        columns: dict[str, NDArray[np.generic]],
        clean: Array,
        band: int,
        position: tuple[float, float],
        signal: Signal,
    ) -> tuple[dict[str, NDArray[np.generic]], dict[str, object]]:
        """Return the columns of a light curve with its identifiers, and its true parameters."""
        count = len(clean)
        # Each filter has its own reference image, so that the positions differ by 0.1 arcsec.
        offset = rng.normal(0, 0.1 / 3600, 2)
        dec = float(np.clip(position[1] + offset[1], -90, 90))
        ra = float((position[0] + offset[0] / np.cos(np.radians(min(dec, 89.9)))) % 360)
        shared = {
            "_id": FIRST_ID + self.seed % 100_000 * 10**9 + self.index * 10 + band,
            "filter": band,
            "ra": ra,
            "dec": dec,
        }
        depths = signal.depths.get(band, (np.nan, np.nan))
        row = {
            **shared,
            "obj_id": f"SIM{self.seed}-{self.index:06d}",
            "class": self.name,
            "period": signal.period,
            "period_2": signal.second_period,
            "mag": float(clean.mean()) if count else np.nan,
            "amplitude": float(np.ptp(clean)) if count else np.nan,
            "depth_1": depths[0],
            "depth_2": depths[1],
            "points": count,
        }
        return {**{k: np.full(count, v) for k, v in shared.items()}, **columns}, row


def _numbers(
    rng: np.random.Generator, bands: tuple[int, ...], points: tuple[int, int] | None
) -> list[int]:
    """Return the number of epochs in each filter."""
    if points is not None:
        number = np.exp(rng.uniform(np.log(points[0]), np.log(points[1] + 1)))
        return [int(np.clip(number, *points))] * len(bands)
    typical = np.clip(np.exp(rng.normal(np.log(450.0), 0.45)), 150, 1200)
    return [max(20, int(typical * TYPICAL_POINTS[band])) for band in bands]
