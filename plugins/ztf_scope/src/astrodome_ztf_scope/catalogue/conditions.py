"""What documents are asked for, as one expression over the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from astrodome import AstrodomeError

COMPARED = {
    "$eq": lambda column, value: column == value,
    "$ne": lambda column, value: column != value,
    "$gt": lambda column, value: column > value,
    "$gte": lambda column, value: column >= value,
    "$lt": lambda column, value: column < value,
    "$lte": lambda column, value: column <= value,
}


def expression(where: Mapping[str, Any], schema: pa.Schema) -> pc.Expression | None:
    """The conditions as an expression; None when there is none.

    A column that a table lacks matches nothing, as a key that a document lacks.
    Raises AstrodomeError for an operator that is not known.
    """
    found: pc.Expression | None = None
    for name, wanted in where.items():
        one = _any_of(wanted, schema) if name == "$or" else _column(name, wanted, schema)
        if one is not None:
            found = one if found is None else found & one
    return found


def _any_of(choices: Any, schema: pa.Schema) -> pc.Expression:
    found = pc.scalar(False)
    for choice in choices:
        one = expression(choice, schema)
        found = found | (pc.scalar(True) if one is None else one)
    return found


def _column(name: str, wanted: Any, schema: pa.Schema) -> pc.Expression:
    conditions = wanted if isinstance(wanted, Mapping) else {"$eq": wanted}
    known = [*COMPARED, "$in"]
    for operator in conditions:
        if operator not in known:
            raise AstrodomeError(f"'{operator}' of '{name}' is not one of {', '.join(known)}.")
    if name not in schema.names:
        return pc.scalar(False)
    column = pc.field(name)
    found = pc.scalar(True)
    for operator, value in conditions.items():
        if operator == "$in":
            values = pa.array(list(value), schema.field(name).type)
            found = found & column.isin(values)
        else:
            found = found & COMPARED[operator](column, value)
    return found
