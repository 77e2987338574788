"""Create temporary files and folders, and remove those left behind by killed processes.

A temporary file is named ``.NAME.OWNER.TOKEN.part``. The extension ``.part`` prevents other
programs from reading an incomplete file. OWNER identifies the computer, the process and the start
time of the process.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

PART = ".part"
"""Extension of temporary files."""
FOREIGN = 86400.0
"""Age in seconds after which a temporary file from another computer is considered abandoned."""

_OWNED = re.compile(r"\.([0-9a-f]{8})-(\d+)-(\d+)\.[0-9a-f]{8}\.part$")
_LONGEST = 60
"""Maximum length of NAME in a temporary file name, because file systems limit name lengths."""
_swept: set[str] = set()


def new(path: Path) -> tuple[int, Path]:
    """Create a temporary file next to ``path``, and return its open descriptor and its path.

    On the first call for a folder, temporary files left behind by other processes are deleted.
    """
    part = _unused(path)
    return os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), part


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Create a temporary folder next to ``path``, and delete it unless the block renamed it."""
    part = _unused(path)
    part.mkdir()
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unused(path: Path) -> Path:
    parent = os.fspath(path.parent)
    if parent not in _swept:
        _swept.add(parent)
        with suppress(OSError):  # the folder is not readable
            sweep(path.parent, math.inf)
    token = os.urandom(4).hex()
    return path.with_name(f".{path.name[:_LONGEST]}.{_owner(os.getpid())}.{token}{PART}")


def sweep(folder: Path, age: float = 0.0) -> None:
    """Delete abandoned temporary files in ``folder``.

    Files of running processes are kept. Files from another computer are deleted if they are older
    than one day, and files whose names contain no owner if they are older than ``age`` seconds.
    """
    for part in folder.glob(f".*{PART}*"):
        if is_abandoned(part, age):
            delete(part)


def abandoned(folder: Path, age: float = FOREIGN) -> Iterator[Path]:
    """Yield the abandoned temporary files and folders in a folder and its subfolders.

    The rules are the same as in :func:`sweep`.
    """
    for parent, folders, names in os.walk(folder):
        parts = [name for name in (*folders, *names) if name.startswith(".") and PART in name]
        folders[:] = [name for name in folders if name not in parts]
        yield from (path for name in sorted(parts) if is_abandoned(path := Path(parent, name), age))


def is_abandoned(part: Path, age: float) -> bool:
    """Return whether no process uses a temporary file; ``age`` is explained in :func:`sweep`."""
    limits = {"orphan": 0.0, "foreign": max(age, FOREIGN), "unknown": age}
    limit = limits.get(_state(part.name))
    with suppress(OSError):  # Another process may delete it at the same time.
        return limit is not None and part.stat().st_mtime <= time.time() - limit
    return False


def delete(part: Path) -> None:
    """Delete a temporary file or folder. Errors are ignored."""
    with suppress(OSError):  # Another process may delete it at the same time.
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink()


def _state(name: str) -> str:
    """Return the state of the process that created a temporary file.

    The state is ``running``, ``orphan`` (the process has ended), ``foreign`` (the process belongs
    to another computer or container) or ``unknown`` (the file name contains no owner).
    """
    found = _OWNED.search(name)
    if not found:
        return "unknown"
    machine, pid, started = found[1], int(found[2]), int(found[3])
    if machine != _machine():
        return "foreign"
    return "running" if _started(pid) in (started, UNKNOWN) else "orphan"


@lru_cache(1)
def _machine() -> str:
    """Return eight hexadecimal digits that identify the computer and the process namespace."""
    space = ""
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


@lru_cache(4)
def _owner(pid: int) -> str:
    return f"{_machine()}-{pid}-{_started(pid)}"


UNKNOWN = 0
ENDED = -1


def _started(pid: int) -> int:
    """Return the start time of a process in clock ticks, ``UNKNOWN`` or ``ENDED``."""
    try:
        content = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # The process has ended, is hidden, or the system has no /proc.
        return UNKNOWN if _exists(pid) else ENDED
    # The name of the program, in parentheses, may contain spaces and parentheses.
    fields = content.rpartition(b")")[2].split()
    return ENDED if fields[0] in (b"Z", b"X") else int(fields[19])


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True
