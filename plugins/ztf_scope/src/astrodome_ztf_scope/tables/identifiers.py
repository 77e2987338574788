"""Detect identifier columns, and preserve all digits of identifiers.

Identifiers are stored as nullable integers (``Int64``) or as text, but never as floats. A float64
represents only integers up to 2**53 exactly, and Gaia, AllWISE and Pan-STARRS identifiers have up
to 19 digits. All functions in this package that read or write tables use this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from astrodome import AstrodomeError

NAME = re.compile(
    r"(?:.*_)?(?:id|oid|objid|objectid|object_id|sourceid|candid)"
    r"|(?:gaia|allwise|ps1|ztf|tic)id|fritz_name|designation|name",
    re.IGNORECASE,
)
"""Pattern for the names of identifier columns, such as ``_id`` or ``Gaia_EDR3___id``."""
NOT_A_VALUE = frozenset(
    ["None", "none", "null", "NULL", "nan", "NaN", "NAN", "N/A", "NA", "#N/A", "<NA>"]
)
"""Words that represent missing values in text files, unless they are quoted."""
EXACT_FLOAT64 = 2**53
"""Largest integer N for which float64 represents all integers from 0 to N exactly."""
EXACT = {pa.float64(): EXACT_FLOAT64, pa.float32(): 2**24, pa.float16(): 2**11}
"""Largest integer up to which all integers are exact, for each Arrow floating-point type."""
INTEGER = r"^-?(0|[1-9][0-9]{0,18})$"
NUMBER = r"^[+-]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?$"
REMEDY = "Write the column again as integers or text from the original catalogue, or remove it."


def is_identifier(name: object) -> bool:
    """Return whether a column name is the name of an identifier column."""
    return isinstance(name, str) and NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class ValueOrigin:
    """The file and the row number from which values were read, for error messages.

    ``row`` is the row number of the first value. If ``lost`` is given, identifiers that lost digits
    are converted to missing values, and a message for each affected column is added to ``lost``.
    Otherwise, AstrodomeError is raised.
    """

    path: Path | str
    row: int = 0
    lost: dict[str, str] | None = None

    def invalid(self, column: str, number: int, value: object) -> AstrodomeError:
        return AstrodomeError(
            f"{self.path}: row {self.row + number}, column '{column}': {value!r} is not a valid "
            "identifier: expected an integer or text.",
            REMEDY,
        )

    def report_lost(self, column: str, number: int, value: object) -> None:
        """Add a message about lost digits to ``lost``, or raise AstrodomeError."""
        message = (
            f"{self.path}: row {self.row + number}, column '{column}': the identifier {value} was "
            "stored as a floating-point number, so its last digits are lost"
        )
        if self.lost is None:
            raise AstrodomeError(f"{message}.", REMEDY)
        self.lost.setdefault(column, message)


def normalize(table: pa.Table, origin: ValueOrigin) -> pa.Table:
    """Convert all identifier columns to integers or text.

    Raises AstrodomeError if a float is not an integer, or is too large to be represented exactly.
    """
    for number, field in enumerate(table.schema):
        if is_identifier(field.name):
            values = _typed(table[field.name], field.name, origin)
            table = table.set_column(number, field.name, values)
    return table


def _typed(values: pa.ChunkedArray, column: str, origin: ValueOrigin) -> Any:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_floating(values.type):
        return _from_floats(values, column, origin)
    if is_text(values.type):
        return pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)
    return values


def _from_floats(values: pa.ChunkedArray, column: str, origin: ValueOrigin) -> pa.Array:
    limit = EXACT[values.type]
    floats = values.to_numpy().astype(np.float64)
    missing = np.isnan(floats)
    fraction = ~missing & (floats != np.trunc(floats))
    if fraction.any():
        row = int(fraction.argmax())
        raise origin.invalid(column, row, float(floats[row]))
    lost = ~missing & (np.abs(floats) > limit)
    if lost.any():
        row = int(lost.argmax())
        origin.report_lost(column, row, f"{floats[row]:.0f}")
    unknown = missing | lost
    return pa.array(np.where(unknown, 0, floats).astype(np.int64), mask=unknown)


def from_text(values: pa.ChunkedArray, column: str, origin: ValueOrigin) -> Any:
    """Convert a column from a text file to int64 if all cells are integers, or keep it as text.

    Empty cells are missing values. If all cells are numeric, cells such as ``1012.0`` are converted
    to integers. If any cell has a leading zero, the column remains text. Raises AstrodomeError if a
    numeric column contains a number that has a fractional part or has lost digits.
    """
    trimmed = pc.utf8_trim_whitespace(values)
    empty = pc.fill_null(pc.equal(trimmed, ""), True)
    nothing = pa.scalar(None, pa.string())
    present = trimmed.filter(pc.invert(empty))
    if not len(present):
        return pa.nulls(len(values))
    if pc.all(pc.match_substring_regex(present, INTEGER)).as_py():
        found = pc.if_else(empty, nothing, trimmed)
    elif pc.all(pc.match_substring_regex(present, NUMBER)).as_py():
        cells = enumerate(trimmed.to_pylist())
        whole = [_integer(cell, column, number, origin) if cell else None for number, cell in cells]
        found = pa.array(whole, pa.string())
    else:
        return pc.if_else(empty, nothing, values)
    try:
        return found.cast(pa.int64())
    except pa.ArrowInvalid:  # An integer has more than 64 bits.
        return found


def _integer(cell: str, column: str, number: int, origin: ValueOrigin) -> str | None:
    """Return an integer as text, or None if it lost digits and ``origin.lost`` is given."""
    value = Decimal(cell)
    mantissa, _, exponent = cell.lower().partition("e")
    if value != value.to_integral_value():
        raise origin.invalid(column, number, cell)
    digits = len(mantissa.partition(".")[2])
    written = bool(exponent) or "." in cell
    rounded = abs(value) > EXACT_FLOAT64 and Decimal(float(value)) == value
    if int(exponent or 0) > digits or (written and rounded):
        origin.report_lost(column, number, cell)
        return None
    return str(int(value))


def is_text(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is a string type."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def unify_schemas(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return a common schema, in which a column is text if it is text in at least one schema."""
    text = {field.name for schema in schemas for field in schema if is_text(field.type)}
    return pa.unify_schemas(
        [
            pa.schema([f.with_type(pa.large_string()) if f.name in text else f for f in schema])
            for schema in schemas
        ],
        promote_options="permissive",
    )


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Convert a table to a DataFrame, in which integer columns may contain missing values.

    Integer identifiers, and integer columns with missing values, have the type ``Int64``.
    """
    bare = table.replace_schema_metadata(None)
    frame = bare.to_pandas()
    for field in bare.schema:
        integer = pa.types.is_integer(field.type)
        if integer and (is_identifier(field.name) or bare[field.name].null_count):
            nullable = NULLABLE[field.type]
            frame[field.name] = bare[field.name].to_pandas(types_mapper=lambda _, n=nullable: n)
    return frame


NULLABLE = {
    **{getattr(pa, f"int{n}")(): getattr(pd, f"Int{n}Dtype")() for n in (8, 16, 32, 64)},
    **{getattr(pa, f"uint{n}")(): getattr(pd, f"UInt{n}Dtype")() for n in (8, 16, 32, 64)},
}


def from_records(records: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> Any:
    """Convert records to a DataFrame, and preserve integers in columns with missing values.

    If ``columns`` is not given, the columns are all keys in the order in which they first occur.
    """
    rows = list(records)
    names = list(dict.fromkeys(key for row in rows for key in row)) if columns is None else columns
    return pd.DataFrame(
        {name: _column(name, [row.get(name) for row in rows]) for name in names},
        index=pd.RangeIndex(len(rows)),
    )


def _column(name: str, values: list[Any]) -> Any:
    known = [value for value in values if not is_missing(value)]
    integers = all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in known)
    if known and integers and (is_identifier(name) or len(known) < len(values)):
        try:
            return pd.array([pd.NA if is_missing(v) else v for v in values], dtype="Int64")
        except OverflowError:  # An integer has more than 64 bits.
            return [None if is_missing(value) else str(value) for value in values]
    if is_identifier(name) and any(isinstance(value, float) for value in known):
        return _typed(
            pa.chunked_array([pa.array(values, pa.float64())]), name, ValueOrigin("records")
        )
    return values


def exact(table: pd.DataFrame, origin: ValueOrigin) -> pd.DataFrame:
    """Return a copy of a table in which floats in identifier columns are converted to integers.

    Raises AstrodomeError if a float is not an integer, or is too large to be represented exactly.
    """
    changed = {
        name: to_pandas(
            normalize(pa.table({name: pa.array(table[name], from_pandas=True)}), origin)
        )[name].set_axis(table.index)
        for name in table
        if is_identifier(name) and pd.api.types.is_float_dtype(table[name])
    }
    return table.assign(**changed)


def is_missing(value: Any) -> bool:
    """Return whether a scalar is None, NaN, NaT or ``pandas.NA``."""
    return value is None or value is pd.NA or bool(np.isscalar(value) and value != value)


def number(value: Any) -> float | None:
    """Convert a value to a finite float, or return None if this is not possible."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def text(value: Any) -> str:
    """Return an identifier as text, or an empty string if it is missing."""
    if is_missing(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def texts(values: Iterable[Any]) -> list[str]:
    """Return identifiers as text, with an empty string for each missing identifier."""
    return [text(value) for value in values]


def to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Convert rows to dictionaries, in which missing integers and missing identifiers are None."""
    rows: list[dict[str, Any]] = table.to_dict(orient="records")
    names = [name for name in table if table[name].hasnans and not _is_float(table[name])]
    for row in rows:
        for name in names:
            if is_missing(row[name]):
                row[name] = None
    return rows


def _is_float(column: pd.Series) -> bool:
    return isinstance(column.dtype, np.dtype) and column.dtype.kind == "f"


def pandas_metadata(schema: pa.Schema) -> dict[bytes, bytes]:
    """Return Parquet metadata that makes pandas read integer columns as ``Int64``."""
    empty = schema.remove_metadata().empty_table().to_pandas(types_mapper=NULLABLE.get)
    return {b"pandas": pa.Schema.from_pandas(empty, preserve_index=False).metadata[b"pandas"]}
