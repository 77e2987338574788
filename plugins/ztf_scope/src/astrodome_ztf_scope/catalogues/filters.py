"""Convert query conditions to filter expressions for the columns of a table."""

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
OPERATORS = {
    "$eq": lambda column, value: column == value,
    "$ne": lambda column, value: column != value,
    "$gt": lambda column, value: column > value,
    "$gte": lambda column, value: column >= value,
    "$lt": lambda column, value: column < value,
    "$lte": lambda column, value: column <= value,
}


def expression(where: Mapping[str, Any], columns: Columns, path: Path) -> pc.Expression | None:
    """Return the conditions as a single expression, or None if there are no conditions.

    Raises AstrodomeError if an operator is unknown, or if a column does not exist in the file.
    """
    combined: pc.Expression | None = None
    for name, condition in where.items():
        if name == "$or":
            one = _any_of(condition, columns, path)
        else:
            one = _column(name, condition, columns, path)
        combined = one if combined is None else combined & one
    return combined


def _any_of(
    alternatives: Iterable[Mapping[str, Any]], columns: Columns, path: Path
) -> pc.Expression:
    combined = pc.scalar(False)
    for alternative in alternatives:
        one = expression(alternative, columns, path)
        combined = combined | (pc.scalar(True) if one is None else one)
    return combined


def _column(name: str, condition: Any, columns: Columns, path: Path) -> pc.Expression:
    conditions = condition if isinstance(condition, Mapping) else {"$eq": condition}
    known = [*OPERATORS, "$in"]
    for operator in conditions:
        if operator not in known:
            raise AstrodomeError(
                f"Invalid operator '{operator}' for column '{name}': expected one of "
                f"{', '.join(known)}."
            )
    if name not in columns:
        aliases = (*NAMES.get(name, ()), *(("rcid",) if name in ("ccd", "quad") else ()))
        also = f" (or {', '.join(aliases)})" if aliases else ""
        raise AstrodomeError(
            f"{path} has no column '{name}'{also}, which is needed to select rows.",
            f"Existing columns: {', '.join(columns)}.",
        )
    column = columns[name].value
    combined = pc.scalar(True)
    for operator, value in conditions.items():
        if operator == "$in":
            combined = combined & column.isin(_values(value, columns[name].type))
        else:
            combined = combined & OPERATORS[operator](column, value)
    return combined


def _values(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """Convert values to the type of a column, and omit values that cannot be converted."""
    found = list(values)
    if identifiers.is_text(kind):
        found = [str(value) for value in found]
    elif pa.types.is_integer(kind) and any(isinstance(value, str) for value in found):
        found = [int(v) for v in found if re.fullmatch(identifiers.INTEGER, str(v))]
    return pa.array(found, kind)
