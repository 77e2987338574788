"""What documents are asked for, as one expression over the columns of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from astrodome import AstrodomeError

from ..tables import identifiers
from .column_layouts import NAMES, ColumnExpression

Columns = Mapping[str, ColumnExpression]
COMPARED = {
    "$eq": lambda column, value: column == value,
    "$ne": lambda column, value: column != value,
    "$gt": lambda column, value: column > value,
    "$gte": lambda column, value: column >= value,
    "$lt": lambda column, value: column < value,
    "$lte": lambda column, value: column <= value,
}


def expression(where: Mapping[str, Any], columns: Columns, place: Path) -> pc.Expression | None:
    """Return the conditions as an expression, or None if there are none.

    Raises AstrodomeError for an unknown operator, and for a column that the file does not have.
    """
    found: pc.Expression | None = None
    for name, wanted in where.items():
        if name == "$or":
            one = _any_of(wanted, columns, place)
        else:
            one = _column(name, wanted, columns, place)
        found = one if found is None else found & one
    return found


def _any_of(choices: Any, columns: Columns, place: Path) -> pc.Expression:
    found = pc.scalar(False)
    for choice in choices:
        one = expression(choice, columns, place)
        found = found | (pc.scalar(True) if one is None else one)
    return found


def _column(name: str, wanted: Any, columns: Columns, place: Path) -> pc.Expression:
    conditions = wanted if isinstance(wanted, Mapping) else {"$eq": wanted}
    known = [*COMPARED, "$in"]
    for operator in conditions:
        if operator not in known:
            raise AstrodomeError(f"'{operator}' of '{name}' is not one of {', '.join(known)}.")
    if name not in columns:
        others = (*NAMES.get(name, ()), *(("rcid",) if name in ("ccd", "quad") else ()))
        also = f" (or {', '.join(others)})" if others else ""
        raise AstrodomeError(
            f"{place} has no column '{name}'{also}, which is needed to select rows.",
            f"Existing columns: {', '.join(columns)}.",
        )
    column = columns[name].value
    found = pc.scalar(True)
    for operator, value in conditions.items():
        if operator == "$in":
            found = found & column.isin(_values(value, columns[name].type))
        else:
            found = found & COMPARED[operator](column, value)
    return found


def _values(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """Return the values converted to the type of the column, without those that do not fit."""
    found = list(values)
    if identifiers.is_text(kind):
        found = [str(value) for value in found]
    elif pa.types.is_integer(kind) and any(isinstance(value, str) for value in found):
        found = [int(v) for v in found if re.fullmatch(identifiers.INTEGER, str(v))]
    return pa.array(found, kind)
