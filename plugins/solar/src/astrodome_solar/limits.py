"""Check the memory that is required to read a file.

A small compressed file, or a file whose header declares a very large array, can require more
memory than the computer has. :func:`check_size` reads only headers, and decompresses the file in
small chunks.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from astrodome import AstrodomeError, settings
from pydantic import BaseModel, ConfigDict, Field

SECTION = "limits"
MB = 1 << 20
ZIP = b"PK\x03\x04"
BLOCK = 2880
"""Size of a FITS block in bytes."""
CARD = 80
STARTS = b"SIMPLE  =", b"XTENSION="
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
        1024.0, gt=0, description="Maximum size of a data file after decompression, in MiB."
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
    for measure in (_decompressed_size, _declared_size):
        try:
            size = measure(path, limit)
        except Exception:  # The reader of the format reports that the file is damaged.
            continue
        if size > limit:
            raise too_large(path, size, limit)


def too_large(path: Path, size: int, limit: int) -> AstrodomeError:
    """Return the error for a file that requires at least ``size`` bytes of memory."""
    return AstrodomeError(
        f"{path} needs at least {size / MB:,.0f} MiB of memory, but the limit is "
        f"{limit / MB:,.0f} MiB (setting {SECTION}.max_file_mb).",
        f"If you trust the file, increase the setting {SECTION}.max_file_mb "
        "(ASTRODOME_LIMITS_MAX_FILE_MB).",
    )


def _decompressed_size(path: Path, limit: int) -> int:
    """Return the decompressed size of a compressed file in bytes, or 0 for other files.

    Decompression stops when the size exceeds ``limit``.
    """
    with path.open("rb") as file:
        start = file.read(len(ZIP))
    if start == ZIP:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    size = 0
    if (opener := _opener(path)) is not open:
        with opener(path, "rb") as content:
            while size <= limit and (chunk := content.read(min(MB, limit + 1 - size))):
                size += len(chunk)
    return size


def _opener(path: Path) -> Callable[..., Any]:
    with path.open("rb") as file:
        start = file.read(6)
    return next((opener for magic, opener in OPENERS.items() if start.startswith(magic)), open)


def _declared_size(path: Path, limit: int) -> int:
    """Return the size in bytes of the arrays declared in the headers of a FITS file.

    Reading stops when the total size exceeds ``limit``.
    """
    total = 0
    with _opener(path)(path, "rb") as content:
        while total <= limit and (header := _next_header(content)):
            stored = _array_size(header)
            total += max(stored, _array_size(header, "Z"))
            content.seek(-(-stored // BLOCK) * BLOCK, 1)
    return total


def _next_header(content: IO[bytes]) -> Mapping[str, Any] | None:
    """Return the FITS header at the current file position, or None if there is no header."""
    from astropy.io import fits

    header = b""
    while (block := content.read(BLOCK)) and (header or block.startswith(STARTS)):
        header += block
        if any(block[card : card + CARD].rstrip() == b"END" for card in range(0, BLOCK, CARD)):
            return dict(fits.Header.fromstring(header))
    return None


def _array_size(header: Mapping[str, Any], prefix: str = "") -> int:
    """Return the size in bytes of a declared array.

    ``prefix`` is the prefix of the keywords, which is ``Z`` for a compressed image.
    """
    count = header.get(f"{prefix}NAXIS", 0)
    axes = [header[f"{prefix}NAXIS{number + 1}"] for number in range(count)]
    values = (math.prod(axes) if axes else 0) + header.get(f"{prefix}PCOUNT", 0)
    bits = abs(header.get(f"{prefix}BITPIX", 8)) * header.get(f"{prefix}GCOUNT", 1)
    return int(values * bits // 8)
