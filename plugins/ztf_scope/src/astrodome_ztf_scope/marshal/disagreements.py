"""Upload light curves whose scores from two classifiers disagree, for visual inspection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import InvalidInputError

from ..catalogues import positions
from ..tables import identifiers, table_io
from . import batches
from . import journal as journals
from .annotations import find_annotation, write_annotation
from .idempotent_writes import IdempotentWriter
from .protocol import Marshal

GAIA = {
    "Plx": "Gaia_EDR3__parallax",
    "Mag_G": "Gaia_EDR3__phot_g_mean_mag",
    "Mag_Bp": "Gaia_EDR3__phot_bp_mean_mag",
    "Mag_Rp": "Gaia_EDR3__phot_rp_mean_mag",
}
"""Annotation keys for Gaia measurements, and the corresponding columns in the feature table."""
SEPARATION = 2.0
"""Maximum separation between a light curve and its source, in arcsec."""


@dataclass(frozen=True)
class DisagreementOptions:
    """Options for the upload of light curves whose scores from two classifiers disagree.

    Two scores of the class ``tag`` disagree if one is greater than ``high`` and the other is at
    most ``low``. Only light curves with at least one score greater than ``score`` are compared.

    The light curves are uploaded to the group ``group_id``, with annotations that have the
    given ``origin``. ``catalog`` is the catalogue from which the marshal loads the light curves.
    ``period`` is the name of the feature column that contains the period.
    """

    group_id: int
    catalog: str
    origin: str = "ML_DR5_d15_v1"
    period: str = "period"
    tag: str = "vnv"
    score: float = 0.9
    high: float = 0.95
    low: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1 or not 0 <= self.score <= 1:
            raise InvalidInputError(
                f"Invalid limits (low {self.low:g}, high {self.high:g}, score {self.score:g}): "
                "expected 0 ≤ low < high ≤ 1 and 0 ≤ score ≤ 1."
            )

    @property
    def columns(self) -> tuple[str, str]:
        """Names of the columns with the neural network scores and the boosted tree scores."""
        return f"{self.tag}_dnn", f"{self.tag}_xgb"


def find(catalogue: Any, options: DisagreementOptions) -> pd.DataFrame:
    """Return the ``_id`` and scores of disagreeing light curves, sorted by ``_id``."""
    dnn, xgb = options.columns
    either = {"$or": [{name: {"$gt": options.score}} for name in (xgb, dnn)]}
    found = catalogue.find("classifications", either, (dnn, xgb))
    scores = identifiers.from_records(found, ["_id", dnn, xgb])
    a, b = (scores[name].astype(np.float64) for name in (dnn, xgb))
    high, low = options.high, options.low
    disagree = ((a > high) & (b <= low)) | ((a <= low) & (b > high))
    return scores[disagree].reset_index(drop=True)


def add_features(catalogue: Any, scores: pd.DataFrame) -> pd.DataFrame:
    """Add the features to the scores, and drop light curves for which no features exist."""
    ids = scores["_id"].tolist()
    found = list(catalogue.find("features", {"_id": {"$in": ids}}))
    if not found:
        return scores.iloc[:0].copy()
    features = identifiers.from_records(found)
    features = features.drop(columns=[c for c in scores if c != "_id" and c in features])
    return scores.merge(features, on="_id", how="inner", validate="one_to_one")


def exclude_training_set(table: pd.DataFrame, training_set: Path) -> pd.DataFrame:
    """Return the rows whose ``_id`` is not in the training set.

    The ids in the training set are in the column ``ztf_id`` or, if it does not exist, ``_id``.
    """
    known = table_io.read_table(training_set)
    name = next((name for name in ("ztf_id", "_id") if name in known), None)
    if name is None:
        raise InvalidInputError(f"{training_set} has no column 'ztf_id' or '_id'.")
    ids = set(identifiers.texts(known[name]))
    new = [one not in ids for one in identifiers.texts(table["_id"])]
    return table[new].reset_index(drop=True)


def annotation(
    row: Mapping[str, Any], options: DisagreementOptions, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the annotation data of a source after adding a light curve.

    ``row`` is the row of the light curve, and ``before`` is the existing annotation data, if any.
    The key ``light_curves`` maps the id of each disagreeing light curve to its period and scores.
    All other keys contain the values of the light curve that was added first. Unknown values are
    None.
    """
    scores = {name: _rounded(row[name], 3) for name in options.columns}
    period = _rounded(row.get(options.period))
    gaia = {name: _rounded(row.get(column)) for name, column in GAIA.items()}
    data: dict[str, Any] = {"period": period, options.tag: scores, "Gaia": gaia}
    data |= dict(before or {})
    curves = dict(data.get("light_curves") or {})
    number = str(int(row["_id"]))
    curves[number] = {**curves.get(number, {}), "period": period, **scores}
    return {**data, "light_curves": curves}


