"""The position of events in images, compared with sunpy."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import numpy as np
import pytest
import shapely
import sunpy.map
from astrodome import AstrodomeError
from astrodome_hek_events import placement
from astrodome_solar import geometry, read_image
from astropy import units as u
from astropy.coordinates import SkyCoord
from hek_events import sun
from sunpy.coordinates import Helioprojective, get_earth, propagate_with_solar_surface
from sunpy.data.test import get_test_filepath
from sunpy.map.header_helper import make_fitswcs_header

REGION = "POLYGON((-350.5 380,-270 380.25,-268.75 430,-352 428.5,-350.5 380))"
"""Bounding box of an active region detected by SPoCA."""
WIDTHS = (256, 512, 2048, 4096)


def view(width: int, time: datetime = sun.TIME, **meta: float) -> geometry.ImageGeometry:
    return geometry.ImageGeometry.from_metadata({**sun.META, **meta}, width, width, time)


def map_of(width: int, time: datetime = sun.TIME, **meta: float) -> sunpy.map.GenericMap:
    """Return an image with the same geometry, created with sunpy only."""
    about = {**sun.META, **meta}
    shrunk = width / geometry.FRAME
    earth = get_earth(time)
    observer = SkyCoord(
        earth.lon, earth.lat, about["DSUN"] * u.m, frame="heliographic_stonyhurst", obstime=time
    )
    frame = Helioprojective(observer=observer, obstime=time)
    centre = SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=frame)
    header = make_fitswcs_header(
        (width, width),
        centre,
        reference_pixel=u.Quantity([about["X0"], about["Y0"]]) * shrunk * u.pix - 0.5 * u.pix,
        scale=u.Quantity([about["CDELT"]] * 2) / shrunk * u.arcsec / u.pix,
    )
    return sunpy.map.Map(np.zeros((width, width)), header)


def sunpy_pixels(solar: sunpy.map.GenericMap, where: SkyCoord) -> np.ndarray:
    """Return pixels from the upper left corner of the image, computed by sunpy."""
    found = solar.world_to_pixel(where)
    return np.column_stack([found.x.value + 0.5, solar.data.shape[0] - 0.5 - found.y.value])


def corners(shape: str) -> np.ndarray:
    return np.array([pair.split() for pair in shape[9:-2].split(",")], float)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_corners_of_a_box_agree_with_sunpy_for_images_of_any_width(make_event, width):
    header = {"X0": 2040.5, "Y0": 2053.25, "CDELT": 0.5987}
    box = make_event(hpc_bbox=REGION)
    (placed,) = placement.place_events(
        placement.parse_events([box]), view(width, **header), rotate=False
    )
    solar = map_of(width, **header)
    where = SkyCoord(*(corners(REGION).T * u.arcsec), frame=solar.coordinate_frame)
    found = np.asarray(placed.shape.exterior.coords)
    wanted = sunpy_pixels(solar, where)
    distance = np.linalg.norm(found[:, None] - wanted, axis=2).min(axis=1)
    assert len(found) == 5 and distance.max() < 0.01


def test_pixels_agree_with_the_published_formula_of_the_metadata():
    """The formula is x = Tx / CDELT + X0, and y = 4096 - (Ty / CDELT + Y0)."""
    arcsec = np.random.default_rng(0).uniform(-1200, 1200, (500, 2))
    x = arcsec[:, 0] / 0.6 + 2048
    y = 4096 - (arcsec[:, 1] / 0.6 + 2048)
    assert np.abs(view(4096).to_pixel(arcsec) - np.column_stack([x, y])).max() < 0.1


def test_conversions_between_pixels_and_positions_are_inverse():
    seen = view(512)
    pixels = np.random.default_rng(1).uniform(0, 512, (100, 2))
    assert np.abs(seen.to_pixel(seen.to_arcsec(pixels)) - pixels).max() < 1e-6


@pytest.mark.parametrize("hours", [-20, -0.5, 3, 30])
def test_the_rotation_of_events_agrees_with_sunpy(make_event, hours):
    start = sun.TIME - timedelta(hours=hours)
    spread = make_event(
        hpc_bbox="POLYGON((-600 -300,500 -250,450 600,-500 550,-600 -300))",
        event_starttime=start.isoformat(),
    )
    (placed,) = placement.place_events(placement.parse_events([spread]), view(4096))
    earth = get_earth(start)
    given = np.array([[-600, -300], [500, -250], [450, 600], [-500, 550]]).T * u.arcsec
    before = SkyCoord(*given, frame=Helioprojective(observer=earth, obstime=start))
    solar = map_of(4096)
    with propagate_with_solar_surface():
        wanted = sunpy_pixels(solar, before.transform_to(solar.coordinate_frame))
    found = np.asarray(placed.shape.exterior.coords)
    distance = np.linalg.norm(wanted[:, None] - found, axis=2).min(axis=1)
    assert distance.max() < 0.1
    moved = np.linalg.norm(wanted - view(4096).to_pixel(given.value.T), axis=1)
    assert moved.max() > abs(hours) * 5  # so that the comparison says something


def test_events_behind_the_limb_are_invisible_and_events_outside_the_disk_do_not_move(make_event):
    start = (sun.TIME - timedelta(days=3)).isoformat()
    gone = make_event(kb_archivid="gone", event_starttime=start, hpc_bbox=sun.wkt(800, 0, 850, 50))
    beside = make_event(
        kb_archivid="beside", event_starttime=start, hpc_bbox=sun.wkt(1100, 0, 1150, 50)
    )
    placed = placement.place_events(placement.parse_events([gone, beside]), view(1024))
    assert [each.is_visible for each in placed] == [False, True]
    fixed = placement.place_events(placement.parse_events([beside]), view(1024), rotate=False)[0]
    assert placed[1].shape.equals(fixed.shape)


def test_positions_behind_the_limb_are_moved_to_the_limb():
    seen = view(1024)
    north = get_earth(sun.TIME).lat.to_value("deg")
    longitude = np.array([0, 0.0002, 0.02, 60]) + 180
    arcsec, visible = seen.surface(longitude, np.full(4, -north))
    assert not visible.any()
    distance = np.hypot(*arcsec.T)[1:]
    np.testing.assert_allclose(distance, distance[-1], rtol=1e-6)
    assert distance[-1] == pytest.approx(seen.limb_arcsec, rel=1e-3)
    assert np.isfinite(arcsec).all()


def test_coronal_mass_ejections_are_not_rotated(make_event):
    start = (sun.TIME - timedelta(hours=10)).isoformat()
    ejection = make_event(event_type="CE", event_starttime=start, hpc_bbox=sun.wkt(0, 0, 900, 900))
    turned, fixed = (
        placement.place_events(placement.parse_events([ejection]), view(512), rotate)[0]
        for rotate in (True, False)
    )
    assert turned.shape.equals(fixed.shape)


@pytest.mark.parametrize(
    "name",
    [
        "aia_171_level1.fits",
        "2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2",
        "resampled_hmi.fits",
        "2022_04_01__00_00_45__SOLO-EUI-FSI_EUI_FSI_174.jp2",
    ],
)
def test_real_images_are_north_up_and_agree_with_their_headers(name):
    image = read_image(get_test_filepath(name)).north_up()
    assert (image.geometry.height, image.geometry.width) == image.data.shape
    limb = image.geometry.limb()
    centre, north = image.geometry.to_pixel(np.array([[0, 0], [0, 900]]))
    assert abs(north[0] - centre[0]) < 1 and north[1] < centre[1]
    centre = centre[None]
    radius = np.linalg.norm(limb - centre, axis=1)
    light = np.clip(image.data[::-1], 0, None)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]] + 0.5
    distance = np.hypot(x - centre[0, 0], y - centre[0, 1]) / radius.mean()
    assert np.ptp(radius) < 0.01 * radius.mean()
    assert light[distance < 0.95].mean() > 2 * light[distance > 1.25].mean()


def test_events_are_converted_to_the_view_of_another_spacecraft(make_event):
    """Solar Orbiter was 102 degrees to the west, so it faced the western limb seen from Earth."""
    image = read_image(
        get_test_filepath("2022_04_01__00_00_45__SOLO-EUI-FSI_EUI_FSI_174.jp2")
    ).north_up()
    times = {"event_starttime": "2022-04-01T00:00:00", "event_endtime": "2022-04-01T02:00:00"}
    west = make_event(**times, hpc_bbox=sun.wkt(900, -20, 930, 20))
    east = make_event(**times, hpc_bbox=sun.wkt(-700, -20, -650, 20))
    placed = placement.place_events(placement.parse_events([west, east]), image.geometry)
    assert [each.is_visible for each in placed] == [True, False]
    centre = image.geometry.to_pixel(np.zeros((1, 2)))[0]
    radius = np.linalg.norm(image.geometry.limb()[0] - centre)
    place = np.array([placed[0].shape.centroid.x, placed[0].shape.centroid.y])
    assert np.linalg.norm(place - centre) < 0.6 * radius


def test_a_box_without_area_is_replaced_by_the_position_of_the_event(make_event):
    """Flares in HEK have boxes without area at another position."""
    nowhere = "POLYGON((16.8 129.1,16.8 129.1,16.8 129.1,16.8 129.1,16.8 129.1))"
    flare = make_event(hpc_bbox=nowhere, hpc_coord="POINT(827.03772 -301.643718)")
    (event,) = placement.parse_events([flare])
    assert event.shape_field == "hpc_coord" and not event.shape.area
    assert (event.shape.x, event.shape.y) == (827.03772, -301.643718)


def test_outlines_are_used_if_they_exist(make_event):
    outline = "POLYGON((-300 400,-280 400,-290 420,-300 400))"
    both, box = make_event(hpc_boundcc=outline), make_event()
    assert [each.shape_field for each in placement.parse_events([both, box], outlines=True)] == [
        "hpc_boundcc",
        "hpc_bbox",
    ]
    assert placement.parse_events([both])[0].shape_field == "hpc_bbox"


@pytest.mark.parametrize(
    ("channel", "searched", "seen"),
    [
        ("171", "", True),
        ("171, 193", "", True),
        ("193_171", "", True),
        ("1171", "", False),
        ("17", "", False),
        ("EUV", "131,171,193", True),
        ("304", "171", False),
        ("visible", None, False),
        (None, None, False),
    ],
)
def test_a_channel_contains_a_wavelength_only_as_a_whole_number(
    make_event, channel, searched, seen
):
    record = make_event(obs_channelid=channel, search_channelid=searched)
    (event,) = placement.parse_events([record])
    assert event.matches(event.start, wavelength=171) is seen


@pytest.mark.parametrize(
    "row",
    [{"CDELT": "0.6"}, {**sun.META, "X0": ""}, {**sun.META, "CDELT": 0}, {**sun.META, "Y0": "nan"}],
)
def test_metadata_without_geometry_is_an_error(row):
    with pytest.raises(AstrodomeError, match="Missing or invalid"):
        geometry.ImageGeometry.from_metadata(row, 512, 512, sun.TIME)


def test_the_distance_of_the_earth_is_used_without_a_distance():
    known = view(4096)
    assumed = view(4096, DSUN="", R_SUN="")
    assert assumed.limb_arcsec == pytest.approx(known.limb_arcsec, rel=0.001)


def test_mutated_shapes_raise_no_exception(make_event, torture):
    """Mutated WKT is placed within the image, or has no position."""
    chance = random.Random(5)
    seen = view(256)
    frame = shapely.box(0, 0, 256, 256).buffer(1e-9)
    letters = "0123456789.,-() eEPOINTLYGMUnaif"
    for _ in range(torture(30, 1000)):
        found = [
            make_event(hpc_bbox=mutated(chance, letters), hpc_coord=chance.choice(("", REGION)))
            for _ in range(10)
        ]
        for each in placement.place_events(placement.parse_events(found), seen):
            assert each.shape.is_empty or frame.covers(each.shape)


def mutated(chance: random.Random, letters: str) -> str:
    text = list(REGION)
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(text))
        text[at : at + chance.randint(0, 3)] = chance.choices(letters, k=chance.randint(0, 3))
    return "".join(text)
