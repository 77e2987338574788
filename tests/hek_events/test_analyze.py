"""`sdo events analyze`: comparison of anomaly maps with events."""

from __future__ import annotations

import csv
import json
import re
import shutil
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from astrodome import files
from astrodome.testing import run
from astrodome_hek_events.analysis import anomaly_maps, iou, pairing, summary
from astrodome_hek_events.analysis.comparison import ComparisonOptions
from astrodome_hek_events.analysis.run import AnalysisResult
from astrodome_solar import geometry
from hek_events import sun
from PIL import Image

TIMES = {"event_starttime": "2014-01-01T00:00:00", "event_endtime": "2014-01-01T03:00:00"}
NAME = f"{sun.STEM}.jpeg"
MAP = "20140101-000011_171A"


def blocks(*boxes: tuple[int, int, int, int], size: int = 256) -> np.ndarray:
    """Return a map with high scores in boxes (left, top, right, bottom) and 0 elsewhere."""
    scores = np.zeros((size, size), np.uint8)
    for left, top, right, bottom in boxes:
        scores[top:bottom, left:right] = 200
    return scores


def box_of(left: float, top: float, right: float, bottom: float, width: int = 256) -> str:
    """Return a box in pixels of an image as WKT in arcsec."""
    view = geometry.ImageGeometry.from_metadata(sun.META, width, width, sun.TIME)
    (x0, y0), (x1, y1) = view.to_arcsec(np.array([[left, bottom], [right, top]]))
    return sun.wkt(x0, y0, x1, y1)


@pytest.fixture
def case(events, answer, tmp_path):
    """Store events, and analyze the maps and images in ``tmp_path``."""

    def call(records, *args, url=f"sqlite:///{tmp_path / 'hek.sqlite'}"):
        events("import", answer(*records), "--db-connection-string", url).succeeded()
        return events(
            *("analyze", "--src-dir", tmp_path / "images", "--sood-dir", tmp_path / "maps"),
            *("--out-dir", tmp_path / "out", "--db-connection-string", url, "--jobs", 1, "--json"),
            *args,
        )

    return call


def rows(result) -> dict[str, dict[str, str]]:
    """Return the rows of ``iou.csv`` by image."""
    with (Path(result.json["folder"]) / "iou.csv").open(newline="") as text:
        return {row["image"]: row for row in csv.DictReader(text)}


def test_iou_of_200_random_sets_of_boxes_equals_counted_pixels():
    chance = np.random.default_rng(2)
    side, fine = 64, 20
    compared = 0
    for _ in range(200):
        sets, counted = [], []
        for _ in range(2):
            start = chance.uniform(0, side - 20, (chance.integers(1, 15), 2))
            corner = np.hstack([start, start + chance.uniform(3, 20, start.shape)])
            sets.append(iou.union([shapely.box(*each) for each in corner]))
            grid = np.zeros((side * fine, side * fine), bool)
            for x0, y0, x1, y1 in np.rint(corner * fine).astype(int):
                grid[y0:y1, x0:x1] = True
            counted.append(grid)
        both = iou.overlap_of_unions(*sets)
        shared = (counted[0] & counted[1]).sum()
        assert both.iou == pytest.approx(shared / (counted[0] | counted[1]).sum(), abs=0.01)
        assert both.recall == pytest.approx(shared / counted[0].sum(), abs=0.01)
        assert both.precision == pytest.approx(shared / counted[1].sum(), abs=0.01)
        compared += 0.05 < both.iou < 0.95
    assert compared > 150


def test_iou_of_rotated_boxes_equals_counted_pixels():
    chance = np.random.default_rng(3)
    y, x = (np.mgrid[:640, :640] + 0.5) / 10
    for _ in range(20):
        shapes = []
        for _ in range(2):
            centre, angle = chance.uniform(20, 44, 2), chance.uniform(0, np.pi)
            square = shapely.box(-12, -8, 12, 8)
            turned = shapely.affinity.rotate(square, angle, origin=(0, 0), use_radians=True)
            shapes.append(shapely.affinity.translate(turned, *centre))
        inside = [shapely.contains_xy(shape, x, y) for shape in shapes]
        counted = (inside[0] & inside[1]).sum() / (inside[0] | inside[1]).sum()
        assert iou.overlap_of_unions(*shapes).iou == pytest.approx(counted, abs=0.01)


