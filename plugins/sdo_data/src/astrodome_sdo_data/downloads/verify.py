"""Validate downloaded files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError
from astrodome_solar.formats import raster

DAMAGED = ".damaged"
"""Extension that is appended to the name of an invalid image file."""


def pixels_of_size(size: str) -> int:
    """Return the width in pixels for a size such as ``256`` or ``2k``, or 0 if it is unknown."""
    number = size.removesuffix("k")
    return int(number) * (1024 if size.endswith("k") else 1) if number.isdigit() else 0


def check_image(content: bytes, path: Path, side: int = 0) -> None:
    """Raise AstrodomeError unless ``content`` is a complete image file.

    The extension of ``path`` determines the expected format. A JPEG image must have a width and
    height of ``side`` pixels, unless ``side`` is 0.
    """
    extension = path.suffix.lower()
    if extension in (".jpeg", ".jpg"):
        raster.check_jpeg(content, side)
    elif extension in raster.FORMATS:
        with raster.reading():
            raster.decoded(raster.from_bytes(content))
    elif extension in (".fits", ".fts"):
        if content[:9] != b"SIMPLE  =" or len(content) % 2880:
            raise AstrodomeError("The FITS file is invalid or truncated.")
    elif not content:
        raise AstrodomeError("The file is empty.")


def is_image(content: bytes, path: Path, side: int = 0) -> bool:
    """Return whether :func:`check_image` accepts the content of a file."""
    try:
        check_image(content, path, side)
    except AstrodomeError:
        return False
    return True


def file_record(content: bytes, path: Path) -> dict[str, Any]:
    """Return the size, checksum and modification time of a file for the manifest."""
    digest = hashlib.sha256(content).hexdigest()
    return {"bytes": len(content), "sha256": digest, "mtime_ns": path.stat().st_mtime_ns}


def set_aside(path: Path) -> str:
    """Rename an invalid file, and return its new name.

    Return an empty string if the file does not exist.
    """
    if not path.exists():
        return ""
    target = path.with_name(path.name + DAMAGED)
    path.replace(target)
    return target.name
