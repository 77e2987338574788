"""File names, channels, flare classes and colormaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from astrodome import AstrodomeError
from astrodome_solar import (
    CHANNELS,
    ImageName,
    colormap,
    file_name,
    find_channel,
    flare_class,
    flux_of_class,
    parse_file_name,
)
from astrodome_solar.filenames import channel_label

TIME = datetime(2012, 3, 7, 0, 2, 8)


def test_a_file_name_contains_time_and_wavelength() -> None:
    t_obs = TIME.replace(microsecond=900_000, tzinfo=UTC)
    name = file_name(t_obs, 94)
    assert name == "2012-03-07T000208__94.jpeg"
    assert parse_file_name(name) == ImageName(TIME, 94)
    assert file_name(t_obs.astimezone(timezone(timedelta(hours=2))), 94) == name


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("2012-03-07T000208__94.jpeg", ("", "", "")),
        ("2012-03-07T000208__94", ("", "", "")),
        ("a/b/2012-03-07T000208__94__17.png", ("", "", "17")),
        ("2012-03-07T000208__94_lev1.5.jpeg", ("", "1.5", "")),
        ("2012-03-07T000208__94_lev1.5__3.JPG", ("", "1.5", "3")),
        ("2012-03-07T000208__94_magnetogram.jpeg", ("magnetogram", "", "")),
        ("2012-03-07T000208__94_magnetogram_lev2__0.jpeg", ("magnetogram", "2", "0")),
        ("2012-03-07T000208__94__events.png", ("", "", "events")),
    ],
)
def test_observable_level_and_patch_are_parts_of_a_name(
    name: str, rest: tuple[str, str, str]
) -> None:
    assert parse_file_name(Path(name)) == ImageName(TIME, 94, *rest)


@pytest.mark.parametrize(
    "name",
    ["sun.jpeg", "2012-13-07T000208__94.jpeg", "2012-03-07__94.jpeg", "2012-03-07T000208__9x.jpeg"],
)
def test_other_names_contain_nothing(name: str) -> None:
    assert parse_file_name(name) is None


def test_names_of_different_observables_and_levels_differ() -> None:
    arguments = [("", ""), ("continuum", ""), ("magnetogram", ""), ("", "1.5")]
    names = [file_name(TIME, 6173, *each) for each in arguments]
    assert len(set(names)) == 4
    found = [parse_file_name(name) for name in names]
    assert [(each.quantity, each.level) for each in found if each] == arguments
    channels = [each.channel for each in found if each]
    assert channels == ["6173", "6173_continuum", "6173_magnetogram", "6173_lev1.5"]


@pytest.mark.parametrize(("name", "low", "high"), [("171A", 5, 3500), ("335", 0.4, 1000)])
def test_aia_is_scaled_by_the_logarithm_within_the_range_of_the_channel(
    name: str, low: float, high: float
) -> None:
    values = np.array([[-10.0, 0.0, low, low * (high / low) ** 0.25, high, 10 * high, np.nan]])
    assert find_channel(name).to_bytes(values).tolist() == [[0, 0, 0, 64, 255, 255, 0]]


def test_hmi_is_scaled_linearly_and_zero_field_is_grey() -> None:
    field = find_channel("magnetogram").to_bytes(np.array([-900.0, 0, 250, np.nan]))
    assert field.tolist() == [0, 128, 255, 128]
    light = find_channel("continuum").to_bytes(np.array([0.0, 65535, 13107]))
    assert light.tolist() == [0, 255, 51]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_intensities_are_recovered_from_scaled_values(channel) -> None:
    scaled = np.linspace(-1, 1, 256, dtype=np.float32)
    intensity = channel.intensity(scaled)
    assert intensity[[0, -1]] == pytest.approx([channel.low, channel.high], rel=1e-4)
    assert channel.to_bytes(intensity).tolist() == list(range(256))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("171", "171A"), (171, "171A"), ("0094a", "94A"), ("BX", "Bx"), (" Continuum ", "continuum")],
)
def test_a_channel_is_found_by_its_names(name: object, expected: str) -> None:
    assert find_channel(name).name == expected


@pytest.mark.parametrize("name", ["172", "", "6173", "A", None])
def test_an_unknown_channel_is_an_error_with_the_known_ones(name: object) -> None:
    with pytest.raises(AstrodomeError, match="Unknown channel") as failed:
        find_channel(name)
    assert "171A, 193A" in failed.value.hint


@pytest.mark.parametrize(
    ("flux", "name"),
    [
        *((2.5e-5, "M2.5"), (np.float32(2.5e-5), "M2.5"), (2.59e-5, "M2.5"), (9.99e-6, "C9.9")),
        *((1e-4, "X1.0"), (2.8e-3, "X28.0"), (3e-9, "A0.3"), (0, ""), (-1e-5, ""), (np.nan, "")),
        (np.inf, ""),
    ],
)
def test_a_flux_has_the_class_of_noaa(flux: float, name: str) -> None:
    assert flare_class(flux) == name


@pytest.mark.parametrize(
    ("name", "flux"),
    [("M2.5", 2.5e-5), ("x", 1e-4), (" c1 ", 1e-6), ("X28", 2.8e-3), ("B3.", 3e-7)],
)
def test_a_class_begins_at_a_flux(name: str, flux: float) -> None:
    assert flux_of_class(name) == pytest.approx(flux, rel=1e-12)


@pytest.mark.parametrize("name", ["M-3", "M-1", "", "D1", "M 2", "2.5", "M0", "Mx", "M1e3", "X+1"])
def test_an_invalid_class_is_an_error(name: str) -> None:
    with pytest.raises(AstrodomeError, match=r"Invalid flare class"):
        flux_of_class(name)


def test_colormaps_are_those_of_sunpy() -> None:
    assert colormap(171).name == "sdoaia171" and colormap(304)(0.5) != colormap(171)(0.5)
    assert colormap(6173, "magnetogram").name == "hmimag"
    assert colormap(6173, "continuum").name == colormap(None).name == "gray"


def test_classes_and_fluxes_may_be_arrays() -> None:
    flux = np.array([[2.57e-5, 1.5e-4], [np.nan, 0]])
    assert flare_class(flux).tolist() == [["M2.5", "X1.5"], ["", ""]]
    assert flux_of_class(np.array(["M2.5", "X"])).tolist() == pytest.approx([2.5e-5, 1e-4])
    assert flux_of_class([]).shape == flare_class([]).shape == (0,)


@pytest.mark.parametrize("name", [None, 2.5, ["M1", None], "M1 X1"])
def test_a_value_that_is_not_a_flare_class_is_an_error(name: object) -> None:
    with pytest.raises(AstrodomeError, match=r"Invalid flare class '.*': expected A, B, C, M or X"):
        flux_of_class(name)


@pytest.mark.parametrize(
    ("channel", "label"),
    [
        ("171", "171 Å"),
        ("171_lev1.5", "171 Å level 1.5"),
        ("6173_magnetogram", "6173 Å magnetogram"),
        ("6173_continuum_lev2", "6173 Å continuum level 2"),
    ],
)
def test_a_channel_has_a_readable_label(channel: str, label: str) -> None:
    assert channel_label(channel) == label
