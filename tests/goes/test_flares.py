"""Flares by NOAA's definition, and flare classes."""

from __future__ import annotations

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome_goes.classes import class_flux, flare_class
from astrodome_goes.flares import find


def series(*flux, gap_after=None, gap=60):
    """Minutes from midnight on, with a hole of ``gap`` minutes after index ``gap_after``."""
    minutes = np.datetime64("2020-01-01T00:00", "m") + np.arange(len(flux))
    if gap_after is not None:
        minutes[gap_after + 1 :] += gap
    return list(find(minutes, np.array(flux) * 1e-6))


def test_the_largest_flare_of_2011_06_07_is_the_m2_5_at_06_41(goes, day_store):
    (largest,) = goes("flares", "--store", day_store, "--limit", 1, "--json").succeeded().json
    assert largest["class"] == "M2.5"
    assert largest["peak"] == "2011-06-07T06:41:00"
    # Start and end as NOAA reported them for this flare.
    assert (largest["start"], largest["end"]) == ("2011-06-07T06:16:00", "2011-06-07T06:59:00")


def test_flares_can_be_chosen_by_peak_time_and_class(goes, xrs, tmp_path):
    goes("import", xrs("go1520120601.fits.gz"), "--store", tmp_path).succeeded()
    every = goes("flares", "--store", tmp_path, "--json").succeeded().json
    assert [f["class"] for f in every] == ["C2.1", "C1.1", "C2.4", "C1.8", "C3.3"]
    some = goes(
        *("flares", "--store", tmp_path, "--json", "--min-class", "C2"),
        *("--start", "2012-06-01T06:00", "--end", "2012-06-01T22:41"),
    ).json
    assert [f["peak"][11:16] for f in some] == ["17:10", "22:41"]
    assert goes("flares", "--store", tmp_path, "--min-class", "X").succeeded().out.count("\n") == 1


def test_wrong_class_is_wrong_usage(goes, day_store):
    result = goes("flares", "--store", day_store, "--min-class", "Q1")
    assert result.code == 2 and "'Q1' is no flare class" in result.err


def test_a_flare_needs_four_rising_minutes_that_reach_1_4_times_the_first():
    assert len(series(1, 1, 1.1, 1.3, 1.4, 1, 1)) == 1
    assert not series(1, 1, 1.1, 1.3, 1.39, 1, 1)
    assert not series(1, 1.2, 1.2, 1.4, 1.3, 1, 1)
    assert not series(1, 1, 1, 2, 3, 1, 1)


def test_it_starts_at_the_first_rising_minute_and_ends_half_way_down():
    (flare,) = series(1, 1, 2, 3, 5, 4, 3.1, 2.9, 2, 1)
    assert flare.start == np.datetime64("2020-01-01T00:01")
    assert flare.peak == np.datetime64("2020-01-01T00:04")
    assert flare.end == np.datetime64("2020-01-01T00:07")
    assert flare.flux == pytest.approx(5e-6)


def test_a_second_rise_before_the_end_belongs_to_the_flare_and_one_after_it_does_not():
    assert [f.flux for f in series(1, 2, 3, 4, 3, 4, 5, 6, 3, 1)] == pytest.approx([6e-6])
    twice = series(1, 2, 3, 4, 2, 1, 2, 3, 4, 5, 1)
    assert [f.flux for f in twice] == pytest.approx([4e-6, 5e-6])


def test_a_flare_that_runs_into_a_gap_or_the_end_of_the_data_has_no_end():
    assert series(1, 2, 3, 4, 3.9)[0].end is None
    first, second = series(1, 2, 3, 4, 3.9, 1, 2, 3, 4, 1, gap_after=4)
    assert first.end is None and second.end is not None
    (bridged,) = series(1, 2, 3, 4, 3.9, 1, 1, gap_after=4, gap=5)
    assert bridged.end is not None


def test_a_long_decay_is_followed_to_its_end():
    (flare,) = series(1, 2, 3, 100, *np.linspace(99, 52, 900), 50, 49)
    assert flare.peak == np.datetime64("2020-01-01T00:03")
    assert flare.end == flare.start + 904


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
    assert class_flux("M2.5") == pytest.approx(2.5e-5)
    assert class_flux("x") == pytest.approx(1e-4)
    with pytest.raises(AstrodomeError, match="no flare class"):
        class_flux("M-1")
