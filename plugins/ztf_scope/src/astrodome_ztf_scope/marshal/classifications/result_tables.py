"""Build tables from the classifications, periods and votes downloaded from a marshal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ...tables import identifiers
from .source_lookup import SourceMatch

JOINED = ("classification", "probability", "period_origin", "period", "labellers", "sum_votes")
"""Columns that are added to a table. Multiple values in a cell are separated by ``;``."""
STATUS = "status"
MARSHAL_NAME = "marshal_obj_id"
"""Column for source names on the marshal, if they differ from the column ``obj_id``."""


def add_columns(table: pd.DataFrame, matches: Sequence[SourceMatch]) -> pd.DataFrame:
    """Add the columns in :data:`JOINED` and ``status`` to a table.

    The column ``obj_id`` contains the name of each source on the marshal. If the table already has
    a column ``obj_id``, its values are kept. In this case, the names on the marshal are written to
    the column :data:`MARSHAL_NAME` if any of them differs. An existing column with the name of a
    new column is renamed to ``<name>_input``, unless an earlier download added it.
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
    columns = [
        joined(match.source) if match.source else dict.fromkeys(JOINED, "") for match in matches
    ]
    result[list(JOINED)] = pd.DataFrame(columns, result.index, JOINED)
    result[STATUS] = [match.status for match in matches]
    return result


def source_table(sources: Iterable[Mapping[str, Any]], status: str) -> pd.DataFrame:
    """Return a table with one row per source.

    Each row contains ``obj_id``, ``ra`` and ``dec`` (in degrees), the columns in :data:`JOINED` and
    ``status``.
    """
    rows = []
    for one in sources:
        about = {"obj_id": one["id"], "ra": one["ra"], "dec": one["dec"]}
        rows.append({**about, **joined(one), STATUS: status})
    return identifiers.from_records(rows, ["obj_id", "ra", "dec", *JOINED, STATUS])


def joined(source: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of the columns in :data:`JOINED` for a source, formatted as in SCoPe."""
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
    """Return a table with one row for each classification, period and labeller of each source.

    The column ``kind`` distinguishes the three types of rows. For a classification, ``name`` is the
    class and ``value`` is its probability. For a period, ``value`` is in days. For a labeller,
    ``name`` is the user id.
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
