"""``sdo data info``: counts, gaps and damaged files of a folder."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from astrodome.testing import Result
from astrodome_sdo_data.views.summary import summarize
from astrodome_solar.formats import raster
from PIL import Image

Data = Callable[..., Result]


@pytest.fixture
def season(corona: Image.Image, tmp_path: Path) -> Path:
    """Hourly images at 171 with two gaps, and three images at 304 in a subfolder."""
    folder = tmp_path / "season"
    (folder / "304").mkdir(parents=True)
    small = corona.resize((64, 64))
    for hour in range(48):
        if hour not in (5, 20, 21, 22):
            t_obs = datetime(2012, 12, 31) + timedelta(hours=hour, seconds=hour % 3)
            small.save(folder / f"{t_obs:%Y-%m-%dT%H%M%S}__171.jpeg")
    for day in (1, 2, 3):
        corona.save(folder / "304" / f"2013-02-{day:02d}T000000__304.jpeg")
    small.save(folder / "304" / "2013-02-01T000000__304__7.jpeg")
    small.save(folder / "overview.png")
    (folder / "meta.csv").write_text("FILE_NAME\n")
    return folder


def test_images_are_counted_by_wavelength_and_month_with_their_sizes(
    data: Data, season: Path
) -> None:
    found = data("info", season, "--json").succeeded().json
    images = list(season.rglob("*__*.jpeg"))
    assert found["images"] == 47 and found["unnamed"] == 1 and found["bad"] == []
    assert found["bytes"] == sum(path.stat().st_size for path in images)
    aia171, aia304 = found["wavelengths"]
    assert aia171["months"] == {"2012-12": 20, "2013-01": 24}
    assert (aia171["first"], aia171["last"]) == ("2012-12-31T00:00:00", "2013-01-01T23:00:02")
    assert aia171["pixels"] == {"64x64": 44}
    assert (aia304["images"], aia304["patches"], aia304["months"]) == (3, 1, {"2013-02": 3})
    assert aia304["pixels"] == {"410x410": 3, "64x64": 1}
    assert aia304["cadence_s"] == 86400 and aia304["gaps"] == []


def test_gaps_exceed_the_typical_or_the_given_step(data: Data, season: Path) -> None:
    gaps = data("info", season, "--json").json["wavelengths"][0]["gaps"]
    assert gaps == [
        {"after": "2012-12-31T04:00:01", "before": "2012-12-31T06:00:00", "missing": 1},
        {"after": "2012-12-31T19:00:01", "before": "2012-12-31T23:00:02", "missing": 3},
    ]
    aia171, aia304 = data("info", "--path", season, "--freq", "2h", "--json").json["wavelengths"]
    assert [gap["missing"] for gap in aia171["gaps"]] == [1]
    assert [gap["missing"] for gap in aia304["gaps"]] == [11, 11]


def test_tables_show_the_same_numbers_as_json(data: Data, season: Path) -> None:
    said = data("info", season).succeeded()
    assert "171\t44\t0\t2012-12-31T00:00:00\t2013-01-01T23:00:02" in said.out
    assert "month\t171 Å\t304 Å\n2012-12\t20\t0\n2013-01\t24\t0\n2013-02\t0\t3\n" in said.out
    assert "171\t2012-12-31T19:00:01\t2012-12-31T23:00:02\t3" in said.out
    names = "6173_continuum", "6173_magnetogram"
    for name in names:
        shutil.copy(next(season.glob("*.jpeg")), season / f"2013-01-01T000000__{name}.jpeg")
    said = data("info", season).succeeded()
    assert "\t6173 Å continuum\t6173 Å magnetogram\n" in said.out
    assert "The file names of 1 images do not contain a time and a wavelength." in said.err


@pytest.mark.parametrize("suffix", sorted(raster.FORMATS))
def test_truncated_files_are_damaged_and_complete_ones_are_not(
    corona: Image.Image, tmp_path: Path, suffix: str, torture: Callable[[int, int], int]
) -> None:
    whole = tmp_path / f"2013-06-24T173130__193{suffix}"
    corona.resize((96, 96)).save(whole)
    content = whole.read_bytes()
    assert summarize(tmp_path).bad == []
    draw = random.Random(suffix)
    lengths = {0, 1, len(content) - 1, len(content) - 2}
    lengths |= {draw.randrange(len(content)) for _ in range(torture(20, 500))}
    for length in lengths:
        whole.write_bytes(content[:length])
        ((name, why),) = summarize(tmp_path).bad
        assert name == whole.name and why.startswith("The "), length
    whole.write_bytes(content + bytes(8))
    assert summarize(tmp_path, decode=True).bad == [] or suffix == ".jp2"


def test_damage_inside_a_file_is_found_with_decode(
    data: Data, corona: Image.Image, season: Path
) -> None:
    png = season / "2014-01-01T000000__193.png"
    corona.save(png)
    content = bytearray(png.read_bytes())
    content[len(content) // 2] ^= 0xFF
    png.write_bytes(content)
    assert data("info", season, "--json").succeeded().json["bad"] == []
    result = data("info", season, "--decode")
    assert result.code == 1
    assert f"{png.name}\tThe image is damaged or cannot be read" in result.out


def test_damaged_files_are_listed_with_a_reason_and_the_exit_code_is_1(
    data: Data, season: Path
) -> None:
    (season / "2014-01-01T000000__94.jpeg").write_bytes(b"")
    (season / "2014-01-02T000000__94.jpeg").write_text("<html>Service unavailable</html>")
    (season / "2014-01-03T000000__94.jpeg").symlink_to("nowhere.jpeg")
    result = data("info", season, "--json")
    assert result.code == 1
    assert [(bad["name"][8:10], bad["reason"]) for bad in result.json["bad"]] == [
        ("01", "The file is empty."),
        ("02", "The file is not a JPEG, PNG or JPEG 2000 image."),
        ("03", "Cannot read the file: No such file or directory."),
    ]
    assert result.json["images"] == 47


def test_an_empty_or_missing_folder_is_reported(data: Data, tmp_path: Path) -> None:
    assert f"No images found in {tmp_path}." in data("info", tmp_path).succeeded().err
    absent = data("info", tmp_path / "absent")
    assert absent.code == 1 and f"Folder not found: {tmp_path / 'absent'}" in absent.err
