"""Replace files atomically, lock files between processes, and compute digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import temporary
from .errors import AstrodomeError, InvalidInputError
from .temporary import PART as PART
from .temporary import sweep as sweep

if TYPE_CHECKING:
    import pyarrow as pa


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the same folder. It replaces ``path`` when the block succeeds.

    The temporary file has the extension ``.part``. Pass the format explicitly to a library that
    would derive the format from the extension.

    Parameters
    ----------
    path
        Path of the file. Missing folders are created.
    sync
        Whether to flush the file to disk. If False, writing many files is faster. A file is then
        still complete if the process is killed, but it may be incomplete after a power failure.

    Examples
    --------
    >>> target = Path(getfixture("tmp_path")) / "catalogue" / "stars.txt"
    >>> with replacing(target) as part:
    ...     _ = part.write_text("Vega")
    >>> target.read_text()
    'Vega'
    """
    with _replacement(path) as (handle, part):
        os.close(handle)
        yield part
        if sync:
            with part.open("rb+") as written:
                os.fsync(written.fileno())


def write_bytes(path: Path, data: bytes | memoryview, *, sync: bool = True) -> None:
    """Write a file atomically; see :func:`replacing`."""
    with _replacement(path) as (handle, _), os.fdopen(handle, "wb") as part:
        part.write(data)
        if sync:
            part.flush()
            os.fsync(handle)


@contextmanager
def _replacement(path: Path) -> Iterator[tuple[int, Path]]:
    """Yield the descriptor and path of a temporary file that replaces ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = temporary.new(path)
    try:
        yield handle, part
        part.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and not error.filename:
            error.filename = str(path)  # The exception for a failed write has no path.
        part.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; see :func:`replacing`."""
    write_bytes(path, text.encode())


@contextmanager
def lock(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold a file lock during the block, so that only one process at a time executes the block.

    Raises AstrodomeError if another process holds the lock for longer than ``timeout`` seconds. If
    ``timeout`` is negative, wait forever.
    """
    with held(path, timeout) as locked:
        if not locked:
            raise AstrodomeError(
                f"Another process is using {path.parent}.",
                "Wait until the other process has finished, or stop it.",
            )
        yield


@contextmanager
def held(path: Path, timeout: float = -1) -> Iterator[bool]:
    """Try to acquire a file lock like :func:`lock`, and yield whether it was acquired."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    holding = FileLock(path)
    try:
        holding.acquire(timeout)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        holding.release()


def write_parquet(
    path: Path, table: pa.Table, provenance: Mapping[str, Any] | None = None, **options: Any
) -> None:
    """Write a table to a Parquet file.

    The provenance is stored as JSON in the file metadata, with the key ``astrodome``. ``options``
    are passed to ``pyarrow.parquet.write_table``.
    """
    import json

    import pyarrow.parquet as pq

    if provenance is not None:
        about = json.dumps(dict(provenance), default=str).encode()
        table = table.replace_schema_metadata(
            {**(table.schema.metadata or {}), b"astrodome": about}
        )
    with replacing(path) as part:
        pq.write_table(table, part, **{"compression": "zstd", **options})


def check_extension(path: Path, supported: Sequence[str]) -> None:
    """Raise InvalidInputError if the extension of a file name is not in ``supported``."""
    if path.suffix.lower() not in supported:
        raise InvalidInputError(
            f"Unsupported file extension in '{path}': expected one of {', '.join(supported)}."
        )


def digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 digest of the names and contents of files, in the order of their paths."""
    total = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as content:
            total.update(path.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()
