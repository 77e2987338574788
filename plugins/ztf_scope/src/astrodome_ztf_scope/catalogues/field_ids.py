"""Ids of the light curves of a field, quadrant by quadrant, going on where it stopped.

Files are SCoPe's: one id a line in text and CSV, and a data set of ids in HDF5. ``meta.json``
beside them says what was asked for and how many ids each quadrant has.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, compute, console, files, sources

from ..tables import identifiers

CCDS, QUADS = range(1, 17), range(1, 5)
BATCH = 10_000
META = "meta.json"
POSITION = "coordinates.radec_geojson.coordinates"
FORMATS = {"txt": ".txt", "text": ".txt", "csv": ".csv", "parquet": ".parquet", "h5": ".h5"}


@dataclass(frozen=True)
class FieldQuery:
    """Light curves of a ``catalog`` in one quadrant or several of a ``field``.

    ``minobs`` epochs or more. ``limit`` ids are asked for at a time; with ``skip`` only that
    many, after so many: a loop over parts is the user's.
    """

    catalog: str
    field: int = 301
    ccds: tuple[int, ...] = (4,)
    quads: tuple[int, ...] = (3,)
    minobs: int = 20
    skip: int | None = None
    limit: int = BATCH
    coordinates: bool = False

    @property
    def quadrants(self) -> list[tuple[int, int]]:
        return [(ccd, quad) for ccd in self.ccds for quad in self.quads]

    def conditions(self, ccd: int, quad: int) -> dict[str, Any]:
        """Of the documents of a quadrant; the number of epochs is called nobs, of features n."""
        where: dict[str, Any] = {"field": self.field, "ccd": ccd, "quad": quad}
        if self.minobs > 0:
            where["n" if "features" in self.catalog else "nobs"] = {"$gte": self.minobs}
        return where


def ids_of(catalogue: Any, wanted: FieldQuery, ccd: int, quad: int) -> Iterator[dict[str, Any]]:
    """``_id`` of every light curve of a quadrant, ascending, and its ``ra``, ``dec`` (deg)."""
    columns = ("ra", "dec", POSITION) if wanted.coordinates else ("field",)
    part = wanted.skip is not None and wanted.limit
    found = catalogue.find(
        wanted.catalog,
        wanted.conditions(ccd, quad),
        columns,
        skip=wanted.skip or 0,
        limit=wanted.limit if part else 0,
    )
    for document in found:
        row = {"_id": document["_id"]}
        if wanted.coordinates:
            row["ra"], row["dec"] = _position(document)
        yield row


def _position(document: dict[str, Any]) -> tuple[float | None, float | None]:
    if document.get("ra") is not None:
        return document["ra"], document["dec"]
    place = document.get(POSITION)
    return ((place[0] + 180) % 360, place[1]) if place is not None else (None, None)


def open_catalogue(name: str, token: str, limit: int) -> Any:
    """The catalogue to ask, ``limit`` ids at a time where it is a service."""
    options: dict[str, Any] = {}
    if name.partition(":")[0] == "kowalski":
        options = {"token": token, **({"page": limit} if limit else {})}
    return sources.get("catalogue", name, **options)


def write(
    rows: Iterable[dict[str, Any]], path: Path, ending: str, dataset: str, coordinates: bool
) -> int:
    """Write ids as they come, a batch at a time; the file appears when it is whole. Gives how many.

    Raises AstrodomeError when a library for the format is missing.
    """
    writer = {".h5": _write_hdf5, ".parquet": _write_parquet}.get(ending, _write_text)
    with files.replacing(path) as part:
        return writer(_batches(rows), part, dataset, coordinates)


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        yield batch


def _write_text(
    batches: Iterable[list[dict[str, Any]]], part: Path, dataset: str, coordinates: bool
) -> int:
    """An id a line without a header, or with one where there are positions too."""
    count = 0
    with part.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        if coordinates:
            table.writerow(("_id", "ra", "dec"))
        for batch in batches:
            count += len(batch)
            table.writerows(row.values() for row in batch)
    return count


def _with_kind(
    batches: Iterable[list[dict[str, Any]]],
) -> tuple[type, Iterator[list[dict[str, Any]]]]:
    """Return the type of the first id, and all batches including the first."""
    rest = iter(batches)
    first = next(rest, [])
    kind = str if first and isinstance(first[0]["_id"], str) else int
    return kind, chain([first] if first else [], rest)


def _write_parquet(
    batches: Iterable[list[dict[str, Any]]], part: Path, dataset: str, coordinates: bool
) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind, batches = _with_kind(batches)
    columns = [("_id", pa.string() if kind is str else pa.int64())]
    columns += [("ra", pa.float64()), ("dec", pa.float64())] if coordinates else []
    schema, count = pa.schema(columns), 0
    schema = schema.with_metadata(identifiers.pandas_metadata(schema))
    with pq.ParquetWriter(part, schema) as out:
        for batch in batches:
            count += len(batch)
            out.write_table(pa.Table.from_pylist(batch, schema))
    return count


def _write_hdf5(
    batches: Iterable[list[dict[str, Any]]], part: Path, dataset: str, coordinates: bool
) -> int:
    """Write ids as a data set of integers or text, and positions (deg) as two more data sets."""
    import h5py
    import numpy as np

    of, batches = _with_kind(batches)
    with h5py.File(part, "w") as out:
        names = {"_id": dataset} | (
            {n: f"{dataset}_{n}" for n in ("ra", "dec")} if coordinates else {}
        )
        for name, label in names.items():
            kind = (h5py.string_dtype() if of is str else np.int64) if name == "_id" else np.float64
            out.create_dataset(label, (0,), kind, maxshape=(None,), chunks=(BATCH,))
        count = 0
        for batch in batches:
            for name, label in names.items():
                values = [np.nan if row[name] is None else row[name] for row in batch]
                out[label].resize((count + len(batch),))
                out[label][count:] = values
            count += len(batch)
    return count


def fetch_quadrants(
    catalogue: Any, wanted: FieldQuery, folder: Path, ending: str, whole: bool
) -> tuple[list[dict[str, Any]], compute.Outcome]:
    """Files of the quadrants in ``folder``, with ``whole`` one file of the field as well.

    What an earlier call of the same kind has brought stays as it is. Gives a record for each
    quadrant, and what failed.
    """
    folder = folder / f"field_{wanted.field}"
    folder.mkdir(parents=True, exist_ok=True)
    with files.lock(folder / ".lock"):
        files.sweep(folder)
        state = _state(folder, wanted, ending)
        rows, failed = [], []
        with console.progress("Quadrants", len(wanted.quadrants), "quadrants") as progress:
            for ccd, quad in wanted.quadrants:
                try:
                    rows.append(_quadrant(catalogue, wanted, folder, ending, state, ccd, quad))
                except AstrodomeError as error:
                    failed.append((f"ccd {ccd} quad {quad}", error.message))
                progress.advance(1)
        if whole and not failed:
            path = folder / f"field_{wanted.field}{ending}"
            every = (
                row
                for ccd, quad in wanted.quadrants
                for row in _read(
                    _path(folder, wanted, ending, ccd, quad), ending, wanted, ccd, quad
                )
            )
            write(every, path, ending, f"dataset_field_{wanted.field}", wanted.coordinates)
    return rows, compute.Outcome(done=len(rows), failed=failed)


def _quadrant(
    catalogue: Any,
    wanted: FieldQuery,
    folder: Path,
    ending: str,
    state: dict[str, Any],
    ccd: int,
    quad: int,
) -> dict[str, Any]:
    path = _path(folder, wanted, ending, ccd, quad)
    counts = state["counts"].setdefault(f"ccd_{ccd}", {})
    known = counts.get(f"quad_{quad}")
    there = known is not None and path.is_file()
    if not there:
        rows = ids_of(catalogue, wanted, ccd, quad)
        known = write(rows, path, ending, _dataset(wanted, ccd, quad), wanted.coordinates)
        counts[f"quad_{quad}"] = known
        state["total"] = sum(n for quads in state["counts"].values() for n in quads.values())
        files.write_text(folder / META, json.dumps(state, indent=1) + "\n")
    return {"ccd": ccd, "quad": quad, "ids": known, "file": str(path), "fetched": not there}


def _dataset(wanted: FieldQuery, ccd: int, quad: int) -> str:
    return f"dataset_ccd_{ccd}_quad_{quad}_field_{wanted.field}"


def _path(folder: Path, wanted: FieldQuery, ending: str, ccd: int, quad: int) -> Path:
    """SCoPe's names: HDF5 with two digits of the CCD, the others with the field at the end."""
    if ending == ".h5":
        return folder / f"data_ccd_{ccd:02}_quad_{quad}.h5"
    return folder / f"data_ccd_{ccd}_quad_{quad}_field_{wanted.field}{ending}"


