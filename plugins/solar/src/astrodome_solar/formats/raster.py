"""Read and write JPEG, PNG and JPEG 2000 images with eight bits per pixel, using Pillow."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError
from PIL import Image, PngImagePlugin, UnidentifiedImageError
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from .. import limits
from . import jpeg2000

FORMATS = {".jpeg": "JPEG", ".jpg": "JPEG", ".png": "PNG", ".jp2": "JPEG2000"}
"""Pillow formats, keyed by file extension."""
QUALITY = 95
"""Quality of written JPEG files. The RMS error of an AIA image is about 1 gray level."""
REDUCTION = {"JPEG": 2, "JPEG2000": 8}
"""Minimum ratio between the image size after decoding and the image size after resampling.

Downscaling in a JPEG decoder is similar to filtering, but the wavelets of JPEG 2000 cause aliasing.
"""


@contextmanager
def reading(expected: str = "JPEG, PNG or JPEG 2000") -> Iterator[None]:
    """Convert Pillow errors for damaged files to AstrodomeError.

    Operating system errors are not converted.
    """
    try:
        yield
    except UnidentifiedImageError as error:
        raise AstrodomeError(f"The file is not a {expected} image.") from error
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise AstrodomeError(f"The image is damaged or cannot be read: {error}.") from error


def open_image(path: str | os.PathLike[str]) -> Image.Image:
    """Open an image file without decoding its pixels."""
    return from_bytes(Path(path).read_bytes())


def from_bytes(content: bytes) -> Image.Image:
    """Open an encoded image in memory without decoding its pixels.

    Raises AstrodomeError if the decoded pixels would require more memory than the setting
    ``limits.max_file_mb`` allows.
    """
    if not content:
        raise AstrodomeError("The file is empty.")
    halvings = 0
    if jpeg2000.is_jpeg2000(content):
        # A palette only colors the intensities. The codestream contains a gray-level image.
        first = jpeg2000.codestreams(content)[0]
        content = content[first.start : first.end]
        halvings = jpeg2000.resolutions(content)
    image = Image.open(io.BytesIO(content), formats=tuple(set(FORMATS.values())))
    size = image.width * image.height * len(image.getbands()) * (2 if "16" in image.mode else 1)
    if size > (limit := limits.max_bytes()):
        raise limits.too_large(Path("The image"), size, limit)
    image.info["halvings"] = halvings
    return image


def check_jpeg(content: bytes, side: int = 0) -> None:
    """Raise AstrodomeError if ``content`` is not a complete JPEG image.

    ``side`` is the expected width and height in pixels, or 0 to allow all sizes. Differences of
    2.5 % are allowed, because 2k images may have 2,000 or 2,048 pixels.
    """
    if content[:3] != b"\xff\xd8\xff":
        start = content.lstrip()[:15].lower()
        page = start.startswith((b"<!doctype html", b"<html"))
        raise AstrodomeError(
            "The file is an HTML page." if page else "The file is not a JPEG image."
        )
    if content[-64:].rstrip(b"\0\r\n ")[-2:] != b"\xff\xd9":
        raise AstrodomeError("The JPEG image is truncated.")
    with reading("JPEG"):
        image = Image.open(io.BytesIO(content), formats=("JPEG",))
        width, height = image.size
        if side and (width != height or 40 * abs(width - side) > side):
            raise AstrodomeError(
                f"Expected an image of {side} x {side} pixels, got {width} x {height}."
            )
        image.load()


def decoded(image: Image.Image) -> Image.Image:
    """Decode an image to eight bits per band, in the mode ``L`` or ``RGB``."""
    image.load()
    if image.mode in ("L", "RGB"):
        return image
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256)
    return image.convert("L" if image.mode[0] in "1LIF" else "RGB")


def resized(image: Image.Image, size: int, *, exact: bool = False) -> Image.Image:
    """Resize an opened image to ``size`` x ``size`` pixels with a Lanczos filter.

    If ``exact`` is False, the codec decodes a smaller version of the image where possible: JPEG is
    scaled by 1/2, 1/4 or 1/8, and the finest resolution levels of JPEG 2000 are skipped.
    """
    frame: tuple[float, float, float, float] = (0, 0, *image.size)
    enough = 0 if exact else size * REDUCTION.get(image.format or "", 0)
    if enough and isinstance(image, Jpeg2KImageFile):
        halvings = (min(image.size) // enough).bit_length() - 1
        halvings = max(0, min(halvings, image.info["halvings"]))
        frame = (0, 0, image.width / 2**halvings, image.height / 2**halvings)
        image.reduce = halvings
    elif enough and (drafted := image.draft(None, (enough, enough))):
        frame = drafted[1]  # The last column and the last row may be incomplete.
    return decoded(image).resize((size, size), Image.Resampling.LANCZOS, frame)


def encoded(image: Image.Image, name: str, comment: str) -> memoryview:
    """Encode an image, including a comment, in the format given by the extension of ``name``."""
    form = FORMATS[os.path.splitext(name)[1].lower()]  # noqa: PTH122
    options: dict[str, Any] = {"comment": comment}
    if form == "JPEG":
        options |= {"quality": QUALITY, "subsampling": 0}
    elif form == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("comment", comment)
        options = {"pnginfo": text}
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getbuffer()


def is_up_to_date(path: str, comment: str, modified: int) -> bool:
    """Return whether an image file contains ``comment`` and is not older than ``modified``.

    ``modified`` is a time in nanoseconds since the Unix epoch.
    """
    try:
        if os.stat(path).st_mtime_ns < modified:  # noqa: PTH116
            return False
    except OSError:
        return False
    return comment_of(path) == comment


def comment_of(path: str) -> str:
    """Return the comment in an image file.

    Return an empty string if the file contains no comment or cannot be read as an image.
    """
    try:
        with Image.open(path) as image:
            found = image.info.get("comment", b"")
    except (OSError, SyntaxError, ValueError):
        return ""
    return found if isinstance(found, str) else found.decode(errors="replace")
