"""A catalogue in a folder of Parquet files: a collection is a file, or a folder of them.

``sources.parquet``, ``features.parquet``, ``classifications.parquet`` and ``light_curves.parquet``;
a file may also have the service's own name, as ``ZTF_source_features_DR16.parquet``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from astrodome import AstrodomeError
from numpy.typing import ArrayLike

from ..tables import datasets, identifiers
from . import column_layouts, filters, light_curves
from .positions import chord, separations, unit_vectors

WORDS = {
    "features": "source_features",
    "classifications": "source_classifications",
    "gaia": "Gaia",
    "sources": "ZTF_sources",
}
"""What the service's own name of a collection has in it, by role."""
CURVES = ("light_curves", "lightcurves")
IDS = ("_id", "ztf_id", "objectid", "oid")


class LocalCatalogue:
    """The catalogue in ``folder``."""

    def __init__(self, folder: str | Path = "") -> None:
        if not str(folder):
            raise AstrodomeError("Which folder? Write local:FOLDER.", exit_code=2)
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise AstrodomeError(f"There is no folder {self.folder}.", exit_code=2)

    def collections(self) -> list[str]:
        """Names of the files and folders that hold Parquet."""
        return sorted(self._places)

    def find(
        self,
        collection: str,
        where: Mapping[str, Any],
        columns: Sequence[str] = (),
        *,
        skip: int = 0,
        limit: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """The matching documents in the order of their ``_id``; see ``sources.Catalogue``."""
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
    ) -> list[list[dict[str, Any]]]:
        """For each position (deg) the documents within ``radius`` (arcsec), the nearest first."""
        tree, ids = _sky(self, self._place(collection), self._stamp(collection))
        wanted = unit_vectors(ra, dec)
        near = tree.query_ball_point(wanted, chord(radius) * (1 + 1e-9))
        chosen = [ids[row] for row in sorted({int(row) for group in near for row in group})]
        found = self._table(collection, {"_id": {"$in": chosen}}, columns, ("ra", "dec"))
        documents = {document["_id"]: document for document in found.to_pylist()}
        answer = []
        for position, group in zip(wanted, near, strict=True):
            gaps = separations(position, tree.data[group])
            order = np.argsort(gaps, kind="stable")
            answer.append(
                [{**documents[ids[group[k]]], "separation": float(gaps[k])} for k in order]
            )
        return answer

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """Return one row per epoch of these light curves; see ``sources.Catalogue``.

        Files may have any layout in :mod:`.layouts`; any other raises AstrodomeError.
        """
        name = next((name for name in CURVES if name in self._places), None)
        if name is None:
            raise AstrodomeError(f"{self.folder} has no light_curves.parquet.")
        place = self._places[name]
        source = _dataset(place)
        known = column_layouts.columns(source.schema, _key(source.schema, place))
        chosen = filters.expression({"_id": {"$in": list(ids)}}, known, place)
        table = column_layouts.flat(source.to_table(filter=chosen))
        table = identifiers.normalize(table, identifiers.ValueOrigin(place))
        return light_curves.tidy(identifiers.to_pandas(table), str(place))

    @cached_property
    def _places(self) -> dict[str, Path]:
        inside = sorted(self.folder.iterdir())
        found = {path.stem: path for path in inside if datasets.is_parquet(path)}
        for path in inside:
            if path.is_dir() and any(map(datasets.is_parquet, path.rglob("*.*"))):
                found.setdefault(path.name, path)
        return found

    def _place(self, collection: str) -> Path:
        """The file of a collection, by its name, or by its role under either name."""
        role = next((r for r, word in WORDS.items() if word in collection or r == collection), "")
        for name in (collection, role):
            if name in self._places:
                return self._places[name]
        named = [name for name in self._places if role and WORDS[role] in name]
        if len(named) == 1:
            return self._places[named[0]]
        if role == "sources" and (curves := [n for n in CURVES if n in self._places]):
            return self._places[curves[0]]  # a light curve has its own position
        known = ", ".join(self._places) or "nothing"
        raise AstrodomeError(
            f"{self.folder} has no collection '{collection}'.",
            f"It holds {known}; wanted is {role or collection}.parquet.",
        )

    def _stamp(self, collection: str) -> int:
        return self._place(collection).stat().st_mtime_ns

    def _table(
        self,
        collection: str,
        where: Mapping[str, Any],
        columns: Sequence[str],
        also: Sequence[str] = (),
    ) -> pa.Table:
        place = self._place(collection)
        source = _dataset(place)
        known = column_layouts.columns(source.schema, _key(source.schema, place))
        names = [n for n in dict.fromkeys([*also, *(columns or known)]) if n != "_id"]
        if column_layouts.has_row_per_epoch(source.schema):
            found = _light_curves(source, known, where, [n for n in names if n in known], place)
        else:
            kept = {"_id": known["_id"].value, **{n: known[n].value for n in names if n in known}}
            found = source.to_table(kept, filter=filters.expression(where, known, place))
        for name in names:  # a document that lacks a key has none, a table says so
            if name not in found.column_names:
                found = found.append_column(name, pa.nulls(len(found)))
        return identifiers.normalize(found.select(["_id", *names]), identifiers.ValueOrigin(place))


def _light_curves(
    source: ds.Dataset,
    known: Mapping[str, column_layouts.ColumnExpression],
    where: Mapping[str, Any],
    names: Sequence[str],
    place: Path,
) -> pa.Table:
    """Return the matching light curves of a file with one row per epoch."""
    counted = {name: where[name] for name in where if name == "nobs" and name not in known}
    of_epochs = {name: value for name, value in where.items() if name not in counted}
    kept = {"_id": known["_id"].value, **{name: known[name].value for name in names}}
    rows = source.to_table(kept, filter=filters.expression(of_epochs, known, place))
    found = column_layouts.per_light_curve(rows)
    if counted:
        number = {"nobs": column_layouts.ColumnExpression(pc.field("nobs"), pa.int64())}
        found = found.filter(filters.expression(counted, number, place))
    return found


def _dataset(place: Path) -> ds.Dataset:
    return _opened(place, place.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _opened(place: Path, stamp: int) -> ds.Dataset:
    """The files of a collection; looked at again when they have changed."""
    try:
        return ds.dataset(place, format="parquet", exclude_invalid_files=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise AstrodomeError(f"{place} is no Parquet file: {str(error).splitlines()[0]}") from error


def _key(schema: pa.Schema, place: Path) -> str:
    for name in ("id", *IDS) if place.stem in CURVES else IDS:
        if name in schema.names:
            return name
    raise AstrodomeError(f"{place} has no column _id.", f"One of {', '.join(IDS)} names a source.")


@lru_cache(maxsize=8)
def _sky(catalogue: LocalCatalogue, place: Path, stamp: int) -> tuple[Any, list[Any]]:
    """A tree of the positions in a file, and the ids; read again when the file has changed."""
    from scipy.spatial import cKDTree

    source = _dataset(place)
    known = column_layouts.columns(source.schema, _key(source.schema, place))
    if "ra" not in known or "dec" not in known:
        raise AstrodomeError(f"{place} has no positions: columns ra and dec, in degrees.")
    wanted = {name: known[name].value for name in ("_id", "ra", "dec")}
    found = identifiers.normalize(
        source.to_table(wanted), identifiers.ValueOrigin(place)
    ).drop_null()
    table = identifiers.to_pandas(found).drop_duplicates("_id")
    return cKDTree(unit_vectors(table["ra"], table["dec"])), table["_id"].tolist()
