"""Components of an upload: names, clusters, epochs, taxonomy maps, labels, option syntax."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues import light_curves, positions
from astrodome_ztf_scope.config import taxonomy_maps
from astrodome_ztf_scope.marshal.classifications import labels, photometry
from hypothesis import example, given
from hypothesis import strategies as st
from services.fake_server import FakeServer
from services.fritz import Fritz
from ztf_scope.survey import TOKEN

Scope = Callable[..., Result]


@pytest.mark.parametrize(
    ("ra", "dec", "name"),
    [
        (10.0, -0.5, "ZTFJ004000.00-003000.0"),
        (0.0, 0.0, "ZTFJ000000.00+000000.0"),
        (0.0, -0.00001, "ZTFJ000000.00-000000.0"),
        (359.999999999, 89.999999, "ZTFJ235959.99+895959.9"),
        (254.9999999, 9.99999999, "ZTFJ165959.99+095959.9"),
        (0.1, 0.1, "ZTFJ000024.00+000600.0"),
        (123.0, -90.0, "ZTFJ081200.00-900000.0"),
    ],
)
def test_a_name_is_truncated_and_never_has_60_seconds(ra: float, dec: float, name: str) -> None:
    assert positions.iau_name(ra, dec) == name


def units(name: str) -> tuple[int, int]:
    """Return hundredths of a second of time and tenths of an arcsecond in a name."""
    assert len(name) == 22 and name[10] == name[20] == "."
    h, m, s = int(name[4:6]), int(name[6:8]), int(name[8:10])
    d, n, c = int(name[14:16]), int(name[16:18]), int(name[18:20])
    assert h < 24 and m < 60 and s < 60 and n < 60 and c < 60
    tenths = (d * 3600 + n * 60 + c) * 10 + int(name[21])
    return (h * 3600 + m * 60 + s) * 100 + int(name[11:13]), tenths


SMALL = Fraction(6, 10**10)
"""Maximum rounding error of a position, in degrees."""


@example(0.03, 0.03)
@example(359.9999999999, 90.0)
@example(359.99999999999994, -90.0)
@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90))
def test_the_name_of_a_position_contains_its_truncated_coordinates(ra: float, dec: float) -> None:
    name = positions.iau_name(ra, dec)
    hundredths, tenths = units(name)
    gap = (Fraction(ra) - Fraction(hundredths, 24_000) + SMALL) % 360
    assert 0 <= gap < Fraction(1, 24_000) + SMALL
    assert -SMALL <= abs(Fraction(dec)) - Fraction(tenths, 36_000) < Fraction(1, 36_000)
    assert name[13] == ("-" if dec < 0 else "+")


@example(6_889_124, 1)
@given(st.integers(0, 8_639_999), st.integers(-3_240_000, 3_240_000))
def test_a_position_at_exact_hundredths_and_tenths_is_named_by_them(
    hundredths: int, tenths: int
) -> None:
    ra, dec = hundredths / 24_000, tenths / 36_000
    assert units(positions.iau_name(ra, dec)) == (hundredths, abs(tenths))
    if abs(tenths) < 3_200_000:  # nearer to the pole the mean has no such RA
        assert units(positions.iau_name(*positions.mean(ra, dec))) == (hundredths, abs(tenths))


def test_an_invalid_position_is_an_error() -> None:
    for ra, dec in ((360.1, 0.0), (-1.0, 0.0), (0.0, 91.0), (float("nan"), 0.0)):
        with pytest.raises(AstrodomeError, match="Invalid position"):
            positions.iau_name(ra, dec)


def test_the_mean_of_positions_is_correct_at_ra_0_and_at_the_pole() -> None:
    assert positions.mean([359.9999, 0.0001], [5, 5]) == (0.0, pytest.approx(5.0))
    assert positions.mean([0, 90, 180, 270], [89.9999] * 4)[1] == pytest.approx(90)
    assert positions.mean([4.5 - 1e-6, 4.5 + 1e-6], [3, 3])[0] == 4.5


def test_clusters_extend_across_ra_0() -> None:
    ra = [0.0001, 359.9999, 10.0, np.nan, 200.0, 20.0, 10.00001]
    dec = [5.0, 5.0, 0.0, 1.0, 89.9999, 89.9999, 0.0]
    found = positions.clusters(ra, dec, 2.0)
    assert found[0] == found[1] and found[2] == found[6] and found[4] == found[5]
    assert len(set(found)) == 4


def table(**changes: list[object]) -> pd.DataFrame:
    columns = {
        "id": [1] * 6,
        "hjd": [2458200.5, 2458201.5, 2458202.5, 2458203.5, 2458203.5, 2458204.5],
        "mag": [17.0, 17.1, np.nan, 17.3, 17.3, 21.5],
        "magerr": [0.1] * 6,
        "filter": [1, 1, 1, 2, 2, 2],
        "catflags": [0, 32768, 0, 0, 0, 0],
        "programid": [2, 2, 2, 3, 3, 1],
        "expid": [1, 2, 3, 4, 4, 5],
    }
    return pd.DataFrame({**columns, **changes})


def test_flagged_repeated_and_excluded_epochs_are_removed() -> None:
    assert list(photometry.select_epochs(table())["hjd"]) == [2458200.5, 2458203.5, 2458204.5]
    only = photometry.select_epochs(table(), programs=(3,))
    assert list(only["hjd"]) == [2458203.5]
    assert list(photometry.select_epochs(table(), max_hjd=2458203.5)["hjd"]) == [
        2458200.5,
        2458203.5,
    ]
    bare = table().drop(columns=["catflags", "programid", "expid"])
    assert len(photometry.select_epochs(bare, programs=(1,))) == 4


def test_the_limiting_magnitude_is_that_of_the_band_and_at_least_the_magnitude() -> None:
    points = photometry.to_photometry(photometry.select_epochs(table()), 10.0, 20.0)
    assert list(points["limiting_mag"]) == [20.8, 20.6, 21.5]
    given = photometry.to_photometry(photometry.select_epochs(table()), 10.0, 20.0, 22.0)
    assert list(given["limiting_mag"]) == [22.0] * 3


def test_existing_points_are_recognized_by_filter_and_time() -> None:
    points = photometry.to_photometry(photometry.select_epochs(table()), 10.0, 20.0)
    there = [{"filter": "ztfg", "mjd": points["mjd"][0] + 1e-8}]
    there += [{"filter": "ztfg", "mjd": points["mjd"][1]}, {"filter": "ztfr", "mjd": None}]
    assert list(photometry.missing_points(points, there)["filter"]) == ["ztfr", "ztfr"]
    assert len(photometry.missing_points(points, [])) == 3


def test_many_points_are_sent_in_several_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photometry, "POINTS_PER_REQUEST", 2)
    points = photometry.to_photometry(photometry.select_epochs(table()), 10.0, 20.0)
    parts = list(photometry.payloads(points, "a", 3, [200]))
    assert [len(part["mjd"]) for part in parts] == [2, 1]
    assert json.dumps(parts) and parts[0]["magsys"] == "ab" and parts[0]["instrument_id"] == 3


def test_epochs_of_kowalski_documents_have_their_own_positions() -> None:
    document = {"_id": 7, "filter": 2, "ra": 1.0, "dec": 2.0}
    data = [{"hjd": 2458200.5, "mag": 17, "magerr": 0.1, "programid": 1, "ra": 1.1, "uexpid": 9}]
    found = light_curves.from_documents(
        [{**document, "data": data}, {**document, "_id": 8, "data": []}]
    )
    (row,) = found.to_dict(orient="records")
    assert (row["id"], row["filter"], row["ra"], row["dec"]) == (7, 2, 1.1, 2.0)
    assert row["expid"] == 9 and row["programid"] == 1
    assert light_curves.from_documents([]).empty


@pytest.mark.parametrize("which", ["golden", "tags"])
def test_the_built_in_maps_are_those_of_scope_ml(which: str) -> None:
    found = taxonomy_maps.read(which)
    assert taxonomy_maps.has_taxonomies(which) and len(found) in (55, 45)
    some = found["RR Lyrae ab" if which == "golden" else "rrab"]
    assert some and some.name == "RRab" and some.taxonomy_id in (1011, 1015)
    if which == "golden":
        assert found["nice"] is None
    assert taxonomy_maps.read(which, 9)[next(iter(found))].taxonomy_id == 9


def test_an_invalid_map_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    for text, words in (
        ("{", "not valid JSON"),
        ("[]", "is not a valid taxonomy map"),
        ('{"a": "b"}', "the label 'a' has no valid taxonomy_id"),
        ('{"a": {"fritz_label": "b"}}', "the label 'a' has no valid taxonomy_id"),
    ):
        path.write_text(text)
        with pytest.raises(AstrodomeError, match=words):
            taxonomy_maps.read(str(path))
    with pytest.raises(AstrodomeError, match="Taxonomy map 'nowhere' not found"):
        taxonomy_maps.read("nowhere")


def test_the_last_columns_contain_the_probabilities_including_0() -> None:
    rows = pd.DataFrame({"ra": [1.0, 2.0], "x": [0.0, 0.5], "y": [1.0, None]})
    found = labels.select(rows, ["variable", "flaring"], taxonomy_id=7)
    assert [(one.column, one.target.name) for one in found] == [("x", "variable"), ("y", "flaring")]
    said = [labels.of_row(row, found) for row in rows.to_dict(orient="records")]
    assert [[(t.name, p) for t, p in row] for row in said] == [
        [("variable", 0.0), ("flaring", 1.0)],
        [("variable", 0.5)],
    ]
    assert [line["rows"] for line in labels.summary(rows, found)] == [2, 1]
    assert [len(labels.of_row(row, found, 0.5)) for row in rows.to_dict(orient="records")] == [1, 1]
    with pytest.raises(AstrodomeError, match="No taxonomy specified for the classes"):
        labels.select(rows, ["variable"])
    with pytest.raises(
        AstrodomeError, match="Expected at least 4 columns, one for each class, got 3"
    ):
        labels.select(rows, ["a", "b", "c", "d"], taxonomy_id=7)


def test_two_labels_of_one_class_are_posted_once() -> None:
    Path("map.json").write_text('{"EA": "Eclipsing", "EB": "Eclipsing", "nice": null}')
    target = taxonomy_maps.TaxonomyClass("Eclipsing", 7)
    rows = pd.DataFrame({"EA": [0.9], "EB": [0.4]})
    found = labels.select(rows, ["read"], "map.json", 7)
    assert labels.of_row(rows.iloc[0].to_dict(), found) == [(target, 0.9)]


def test_options_can_be_written_in_every_syntax(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    fritz.add_source("a", 1.0, 2.0, 360)
    fritz.add_source("b", 3.0, 2.0, 361)
    for spelling in (
        ["-group_ids", "360", "361", "-token", TOKEN],
        ["--group-ids", "360", "--group-ids", "361", "--token", TOKEN],
        ["--group_ids", "360", "361", f"--token={TOKEN}"],
        ["-group-ids=360", "-group_ids", "361", f"-token={TOKEN}", "--long", "False"],
        ["-file", "parse", "--group-ids", "360", "361", "--token", TOKEN, "-long=true"],
    ):
        about = scope("download-classification", *spelling, "--json").succeeded().json
        assert about["found"] == 2
        assert ("long" in about) == (spelling[-1] == "-long=true")
    wrong = scope("download-classification", "-group_idz", "360", "-token", TOKEN)
    assert wrong.code == 2 and "--group-ids" in wrong.err


def test_the_value_of_an_option_can_start_with_a_dash(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    fritz.add_source("a", 1.0, 2.0, 360)
    line = f"manage-annotation -action post -source a -group_ids 360 -token {TOKEN} -key -some_key"
    for origin, value in (("-my_origin", "-0.5"), ("--json", "-1")):
        scope(*line.split(), "-origin", origin, "-value", value).succeeded()
        (row,) = fritz.rows("SELECT data FROM annotations WHERE origin = ?", origin)
        assert json.loads(row["data"]) == {"-some_key": float(value)}


def test_the_journal_shows_every_request(scope: Scope, marshal: FakeServer, fritz: Fritz) -> None:
    assert scope("journal", "--json").succeeded().json == []
    fritz.add_source("a", 1.0, 2.0, 360)
    line = f"manage-annotation -action post -source a -group_ids 360 -token {TOKEN} -origin o"
    scope(*line.split(), "-key", "k", "-value", "1").succeeded()
    (row,) = scope("journal", "--json").succeeded().json
    assert (row["obj_id"], row["action"], row["state"]) == ("a", "annotation", "done")
    assert json.loads(row["request"]) == {"origin": "o", "data": {"k": 1}, "group_ids": [360]}
    assert scope("journal", "--state", "begun", "--json").succeeded().json == []
    assert scope("journal", "--obj-id", "b", "--json").succeeded().json == []
