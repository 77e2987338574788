"""Map the columns in light-curve and source tables to the column names in Kowalski.

Three table layouts are supported. Kowalski documents contain ``_id``, ``field``, ``ccd``, ``quad``,
``filter`` and ``nobs``. ZTF public data releases contain ``objectid``, ``fieldid``, ``rcid``,
``filterid`` and ``nepochs``, with one row per light curve. IRSA tables contain ``oid``, ``ccdid``
and ``qid``, with one row per epoch.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astrodome import InvalidInputError, errors

from ..tables import identifiers
from .light_curves import ALIASES, BANDS

NAMES: Mapping[str, tuple[str, ...]] = {
    **{name: ALIASES[name] for name in ("mag", "magerr", "filter", "ra", "dec", "expid")},
    "field": ("fieldid",),
    "ccd": ("ccdid",),
    "quad": ("qid",),
    "nobs": ("nepochs", "ngoodobsrel"),
}
"""Alternative column names in the public data releases, keyed by the name in Kowalski."""
TIMES = ("hjd", "hmjd", "mjd")
ACCURATE_TIME_STEP, MAX_TIME_STEP = 1e-3, 0.05
"""Differences between adjacent values of the type of the times, in days, above which a warning is
issued, and an error is raised."""
NESTED = "lightcurve"
"""Column in HATS catalogues that contains the epochs as a struct of lists."""


@dataclass(frozen=True)
class ColumnExpression:
    """An expression that computes a column from the columns in a file."""

    value: pc.Expression
    type: pa.DataType


def columns(schema: pa.Schema, key: str) -> dict[str, ColumnExpression]:
    """Return an expression for each available column, keyed by the column name in Kowalski.

    Columns with alternative names, and columns that can be computed from others, are included.

    ``key`` is the name of the identifier column. The readout channel ``rcid`` (0 to 63) equals
    4 (ccd - 1) + quad - 1.
    """
    found = {field.name: ColumnExpression(pc.field(field.name), field.type) for field in schema}
    found["_id"] = found[key]
    for name, others in NAMES.items():
        other = next((one for one in others if one in found), None)
        if name not in found and other:
            found[name] = found[other]
    if "rcid" in schema.names:
        channel = pc.field("rcid").cast(pa.int64())
        ccd = pc.divide(channel, 4)
        found.setdefault("ccd", ColumnExpression(ccd + 1, pa.int64()))
        found.setdefault("quad", ColumnExpression(channel - ccd * 4 + 1, pa.int64()))
    times = _list_of_times(schema)
    if times is not None:
        found.setdefault(
            "nobs", ColumnExpression(pc.list_value_length(times).cast(pa.int64()), pa.int64())
        )
    return found


def band_numbers(column: ColumnExpression) -> ColumnExpression:
    """Return the numbers 1 (g), 2 (r) and 3 (i) of filters, which may be names such as ``zg``.

    Unknown names are converted to null.
    """
    if not identifiers.is_text(column.type):
        return column
    text, numbers = column.value.cast(pa.string()), pa.scalar(None, pa.int64())
    for name, number in (BANDS | {str(number): number for number in BANDS.values()}).items():
        numbers = pc.if_else(text == name, pa.scalar(number, pa.int64()), numbers)
    return ColumnExpression(numbers, pa.int64())


def _list_of_times(schema: pa.Schema) -> pc.Expression | None:
    for name in TIMES:
        if name in schema.names and _is_list(schema.field(name).type):
            return pc.field(name)
        if NESTED in schema.names and pa.types.is_struct(schema.field(NESTED).type):
            inner = {field.name: field.type for field in schema.field(NESTED).type}
            if name in inner and _is_list(inner[name]):
                return pc.field(NESTED, name)
    return None


def has_row_per_epoch(schema: pa.Schema) -> bool:
    """Return whether a table has one row per epoch instead of one row per light curve."""
    scalars = {field.name for field in schema if not pa.types.is_nested(field.type)}
    magnitude = {"mag", *ALIASES["mag"]}
    return bool(scalars.intersection(TIMES)) and bool(scalars & magnitude)


def check_times(table: pa.Table, origin: Path | str) -> None:
    """Warn if the type of the times rounds them to minutes, as float32 does for MJD.

    ``table`` has the column ``hjd`` or ``hmjd``, with single values or lists. ``origin`` is the
    name of the table. Raises InvalidInputError if they are rounded to hours, as float32 does for
    JD.
    """
    name = next(name for name in TIMES if name in table.column_names)
    values = table[name]
    if _is_list(values.type):
        values = pc.list_flatten(values)
    if values.type not in (pa.float16(), pa.float32()):
        return
    times = np.abs(values.drop_null().to_numpy())
    step = float(np.spacing(times.max(initial=0.0, where=np.isfinite(times))))
    text = (
        f"{origin}: the times in column '{name}' have the type float{values.type.bit_width}, which "
        f"rounds them to multiples of {step:.2g} d."
    )
    if step > MAX_TIME_STEP:
        raise InvalidInputError(text, "Store the original times as float64.")
    if step > ACCURATE_TIME_STEP:
        advice = "Periods of less than a few hours are unreliable. Store the times as float64."
        warnings.warn(f"{text} {advice}", errors.InputWarning, stacklevel=2)


def per_light_curve(epochs: pa.Table) -> pa.Table:
    """Group epochs by ``_id``, and return one row per light curve.

    Each row contains the first value of the light curve in each column. The number of epochs is
    stored in the column ``nobs``, unless the input already has this column.
    """
    names = [name for name in epochs.column_names if name != "_id"]
    found = epochs.group_by("_id", use_threads=False).aggregate(
        [*((name, "first") for name in names), ([], "count_all")]
    )
    found = found.rename_columns([name.removesuffix("_first") for name in found.column_names])
    if "nobs" in names:
        return found.drop_columns("count_all")
    return found.rename_columns({"count_all": "nobs"})


def flat(table: pa.Table) -> pa.Table:
    """Return a table in which the nested column ``lightcurve`` is split into list columns."""
    names = (name.removeprefix(f"{NESTED}.") for name in table.flatten().column_names)
    return table.flatten().rename_columns(list(names))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) and not pa.types.is_struct(kind))
