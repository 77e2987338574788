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
from typing import Any

from astrodome import AstrodomeError, files

NAME = "meta.csv"
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
        known: dict[str, Mapping[str, Any]] = dict(read(folder))
        known |= {row["FILE_NAME"]: row for row in rows}
        others = (key for row in known.values() for key in row)
        text = io.StringIO()
        table = csv.DictWriter(text, list(dict.fromkeys([*COLUMNS, *others])), lineterminator="\n")
        table.writeheader()
        table.writerows(known[name] for name in sorted(known))
        files.write_text(folder / NAME, text.getvalue())