def test_empty_sides_have_a_defined_result():
    nothing, something = iou.union([]), shapely.box(0, 0, 2, 2)
    neither = iou.overlap_of_unions(nothing, nothing)
    assert (neither.iou, neither.precision, neither.recall) == (1, None, None)
    unpredicted = iou.overlap_of_unions(something, nothing)
    assert (unpredicted.iou, unpredicted.precision, unpredicted.recall) == (0, None, 0)
    unfounded = iou.overlap_of_unions(nothing, something)
    assert (unfounded.iou, unfounded.precision, unfounded.recall) == (0, 0, None)
    assert summary.describe(pd.Series([None, None]))["mean"] is None


def test_analyze_writes_the_iou_of_each_image(case, make_event, database, tmp_path):
    sun.write_image(tmp_path / "images", sun.corona(512))
    sun.write_map(tmp_path / "maps", blocks((40, 60, 60, 80), (150, 100, 170, 130)))
    found = [
        make_event(kb_archivid="ar", hpc_bbox=box_of(40, 60, 60, 80), **TIMES),
        make_event(kb_archivid="fl", event_type="FL", hpc_bbox=box_of(150, 100, 170, 115), **TIMES),
        make_event(kb_archivid="ch", event_type="CH", hpc_bbox=box_of(0, 0, 90, 90), **TIMES),
    ]
    result = case(
        found, "--event-type", "AR", "--event-type", "FL", "--no-rotate", url=database
    ).succeeded()
    folder = Path(result.json["folder"])
    assert folder.parent == tmp_path / "out"
    assert datetime.strptime(folder.name, "%Y-%m-%dT%H%M%S.%f")
    header = (folder / "iou.csv").read_text().splitlines()[0]
    assert header.startswith("image,iou,n_hek_events,n_predicted_events,precision,recall,")
    row = rows(result)[NAME]
    assert (row["n_hek_events"], row["n_predicted_events"]) == ("2", "2")
    assert float(row["iou"]) == pytest.approx(700 / 1000, abs=1e-4)
    assert float(row["precision"]) == pytest.approx(0.7, abs=1e-4)
    assert float(row["recall"]) == pytest.approx(1, abs=1e-4)
    (same,) = pq.read_table(folder / "iou.parquet").to_pylist()
    assert same["iou"] == float(row["iou"]) and same["t_obs"].replace(tzinfo=None) == sun.TIME
    types = result.json["by_event_type"]
    assert types["AR"]["recall"]["mean"] == pytest.approx(1, abs=1e-4)
    assert types["FL"]["precision"]["mean"] == pytest.approx(300 / 1000, abs=1e-4)
    assert types["FL"]["iou"]["median"] == pytest.approx(300 / 1000, abs=1e-4)
    assert json.loads((folder / "summary.json").read_text())["iou"] == result.json["iou"]


def test_only_events_of_the_requested_types_are_compared(case, make_event, tmp_path):
    """This includes two types after one option, as in the manual of sdo-cli."""
    sun.write_image(tmp_path / "images", sun.corona(256))
    sun.write_map(tmp_path / "maps", blocks((40, 60, 60, 80)))
    every = [
        make_event(kb_archivid=code, event_type=code, **TIMES) for code in ("AR", "FL", "CH", "SG")
    ]

    def counted(*args):
        folder = Path(case(every, *args).succeeded().json["folder"])
        return sorted(pq.read_table(folder / "events.parquet")["event_type"].to_pylist())

    assert counted("--event-type", "FL") == ["FL"]
    assert counted("--event-type", "AR", "FL") == ["AR", "FL"]
    assert counted("--event_type", "sg,CH") == ["CH", "SG"]
    assert counted() == ["AR", "FL"]
    assert counted("--event-type", "all") == ["AR", "CH", "FL", "SG"]
    result = case(every, "--event-type", "XX")
    assert result.code == 2 and "Unknown HEK event type: XX" in result.err


@pytest.fixture(scope="module")
def four_sizes(tmp_path_factory) -> Path:
    """Create the same image with 256, 512, 2048 and 4096 pixels, and a map of each size."""
    folder = tmp_path_factory.mktemp("sizes")
    for size in (256, 512, 2048, 4096):
        sun.write_image(folder / f"images{size}", sun.corona(size))
        sun.write_map(folder / f"maps{size}", anomalies(size))
    return folder


