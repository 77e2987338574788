"""``scope features``: light curves and crossmatches in Kowalski and in local catalogues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import astrodome_ztf_scope as scope_api
import numpy as np
import pandas as pd
import pytest
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues.local import LocalCatalogue
from astrodome_ztf_scope.features.extraction import bright_stars
from services.fake_server import FakeServer
from services.kowalski import Kowalski
from ztf_scope import survey

Scope = Callable[..., Result]
QUICK = ("--algorithms", "LS", "--max-freq", "2", "--samples-per-peak", "3")
QUADRANT = ("--field", "487", "--ccd", "2", "--quad", "3")
WHOLE = Path("generated_features/field_487")
FILE = WHOLE / "gen_features_field_487_ccd_2_quad_3.parquet"


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    """Light curves as Kowalski stores them, in two quadrants of field 487."""
    simulated = scope_api.simulate_light_curves(8, seed=3, points=70, bands="gr").epochs
    found = []
    for number, (name, rows) in enumerate(simulated.groupby("_id")):
        epochs = rows[["hjd", "mag", "magerr", "catflags"]].to_dict("records")
        found.append(
            {
                "_id": int(name),
                "ra": float(rows["ra"].iloc[0]),
                "dec": float(rows["dec"].iloc[0]),
                "filter": int(rows["filter"].iloc[0]),
                "field": 487,
                "ccd": 2,
                "quad": 3 if number < 12 else 4,
                "nobs": len(epochs),
                "data": epochs,
            }
        )
    return found


@pytest.fixture
def store(documents: list[dict[str, Any]]) -> Kowalski:
    """Light curves with Gaia, AllWISE and alerts, but no Pan-STARRS object."""
    kowalski = Kowalski(survey.TOKEN)
    kowalski.store("ZTF_sources_20240117", documents)
    first = documents[0]
    gaia = {"phot_g_mean_mag": 16.5, "parallax": 1.25, "bp_rp": 0.8}
    near = {"ra": first["ra"], "dec": first["dec"] + 0.3 / 3600}
    far = {"ra": first["ra"], "dec": first["dec"] - 1.5 / 3600}
    kowalski.store(
        "Gaia_EDR3",
        [
            {"_id": 1_234_567_890_123_456_789, **near, **gaia},
            {"_id": 1_234_567_890_123_456_788, **far, **gaia, "phot_g_mean_mag": 19.0},
        ],
    )
    kowalski.store("AllWISE", [{"_id": 77, **far, "w1mpro": 14.25, "ph_qual": "AABU"}])
    kowalski.store("PS1_DR1", [{"_id": 5, "ra": 1.0, "dec": 1.0, "gMeanPSFMag": 15.0}])
    kowalski.store(
        "ZTF_alerts",
        [
            {"_id": 1, **near, "classifications": {"braai": 0.5, "acai_h": 0.9}},
            {"_id": 2, **far, "classifications": {"braai": 1.0}},
            {"_id": 3, **far},
        ],
    )
    return kowalski


@pytest.fixture
def kowalski(store: Kowalski, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with store.server() as server:
        monkeypatch.setenv("ASTRODOME_KOWALSKI_URL", server.url)
        monkeypatch.setenv("ASTRODOME_KOWALSKI_TOKEN", survey.TOKEN)
        yield server


@pytest.fixture
def folder(documents: list[dict[str, Any]], tmp_path: Path) -> str:
    """The same light curves in a local folder, with one row per light curve."""
    place = tmp_path / "survey"
    place.mkdir()
    rows = []
    for document in documents:
        lists = {
            name: [epoch[name] for epoch in document["data"]]
            for name in ("hjd", "mag", "magerr", "catflags")
        }
        rows.append({key: document[key] for key in document if key != "data"} | lists)
    pd.DataFrame(rows).to_parquet(place / "light_curves.parquet")
    return f"local:{place}"


def file_table(scope: Scope, documents: list[dict[str, Any]]) -> pd.DataFrame:
    """The table of the same light curves in a file."""
    frames = [pd.DataFrame(one["data"]).assign(_id=one["_id"]) for one in documents]
    pd.concat(frames).to_parquet("epochs.parquet")
    scope("features", "--file", "epochs.parquet", *QUICK, "--out=of_file.parquet").succeeded()
    return pd.read_parquet("of_file.parquet")


def test_a_quadrant_of_kowalski_has_the_layout_of_scope(
    scope: Scope, kowalski: FakeServer, documents: list[dict[str, Any]]
) -> None:
    about = scope("features", *QUADRANT, *QUICK, "--json").succeeded().json
    assert about["files"][0]["out"] == str(FILE) and about["done"] == 12
    table = pd.read_parquet(FILE)
    expected = file_table(scope, documents).head(12)
    assert table["_id"].tolist() == [one["_id"] for one in documents[:12]]
    assert set(zip(table["field"], table["ccd"], table["quad"], strict=True)) == {(487, 2, 3)}
    assert table["filter"].tolist() == [one["filter"] for one in documents[:12]]
    np.testing.assert_allclose(table["ra"], [one["ra"] for one in documents[:12]])
    for name in ("median", "period", "f1_amp", "stetson_j"):
        np.testing.assert_array_equal(table[name], expected[name])


def test_a_whole_field_skips_quadrants_without_sources(
    scope: Scope, kowalski: FakeServer, store: Kowalski
) -> None:
    result = scope("features", "--field=487", "--whole-field", *QUICK).succeeded()
    names = [path.name for path in sorted(WHOLE.iterdir())]
    assert names == [f"gen_features_field_487_ccd_2_quad_{quad}.parquet" for quad in (3, 4)]
    assert "16 light curves processed." in result.err
    store.asked.clear()
    scope("features", "--field=487", "--whole-field", *QUICK).succeeded()
    asked = [one["query"] for one in store.asked if "query" in one]
    assert not [query for query in asked if "data" in query.get("projection", {})]


def test_a_field_whose_light_curves_are_all_too_short_is_an_error(
    scope: Scope, kowalski: FakeServer
) -> None:
    line = ("features", "--field=487", "--whole-field", "--minobs=1", *QUICK)
    failed = scope(*line, "--min-points=500", "--json")
    assert failed.code == 2 and "No light curve can be used: 16 skipped." in failed.err
    assert [path.name.partition(".")[2] for path in WHOLE.iterdir()] == ["skipped.csv"] * 2


def test_a_list_of_identifiers_selects_light_curves(
    scope: Scope, kowalski: FakeServer, documents: list[dict[str, Any]]
) -> None:
    ids = [documents[5]["_id"], documents[2]["_id"], 10_000_000_000_007]
    pd.DataFrame({"ztf_id": ids, "obj_id": ["b", "a", "c"]}).to_csv("ids.csv", index=False)
    result = scope("features", "--ids", "ids.csv", *QUICK).succeeded()
    assert "10000000000007: not found in the catalogue kowalski" in result.err
    table = pd.read_parquet("features.parquet")
    assert table["_id"].tolist() == sorted(ids[:2])
    assert table["obj_id"].tolist() == ["a", "b"] and (table["field"] == 487).all()


@pytest.mark.parametrize("extension", ["csv", "txt", "h5", "parquet"])
def test_the_files_of_get_field_ids_are_read(
    extension: str, scope: Scope, kowalski: FakeServer
) -> None:
    scope("get-field-ids", f"ids.{extension}", *QUADRANT).succeeded()
    scope("features", "--ids", f"ids.{extension}", *QUICK).succeeded()
    assert len(pd.read_parquet("features.parquet")) == 12


def test_positions_select_the_light_curves_around_them(
    scope: Scope, kowalski: FakeServer, documents: list[dict[str, Any]]
) -> None:
    star = documents[4]
    near = [one["_id"] for one in documents if abs(one["dec"] - star["dec"]) < 1e-3]
    rows = {"RA": [star["ra"], 12.0, None], "Dec": [star["dec"], 80.0, 1.0], "obj_id": list("abc")}
    pd.DataFrame(rows).to_csv("mine.csv", index=False)
    result = scope("features", "--positions", "mine.csv", *QUICK).succeeded()
    assert "b: no light curve within 2 arcsec in the catalogue kowalski" in result.err
    table = pd.read_parquet("features.parquet")
    assert table["_id"].tolist() == near and set(table["obj_id"]) == {"a"}


def test_crossmatches_take_the_nearest_object_and_alerts_are_counted(
    scope: Scope, kowalski: FakeServer, documents: list[dict[str, Any]]
) -> None:
    extra = ("--crossmatch", "gaia,allwise,ps1", "--alerts")
    scope("features", *QUADRANT, *QUICK, *extra).succeeded()
    table = pd.read_parquet(FILE)
    first = table.iloc[0]
    assert first["Gaia_EDR3___id"] == 1_234_567_890_123_456_789
    assert first["Gaia_EDR3__phot_g_mean_mag"] == 16.5
    assert first["AllWISE__w1mpro"] == 14.25 and first["AllWISE__ph_qual"] == "AABU"
    assert np.isnan(first["AllWISE__w2mpro"]) and np.isnan(first["PS1_DR1__gMeanPSFMag"])
    assert first["n_ztf_alerts"] == 3
    assert first["mean_ztf_alert_braai"] == pytest.approx((0.5 + 0.9 + 1.0) / 3)
    last = table.iloc[-1]
    assert np.isnan(last["Gaia_EDR3__parallax"]) and last["n_ztf_alerts"] == 0
    assert last["mean_ztf_alert_braai"] == 0
    names = scope_api.load_config().feature_sets["ontological"].columns.values()
    assert not [n for n in names if n not in table]


def test_crossmatches_of_files_use_the_positions_of_the_epochs(
    scope: Scope, kowalski: FakeServer, documents: list[dict[str, Any]]
) -> None:
    frames = [
        pd.DataFrame(one["data"]).assign(_id=one["_id"], ra=one["ra"], dec=one["dec"])
        for one in documents[:3]
    ]
    pd.concat(frames).to_parquet("epochs.parquet")
    scope("features", "--file", "epochs.parquet", *QUICK, "--crossmatch", "gaia").succeeded()
    assert pd.read_parquet("features.parquet")["Gaia_EDR3__parallax"].tolist()[0] == 1.25


def test_light_curves_near_bright_stars_are_skipped(
    scope: Scope, kowalski: FakeServer, store: Kowalski, documents: list[dict[str, Any]]
) -> None:
    star = documents[6]
    bright = {"ra": star["ra"], "phot_g_mean_mag": 9.0, "bp_rp": 0.7}
    store.store("Gaia_EDR3", [{"_id": 9, "dec": star["dec"] + 40 / 3600, **bright}])
    result = scope("features", *QUADRANT, *QUICK, "--exclude-bright-stars").succeeded()
    assert f"{star['_id']}: within 40 arcsec of a star with G = 9.0" in result.err
    assert star["_id"] not in pd.read_parquet(FILE)["_id"].tolist()


def test_the_exclusion_radius_is_that_of_the_published_relations() -> None:
    """Computed from the polynomials of Riello et al. (2021) and the formula of SCoPe."""
    g, color = 8.5, 1.3
    b = g + 0.004288 + 0.8547 * color - 0.1244 * color**2 + 0.9085 * color**3
    b += -0.4843 * color**4 + 0.06814 * color**5
    v = g + 0.01077 + 0.0682 * color + 0.2387 * color**2 - 0.02342 * color**3
    d = b - v
    radius = 354.817 - 53.27823 * b + 66.01137 * d + 2.1031286 * b * b + 7.6737066 * d * d
    radius -= 6.164676 * b * d
    assert bright_stars.exclusion_radius(g, color) == pytest.approx(radius, rel=1e-12)
    assert bright_stars.exclusion_radius(13.5, 0.5) == 0


def test_a_local_catalogue_gives_the_same_table(
    scope: Scope, folder: str, documents: list[dict[str, Any]]
) -> None:
    expected = file_table(scope, documents)
    place = ("--catalogue", folder)
    scope("features", *QUADRANT, *QUICK, *place, "--out=one.parquet").succeeded()
    table = pd.read_parquet("one.parquet")
    for name in ("_id", "median", "period", "f1_amp"):
        np.testing.assert_array_equal(table[name], expected[name][:12])
    pd.DataFrame({"ra": [documents[0]["ra"]], "dec": [documents[0]["dec"]]}).to_csv("p.csv")
    scope("features", "--positions=p.csv", *QUICK, *place).succeeded()
    assert documents[0]["_id"] in pd.read_parquet("features.parquet")["_id"].tolist()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--field=488", "--ccd=2", "--quad=3"), 2, "No light curves found"),
        (("--field=487", "--ccd=2"), 2, "No quadrant specified"),
        (("--field=488", "--whole-field"), 2, "No light curves found"),
        (("--ids=none.csv",), 2, "not found in the catalogue kowalski"),
        (("--ids=wrong.csv",), 2, "has no column _id or ztf_id"),
        (("--positions=wrong.csv",), 2, "has no columns ra and dec"),
        (("--field=487", "--ccd=17", "--quad=1"), 2, "Invalid --ccd '17'"),
        ((*QUADRANT, "--catalog=ZTF_sources_x"), 1, "not found in any Kowalski instance"),
    ],
)
def test_an_invalid_selection_is_one_short_error(
    scope: Scope, kowalski: FakeServer, options: tuple[str, ...], code: int, words: str
) -> None:
    Path("none.csv").write_text("10000000000009\n")
    Path("wrong.csv").write_text("a,b\n1,2\n")
    result = scope("features", *options, *QUICK)
    assert result.code == code and words in result.err and "Traceback" not in result.err
    assert not list(Path().glob("**/*.parquet"))


@pytest.mark.parametrize("names", [{1: "zg", 2: "zr"}, {1: "g", 2: "r"}, {1: "1", 2: "2"}])
@pytest.mark.parametrize("column", ["filter", "filtercode"])
def test_the_filters_of_a_local_catalogue_may_be_names(
    scope: Scope,
    documents: list[dict[str, Any]],
    folder: str,
    names: dict[int, str],
    column: str,
) -> None:
    pd.DataFrame(documents)[["ra", "dec"]].to_csv("positions.csv", index=False)
    select = ("--positions", "positions.csv", "--catalogue", folder)
    scope("features", *select, *QUICK, "--out=numbers.parquet").succeeded()
    path = Path(folder.partition(":")[2]) / "light_curves.parquet"
    table = pd.read_parquet(path)
    table = table.assign(filter=table["filter"].map(names)).rename(columns={"filter": column})
    table.to_parquet(path)
    scope("features", *select, *QUICK, "--out=names.parquet").succeeded()
    numbers, named = map(pd.read_parquet, ("numbers.parquet", "names.parquet"))
    assert set(numbers["filter"]) == {1, 2}
    pd.testing.assert_frame_equal(numbers, named)
    (curve,) = LocalCatalogue(path.parent).find("sources", {"_id": documents[0]["_id"]}, ["filter"])
    assert curve["filter"] == documents[0]["filter"]


def test_a_catalogue_given_as_collection_is_named_before_a_connection(scope: Scope) -> None:
    failed = scope("features", *QUADRANT, "--catalog", "local:survey")
    assert (
        failed.code == 2
        and "Hint: To select a catalogue, use --catalogue local:survey." in failed.err
    )
