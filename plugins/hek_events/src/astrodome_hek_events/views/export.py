"""Events as files: CSV, Parquet, ECSV, VOTable, GeoJSON, or as HEK itself answers them."""

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
from astrodome import AstrodomeError, files, spreadsheets

from ..store.queries import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

SOFTWARE = f"astrodome-hek-events {version('astrodome-hek-events')}"
UNPRINTABLE = re.compile("[\0-\x1f\x7f\ufffe\uffff]+")
Rows = Sequence[Mapping[str, Any]]
NAMES = [column.name for column in COLUMNS]
ARCSEC = {"hpc_x", "hpc_y", "hpc_x_min", "hpc_y_min", "hpc_x_max", "hpc_y_max"}
ABOUT = {
    "kb_archivid": "HEK's identifier",
    "event_type": "HEK's code of the type",
    "event_starttime": "start, UTC, ISO 8601",
    "event_endtime": "end, UTC, ISO 8601",
    "event_peaktime": "peak, UTC, ISO 8601",
    "obs_observatory": "observatory",
    "obs_instrument": "instrument",
    "obs_channelid": "channel",
    "frm_name": "feature recognition method",
    "fl_goescls": "GOES class of a flare",
    "hpc_coord": "centre as WKT, helioprojective arcsec",
    "hpc_bbox": "bounding box as WKT, helioprojective arcsec",
    "hpc_boundcc": "outline as WKT, helioprojective arcsec",
    "ar_noaanum": "number of the active region at NOAA",
    "event_probability": "probability of the detection, 0 to 1",
    "hpc_x": "centre, helioprojective longitude",
    "hpc_y": "centre, helioprojective latitude",
    "hpc_x_min": "corner of the upright box around hpc_bbox",
    "hpc_y_min": "corner of the upright box around hpc_bbox",
    "hpc_x_max": "corner of the upright box around hpc_bbox",
    "hpc_y_max": "corner of the upright box around hpc_bbox",
}


def write(rows: Rows, kind: str, path: Path, origin: str) -> None:
    """Write typed columns of the store to a file; it appears whole or not at all.

    ``kind`` is one of :data:`TEXTS` or ``parquet``; ``origin`` says where the events are from.
    """
    if kind == "parquet":
        provenance = {"software": SOFTWARE, "source": f"HEK events of {origin}"}
        files.write_parquet(path, arrow(rows), provenance)
    else:
        files.write_text(path, text(rows, kind, origin))


def text(rows: Rows, kind: str, origin: str) -> str:
    """The same in a format that is text."""
    if kind not in TEXTS:
        raise AstrodomeError(
            f"Events are not written as {kind} to a pipe.", "Name a file: --out FILE", exit_code=2
        )
    return TEXTS[kind](rows, origin)


def answer(texts: Sequence[str]) -> str:
    """Untouched records as an answer of HEK, which ``sdo events import`` reads."""
    return '{"result": [\n' + ",\n".join(texts) + '\n], "overmax": false}\n'


def arrow(rows: Rows) -> pa.Table:
    """An Arrow table with times as timestamps (UTC) and units in the fields' metadata."""
    import pyarrow as pa

    types = {
        sa.DateTime: pa.timestamp("us", tz="UTC"),
        sa.Integer: pa.int32(),
        sa.Float: pa.float64(),
    }
    fields = [
        pa.field(
            column.name,
            types.get(type(column.type), pa.string()),
            metadata={"description": ABOUT[column.name], **_unit(column.name)},
        )
        for column in COLUMNS
    ]
    columns = {name: [row[name] for row in rows] for name in NAMES}
    return pa.table(columns, schema=pa.schema(fields))


def table(rows: Rows, origin: str) -> Table:
    """An astropy table: times as text in ISO 8601 (UTC), units, and masks for what is not known."""
    import numpy as np
    from astropy import units
    from astropy.table import MaskedColumn, Table

    made = Table(meta={"origin": f"HEK events of {origin}, {SOFTWARE}"})
    for column in COLUMNS:
        values = [_printable(row[column.name]) for row in rows]
        kind, empty = _numpy(column)
        made[column.name] = MaskedColumn(
            np.array([empty if value is None else value for value in values], dtype=kind),
            mask=[value is None for value in values],
            description=ABOUT[column.name],
            unit=units.arcsec if column.name in ARCSEC else None,
        )
    return made


def _numpy(column: sa.Column[Any]) -> tuple[str, Any]:
    if isinstance(column.type, sa.Integer):
        return "i4", 0
    return ("f8", 0.0) if isinstance(column.type, sa.Float) else ("U", "")


def _unit(name: str) -> dict[str, str]:
    return {"unit": "arcsec"} if name in ARCSEC else {}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _printable(value: Any) -> Any:
    """The value without the control characters that no VOTable may have."""
    return UNPRINTABLE.sub(" ", value) if isinstance(value, str) else _plain(value)


def _csv(rows: Rows, _: str) -> str:
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(NAMES)
    lines.writerows([spreadsheets.neutral(_plain(row[name])) for name in NAMES] for row in rows)
    return out.getvalue()


def _ecsv(rows: Rows, origin: str) -> str:
    out = io.StringIO()
    table(rows, origin).write(out, format="ascii.ecsv")
    return out.getvalue()


def _votable(rows: Rows, origin: str) -> str:
    from astropy.io.votable import from_table, writeto

    made = table(rows, origin)
    document = from_table(made)
    document.description = made.meta["origin"]
    out = io.BytesIO()
    writeto(document, out)
    return out.getvalue().decode()


def _geojson(rows: Rows, origin: str) -> str:
    """A feature each: the outline if HEK has one, else the box, else the centre."""
    document = {
        "type": "FeatureCollection",
        "name": f"HEK events of {origin}",
        "coordinate_system": "helioprojective, arcsec, seen from the Earth",
        "features": [_feature(row) for row in rows],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _feature(row: Mapping[str, Any]) -> dict[str, Any]:
    corners = [row[f"hpc_{name}"] for name in ("x_min", "y_min", "x_max", "y_max")]
    return {
        "type": "Feature",
        "id": row["kb_archivid"],
        "geometry": _geometry(row),
        **({} if None in corners else {"bbox": corners}),
        "properties": {name: _plain(row[name]) for name in NAMES if not _is_shape(name)},
    }


def _is_shape(name: str) -> bool:
    return name in ("hpc_bbox", "hpc_boundcc", "hpc_coord")


def _geometry(row: Mapping[str, Any]) -> Any:
    import numpy as np
    import shapely

    from .. import wkt

    for shape in wkt.parse([row["hpc_boundcc"], row["hpc_bbox"]]):
        with np.errstate(over="ignore", invalid="ignore"):
            if shape is not None and 0 < shape.area < np.inf:
                return shapely.geometry.mapping(shape)
    if row["hpc_x"] is not None and row["hpc_y"] is not None:
        return {"type": "Point", "coordinates": [row["hpc_x"], row["hpc_y"]]}
    return None


TEXTS: dict[str, Callable[[Rows, str], str]] = {
    "csv": _csv,
    "ecsv": _ecsv,
    "votable": _votable,
    "geojson": _geojson,
}
