"""Write a large Parquet file in parts, so that an interrupted command can be resumed.

The parts are stored in the directory ``.<name>.parts``, in the same directory as the output file.
The digest of a task identifies its input and its options. Parts are reused only by a task with the
same digest.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, InvalidInputError, files

from . import identifiers

ROW_GROUP = 1 << 17
"""Approximate number of rows in each row group of the output file."""
PROVENANCE = b"astrodome"
"""Metadata key for a JSON object that contains the digest of the task."""


def is_complete(target: Path, digest: str, subject: str, *, force: bool = False) -> bool:
    """Return whether the output file exists and contains the result of the task.

    Raises InvalidInputError if it contains the result of another task, unless ``force`` is True.
    ``subject`` describes the task in the error message, for example ``prediction``.
    """
    if not target.exists():
        return False
    if read_provenance(target).get("digest") == digest:
        shutil.rmtree(_folder(target), ignore_errors=True)
        return True
    if force:
        return False
    raise InvalidInputError(
        f"{target} already exists and contains the result of a different {subject}.",
        "Specify a different output file, or overwrite the file with --force (in Python: "
        "force=True).",
    )


@contextmanager
def folder(target: Path, digest: str) -> Iterator[Path]:
    """Yield the directory for the parts of an output file, and delete it if the block succeeds.

    Parts of a task with a different digest are deleted first. Raises AstrodomeError if another
    process is using the directory.
    """
    found = _folder(target)
    with files.lock(found / "lock", timeout=0):
        mark = found / "plan"
        if not mark.exists() or mark.read_text("utf-8") != digest:
            for path in found.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != "lock":
                    path.unlink()
            files.write_text(mark, digest)
        files.sweep(found)
        yield found
        shutil.rmtree(found)


def _folder(target: Path) -> Path:
    return target.parent / f".{target.name}.parts"


def write(path: Path, table: pa.Table, **options: Any) -> None:
    """Write one part. It is complete as soon as the file exists.

    ``options`` are passed to ``pyarrow.parquet.write_table``.
    """
    with files.replacing(path, sync=False) as part:
        pq.write_table(table, part, compression="zstd", **options)


def common_schema(
    paths: Sequence[Path], read: Callable[[Path], pa.Schema] = pq.read_schema
) -> pa.Schema:
    """Return a schema with the columns of all parts.

    Raises AstrodomeError if a column has incompatible types.
    """
    try:
        return identifiers.unify_schemas([read(path) for path in paths])
    except pa.ArrowTypeError as error:
        raise AstrodomeError(
            f"The input files have columns with incompatible types: {error}.",
            "Convert each column to the same type in all files.",
        ) from error


def join(
    paths: Sequence[Path],
    target: Path,
    schema: pa.Schema,
    metadata: Mapping[bytes, bytes],
    read: Callable[[Path], pa.Table] = pq.read_table,
) -> None:
    """Merge parts into a single file with the given columns, in the order of ``paths``.

    If a part does not have a column, its rows contain null in this column.
    """
    schema = schema.with_metadata({**metadata, **identifiers.pandas_metadata(schema)})
    with (
        files.replacing(target) as part,
        pq.ParquetWriter(part, schema, compression="zstd") as sink,
    ):
        tables: list[pa.Table] = []
        for path in paths:
            tables.append(_cast(read(path), schema))
            if sum(map(len, tables)) >= ROW_GROUP or path == paths[-1]:
                sink.write_table(pa.concat_tables(tables), ROW_GROUP)
                tables = []


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    for column in schema:
        if column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(len(table), column.type))
    return table.select(schema.names).cast(schema)


def read_provenance(path: Path, key: bytes = PROVENANCE) -> dict[str, Any]:
    """Return a JSON object from the metadata of a Parquet file, or an empty dictionary."""
    try:
        return dict(json.loads((pq.read_schema(path).metadata or {}).get(key, b"{}")))
    except (pa.ArrowInvalid, OSError, ValueError):
        return {}
