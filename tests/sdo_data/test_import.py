"""``sdo data import``: pixels, names and metadata of imported files."""

from __future__ import annotations

import gzip
import math
import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astrodome import workers
from astrodome.testing import Result
from astrodome_sdo_data.processing import importing
from astropy.io import fits
from PIL import Image

pytestmark = pytest.mark.filterwarnings("ignore:Invalid 'BLANK' keyword")

Data = Callable[..., Result]
Meta = Callable[[Path], dict[str, dict[str, str]]]


def grey(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("JPEG", "L")
        return np.asarray(image, dtype=float)


def rewritten(source: Path, target: Path, **changes: object) -> Path:
    """Copy a FITS file with changed keywords; None removes a keyword."""
    with fits.open(source) as units:
        header = units[0].header
        for key, value in changes.items():
            name = key.replace("_", "-") if key.startswith("DATE") else key
            if value is None:
                header.remove(name, ignore_missing=True)
            else:
                header[name] = value
        units.writeto(target, overwrite=True, output_verify="silentfix")
    return target


def test_fits_counts_become_the_logarithm_of_rates_within_the_range_of_the_channel(
    data: Data, aia171: Path, tmp_path: Path
) -> None:
    data("import", aia171, "--path", tmp_path).succeeded()
    shown = grey(tmp_path / "2011-02-15T000000__171.jpeg")
    counts, header = fits.getdata(aia171), fits.getheader(aia171)
    low, high = math.log10(5), math.log10(3500)
    for row, column in [(0, 0), (20, 40), (64, 64), (100, 13), (127, 127), (90, 80)]:
        rate = min(max(counts[127 - row, column] / header["EXPTIME"], 5), 3500)
        expected = 255 * (math.log10(rate) - low) / (high - low)
        assert shown[row, column] == pytest.approx(expected, abs=12)  # noise of JPEG
    rates = np.clip(counts[::-1] / header["EXPTIME"], 5, 3500)
    error = shown - 255 * (np.log10(rates) - low) / (high - low)
    assert np.sqrt((error**2).mean()) < 2


def test_the_geometry_is_that_of_the_full_frame_of_4096_pixels(
    data: Data, aia171: Path, aia193: Path, tmp_path: Path, meta: Meta
) -> None:
    data("import", aia171, aia193, "--path", tmp_path).succeeded()
    header = fits.getheader(aia171)
    row = meta(tmp_path)["2011-02-15T000000__171.jpeg"]
    names = ["QUALITY", "DSUN", "X0", "R_SUN", "Y0", "CDELT", "FILE_NAME", "DATE_OBS"]
    assert list(row) == names and row["DATE_OBS"] == header["DATE-OBS"]
    assert float(row["CDELT"]) == pytest.approx(header["CDELT1"] / 32)
    assert float(row["R_SUN"]) == pytest.approx(header["RSUN_OBS"] / (header["CDELT1"] / 32))
    assert float(row["DSUN"]) == pytest.approx(header["DSUN_OBS"])
    assert int(row["QUALITY"]) == header["QUALITY"]
    # The centre of the disk in the master pointing table (pixels from 0).
    assert float(row["X0"]) == pytest.approx(header["X0_MP"] + 0.5, abs=0.5)
    assert float(row["Y0"]) == pytest.approx(header["Y0_MP"] + 0.5, abs=0.5)
    level15 = meta(tmp_path)["2013-06-24T173130__193.jpeg"]
    assert [float(level15[key]) for key in ("X0", "Y0", "CDELT")] == [2048, 2048, 0.6]


def test_the_disk_is_at_the_position_in_the_metadata_for_any_shape_and_roll(
    data: Data, fsi174: Path, hmi: Path, tmp_path: Path, meta: Meta
) -> None:
    data("import", fsi174, hmi, "--path", tmp_path, "--size", 512).succeeded()
    for name, row in meta(tmp_path).items():
        image = grey(tmp_path / name)
        assert image.shape == (512, 512)
        scale = 512 / 4096
        x, y = float(row["X0"]) * scale, (4096 - float(row["Y0"])) * scale
        away = np.hypot(*(np.indices(image.shape)[::-1] + 0.5 - np.array([x, y])[:, None, None]))
        radius = float(row["R_SUN"]) * scale
        inside = image[away < 0.97 * radius].mean()
        outside = image[(away > 1.03 * radius) & (away < 1.2 * radius)].mean()
        halves = [image[(away < radius) & side].mean() for side in sides(image, x, y)]
        assert inside > 1.2 * outside
        assert max(halves) < 1.25 * min(halves)


def sides(image: np.ndarray, x: float, y: float) -> list[np.ndarray]:
    rows, columns = np.indices(image.shape)
    return [rows < y, rows > y, columns < x, columns > x]


def test_north_is_up_for_any_rotation_of_the_camera(
    data: Data, aia171: Path, tmp_path: Path
) -> None:
    with fits.open(aia171) as units:
        image = units[0]
        image.data = np.rot90(image.data, 2).copy()
        image.header["CROTA2"] += 180
        image.header["CRPIX1"], image.header["CRPIX2"] = (
            129 - image.header["CRPIX1"],
            129 - image.header["CRPIX2"],
        )
        units.writeto(tmp_path / "turned.fits", output_verify="silentfix")
    for source, folder in ((aia171, "a"), (tmp_path / "turned.fits", "b")):
        data("import", source, "--path", tmp_path / folder).succeeded()
    straight, turned = (grey(tmp_path / f / "2011-02-15T000000__171.jpeg") for f in "ab")
    inner = np.s_[4:-4, 4:-4]
    assert np.corrcoef(straight[inner].ravel(), turned[inner].ravel())[0, 1] > 0.995
    assert np.corrcoef(straight.ravel(), turned[::-1, ::-1].ravel())[0, 1] < 0.99


def test_every_observation_of_a_jpx_is_imported_and_overlays_are_skipped(
    data: Data, heliov: Path, tmp_path: Path, meta: Meta
) -> None:
    outcome = data("import", heliov, "--path", tmp_path, "--json").succeeded().json
    assert outcome == {"done": 2, "skipped": 1, "failed": []}
    rows = meta(tmp_path)
    assert list(rows) == ["2013-06-01T000034__174.jpeg", "2014-01-01T000011__171.jpeg"]
    assert rows["2014-01-01T000011__171.jpeg"]["QUALITY"] == "1073741824"
    assert grey(tmp_path / "2014-01-01T000011__171.jpeg").shape == (4096, 4096)


def test_eight_bits_of_a_jpeg_2000_keep_their_values(
    data: Data, aia193: Path, corona: Image.Image, tmp_path: Path
) -> None:
    data("import", aia193, "--path", tmp_path).succeeded()
    error = grey(tmp_path / "2013-06-24T173130__193.jpeg") - np.asarray(corona, dtype=float)
    assert np.sqrt((error**2).mean()) < 2


def test_the_same_command_again_changes_nothing(
    data: Data, aia171: Path, aia193: Path, tmp_path: Path, meta: Meta
) -> None:
    command = ("import", aia171, aia193, "--path", tmp_path)
    data(*command).succeeded()
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir() if p.name[0] != "."}
    again = data(*command, "--json").succeeded().json
    assert again == {"done": 0, "skipped": 2, "failed": []}
    after = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir() if p.name[0] != "."}
    assert after == before
    assert data(*command, "--overwrite", "--json").succeeded().json["done"] == 2
    assert len(meta(tmp_path)) == 2


