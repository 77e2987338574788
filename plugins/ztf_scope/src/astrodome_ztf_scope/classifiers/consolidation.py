"""Combine the scores of all light curves that belong to the same source.

A ZTF source has one light curve per band, field and CCD quadrant. The light curves are assigned to
sources by the identifiers of the nearest objects in Gaia, AllWISE and Pan-STARRS, which the feature
table contains, and by position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd
from astrodome import InvalidInputError
from numpy.typing import NDArray

from ..catalogues import positions
from ..tables import identifiers
from . import score_tables
from .score_tables import SEPARATOR, SURVEYS, survey_column

Statistic = Literal["mean", "median", "max"]
STATISTICS = get_args(Statistic)
RADIUS = 2.0
"""Default maximum separation between light curves of the same source, in arcsec."""
VARIABLE, NON_VARIABLE = "vnv", "nonvar"
PERIOD_TOLERANCE = 0.01
"""Maximum relative difference between two periods that agree."""


@dataclass(frozen=True)
class ConsolidatedPredictions:
    """Predictions with one row per source.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per source, sorted by ``survey_id``: ``obj_id``, ``survey_id``, identifiers, the
        mean position in degrees, periods in days, the number of light curves, and the scores.
    light_curves : pandas.DataFrame
        One row per light curve with ``_id``, ``filter`` (if known), ``obj_id`` and ``survey_id``.
    columns : mapping of str to str
        Names of the score columns, keyed by the tag of the class.
    collisions : mapping of str to list of str
        ``survey_id`` of all sources whose positions have the same IAU name, keyed by this name. A
        number is appended to the names of these sources.
    duplicates : int
        Number of rows that repeat an earlier light curve. They are ignored.
    without_position : int
        Number of sources that have neither a position nor a name. Their ``survey_id`` is used as
        name.
    """

    table: pd.DataFrame
    light_curves: pd.DataFrame = field(repr=False)
    columns: Mapping[str, str]
    collisions: Mapping[str, list[str]] = field(default_factory=dict)
    duplicates: int = 0
    without_position: int = 0


def consolidate_predictions(
    predictions: score_tables.Predictions,
    *,
    algorithm: str = "",
    statistic: Statistic = "mean",
    radius: float = RADIUS,
) -> ConsolidatedPredictions:
    """Combine the scores of all light curves that belong to the same source.

    Light curves with the same ``obj_id`` (if this column exists) or the same Gaia id belong to the
    same source. Other light curves are assigned to the source with the same AllWISE id, with the
    same Pan-STARRS id, or with the nearest light curve, in this order.

    Parameters
    ----------
    predictions : pandas.DataFrame, path-like, or sequence of path-like
        Output of :func:`predict_files`, with the column ``_id`` and score columns such as
        ``vnv_xgb``. The columns ``ra`` and ``dec`` (in degrees) are used if they exist.
    algorithm : str
        Algorithm whose scores are used, or ``merged`` for the columns ``<tag>`` with merged scores.
        It can be omitted if the table contains the scores of a single algorithm.
    statistic : {"mean", "median", "max"}
        How the available scores of the light curves are combined.
    radius : float
        Maximum separation between a light curve without Gaia id and another light curve of the same
        source, in arcsec.

    Returns
    -------
    ConsolidatedPredictions
        The period of a source is the period on which most of its light curves agree within 1 %. The
        score of the class ``nonvar`` is 1 minus the score of the class ``vnv``.

    Raises
    ------
    AstrodomeError
        If a required column is missing, or if a position or score is invalid.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> import pandas as pd
    >>> g_and_r = pd.DataFrame({"_id": [11, 12], "ra": 10.0, "dec": -0.5, "vnv_xgb": [0.5, 1.0]})
    >>> scope.consolidate_predictions(g_and_r).table[["obj_id", "light_curves", "vnv_xgb"]]
                       obj_id  light_curves  vnv_xgb
    0  ZTFJ004000.00-003000.0             2     0.75
    """
    if statistic not in STATISTICS:
        raise InvalidInputError(
            f"Invalid statistic '{statistic}': expected one of {', '.join(STATISTICS)}."
        )
    if not radius > 0:
        raise InvalidInputError(f"Invalid radius {radius:g}: expected a number greater than 0.")
    given, columns = score_tables.read(predictions, algorithm)
    if given.empty:
        raise InvalidInputError("The predictions have no rows.")
    key = [name for name in ("_id", "filter") if name in given]
    rows = _sorted_by_id(given[given["_id"].isna() | ~given.duplicated(key)])
    duplicates = len(given) - len(rows)
    rows["source"] = pd.factorize(source_numbers(rows, radius))[0]
    table = _source_table(rows, list(columns.values()), statistic)
    table, collisions = _with_names(table)
    unplaced = int((table["ra"].isna() & (table["obj_id"] == table["survey_id"])).sum())
    names = table.loc[rows["source"], ["obj_id", "survey_id"]].reset_index(drop=True)
    light_curves = pd.concat([rows[key], names], axis=1)
    columns = _add_nonvariable(table, columns)
    table = table.sort_values(["survey_id", "obj_id"], ignore_index=True)
    return ConsolidatedPredictions(table, light_curves, columns, collisions, duplicates, unplaced)


def source_numbers(rows: pd.DataFrame, radius: float = RADIUS) -> NDArray[np.intp]:
    """Return the number of the source for each light curve, with shape (N,).

    Light curves that have neither a position nor an identifier in a survey are assigned by ``_id``.
    Without ``_id``, each of them is a separate source.
    """
    ra, dec = rows["ra"].to_numpy(np.float64), rows["dec"].to_numpy(np.float64)
    known = [name for name in ("obj_id", *map(survey_column, SURVEYS)) if name in rows]
    first = [name for name in known if name in ("obj_id", survey_column(SURVEYS[0]))]
    others = [name for name in known if name not in first]
    numbers = np.full(len(rows), -1, np.intp)
    for name in first:
        numbers = _assign_by_identifier(numbers, rows[name])
    for name in others:
        numbers = _assign_by_identifier(numbers, rows[name], new_sources=False)
    numbers = _assign_to_nearest(numbers, ra, dec, radius)
    for name in others:
        numbers = _assign_by_identifier(numbers, rows[name])
        numbers = _assign_to_nearest(numbers, ra, dec, radius)
    rest = np.flatnonzero((numbers < 0) & np.isfinite(ra) & np.isfinite(dec))
    if len(rest):
        numbers[rest] = numbers.max() + 1 + positions.clusters(ra[rest], dec[rest], radius)
    numbers = _assign_by_identifier(numbers, rows["_id"])
    unknown = numbers < 0
    numbers[unknown] = numbers.max(initial=-1) + 1 + np.arange(unknown.sum())
    return numbers


def _assign_by_identifier(
    numbers: NDArray[np.intp], ids: pd.Series, *, new_sources: bool = True
) -> NDArray[np.intp]:
    """Assign light curves that have no source yet to the only source with the same identifier.

    If ``new_sources`` is True, the remaining light curves with the same identifier become a source.
    """
    codes, values = pd.factorize(ids)
    pairs = pd.DataFrame({"code": codes, "number": numbers})
    pairs = pairs[(codes >= 0) & (numbers >= 0)].drop_duplicates()
    unambiguous = pairs.drop_duplicates("code", keep=False)
    by_code = np.full(len(values) + 1, -1, np.intp)  # The last element is for missing ids.
    by_code[unambiguous["code"]] = unambiguous["number"]
    free = (numbers < 0) & (codes >= 0)
    if new_sources:
        new = np.unique(codes[free & (by_code[codes] < 0)])
        by_code[new] = numbers.max(initial=-1) + 1 + np.arange(len(new))
    return np.where(free, by_code[codes], numbers)


def _assign_to_nearest(
    numbers: NDArray[np.intp], ra: NDArray[np.float64], dec: NDArray[np.float64], radius: float
) -> NDArray[np.intp]:
    """Assign light curves that have no source yet to the source of the nearest light curve."""
    from astropy.coordinates import SkyCoord

    known = np.isfinite(ra) & np.isfinite(dec)
    here, there = np.flatnonzero(known & (numbers < 0)), np.flatnonzero(known & (numbers >= 0))
    if not len(here) or not len(there):
        return numbers
    sky = SkyCoord(ra, dec, unit="deg")
    nearest, separation, _ = sky[here].match_to_catalog_sky(sky[there])
    near = separation.arcsec <= radius
    assigned = numbers.copy()
    assigned[here[near]] = numbers[there[nearest[near]]]
    return assigned


def _sorted_by_id(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort the light curves, so that the result does not depend on the order of the input."""
    order = pd.DataFrame({"id": identifiers.texts(rows["_id"])}, rows.index)
    if "filter" in rows:
        order["filter"] = rows["filter"]
    return rows.loc[order.sort_values(list(order)).index].reset_index(drop=True)


