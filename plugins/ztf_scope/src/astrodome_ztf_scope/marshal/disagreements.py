"""Light curves on which two classifiers disagree, brought to a marshal for people to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError

from ..catalogues import positions
from ..tables import identifiers, table_io
from . import batches
from . import journal as journals
from .idempotent_writes import Once

GAIA = {
    "Plx": "Gaia_EDR3__parallax",
    "Mag_G": "Gaia_EDR3__phot_g_mean_mag",
    "Mag_Bp": "Gaia_EDR3__phot_bp_mean_mag",
    "Mag_Rp": "Gaia_EDR3__phot_rp_mean_mag",
}
"""Statistics of Gaia that an annotation shows, and their columns."""
AT_ONCE = 1000


@dataclass(frozen=True)
class Limits:
    """When two scores of a class disagree: one above ``high``, the other at most ``low``.

    Only light curves are looked at of which one score is above ``score``.
    """

    tag: str = "vnv"
    score: float = 0.9
    high: float = 0.95
    low: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1 or not 0 <= self.score <= 1:
            raise AstrodomeError(
                "The limits should be 0 ≤ low < high ≤ 1, and the score from 0 to 1.", exit_code=2
            )

    @property
    def columns(self) -> tuple[str, str]:
        """The scores of the network and of the boosted trees."""
        return f"{self.tag}_dnn", f"{self.tag}_xgb"


def find(catalogue: Any, limits: Limits) -> pd.DataFrame:
    """The light curves that disagree: ``_id`` and the two scores, in the order of their ids."""
    dnn, xgb = limits.columns
    either = {"$or": [{name: {"$gt": limits.score}} for name in (xgb, dnn)]}
    found = catalogue.find("classifications", either, (dnn, xgb))
    scores = identifiers.from_records(found, ["_id", dnn, xgb])
    a, b = (scores[name].astype(np.float64) for name in (dnn, xgb))
    apart = ((a > limits.high) & (b <= limits.low)) | ((a <= limits.low) & (b > limits.high))
    return scores[apart].reset_index(drop=True)


def statistics(catalogue: Any, scores: pd.DataFrame) -> pd.DataFrame:
    """The scores with the features of their light curves; those without features are left out."""
    ids = scores["_id"].tolist()
    found: list[dict[str, Any]] = []
    for first in range(0, len(ids), AT_ONCE):
        found += catalogue.find("features", {"_id": {"$in": ids[first : first + AT_ONCE]}})
    if not found:
        return scores.iloc[:0].copy()
    features = identifiers.from_records(found)
    features = features.drop(columns=[c for c in scores if c != "_id" and c in features])
    return scores.merge(features, on="_id", how="inner", validate="one_to_one")


def unseen(table: pd.DataFrame, training_set: Path) -> pd.DataFrame:
    """The rows whose light curve is not in the training set (column ``ztf_id``, or ``_id``)."""
    known = table_io.read_table(training_set)
    name = next((name for name in ("ztf_id", "_id") if name in known), None)
    if name is None:
        raise AstrodomeError(f"{training_set} has no column ztf_id.", exit_code=2)
    ids = set(identifiers.texts(known[name]))
    new = [one not in ids for one in identifiers.texts(table["_id"])]
    return table[new].reset_index(drop=True)


@dataclass(frozen=True)
class Plan:
    """What is done with each: saved to a group from the catalogue ``catalog``, and annotated."""

    group_id: int
    catalog: str
    origin: str = "ML_DR5_d15_v1"
    limits: Limits = Limits()
    period: str = "period"


def annotation(
    row: Mapping[str, Any], plan: Plan, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the annotation of a source with this light curve; unknown values are None.

    The key ``light_curves`` contains the period and the scores of every disagreeing light curve by
    its id. The other values are those of the first light curve, from the annotation ``before`` if
    it exists.
    """
    scores = {name: _rounded(row[name], 3) for name in plan.limits.columns}
    period = _rounded(row.get(plan.period))
    gaia = {name: _rounded(row.get(column)) for name, column in GAIA.items()}
    data: dict[str, Any] = {"period": period, plan.limits.tag: scores, "Gaia": gaia}
    data |= dict(before or {})
    curves = dict(data.get("light_curves") or {})
    number = str(int(row["_id"]))
    curves[number] = {**curves.get(number, {}), "period": period, **scores}
    return {**data, "light_curves": curves}


