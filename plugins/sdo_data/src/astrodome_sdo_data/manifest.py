"""``manifest.parquet``: the state of every image that was planned for a folder.

The table has one row per image: done, skipped, missing at the source, failed with the reason, or
planned and not reached yet. During a download, each result is first appended to a journal, so that
a killed process loses nothing. Journals are merged into the table when their process ends, or by
the next process that finds a journal without an owner. Several processes may work on a folder,
each with its own journal.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, files

NAME = "manifest.parquet"
HIDDEN = ".downloading"
"""Folder of journals and unpublished files, which is removed when no download is running. They are
in a separate folder because finding them among 100,000 images takes time."""
JOURNAL, STAGING = "journal-", "incoming-"
DONE, SKIPPED, MISSING, FAILED, PLANNED = "done", "skipped", "missing", "failed", "planned"
HEADER = ("QUALITY", "DSUN", "X0", "R_SUN", "Y0", "CDELT")
SCHEMA = pa.schema(
    [
        ("file_name", pa.string()),
        ("t_obs", pa.timestamp("s")),
        ("wavelength", pa.int32()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("source", pa.string()),
        ("size", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("mtime_ns", pa.int64()),
        ("has_header", pa.bool_()),
        ("QUALITY", pa.int64()),
        *((name, pa.float64()) for name in HEADER[1:]),
        ("parameters_bytes", pa.int64()),
    ]
)
"""``bytes``, ``sha256`` and ``mtime_ns`` describe the published file; ``mtime_ns`` is only
valid for this copy of the folder. The header has the units of ``meta.csv``."""
COLUMNS = tuple(SCHEMA.names[1:])
DTYPES = {
    "t_obs": "datetime64[s]",
    "wavelength": "int32",
    "bytes": "Int64",
    "mtime_ns": "Int64",
    "has_header": "bool",
    "QUALITY": "Int64",
    "parameters_bytes": "Int64",
} | dict.fromkeys(HEADER[1:], "float64")


def read(folder: Path) -> pd.DataFrame:
    """Return the manifest with ``file_name`` as index; no rows if the file does not exist.

    Raises AstrodomeError if the file is invalid.
    """
    path = folder / NAME
    if not path.exists():
        return _with_dtypes(pd.DataFrame(columns=["file_name", *COLUMNS]).set_index("file_name"))
    try:
        table = pq.read_table(path)
        rows = table.select(SCHEMA.names).to_pandas(integer_object_nulls=True)
        return _with_dtypes(rows.set_index("file_name"))
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise AstrodomeError(
            f"Invalid manifest {path}: {error}.",
            "Move the file away and run the same command again; existing images are kept.",
        ) from error


def current(folder: Path) -> pd.DataFrame:
    """Return the manifest with the results in all journals; nothing is written."""
    table = read(folder)
    for path in sorted((folder / HIDDEN).glob(f"{JOURNAL}*")):
        with suppress(FileNotFoundError), path.open("rb") as journal:
            table = _with_records(folder, table, _records(journal.fileno()))
    return table


class DownloadJournal:
    """The journal of this process for the manifest of a folder; see :func:`open_journal`.

    ``staging`` is a folder for unpublished files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        unique = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._hidden = folder / HIDDEN
        self._path = self._hidden / f"{JOURNAL}{unique}"
        self.staging = self._hidden / f"{STAGING}{unique}"
        self._mutex = threading.Lock()
        self._lock = folder / f".{NAME}.lock"
        with files.lock(self._lock):  # Otherwise the file would have no owner for a moment.
            self._hidden.mkdir(exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        self.staging.mkdir()

    def add(self, file_name: str, record: Mapping[str, Any]) -> None:
        """Append the result for an image; several threads may call this."""
        line = f"\n{json.dumps({'file_name': file_name, **record})}\n".encode()
        with self._mutex:
            complete = os.write(self._handle, line) == len(line)
        if not complete:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def merge(self, planned: pd.DataFrame | None = None) -> pd.DataFrame:
        """Write the results of this and of ended processes to the manifest and return it.

        ``planned`` contains planned and skipped images, with ``file_name`` as index. Planned rows
        are added if the manifest has no row or a skipped one; skipped rows are added unless the
        image exists.
        """
        with files.lock(self._lock), self._mutex:
            previous = table = read(self.folder)
            ended = []
            files.sweep(self._hidden)
            for path in self._other_journals():
                with _without_owner(path) as handle:
                    if handle is not None:
                        table = _with_records(self.folder, table, _records(handle))
                        ended.append(path)
            table = _with_records(self.folder, table, _records(self._handle))
            if planned is not None:
                table = _with_planned(table, planned)
            if table is not previous or not (self.folder / NAME).exists():
                write(self.folder, table)
            os.ftruncate(self._handle, 0)
            for path in ended:
                staging = self._hidden / path.name.replace(JOURNAL, STAGING)
                shutil.rmtree(staging, ignore_errors=True)
                path.unlink(missing_ok=True)
        return table

    def merged(self) -> pd.DataFrame:
        """Return :func:`current`, consistent while other processes write."""
        with files.lock(self._lock):
            return current(self.folder)

    def is_shared(self) -> bool:
        """Return whether another process works on the folder."""
        for path in self._other_journals():
            with _without_owner(path) as handle:
                if handle is None:
                    return True
        return False

    def close(self) -> None:
        """Close the journal; results that are not merged remain for the next process."""
        shutil.rmtree(self.staging, ignore_errors=True)
        if os.fstat(self._handle).st_size == 0:
            self._path.unlink(missing_ok=True)
        os.close(self._handle)
        with files.lock(self._lock), suppress(OSError):  # Fails if other processes use it.
            self._hidden.rmdir()

    def _other_journals(self) -> list[Path]:
        return [path for path in sorted(self._hidden.glob(f"{JOURNAL}*")) if path != self._path]


@contextmanager
def open_journal(folder: Path) -> Iterator[DownloadJournal]:
    """Create the folder if needed and open a journal; the first merge includes old journals."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = DownloadJournal(folder)
    try:
        yield journal
    finally:
        journal.close()


def write(folder: Path, table: pd.DataFrame) -> None:
    """Write a manifest, sorted by time and wavelength."""
    rows = table.sort_values(["t_obs", "wavelength"], kind="stable")
    content = pa.Table.from_pandas(rows.reset_index(), SCHEMA, preserve_index=False)
    hidden = folder / HIDDEN
    files.write_parquet(hidden / NAME, content, {"what": "sdo data download"})
    (hidden / NAME).replace(folder / NAME)
    with suppress(OSError):
        hidden.rmdir()


def _with_records(
    folder: Path, table: pd.DataFrame, records: Iterable[Mapping[str, Any]]
) -> pd.DataFrame:
    """Add the results of a journal; a failure does not replace an existing image."""
    done = set(table.index[table["status"].eq(DONE)].tolist())
    latest: dict[str, Mapping[str, Any]] = {}
    for record in records:
        name = record["file_name"]
        if record["status"] == DONE:
            done.add(name)
        elif name in done and (folder / name).exists():
            continue
        latest[name] = record
    if not latest:
        return table
    # As objects, because integers beside missing values would become inexact floats.
    columns = {
        name: pd.Series([record.get(name) for record in latest.values()], dtype=object)
        for name in COLUMNS
    }
    rows = pd.DataFrame(columns).set_index(pd.Index(list(latest), name="file_name"))
    return _replaced(table, _with_dtypes(rows))


def _with_planned(table: pd.DataFrame, planned: pd.DataFrame) -> pd.DataFrame:
    known = table.reindex(planned.index)
    is_skipped = planned["status"].ne(PLANNED)
    is_new = known["status"].isna() | (known["status"].eq(SKIPPED) & ~is_skipped)
    same = known["status"].eq(planned["status"]) & known["reason"].eq(planned["reason"])
    rows = planned[is_new | (is_skipped & known["status"].ne(DONE) & ~same)]
    return _replaced(table, _with_dtypes(rows)) if len(rows) else table


def _replaced(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    others = table[~table.index.isin(rows.index)]
    return pd.concat([others, rows]) if len(others) else rows


def _with_dtypes(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(has_header=table["has_header"].eq(True))
    table["t_obs"] = pd.to_datetime(table["t_obs"])
    return table.astype(DTYPES)


def _records(handle: int) -> Iterator[dict[str, Any]]:
    """Yield the records of a journal; incomplete lines of a killed process are ignored."""
    content = os.pread(handle, os.fstat(handle).st_size, 0)
    for line in content.splitlines():
        with suppress(ValueError):
            yield json.loads(line)


@contextmanager
def _without_owner(path: Path) -> Iterator[int | None]:
    """Yield the handle of a journal whose process has ended, and None for any other journal."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield handle
    finally:
        os.close(handle)
