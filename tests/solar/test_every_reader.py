"""Every command that reads images treats every fault of a file in the same, correct way."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from astrodome.testing import Result, run
from astropy.io import fits
from PIL import Image
from solar import inputs

START = datetime(2013, 3, 1, 12, 0, 11)


class Case(NamedTuple):
    """Changes of a header, and the reason of the error in each command; empty if it succeeds."""

    changes: dict[str, Any]
    importing: str = ""
    plotting: str = ""
    building: str = ""


EXPTIME = "EXPTIME is missing. Specify the exposure time in seconds with the parameter 'exposure'"
CUBE = "contains 2 images. Select one with the parameter 'plane'"
UNKNOWN = "DATE-OBS is not a valid time: 'UNKNOWN'. Specify the time with the parameter 'date'"
GEOMETRY = "geometry of the image is unknown: missing or invalid "
CASES = {
    "good": Case({}),
    "rice": Case({}),
    "int16": Case({}),
    "ssw_date": Case({"DATE_OBS": " 1-Mar-2013 12:{minute}:11.340"}),
    "utc_date": Case({"DATE_OBS": "2013-03-01T12:{minute}:11.34 UTC"}),
    "unknown_date": Case({"DATE_OBS": "UNKNOWN"}),
    "leap_second": Case({"DATE_OBS": "2012-06-30T23:59:60.34", "T_OBS": "2012-06-30T23:59:61.34Z"}),
    "no_date": Case({"DATE_OBS": "UNKNOWN", "T_OBS": None}, UNKNOWN, UNKNOWN, UNKNOWN),
    "no_exposure": Case({"EXPTIME": None}, EXPTIME, "", EXPTIME),
    "zero_exposure": Case({"EXPTIME": 0.0}, "EXPTIME is invalid: 0.0", "", "EXPTIME is invalid"),
    "rate": Case({"EXPTIME": None, "BUNIT": "DN/s"}),
    "cube": Case({}, CUBE, CUBE, CUBE),
    "bad_distance": Case(
        {"DSUN_OBS": 0.03, "RSUN_OBS": 0.0}, "", f"{GEOMETRY}DSUN_OBS", f"{GEOMETRY}DSUN_OBS"
    ),
    "no_scale": Case(
        {"CDELT1": None, "CDELT2": None}, "", f"{GEOMETRY}CDELT1", f"{GEOMETRY}CDELT1"
    ),
    "no_wavelength": Case({"WAVELNTH": None}, *3 * ("WAVELNTH is missing",)),
    "truncated": Case({}, *3 * ("Cannot read the FITS file",)),
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The file of each case, one minute after the other."""
    return {
        name: written(tmp_path / "files", name, minute, case.changes)
        for minute, (name, case) in enumerate(CASES.items())
    }


def written(folder: Path, name: str, minute: int, changes: dict[str, Any]) -> Path:
    time = START + timedelta(minutes=minute)
    given = {
        "DATE_OBS": f"{time.isoformat()}.34",
        "T_OBS": f"{(time + timedelta(seconds=1)).isoformat()}.34Z",
        **changes,
    }
    values = {
        key: value.format(minute=f"{minute:02d}") if isinstance(value, str) else value
        for key, value in given.items()
    }
    path = folder / f"{name}.fits"
    data = inputs.sun()
    if name == "cube":
        return inputs.write(path, np.stack([data, data]), **values)
    if name in ("int16", "rice"):
        inputs.write(path, data.astype(np.int16), **values)
    if name == "rice":
        compressed = fits.CompImageHDU(data.astype(np.int16), inputs.header(**values))
        fits.HDUList([fits.PrimaryHDU(), compressed]).writeto(path, overwrite=True)
    elif name != "int16":
        inputs.write(path, data, **values)
    if name == "truncated":
        path.write_bytes(path.read_bytes()[:9000])
    return path


def data(*args: object) -> Result:
    return run("sdo", "data", *args, plugin="astrodome_sdo_data.plugin")


def dataset(*args: object) -> Result:
    return run("sdo", "sood", "dataset", *args, plugin="astrodome_sood.plugin")