def anomalies(size: int) -> np.ndarray:
    """Return the pixels that are two standard deviations above the mean of the image."""
    light = np.asarray(sun.corona(4096))
    bright = np.where(light > light.mean() + 2 * light.std(), light, 0)
    return np.asarray(Image.fromarray(bright).resize((size, size), Image.Resampling.BOX))


@pytest.fixture
def regions_of_that_day(make_event) -> list[dict]:
    """Return events at the bright regions of the image, with a small offset."""
    chance = np.random.default_rng(4)
    scores = anomaly_maps.AnomalyMap(np.asarray(anomalies(256), float), 0, 255)
    found = []
    for number, box in enumerate(
        anomaly_maps.detect_regions(scores, anomaly_maps.RegionDetection())
    ):
        shift = chance.uniform(-2, 2, 2)
        left, top, right, bottom = np.array(box.bounds) + np.tile(shift, 2)
        shape = box_of(left, top, right, bottom)
        found.append(make_event(kb_archivid=f"ivo://{number}", hpc_bbox=shape, **TIMES))
    return found


def test_images_of_any_size_give_the_same_iou(four_sizes, regions_of_that_day, case):
    assert len(regions_of_that_day) > 8
    same_map, own_map = [], []
    for size in (256, 512, 2048, 4096):
        src = ("--src-dir", four_sizes / f"images{size}")
        for found, width in ((same_map, 256), (own_map, size)):
            sood = ("--sood-dir", four_sizes / f"maps{width}")
            result = case(regions_of_that_day, *src, *sood).succeeded()
            (row,) = rows(result).values()
            assert int(row["width_px"]) == size
            found.append(float(row["iou"]))
    assert 0.3 < same_map[0] < 0.95
    assert np.ptp(same_map) < 1e-6
    assert np.ptp(own_map) < 0.02


def test_maps_are_found_by_time_and_wavelength(case, make_event, tmp_path):
    for stem in ("2014-01-01T000000__171", "2014-01-01T010000__171", "2014-01-01T000000__193"):
        sun.write_image(tmp_path / "images", sun.corona(256), stem)
    folder = tmp_path / "maps"
    for name in ("20140101-000130_171A", "20140101-000250_171A", "20140101-000000_304A"):
        sun.write_map(folder / "below", blocks((40, 60, 60, 80)), name)
    sun.write_map(folder, blocks(), "20140101-000000_171A__3")  # a patch
    sun.write_map(folder, blocks(), "20140101-000000_171A__src")
    shutil.copy(tmp_path / "images" / "2014-01-01T000000__171.jpeg", tmp_path / "images" / "x.jpeg")
    event = make_event(**TIMES)
    result = case([event], "--wavelength", 171, "--wavelength", 193)
    assert result.code == 1
    assert {Path(row["map"]).name for row in rows(result).values()} == {"20140101-000130_171A.png"}
    failed = {Path(each["name"]).name: each["reason"] for each in result.json["failed"]}
    assert failed.keys() == {"2014-01-01T010000__171.jpeg", "2014-01-01T000000__193.jpeg"}
    assert "no anomaly map at 193 Å within 180 s" in failed["2014-01-01T000000__193.jpeg"]
    assert "within 180 s of 1 maps, for example 20140101-000250_171A.png." in result.err
    near = case([event], "--wavelength", 171, "--tolerance", 60)
    assert near.code == 1 and near.json["images"] == 0
    assert set(rows(case([event], "--wavelength", 171, "--tolerance", 3600))) == {
        "2014-01-01T000000__171.jpeg",
        "2014-01-01T010000__171.jpeg",
    }


def test_maps_in_a_subfolder_of_the_images_are_not_images(case, make_event, tmp_path):
    folder = tmp_path / "images"
    sun.write_image(folder, sun.corona(256))
    sun.write_map(folder / "predictions", blocks((40, 60, 60, 80)))
    for sood in (folder, folder / "predictions"):
        result = case([make_event(**TIMES)], "--sood-dir", sood).succeeded()
        (row,) = rows(result).values()
        assert row["image"] == NAME and row["map"].endswith(f"{MAP}.png")


