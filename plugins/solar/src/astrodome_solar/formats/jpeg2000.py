"""JPEG 2000 files seen as boxes: their codestreams, and the headers that belong to them.

JP2 holds one codestream, JPX any number, each with a FITS header in XML where
Helioviewer or JHelioviewer wrote it. Boxes are those of ISO/IEC 15444-1 Annex I and
15444-2 Annex M, markers those of 15444-1 Annex A.
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
_CODING_STYLE = 0xFF52
_START_OF_TILE = 0xFF90
_OF_CODESTREAM = 0x01

Buffer = bytes | mmap
"""The content of a file, in memory or mapped: a JPX may hold a day of images."""


@dataclass(frozen=True)
class Codestream:
    """Where the bytes of one image are, which Pillow decodes, and its FITS header.

    The keys of the header are lower case; a codestream without one has an empty dict.
    """

    start: int
    end: int
    header: dict[str, Any] = field(default_factory=dict)


def is_jpeg2000(start: bytes) -> bool:
    """Whether a file that begins with these bytes is JPEG 2000."""
    return start.startswith((SIGNATURE, CODESTREAM))


def codestreams(data: Buffer) -> list[Codestream]:
    """Every codestream of a file in its order.

    Raises ValueError when a box is cut off or the file holds no codestream (a JPX may
    refer to other files), SyntaxError when a header is not XML.
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
        raise ValueError("the file holds no codestream")
    if len(spans) == 1:
        headers.setdefault(0, common)
    return [Codestream(a, b, headers.get(n, {})) for n, (a, b) in enumerate(spans)]


def resolutions(codestream: bytes) -> int:
    """How many times a decoder can halve the image for free (decomposition levels)."""
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
    """Kind, start and end of the content of each box in ``data[at:end]``."""
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        content = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        last = at + length if length else end
        if not content <= last <= end:
            raise ValueError(f"the box at byte {at} is cut off")
        yield kind, content, last
        at = last


def _associated(data: Buffer, at: int, end: int) -> dict[int, dict[str, Any]]:
    """Headers by the number of the codestream, from association boxes at any depth."""
    numbers, header, found = [], {}, {}
    for kind, start, last in _boxes(data, at, end):
        if kind == b"asoc":
            found.update(_associated(data, start, last))
        elif kind == b"nlst":
            entries = struct.unpack(f">{(last - start) // 4}I", data[start:last])
            numbers = [e & 0xFFFFFF for e in entries if e >> 24 == _OF_CODESTREAM]
        elif kind == b"xml ":
            header = _header(data[start:last])
    return found | dict.fromkeys(numbers, header)


def _header(xml: bytes) -> dict[str, Any]:
    """The FITS keywords of an XML box, numbers as numbers; empty for XML of another kind."""
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