@pytest.fixture
def events(tmp_path: Path) -> Callable[..., Result]:
    """Run ``sdo events`` on a database with one active region."""
    record = {
        "kb_archivid": "ivo://x/AR_1",
        "event_type": "AR",
        "event_starttime": "2013-03-01T11:00:00",
        "event_endtime": "2013-03-01T13:00:00",
        "hpc_bbox": "POLYGON((100 200,300 200,300 400,100 400,100 200))",
        "obs_observatory": "SDO",
        "obs_instrument": "AIA",
    }
    stored = tmp_path / "hek.json"
    stored.write_text(json.dumps({"result": [record]}))
    database = ("--db-connection-string", f"sqlite:///{tmp_path / 'events.sqlite'}")

    def command(*args: object) -> Result:
        return run("sdo", "events", *args, *database, plugin="astrodome_hek_events.plugin")

    command("import", stored).succeeded()
    return command


def check(result: Result, files: dict[str, Path], expected: dict[str, str]) -> None:
    """Compare the failures of a command with the expected ones."""
    assert result.code == 1 and "Traceback" not in result.err and "Warning" not in result.err
    lines = result.err.splitlines()
    for name, reason in expected.items():
        found = [line for line in lines if f"  {files[name]}: " in line]
        assert len(found) == bool(reason), (name, found)
        assert reason in "".join(found), name


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "meta.csv").open(newline="") as text:
        return {row["FILE_NAME"]: row for row in csv.DictReader(text)}