def test_only_events_of_the_same_time_observer_and_channel_are_compared(case, make_event, tmp_path):
    sun.write_image(tmp_path / "images", sun.corona(256))
    sun.write_map(tmp_path / "maps", blocks((40, 60, 60, 80)))
    found = [
        make_event(kb_archivid="seen", **TIMES),
        make_event(kb_archivid="channel", obs_channelid="304", **TIMES),
        make_event(kb_archivid="observatory", obs_observatory="STEREO_A", **TIMES),
        make_event(kb_archivid="instrument", obs_instrument="HMI", **TIMES),
        make_event(kb_archivid="yesterday"),
        make_event(kb_archivid="ends", event_starttime="2013-12-31T20:00:00",
                   event_endtime="2013-12-31T23:59:45"),
    ]  # fmt: skip

    def seen(*args):
        folder = Path(case(found, *args).succeeded().json["folder"])
        return set(pq.read_table(folder / "events.parquet")["kb_archivid"].to_pylist())

    assert seen() == {"seen", "ends"}
    assert seen("--any-channel") == {"seen", "ends", "channel"}
    assert seen("--observatory", "any") == {"seen", "ends", "observatory"}
    assert seen("--instrument", "hmi") == {"instrument"}


def test_images_without_events_or_regions_have_a_row(case, make_event, tmp_path):
    folder = tmp_path / "images"
    for hour in range(3):
        sun.write_image(folder, sun.corona(256), f"2014-01-01T0{hour}0000__171")
    sun.write_map(tmp_path / "maps", blocks((40, 60, 60, 80)), "20140101-000000_171A")
    sun.write_map(tmp_path / "maps", blocks(), "20140101-010000_171A")
    sun.write_map(tmp_path / "maps", np.full((256, 256), 90), "20140101-020000_171A")
    early = {**TIMES, "event_endtime": "2014-01-01T01:00:00"}
    result = case([make_event(**early)], "--no-rotate").succeeded()
    found = [
        [row[name] for name in ("iou", "precision", "recall")] for row in rows(result).values()
    ]
    assert found == [["0.0", "0.0", "0.0"], ["0.0", "", "0.0"], ["1.0", "", ""]]
    summary = result.json
    assert (summary["images"], summary["images_with_neither"]) == (3, 1)
    assert summary["iou"]["mean"] == pytest.approx(1 / 3) and summary["recall"]["n"] == 2
    assert summary["iou_with_events"] == {
        "n": 2, "mean": 0, "median": 0, "std": 0, "min": 0, "max": 0
    }  # fmt: skip


def test_invalid_images_and_maps_are_reported_and_the_others_compared(case, make_event, tmp_path):
    folder = tmp_path / "images"
    good = sun.write_image(folder, sun.corona(256))
    stems = [f"2014-01-01T0{hour}0000__171" for hour in range(1, 6)]
    unlisted = shutil.copy(good, folder / f"{stems[0]}.jpeg")
    headless = sun.write_image(folder, sun.corona(256), stems[1], CDELT="?")
    broken = sun.write_image(folder, sun.corona(256), stems[2])
    broken.write_bytes(b"<html>busy</html>")
    unmapped = sun.write_image(folder, sun.corona(256), stems[3])
    badly_mapped = sun.write_image(folder, sun.corona(256), stems[4])
    for hour in (0, 1, 2, 3, 5):
        name = MAP if not hour else f"20140101-0{hour}0000_171A"
        drawn = sun.write_map(tmp_path / "maps", blocks((40, 60, 60, 80)), name)
    drawn.write_bytes(drawn.read_bytes()[:60])
    result = case([make_event(**TIMES)], "--figures")
    assert result.code == 1 and "Traceback" not in result.err
    reasons = {each["name"]: each["reason"] for each in result.json["failed"]}
    expected = {
        unlisted: "has no row in",
        headless: "Missing or invalid CDELT",
        broken: "The file is not a FITS, JPEG 2000, JPEG or PNG image",
        unmapped: "no anomaly map at 171 Å",
        badly_mapped: "Cannot read the anomaly map",
    }
    assert reasons.keys() == {str(path) for path in expected}
    for path, sentence in expected.items():
        assert sentence in reasons[str(path)]
    assert set(rows(result)) == {NAME}
    figures = Path(result.json["folder"]) / "figures"
    assert [path.name for path in figures.iterdir()] == [f"{sun.STEM}.png"]
    page = (figures.parent / "report.html").read_text()
    assert "Failed images" in page and str(broken) in page


