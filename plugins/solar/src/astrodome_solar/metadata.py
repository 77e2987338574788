"""``meta.csv``: one row for each image of a folder, with quality and geometry.

The geometry is that of the full frame of 4096 x 4096 pixels, whatever the size of the
image: a point at helioprojective (Tx, Ty) arcsec lies in a picture w pixels wide at
x = (Tx / CDELT + X0) w / 4096 and y = (4096 - Ty / CDELT - Y0) w / 4096, counted from
its upper left corner.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import AstrodomeError, files

if TYPE_CHECKING:
    import pandas as pd

NAME, PARQUET = "meta.csv", "meta.parquet"
COLUMNS = ("QUALITY", "DSUN", "X0", "R_SUN", "Y0", "CDELT", "FILE_NAME")
"""Bit mask (0 is good), m, px, px, px, arcsec/px, name; empty where unknown."""


def read(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of a folder by file name; none when it has no ``meta.csv``.

    Raises AstrodomeError, with the line, when the file is not what it should be.
    """
    path = folder / NAME
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise AstrodomeError(f"{path} is not text in UTF-8.") from error
    lines = csv.DictReader(io.StringIO(text), restkey="")
    if text.strip() and "FILE_NAME" not in (lines.fieldnames or ()):
        raise AstrodomeError(
            f"{path} has no column FILE_NAME.", "Move it away, or give another --path."
        )
    rows: dict[str, dict[str, str]] = {}
    for row in lines:
        if not row["FILE_NAME"] or "" in row:
            raise AstrodomeError(
                f"{path}, line {lines.line_num}: the row does not fit the columns.",
                "Correct or remove it.",
            )
        rows[row["FILE_NAME"]] = row
    return rows


def add(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows or replace those of the same FILE_NAME; other columns there are stay."""
    with files.lock(folder / f".{NAME}.lock"):
        whole = _add(folder, read(folder), rows)
        if (folder / PARQUET).exists():
            _write_parquet(folder, whole)


def add_headers(folder: Path, headers: pd.DataFrame) -> None:
    """Bring ``meta.csv`` and ``meta.parquet`` up to these headers, by file name.

    ``headers`` has the columns of ``meta.csv`` as numbers; rows of other images stay.
    """
    with files.lock(folder / f".{NAME}.lock"):
        known = read(folder)
        numbers = (
            headers[name].astype(object).where(headers[name].notna(), None) for name in COLUMNS[:-1]
        )
        columns = [[_text(value) for value in each.tolist()] for each in numbers]
        rows = {
            name: dict(zip(COLUMNS, (*values, name), strict=True))
            for name, *values in zip(headers.index.tolist(), *columns, strict=True)
        }
        new = [row for name, row in rows.items() if not _same(known.get(name), row)]
        if new or not (folder / PARQUET).exists():
            _write_parquet(folder, _add(folder, known, new))


def _same(known: Mapping[str, str] | None, row: Mapping[str, str]) -> bool:
    return known is not None and all(known.get(key) == value for key, value in row.items())


def _text(value: Any) -> str:
    """A number as the service writes it: whole ones without a point; nothing for none."""
    if value is None or value != value:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _add(
    folder: Path, known: Mapping[str, Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    whole = {**known, **{row["FILE_NAME"]: row for row in rows}}
    others = (key for row in whole.values() for key in row)
    text = io.StringIO()
    table = csv.DictWriter(text, list(dict.fromkeys([*COLUMNS, *others])), lineterminator="\n")
    table.writeheader()
    table.writerows(whole[name] for name in sorted(whole))
    files.write_text(folder / NAME, text.getvalue())
    return whole


def _write_parquet(folder: Path, whole: Mapping[str, Mapping[str, Any]]) -> None:
    import pandas as pd
    import pyarrow as pa

    names = sorted(whole)
    columns = {}
    for column in COLUMNS[:-1]:
        cells = pd.Series([whole[name].get(column) for name in names], dtype=str)
        numbers = pd.to_numeric(cells, errors="coerce")  # the csv keeps what is no number
        if column == "QUALITY":
            columns[column] = numbers.where(numbers % 1 == 0).astype("Int64")
        else:
            columns[column] = numbers.astype("float64")
    table = pa.Table.from_pandas(pd.DataFrame(columns | {"FILE_NAME": names}), preserve_index=False)
    files.write_parquet(folder / PARQUET, table, {"what": NAME})
