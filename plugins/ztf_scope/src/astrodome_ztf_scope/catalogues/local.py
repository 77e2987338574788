"""Catalogues that are stored as Parquet files in a local directory.

Each collection is a Parquet file or a directory of Parquet files. The file names are
``sources.parquet``, ``features.parquet``, ``classifications.parquet`` and ``light_curves.parquet``.
A file may also be named after a Kowalski collection, for example
``ZTF_source_features_DR16.parquet``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from astrodome import AstrodomeError, InvalidInputError, errors
from numpy.typing import ArrayLike

from ..tables import datasets, identifiers
from . import column_layouts, filters, light_curves
from .column_layouts import ColumnExpression

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

WORDS = {
    "features": "source_features",
    "classifications": "source_classifications",
    "gaia": "Gaia",
    "allwise": "AllWISE",
    "ps1": "PS1",
    "alerts": "ZTF_alerts",
    "sources": "ZTF_sources",
}
"""Substring in the names of Kowalski collections that have a role, keyed by role."""
LIGHT_CURVES = ("light_curves", "lightcurves")
IDS = ("_id", "ztf_id", "objectid", "oid")


class LocalCatalogue:
    """A catalogue that is stored as Parquet files in a directory."""

    def __init__(self, folder: str | Path = "") -> None:
        if not str(folder):
            raise InvalidInputError("No catalogue folder specified: expected local:FOLDER.")
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise errors.not_found(self.folder, kind="Folder", exit_code=2)

    def collections(self) -> list[str]:
        """Return the names of all Parquet files and of all directories with Parquet files."""
        return sorted(self._paths)

    def find(
        self,
        collection: str,
        where: Mapping[str, Any],
        columns: Sequence[str] = (),
        *,
        skip: int = 0,
        limit: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """Yield the matching documents, sorted by ``_id``. See the protocol ``Catalogue``."""
        table = self._table(collection, where, columns)
        table = table.sort_by("_id").slice(skip, limit or None)
        for batch in table.to_batches(max_chunksize=4096):
            yield from batch.to_pylist()

    def cone(
        self,
        collection: str,
        ra: ArrayLike,
        dec: ArrayLike,
        radius: float,
        columns: Sequence[str] = (),
        *,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[dict[str, Any]]]:
        """Return the documents around each position, sorted by separation. See ``Catalogue``."""
        from astropy import units as u
        from astropy.coordinates import SkyCoord

        path = self._path(collection)
        sky, ids = _positions(path, path.stat().st_mtime_ns)
        centers = SkyCoord(np.atleast_1d(ra), np.atleast_1d(dec), unit="deg")
        near, rows, distances, _ = sky.search_around_sky(centers, radius * u.arcsec)
        selected = {**(where or {}), "_id": {"$in": [ids[row] for row in np.unique(rows)]}}
        found = self._table(collection, selected, columns, ("ra", "dec"))
        documents = {document["_id"]: document for document in found.to_pylist()}
        result: list[list[dict[str, Any]]] = [[] for _ in centers]
        for k in np.argsort(distances, kind="stable"):
            if document := documents.get(ids[rows[k]]):
                separation = float(distances[k].arcsec)
                result[near[k]].append({**document, "separation": separation})
        return result

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """Return light curves as a table with one row per epoch. See the protocol ``Catalogue``.

        The files may have any of the layouts described in :mod:`.column_layouts`. Raises
        AstrodomeError for any other layout.
        """
        name = next((name for name in LIGHT_CURVES if name in self._paths), None)
        if name is None:
            raise AstrodomeError(
                f"No light curves found in {self.folder}: expected a file light_curves.parquet."
            )
        path = self._paths[name]
        source = _dataset(path, path.stat().st_mtime_ns)
        known = column_layouts.columns(source.schema, _key(source.schema, path))
        selected = filters.expression({"_id": {"$in": list(ids)}}, known, path)
        table = column_layouts.flat(source.to_table(filter=selected))
        column_layouts.check_times(table, path)
        table = identifiers.normalize(table, identifiers.ValueOrigin(path))
        return light_curves.epoch_table(identifiers.to_pandas(table), str(path))

    @cached_property
    def _paths(self) -> dict[str, Path]:
        inside = sorted(self.folder.iterdir())
        found = {path.stem: path for path in inside if datasets.is_parquet(path)}
        for path in inside:
            if path.is_dir() and any(map(datasets.is_parquet, path.rglob("*.*"))):
                found.setdefault(path.name, path)
        return found

    def _path(self, collection: str) -> Path:
        """Return the path for a collection, which is specified by name or by role."""
        role = next((r for r, word in WORDS.items() if word in collection or r == collection), "")
        for name in (collection, role):
            if name in self._paths:
                return self._paths[name]
        candidates = [name for name in self._paths if role and WORDS[role] in name]
        if len(candidates) == 1:
            return self._paths[candidates[0]]
        if role == "sources" and (curves := [n for n in LIGHT_CURVES if n in self._paths]):
            return self._paths[curves[0]]  # Light curves also contain positions.
        expected = f"{role or collection}.parquet"
        if role == "sources":
            expected = f"{LIGHT_CURVES[0]}.parquet or {expected}"
        raise AstrodomeError(
            f"{self.folder} contains no collection '{collection}': expected a file {expected}.",
            f"Existing collections: {', '.join(self._paths) or 'none'}.",
        )

    def _table(
        self,
        collection: str,
        where: Mapping[str, Any],
        columns: Sequence[str],
        required: Sequence[str] = (),
    ) -> pa.Table:
        path = self._path(collection)
        source, known = _documents(path, path.stat().st_mtime_ns)
        names = [n for n in dict.fromkeys([*required, *(columns or known)]) if n != "_id"]
        found = source.to_table(
            {name: known[name].value for name in ("_id", *names) if name in known},
            filter=filters.expression(where, known, path),
        )
        for name in names:  # Documents may omit keys.
            if name not in found.column_names:
                found = found.append_column(name, pa.nulls(len(found)))
        return identifiers.normalize(found.select(["_id", *names]), identifiers.ValueOrigin(path))


@lru_cache(maxsize=16)
def _dataset(path: Path, modified: int) -> ds.Dataset:
    """Open the files in a collection.

    ``modified`` is the modification time of the path. It is used only as part of the cache key, so
    that changed files are opened again.
    """
    try:
        return ds.dataset(path, format="parquet", exclude_invalid_files=False)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise AstrodomeError(f"{path} is not a valid Parquet file: {reason}") from error


@lru_cache(maxsize=16)
def _documents(path: Path, modified: int) -> tuple[ds.Dataset, dict[str, ColumnExpression]]:
    """Return a dataset with one row per document, and the expressions for its columns."""
    source = _dataset(path, modified)
    known = column_layouts.columns(source.schema, _key(source.schema, path))
    if column_layouts.has_row_per_epoch(source.schema):
        epochs = source.to_table({name: column.value for name, column in known.items()})
        source = ds.dataset(column_layouts.per_light_curve(epochs))
        known = column_layouts.columns(source.schema, "_id")
    if "filter" in known:
        known["filter"] = column_layouts.band_numbers(known["filter"])
    return source, known


def _key(schema: pa.Schema, path: Path) -> str:
    """Return the name of the identifier column."""
    for name in ("id", *IDS) if path.stem in LIGHT_CURVES else IDS:
        if name in schema.names:
            return name
    raise AstrodomeError(f"{path} has no identifier column: expected one of {', '.join(IDS)}.")


@lru_cache(maxsize=8)
def _positions(path: Path, modified: int) -> tuple[SkyCoord, list[Any]]:
    """Return the positions and the ids of the sources in a file.

    ``modified`` is the modification time of the path, which is part of the cache key.
    """
    from astropy.coordinates import SkyCoord

    source, known = _documents(path, modified)
    if "ra" not in known or "dec" not in known:
        raise AstrodomeError(f"{path} has no columns 'ra' and 'dec' (in degrees).")
    found = source.to_table({name: known[name].value for name in ("_id", "ra", "dec")})
    found = identifiers.normalize(found, identifiers.ValueOrigin(path)).drop_null()
    table = identifiers.to_pandas(found).drop_duplicates("_id")
    return SkyCoord(table["ra"], table["dec"], unit="deg"), table["_id"].tolist()
