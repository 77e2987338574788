"""`sdo goes info`, `sdo goes plot`, and the store as a sunpy TimeSeries."""

from __future__ import annotations

import json
import re
from datetime import datetime
from xml.etree import ElementTree

import astropy.units as u
import numpy as np
import pytest
from astrodome.testing import run
from astrodome_goes import plot, timeseries
from astrodome_goes.views.plot import COLORS
from PIL import Image
from selection import need
from sunpy.timeseries import TimeSeries
from sunpy.timeseries.sources import XRSTimeSeries

DAY = "2011-06-07", "2011-06-07T23:59:59"
HEK = {
    "event_starttime": "2011-06-07T06:16:00",
    "event_peaktime": "2011-06-07T06:41:00",
    "event_endtime": "2011-06-07T06:59:00",
    "fl_goescls": "M2.5",
    "kb_archivid": "ivo://helio-informatics.org/FL_made_for_a_test",
}


@pytest.fixture
def gappy(goes, day, tmp_path):
    """2011-06-07 of GOES 15 and 2011-06-09 of GOES 14."""
    store = tmp_path / "store"
    goes("import", day(), day("09/06/2011", satellite=14), "--store", store).succeeded()
    return store


def test_info_shows_coverage_satellites_and_gaps(goes, gappy):
    found = goes("info", "--store", gappy, "--json").succeeded().json
    assert found["first"].startswith("2011-06-06T23:59:59")
    assert found["last"].startswith("2011-06-09T23:59:5")
    assert found["samples"] == found["good"] == sum(s["samples"] for s in found["satellites"])
    assert [s["satellite"] for s in found["satellites"]] == [14, 15]
    (month,) = gappy.rglob("*.parquet")
    assert found["months"] == 1 and found["megabytes"] == month.stat().st_size / 1e6
    (gap,) = found["gaps"]
    assert gap["start"][:10] == "2011-06-07" and gap["minutes"] == pytest.approx(1440, abs=1)
    assert gap["end"][:16] == "2011-06-08T23:59"


def test_info_counts_gaps_at_both_ends_of_a_time_range(goes, gappy):
    args = ("--start", "2011-06-05", "--end", "2011-06-10T12:00", "--json")
    gaps = goes("info", "--store", gappy, *args).succeeded().json["gaps"]
    assert [round(gap["minutes"] / 1440, 2) for gap in gaps] == [2.0, 1.0, 0.5]
    assert gaps[0]["start"] == "2011-06-05T00:00:00" and gaps[2]["end"] == "2011-06-10T12:00:00"
    nothing = goes(
        "info", "--store", gappy, "--start", "2011-07-01", "--end", "2011-07-02T00:00", "--json"
    )
    assert nothing.json["samples"] == 0 and nothing.json["gaps"][0]["minutes"] == 1440


def test_info_on_an_empty_store_is_an_error(goes, tmp_path):
    result = goes("info", "--store", tmp_path)
    assert result.code == 1 and "contains no data" in result.err


def test_a_plot_shows_the_flare_and_the_flare_classes(goes, day_store, tmp_path):
    out = tmp_path / "day.svg"
    args = ("--start", "2011-06-07", "--end", "2011-06-07T23:59:59", "--out", out, "--json")
    drawn = goes("plot", "--store", day_store, *args).succeeded().json
    assert drawn["flares"] == [{"peak": "2011-06-07T06:41:00", "class": "M2.5"}]
    assert drawn["samples"] > 40_000 and drawn["file"] == str(out)
    text = out.read_text()
    ElementTree.fromstring(text)
    assert all(f"<!-- {name} -->" in text for name in ("M2.5", "X", "M", "C", "B", "A"))
    assert all(f"<!-- {label} -->" in text for label in ("Time (UTC)", "Flux (W m⁻²)"))


@pytest.mark.parametrize("extension", ["png", "svg", "pdf"])
def test_the_extension_of_the_file_sets_the_format(extension, goes, day_store, tmp_path):
    goes("plot", "--store", day_store, "-o", tmp_path / f"day.{extension}").succeeded()
    start = (tmp_path / f"day.{extension}").read_bytes()[:8]
    assert start.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[extension])


def test_both_channels_are_drawn_in_their_colors(day_store, tmp_path):
    plot(day_store, *DAY).save(tmp_path / "day.png")
    image = np.asarray(Image.open(tmp_path / "day.png").convert("RGB")).astype(int)
    for color in COLORS.values():
        wanted = [int(color[n : n + 2], 16) for n in (1, 3, 5)]
        assert (np.abs(image - wanted).max(axis=2) < 20).sum() > 500


def test_unsupported_extensions_and_times_without_data_are_errors(goes, day_store, tmp_path):
    result = goes("plot", "--store", day_store, "-o", tmp_path / "day.txt")
    assert (
        result.code == 2 and f"Unsupported file extension in '{tmp_path / 'day.txt'}'" in result.err
    )
    result = goes("plot", "--store", day_store, "--start", "2012-01-01", "-o", tmp_path / "a.png")
    assert result.code == 1 and "contains no data in the requested time range" in result.err
    assert not [*tmp_path.iterdir()]


def test_catalogued_flares_are_drawn_and_one_without_times_is_reported(day_store, tmp_path):
    requested = []

    def catalogue(start, end):
        requested.append((start, end))
        return [HEK, {"kb_archivid": "ivo://broken", "event_starttime": "soon"}]

    drawn = plot(day_store, *DAY, catalogue=catalogue)
    drawn.save(tmp_path / "day.svg")
    assert requested == [(datetime(2011, 6, 7), datetime(2011, 6, 7, 23, 59, 59))]
    (record,) = drawn.catalogue
    assert record["class"] == "M2.5" and record["start"] == datetime(2011, 6, 7, 6, 16)
    assert drawn.skipped == [("ivo://broken", "missing or invalid start or end time")]
    assert len(re.findall("<!-- M2.5 -->", (tmp_path / "day.svg").read_text())) == 2


def test_events_come_from_the_installed_event_catalogue(day_store, tmp_path):
    need("astrodome_hek_events")
    args = ("goes", "plot", "--events", "--store", day_store, "-o", tmp_path / "day.png")
    alone = run("sdo", *args, plugin="astrodome_goes.plugin")
    assert alone.code == 1 and "pip install astrodome-hek-events" in alone.err

    records = tmp_path / "records.json"
    records.write_text(json.dumps({"result": [{**HEK, "event_type": "FL"}]}))
    both = ("astrodome_goes.plugin", "astrodome_hek_events.plugin")
    run("sdo", "events", "import", records, plugin=both).succeeded()
    drawn = run("sdo", *args, "--json", plugin=both).succeeded().json
    assert [record["class"] for record in drawn["catalogue"]] == ["M2.5"]


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_the_samples_of_a_time_range_are_a_sunpy_time_series(xrs, day_store):
    ours = timeseries(day_store, *DAY)
    theirs = TimeSeries(xrs("go1520110607.fits"), source="XRS").truncate(*DAY)
    assert isinstance(ours, XRSTimeSeries) and ours.observatory == "GOES-15"
    assert ours.units["xrsa"] == ours.units["xrsb"] == u.W / u.m**2
    assert ours.units["xrsa_quality"] == ours.units["xrsb_quality"] == u.dimensionless_unscaled
    np.testing.assert_allclose(
        ours.quantity("xrsb").value, theirs.quantity("xrsb").value, rtol=1e-6
    )
    assert abs((ours.time[0] - theirs.time[0]).to_value("s")) < 1e-5
    assert ours.to_dataframe()["xrsb_quality"].isna().all()
    ours.plot()
