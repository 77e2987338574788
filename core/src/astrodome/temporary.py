"""Names of temporary files and folders, and removal of those that a killed process left behind.

A temporary file is named ``.NAME.OWNER.TOKEN.part``. The extension is always ``.part``, so that
no reader mistakes an incomplete file for data. The owner identifies the machine, the process
and the time at which the process started.
"""

from __future__ import annotations

import hashlib
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
"""Extension of a file that is being written."""
FOREIGN = 86400.0
"""Age in seconds after which a temporary file of another machine counts as abandoned."""

_OWNED = re.compile(r"\.([0-9a-f]{8})-(\d+)-(\d+)\.[0-9a-f]{8}\.part$")
_LONGEST = 60
"""Maximum length of the final name in a temporary name; file systems limit the length of names."""
_swept: set[str] = set()


def new(path: Path) -> tuple[int, Path]:
    """Create a temporary file beside ``path``; return its open descriptor and its path.

    Temporary files of ended processes in that folder are removed first, once per process.
    """
    part = _unused(path)
    return os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), part


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Create a temporary folder beside ``path`` and delete it afterwards, unless it was renamed."""
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
        _remove_orphans(parent)
    token = os.urandom(4).hex()
    return path.with_name(f".{path.name[:_LONGEST]}.{_owner(os.getpid())}.{token}{PART}")


def sweep(folder: Path, age: float = 0.0) -> None:
    """Delete temporary files in ``folder`` that no process will complete.

    Files of running processes are kept. Files of another machine are deleted when they are
    older than a day, and files without an owner in their name when they are older than
    ``age`` seconds.
    """
    now = time.time()
    for part in folder.glob(f".*{PART}*"):
        state = _state(part.name)
        limit = {"orphan": 0.0, "foreign": max(age, FOREIGN), "unknown": age}.get(state)
        with suppress(FileNotFoundError):  # Another process may delete it at the same time.
            if limit is not None and part.stat().st_mtime <= now - limit:
                _delete(part)


def _remove_orphans(parent: str) -> None:
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.endswith(PART) and _state(entry.name) == "orphan":
                with suppress(OSError):
                    _delete(Path(entry.path))


def _delete(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink()


def _state(name: str) -> str:
    """Return the state of the owner of a temporary file.

    The state is ``running``, ``orphan`` (the process has ended), ``foreign`` (a process of another
    machine or container) or ``unknown`` (the name contains no owner).
    """
    found = _OWNED.search(name)
    if not found:
        return "unknown"
    machine, pid, started = found[1], int(found[2]), int(found[3])
    if machine != _machine():
        return "foreign"
    return "running" if _started(pid) in (started, UNREADABLE) else "orphan"


@lru_cache(1)
def _machine() -> str:
    """Return eight hexadecimal digits that identify this machine and its process namespace."""
    space = ""
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


@lru_cache(4)
def _owner(pid: int) -> str:
    return f"{_machine()}-{pid}-{max(_started(pid), 0)}"


ENDED = -1
UNREADABLE = -2


def _started(pid: int) -> int:
    """Return the start time of a process in clock ticks; 0 if the system does not provide it."""
    try:
        content = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ENDED
    except ProcessLookupError:
        return ENDED
    except OSError:
        return UNREADABLE
    else:
        # The name of the program, in parentheses, may contain spaces and parentheses.
        fields = content.rpartition(b")")[2].split()
        return ENDED if fields[0] in (b"Z", b"X") else int(fields[19])
    return 0 if _exists(pid) else ENDED


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
