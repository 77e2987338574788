"""Tables of the classifications, periods and votes that were downloaded from a marshal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ...tables import identifiers
from .source_lookup import SourceMatch

JOINED = ("classification", "probability", "period_origin", "period", "labellers", "sum_votes")
"""Columns that are added to a table; several values are joined by ``;``, in the same order."""
STATUS = "status"
MARSHAL_NAME = "marshal_obj_id"
"""Column for the name on the marshal, if the table has different values in ``obj_id``."""


def add_columns(table: pd.DataFrame, matches: Sequence[SourceMatch]) -> pd.DataFrame:
    """Return every row of the table with the columns of :data:`JOINED` and ``status``.

    The column ``obj_id`` contains the name of the source on the marshal. If the table already has
    this column, its values are kept; the names are in the column :data:`MARSHAL_NAME` if any of
    them differs. A column of the table that has the name of a new column is renamed to
    ``<name>_input``, unless it comes from an earlier download.
    """
    names = [match.source["id"] if match.source else "" for match in matches]
    result = table.copy()
    if "period_origin" in table and STATUS in table:
        earlier = [name for name in (*JOINED, STATUS, MARSHAL_NAME) if name in result]
        result = result.drop(columns=earlier)
    name_column = "obj_id"
    if "obj_id" in table:
        own = identifiers.texts(table["obj_id"])
        differ = any(name not in ("", mine) for name, mine in zip(names, own, strict=True))
        name_column = MARSHAL_NAME if differ else ""
    clash = {n: f"{n}_input" for n in (*JOINED, STATUS, name_column) if n in result}
    result = result.rename(columns=clash)
    if name_column:
        result[name_column] = names
    for name in JOINED:
        result[name] = [joined(match.source)[name] if match.source else "" for match in matches]
    result[STATUS] = [match.status for match in matches]
    return result


def source_table(sources: Iterable[Mapping[str, Any]], status: str) -> pd.DataFrame:
    """Return one row per source: ``obj_id``, ``ra``, ``dec`` (deg), :data:`JOINED`, status."""
    rows = [
        {
            **{"obj_id": one["id"], "ra": one["ra"], "dec": one["dec"]},
            **joined(one),
            STATUS: status,
        }
        for one in sources
    ]
    return identifiers.from_records(rows, ["obj_id", "ra", "dec", *JOINED, STATUS])


def joined(source: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of :data:`JOINED` for a source, in the format of SCoPe."""
    classes = source["classifications"]
    periods = [
        (one["origin"], one["data"]["period"])
        for one in source["annotations"]
        if "period" in one["data"]
    ]
    columns: dict[str, Iterable[Any]] = {
        "classification": (one["classification"] for one in classes),
        "probability": (one["probability"] for one in classes),
        "period_origin": (origin for origin, _ in periods),
        "period": (period for _, period in periods),
        "labellers": source["labellers"],
        "sum_votes": (one["votes"] for one in classes),
    }
    return {name: ";".join(map(str, values)) for name, values in columns.items()}


def long_table(sources: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per classification, period and labeller, with the ``kind`` of the row.

    ``name`` is the class and ``value`` its probability; for a period, ``value`` is in days.
    """
    rows: list[dict[str, Any]] = []
    for source in sources:
        about = {"obj_id": source["id"], "ra": source["ra"], "dec": source["dec"]}
        for one in source["classifications"]:
            more = {key: one[key] for key in ("taxonomy_id", "origin", "ml", "votes")}
            more |= {"name": one["classification"], "value": one["probability"]}
            rows.append({**about, "kind": "classification", **more, "groups": _groups(one)})
        for one in source["annotations"]:
            if "period" in one["data"]:
                more = {"name": "period", "value": one["data"]["period"], "origin": one["origin"]}
                rows.append({**about, "kind": "period", **more, "groups": _groups(one)})
        rows += [{**about, "kind": "labeller", "name": str(one)} for one in source["labellers"]]
    columns = ("obj_id", "ra", "dec", "kind", "name", "value", "taxonomy_id", "origin", "ml")
    return identifiers.from_records(rows, [*columns, "votes", "groups"])


def _groups(record: Mapping[str, Any]) -> str:
    return ";".join(map(str, record["groups"]))
