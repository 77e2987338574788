"""Images from every format, with the values that their headers contain and nothing else."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("reproject")

import sunpy.map
from astrodome import AstrodomeError
from astrodome_solar import metadata, read_image
from astrodome_solar.formats import reading
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from PIL import Image
from solar import inputs

TIME = datetime(2013, 3, 1, 12, 0, 11, 340_000)


def scaled(path: Path) -> Path:
    """Write the image as int16 with BSCALE and BZERO."""
    stored = np.rint((inputs.sun() - 1000) / 0.5).astype(np.int16)
    hdu = fits.PrimaryHDU(stored, inputs.header())
    hdu.header["BSCALE"], hdu.header["BZERO"] = 0.5, 1000
    content = bytearray(hdu.header.tostring().encode())
    raw = stored.astype(">i2").tobytes()
    path.write_bytes(bytes(content) + raw + bytes(-len(raw) % 2880))
    return path


def written(kind: str, folder: Path) -> Path:
    """Write the same image in different kinds of FITS files."""
    path, data = folder / f"{kind}.fits", inputs.sun()
    if kind == "scaled":
        return scaled(path)
    if kind == "zipped":
        plain = inputs.write(folder / "plain.fits")
        with gzip.open(path.with_suffix(".fits.gz"), "wb") as out:
            out.write(plain.read_bytes())
        return path.with_suffix(".fits.gz")
    empty = fits.PrimaryHDU()
    kinds: dict[str, list[Any]] = {
        "float32": [fits.PrimaryHDU(data, inputs.header())],
        "float64": [fits.PrimaryHDU(data.astype(float), inputs.header())],
        "int16": [fits.PrimaryHDU(data.astype(np.int16), inputs.header())],
        "uint16": [fits.PrimaryHDU(data.astype(np.uint16), inputs.header())],
        "int32": [fits.PrimaryHDU(data.astype(np.int32), inputs.header())],
        "rice": [empty, fits.CompImageHDU(data.astype(np.int16), inputs.header())],
        "extension": [empty, fits.ImageHDU(data, inputs.header())],
        "one_plane": [fits.PrimaryHDU(data[None], inputs.header())],
        "table": [
            fits.PrimaryHDU(data, inputs.header()),
            fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1])]),
        ],
    }
    fits.HDUList(kinds[kind]).writeto(path)
    return path


@pytest.mark.parametrize(
    "kind",
    [
        *("float32", "float64", "int16", "uint16", "int32", "scaled", "zipped", "rice"),
        *("extension", "one_plane", "table"),
    ],
)
def test_every_kind_of_fits_file_is_the_same_image(kind: str, tmp_path: Path) -> None:
    image = read_image(written(kind, tmp_path))
    assert image.data.dtype == np.float32
    assert np.array_equal(image.data, inputs.sun())
    assert (image.time, image.wavelength, image.exposure) == (TIME, 171, 2.0)
    assert (image.observatory, image.instrument, image.level) == ("SDO", "AIA_3", "1")
    assert (image.width, image.height, image.scale) == (64, 64, (38.4, 38.4))
    assert (image.distance, image.radius, image.quality) == (1.4838e11, 968.7, 0)
    assert (image.unit, image.quantity, image.eight_bit) == ("DN", "", False)
    assert image.file_name == "2013-03-01T120011__171.jpeg"


def test_pixels_without_a_value_are_nan_and_zero_intensity(tmp_path: Path) -> None:
    data = inputs.sun()
    data[3, 4] = np.nan
    image = read_image(inputs.write(tmp_path / "a.fits", data))
    assert np.isnan(image.data[3, 4]) and np.isnan(image.data).sum() == 1
    assert image.north_up().data[3, 4] == 0


@pytest.mark.parametrize("kind", ["cube", "hdus"])
def test_several_images_in_a_file_are_an_error_unless_one_is_selected(
    kind: str, tmp_path: Path
) -> None:
    first, second = inputs.sun(), inputs.sun() + 1
    path = tmp_path / "several.fits"
    if kind == "cube":
        fits.PrimaryHDU(np.stack([first, second]), inputs.header()).writeto(path)
    else:
        hdus = [fits.PrimaryHDU(first, inputs.header()), fits.ImageHDU(second, inputs.header())]
        fits.HDUList(hdus).writeto(path)
    with pytest.raises(
        AstrodomeError, match=r"contains 2 images\. Select one with the parameter 'plane'"
    ):
        read_image(path)
    assert np.array_equal(read_image(path, plane=0).data, first)
    assert np.array_equal(read_image(path, plane=1).data, second)
    assert read_image(path, plane=1).name == "several.fits[1]"
    with pytest.raises(
        AstrodomeError,
        match=r"Invalid plane 2: expected the index of an image .* from 0 to 1",
    ):
        read_image(path, plane=2)
    single = inputs.write(tmp_path / "single.fits")
    assert read_image(single, plane=0).width == 64
    with pytest.raises(
        AstrodomeError,
        match=r"Invalid plane 1: expected the index of an image .* from 0 to 0",
    ):
        read_image(single, plane=1)


@pytest.mark.parametrize(
    ("changes", "time"),
    [
        ({"DATE_OBS": " 1-Mar-2013 12:00:11.340"}, TIME),
        ({"DATE_OBS": "2013-03-01T12:00:11.34 UTC"}, TIME),
        ({"DATE_OBS": "2013-03-01T12:00:11.34Z"}, TIME),
        ({"DATE_OBS": "UNKNOWN"}, TIME.replace(second=12)),
        ({"DATE_OBS": "2013-03-01"}, TIME.replace(second=12)),
        ({"DATE_OBS": None}, TIME.replace(second=12)),
        ({"DATE_OBS": None, "T_OBS": "2013.03.01_12:00:46.34_TAI"}, TIME),
        ({"DATE_OBS": "2013-03-01T12:00:46.34", "TIMESYS": "TAI"}, TIME),
        ({"DATE_OBS": "2013-03-01", "TIME-OBS": "12:00:11.34"}, TIME),
        ({"DATE_OBS": "UNKNOWN", "DATE-BEG": "2013-03-01T12:00:11.34"}, TIME),
        ({"DATE_OBS": "2012-06-30T23:59:60.34"}, datetime(2012, 7, 1)),
        (
            {"DATE_OBS": "2012-06-30T23:59:60.34", "T_OBS": "2012-06-30T23:59:61.34Z"},
            datetime(2012, 7, 1),
        ),
    ],
)
def test_the_first_valid_time_of_the_header_is_used(
    changes: dict[str, Any], time: datetime, tmp_path: Path
) -> None:
    image = read_image(inputs.write(tmp_path / "a.fits", **changes), date="1999-01-01")
    assert image.time == time
    assert image.header.get("date-obs", "") == (changes.get("DATE_OBS") or "").rstrip()
    _ = image.geometry  # sunpy accepts the header too


def test_without_a_valid_time_the_given_one_is_used_or_the_error_names_it(tmp_path: Path) -> None:
    path = inputs.write(tmp_path / "a.fits", DATE_OBS="UNKNOWN", T_OBS="N/A")
    with pytest.raises(AstrodomeError) as failed:
        read_image(path)
    assert failed.value.message == (
        f"{path}: DATE-OBS is not a valid time: 'UNKNOWN'. "
        "Specify the time with the parameter 'date'."
    )
    assert read_image(path, date="2013-03-01T12:00:11.34").time == TIME
    assert read_image(path, date=np.datetime64("2013-03-01T12:00:11.34")).time == TIME
    old = inputs.write(tmp_path / "c.fits", TIMESYS="1979.00")
    with pytest.raises(AstrodomeError, match=r"TIMESYS is not a known time scale: '1979\.00'"):
        read_image(old)
    silent = inputs.write(tmp_path / "b.fits", DATE_OBS=None, T_OBS=None)
    with pytest.raises(AstrodomeError, match="DATE-OBS and T_OBS are missing"):
        read_image(silent)


@pytest.mark.parametrize("exptime", [None, 0.0, -1.0, "unknown"])
def test_counts_without_an_exposure_time_are_no_intensities(exptime: Any, tmp_path: Path) -> None:
    path = inputs.write(tmp_path / "a.fits", EXPTIME=exptime)
    image = read_image(path)
    assert image.exposure is None
    for convert in (image.intensities, image.levels, image.to_picture):
        with pytest.raises(
            AstrodomeError, match=r"EXPTIME is .*Specify .* with the parameter 'exposure'"
        ):
            convert()
    given = read_image(path, exposure=4.0)
    assert np.array_equal(given.intensities(), inputs.sun() / 4)


def test_the_exposure_time_of_the_header_comes_before_the_given_one(tmp_path: Path) -> None:
    image = read_image(inputs.write(tmp_path / "a.fits"), exposure=4.0)
    assert np.array_equal(image.intensities(), inputs.sun() / 2)


@pytest.mark.parametrize("unit", ["DN/s", "DN / s", "ct/(pix s)"])
def test_rates_need_no_exposure_time(unit: str, tmp_path: Path) -> None:
    image = read_image(inputs.write(tmp_path / "a.fits", EXPTIME=None, BUNIT=unit))
    assert np.array_equal(image.intensities(), inputs.sun())


def test_an_unknown_unit_is_an_error(tmp_path: Path) -> None:
    image = read_image(inputs.write(tmp_path / "a.fits", BUNIT="DN/sec"))
    with pytest.raises(AstrodomeError, match="Invalid BUNIT 'DN/sec': expected a unit"):
        image.intensities()


@pytest.mark.parametrize(
    ("content", "unit", "quantity"),
    [
        ("CONTINUUM INTENSITY", "DN/s", "continuum"),
        ("MAGNETOGRAM", "Gauss", "magnetogram"),
        ("HMI Magnetogram", "Gauss", "magnetogram"),
        ("DOPPLERGRAM", "m/s", "dopplergram"),
        ("LINE WIDTH", "mA", "linewidth"),
        ("LINE DEPTH", "DN/s", "linedepth"),
    ],
)
def test_observables_of_hmi_have_names_of_their_own(
    content: str, unit: str, quantity: str, tmp_path: Path
) -> None:
    image = read_image(
        inputs.write(tmp_path / "a.fits", None, inputs.HMI, CONTENT=content, BUNIT=unit)
    )
    assert (image.quantity, image.wavelength) == (quantity, 6173)
    assert image.file_name == f"2014-03-01T000027__6173_{quantity}.jpeg"
    assert np.array_equal(image.intensities(), inputs.sun())


def test_levels_have_names_of_their_own(tmp_path: Path) -> None:
    names = {
        level: read_image(inputs.write(tmp_path / "a.fits", LVL_NUM=level)).file_name
        for level in (None, 1.0, 1.5)
    }
    assert names[None] == names[1.0] == "2013-03-01T120011__171.jpeg"
    assert names[1.5] == "2013-03-01T120011__171_lev1.5.jpeg"


@pytest.mark.parametrize(
    ("changes", "given", "wavelength"),
    [
        ({"WAVELNTH": 17.1, "WAVEUNIT": "nm"}, None, 171),
        ({"WAVELNTH": 171, "WAVEUNIT": ""}, None, 171),
        ({"WAVELNTH": 171, "WAVEUNIT": None}, 193, 171),
        ({"WAVELNTH": None}, 193, 193),
        ({"WAVELNTH": 0}, 193, 193),
    ],
)
def test_the_wavelength_is_that_of_the_header_or_the_given_one(
    changes: dict[str, Any], given: int | None, wavelength: int, tmp_path: Path
) -> None:
    image = read_image(inputs.write(tmp_path / "a.fits", **changes), wavelength=given)
    assert image.wavelength == wavelength


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"WAVELNTH": None}, "WAVELNTH is missing"),
        ({"WAVEUNIT": "Angst"}, "Invalid WAVEUNIT 'Angst'"),
        ({"WAVEUNIT": "kg"}, "Invalid WAVEUNIT 'kg'"),
    ],
)
def test_an_unknown_wavelength_is_an_error(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(AstrodomeError, match=reason):
        read_image(inputs.write(tmp_path / "a.fits", **changes))


@pytest.mark.parametrize(
    ("changes", "empty"),
    [
        ({"CDELT1": None, "CDELT2": None}, {"CDELT", "X0", "Y0", "R_SUN"}),
        ({"CDELT1": 0.0}, {"CDELT", "X0", "Y0", "R_SUN"}),
        ({"CRPIX1": None}, {"X0", "Y0"}),
        ({"DSUN_OBS": None}, {"DSUN"}),
        ({"DSUN_OBS": 0.03}, {"DSUN"}),
        ({"RSUN_OBS": None}, {"R_SUN"}),
        ({"RSUN_OBS": 0.0}, {"R_SUN"}),
        ({"QUALITY": None}, {"QUALITY"}),
        ({}, set()),
    ],
)
def test_unknown_values_stay_empty_in_the_metadata_row(
    changes: dict[str, Any], empty: set[str], tmp_path: Path
) -> None:
    row = read_image(inputs.write(tmp_path / "a.fits", **changes)).north_up().metadata_row()
    assert {key for key, value in row.items() if value == ""} == empty
    known = {"DSUN": 148.38e9, "X0": 2048, "R_SUN": 1614.5, "Y0": 2048, "CDELT": 0.6, "QUALITY": 0}
    for key in known.keys() - empty:
        assert row[key] == pytest.approx(known[key], rel=1e-9), key


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"DSUN_OBS": 0.03, "RSUN_OBS": 0.0}, "DSUN_OBS"),
        ({"DSUN_OBS": None}, "DSUN_OBS"),
        ({"DSUN_OBS": 1e-300}, "DSUN_OBS"),
        ({"HGLN_OBS": None}, "HGLN_OBS, HGLT_OBS"),
        ({"CRPIX2": None}, "CRPIX2"),
        ({"CDELT1": None, "CDELT2": None}, "CDELT1, CDELT2, CUNIT1, CUNIT2"),
        ({"CTYPE1": None, "CTYPE2": None}, "CTYPE1, CTYPE2"),
    ],
)
def test_an_incomplete_geometry_is_an_error_with_its_keywords(
    changes: dict[str, Any], missing: str, tmp_path: Path
) -> None:
    image = read_image(inputs.write(tmp_path / "a.fits", **changes))
    with pytest.raises(AstrodomeError) as failed:
        _ = image.geometry
    assert failed.value.message == (
        f"The geometry of the image is unknown: missing or invalid {missing}."
    )


def test_the_geometry_is_that_of_sunpy(aia171: Path, hmi: Path) -> None:
    for path in (aia171, hmi):
        solar = sunpy.map.Map(path)
        geometry = read_image(path).geometry
        where = np.random.default_rng(0).uniform(-900, 900, (50, 2))
        place = SkyCoord(*(where.T * u.arcsec), frame=solar.coordinate_frame)
        pixels = solar.world_to_pixel(place)
        expected = np.column_stack(
            [pixels.x.value + 0.5, solar.data.shape[0] - 0.5 - pixels.y.value]
        )
        assert np.abs(geometry.to_pixel(where) - expected).max() < 1e-6
        assert geometry.limb_arcsec == pytest.approx(solar.rsun_obs.to_value("arcsec"))
        observer = geometry.frame.observer
        assert observer.separation_3d(solar.observer_coordinate).to_value(u.km) < 1


def test_the_rotated_image_is_that_of_sunpy(hmi: Path, tmp_path: Path) -> None:
    for path in (inputs.write(tmp_path / "a.fits", CROTA2=7.5, CRPIX1=30.0), hmi):
        original = sunpy.map.Map(path)
        solar = sunpy.map.Map(np.nan_to_num(original.data.astype(np.float32)), original.meta)
        expected = solar.rotate(missing=0)
        side = len(solar.data)
        cut = (len(expected.data) - side) // 2
        inner = expected.data[cut : cut + side, cut : cut + side]
        upright = read_image(path).north_up()
        inside = slice(12, -12)  # The interpolating splines of sunpy have another border.
        assert np.allclose(upright.data[inside, inside], inner[inside, inside], atol=0.1)
        center = expected.world_to_pixel(
            SkyCoord(0, 0, unit="arcsec", frame=expected.coordinate_frame)
        )
        row = upright.metadata_row()
        larger = 4096 / side
        assert row["X0"] == pytest.approx((center.x.value - cut + 0.5) * larger, abs=1e-3)
        assert row["Y0"] == pytest.approx((center.y.value - cut + 0.5) * larger, abs=1e-3)
        assert upright.geometry.to_pixel(np.zeros((1, 2)))[0] == pytest.approx(
            [row["X0"] / larger, side - row["Y0"] / larger], abs=1e-3
        )


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_north_is_up_however_the_camera_was_rotated(turn: int, tmp_path: Path) -> None:
    data = np.rot90(inputs.sun(), -turn // 90)
    upright = read_image(inputs.write(tmp_path / "a.fits", data.copy(), CROTA2=-turn)).north_up()
    assert np.allclose(upright.data, inputs.sun(), atol=1e-2)


def test_a_rectangle_becomes_a_square_with_the_sun_at_the_same_place(tmp_path: Path) -> None:
    data = inputs.sun()[8:-8]
    upright = read_image(inputs.write(tmp_path / "a.fits", data, CRPIX2=24.5)).north_up()
    assert upright.data.shape == (64, 64) and np.array_equal(upright.data[8:-8], data)
    assert not upright.data[:8].any()
    row = upright.metadata_row()
    assert (row["X0"], row["Y0"]) == (2048, 2048)


def test_a_matrix_in_the_header_has_the_same_effect_as_an_angle(tmp_path: Path) -> None:
    angle = np.radians(20)
    c, s = np.cos(angle), np.sin(angle)
    same = [
        {"CROTA2": 20.0},
        {"CROTA2": None, "PC1_1": c, "PC1_2": -s, "PC2_1": s, "PC2_2": c},
        {
            **{"CROTA2": None, "CD1_1": 38.4 * c, "CD1_2": -38.4 * s},
            **{"CD2_1": 38.4 * s, "CD2_2": 38.4 * c},
        },
    ]
    images = [read_image(inputs.write(tmp_path / "a.fits", **each)).north_up() for each in same]
    for image in images[1:]:
        assert np.allclose(image.data, images[0].data, atol=1e-2)
        assert image.metadata_row() == images[0].metadata_row()


def test_jpeg_2000_has_the_header_of_its_file_and_eight_bits(aia193: Path) -> None:
    image = read_image(aia193)
    assert (image.time, image.wavelength) == (datetime(2013, 6, 24, 17, 31, 30, 840_000), 193)
    assert (image.width, image.height, image.eight_bit) == (410, 410, True)
    with Image.open(aia193) as picture:
        grey = np.asarray(picture.convert("L"))
    assert np.array_equal(image.levels()[::-1], grey)
    row = image.north_up().metadata_row()
    assert (row["X0"], row["Y0"], row["CDELT"]) == (2048, 2048, 0.6)
    assert image.file_name == "2013-06-24T173130__193.jpeg"
    assert image.intensities().min() >= 20 and image.intensities().max() <= 5501


def test_a_jpx_contains_several_images_and_overlays(heliov: Path) -> None:
    found, overlays = reading.find_images(heliov)
    assert [str(each) for each in found] == [f"{heliov}[0]", f"{heliov}[2]"] and overlays == 1
    images = [reading.read(each) for each in found]
    assert [(each.wavelength, each.width) for each in images] == [(174, 1024), (171, 4096)]
    with pytest.raises(
        AstrodomeError, match=r"contains 3 images\. Select one with the parameter 'plane'"
    ):
        read_image(heliov)
    assert read_image(heliov, plane=2).wavelength == 171


def test_eight_bit_levels_are_clipped(tmp_path: Path) -> None:
    """Splines can exceed the range of the levels when an image is rotated."""
    path = tmp_path / "2013-03-01T120011__171.jpeg"
    Image.linear_gradient("L").save(path)
    image = replace(read_image(path), load=lambda: np.array([[-20, 300]], np.float32))
    assert image.levels().tolist() == [[0, 255]]


def test_a_jpeg_has_the_time_and_channel_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "2013-03-01T120011__6173_magnetogram.jpeg"
    Image.linear_gradient("L").save(path, quality=100)
    image = read_image(str(path))
    assert image.time == datetime(2013, 3, 1, 12, 0, 11)
    assert (image.wavelength, image.quantity) == (6173, "magnetogram")
    assert image.header == {} and image.eight_bit and image.north_up() is image
    assert image.levels()[0].mean() > 250 > 5 > image.levels()[-1].mean()  # row 0 is the lower edge
    assert image.intensities().min() == pytest.approx(-250, abs=3)
    with pytest.raises(AstrodomeError, match=r"meta\.csv not found"):
        _ = image.geometry
    metadata.add_rows(
        tmp_path, [{"FILE_NAME": path.name, "X0": 2048, "Y0": 2000, "CDELT": 0.5, "R_SUN": 1900}]
    )
    geometry = read_image(path).geometry
    assert geometry.to_pixel(np.zeros((1, 2)))[0] == pytest.approx([128, 131])
    assert geometry.limb_arcsec == 950


def test_options_name_a_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "sun.png"
    Image.linear_gradient("L").save(path)
    with pytest.raises(AstrodomeError, match="time and wavelength are unknown"):
        read_image(path, wavelength=171)
    image = read_image(path, wavelength=171, date=datetime(2013, 3, 1, tzinfo=UTC))
    assert image.file_name == "2013-03-01T000000__171.jpeg"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.fits", b"no image at all", "is not a FITS, JPEG 2000, JPEG or PNG image"),
        ("a.fits", b"SIMPLE  =                    T" + b" " * 2850, "Cannot read the FITS file"),
        ("2013-03-01T120011__171.jpeg", b"\xff\xd8\xff\xe0", "image"),
        ("a.fits", b"", "The file is empty"),
    ],
)
def test_a_file_that_is_not_an_image_is_an_error_with_its_path(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AstrodomeError, match=reason) as failed:
        read_image(path)
    assert failed.value.message.startswith(f"{path}: ")


def test_a_missing_file_a_folder_and_a_table_are_errors(tmp_path: Path) -> None:
    with pytest.raises(AstrodomeError, match=r"File or folder not found: .*a\.fits"):
        read_image(tmp_path / "a.fits")
    with pytest.raises(AstrodomeError, match="Is a directory"):
        read_image(tmp_path)
    table = tmp_path / "table.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([])]).writeto(table)
    with pytest.raises(AstrodomeError, match="contains no image"):
        read_image(table)


def test_a_truncated_file_is_an_error(aia171: Path, aia193: Path, tmp_path: Path) -> None:
    for source, size in ((aia171, 60_000), (aia193, 30_000)):
        path = tmp_path / source.name
        path.write_bytes(source.read_bytes()[:size])
        with pytest.raises(AstrodomeError, match=r"Cannot read the FITS file|damaged"):
            _ = read_image(path).data


def test_an_image_that_needs_too_much_memory_is_not_read(
    aia171: Path, heliov: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_LIMITS_MAX_FILE_MB", "15")
    with pytest.raises(AstrodomeError, match="16 MiB of memory, but the limit is 15 MiB"):
        read_image(heliov, plane=2)
    assert read_image(aia171).width == 128


def test_a_path_may_start_with_the_home_folder(
    aia171: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(aia171, tmp_path / "a.fits")
    assert read_image("~/a.fits").wavelength == 171


def test_no_warning_of_a_library_is_shown(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    changes = {"DSUN_OBS": None, "HGLN_OBS": None, "RSUN_OBS": None, "DATE_OBS": "UNKNOWN"}
    image = read_image(inputs.write(tmp_path / "a.fits", CROTA2=5.0, **changes))
    image.north_up().metadata_row()
    image.to_map()
    assert [str(each.message) for each in recwarn.list] == []


def test_the_map_of_a_jpeg_file_has_the_geometry_of_the_metadata_table(tmp_path: Path):
    path = tmp_path / "2012-03-07T000000__171.jpeg"
    Image.linear_gradient("L").resize((64, 64)).save(path, quality=100)
    with pytest.raises(AstrodomeError, match=r"meta\.csv not found") as caught:
        read_image(path).to_map()
    assert "sdo data download --metadata" in caught.value.hint
    row = {"FILE_NAME": path.name, "X0": 2000, "Y0": 2100, "CDELT": 0.6, "R_SUN": 1600}
    metadata.add_rows(tmp_path, [row | {"DSUN": 1.48e11}])
    image = read_image(path)
    solar = image.to_map()
    assert (solar.data == image.data).all() and solar.data[0].mean() > solar.data[-1].mean()
    assert solar.wavelength == 171 * u.angstrom and solar.unit is None
    assert solar.reference_date.isot == "2012-03-07T00:00:00.000"
    assert solar.rsun_obs.to_value("arcsec") == pytest.approx(960)
    assert solar.observer_coordinate.radius.to_value("m") == pytest.approx(1.48e11)
    for tx, ty in ((0, 0), (300, -500)):
        where = solar.world_to_pixel(
            SkyCoord(tx * u.arcsec, ty * u.arcsec, frame=solar.coordinate_frame)
        )
        x, y = image.geometry.to_pixel([[tx, ty]])[0]
        assert (where.x.value + 0.5, image.height - 0.5 - where.y.value) == pytest.approx((x, y))
