"""Flares as NOAA defines them, and flare classes."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError, plugins
from astrodome.app import main
from astrodome_goes import Store, find_flares, plugin
from astrodome_goes.store.sample_table import sample_table
from astrodome_solar.flare_classes import flare_class, flux_of_class


def rows(flares):
    return [flare for _, flare in flares.iterrows()]


def series(*flux, gap_after=None, gap=60):
    """Find flares in minutes from midnight, with a gap after the index ``gap_after``."""
    minutes = np.datetime64("2020-01-01T00:00", "m") + np.arange(len(flux))
    if gap_after is not None:
        minutes[gap_after + 1 :] += gap
    return rows(find_flares(minutes, np.array(flux) * 1e-6))


def test_the_largest_flare_of_2011_06_07_is_the_m2_5_at_06_41(goes, day_store):
    (largest,) = goes("flares", "--store", day_store, "--limit", 1, "--json").succeeded().json
    assert largest["class"] == "M2.5"
    assert largest["peak"] == "2011-06-07T06:41:00"
    # Start and end as NOAA reported them for this flare.
    assert (largest["start"], largest["end"]) == ("2011-06-07T06:16:00", "2011-06-07T06:59:00")


class Terminal(io.StringIO):
    """A text stream that reports to be a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    "command", [("flares",), ("get", "--timestamp", "2011-06-07T06:41"), ("info",)]
)
@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_cells_are_not_split_on_a_terminal(day_store, monkeypatch, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    with redirect_stdout(Terminal()) as out, pytest.raises(SystemExit) as left:
        main("sdo", ["goes", *command, "--store", str(day_store)], plugins.of("sdo", goes=plugin))
    assert left.value.code == 0
    lines = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()).splitlines()
    words = [word for line in lines for word in line.split() if "2011-06-07" in word]
    assert words and all(re.fullmatch(r"\S+T\d\d:\d\d:\d\d(\.\d+)?", word) for word in words)
    assert ("operational_scaling" in out.getvalue()) == (command == ("flares",) and width > 100)
    assert max(map(len, lines)) <= width


def test_flares_are_selected_by_peak_time_and_class(goes, xrs, tmp_path):
    goes("import", xrs("go1520120601.fits.gz"), "--store", tmp_path).succeeded()
    every = goes("flares", "--store", tmp_path, "--json").succeeded().json
    assert [f["class"] for f in every] == ["C2.1", "C1.1", "C2.4", "C1.8", "C3.3"]
    some = goes(
        *("flares", "--store", tmp_path, "--json", "--min-class", "C2"),
        *("--start", "2012-06-01T06:00", "--end", "2012-06-01T22:41"),
    ).json
    assert [f["peak"][11:16] for f in some] == ["17:10", "22:41"]
    assert goes("flares", "--store", tmp_path, "--min-class", "X").succeeded().out.count("\n") == 1


@pytest.fixture
def sampled(tmp_path):
    """Return a function that stores a flare (``FLARE``, one value per minute)."""

    def fill(start="2020-01-01T12:00", satellite=16, product="xrsf-l2-avg1m", seconds=(0,)):
        minutes = np.repeat(np.arange(len(FLARE)) * 60, len(seconds))
        offset = np.tile(np.array(seconds), len(FLARE))
        samples = sample_table(
            timestamp=np.datetime64(start, "us") + ((minutes + offset) * 1e6).astype("m8[us]"),
            xrsa=np.nan,
            xrsb=np.repeat(FLARE, len(seconds)),
            xrsa_quality=None,
            xrsb_quality=None,
            satellite=satellite,
            product=product,
        )
        Store(tmp_path).merge(samples, ["made"])
        return tmp_path

    return fill


FLARE = np.array([1, 1, 2, 3, 5, 4, 3, 2, 1, 1]) * 1e-6


def test_the_end_of_a_search_is_included_and_a_date_includes_its_day(goes, sampled):
    store = sampled()  # peak at 12:04
    for times, count in (
        (("--end", "2020-01-01"), 1),
        (("--end", "2020-01-01T00:00"), 0),
        (("--end", "2020-01-01T12:04"), 1),
        (("--end", "2020-01-01T12:03:59"), 0),
        (("--start", "2020-01-01T12:04"), 1),
        (("--start", "2020-01-01T12:04:01"), 0),
        (("--start", "2020-01-01", "--end", "2020-01-01"), 1),
    ):
        found = goes("flares", "--store", store, "--json", *times).succeeded().json
        assert len(found) == count, times


def test_an_end_before_the_start_exits_with_status_2(goes, day_store, tmp_path):
    times = ("--start", "2011-06-08", "--end", "2011-06-07", "--store", day_store)
    for command in (("flares",), ("info",), ("plot", "--out", tmp_path / "a.png")):
        result = goes(*command, *times)
        assert result.code == 2, command
        assert "The end time 2011-06-07T23:59:59.999999 is before the start time" in result.err


def test_a_minute_includes_samples_up_to_its_last_fraction(goes, sampled):
    (flare,) = (
        goes("flares", "--json", "--store", sampled(seconds=(0.0, 29.5, 30.0, 59.999)))
        .succeeded()
        .json
    )
    assert (flare["start"][11:16], flare["peak"][11:16]) == ("12:01", "12:04")
    assert flare["flux_W_m2"] == pytest.approx(5e-6)


