"""``scope upload-classification`` with a fake Fritz server."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome.testing import Result
from services.fake_server import FakeServer, Request
from services.fritz import Fritz
from services.kowalski import Kowalski
from ztf_scope.survey import GROUPS, TOKEN, Survey, local_marshal, taxonomy_map

Scope = Callable[..., Result]

MANUAL = (
    "upload-classification -file sample.csv -group_ids 500 250 750 -taxonomy_id 7 "
    f"-classification variable flaring -token {TOKEN} -taxonomy_map map.json -comment vetted"
).split()


@pytest.fixture
def manual(survey: Survey) -> list[str]:
    """Return the command line of the manual, and write its files."""
    survey.csv(Path("sample.csv"))
    taxonomy_map(Path("map.json"))
    return [*MANUAL, "--catalogue", survey.catalogue]


def once_each(fritz: Fritz, sources: int, *, comments: bool = True) -> None:
    """Check that every source has its groups, classes, annotation and comment exactly once."""
    assert fritz.count("sources") == sources
    assert fritz.count("saved") == sources * len(GROUPS)
    classes = fritz.rows(
        "SELECT obj_id, classification, COUNT(*) AS n FROM classifications GROUP BY 1, 2"
    )
    assert len(classes) == 2 * sources and {row["n"] for row in classes} == {1}
    assert fritz.count("annotations") == sources
    texts = fritz.rows("SELECT obj_id, text, COUNT(*) AS n FROM comments GROUP BY 1, 2")
    if comments:
        assert len(texts) == sources and {row["n"] for row in texts} == {1}


def test_the_example_in_the_manual_uploads_everything(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    result = scope(*manual, "--json").succeeded().json
    assert (result["done"], result["skipped"], result["failed"]) == (6, 0, [])
    assert [(c["column"], c["class"], c["taxonomy"]) for c in result["columns"]] == [
        ("variable", "variable", 7),
        ("flaring", "flaring", 7),
    ]
    once_each(fritz, 6)
    for row in survey.table.itertuples():
        (source,) = [s for s in result["rows"] if s["row"] == row.Index]
        classes = fritz.rows("SELECT * FROM classifications WHERE obj_id = ?", source["obj_id"])
        assert {c["classification"]: c["probability"] for c in classes} == {
            "variable": row.variable,
            "flaring": row.flaring,
        }
        assert all(json.loads(c["groups"]) == list(GROUPS) and c["ml"] for c in classes)
        (period,) = fritz.rows("SELECT * FROM annotations WHERE obj_id = ?", source["obj_id"])
        assert period["origin"] == "uploadedperiod"
        assert json.loads(period["data"]) == {"period": pytest.approx(row.period)}


def test_the_same_command_again_changes_nothing(
    scope: Scope, marshal: FakeServer, fritz: Fritz, manual: list[str]
) -> None:
    scope(*manual).succeeded()
    sent = len(marshal.requests)
    assert scope(*manual, "--json").succeeded().json["skipped"] == 6
    assert len(marshal.requests) == sent  # completed in the journal
    result = scope(*manual, "--recheck", "--json").succeeded().json
    assert (result["done"], result["unchanged"]) == (0, 6)
    assert {row["status"] for row in result["rows"]} == {"unchanged"}
    assert all(not row["changes"] for row in result["rows"])
    shown = scope(*manual, "--recheck").succeeded().err
    assert "0 rows uploaded; 6 checked, nothing to change." in shown
    assert {request.method for request in marshal.requests[sent:]} == {"GET"}
    once_each(fritz, 6)


def test_a_source_outside_the_radius_is_another_source(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    for number, gap in enumerate((1.9, 2.1, 30.0, 119.0)):
        star = survey.table.iloc[number]
        fritz.add_source(f"ZTFJnear{number}", star["ra"], star["dec"] + gap / 3600, 500)
    result = scope(*manual, "--stop", "3", "--json").succeeded().json
    names = [row["obj_id"] for row in result["rows"]]
    assert names[0] == "ZTFJnear0" and not any("near" in name for name in names[1:])
    assert fritz.count("sources") == 4 + 3


def test_resume_is_the_first_row_and_stop_the_last(
    scope: Scope, marshal: FakeServer, fritz: Fritz, manual: list[str]
) -> None:
    selected = scope(*manual, "-resume", "2", "--stop", "3", "--json").succeeded().json
    assert [row["row"] for row in selected["rows"]] == [2, 3]
    once_each(fritz, 2)
    scope(*manual).succeeded()
    once_each(fritz, 6)


def test_photometry_contains_unflagged_epochs_with_geocentric_times(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    scope(*manual).succeeded()
    points = pd.DataFrame(fritz.rows("SELECT * FROM photometry"))
    curves = pd.read_parquet(survey.folder / "light_curves.parquet")
    # Of 12 epochs, one is flagged, one belongs to no program, and one exposure is repeated.
    assert len(points) == len(curves) * 9
    assert set(points["filter"]) == {"ztfg", "ztfr"} and set(points["magsys"]) == {"ab"}
    assert (points["limiting_mag"] > points["mag"]).all() and set(points["instrument_id"]) == {3}
    from astropy.coordinates import EarthLocation, SkyCoord
    from astropy.time import Time

    centre = EarthLocation.from_geocentric(0, 0, 0, unit="m")
    times = Time(points["mjd"].to_numpy(), format="mjd", scale="utc", location=centre)
    there = SkyCoord(points["ra"], points["dec"], unit="deg")
    hjd = (times + times.light_travel_time(there, "heliocentric")).utc.jd
    known = np.concatenate(curves["hjd"].to_list())
    assert np.abs(known[:, None] - hjd).min(axis=0).max() * 86_400 < 0.05
    moved = np.abs(points["mjd"].to_numpy() + 2_400_000.5 - hjd) * 86_400
    assert 60 < moved.max() < 520


def test_programs_and_the_last_epoch_select_single_epochs(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    last = 2_458_600.5
    scope(*manual, "--max-timestamp-hjd", last, "--programs", "0", "2").succeeded()
    points = fritz.rows("SELECT mjd FROM photometry")
    curves = pd.read_parquet(survey.folder / "light_curves.parquet")
    wanted = sum(
        1
        for row in curves.itertuples()
        for k, (t, flag) in enumerate(zip(row.hjd, row.catflags, strict=True))
        if t <= last and flag == 0 and k != 4
    )
    assert 0 < len(points) == wanted < 10 * len(curves)


def test_an_existing_source_gets_only_the_missing_data(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    star = survey.table.iloc[0]
    fritz.add_source("ZTF18aaaaaaa", star["ra"], star["dec"] + 0.5 / 3600, 250)
    fritz.add_source("ZTFJ0000", star["ra"], star["dec"] + 1 / 3600, 500)
    same = {"obj_id": "ZTFJ0000", "taxonomy_id": 7, "probability": 0.5}
    fritz.post_classification({**same, "classification": "variable", "group_ids": [500, 250]})
    fritz.post_annotation({"origin": "uploadedperiod", "data": {"period": 9.0}}, "ZTFJ0000")
    fritz.post_comment({"text": "vetted"}, "ZTFJ0000")
    scope(*manual, "--stop", "0").succeeded()
    assert fritz.count("sources") == 2 and fritz.count("comments") == 1
    classes = fritz.rows("SELECT * FROM classifications ORDER BY id")
    assert [(c["classification"], json.loads(c["groups"])) for c in classes] == [
        ("variable", [500, 250]),
        ("variable", [750]),  # posted only for the group without this class
        ("flaring", list(GROUPS)),
    ]
    (period,) = fritz.rows("SELECT * FROM annotations")
    assert json.loads(period["data"]) == {"period": 9.0}
    saved = fritz.rows("SELECT group_id FROM saved WHERE obj_id = 'ZTFJ0000' ORDER BY 1")
    assert [row["group_id"] for row in saved] == [250, 500, 750]


def test_read_supports_both_formats_of_the_map(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey
) -> None:
    survey.csv(Path("sample.csv"), flaring=0.0, nice=1.0)
    taxonomy_map(Path("old.json"))
    target = {"fritz_label": "periodic", "taxonomy_id": 7}
    Path("new.json").write_text(json.dumps({"variable": target, "nice": {"fritz_label": "None"}}))
    line = ["upload-classification", "-file", "sample.csv", "-group_ids", "500", "-token", TOKEN]
    line += ["-classification", "Read", "--catalogue", survey.catalogue]
    scope(*line, "-taxonomy_map", "old.json", "-taxonomy_id", "7").succeeded()
    found = {row["classification"] for row in fritz.rows("SELECT * FROM classifications")}
    assert found == {"variable"} and fritz.count("classifications") == 6  # not 0 and None
    scope(*line, "-taxonomy_map", "new.json", "--p-threshold", "0.5").succeeded()
    likely = int((survey.table["variable"] >= 0.5).sum())
    assert fritz.count("classifications") == 6 + likely


def test_columns_without_probabilities_are_an_error_before_the_first_request(
    scope: Scope, marshal: FakeServer, survey: Survey
) -> None:
    survey.table[["ra", "variable", "dec", "period"]].to_csv("sample.csv", index=False)
    refused = scope(*MANUAL, "--catalogue", survey.catalogue)
    assert refused.code == 2 and "for class 'variable' in column 'dec'" in refused.err
    assert not marshal.requests


def test_a_dry_run_shows_every_request_and_sends_none(
    scope: Scope, marshal: FakeServer, fritz: Fritz, manual: list[str]
) -> None:
    shown = scope(*manual, "--dry-run", "--json").succeeded().json
    assert {request.method for request in marshal.requests} == {"GET"}
    assert fritz.count("sources") == 0
    verbs = [change["verb"] for change in shown["rows"][0]["changes"]]
    assert verbs == ["save source", "photometry", "annotation", "classifications", "comment"]
    done = scope(*manual, "--json").succeeded().json
    assert done["rows"][0]["changes"] == shown["rows"][0]["changes"]


def test_rows_of_one_star_become_one_source_in_parallel_uploads(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    several = pd.concat([survey.table] * 5, ignore_index=True)
    several["ra"] = (several["ra"] + np.linspace(-2e-5, 2e-5, len(several))) % 360
    several.to_csv("sample.csv", index=False)
    done = scope(*manual, "--jobs", "16", "--json").succeeded().json
    assert len(done["rows"]) == 30
    once_each(fritz, 6)


def test_rows_of_different_stars_are_uploaded_at_the_same_time(
    scope: Scope, marshal: FakeServer, fritz: Fritz, manual: list[str]
) -> None:
    both = threading.Barrier(2, timeout=10)

    def choose(request: Request) -> str:
        if (request.method, request.path) == ("POST", "/api/sources"):
            both.wait()
        return ""

    marshal.choose = choose
    scope(*manual, "--stop", "1", "--jobs", "2").succeeded()
    assert not both.broken, "both requests were sent before one of them was answered"
    once_each(fritz, 2)


def test_rows_with_the_same_obj_id_are_uploaded_one_after_the_other(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    several = survey.table.head(2)  # at different positions
    several.insert(0, "obj_id", "ZTFJ0000")
    several.to_csv("sample.csv", index=False)
    fritz.add_source("ZTFJ0000", several["ra"][0], several["dec"][0], 500)
    both = threading.Barrier(2, timeout=0.2)

    def choose(request: Request) -> str:
        if request.method == "POST" and "comments" in request.path:
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait()
        return ""

    marshal.choose = choose
    scope(*manual, "--use-existing-obj-id", "--jobs", "2").succeeded()
    assert both.broken
    assert fritz.count("sources") == fritz.count("comments") == 1


def test_failed_rows_are_listed_and_the_other_rows_are_uploaded(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    table = survey.table.copy()
    table.loc[1, "ra"] = 180.0  # no light curve is at this position
    table.loc[2, "dec"] = np.nan
    table.to_csv("sample.csv", index=False)
    result = scope(*manual, "--json")
    assert result.code == 1
    assert {one["name"]: one["reason"] for one in result.json["failed"]}.keys() == {
        "row 1",
        "row 2",
    }
    assert "No light curve found within 2 arcsec" in result.out and "no position" in result.out
    once_each(fritz, 4)
    survey.table.to_csv("sample.csv", index=False)
    assert scope(*manual, "--json").succeeded().json["skipped"] == 4
    once_each(fritz, 6)


def test_other_classes_of_the_groups_can_be_replaced(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    scope(*manual).succeeded()
    obj_id = fritz.rows("SELECT id FROM sources ORDER BY id")[0]["id"]
    other = {"obj_id": obj_id, "taxonomy_id": 7, "classification": "periodic", "probability": 1.0}
    fritz.post_classification({**other, "group_ids": [500]})
    fritz.post_classification({**other, "group_ids": [360]})
    survey.csv(Path("sample.csv"), variable=0.99)
    scope(*manual, "--replace-classifications").succeeded()
    left = fritz.rows("SELECT * FROM classifications WHERE obj_id = ? ORDER BY id", obj_id)
    assert [(c["classification"], json.loads(c["groups"])) for c in left] == [
        ("flaring", list(GROUPS)),
        ("periodic", [360]),
        ("variable", list(GROUPS)),
    ]
    assert left[-1]["probability"] == 0.99


def test_plots_can_be_posted_as_comments(
    scope: Scope, marshal: FakeServer, fritz: Fritz, manual: list[str]
) -> None:
    import base64

    plots = ("--post-phot-as-comment", "--post-phasefolded-phot")
    scope(*manual, "--stop", "1", *plots).succeeded()
    found = fritz.rows("SELECT * FROM comments WHERE attachment IS NOT NULL")
    assert len(found) == 4
    assert all(base64.b64decode(c["attachment"]).startswith(b"\x89PNG") for c in found)
    scope(*manual, "--stop", "1", *plots, "--recheck").succeeded()
    assert fritz.count("comments") == 6


def test_votes_labels_and_survey_ids_can_be_posted(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    table = survey.table.copy()
    table.insert(0, "survey_id", [f"Gaia_{n}" for n in range(len(table))])
    table.to_csv("sample.csv", index=False)
    more = ("--post-upvote", "--check-labelled-box", "--post-survey-id", "--no-ml", "--skip-phot")
    scope(*manual, *more, "--write-obj-id", "--result-format", "csv").succeeded()
    assert fritz.count("votes") == 12 and fritz.count("labels") == 6 * len(GROUPS)
    assert fritz.count("photometry") == 0
    assert not any(row["ml"] for row in fritz.rows("SELECT ml FROM classifications"))
    ids = fritz.rows("SELECT data FROM annotations WHERE origin = 'SCoPe_xmatch' ORDER BY obj_id")
    assert {json.loads(row["data"])["survey_id"] for row in ids} == set(table["survey_id"])
    written = pd.read_csv("fritzUpload/sample_fritzUpload.csv")
    assert set(written["obj_id"]) == {row["id"] for row in fritz.rows("SELECT id FROM sources")}


def test_a_local_file_can_be_used_as_marshal(scope: Scope, manual: list[str]) -> None:
    line = [part for part in manual if part not in ("-token", TOKEN)]
    line += ["--marshal", local_marshal("mine.db", *GROUPS)]
    assert scope(*line, "--json").succeeded().json["done"] == 6
    assert scope(*line, "--json").succeeded().json["skipped"] == 6
    assert scope(*line, "--recheck", "--json").succeeded().json["unchanged"] == 6
    from astrodome_ztf_scope.marshal.local import LocalMarshal

    mine = LocalMarshal("mine.db")
    found = list(mine.in_groups(GROUPS))
    assert len(found) == 6 and all(len(s["classifications"]) == 2 for s in found)
    assert all([c["text"] for c in mine.comments(s["id"])] == ["vetted"] for s in found)
    assert all(len(mine.photometry(s["id"])) == 18 for s in found)
    for name in ("mine.db", "mine.db-wal", "mine.db-shm"):
        Path(name).unlink(missing_ok=True)  # a new file is a new marshal
    local_marshal("mine.db", *GROUPS)
    assert scope(*line, "--json").succeeded().json["done"] == 6


def test_light_curves_from_kowalski_and_from_a_folder_are_equal(
    scope: Scope,
    marshal: FakeServer,
    fritz: Fritz,
    survey: Survey,
    manual: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scope(*manual).succeeded()
    columns = "obj_id, instrument_id, mjd, filter, mag, magerr, limiting_mag, ra, dec"
    asked = f"SELECT {columns} FROM photometry ORDER BY obj_id, filter, mjd"
    expected = fritz.rows(asked)
    other = Fritz(token=TOKEN)
    archive = Kowalski("a-token-of-its-own")
    archive.store("ZTF_sources_20240117", documents(survey))
    with other.server() as second, archive.server() as third:
        monkeypatch.setenv("ASTRODOME_FRITZ_URL", second.url)
        monkeypatch.setenv("ASTRODOME_KOWALSKI_URL", third.url)
        monkeypatch.setenv("ASTRODOME_KOWALSKI_TOKEN", archive.token)
        result = scope(*manual[:-2], "--json").succeeded().json
    assert result["done"] == 6 and len(expected) > 6
    assert other.rows(asked) == expected
    once_each(other, 6)


def documents(survey: Survey) -> list[dict[str, object]]:
    """Return the light curves of the survey as documents of Kowalski."""
    found = []
    epoch = ["hjd", "mag", "magerr", "catflags", "programid", "expid"]
    for row in pd.read_parquet(survey.folder / "light_curves.parquet").to_dict("records"):
        lists = zip(*(np.asarray(row[name]).tolist() for name in epoch), strict=True)
        data = [dict(zip(epoch, values, strict=True)) for values in lists]
        found.append({k: row[k] for k in ("_id", "ra", "dec", "filter")} | {"data": data})
    return found