def test_a_missing_metadata_row_is_added_by_the_same_command(
    data: Data, aia171: Path, tmp_path: Path, meta: Meta
) -> None:
    data("import", aia171, "--path", tmp_path).succeeded()
    (tmp_path / "meta.csv").unlink()
    data("import", aia171, "--path", tmp_path).succeeded()
    assert list(meta(tmp_path)) == ["2011-02-15T000000__171.jpeg"]


def test_invalid_files_are_reported_with_a_reason_and_the_valid_one_is_imported(
    data: Data, aia171: Path, aia193: Path, tmp_path: Path, meta: Meta
) -> None:
    from sunpy.data.test import get_test_filepath

    text, cut, cut_jp2 = (tmp_path / n for n in ("notes.fits", "cut.fits", "cut.jp2"))
    text.write_text("no image at all")
    cut.write_bytes(aia171.read_bytes()[:60_000])
    cut_jp2.write_bytes(aia193.read_bytes()[:30_000])
    reasons = {
        rewritten(
            aia171, tmp_path / "dateless.fits", DATE_OBS=None, T_OBS=None
        ): "parameter 'date'",
        rewritten(aia171, tmp_path / "odd.fits", WAVELNTH=172): "AIA_3 172 is unknown",
        Path(get_test_filepath("go1520110607.fits")): "The FITS file contains no image",
        tmp_path: "Expected a file, got a folder",
        tmp_path / "absent.fits": "not found",
        text: "The file is not a FITS, JPEG 2000, JPEG or PNG image",
        cut: "Cannot read the FITS file",
        cut_jp2: "damaged",
    }
    out = tmp_path / "out"
    result = data("import", *reasons, aia171, "--path", out)
    assert result.code == 1
    assert "1 image imported, 8 failed" in result.err
    assert "Traceback" not in result.err
    for path, reason in reasons.items():
        line = next(line for line in result.err.splitlines() if f"  {path}: " in line)
        assert reason in line
    assert list(meta(out)) == ["2011-02-15T000000__171.jpeg"]


