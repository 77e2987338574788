"""``manifest.parquet``: what became of every image that was planned for a folder.

A row an image: done, skipped, missing at the source, failed and why, or planned and not
reached yet. While a download runs each result goes at once into a journal beside it, a
line an image, so that a killed process loses nothing; journals become rows when their
process ends, or when the next one finds them without an owner. Several processes may work
on a folder, each with a journal of its own.
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
"""Folder for journals and for files that are not published yet, gone when nobody downloads: one
of its own, for looking them up among 100,000 images takes time."""
JOURNAL, ASIDE = "journal-", "incoming-"
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
"""``bytes``, ``sha256`` and ``mtime_ns`` are of the file as it was published; ``mtime_ns`` alone
belongs to this copy of the folder. The header has the units of ``meta.csv``."""
COLUMNS = tuple(SCHEMA.names[1:])
TYPES = {
    "t_obs": "datetime64[s]",
    "wavelength": "int32",
    "bytes": "Int64",
    "mtime_ns": "Int64",
    "has_header": "bool",
    "QUALITY": "Int64",
    "parameters_bytes": "Int64",
} | dict.fromkeys(HEADER[1:], "float64")


def read(folder: Path) -> pd.DataFrame:
    """The manifest by ``file_name``, in its order; no rows when there is none.

    Raises AstrodomeError when the file is not what it should be.
    """
    path = folder / NAME
    if not path.exists():
        return _typed(pd.DataFrame(columns=["file_name", *COLUMNS]).set_index("file_name"))
    try:
        table = pq.read_table(path)
        exact = table.select(SCHEMA.names).to_pandas(integer_object_nulls=True)
        return _typed(exact.set_index("file_name"))
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise AstrodomeError(
            f"{path} is damaged or no manifest: {error}.",
            "Move it away and give the same command again; images that are there are kept.",
        ) from error


def current(folder: Path) -> pd.DataFrame:
    """The manifest with what the journals say beyond it; nothing is written."""
    table = read(folder)
    for path in sorted((folder / HIDDEN).glob(f"{JOURNAL}*")):
        with suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDONLY)
            try:
                table = _applied(folder, table, _records(handle))
            finally:
                os.close(handle)
    return table


class Book:
    """The manifest of a folder and this process's journal; made by :func:`opened`.

    ``aside`` is a folder for files that are not published yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        mark = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._hidden = folder / HIDDEN
        self._path = self._hidden / f"{JOURNAL}{mark}"
        self.aside = self._hidden / f"{ASIDE}{mark}"
        self._mutex = threading.Lock()
        with files.lock(self._lock):  # nobody may take the journal for one without an owner
            self._hidden.mkdir(exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        self.aside.mkdir()

    @property
    def _lock(self) -> Path:
        return self.folder / f".{NAME}.lock"

    def add(self, file_name: str, record: Mapping[str, Any]) -> None:
        """Keep what became of an image, at once; threads may call it."""
        line = f"\n{json.dumps({'file_name': file_name, **record})}\n".encode()
        with self._mutex:
            whole = os.write(self._handle, line) == len(line)
        if not whole:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def fold(self, planned: pd.DataFrame | None = None) -> pd.DataFrame:
        """Write the results of this process, and of ended ones, into the manifest; gives it.

        ``planned`` has rows, by ``file_name``, for images that the manifest does not know or has
        as skipped; those that are themselves skipped go in wherever there is no image.
        """
        with files.lock(self._lock), self._mutex:
            table = read(self.folder)
            before = table
            ended = []
            files.sweep(self._hidden)
            for path in self._others():
                with _without_owner(path) as handle:
                    if handle is not None:
                        table = _applied(self.folder, table, _records(handle))
                        ended.append(path)
            table = _applied(self.folder, table, _records(self._handle))
            if planned is not None:
                table = _planned(table, planned)
            if table is not before or not (self.folder / NAME).exists():
                write(self.folder, table)
            os.ftruncate(self._handle, 0)
            for path in ended:
                aside = self._hidden / path.name.replace(JOURNAL, ASIDE)
                shutil.rmtree(aside, ignore_errors=True)
                path.unlink(missing_ok=True)
        return table

    def view(self) -> pd.DataFrame:
        """:func:`current`, and sure to miss nothing."""
        with files.lock(self._lock):
            return current(self.folder)

    def alone(self) -> bool:
        """Whether no other process works on the folder."""
        for path in self._others():
            with _without_owner(path) as handle:
                if handle is None:
                    return False
        return True

    def close(self) -> None:
        """End the journal; what it still holds stays for the next process."""
        shutil.rmtree(self.aside, ignore_errors=True)
        if os.fstat(self._handle).st_size == 0:
            self._path.unlink(missing_ok=True)
        os.close(self._handle)
        with files.lock(self._lock), suppress(OSError):  # others may be at work
            self._hidden.rmdir()

    def _others(self) -> list[Path]:
        return [path for path in sorted(self._hidden.glob(f"{JOURNAL}*")) if path != self._path]


@contextmanager
def opened(folder: Path) -> Iterator[Book]:
    """The book of a folder, with what killed processes left in it folded in at its first fold."""
    folder.mkdir(parents=True, exist_ok=True)
    book = Book(folder)
    try:
        yield book
    finally:
        book.close()


def write(folder: Path, table: pd.DataFrame) -> None:
    """Write a manifest, in the order of time and wavelength."""
    ordered = table.sort_values(["t_obs", "wavelength"], kind="stable")
    content = pa.Table.from_pandas(ordered.reset_index(), SCHEMA, preserve_index=False)
    hidden = folder / HIDDEN
    files.write_parquet(hidden / NAME, content, {"what": "sdo data download"})
    (hidden / NAME).replace(folder / NAME)
    with suppress(OSError):
        hidden.rmdir()


def _applied(
    folder: Path, table: pd.DataFrame, records: Iterable[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return the table with these results; a failure does not replace an existing image."""
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
    # As objects: whole numbers beside nothing must not become floats, which cannot hold them.
    columns = {
        name: pd.Series([record.get(name) for record in latest.values()], dtype=object)
        for name in COLUMNS
    }
    new = pd.DataFrame(columns).set_index(pd.Index(list(latest), name="file_name"))
    return _joined(table, _typed(new))


def _planned(table: pd.DataFrame, planned: pd.DataFrame) -> pd.DataFrame:
    known = table["status"].reindex(planned.index)
    decided = planned["status"] != PLANNED
    same = known.eq(planned["status"]) & table["reason"].reindex(planned.index).eq(
        planned["reason"]
    )
    again = known.eq(SKIPPED) & ~decided
    new = planned[known.isna() | again | (decided & known.ne(DONE) & ~same)]
    return _joined(table, _typed(new.reindex(columns=list(COLUMNS)))) if len(new) else table


def _joined(table: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    kept = table[~table.index.isin(new.index)]
    return pd.concat([kept, new]) if len(kept) else new


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(has_header=table["has_header"].eq(True))
    table["t_obs"] = pd.to_datetime(table["t_obs"])
    return table.astype(TYPES)


def _records(handle: int) -> Iterator[dict[str, Any]]:
    """The records of a journal; a line that a killed process left half-written is none."""
    content = os.pread(handle, os.fstat(handle).st_size, 0)
    for line in content.splitlines():
        with suppress(ValueError):
            yield json.loads(line)


@contextmanager
def _without_owner(path: Path) -> Iterator[int | None]:
    """The journal of a process that has ended; None while it runs, or when it is gone."""
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
