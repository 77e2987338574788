"""Exact limits of intervals, tolerances, sizes and scales."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_sdo_data.processing import patches
from astrodome_sdo_data.sources.grid import interval, time_grid
from astrodome_sdo_data.views.selection import select_images
from astrodome_sdo_data.views.summary import find_gaps
from astrodome_solar import metadata
from astrodome_solar.channels import CHANNELS, Channel
from PIL import Image

START = datetime(2012, 3, 7)


def after(*seconds: float) -> list[datetime]:
    return [START + timedelta(seconds=each) for each in seconds]


def test_a_gap_is_longer_than_one_and_a_half_steps() -> None:
    assert find_gaps(after(0, 100, 250), 100) == (100, [])
    cadence, (gap,) = find_gaps(after(0, 100, 251), 100)
    assert (cadence, gap.after, gap.before, gap.missing) == (100, *after(100, 251), 1)
    (long,) = find_gaps(after(0, 449), 100)[1]
    assert long.missing == 3  # 4.49 steps
    assert find_gaps(after(0)) == (0, []) and find_gaps([]) == (0, [])


def test_the_default_cadence_is_the_median_step() -> None:
    assert find_gaps(after(0, 10, 20, 30, 1000))[0] == 10
    assert find_gaps(after(0, 10, 30))[0] == 15


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write images at 0, 6, 12 and 18 minutes."""
    for at in after(0, 360, 720, 1080):
        Image.new("L", (8, 8)).save(tmp_path / f"{at:%Y-%m-%dT%H%M%S}__171.jpeg")
    return tmp_path


def test_start_and_end_of_show_are_included(folder: Path) -> None:
    second, third = after(360, 720)
    shown = select_images(folder, start=second, end=third)
    assert [shot.t_obs for shot in shown] == [second, third]
    one = timedelta(seconds=1)
    assert [s.t_obs for s in select_images(folder, start=second + one, end=third)] == [third]
    assert [s.t_obs for s in select_images(folder, start=second, end=third - one)] == [second]


@pytest.mark.parametrize(
    ("minutes", "kept"), [(6, [0, 6, 12, 18]), (6.1, [0, 12, 18]), (12, [0, 12]), (18.1, [0])]
)
def test_freq_selects_the_first_image_of_each_interval(
    folder: Path, minutes: float, kept: list[int]
) -> None:
    shown = select_images(folder, freq=f"{minutes}min")
    assert [shot.t_obs for shot in shown] == after(*(60 * each for each in kept))


@pytest.mark.parametrize(
    ("text", "seconds"), [("6min", 360), ("h", 3600), ("1D", 86_400), ("0.5s", 0.5)]
)
def test_a_positive_interval_is_accepted(text: str, seconds: float) -> None:
    assert interval(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["-6min", "0s", "NaT", "", "6 apples"])
def test_an_interval_that_is_not_positive_is_an_error(text: str) -> None:
    with pytest.raises(AstrodomeError):
        interval(text)


def test_a_patch_of_the_size_of_the_image_fits_exactly_once() -> None:
    places = {"count": 9, "crop": 0, "seed": 1, "name": "a.jpeg"}
    assert patches.positions(32, 32, 32, **places) == [(0, 0)]
    assert sorted(patches.positions(33, 32, 32, **places)) == [(0, 0), (1, 0)]
    with pytest.raises(AstrodomeError, match="32 x 31 pixels is too small for patches with 32"):
        patches.positions(32, 31, 32, **places)


def test_no_patch_contains_the_border() -> None:
    every = {"count": 10_000, "crop": 3, "seed": 1, "name": "a.jpeg"}
    found = patches.positions(20, 18, 4, **every)
    assert sorted(found) == [(x, y) for x in range(3, 14) for y in range(3, 12)]
    assert patches.positions(10, 10, 4, **every) == [(3, 3)]
    with pytest.raises(AstrodomeError, match="10 x 9 pixels and a border of 3 pixels is too small"):
        patches.positions(10, 9, 4, **every)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_the_range_of_a_channel_is_mapped_to_0_to_255(channel: Channel) -> None:
    low, high = channel.low, channel.high
    middle = np.sqrt(low * high) if channel.logarithmic else (low + high) / 2
    values = np.array([low, middle, high, low - 1, 2 * high, np.nan, np.inf, -np.inf])
    nothing = 0 if low >= 0 else 128
    found = channel.to_bytes(values).tolist()
    assert found[0] == 0 and found[1] in (127, 128) and found[2:5] == [255, 0, 255]
    assert found[5:] == [nothing, 255, 0]


def test_a_time_grid_includes_its_end() -> None:
    def times(minutes: float) -> list[datetime]:
        end = START + timedelta(minutes=minutes)
        return time_grid(START, end, "6min", (171,), 360)["t_obs"].dt.to_pydatetime().tolist()

    assert times(12) == after(0, 360, 720)
    assert times(11.99) == after(0, 360)
    assert times(0) == after(0)
    with pytest.raises(AstrodomeError, match="is before the start"):
        times(-0.001)


def test_a_repeated_wavelength_gives_one_row_per_time() -> None:
    rows = time_grid(START, START, "6min", (304, 171, 304))
    assert rows["wavelength"].tolist() == [304, 171]


def test_a_quality_that_is_not_an_integer_is_kept_in_csv_and_missing_in_parquet(
    tmp_path: Path,
) -> None:
    names = [f"{minute}.jpeg" for minute in range(5)]
    given = ["0", "4294967295", "0.5", "bad", ""]
    (tmp_path / metadata.PARQUET).touch()
    metadata.add_rows(
        tmp_path, [{"FILE_NAME": n, "QUALITY": q} for n, q in zip(names, given, strict=True)]
    )
    table = pd.read_parquet(tmp_path / metadata.PARQUET)
    assert table["QUALITY"].tolist() == [0, 4294967295, pd.NA, pd.NA, pd.NA]
    assert [row["QUALITY"] for row in metadata.read_rows(tmp_path).values()] == given
