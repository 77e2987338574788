"""File names, boxes of JPEG 2000, the scaling of intensities, and the list of sources."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from astrodome.testing import Result, run
from astrodome_solar import filenames
from astrodome_solar.channels import find_channel
from astrodome_solar.formats import jpeg2000, raster

Data = Callable[..., Result]


def test_a_file_name_carries_time_and_wavelength_both_ways() -> None:
    t_obs = datetime(2012, 3, 7, 0, 2, 8, 900_000, tzinfo=UTC)
    name = filenames.file_name(t_obs, 94)
    assert name == "2012-03-07T000208__94.jpeg"
    assert filenames.parse_file_name(name) == (t_obs.replace(microsecond=0), 94)
    assert filenames.parse_file_name(
        Path("a/b") / "2012-03-07T000208__94__17.jpeg"
    ) == filenames.parse_file_name(name)
    east = t_obs.astimezone(timezone(timedelta(hours=2)))
    assert filenames.file_name(east, 94) == name


@pytest.mark.parametrize("name", ["sun.jpeg", "2012-13-07T000208__94.jpeg", "2012-03-07__94.jpeg"])
def test_a_name_that_carries_none_says_so(name: str) -> None:
    assert filenames.parse_file_name(name) is None


def test_the_codestreams_of_a_jpx_come_with_the_header_that_is_theirs(heliov: Path) -> None:
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


def test_a_box_of_eight_length_bytes_and_one_to_the_end_are_read(aia193: Path) -> None:
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
    with pytest.raises(ValueError, match="cut off"):
        jpeg2000.codestreams((head + wide)[:-1])


@pytest.mark.parametrize(("channel", "low", "high"), [("171", 5, 3500), ("335", 0.4, 1000)])
def test_aia_is_scaled_by_its_logarithm_between_the_ends_of_its_range(
    channel: str, low: float, high: float
) -> None:
    values = np.array([[-10.0, 0.0, low, low * (high / low) ** 0.25, high, 10 * high, np.nan]])
    assert find_channel(channel).to_bytes(values).tolist() == [[0, 0, 0, 64, 255, 255, 0]]


def test_hmi_is_scaled_linearly_and_no_field_is_grey() -> None:
    assert find_channel("magnetogram").to_bytes(np.array([-900.0, 0, 250, np.nan])).tolist() == [
        *(0, 128, 255, 128)
    ]
    assert find_channel("continuum").to_bytes(np.array([0.0, 65535, 13107])).tolist() == [
        0,
        255,
        51,
    ]


def test_sources_lists_the_archives_of_whatever_plugin_is_installed(data: Data) -> None:
    assert "gsu" in data("sources").succeeded().out
    assert "gsu" in {source["name"] for source in data("sources", "--json").json}


def test_the_commands_of_the_older_manual_are_understood(archive: Path, tmp_path: Path) -> None:
    small, parts = tmp_path / "small", tmp_path / "parts"
    plugin = "astrodome_sdo_data.plugin"
    options = (f"--path={archive}", f"--targetpath={small}", "--wavelength=171", "--size=256")
    run("sdo", "data", "resize", *options, plugin=plugin).succeeded()
    options = (f"--path={small}", f"--targetpath={parts}", "--wavelength=171", "--size=32")
    run("sdo", "data", "patch", *options, "--max_patches=8", plugin=plugin).succeeded()
    assert len(list(parts.iterdir())) == 8