def test_import(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = data("import", *files.values(), "--path", out)
    check(result, files, {name: case.importing for name, case in CASES.items()})
    names = list(CASES)
    expected = {
        f"2013-03-01T12{names.index(name):02d}{12 if name == 'unknown_date' else 11}__171.jpeg"
        for name, case in CASES.items()
        if not case.importing and name != "leap_second"
    }
    table = rows(out)
    assert set(table) == expected | {"2012-07-01T000000__171.jpeg"}
    assert {path.name for path in out.glob("*.jpeg")} == set(table)
    assert table["2012-07-01T000000__171.jpeg"]["DATE_OBS"] == "2012-06-30T23:59:60.34"
    bad = table[f"2013-03-01T12{names.index('bad_distance'):02d}11__171.jpeg"]
    assert (bad["DSUN"], bad["R_SUN"], bad["X0"], bad["CDELT"]) == ("", "", "2048", "0.6")
    unscaled = table[f"2013-03-01T12{names.index('no_scale'):02d}11__171.jpeg"]
    assert [unscaled[key] for key in ("X0", "Y0", "R_SUN", "CDELT")] == [""] * 4
    levels = {name: np.asarray(Image.open(out / name)).mean() for name in table}
    rate = levels.pop(f"2013-03-01T12{names.index('rate'):02d}11__171.jpeg")
    assert max(levels.values()) - min(levels.values()) < 0.5 < rate - max(levels.values())


def test_options_of_import_supply_what_files_lack(files: dict[str, Path], tmp_path: Path) -> None:
    options = {
        "no_date": ("--date", "2013-03-01T13:00:00"),
        "no_exposure": ("--exposure", 2),
        "zero_exposure": ("--exposure", 2),
        "cube": ("--plane", 1),
        "no_wavelength": ("--wavelength", 171),
    }
    for name, option in options.items():
        done = data("import", files[name], "--path", tmp_path / "out", *option, "--json")
        assert done.succeeded().json["done"] == 1, name
    assert len(rows(tmp_path / "out")) == len(options)
    assert "2013-03-01T130000__171.jpeg" in rows(tmp_path / "out")


def test_plot(files: dict[str, Path], events: Callable[..., Result], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = events("plot", *files.values(), "--out", out, "--size", 200)
    check(result, files, {name: case.plotting for name, case in CASES.items()})
    plots = {path.name.removesuffix("__events.png") for path in out.iterdir()}
    assert plots == {name for name, case in CASES.items() if not case.plotting}


def test_dataset_build(files: dict[str, Path], tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    result = dataset("build", *files.values(), "--out", tmp_path / "store", "--size", 64)
    check(result, files, {name: case.building for name, case in CASES.items()})
    store = zarr.open_group(str(tmp_path / "store"), mode="r")
    good = [name for name, case in CASES.items() if not case.building and name != "leap_second"]
    frames = np.asarray(store["2013/171A"])
    assert frames.shape == (len(good), 64, 64) and store["2012/171A"].shape == (1, 64, 64)
    rate = frames[good.index("rate")]
    others = np.delete(frames, good.index("rate"), axis=0)
    assert np.array_equal(others, np.broadcast_to(others[0], others.shape))
    assert rate == pytest.approx(2 * others[0], rel=1e-6)
    assert store["2012/171A"].attrs["DATE-OBS"] == ["2012-06-30T23:59:60.34"]
    frame = np.asarray(store["2012/171A"])[0]
    assert np.array_equal(frame, others[0])


def test_observables_and_levels_of_the_same_time_are_kept_apart(tmp_path: Path) -> None:
    magnetogram = inputs.write(
        tmp_path / "b.fits", inputs.sun() - 500, inputs.HMI, CONTENT="MAGNETOGRAM", BUNIT="Gauss"
    )
    continuum = inputs.write(
        *(tmp_path / "ic.fits", inputs.sun() * 20, inputs.HMI),
        **{"CONTENT": "CONTINUUM INTENSITY", "BUNIT": "DN/s"},
    )
    levels = [
        inputs.write(tmp_path / f"lev{level}.fits", inputs.sun() * level, LVL_NUM=level)
        for level in (1.0, 1.5)
    ]
    out, time = tmp_path / "out", "2014-03-01T000027"
    for path in (magnetogram, continuum, *levels):
        data("import", path, "--path", out).succeeded()
    names = {
        f"{time}__6173_magnetogram.jpeg",
        f"{time}__6173_continuum.jpeg",
        "2013-03-01T120011__171.jpeg",
        "2013-03-01T120011__171_lev1.5.jpeg",
    }
    assert set(rows(out)) == names == {path.name for path in out.glob("*.jpeg")}
    assert len({(out / name).read_bytes() for name in names}) == 4
    # Another file with the same channel, level and time is refused instead of replacing the first.
    other = inputs.write(tmp_path / "other.fits", inputs.sun() * 3)
    refused = data("import", other, "--path", out)
    assert refused.code == 1 and "already imported from lev1.0.fits" in refused.err
    data("import", other, "--path", out, "--overwrite").succeeded()
    # Every command distinguishes them.
    found = data("info", out, "--json").succeeded().json
    counts = {each["channel"]: each["images"] for each in found["wavelengths"]}
    assert counts == {"171": 1, "171_lev1.5": 1, "6173_magnetogram": 1, "6173_continuum": 1}
    small, patches = tmp_path / "small", tmp_path / "patches"
    data("resize", "--path", out, "--targetpath", small, "--size", 32).succeeded()
    assert {path.name for path in small.iterdir()} == names
    options = ("--path", out, "--targetpath", patches, "--size", 16, "--max-patches", 2)
    data("patch", *options, "--wavelength", 6173).succeeded()
    assert {path.name.rpartition("__")[0] for path in patches.iterdir()} == {
        f"{time}__6173_magnetogram",
        f"{time}__6173_continuum",
    }
    store = ("--out", tmp_path / "store", "--size", 64, "--json")
    built = dataset("build", magnetogram, continuum, *store).succeeded().json
    assert {row["channel"] for row in built} == {"magnetogram", "continuum"}


def test_all_readers_place_an_event_at_the_same_pixels(
    events: Callable[..., Result], tmp_path: Path
) -> None:
    """The disk is 140 arcsec from the center of the image, and the camera is rotated."""
    sood = pytest.importorskip("astrodome_sood.evaluation.events")
    folder = pytest.importorskip("astrodome_sood.datasets.folder")
    path = inputs.write(tmp_path / "a.fits", CRPIX1=36.15, CRPIX2=32.5)
    rotated = inputs.write(
        tmp_path / "b.fits", np.rot90(inputs.sun(), 2).copy(), CRPIX1=28.85, CROTA2=180.0
    )
    places = []
    for number, each in enumerate((path, rotated)):
        out = tmp_path / f"out{number}"
        data("import", each, "--path", out).succeeded()
        (image,) = out.glob("*.jpeg")
        for picture in (each, image):
            drawn = events("plot", picture, "--no-rotate", "--out", tmp_path / "x", "--json")
            (event,) = drawn.succeeded().json["plots"][0]["events"]
            numbers = event["wkt_px"].replace("(", " ").replace(")", " ").replace(",", " ").split()
            places.append(np.array(numbers[1:], float).reshape(-1, 2))
        record = {"hpc_bbox": "POLYGON((100 200,300 200,300 400,100 400,100 200))"}
        record["event_starttime"] = "2013-03-01T12:00:11"
        rows_, columns = np.nonzero(sood.region(record, folder.geometry(image, 64)))
        box = places[-1]
        assert abs(columns.mean() + 0.5 - box[:, 0].mean()) < 1.2
        assert abs(rows_.mean() + 0.5 - box[:, 1].mean()) < 1.2
    corner = np.array([35.65 + 100 / 38.4, 32 - 200 / 38.4])
    for each in places:
        assert np.abs(each - corner).max(axis=1).min() < 0.05