@pytest.mark.parametrize(
    ("satellite", "product", "scaled"),
    [
        (15, "fits", True),
        (8, "fits", True),
        (7, "fits", False),
        (16, "fits", False),
        (15, "xrsf-l2-avg1m", False),
        (16, "xrsf-l2-avg1m", False),
        (0, "csv", None),
        (15, "csv", None),
        (16, "csv", False),
    ],
)
def test_a_flare_has_the_satellite_product_and_scaling_of_its_peak(
    satellite, product, scaled, goes, sampled
):
    (flare,) = (
        goes("flares", "--json", "--store", sampled(satellite=satellite, product=product))
        .succeeded()
        .json
    )
    assert (flare["satellite"], flare["product"]) == (satellite or None, product)
    assert flare["operational_scaling"] is scaled


def test_an_invalid_class_exits_with_status_2(goes, day_store):
    result = goes("flares", "--store", day_store, "--min-class", "Q1")
    assert result.code == 2 and "Invalid flare class 'Q1'" in result.err


def test_a_flare_needs_four_rising_minutes_that_reach_1_4_times_the_first():
    assert len(series(1, 1, 1.1, 1.3, 1.4, 1, 1)) == 1
    assert not series(1, 1, 1.1, 1.3, 1.39, 1, 1)
    assert not series(1, 1.2, 1.2, 1.4, 1.3, 1, 1)
    assert not series(1, 1, 1, 2, 3, 1, 1)


def test_a_flare_starts_at_the_first_rising_minute_and_ends_halfway_down():
    (flare,) = series(1, 1, 2, 3, 5, 4, 3.1, 2.9, 2, 1)
    assert flare.start == np.datetime64("2020-01-01T00:01")
    assert flare.peak == np.datetime64("2020-01-01T00:04")
    assert flare.end == np.datetime64("2020-01-01T00:07")
    assert flare.flux_W_m2 == pytest.approx(5e-6)


def test_a_flare_that_starts_before_the_end_of_another_ends_the_other():
    first, second = series(1, 2, 3, 4, 3, 4, 5, 6, 4, 1)
    assert (first.flux_W_m2, second.flux_W_m2) == (pytest.approx(4e-6), pytest.approx(6e-6))
    assert first.end == second.start == np.datetime64("2020-01-01T00:04")
    assert first.peak == np.datetime64("2020-01-01T00:03")
    assert second.end == np.datetime64("2020-01-01T00:08")  # 4 < (6 + 3) / 2


def test_a_smaller_flare_during_the_decay_of_a_larger_one_is_found():
    flares = series(1, 20, 60, 100, 80, 60, 70, 80, 90, 70, 52, 20, 1)
    assert [f.flux_W_m2 for f in flares] == pytest.approx([100e-6, 90e-6])


def test_a_rise_below_1_4_and_the_rise_to_the_peak_belong_to_the_flare():
    assert [f.flux_W_m2 for f in series(1, 2, 3, 10, 9, 10, 11, 12, 3, 1)] == pytest.approx([12e-6])
    assert [f.flux_W_m2 for f in series(1, 2, 3, 4, 5, 6, 7, 8, 3, 1)] == pytest.approx([8e-6])


def test_a_rise_after_the_end_is_another_flare():
    twice = series(1, 2, 3, 4, 2, 1, 2, 3, 4, 5, 1)
    assert [f.flux_W_m2 for f in twice] == pytest.approx([4e-6, 5e-6])


def test_a_flux_exactly_halfway_down_is_the_end():
    minutes = np.datetime64("2020-01-01T00:00", "m") + np.arange(9)
    (flare,) = rows(find_flares(minutes, np.array([1.0, 2, 3, 5, 4, 3, 2.9, 2, 1])))
    assert flare.end == np.datetime64("2020-01-01T00:05")  # 3 = (5 + 1) / 2


def test_exactly_1_4_times_the_first_minute_is_enough():
    minutes = np.datetime64("2020-01-01T00:00", "m") + np.arange(6)
    assert len(find_flares(minutes, np.array([5.0, 5.5, 6, 7, 5, 5]))) == 1


def test_a_flare_that_runs_into_a_gap_or_the_end_of_the_data_has_no_end():
    assert series(1, 2, 3, 4, 3.9)[0].end is pd.NaT
    first, second = series(1, 2, 3, 4, 3.9, 1, 2, 3, 4, 1, gap_after=4)
    assert first.end is pd.NaT and second.end is not pd.NaT
    (bridged,) = series(1, 2, 3, 4, 3.9, 1, 1, gap_after=4, gap=5)
    assert bridged.end is not pd.NaT


def test_a_long_decay_is_followed_to_its_end():
    (flare,) = series(1, 2, 3, 100, *np.linspace(99, 52, 900), 50, 49)
    assert flare.peak == np.datetime64("2020-01-01T00:03")
    assert flare.end == flare.start + pd.Timedelta(904, "min")


@pytest.mark.parametrize(
    ("flux", "name"),
    [
        (2.5445e-5, "M2.5"),
        (4.72679e-6, "C4.7"),  # cut off, as in NOAA's lists
        (9.99e-6, "C9.9"),
        (1e-5, "M1.0"),
        (float(np.float32(1e-5)), "M1.0"),
        (float(np.float32(3.2e-6)), "C3.2"),
        (2.8e-3, "X28.0"),
        (5e-9, "A0.5"),
        (0.0, ""),
        (-1e-9, ""),
        (float("nan"), ""),
    ],
)
def test_classes_are_the_decade_and_its_multiple(flux, name):
    assert flare_class(flux) == name


def test_a_class_names_the_flux_at_which_it_begins():
    assert flux_of_class("M2.5") == pytest.approx(2.5e-5)
    assert flux_of_class("x") == pytest.approx(1e-4)
    with pytest.raises(AstrodomeError, match="Invalid flare class"):
        flux_of_class("M-1")