def _state(folder: Path, wanted: FieldQuery, ending: str) -> dict[str, Any]:
    """What ``meta.json`` says; AstrodomeError when the folder holds ids of another kind."""
    about = asdict(wanted)
    asked = {key: about[key] for key in ("catalog", "minobs", "field", "coordinates", "skip")}
    asked |= {"format": ending.lstrip("."), "limit": None if wanted.skip is None else wanted.limit}
    ranges: dict[str, Sequence[int]] = {"ccd_range": wanted.ccds, "quad_range": wanted.quads}
    path = folder / META
    if not path.is_file():
        return {**asked, **ranges, "counts": {}, "total": 0}
    try:
        state = json.loads(path.read_text("utf-8"))
        other = next((key for key in asked if state[key] != asked[key]), "")
        counts = state["counts"]
    except (ValueError, KeyError, TypeError) as error:
        raise AstrodomeError(
            f"{path} is damaged: {error}.", "Move it away to begin anew."
        ) from error
    if other:
        raise AstrodomeError(
            f"{folder} holds ids for {other} {state[other]}, not {asked[other]}.",
            "Choose another folder.",
        )
    for key, values in ranges.items():
        ranges[key] = sorted({*state.get(key, ()), *values})
    return {**asked, **ranges, "counts": counts, "total": state.get("total", 0)}


def _read(
    path: Path, ending: str, wanted: FieldQuery, ccd: int, quad: int
) -> Iterator[dict[str, Any]]:
    """The rows of a file that :func:`write` wrote."""
    if ending == ".parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches(BATCH):
            yield from batch.to_pylist()
    elif ending == ".h5":
        import h5py

        label = _dataset(wanted, ccd, quad)
        with h5py.File(path) as file:
            extra = {n: file[f"{label}_{n}"] for n in ("ra", "dec") if wanted.coordinates}
            for number, value in enumerate(file[label]):
                own = value.decode() if isinstance(value, bytes) else int(value)
                yield {"_id": own} | {n: float(v[number]) for n, v in extra.items()}
    else:
        with path.open(encoding="utf-8", newline="") as lines:
            for values in islice(csv.reader(lines), int(wanted.coordinates), None):
                yield dict(zip(("_id", "ra", "dec"), values, strict=False))
