"""Fetch and store the identifiers of the light curves in a ZTF field, by CCD quadrant.

Files have the same layouts as in SCoPe. Text and CSV files contain one id per line, and HDF5 files
contain one dataset with the ids. The file ``meta.json`` in the same directory contains the query
and the number of ids per quadrant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, compute, files

from ..tables import identifiers, table_io
from . import positions

CCDS, QUADS = range(1, 17), range(1, 5)
PAGE = 10_000
BATCH = 10_000
"""Number of rows that are converted to arrays at once."""
META = "meta.json"
NAMES = ("catalog", "minobs", "field", "coordinates", "skip")
"""Query parameters that must be the same for all quadrants in a directory."""
FORMATS = {"txt": ".txt", "text": ".txt", **table_io.EXTENSIONS}
"""Mapping from format names to file extensions."""


@dataclass(frozen=True)
class FieldQuery:
    """A query for the light curves in one or more CCD quadrants of a ZTF field.

    Attributes
    ----------
    catalog : str
        Name of the collection.
    field : int
        Number of the ZTF field.
    ccds, quads : tuple of int
        CCD numbers (1 to 16) and quadrant numbers (1 to 4).
    minobs : int
        Minimum number of epochs.
    skip : int, optional
        Number of ids to skip. If specified, at most ``limit`` ids are returned.
    limit : int
        Number of ids per request or, if ``skip`` is specified, total number of ids. 0 means no
        limit.
    coordinates : bool
        Whether to also return the positions of the light curves, in degrees.
    """

    catalog: str
    field: int = 301
    ccds: tuple[int, ...] = (4,)
    quads: tuple[int, ...] = (3,)
    minobs: int = 20
    skip: int | None = None
    limit: int = PAGE
    coordinates: bool = False

    @property
    def quadrants(self) -> list[tuple[int, int]]:
        """All pairs of a CCD number and a quadrant number."""
        return [(ccd, quad) for ccd in self.ccds for quad in self.quads]

    @property
    def columns(self) -> list[str]:
        """Column names in the result: ``_id`` and, if requested, ``ra`` and ``dec`` in degrees."""
        return ["_id", "ra", "dec"] if self.coordinates else ["_id"]

    def label(self, ccd: int, quad: int) -> str:
        """Return the name of the HDF5 dataset that contains the ids in a quadrant."""
        return f"dataset_ccd_{ccd}_quad_{quad}_field_{self.field}"

    def conditions(self, ccd: int, quad: int) -> dict[str, Any]:
        """Return the query conditions for the light curves in a quadrant.

        The column with the number of epochs is ``n`` in feature collections, and ``nobs`` in other
        collections.
        """
        conditions: dict[str, Any] = {"field": self.field, "ccd": ccd, "quad": quad}
        if self.minobs > 0:
            conditions["n" if "features" in self.catalog else "nobs"] = {"$gte": self.minobs}
        return conditions


def light_curve_ids(
    catalogue: Any, query: FieldQuery, ccd: int, quad: int
) -> Iterator[dict[str, Any]]:
    """Yield the requested columns for each light curve in a quadrant, sorted by ``_id``."""
    columns = positions.DOCUMENT_COLUMNS if query.coordinates else ("field",)
    documents = catalogue.find(
        query.catalog,
        query.conditions(ccd, quad),
        columns,
        skip=query.skip or 0,
        limit=query.limit if query.skip is not None else 0,
    )
    for document in documents:
        row = {"_id": document["_id"]}
        if query.coordinates:
            row["ra"], row["dec"] = positions.of_document(document)
        yield row


def write_ids(
    rows: Iterable[Mapping[str, Any]],
    query: FieldQuery,
    path: Path,
    extension: str,
    quadrant: tuple[int, int],
) -> int:
    """Write the ids in a quadrant to a file, and return the number of ids.

    The file is replaced atomically. ``extension`` is one of the values in :data:`FORMATS`.
    """
    rows = iter(rows)
    batches = []
    while batch := list(islice(rows, BATCH)):  # Arrays need much less memory than dictionaries.
        batches.append(pa.RecordBatch.from_pylist(batch))
    if batches:
        table = pa.Table.from_batches(batches)
    else:
        table = pa.table({name: pa.array([], pa.int64()) for name in query.columns})
    _write(identifiers.to_pandas(table), path, extension, query.label(*quadrant))
    return int(table.num_rows)


def _write(table: pd.DataFrame, path: Path, extension: str, label: str) -> None:
    """Write a table to a file. ``label`` is the name of the dataset in an HDF5 file."""
    with files.replacing(path) as part:
        if extension == ".parquet":
            table.to_parquet(part, index=False)
        elif extension == ".h5":
            _write_hdf5(table, part, label)
        else:  # Files that contain only ids have no header.
            table.to_csv(part, index=False, header=len(table.columns) > 1, lineterminator="\n")


def _write_hdf5(table: pd.DataFrame, path: Path, label: str) -> None:
    """Write one dataset for the ids and, if available, one each for RA and Dec in degrees."""
    import h5py
    import numpy as np

    with h5py.File(path, "w") as file:
        for name, column in table.items():
            if name != "_id":
                file[f"{label}_{name}"] = column.to_numpy(np.float64)
            elif pd.api.types.is_integer_dtype(column):
                file[label] = column.to_numpy(np.int64)
            else:
                file.create_dataset(label, data=column.tolist(), dtype=h5py.string_dtype())


def fetch_quadrants(
    catalogue: Any,
    query: FieldQuery,
    folder: Path,
    extension: str,
    whole: bool,
    advance: Callable[[int], object] = lambda count: None,
) -> tuple[list[dict[str, Any]], compute.Outcome]:
    """Fetch the ids in each quadrant, and write one file per quadrant.

    If ``whole`` is True, a file with the ids in all quadrants is also written. Quadrants that were
    written by an earlier call with the same query are not requested again.

    Parameters
    ----------
    catalogue : Catalogue
        Catalogue to query.
    query : FieldQuery
        Field, quadrants and query conditions.
    folder : pathlib.Path
        Directory in which the subdirectory ``field_<number>`` is created.
    extension : str
        One of the values in :data:`FORMATS`.
    whole : bool
        Whether to also write a file with the ids in all quadrants.
    advance : callable, optional
        Function that is called with the argument 1 after each quadrant.

    Returns
    -------
    records : list of dict
        One record per quadrant, with the keys ``ccd``, ``quad``, ``ids`` (number of ids), ``file``,
        and ``fetched`` (whether this call requested the ids).
    outcome : astrodome.compute.Outcome
        Number of completed quadrants, and the error message for each failed quadrant.
    """
    folder = folder / f"field_{query.field}"
    folder.mkdir(parents=True, exist_ok=True)
    with files.lock(folder / ".lock"):
        files.sweep(folder)
        state = _state(folder, query, extension)
        records, failed = [], []
        for ccd, quad in query.quadrants:
            path = _path(folder, query, extension, ccd, quad)
            counts = state["counts"].setdefault(f"ccd_{ccd}", {})
            record = {"ccd": ccd, "quad": quad, "ids": counts.get(f"quad_{quad}")}
            record |= {"file": str(path), "fetched": record["ids"] is None or not path.is_file()}
            try:
                if record["fetched"]:
                    rows = light_curve_ids(catalogue, query, ccd, quad)
                    record["ids"] = write_ids(rows, query, path, extension, (ccd, quad))
                    counts[f"quad_{quad}"] = record["ids"]
                    state["total"] = sum(sum(one.values()) for one in state["counts"].values())
                    files.write_text(folder / META, json.dumps(state, indent=1) + "\n")
                records.append(record)
            except AstrodomeError as error:
                failed.append((f"ccd {ccd} quad {quad}", error.message))
            advance(1)
        if whole and not failed:
            tables = [
                _read(_path(folder, query, extension, *quadrant), extension, query, quadrant)
                for quadrant in query.quadrants
            ]
            path = folder / f"field_{query.field}{extension}"
            _write(pd.concat(tables), path, extension, f"dataset_field_{query.field}")
    return records, compute.Outcome(done=len(records), failed=failed)


def _path(folder: Path, query: FieldQuery, extension: str, ccd: int, quad: int) -> Path:
    """Return the path of the file for a quadrant. As in SCoPe, the name depends on the format."""
    if extension == ".h5":
        return folder / f"data_ccd_{ccd:02}_quad_{quad}.h5"
    return folder / f"data_ccd_{ccd}_quad_{quad}_field_{query.field}{extension}"


def _state(folder: Path, query: FieldQuery, extension: str) -> dict[str, Any]:
    """Return the content of ``meta.json`` after adding the quadrants of this query.

    Raises AstrodomeError if the directory contains the results of a different query.
    """
    options = {key: getattr(query, key) for key in NAMES}
    limit = None if query.skip is None else query.limit
    options |= {"format": extension.lstrip("."), "limit": limit}
    path = folder / META
    state = {**options, "counts": {}, "total": 0}
    if path.is_file():
        try:
            state = {"counts": {}, "total": 0, **json.loads(path.read_text("utf-8"))}
            changed = next((key for key in options if state[key] != options[key]), "")
        except (ValueError, KeyError, TypeError) as error:
            raise AstrodomeError(
                f"Invalid metadata file {path}: {error}.",
                "Rename or delete the file to fetch all ids again.",
            ) from error
        if changed:
            raise AstrodomeError(
                f"{folder} contains the results of a different query: '{changed}' is "
                f"{state[changed]}, but {options[changed]} was requested.",
                "Specify a different folder.",
            )
    for key, values in (("ccd_range", query.ccds), ("quad_range", query.quads)):
        state[key] = sorted({*state.get(key, ()), *values})
    return state


def _read(path: Path, extension: str, query: FieldQuery, quadrant: tuple[int, int]) -> pd.DataFrame:
    """Read a file that was written by :func:`write_ids`."""
    if extension == ".parquet":
        return identifiers.to_pandas(pq.read_table(path))
    if extension == ".h5":
        import h5py

        label = query.label(*quadrant)
        with h5py.File(path) as file:
            ids = file[label]
            values = {"_id": ids.asstr()[:] if h5py.check_string_dtype(ids.dtype) else ids[:]}
            values |= {name: file[f"{label}_{name}"][:] for name in query.columns[1:]}
        return pd.DataFrame(values)
    header = 0 if query.coordinates else None
    return pd.read_csv(
        path, header=header, names=query.columns, dtype="string[pyarrow]", keep_default_na=False
    )
