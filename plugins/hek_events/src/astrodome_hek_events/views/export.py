"""Export events as CSV, Parquet, ECSV, VOTable, GeoJSON or HEK JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from astrodome import files, spreadsheets

from ..records import CORNER_COLUMNS
from ..store.queries import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

SOFTWARE = f"astrodome-hek-events {version('astrodome-hek-events')}"
CONTROL_CHARACTERS = re.compile("[\0-\x1f\x7f\ufffe\uffff]+")
"""Pattern for characters that are invalid in a VOTable."""
Rows = Sequence[Mapping[str, Any]]
NAMES = [column.name for column in COLUMNS]
SHAPES = ("hpc_bbox", "hpc_boundcc", "hpc_coord")
ARCSEC = {"hpc_x", "hpc_y", *CORNER_COLUMNS}


def write(rows: Rows, form: str, path: Path, origin: str) -> None:
    """Write events to a file. An existing file is replaced atomically.

    ``form`` is ``parquet`` or one of the formats that :func:`to_text` supports. ``rows`` contains
    HEK records if the format is ``hek``, and rows of the event table otherwise. ``origin`` is the
    name of the store, which is written to the metadata of the file.
    """
    if form == "parquet":
        provenance = {"software": SOFTWARE, "source": f"HEK events from {origin}"}
        files.write_parquet(path, _to_arrow(rows), provenance)
    else:
        files.write_text(path, to_text(rows, form, origin))


def to_text(rows: Rows, form: str, origin: str) -> str:
    """Convert events to a string.

    ``form`` is ``csv``, ``ecsv``, ``votable``, ``geojson`` or ``hek``.
    """
    return TEXT_FORMATS[form](rows, origin)


def _to_arrow(rows: Rows) -> pa.Table:
    import pyarrow as pa

    types = {
        sa.DateTime: pa.timestamp("us", tz="UTC"),
        sa.Integer: pa.int32(),
        sa.Float: pa.float64(),
    }
    fields = []
    for column in COLUMNS:
        unit = {"unit": "arcsec"} if column.name in ARCSEC else {}
        metadata = {"description": column.comment or "", **unit}
        kind = types.get(type(column.type), pa.string())
        fields.append(pa.field(column.name, kind, metadata=metadata))
    columns = {name: [row[name] for row in rows] for name in NAMES}
    return pa.table(columns, schema=pa.schema(fields))


def _to_astropy(rows: Rows, origin: str) -> Table:
    """Convert rows to an astropy table with ISO 8601 times, in which missing values are masked."""
    import numpy as np
    from astropy import units
    from astropy.table import MaskedColumn, Table

    defaults = {sa.Integer: ("i4", 0), sa.Float: ("f8", 0.0)}
    table = Table(meta={"origin": f"HEK events from {origin}, {SOFTWARE}"})
    for column in COLUMNS:
        values = [_printable(row[column.name]) for row in rows]
        kind, empty = defaults.get(type(column.type), ("U", ""))
        table[column.name] = MaskedColumn(
            np.array([empty if value is None else value for value in values], dtype=kind),
            mask=[value is None for value in values],
            description=column.comment,
            unit=units.arcsec if column.name in ARCSEC else None,
        )
    return table


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _printable(value: Any) -> Any:
    return CONTROL_CHARACTERS.sub(" ", value) if isinstance(value, str) else _plain(value)


def _csv(rows: Rows, _: str) -> str:
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(NAMES)
    lines.writerows([spreadsheets.neutral(_plain(row[name])) for name in NAMES] for row in rows)
    return out.getvalue()


def _ecsv(rows: Rows, origin: str) -> str:
    out = io.StringIO()
    _to_astropy(rows, origin).write(out, format="ascii.ecsv")
    return out.getvalue()


def _votable(rows: Rows, origin: str) -> str:
    from astropy.io.votable import from_table, writeto

    table = _to_astropy(rows, origin)
    document = from_table(table)
    document.description = table.meta["origin"]
    out = io.BytesIO()
    writeto(document, out)
    return out.getvalue().decode()


def _geojson(rows: Rows, origin: str) -> str:
    document = {
        "type": "FeatureCollection",
        "name": f"HEK events from {origin}",
        "coordinate_system": "helioprojective, arcsec, seen from the Earth",
        "features": [_feature(row) for row in rows],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _feature(row: Mapping[str, Any]) -> dict[str, Any]:
    corners = [row[name] for name in CORNER_COLUMNS]
    return {
        "type": "Feature",
        "id": row["kb_archivid"],
        "geometry": _geometry(row),
        **({} if None in corners else {"bbox": corners}),
        "properties": {name: _plain(row[name]) for name in NAMES if name not in SHAPES},
    }


def _geometry(row: Mapping[str, Any]) -> Any:
    """Return the GeoJSON geometry of the outline, the bounding box or the center.

    The first of these shapes that is valid is used. If none is valid, the result is None.
    """
    import shapely

    from .. import wkt

    for shape in wkt.parse([row["hpc_boundcc"], row["hpc_bbox"]]):
        if shape is not None and shape.area > 0:
            return shapely.geometry.mapping(shape)
    if row["hpc_x"] is not None and row["hpc_y"] is not None:
        return {"type": "Point", "coordinates": [row["hpc_x"], row["hpc_y"]]}
    return None


def _hek(records: Rows, _: str) -> str:
    return '{"result": [\n' + ",\n".join(map(json.dumps, records)) + '\n], "overmax": false}\n'


TEXT_FORMATS: dict[str, Callable[[Rows, str], str]] = {
    "csv": _csv,
    "ecsv": _ecsv,
    "votable": _votable,
    "geojson": _geojson,
    "hek": _hek,
}