def upload(
    marshal: Any, catalogue: Any, table: pd.DataFrame, plan: Plan, once: Once, *, jobs: int = 4
) -> Iterator[batches.Ended[dict[str, Any]]]:
    """Upload the rows of :func:`statistics` to the marshal and yield the result of each.

    If the marshal can access the light curves, it creates the source from them; otherwise the
    source gets the position of the row. Every light curve is archived to its source, and the
    annotation of the source covers all of them.
    """

    def one(row: dict[str, Any], mine: Once) -> str:
        obj_id = _save(marshal, catalogue, row, plan, mine)
        _annotate(marshal, obj_id, row, plan, mine)
        return obj_id

    return batches.work(
        once,
        _apart(identifiers.to_records(table)),
        one,
        key=lambda row: journals.key(once.address, "disagreement", asdict(plan), row["_id"]),
        name=lambda row: str(row["_id"]),
        jobs=jobs,
    )


def _annotate(marshal: Any, obj_id: str, row: Mapping[str, Any], plan: Plan, once: Once) -> None:
    def now() -> dict[str, Any] | None:
        found: list[dict[str, Any]] = marshal.annotations(obj_id)
        return next((one for one in found if one["origin"] == plan.origin), None)

    def arrived() -> bool:
        found = now()
        return found is not None and found["data"] == data

    before = now()
    data = annotation(row, plan, before["data"] if before else None)
    request = {"origin": plan.origin, "data": data, "group_ids": [plan.group_id]}

    def send() -> Any:
        if before is None:
            return marshal.annotate(obj_id, plan.origin, data, [plan.group_id])
        return marshal.change_annotation(obj_id, before["id"], plan.origin, data)

    once.ensure(
        "change annotation" if before else "annotation",
        obj_id,
        request,
        send,
        arrived,
        there=before is not None and before["data"] == data,
    )


def _apart(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Light curves that may be of one source together."""
    if not rows or not {"ra", "dec"} <= rows[0].keys():
        return [[row] for row in rows]
    near = positions.clusters([row["ra"] for row in rows], [row["dec"] for row in rows], 4.0)
    parts: dict[int, list[dict[str, Any]]] = {}
    for row, cluster in zip(rows, near, strict=True):
        parts.setdefault(int(cluster), []).append(row)
    return list(parts.values())


def _save(marshal: Any, catalogue: Any, row: dict[str, Any], plan: Plan, once: Once) -> str:
    """Archive a light curve to its source in the group; create the source if it does not exist."""
    number = int(row["_id"])
    ra, dec = _position(catalogue, row)
    archived: list[Any] = []

    def find() -> str | None:
        near: Sequence[dict[str, Any]] = marshal.near(ra, dec, 2.0)
        inside = (one["id"] for one in near if plan.group_id in one["groups"])
        return next(inside, None)

    known = find()
    name = positions.iau_name(ra, dec)

    def send() -> Any:
        archived[:] = [marshal.archive(plan.catalog, [number], [plan.group_id], known or "")]
        if archived[0] is None and known is None:
            marshal.save_source(name, ra, dec, [plan.group_id])
        return archived[0] or name

    request = {"catalog": plan.catalog, "light_curve_ids": [number], "group_ids": [plan.group_id]}
    done = once.was_done("archive", name, request)
    # A marshal does not list the light curves of a source; archiving one twice adds nothing.
    once.ensure(
        "archive",
        name,
        request,
        send,
        lambda: known is None and find() is not None,
        there=done and known is not None,
    )
    return str(known or (archived and archived[0]) or (name if once.dry else find() or name))


def _position(catalogue: Any, row: dict[str, Any]) -> tuple[float, float]:
    if row.get("ra") is not None and row.get("dec") is not None:
        return float(row["ra"]), float(row["dec"])
    found = list(catalogue.find("sources", {"_id": row["_id"]}, ("ra", "dec")))
    if not found:
        raise AstrodomeError("no position is known of this light curve")
    return float(found[0]["ra"]), float(found[0]["dec"])


def _rounded(value: Any, digits: int | None = None) -> float | None:
    if value is None or value is pd.NA or not np.isfinite(float(value)):
        return None
    return float(value) if digits is None else round(float(value), digits)