@pytest.mark.parametrize(
    ("args", "code", "sentence"),
    [
        (("--src-dir", "nowhere"), 2, "Folder not found: nowhere"),
        (("--sood-dir", "empty"), 1, "No anomaly maps found in"),
        (("--wavelength", 94), 1, "No images at 94 Å found in"),
        (("--threshold", "mean"), 2, "--threshold"),
        (("--min-size", 9, "--max-size", 8), 2, "is larger than --max-size"),
        (("--max-size", "-3"), 2, "--max-size"),
        (("--gaussian=wide",), 2, "--gaussian"),
        (("--source", "nobody"), 2, "Source 'nobody' of kind 'events' not found"),
    ],
)
def test_missing_input_and_invalid_options_are_errors(
    case, make_event, tmp_path, monkeypatch, args, code, sentence
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    sun.write_image(tmp_path / "images", sun.corona(256))
    sun.write_map(tmp_path / "maps", blocks())
    result = case([make_event()], *args)
    assert result.code == code and sentence in result.err and "Traceback" not in result.err
    assert not (tmp_path / "out").exists()


def test_an_empty_store_is_an_error(events, tmp_path):
    sun.write_image(tmp_path / "images", sun.corona(256))
    sun.write_map(tmp_path / "maps", blocks())
    folders = ("--src-dir", tmp_path / "images", "--sood-dir", tmp_path / "maps")
    url = f"sqlite:///{tmp_path / 'none.sqlite'}"
    result = events("analyze", *folders, "--out-dir", tmp_path, "--db-connection-string", url)
    assert result.code == 1 and "No events found in" in result.err


def score_map(scores: np.ndarray, low: float = 0, high: float = 255) -> anomaly_maps.AnomalyMap:
    return anomaly_maps.AnomalyMap(np.asarray(scores, float), low, high)


def bounds(scores: anomaly_maps.AnomalyMap, **how: object) -> list[tuple[float, ...]]:
    return [
        box.bounds
        for box in anomaly_maps.detect_regions(scores, anomaly_maps.RegionDetection(**how))
    ]


def test_sides_of_regions_are_between_the_minimum_and_maximum_size():
    scores = score_map(
        blocks((10, 10, 11, 20), (30, 30, 32, 40), (60, 60, 108, 70), (130, 9, 179, 30))
    )
    assert bounds(scores) == [(30, 30, 32, 40), (60, 60, 108, 70)]
    assert len(bounds(scores, min_size=0, max_size=300)) == 4
    assert bounds(scores, min_size=3) == [(60, 60, 108, 70)]


def test_threshold_methods_select_the_documented_scores():
    scores = np.zeros((256, 256))
    scores[10:20, 10:20], scores[50:60, 50:60], scores[90:100, 90:100] = 0.3, 1.0, 4.0
    found = score_map(scores, 0, 10)
    assert len(bounds(found, threshold="simple", level=10)) == 3  # above 0.16
    assert len(bounds(found, threshold="simple", level=40)) == 2  # above 0.63
    assert len(bounds(found, threshold="binary", level=20)) == 2  # above 0.78
    assert len(bounds(found, threshold="binary", level=40)) == 1  # above 1.57
    assert bounds(found) == [(90, 90, 100, 100)]


def test_pixels_that_touch_at_corners_are_connected_and_smoothing_joins_regions():
    corner = blocks((10, 10, 14, 14), (14, 14, 18, 18), (50, 50, 56, 56), (57, 50, 63, 56))
    assert bounds(score_map(corner))[0] == (10, 10, 18, 18)
    assert len(bounds(score_map(corner))) == 3
    assert len(bounds(score_map(corner), gaussian=1.5)) == 2


def test_the_value_of_gaussian_is_optional(case, make_event, tmp_path):
    sun.write_image(tmp_path / "images", sun.corona(256))
    sun.write_map(tmp_path / "maps", blocks((40, 60, 60, 80)))
    sigma = {(): 0, ("--gaussian",): 1.1, ("--gaussian", 2): 2, ("--gaussian=0.5",): 0.5}
    for args, wanted in sigma.items():
        folder = Path(case([make_event(**TIMES)], *args).succeeded().json["folder"])
        asked = json.loads((folder / "summary.json").read_text())["question"]
        assert asked["gaussian"] == wanted


def test_scores_in_maps_npy_are_used_instead_of_gray_levels(tmp_path):
    """Gray levels are saturated, so two regions with different scores look the same in them."""
    scores = np.zeros((2, 64, 64), np.float32)
    scores[1, 10:20, 10:20], scores[1, 40:50, 40:50] = 3, 100
    path = sun.write_map(tmp_path, np.where(scores[1] > 2, 255, 0), MAP)
    how = anomaly_maps.RegionDetection(map_width=0)
    assert (
        len(anomaly_maps.detect_regions(anomaly_maps.read_map(anomaly_maps.parse_name(path)), how))
        == 2
    )
    np.save(tmp_path / "maps.npy", scores)
    table = pa.table({"map": ["x.png", path.name], "row": [0, 1]})
    files.write_parquet(tmp_path / "maps.parquet", table, {"scale_range": [0, 50]})
    found = anomaly_maps.read_map(anomaly_maps.parse_name(path))
    assert (found.scores.max(), found.high) == (100, 50)
    (only,) = anomaly_maps.detect_regions(found, how)
    assert only.bounds == (40, 40, 50, 50)
    (tmp_path / "maps.npy").write_bytes(b"cut")
    assert anomaly_maps.read_map(anomaly_maps.parse_name(path)).high == 255


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("20140101-000011_171A.png", True),
        ("2014-01-01T000011__171.png", True),
        ("2014-01-01T000011__171.jpeg", True),
        ("20140101-000011_171A__4.png", False),
        ("20140101-000011_171A__src.png", False),
        ("20141301-000011_171A.png", False),
        ("map.png", False),
    ],
)
def test_file_names_of_maps_are_parsed(name, known):
    found = anomaly_maps.parse_name(Path(name))
    assert (found is not None) == known
    if found:
        assert (found.t_obs, found.wavelength) == (sun.TIME, 171)


