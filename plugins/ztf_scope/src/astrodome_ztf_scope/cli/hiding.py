"""A token that was typed on a command line, out of sight of ``ps``."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

STARS = ord("*")


def from_process_list(secret: str | None) -> None:
    """Write stars over a secret among the arguments of this process, where the system lets us.

    The arguments stay in the memory of the process, from where ``ps`` reads them. Elsewhere than
    on Linux nothing is done: give the token in the environment there.
    """
    if not secret or sys.platform != "linux":
        return
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])
        shown = Path("/proc/self/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return
    found = secret.encode()
    at = shown.find(found)
    while start and at >= 0 and start + at + len(found) <= end:
        ctypes.memset(start + at, STARS, len(found))
        at = shown.find(found, at + len(found))
