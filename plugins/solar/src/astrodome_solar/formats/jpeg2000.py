"""Parser for JPEG 2000 files, which finds the codestreams and their FITS headers.

A JP2 file contains one codestream, and a JPX file contains one or more. Files from Helioviewer and
JHelioviewer contain an XML version of the FITS header for each codestream. The file format is
described in ISO/IEC 15444-1, Annex I, and ISO/IEC 15444-2, Annex M. The codestream markers are
described in ISO/IEC 15444-1, Annex A.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any
from xml.etree import ElementTree

SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")
CODESTREAM = bytes.fromhex("ff4fff51")
END = b"\xff\xd9"
"""Last marker of a complete codestream."""
_CODING_STYLE = 0xFF52
_START_OF_TILE = 0xFF90
_CODESTREAM_NUMBER = 0x01

Buffer = bytes | mmap
"""File content. JPX files are memory-mapped, because they can contain thousands of images."""


@dataclass(frozen=True)
class Codestream:
    """The byte range of one image in a file, and its FITS keywords in lower case."""

    start: int
    end: int
    header: dict[str, Any] = field(default_factory=dict)


def is_jpeg2000(start: bytes) -> bool:
    """Return whether a file is a JPEG 2000 file, given its first bytes."""
    return start.startswith((SIGNATURE, CODESTREAM))


def codestreams(data: Buffer) -> list[Codestream]:
    """Return all codestreams in a file, in file order.

    Raises ValueError if a box is truncated, or if the file contains no codestream (a JPX file may
    refer to other files instead). Raises SyntaxError if a header is not valid XML.
    """
    if data[:4] == CODESTREAM:
        return [Codestream(0, len(data))]
    spans: list[tuple[int, int]] = []
    headers: dict[int, dict[str, Any]] = {}
    common: dict[str, Any] = {}
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"jp2c":
            spans.append((start, end))
        elif kind == b"xml ":
            common = common or _header(data[start:end])
        elif kind == b"asoc":
            headers.update(_associated(data, start, end))
    if not spans:
        raise ValueError("the file contains no codestream")
    if len(spans) == 1:
        headers.setdefault(0, common)
    return [Codestream(a, b, headers.get(n, {})) for n, (a, b) in enumerate(spans)]


def resolutions(codestream: bytes) -> int:
    """Return the number of decomposition levels, each of which halves the decoded image size."""
    at = 2
    while at + 10 <= len(codestream):
        marker, length = struct.unpack_from(">HH", codestream, at)
        if marker == _CODING_STYLE:
            return codestream[at + 9]
        if marker == _START_OF_TILE:
            break
        at += 2 + length
    return 0


def _boxes(data: Buffer, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (box type, start, end) for the content of each box in ``data[at:end]``."""
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        content = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        last = at + length if length else end
        if not content <= last <= end:
            raise ValueError(f"the box at byte {at} is truncated")
        yield kind, content, last
        at = last


def _associated(data: Buffer, at: int, end: int) -> dict[int, dict[str, Any]]:
    """Return the headers in nested association boxes, keyed by codestream number."""
    numbers, header, found = [], {}, {}
    for kind, start, last in _boxes(data, at, end):
        if kind == b"asoc":
            found.update(_associated(data, start, last))
        elif kind == b"nlst":
            entries = struct.unpack(f">{(last - start) // 4}I", data[start:last])
            numbers = [e & 0xFFFFFF for e in entries if e >> 24 == _CODESTREAM_NUMBER]
        elif kind == b"xml ":
            header = _header(data[start:last])
    return found | dict.fromkeys(numbers, header)


def _header(xml: bytes) -> dict[str, Any]:
    root = ElementTree.fromstring(xml.strip(b"\0 \r\n\t"))
    fits = root if root.tag.lower() == "fits" else root.find("fits")
    return {} if fits is None else {e.tag.lower(): _value(e.text or "") for e in fits}


def _value(text: str) -> Any:
    text = text.strip()
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text