def test_an_image_that_needs_too_much_memory_is_reported_and_the_others_are_imported(
    data: Data, aia171: Path, hmi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_LIMITS_MAX_FILE_MB", "70")
    bomb = tmp_path / "bomb.fits.gz"
    with gzip.open(bomb, "wb", 1) as out, aia171.open("rb") as content:
        out.write(content.read())
        for _ in range(5):
            out.write(bytes(1 << 24))
    out_folder = tmp_path / "out"
    result = data("import", bomb, aia171, "--path", out_folder)
    assert result.code == 1 and "needs at least" in result.err
    assert str(bomb) in result.err and "MAX_FILE_MB" not in result.out
    assert len(list(out_folder.glob("*.jpeg"))) == 1


def test_the_date_may_come_from_an_option_or_from_t_obs(
    data: Data, aia171: Path, tmp_path: Path
) -> None:
    without = rewritten(aia171, tmp_path / "without.fits", DATE_OBS=None, T_OBS=None)
    data("import", without, "--path", tmp_path, "--date", "2011-02-15T01:02:03+01:00").succeeded()
    assert (tmp_path / "2011-02-15T000203__171.jpeg").is_file()
    tai = rewritten(aia171, tmp_path / "tai.fits", DATE_OBS=None, T_OBS="2012.03.04_00:00:34_TAI")
    data("import", tai, "--path", tmp_path).succeeded()
    assert (tmp_path / "2012-03-04T000000__171.jpeg").is_file()
    assert data("import", without, "--path", tmp_path, "--date", "yesterday").code == 2


def test_the_wavelength_of_a_fits_file_may_come_from_an_option(
    data: Data, hmi: Path, tmp_path: Path
) -> None:
    without = rewritten(hmi, tmp_path / "without.fits", WAVELNTH=None)
    result = data("import", without, "--path", tmp_path)
    assert (
        result.code == 1
        and "WAVELNTH is missing or not positive. Specify the wavelength with the parameter "
        "'wavelength'."
        in result.err
    )
    data("import", without, "--path", tmp_path, "--wavelength", 6173).succeeded()
    assert (tmp_path / "2014-03-01T000027__6173_continuum.jpeg").is_file()


def test_time_and_wavelength_of_a_png_come_from_options_or_its_name(
    data: Data, corona: Image.Image, tmp_path: Path, meta: Meta
) -> None:
    nameless, named = tmp_path / "sun.png", tmp_path / "2013-06-24T173200__193.png"
    corona.convert("RGB").save(nameless)
    corona.save(named)
    out = tmp_path / "out"
    result = data("import", nameless, named, "--path", out)
    assert (
        result.code == 1
        and "Specify them with the parameters 'date' and 'wavelength'" in result.err
    )
    options = ("--date", "2013-06-24T17:31:30", "--wavelength", 193)
    data("import", nameless, "--path", out, *options).succeeded()
    assert list(meta(out)) == ["2013-06-24T173130__193.jpeg", "2013-06-24T173200__193.jpeg"]
    assert set(meta(out)["2013-06-24T173130__193.jpeg"].values()) == {
        "",
        "2013-06-24T173130__193.jpeg",
    }


def test_two_files_with_the_same_time_and_wavelength_do_not_overwrite_each_other(
    data: Data, corona: Image.Image, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png"):
        corona.save(tmp_path / name)
    result = data(
        *("import", tmp_path / "a.png", tmp_path / "b.png", "--path", tmp_path / "out"),
        *("--date", "2013-06-24T17:31:30", "--wavelength", 193),
    )
    assert result.code == 1
    assert (
        f"{tmp_path / 'b.png'}: {tmp_path / 'a.png'}, which has the same time and channel, was"
        in (result.err)
    )


@pytest.mark.parametrize(("jobs", "used"), [(1, 1), (2, 2), (9, 2)])
def test_at_most_one_process_is_used_for_each_image(
    jobs: int, used: int, corona: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"2013-06-24T17310{number}__193.png" for number in range(2)]
    for path in paths:
        corona.save(path)
    opened: list[int] = []
    open_pool = workers.open_pool

    def count(jobs: int, *_: object) -> workers.Pool:
        opened.append(jobs)
        return open_pool(1, True, "", "")

    monkeypatch.setattr(workers, "open_pool", count)
    assert importing.import_files(paths, tmp_path / "out", jobs=jobs).done == 2
    assert opened == [used]


def ingest_one_by_one(paths: list[Path], out: Path) -> None:
    importing.BATCH = 1
    assert importing.import_files(paths, out, jobs=1).done == len(paths)


def test_two_processes_may_import_into_one_folder(tmp_path: Path, meta: Meta) -> None:
    halves: list[list[Path]] = [[], []]
    for number in range(24):
        path = tmp_path / f"2013-06-24T17{number:02d}00__193.png"
        Image.effect_noise((64, 64), number + 1.0).save(path)
        halves[number % 2].append(path)
    out = tmp_path / "out"
    context = multiprocessing.get_context("fork")
    running = [context.Process(target=ingest_one_by_one, args=(half, out)) for half in halves]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0, 0]
    assert len(meta(out)) == 24
    assert {p.name for p in out.glob("*.jpeg")} == set(meta(out))


def test_other_columns_and_rows_of_meta_csv_are_kept(
    data: Data, aia171: Path, tmp_path: Path, meta: Meta
) -> None:
    (tmp_path / "meta.csv").write_text("FILE_NAME,NOTE\nzz__171.jpeg,by hand\n")
    data("import", aia171, "--path", tmp_path).succeeded()
    rows = meta(tmp_path)
    assert rows["zz__171.jpeg"]["NOTE"] == "by hand"
    assert rows["2011-02-15T000000__171.jpeg"]["NOTE"] == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a,b\n1,2\n", "no column FILE_NAME"), ("FILE_NAME,X0\nx.jpeg,1,2\n", "line 2")],
)
def test_an_invalid_meta_csv_is_an_error_and_is_not_changed(
    data: Data, aia171: Path, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "meta.csv").write_text(text)
    result = data("import", aia171, "--path", tmp_path)
    assert result.code == 1 and reason in result.err
    assert (tmp_path / "meta.csv").read_text() == text


