"""Shapes in HEK records: valid shapes are used, and invalid ones cause no warnings."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome_hek_events import placement, wkt
from astrodome_hek_events.store.event_store import EventStore
from astrodome_hek_events.store.queries import EventFilter
from astrodome_hek_events.views import export
from astrodome_solar import geometry
from hek_events import sun

BOX = "POLYGON((0 0,10 0,10 10,0 10,0 0))"
UNUSABLE = [
    *(None, "", " ", "POLYGON EMPTY", "POLYGON((0 0,1 1))", "POLYGON((0 0,1 0,1 1", "text"),
    *("POLYGON((nan nan,nan nan,nan nan,nan nan))", "POLYGON((0 nan,1 0,1 1,0 nan))"),
    *("POLYGON((inf 0,1 0,1 1,inf 0))", "POLYGON((-INF 0,1 0,1 1,-INF 0))", "POINT(NaN NaN)"),
    *("POLYGON((1e6 0,1 0,1 1,1e6 0))", "POINT(0 1e308)"),
    *("POLYGON((1e400 0,1 0,1 1,1e400 0))", "LINESTRING(0 0,1 1)", "MULTIPOINT((0 0),(1 1))"),
    "GEOMETRYCOLLECTION(" * 20_000,
    f"GEOMETRYCOLLECTION({BOX})",
]


@pytest.fixture(autouse=True)
def no_floating_point_error():
    """Turn warnings of NumPy and shapely about numbers into errors."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.mark.parametrize("text", UNUSABLE)
def test_a_text_that_is_not_a_finite_polygon_or_point_has_no_shape(text):
    found = wkt.parse([text, BOX])
    assert found[0] is None and found[1].area == 100


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        (BOX.lower(), (0, 0, 10, 10)),
        (f"  MULTI{BOX.replace('((', '(((').replace('))', ')))')}", (0, 0, 10, 10)),
        ("POLYGON Z ((0 0 1,10 0 1,10 10 1,0 0 1))", (0, 0, 10, 10)),
        ("POINT (1e3 -2.5)", (1000, -2.5, 1000, -2.5)),
        ("POLYGON((-9e5 0,9e5 0,9e5 9e5,-9e5 0))", (-9e5, 0, 9e5, 9e5)),
    ],
)
def test_finite_polygons_and_points_are_shapes(text, bounds):
    assert wkt.parse([text])[0].bounds == bounds


def test_the_result_has_the_shape_of_the_texts():
    assert wkt.parse(np.array([[BOX, None], [None, BOX]], object)).shape == (2, 2)
    assert wkt.parse([]).shape == (0,)


@pytest.mark.parametrize("text", UNUSABLE)
def test_an_event_with_an_invalid_box_has_its_center_as_shape(make_event, text):
    (event,) = placement.parse_events([make_event(hpc_bbox=text, hpc_boundcc=text)])
    assert event.shape_field == "hpc_coord" and event.shape.wkt == "POINT (-311.5 402.25)"
    (nowhere,) = placement.parse_events(
        [make_event(hpc_bbox=text, hpc_boundcc=text, hpc_coord=text, hpc_x=None)]
    )
    assert nowhere.shape is None


@pytest.mark.parametrize("value", [3, [], [[]], {"a": 1}, True])
def test_a_box_that_is_not_text_has_no_shape(make_event, value):
    (event,) = placement.parse_events([make_event(hpc_bbox=value)])
    assert event.shape_field == "hpc_coord"


def test_a_stored_event_with_an_invalid_box_has_no_corners(make_event, tmp_path):
    store = EventStore(f"sqlite:///{tmp_path / 'hek.db'}")
    texts = [text for text in UNUSABLE if text is None or len(text) < 1000]
    store.add([make_event(kb_archivid=str(n), hpc_bbox=text) for n, text in enumerate(texts)])
    store.add([make_event(kb_archivid="point", hpc_bbox="POINT(1 2)")])
    store.add([make_event(kb_archivid="box", hpc_bbox=BOX)])
    rows = {row["kb_archivid"]: row for row in store.rows(EventFilter())}
    assert len(rows) == len(texts) + 2
    assert (rows["box"]["hpc_x_min"], rows["box"]["hpc_y_max"]) == (0, 10)
    others = [row for name, row in rows.items() if name != "box"]
    assert all(row[f"hpc_{c}"] is None for row in others for c in ("x_min", "y_max"))
    document = json.loads(export.to_text(list(rows.values()), "geojson", "a test"))
    kinds = {each["id"]: each["geometry"]["type"] for each in document["features"]}
    assert kinds.pop("box") == "Polygon" and set(kinds.values()) == {"Point"}


def test_an_image_with_an_invalid_observer_is_reported_and_the_others_are_plotted(
    events, answer, make_event, tmp_path, monkeypatch
):
    from astropy.io import fits

    during = {"event_starttime": "2014-01-01T00:00:00", "event_endtime": "2014-01-01T03:00:00"}
    url = f"sqlite:///{tmp_path / 'hek.db'}"
    events("import", answer(make_event(**during)), "--db-connection-string", url).succeeded()
    header = {
        **{"DATE-OBS": "2014-01-01T00:00:11", "WAVELNTH": 171, "WAVEUNIT": "angstrom"},
        **{"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec"},
        **{
            "CDELT1": 38.4,
            "CDELT2": 38.4,
            "CRPIX1": 32.5,
            "CRPIX2": 32.5,
            "CRVAL1": 0,
            "CRVAL2": 0,
        },
        **{"DSUN_OBS": 1e-300, "HGLN_OBS": 0.0, "HGLT_OBS": 0.0, "TELESCOP": "SDO/AIA"},
    }
    bad = tmp_path / "bad.fits"
    fits.PrimaryHDU(np.ones((64, 64), np.float32), fits.Header(header)).writeto(bad)
    good = sun.write_image(tmp_path / "sun", sun.corona(128))
    out = ("--out", tmp_path / "out", "--size", 300, "--db-connection-string", url)
    with np.errstate(all="ignore"):
        result = events("plot", bad, good, *out, "--json")
    assert result.code == 1, result
    assert "Traceback" not in result.err and "Unexpected" not in result.err
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_geometry_without_finite_pixels_is_an_error(make_event):
    import dataclasses

    view = geometry.ImageGeometry.from_metadata(sun.META, 256, 256, sun.TIME)
    spoilt = view.wcs.deepcopy()
    spoilt.wcs.cdelt = [np.nan, np.nan]
    with pytest.raises(AstrodomeError, match="observer position or the scale"):
        placement.place_events(
            placement.parse_events([make_event()]), dataclasses.replace(view, wcs=spoilt)
        )
