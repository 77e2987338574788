"""Read and write ``manifest.parquet``, which records the download status of each image.

The manifest has one row per image. The status is ``done``, ``skipped``, ``missing`` (at the
source), ``failed`` or ``planned``. During a download, each result is first appended to a journal
file, so that no results are lost if the process is killed. Each process has its own journal, so
that several processes can download into the same folder. When a process ends, its journal is merged
into the manifest. The journal of a killed process is merged by the next process.
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
from astrodome import AstrodomeError, arrow, files
from astrodome_solar import metadata

NAME = "manifest.parquet"
HIDDEN = ".downloading"
"""Folder for journals and temporary files, which is removed when no download is running.

A separate folder is used because searching for these files among 100,000 images is slow."""
JOURNAL, STAGING = "journal-", "incoming-"
DONE, SKIPPED, MISSING, FAILED, PLANNED = "done", "skipped", "missing", "failed", "planned"
HEADER = metadata.COLUMNS[:-1]
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
"""Columns of the manifest.

``bytes``, ``sha256`` and ``mtime_ns`` describe the image file. ``mtime_ns`` is not valid after the
folder is copied. The header columns have the same units as in ``meta.csv``."""
COLUMNS = tuple(SCHEMA.names[1:])
EMPTY = SCHEMA.empty_table().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
DTYPES = EMPTY.dtypes[list(COLUMNS)].to_dict()


def read(folder: Path) -> pd.DataFrame:
    """Read the manifest in a folder as a DataFrame with the index ``file_name``.

    The result is empty if the manifest does not exist. Raises AstrodomeError if the manifest is
    invalid.
    """
    path = folder / NAME
    if not path.exists():
        return EMPTY.set_index("file_name")
    try:
        # Another process may replace the file between two calls that open it.
        table = pq.read_table(arrow.native_reader(path.read_bytes()))
        rows = table.select(SCHEMA.names).to_pandas(integer_object_nulls=True)
        return _with_dtypes(rows.set_index("file_name"))
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise AstrodomeError(
            f"Invalid manifest {path}: {error}.",
            "Move the file away and run the same command again; existing images are kept.",
        ) from error


def current(folder: Path) -> pd.DataFrame:
    """Read the manifest, and add the results in all journals without writing any file."""
    table = read(folder)
    for path in sorted((folder / HIDDEN).glob(f"{JOURNAL}*")):
        with suppress(FileNotFoundError), path.open("rb") as journal:
            table = _with_records(folder, table, _records(journal.fileno()))
    return table


class DownloadJournal:
    """Journal in which a process records its download results; see :func:`open_journal`.

    ``staging`` is a folder for temporary files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        unique = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._hidden = folder / HIDDEN
        self._path = self._hidden / f"{JOURNAL}{unique}"
        self.staging = self._hidden / f"{STAGING}{unique}"
        self._mutex = threading.Lock()
        self._lock = folder / f".{NAME}.lock"
        with files.lock(self._lock):  # Create and lock the file atomically.
            self._hidden.mkdir(exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        self.staging.mkdir()

    def add(self, file_name: str, record: Mapping[str, Any]) -> None:
        """Append new manifest values for an image to the journal. This method is thread-safe."""
        line = f"\n{json.dumps({'file_name': file_name, **record})}\n".encode()
        with self._mutex:
            complete = os.write(self._handle, line) == len(line)
        if not complete:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def merge(self, planned: pd.DataFrame | None = None) -> pd.DataFrame:
        """Merge the results into the manifest, and return the manifest.

        The journal of the current process and the journals of ended processes are merged.
        ``planned`` contains planned and skipped images, with the index ``file_name``. A planned
        image is added if the manifest does not contain it or if its status is ``skipped``. A
        skipped image is added unless its status in the manifest is ``done``.
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

    def is_shared(self) -> bool:
        """Return whether another process is downloading into the folder."""
        for path in self._other_journals():
            with _without_owner(path) as handle:
                if handle is None:
                    return True
        return False

    def close(self) -> None:
        """Close the journal. Unmerged results remain for the next process."""
        shutil.rmtree(self.staging, ignore_errors=True)
        if os.fstat(self._handle).st_size == 0:
            self._path.unlink(missing_ok=True)
        os.close(self._handle)
        with files.lock(self._lock), suppress(OSError):  # Another process may be using the folder.
            self._hidden.rmdir()

    def _other_journals(self) -> list[Path]:
        return [path for path in sorted(self._hidden.glob(f"{JOURNAL}*")) if path != self._path]


@contextmanager
def open_journal(folder: Path) -> Iterator[DownloadJournal]:
    """Create the folder if it does not exist, and open a journal in it."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = DownloadJournal(folder)
    try:
        yield journal
    finally:
        journal.close()


def write(folder: Path, table: pd.DataFrame) -> None:
    """Write the manifest, sorted by time and wavelength."""
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
    """Return the manifest, updated with the results in a journal.

    A failure does not change the row of an existing image.
    """
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
    known = table[table.index.isin(latest)].astype(object).to_dict("index")
    columns = {name: known.get(name, {}) | record for name, record in latest.items()}
    # With dtype object, integers in columns with missing values are not converted to floats.
    rows = pd.DataFrame(columns, index=COLUMNS, dtype=object).T.rename_axis("file_name")
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
    """Yield the records in a journal, ignoring incomplete lines."""
    content = os.pread(handle, os.fstat(handle).st_size, 0)
    for line in content.splitlines():
        with suppress(ValueError):
            yield json.loads(line)


@contextmanager
def _without_owner(path: Path) -> Iterator[int | None]:
    """Open and lock a journal whose process has ended, and yield its file descriptor.

    Yield None if the process is still running.
    """
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
