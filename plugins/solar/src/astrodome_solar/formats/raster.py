"""Reading and writing single pictures: grey or RGB JPEG, PNG and JPEG 2000, through Pillow."""

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

from . import jpeg2000

FORMATS = {".jpeg": "JPEG", ".jpg": "JPEG", ".png": "PNG", ".jp2": "JPEG2000"}
QUALITY = 95
"""JPEG quality of everything written: on a grey AIA image, an error of about one level of 255."""
REDUCTION = {"JPEG": 2, "JPEG2000": 8}
"""A codec's own down-scaling stops at this many times the wanted size, the rest is resampled:
the averages of JPEG's are nearly those of a filter, the wavelets of JPEG 2000 alias."""


@contextmanager
def reading(expected: str = "JPEG, PNG or JPEG 2000") -> Iterator[None]:
    """Turn what Pillow says about a bad file into one sentence; the system's errors pass."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise AstrodomeError(f"It is no {expected} image.") from error
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise AstrodomeError(f"It is damaged or not readable: {error}.") from error


def opened(path: Path) -> Image.Image:
    """The image of a file, its size known and its pixels not yet decoded."""
    return from_bytes(path.read_bytes())


def from_bytes(content: bytes) -> Image.Image:
    """:func:`opened` for a file in memory."""
    halvings = 0
    if jpeg2000.is_jpeg2000(content):
        # A palette only colours the intensities in: the codestream itself is grey.
        first = jpeg2000.codestreams(content)[0]
        content = content[first.start : first.end]
        halvings = jpeg2000.resolutions(content)
    image = Image.open(io.BytesIO(content), formats=tuple(set(FORMATS.values())))
    image.info["halvings"] = halvings
    return image


def check_jpeg(content: bytes, side: int = 0) -> None:
    """Object, with the reason, unless ``content`` is a whole JPEG that decodes.

    ``side`` is how many pixels wide and high it should be, to a fortieth, for what is called
    2k may have 2,000 or 2,048; 0 leaves that open.
    """
    if content[:3] != b"\xff\xd8\xff":
        found = content.lstrip()[:15].lower()
        page = found.startswith((b"<!doctype html", b"<html"))
        raise AstrodomeError("It is a page in HTML." if page else "It is no JPEG image.")
    if content[-64:].rstrip(b"\0\r\n ")[-2:] != b"\xff\xd9":
        raise AstrodomeError("It is cut short.")
    with reading("JPEG"):
        image = Image.open(io.BytesIO(content), formats=("JPEG",))
        width, height = image.size
        if side and (width != height or 40 * abs(width - side) > side):
            raise AstrodomeError(f"It has {width} x {height} pixels instead of {side} x {side}.")
        image.load()


def decoded(image: Image.Image) -> Image.Image:
    """The pixels as eight bits, ``L`` or ``RGB``."""
    image.load()
    if image.mode in ("L", "RGB"):
        return image
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256)
    return image.convert("L" if image.mode[0] in "1LIF" else "RGB")


def resized(image: Image.Image, size: int, *, exact: bool = False) -> Image.Image:
    """An opened image at ``size`` x ``size`` pixels, resampled by a Lanczos filter.

    Unless ``exact`` is asked for the codec skips work where it can: JPEG scales by 1/2,
    1/4 or 1/8 within its transform, JPEG 2000 leaves its finest resolutions out.
    """
    frame: tuple[float, float, float, float] = (0, 0, *image.size)
    enough = 0 if exact else size * REDUCTION.get(image.format or "", 0)
    if enough and isinstance(image, Jpeg2KImageFile):
        halvings = (min(image.size) // enough).bit_length() - 1
        halvings = max(0, min(halvings, image.info["halvings"]))
        frame = (0, 0, image.width / 2**halvings, image.height / 2**halvings)
        image.reduce = halvings
    elif enough and (drafted := image.draft(None, (enough, enough))):
        frame = drafted[1]  # the last column and row may be there in part
    return decoded(image).resize((size, size), Image.Resampling.LANCZOS, frame)


def encoded(image: Image.Image, name: str, comment: str) -> memoryview:
    """The bytes of an image in the format that the file name asks for, with a comment in them."""
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


def is_made(path: str, comment: str, since: int) -> bool:
    """Whether ``path`` is an image with this comment, not older than ``since`` (ns)."""
    try:
        if os.stat(path).st_mtime_ns < since:  # noqa: PTH116
            return False
    except OSError:
        return False
    return comment_of(path) == comment


def comment_of(path: str) -> str:
    """The comment in an image; empty when it has none, or is none."""
    try:
        with Image.open(path) as image:
            found = image.info.get("comment", b"")
    except (OSError, SyntaxError, ValueError):
        return ""
    return found if isinstance(found, str) else found.decode(errors="replace")