def test_maps_written_by_sood_are_read(case, make_event, tmp_path):
    sun.write_image(tmp_path / "images", sun.corona(512))
    predict = ("threshold", "predict", "--predict-mode", "pixel", "--target-size", 256)
    where = ("--data-dir", tmp_path / "images", "--pred-dir", tmp_path / "maps")
    run("sdo", "sood", *predict, *where, plugin="astrodome_sood.plugin").succeeded()
    result = case([make_event(**TIMES)]).succeeded()
    (row,) = rows(result).values()
    assert int(row["n_predicted_events"]) > 10 and float(row["map_offset_s"]) == 0


class Links(HTMLParser):
    """Addresses outside of a page, and the number of images and shapes in it."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.count = {"image": 0, "path": 0}

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and not value.startswith(("data:", "#")):
                self.outside.append(value)
        if tag in self.count:
            self.count[tag] += 1


def test_the_page_contains_the_best_and_worst_images_and_loads_no_other_files(
    case, make_event, tmp_path
):
    for hour in range(4):
        sun.write_image(tmp_path / "images", sun.corona(256), f"2014-01-01T0{hour}0000__171")
        sun.write_map(
            tmp_path / "maps", blocks((40, 60, 60 - 4 * hour, 80)), f"20140101-0{hour}0000_171A"
        )
    region = make_event(hpc_bbox=box_of(40, 60, 60, 80), ar_noaanum=11944, **TIMES)
    result = case([region], "--no-rotate", "--count", 1).succeeded()
    page = Path(result.json["page"]).read_text()
    shown = re.findall(r'aria-label="([^"]+)"', page)
    assert shown == ["2014-01-01T000000__171.jpeg", "2014-01-01T030000__171.jpeg"]
    links = Links()
    links.feed(page)
    assert links.outside == [] and links.count["image"] >= 2
    assert "active region 11944, 2014-01-01 00:00 to 2014-01-01 03:00" in page
    assert result.json["iou"]["median"] == pytest.approx((0.8 + 0.6) / 2, abs=1e-4)
    assert result.json["iou"]["std"] == pytest.approx(np.std([1, 0.8, 0.6, 0.4]), abs=1e-4)


def test_each_run_creates_a_new_folder(tmp_path):
    result = AnalysisResult([], [], [], ComparisonOptions())
    folders = {result.write(tmp_path) for _ in range(5)}
    assert len(folders) == 5


def test_the_name_of_an_image_in_a_subfolder_is_its_relative_path(tmp_path):
    path = sun.write_image(tmp_path / "2014", sun.corona(256))
    (picture,) = pairing.find_images(tmp_path)
    assert picture == anomaly_maps.ImageFile(path, sun.TIME, 171)
    ((pair,), alone) = pairing.pair_images(
        [picture], [anomaly_maps.ImageFile(Path("m.png"), sun.TIME, 171)], 0, tmp_path
    )
    assert pair.name == f"2014/{NAME}" and not alone
