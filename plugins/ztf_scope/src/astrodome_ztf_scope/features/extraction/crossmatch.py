"""Add measurements of other surveys, and ZTF alerts, to light curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ...tables import identifiers


@dataclass(frozen=True)
class Survey:
    """A catalogue of another survey.

    ``role`` is the role of the collection, ``prefix`` the first part of the column names in the
    feature table, and ``numbers`` and ``texts`` are the columns in the collection.
    """

    role: str
    prefix: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...] = ()


SURVEYS = {
    survey.role: survey
    for survey in (
        Survey(
            "allwise",
            "AllWISE",
            tuple(f"w{band}{kind}" for band in range(1, 5) for kind in ("mpro", "sigmpro")),
            ("ph_qual",),
        ),
        Survey(
            "gaia",
            "Gaia_EDR3",
            (
                *("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "parallax"),
                *("parallax_error", "pmra", "pmra_error", "pmdec", "pmdec_error"),
                *("astrometric_excess_noise", "phot_bp_rp_excess_factor"),
            ),
        ),
        Survey(
            "ps1",
            "PS1_DR1",
            (
                *(f"{band}MeanPSFMag{kind}" for band in "grizy" for kind in ("", "Err")),
                "qualityFlag",
            ),
        ),
    )
}
"""Surveys that can be matched with light curves, keyed by role."""


def match(catalogue: Any, role: str, curves: pa.Table, radius: float) -> pa.Table:
    """Return the measurements of the nearest object within ``radius`` arcseconds.

    The result has one row per light curve. Values are missing if there is no object.
    """
    survey = SURVEYS[role]
    columns = (*survey.numbers, *survey.texts)
    found = [near[0] if near else {} for near in _around(catalogue, role, curves, radius, columns)]
    ids = identifiers.from_records([{"_id": one.get("_id")} for one in found], ["_id"])["_id"]
    table = {f"{survey.prefix}___id": pa.Array.from_pandas(ids)}
    for name in survey.numbers:
        values = [identifiers.number(one.get(name)) for one in found]
        table[f"{survey.prefix}__{name}"] = pa.array(values, pa.float64())
    for name in survey.texts:
        texts = [None if one.get(name) is None else str(one[name]) for one in found]
        table[f"{survey.prefix}__{name}"] = pa.array(texts, pa.string())
    return pa.table(table)


def count_alerts(catalogue: Any, curves: pa.Table, radius: float) -> pa.Table:
    """Return the number of ZTF alerts within ``radius`` arcseconds, and their mean score.

    The score is the mean of all values in ``classifications`` (deep-learning scores such as braai),
    or 0 if there are none.
    """
    counts, scores = [], []
    for alerts in _around(catalogue, "alerts", curves, radius, ("classifications",)):
        values = [value for alert in alerts for value in _scores(alert.get("classifications"))]
        counts.append(len(alerts))
        scores.append(math.fsum(values) / len(values) if values else 0.0)
    return pa.table(
        {
            "n_ztf_alerts": pa.array(counts, pa.int64()),
            "mean_ztf_alert_braai": pa.array(scores, pa.float64()),
        }
    )


def _scores(classifications: Any) -> list[float]:
    values = classifications.values() if isinstance(classifications, Mapping) else ()
    return [number for number in map(identifiers.number, values) if number is not None]


def _around(
    catalogue: Any, role: str, curves: pa.Table, radius: float, columns: Sequence[str]
) -> list[list[dict[str, Any]]]:
    """Return the objects around each light curve, sorted by separation."""
    ra, dec = positions_of(curves)
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    result: list[list[dict[str, Any]]] = [[] for _ in range(len(curves))]
    if len(known):
        found = catalogue.cone(role, ra[known], dec[known], radius, columns)
        for row, objects in zip(known, found, strict=True):
            result[row] = objects
    return result


def positions_of(curves: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the positions of light curves in degrees, with NaN for unknown positions."""
    frame = curves.select(["ra", "dec"]).to_pandas()
    ra, dec = (pd.to_numeric(frame[name]).to_numpy(np.float64) for name in ("ra", "dec"))
    return ra, dec
