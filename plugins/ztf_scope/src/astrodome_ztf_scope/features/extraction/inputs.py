"""Light curves in files, tables and catalogues, divided into chunks.

Light curves are sorted by identifier and filter. The chunks, and therefore the order of the rows in
the feature table, depend only on the identifiers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from astrodome import files

from ...catalogues import epochs
from . import partitioning

CHUNK = 128
"""Number of light curves in a chunk."""
NAMES = 3
"""Maximum number of files that are named in a description."""


@dataclass(frozen=True)
class SkippedLightCurve:
    """A light curve, or another input item, for which no features were computed.

    ``name`` is the identifier of the light curve, or a description of the item. ``filter`` is the
    number of the filter. ``failed`` is True if the computation failed, and False if the light curve
    cannot be used, for example because it has too few epochs.
    """

    name: str
    filter: int | None
    reason: str
    failed: bool = False


@dataclass(frozen=True)
class PreparedInput:
    """Light curves that are ready to be read in chunks.

    Attributes
    ----------
    light_curves : int
        Number of light curves.
    chunks : int
        Number of chunks.
    read_chunk : callable
        Function that returns the light curves in the chunk with the given number, in the format of
        :func:`.epochs.group`.
    skipped : tuple of SkippedLightCurve
        Items in the input that do not have a light curve.
    flagged : bool
        Whether the epochs have quality flags.
    expected : str
        Hint for the error message if there are no light curves.
    """

    light_curves: int
    chunks: int
    read_chunk: Callable[[int], pa.Table]
    skipped: tuple[SkippedLightCurve, ...] = ()
    flagged: bool = True
    expected: str = ""


class LightCurveInput(Protocol):
    """A collection of light curves."""

    def identity(self) -> dict[str, Any]:
        """Return a description that changes if the light curves change, for the digest."""
        ...

    def describe(self) -> str:
        """Return a short description for a page, for example the names of the files."""
        ...

    def prepare(self, folder: Path) -> PreparedInput:
        """Prepare the light curves for reading. Intermediate files are stored in ``folder``."""
        ...


@dataclass(frozen=True)
class FileInput:
    """Light curves in files, which need not be sorted or fit into memory."""

    paths: tuple[Path, ...]

    def identity(self) -> dict[str, Any]:
        state = [(path, path.stat()) for path in self.paths]
        return {"files": [(str(p.resolve()), s.st_size, s.st_mtime_ns) for p, s in state]}

    def describe(self) -> str:
        names = [path.name for path in self.paths]
        more = f" and {len(names) - NAMES} more files" if len(names) > NAMES else ""
        return ", ".join(names[:NAMES]) + more

    def prepare(self, folder: Path) -> PreparedInput:
        ready = folder / "input.json"
        if not ready.exists():
            summary = partitioning.partition(self.paths, folder, CHUNK)
            files.write_text(ready, json.dumps(asdict(summary)))
        return _prepared(
            folder, partitioning.PartitionSummary(**json.loads(ready.read_text("utf-8")))
        )


@dataclass(frozen=True)
class TableInput:
    """Light curves in memory."""

    table: pd.DataFrame

    def identity(self) -> dict[str, Any]:
        hashes = pd.util.hash_pandas_object(self._epochs().to_pandas(), index=False)
        return {"table": hashlib.sha256(hashes.to_numpy().tobytes()).hexdigest()}

    def describe(self) -> str:
        return "table in memory"

    def prepare(self, folder: Path) -> PreparedInput:
        found = self._epochs()
        known = found.filter(found["_id"].is_valid())
        summary = partitioning.write_buckets([known], folder, CHUNK)
        summary.without_identifier = len(found) - len(known)
        return _prepared(folder, summary)

    def _epochs(self) -> pa.Table:
        table = pa.Table.from_pandas(self.table, preserve_index=False)
        return epochs.normalize(table, "The table of light curves")


@dataclass(frozen=True)
class NamedCatalogue:
    """A catalogue and its name, for example ``kowalski`` or ``local:survey``."""

    name: str
    catalogue: Any


@dataclass(frozen=True)
class CatalogueInput:
    """Light curves in a catalogue.

    Attributes
    ----------
    named : NamedCatalogue
        Catalogue that contains the light curves.
    sources : pandas.DataFrame
        One row per light curve, sorted by ``_id``. The columns that are in
        :data:`.epochs.SOURCE` replace the values in the light curves. Other columns are added.
    missing : tuple of SkippedLightCurve
        Requested sources for which no light curve was found.
    origin : str
        Name of the table with the requested sources, if there is one.
    """

    named: NamedCatalogue
    sources: pd.DataFrame
    missing: tuple[SkippedLightCurve, ...] = ()
    origin: str = ""

    def identity(self) -> dict[str, Any]:
        ids = "\n".join(map(str, self.sources["_id"]))
        return {"catalogue": self.named.name, "sources": hashlib.sha256(ids.encode()).hexdigest()}

    def describe(self) -> str:
        catalogue = f"catalogue {self.named.name}"
        return f"{self.origin}, {catalogue}" if self.origin else catalogue

    def prepare(self, folder: Path) -> PreparedInput:
        count = len(self.sources)
        expected = f"The catalogue {self.named.name} contains no light curves in the selection."
        return PreparedInput(
            count, -(-count // CHUNK), self._chunk, self.missing, expected=expected
        )

    def _chunk(self, number: int) -> pa.Table:
        known = self.sources.iloc[number * CHUNK : (number + 1) * CHUNK]
        found = epochs.empty()
        table = self.named.catalogue.light_curves(known["_id"].tolist())
        if len(table):
            table = pa.Table.from_pandas(table, preserve_index=False)
            found = epochs.normalize(table, f"The catalogue {self.named.name}")
        return _described(epochs.group(found), pa.Table.from_pandas(known, preserve_index=False))


def _described(curves: pa.Table, known: pa.Table) -> pa.Table:
    """Add the columns of ``known`` to light curves, and add rows for those without epochs."""
    ids = known["_id"].combine_chunks()
    curves = curves.set_column(0, "_id", curves["_id"].cast(ids.type))
    absent = known.select(["_id"]).filter(pc.invert(pc.is_in(ids, curves["_id"].combine_chunks())))
    for field in curves.schema:
        if field.name in epochs.EPOCH:
            absent = absent.append_column(field, pa.array([[]] * len(absent), field.type))
        elif field.name != "_id":
            absent = absent.append_column(field, pa.nulls(len(absent), field.type))
    curves = pa.concat_tables([curves, absent.select(curves.column_names)])
    curves = curves.sort_by([("_id", "ascending"), ("filter", "ascending")])
    rows = pc.index_in(curves["_id"], ids)
    for name in known.column_names:
        values = known[name].take(rows)
        if name in epochs.SOURCE:
            values = pc.coalesce(values.cast(epochs.SOURCE[name]), curves[name])
            curves = curves.set_column(curves.column_names.index(name), name, values)
        elif name != "_id":
            curves = curves.append_column(name, values)
    return curves


def _prepared(folder: Path, summary: partitioning.PartitionSummary) -> PreparedInput:
    skipped = []
    if summary.without_identifier:
        reason = f"{summary.without_identifier} epochs have no identifier"
        skipped.append(SkippedLightCurve("(no identifier)", None, reason))
    return PreparedInput(
        light_curves=sum(summary.light_curves),
        chunks=sum(-(-count // CHUNK) for count in summary.light_curves),
        read_chunk=lambda number: partitioning.read_chunk(folder, summary, number, CHUNK),
        skipped=tuple(skipped),
        flagged=summary.flagged,
        expected="The input has no rows. Expected one row per epoch, or one row per light curve "
        "with lists of values, in the columns _id, hjd (or hmjd), mag and magerr.",
    )
