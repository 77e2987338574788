"""Search light curves for periods: units, times and batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import compute
from astrodome.errors import AstrodomeError, InvalidInputError

from ..epochs import check_shapes, plain_values
from .options import Array, SearchOptions
from .scanning import search

if TYPE_CHECKING:
    import pandas as pd
    from astropy.units import Quantity

COLUMNS = ("period", "value", "significance", "log10_fap")

Curve = tuple[Array, Array, Array | None]


def find_periods(
    time: Any,
    mag: Any = None,
    magerr: Any = None,
    *,
    algorithms: Sequence[str] = ("LS", "CE", "AOV"),
    max_frequency: float | Quantity = 48.0,
    min_frequency: float | Quantity | None = None,
    samples_per_peak: float = 10,
    top_n: int = 10,
    full_grid: bool = False,
    mask_aliases: bool = True,
    jobs: int = 1,
) -> pd.DataFrame:
    """Search one or several light curves for periods.

    The result for a light curve does not depend on the other light curves. The frequency grid and
    the algorithms are described in :func:`astrodome_ztf_scope.features.periods.search`.

    Parameters
    ----------
    time : array_like, Quantity, Time, list of these, or pandas.DataFrame
        Times with shape (N,), in days unless they have a unit. A list contains the times of several
        light curves. A table contains one row per epoch and the columns ``_id``, ``hjd``, ``mag``
        and ``magerr``.
    mag, magerr : array_like, Quantity, or list of these, optional
        Magnitudes and their standard errors, with the same shapes as the times. They are not passed
        if ``time`` is a table. Without errors, all epochs have the same weight.
    algorithms : sequence of str, optional
        Names of algorithms: LS, CE, AOV, FPW, MHF, BLS and MHAOV.
    max_frequency, min_frequency : float or Quantity, optional
        Frequency range, in 1/d unless it has a unit. By default, the minimum is 2/baseline.
    samples_per_peak : float, optional
        Number of frequencies per 1/baseline.
    top_n : int, optional
        Maximum number of periods for each algorithm.
    full_grid : bool, optional
        Whether to evaluate all frequencies instead of a coarse grid and its best surroundings.
    mask_aliases : bool, optional
        Whether to skip frequencies at which the observing schedule causes false periods.
    jobs : int, optional
        Number of threads. 0 means one thread per CPU.

    Returns
    -------
    pandas.DataFrame
        One row per period, with the columns ``algorithm``, ``rank`` (from 1), ``period`` (days),
        ``value``, ``significance`` and ``log10_fap``. For several light curves, the first column
        ``_id`` contains the identifier or the position in the list. If an algorithm found no
        period in a light curve, one row with missing values is returned.

    Raises
    ------
    InvalidInputError
        If an option is invalid, if a column is missing, or if the shapes are different. MHF
        requires errors.

    Examples
    --------
    >>> import numpy as np
    >>> import astropy.units as u
    >>> import astrodome_ztf_scope as scope
    >>> time = np.sort(np.random.default_rng(1).uniform(0, 2400, 200)) * u.hour
    >>> mag = (15 + 0.2 * np.sin(2 * np.pi * time.to_value(u.day) / 0.7654)) * u.mag
    >>> periods = scope.find_periods(time, mag, algorithms=["LS"], max_frequency=10 / u.day)
    >>> round(float(periods["period"][0]), 3)
    0.765
    """
    import pandas as pd

    curves, names = _light_curves(time, mag, magerr)
    if "MHF" in algorithms and any(errors is None for *_, errors in curves):
        raise InvalidInputError(
            "MHF requires the errors of the magnitudes.", "Pass magerr, or remove MHF."
        )
    options = SearchOptions(
        tuple(algorithms) if not isinstance(algorithms, str) else (algorithms,),
        _frequency(max_frequency, "max_frequency"),
        samples_per_peak,
        top_n,
        full_grid,
        mask_aliases,
        None if min_frequency is None else _frequency(min_frequency, "min_frequency"),
    )
    found = compute.map(
        partial(_table, options=options),
        curves,
        jobs=jobs,
        threads=True,
        ordered=True,
        in_process=True,
    )
    tables = []
    for position, result in enumerate(found):
        if result.value is None:
            raise AstrodomeError(result.error)
        table = result.value
        if names is not None:
            table.insert(0, "_id", names[position])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _table(curve: Curve, options: SearchOptions) -> pd.DataFrame:
    """Return the periods of one light curve as a table."""
    import pandas as pd

    tables = []
    for name, peaks in search(*curve, options).items():
        count = max(int(np.isfinite(peaks.period).sum()), 1)
        columns = {column: getattr(peaks, column)[:count] for column in COLUMNS}
        tables.append(pd.DataFrame({"algorithm": name, "rank": np.arange(1, count + 1), **columns}))
    return pd.concat(tables, ignore_index=True)


def _light_curves(time: Any, mag: Any, magerr: Any) -> tuple[list[Curve], Sequence[Any] | None]:
    """Return light curves in days and magnitudes, and the identifiers if there can be several."""
    import pandas as pd

    if isinstance(time, pd.DataFrame):
        missing = [name for name in ("_id", "hjd", "mag", "magerr") if name not in time]
        if missing:
            raise InvalidInputError(
                f"Missing columns in the table of epochs: {', '.join(missing)}.",
                "The table must contain one row per epoch with _id, hjd, mag and magerr.",
            )
        groups = list(time.groupby("_id", sort=False))
        if not groups:
            raise InvalidInputError("The table of epochs is empty.")
        return [
            (*(group[name].to_numpy(np.float64) for name in ("hjd", "mag", "magerr")),)
            for _, group in groups
        ], [name for name, _ in groups]
    if mag is None:
        raise InvalidInputError("Missing magnitudes.", "Pass time, mag and magerr.")
    if not isinstance(time, list | tuple) or np.ndim(time[0]) == 0:
        return [_curve(time, mag, magerr)], None
    errors = [None] * len(time) if magerr is None else magerr
    if not len(time) == len(mag) == len(errors):
        raise InvalidInputError(
            f"Expected the same number of light curves in time, mag and magerr, got {len(time)}, "
            f"{len(mag)} and {len(errors)}."
        )
    return [_curve(*curve) for curve in zip(time, mag, errors, strict=True)], range(len(time))


def _curve(time: Any, mag: Any, magerr: Any) -> Curve:
    """Return a light curve in days and magnitudes."""
    t, m = plain_values(time, "d", "time"), plain_values(mag, "mag", "mag")
    e = None if magerr is None else plain_values(magerr, "mag", "magerr")
    check_shapes(time=t, mag=m, **({} if e is None else {"magerr": e}))
    return t, m, e


def _frequency(value: Any, name: str) -> float:
    return float(plain_values(value, "1/d", name)[0])
