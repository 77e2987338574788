"""The boxes and codestreams of JPEG 2000 files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from astrodome_solar.formats import jpeg2000, raster


def test_each_codestream_of_a_jpx_has_its_own_header(heliov: Path) -> None:
    import glymur

    content = heliov.read_bytes()
    found = jpeg2000.codestreams(content)
    boxes = [box for box in glymur.Jp2k(heliov).box if box.box_id == "jp2c"]
    assert [(c.start - 8, c.end) for c in found] == [(b.offset, b.offset + b.length) for b in boxes]
    assert [c.header.get("telescop") for c in found] == ["PROBA2", None, "SDO"]
    assert found[2].header["cdelt1"] == 0.6 and found[2].header["wavelnth"] == 171
    aia = content[found[2].start : found[2].end]
    assert raster.from_bytes(aia).size == (4096, 4096)
    coding_style = next(s for s in boxes[2].codestream.segment if s.marker_id == "COD")
    assert jpeg2000.resolutions(aia) == coding_style.num_res


def test_boxes_with_eight_length_bytes_or_without_a_length_are_read(aia193: Path) -> None:
    content = aia193.read_bytes()
    (plain,) = jpeg2000.codestreams(content)
    body = content[plain.start : plain.end]
    head = content[: content.index(b"jp2c") - 4]
    wide = struct.pack(">I4sQ", 1, b"jp2c", len(body) + 16) + body
    to_the_end = struct.pack(">I4s", 0, b"jp2c") + body
    for box in (wide, to_the_end):
        (found,) = jpeg2000.codestreams(head + box)
        assert (head + box)[found.start : found.end] == body
    with pytest.raises(ValueError, match="no codestream"):
        jpeg2000.codestreams(head)
    with pytest.raises(ValueError, match="is truncated"):
        jpeg2000.codestreams((head + wide)[:-1])