def upload(
    marshal: Marshal,
    table: pd.DataFrame,
    options: DisagreementOptions,
    writer: IdempotentWriter,
    *,
    jobs: int = 4,
) -> Iterator[batches.WriteResult[dict[str, Any]]]:
    """Upload the rows returned by :func:`add_features` and yield the result for each row.

    If the marshal can access the light curve, it creates the source from this light curve.
    Otherwise, the source is created at the position in the row. Every light curve is added to its
    source. The annotation of the source contains the id, the period and the scores of each of these
    light curves.
    """

    def upload_one(row: dict[str, Any], own: IdempotentWriter) -> str:
        obj_id = _archive(marshal, row, options, own)
        current = find_annotation(marshal.annotations(obj_id), options.origin)
        data = annotation(row, options, current["data"] if current else None)
        if current is None or current["data"] != data:
            groups = [options.group_id]
            write_annotation(marshal, own, obj_id, options.origin, data, groups, current)
        return obj_id

    rows = identifiers.to_records(table)
    places = table.reindex(columns=["ra", "dec"]).astype(np.float64)
    return batches.process(
        writer,
        batches.grouped(rows, positions.clusters(places["ra"], places["dec"], 2 * SEPARATION)),
        upload_one,
        key=lambda row: journals.key(writer.address, "disagreement", asdict(options), row["_id"]),
        name=lambda row: str(row["_id"]),
        jobs=jobs,
    )


def _archive(
    marshal: Marshal, row: dict[str, Any], options: DisagreementOptions, writer: IdempotentWriter
) -> str:
    """Add a light curve to its source, and return the name of the source.

    If the group does not contain the source, it is created.
    """
    number = int(row["_id"])
    ra, dec = positions.validated(*positions.of_document(row))
    groups = [options.group_id]
    archived: list[str] = []

    def find_source() -> str | None:
        near: Sequence[dict[str, Any]] = marshal.near(ra, dec, SEPARATION)
        return next((one["id"] for one in near if options.group_id in one["groups"]), None)

    existing = find_source()
    name = positions.iau_name(ra, dec)

    def send() -> Any:
        obj_id = marshal.archive(options.catalog, [number], groups, existing or "")
        if obj_id is None and existing is None:  # The marshal cannot access the light curves.
            marshal.save_source(name, ra, dec, groups)
        archived.append(obj_id or name)
        return obj_id or name

    parameters = {"catalog": options.catalog, "light_curve_ids": [number], "group_ids": groups}
    recorded = writer.is_recorded("archive", name, parameters)
    # A marshal cannot list the light curves of a source, so an archive request may be sent twice.
    # The second request has no effect.
    writer.ensure(
        "archive",
        name,
        parameters,
        send,
        is_done=lambda: existing is None and find_source() is not None,
        done=recorded and existing is not None,
    )
    if existing or writer.dry_run:
        return existing or name
    return archived[-1] if archived else find_source() or name


def _rounded(value: Any, digits: int | None = None) -> float | None:
    found = identifiers.number(value)
    return found if found is None or digits is None else round(found, digits)