def _source_table(rows: pd.DataFrame, scores: list[str], statistic: Statistic) -> pd.DataFrame:
    """Return one row per source, without names. The index is the source number."""
    best = rows[scores].max(axis=1).fillna(-1)
    sources = rows.groupby("source")
    copied = [name for name in ("_id", *score_tables.COPIED) if name in rows]
    table = rows.drop_duplicates("source").set_index("source")[copied]
    for name in ("obj_id", *map(survey_column, SURVEYS)):
        if name in rows:
            table = table.assign(**{name: sources[name].first()})
    ra, dec = positions.means(rows["ra"], rows["dec"], rows["source"])
    table = table.assign(ra=ra, dec=dec, light_curves=sources.size())
    for name in score_tables.period_columns(rows):
        table = table.assign(**{name: _agreed(rows["source"], rows[name], best)})
    return table.join(sources[scores].agg(statistic))


def _agreed(source: pd.Series, period: pd.Series, score: pd.Series) -> pd.Series:
    """Return the period on which most light curves of each source agree.

    If there are several such periods, the period of the light curve with the highest score is
    returned.
    """
    known = pd.DataFrame({"source": source, "period": period.astype(np.float64), "score": -score})
    known = known[np.isfinite(known["period"]) & (known["period"] > 0)].reset_index(drop=True)
    pairs = known.reset_index().merge(known[["source", "period"]], on="source")
    agree = (pairs["period_x"] / pairs["period_y"] - 1).abs() < PERIOD_TOLERANCE
    known["disagree"] = -agree.groupby(pairs["index"]).sum()
    order = known.sort_values(["source", "disagree", "score"], kind="stable")
    return order.drop_duplicates("source").set_index("source")["period"]


