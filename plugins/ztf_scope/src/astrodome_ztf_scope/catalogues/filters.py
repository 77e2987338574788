"""Convert query conditions to filter expressions for the columns of a table."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from astrodome import AstrodomeError

from ..tables import identifiers
from .column_layouts import NAMES, ColumnExpression

Columns = Mapping[str, ColumnExpression]
OPERATORS = {
    **{f"${name}": getattr(operator, name) for name in ("eq", "ne", "gt", "lt")},
    **{"$gte": operator.ge, "$lte": operator.le},
}


def expression(where: Mapping[str, Any], columns: Columns, path: Path) -> pc.Expression:
    """Combine all conditions in a single filter expression.

    Raises AstrodomeError if an operator is unknown, or if a column does not exist in the file.
    """
    return reduce(operator.and_, _terms(where, columns, path), pc.scalar(True))


def _terms(where: Mapping[str, Any], columns: Columns, path: Path) -> Iterator[pc.Expression]:
    for name, condition in where.items():
        if name == "$or":
            alternatives = (expression(one, columns, path) for one in condition)
            yield reduce(operator.or_, alternatives, pc.scalar(False))
            continue
        if name not in columns:
            aliases = (*NAMES.get(name, ()), *(("rcid",) if name in ("ccd", "quad") else ()))
            also = f" (or {', '.join(aliases)})" if aliases else ""
            raise AstrodomeError(
                f"{path} has no column '{name}'{also}, which is required to select rows.",
                f"Existing columns: {', '.join(columns)}.",
            )
        column = columns[name]
        conditions = condition if isinstance(condition, Mapping) else {"$eq": condition}
        for symbol, value in conditions.items():
            if symbol == "$in":
                yield column.value.isin(_values(value, column.type))
            elif symbol in OPERATORS:
                yield OPERATORS[symbol](column.value, value)
            else:
                known = ", ".join([*OPERATORS, "$in"])
                raise AstrodomeError(
                    f"Invalid operator '{symbol}' for column '{name}': expected one of {known}."
                )


def _values(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """Convert values to the type of a column, and omit values that cannot be converted."""
    found = list(values)
    if identifiers.is_text(kind):
        found = [str(value) for value in found]
    elif pa.types.is_integer(kind) and any(isinstance(value, str) for value in found):
        found = [int(v) for v in found if re.fullmatch(identifiers.INTEGER, str(v))]
    return pa.array(found, kind)
