"""Memory limits for reading files.

A small compressed file, or a file whose header declares a very large array, can require more
memory than the machine has. :func:`check_size` reads only headers, and decompresses the file in
small chunks.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from astrodome import AstrodomeError, settings
from pydantic import BaseModel, ConfigDict, Field

SECTION = "limits"
MB = 1 << 20
BLOCK = 2880
"""Size of a FITS block in bytes."""
CARD = 80
STEP = 1 << 20
OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
"""Functions that open compressed files, keyed by the first bytes of the file."""


class LimitSettings(BaseModel):
    """Settings in the section ``limits``."""

    model_config = ConfigDict(extra="forbid")

    max_file_mb: float = Field(
        1024.0, gt=0, description="Largest size of a data file after decompression, in MiB."
    )


def max_bytes() -> int:
    """Return the maximum size of a file after decompression, in bytes."""
    return int(settings.section(SECTION, LimitSettings).max_file_mb * MB)


def check_size(path: Path, limit: int | None = None) -> None:
    """Raise AstrodomeError if reading a file would require more than ``limit`` bytes of memory.

    For files compressed with gzip, bzip2, xz or zip, the decompressed size is checked. For FITS
    files, the array sizes declared in the headers are checked too. Damaged files do not cause an
    error. The default limit is :func:`max_bytes`.
    """
    limit = max_bytes() if limit is None else limit
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"PK\x03\x04"):
        _check_zip(path, limit)
        return
    opener = next((opener for magic, opener in OPENERS.items() if start.startswith(magic)), None)
    try:
        with opener(path) if opener else path.open("rb") as content:
            _check_content(path, content, limit, compressed=bool(opener))
    except (EOFError, OSError, lzma.LZMAError, zlib.error):
        return  # The reader of the format reports the error.


def too_large(path: Path, size: int, limit: int) -> AstrodomeError:
    """Return the error for a file that requires at least ``size`` bytes of memory."""
    return AstrodomeError(
        f"{path} needs at least {size / MB:,.0f} MiB of memory, but the limit is "
        f"{limit / MB:,.0f} MiB (setting {SECTION}.max_file_mb).",
        f"If you trust the file, increase the setting {SECTION}.max_file_mb "
        "(ASTRODOME_LIMITS_MAX_FILE_MB).",
    )


def _check_zip(path: Path, limit: int) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (OSError, zipfile.BadZipFile):
        return
    if size > limit:
        raise too_large(path, size, limit)


def _check_content(path: Path, content: IO[bytes], limit: int, *, compressed: bool) -> None:
    declared = 0
    for size, stored in _fits_units(content):
        declared += size
        if declared > limit:
            raise too_large(path, declared, limit)
        if not compressed:
            content.seek(stored, 1)
            continue
        while stored > 0 and (part := content.read(min(STEP, stored))):
            stored -= len(part)
    if not compressed:
        return
    read = content.tell()
    while read <= limit and (part := content.read(STEP)):  # Read the remaining content.
        read += len(part)
    if read > limit:
        raise too_large(path, read, limit)


def _fits_units(content: IO[bytes]) -> Iterator[tuple[int, int]]:
    """Yield (declared size, stored size) in bytes for each header and data unit of a FITS file.

    Before requesting the next unit, the caller must move the file position past the stored bytes.
    """
    first = True
    while True:
        header = _fits_header(content, b"SIMPLE  =" if first else b"XTENSION=")
        if header is None:
            return
        first = False
        stored = _array_size(header, "")
        padded = -(-stored // BLOCK) * BLOCK
        compressed = header.get("ZIMAGE") == "T" or header.get("ZTABLE") == "T"
        yield max(stored, _array_size(header, "Z") if compressed else 0), padded


def _fits_header(content: IO[bytes], magic: bytes) -> dict[str, str] | None:
    """Return the values in a FITS header, keyed by keyword, or None if no header is found.

    The header must start at the current file position.
    """
    header: dict[str, str] = {}
    while True:
        block = content.read(BLOCK)
        if len(block) < BLOCK or (not header and not block.startswith(magic)):
            return None
        for start in range(0, BLOCK, CARD):
            card = block[start : start + CARD].decode("ascii", "replace")
            if card.startswith("END "):
                return header
            if card[8:10] == "= ":
                header[card[:8].strip()] = card[10:].partition("/")[0].strip()


def _array_size(header: dict[str, str], prefix: str) -> int:
    """Return the size in bytes of the array declared in a FITS header.

    ``prefix`` is the prefix of the keywords, which is ``Z`` for a compressed image.
    """
    count = min(_number(header, f"{prefix}NAXIS"), 999)
    axes = [_number(header, f"{prefix}NAXIS{number + 1}") for number in range(count)]
    if not axes:
        return 0
    if header.get("GROUPS") == "T" and axes[0] == 0:  # random groups
        axes = axes[1:]
    values = math.prod(axes) + (0 if prefix else _number(header, "PCOUNT"))
    bits = abs(_number(header, f"{prefix}BITPIX")) or 8
    return values * bits // 8 * max(1, 0 if prefix else _number(header, "GCOUNT"))


def _number(header: dict[str, str], keyword: str) -> int:
    try:
        return min(abs(int(header.get(keyword, "0"))), 10**15)
    except ValueError:
        return 0
