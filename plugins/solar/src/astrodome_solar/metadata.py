"""The metadata table for the images in a folder, stored in ``meta.csv`` and ``meta.parquet``.

The table has one row per image, which contains the quality and geometry of the image. The geometry
refers to a frame of 4096 x 4096 pixels, independent of the size of the image. In an image with a
width of w pixels, the helioprojective position (Tx, Ty) in arcsec has the pixel coordinates
x = (Tx / CDELT + X0) w / 4096 and y = (4096 - Ty / CDELT - Y0) w / 4096, measured from the upper
left corner.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import AstrodomeError, errors, files

if TYPE_CHECKING:
    import pandas as pd

NAME, PARQUET = "meta.csv", "meta.parquet"
COLUMNS = ("QUALITY", "DSUN", "X0", "R_SUN", "Y0", "CDELT", "FILE_NAME")
"""Columns of the table.

QUALITY contains quality bits (0 means good), and DSUN is a distance in meters. X0, R_SUN and Y0
are in pixels, and CDELT is in arcsec per pixel. The cells of unknown values are empty."""
FRAME = 4096
"""Width in pixels of the frame to which the geometry refers."""

Row = Mapping[str, str]


def read_metadata(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the metadata table for the images in a folder.

    Parameters
    ----------
    path : str or path
        Folder that contains ``meta.csv``, or path of the file.

    Returns
    -------
    pandas.DataFrame
        Table with one row per image, indexed by FILE_NAME. The columns are QUALITY (bits, Int64),
        DSUN (m), X0, R_SUN and Y0 (pixels in a frame of 4096 x 4096 pixels), CDELT (arcsec/pixel),
        and any additional columns in the file. Unknown values are missing values.

    Raises
    ------
    AstrodomeError
        If the table does not exist or is malformed.

    Examples
    --------
    >>> table = read_metadata("images")
    >>> float(table.loc["2013-03-01T120011__171.jpeg", "CDELT"])
    0.6
    """
    import pandas as pd

    place = Path(path).expanduser()
    place = place / NAME if place.is_dir() else place
    if not place.is_file():
        raise errors.not_found(place, kind="Metadata table")
    rows = _parse(place)
    table = pd.DataFrame(rows.values(), index=pd.Index(rows, name="FILE_NAME"))
    return table.drop(columns="FILE_NAME").assign(**_numbers(rows))


def read_rows(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of the metadata table in a folder, keyed by file name.

    Return an empty dictionary if the folder contains no table. Raises AstrodomeError if the table
    is malformed. The message contains the line number.
    """
    path = folder / NAME
    return _parse(path) if path.exists() else {}


def find_row(path: Path, table: Path | None = None) -> Row:
    """Return the row for an image in a metadata table.

    If ``table`` is None, the tables in the folder of the image and its parent folders are searched,
    in this order. File extensions are ignored if no row has the same file name. Raises
    AstrodomeError if no table contains the image.
    """
    if table is not None and not table.is_file():
        raise errors.not_found(table, kind="Metadata table", exit_code=2)
    places = [table] if table else [folder / NAME for folder in path.absolute().parents]
    found = [place for place in places if place.is_file()]
    for place in found:
        rows = _indexed(place, place.stat().st_mtime_ns)
        if row := rows.get(path.name) or rows.get(path.stem):
            return row
    raise AstrodomeError(
        f"{path.name} has no row in {found[0]}."
        if found
        else f"The geometry of {path.name} is unknown: {NAME} not found in its folder or the "
        "parent folders.",
        f"Use 'sdo data download --metadata' or 'sdo data import' to write {NAME}.",
    )


def add_rows(folder: Path, rows: Iterable[Mapping[str, Any]], *, parquet: bool = False) -> None:
    """Add rows to the metadata table in a folder, replacing rows with the same FILE_NAME.

    None and NaN represent unknown values. The file ``meta.parquet`` is also written if it already
    exists or if ``parquet`` is True. Nothing is written if the table already contains all rows.
    """
    with files.lock(folder / f".{NAME}.lock"):
        known = read_rows(folder)
        new = {row["FILE_NAME"]: {key: _text(row[key]) for key in row} for row in rows}
        changed = any(known.get(name, {}) | row != known.get(name) for name, row in new.items())
        exists = (folder / PARQUET).exists()
        whole = dict(sorted((known | new).items()))
        if changed:
            columns = dict.fromkeys([*COLUMNS, *(key for row in whole.values() for key in row)])
            text = io.StringIO()
            table = csv.DictWriter(text, list(columns), lineterminator="\n")
            table.writeheader()
            table.writerows(whole.values())
            files.write_text(folder / NAME, text.getvalue())
        if (changed and exists) or (parquet and not exists):
            _write_parquet(folder, whole)


def _parse(path: Path) -> dict[str, dict[str, str]]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AstrodomeError(f"{path} is not encoded in UTF-8.") from error
    lines = csv.DictReader(io.StringIO(text), restkey="")
    rows: dict[str, dict[str, str]] = {}
    try:
        if text.strip() and "FILE_NAME" not in (lines.fieldnames or ()):
            raise AstrodomeError(
                f"{path} has no column FILE_NAME.",
                "Rename the file to create a new table, or choose another folder.",
            )
        for row in lines:
            if not row["FILE_NAME"] or "" in row:
                raise AstrodomeError(
                    f"{path}, line {lines.line_num}: the row does not match the columns.",
                    "Correct or remove the row.",
                )
            rows[row["FILE_NAME"]] = row
    except csv.Error as error:
        raise AstrodomeError(f"{path}, line {lines.reader.line_num}: {error}.") from error
    return rows


@lru_cache(maxsize=16)
def _indexed(path: Path, modified: int) -> Mapping[str, Row]:
    """Return the rows, keyed both by file name and by file name without extension.

    ``modified`` is the modification time of the file. It is part of the cache key.
    """
    rows = _parse(path)
    return {Path(name).stem: row for name, row in rows.items()} | rows


def _text(value: Any) -> str:
    """Format a value as in GSU files, in which integers have no decimal point."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _numbers(whole: Mapping[str, Row]) -> dict[str, pd.Series]:
    """Convert the columns to numbers. Invalid cells are converted to missing values."""
    import pandas as pd

    columns = {}
    for column in COLUMNS[:-1]:
        cells = pd.Series([row.get(column) for row in whole.values()], whole.keys(), dtype=str)
        numbers = pd.to_numeric(cells, errors="coerce")
        if column == "QUALITY":
            columns[column] = numbers.where(numbers % 1 == 0).astype("Int64")
        else:
            columns[column] = numbers.astype("float64")
    return columns


def _write_parquet(folder: Path, whole: Mapping[str, Row]) -> None:
    import pandas as pd
    import pyarrow as pa

    frame = pd.DataFrame(_numbers(whole) | {"FILE_NAME": list(whole)})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    files.write_parquet(folder / PARQUET, table, {"what": NAME})