def test_an_aia_file_without_a_wavelength_can_be_imported_with_the_option(
    data: Data, aia171: Path, tmp_path: Path
) -> None:
    silent = tmp_path / "silent.fits"
    with fits.open(aia171) as content:
        del content[0].header["WAVELNTH"]
        content.writeto(silent)
    out = tmp_path / "out"
    data("import", silent, "--path", out, "--wavelength", 171).succeeded()
    data("import", aia171, "--path", tmp_path / "said").succeeded()
    (made,), (expected,) = out.glob("*.jpeg"), (tmp_path / "said").glob("*.jpeg")
    with Image.open(made) as a, Image.open(expected) as b:
        assert made.name == expected.name and a.tobytes() == b.tobytes()
    refused = data("import", silent, "--path", tmp_path / "none")
    assert refused.code == 1
    assert (
        f"{silent}: WAVELNTH is missing or not positive. Specify the wavelength with the parameter "
        "'wavelength'." in refused.err
    )


def test_the_geometry_of_a_jpeg_is_copied_from_its_metadata_table(
    data: Data, aia171: Path, tmp_path: Path, meta: Meta
) -> None:
    first, second, bare = (tmp_path / name for name in ("first", "second", "bare"))
    data("import", aia171, "--path", first).succeeded()
    (image,) = first.glob("*.jpeg")
    data("import", image, "--path", second, "--size", 32).succeeded()
    (known,), (copied,) = (meta(folder).values() for folder in (first, second))
    for name in ("X0", "Y0", "R_SUN", "CDELT", "DSUN"):
        assert copied[name] == known[name] != ""
    bare.mkdir()
    shutil.copy(image, bare)
    data("import", *bare.glob("*.jpeg"), "--path", tmp_path / "out").succeeded()
    (row,) = meta(tmp_path / "out").values()
    assert not row["X0"]
