"""`sdo events plot`: events on real images, at the position of their coordinates."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from astrodome_hek_events.views import image_plot
from astrodome_solar import geometry
from hek_events import sun
from PIL import Image
from sunpy.data.test import get_test_filepath

DURING = {"event_starttime": "2013-12-31T22:00:00", "event_endtime": "2014-01-01T02:00:00"}


@pytest.fixture
def image(tmp_path):
    return sun.write_image(tmp_path / "images", sun.corona(512))


@pytest.fixture
def plot(events, answer, tmp_path):
    """Store events and run ``sdo events plot``; return the result of the command."""

    def call(records, *args):
        database = f"sqlite:///{tmp_path / 'plot.sqlite'}"
        events("import", answer(*records), "--db-connection-string", database).succeeded()
        return events("plot", *args, "--db-connection-string", database, "--json")

    return call


def drawn_corners(picture: Path, colour: str, size: int) -> np.ndarray:
    """Return the bounds of the pixels with a color, for an image ``size`` pixels wide."""
    with Image.open(picture) as opened:
        pixels = np.asarray(opened.convert("RGB"), int)
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    rows, columns = np.nonzero(np.abs(pixels - wanted).max(axis=2) < 40)
    side = pixels.shape[0]
    inside = (rows < 0.85 * side) & (rows > 0.05 * side)  # without the legend below
    x = (columns[inside] + 0.5 - 0.09 * side) * size / (0.88 * side)
    y = (rows[inside] + 0.5 - 0.045 * side) * size / (0.88 * side)
    return np.array([x.min(), y.min(), x.max(), y.max()])


def test_a_box_is_plotted_at_its_corners_within_a_pixel(plot, image, make_event, tmp_path):
    box = (-400.0, 100.0, -150.0, 350.0)
    region = make_event(hpc_bbox=sun.wkt(*box), **DURING)
    out = tmp_path / "picture.png"
    args = ("--no-rotate", "--no-labels", "--out", out)
    plot([region], image, *args).succeeded()
    left, bottom, right, top = box
    view = geometry.ImageGeometry.from_metadata(sun.META, 512, 512, sun.TIME)
    (x0, y0), (x1, y1) = view.to_pixel(np.array([[left, top], [right, bottom]]))
    found = drawn_corners(out, image_plot.COLORS["AR"], 512)
    assert np.abs(found - [x0, y0, x1, y1]).max() < 1


def test_events_are_rotated_with_the_sun_by_default(plot, image, make_event, tmp_path):
    early = {**DURING, "event_starttime": "2013-12-31T12:00:00"}
    region = make_event(hpc_bbox=sun.wkt(-50, -50, 50, 50), **early)
    pictures = {}
    for turn in ("--rotate", "--no-rotate"):
        out = tmp_path / f"{turn}.png"
        plot([region], image, "--no-labels", turn, "--out", out).succeeded()
        pictures[turn] = drawn_corners(out, image_plot.COLORS["AR"], 512)
    moved = pictures["--rotate"] - pictures["--no-rotate"]
    arcsec = moved[[0, 2]] * 0.6 * 4096 / 512
    assert np.all((arcsec > 95) & (arcsec < 125))  # half a day at the centre: 6.6 degrees
    assert np.abs(moved[[1, 3]]).max() < 2


def test_plotted_and_omitted_events_are_reported(plot, image, make_event, tmp_path):
    found = [
        make_event(kb_archivid="box", **DURING),
        make_event(kb_archivid="point", event_type="FL", hpc_bbox="", **DURING),
        make_event(kb_archivid="nowhere", hpc_bbox="", hpc_coord="", hpc_x=None, **DURING),
        make_event(
            kb_archivid="outside", event_type="CE", hpc_bbox=sun.wkt(5e3, 0, 6e3, 9), **DURING
        ),
        make_event(
            kb_archivid="gone",
            hpc_bbox=sun.wkt(900, 0, 950, 20),
            event_starttime="2013-12-30T00:00:00",
            event_endtime="2014-01-01T02:00:00",
        ),
        make_event(kb_archivid="yesterday"),
    ]
    result = plot(found, image, "--out", tmp_path / "out").succeeded().json
    (row,) = result["plots"]
    assert {event["kb_archivid"]: event["from"] for event in row["events"]} == {
        "box": "hpc_bbox",
        "point": "hpc_coord",
    }
    assert (row["drawn"], row["behind_limb"], row["outside"], row["without_position"]) == (
        2,
        1,
        1,
        1,
    )
    assert Path(row["plot"]) == tmp_path / "out" / f"{sun.STEM}__events.png"
    assert result["failed"] == []


def test_events_are_selected_by_type_observer_and_channel(plot, image, make_event, tmp_path):
    found = [
        make_event(kb_archivid="aia", **DURING),
        make_event(kb_archivid="other", obs_channelid="304", **DURING),
        make_event(kb_archivid="noaa", obs_observatory="various", **DURING),
        make_event(kb_archivid="hole", event_type="CH", **DURING),
    ]

    def drawn(*args):
        shown = plot(found, image, "--out", tmp_path / "out", *args).succeeded().json["plots"]
        return {event["kb_archivid"] for event in shown[0]["events"]}

    assert drawn() == {"aia", "other", "noaa", "hole"}
    assert drawn("--event-type", "ch") == {"hole"}
    assert drawn("--event_type", "AR,CH", "--own-channel") == {"aia", "noaa", "hole"}
    assert drawn("--observatory", "sdo", "--event-type", "AR") == {"aia", "other"}


@pytest.mark.parametrize("form", ["svg", "pdf", "jpg"])
def test_plots_have_the_requested_format(plot, image, make_event, tmp_path, form):
    event = make_event(kb_archivid="ivo://x/AR_1", **DURING)
    result = plot([event], image, "--out", tmp_path, "--format", form, "--size", 300, "--grid")
    (row,) = result.succeeded().json["plots"]
    content = Path(row["plot"]).read_bytes()
    assert content.startswith({"svg": b"<?xml", "pdf": b"%PDF", "jpg": b"\xff\xd8"}[form])
    if form == "svg":
        assert b'id="ivo://x/AR_1"' in content and b"active region (1)" in content
        texts = re.findall(rb"<text ([^>]*)>", content)
        assert len(texts) > 10 and all(b"fill: #" in text for text in texts)  # not black


def test_jpeg2000_and_fits_images_are_plotted_by_their_headers(plot, make_event, tmp_path):
    records = [
        make_event(
            kb_archivid=day,
            event_starttime=f"{day}T00:00:00",
            event_endtime=f"{day}T23:00:00",
        )
        for day in ("2013-06-24", "2011-02-15")
    ]
    names = ("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2", "aia_171_level1.fits")
    paths = [get_test_filepath(name) for name in names]
    rows = plot(records, *paths, "--out", tmp_path, "--size", 400).succeeded().json["plots"]
    assert [(row["wavelength"], row["drawn"]) for row in rows] == [(193, 1), (171, 1)]


def test_an_invalid_image_is_reported_and_the_others_are_plotted(plot, image, make_event, tmp_path):
    folder = image.parent
    broken = folder / "2014-01-01T000600__171.jpeg"
    broken.write_bytes(image.read_bytes()[:400])
    sun.write_meta(folder, {**sun.META, "FILE_NAME": broken.name})
    unlisted = shutil.copy(image, folder / "2014-01-01T001200__171.jpeg")
    unnamed = shutil.copy(image, folder / "sun.jpeg")
    headless = folder / "2014-01-01T001800__171.jp2"
    sun.corona(256).save(headless)
    table = folder / "table.fits"
    table.write_bytes(b"SIMPLE  =                    T" + b" " * 2850)
    missing = folder / "missing.jpeg"
    bad = {
        broken: "cannot be read",
        unlisted: "has no row in",
        unnamed: "time and wavelength are unknown",
        headless: "has no row in",
        table: "Cannot read the FITS file",
        missing: "not found",
        tmp_path: "Is a directory",
    }
    result = plot([make_event(**DURING)], image, *bad, "--out", tmp_path / "out")
    assert result.code == 1 and "Traceback" not in result.err
    assert [row["image"] for row in result.json["plots"]] == [str(image)]
    reasons = {row["name"]: row["reason"] for row in result.json["failed"]}
    assert reasons.keys() == {str(path) for path in bad}
    for path, sentence in bad.items():
        assert sentence in reasons[str(path)]
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--event-type", "flare"), "Unknown HEK event type: FLARE"),
        (("--out", "one.png", "again.jpeg"), "is a file, but there are 2 images"),
        (("--size", "7"), "--size"),
        (("--format", "bmp"), "--format"),
        (("--meta", "nowhere.csv"), "File 'nowhere.csv' does not exist"),
    ],
)
def test_wrong_usage_exits_with_status_2(plot, image, make_event, args, sentence):
    result = plot([make_event()], image, *args)
    assert result.code == 2 and sentence in result.err


def test_the_metadata_table_can_be_in_another_folder(plot, image, make_event, tmp_path):
    meta = image.parent / "meta.csv"
    away = shutil.move(meta, tmp_path / "geometry.csv")
    event = make_event(**DURING)
    assert "meta.csv not found in its folder" in plot([event], image, "--out", tmp_path).err
    plot([event], image, "--meta", away, "--out", tmp_path).succeeded()