def _with_names(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Add ``obj_id`` and ``survey_id``, and return the sources with equal IAU names."""
    survey = _survey_ids(table)
    given = table["obj_id"] if "obj_id" in table else pd.Series(None, table.index, dtype=object)
    names = pd.Series(identifiers.texts(given), table.index, dtype=object)
    unnamed = names == ""
    placed = unnamed & table["ra"].notna()
    places = table.loc[placed, ["ra", "dec"]].to_numpy(np.float64)
    names[placed] = [positions.iau_name(ra, dec) for ra, dec in places]
    names = names.where(~unnamed | placed, survey)
    order = pd.DataFrame({"name": names, "survey": survey}).sort_values("survey")
    equal = order[order.duplicated("name", keep=False)]
    collisions = {name: list(ids) for name, ids in equal.groupby("name")["survey"]}
    number = (equal.groupby("name").cumcount() + 1).astype(str)
    names = names.where(~(unnamed & names.index.isin(equal.index)), names + "_" + number)
    table = table.drop(columns="obj_id", errors="ignore")
    table.insert(0, "obj_id", names)
    table.insert(1, "survey_id", survey)
    return table, collisions


def _survey_ids(table: pd.DataFrame) -> pd.Series:
    """Return the identifier of each source in the first survey that contains the source."""
    found = pd.Series([f"ZTF{SEPARATOR}{text}" for text in identifiers.texts(table["_id"])])
    found.index = table.index
    for survey in reversed(SURVEYS):
        if survey_column(survey) in table:
            ids = table[survey_column(survey)].dropna()
            found[ids.index] = [f"{survey}{SEPARATOR}{text}" for text in identifiers.texts(ids)]
    return found


def _add_nonvariable(table: pd.DataFrame, columns: Mapping[str, str]) -> dict[str, str]:
    """Add the scores of the class ``nonvar``, and return the score columns by tag."""
    found = dict(columns)
    if VARIABLE in found and NON_VARIABLE not in found:
        found[NON_VARIABLE] = NON_VARIABLE + found[VARIABLE].removeprefix(VARIABLE)
        table[found[NON_VARIABLE]] = 1 - table[found[VARIABLE]]
    return found
