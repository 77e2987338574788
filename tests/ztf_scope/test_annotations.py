"""``scope manage-annotation`` with a fake Fritz server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_ztf_scope.marshal import annotations
from services.fake_server import FakeServer
from services.fritz import Fritz
from ztf_scope.survey import TOKEN

Scope = Callable[..., Result]


@pytest.fixture
def sources(fritz: Fritz, marshal: FakeServer) -> FakeServer:
    for n in range(3):
        fritz.add_source(f"ZTF20{n}", 10.0 * n, 5.0, 200)
    return marshal


def line(action: str, source: object, *more: object, origin: str = "mine", key: str = "period"):
    groups = ["-group_ids", 200, 300, 400]
    named = ["-origin", origin, "-key", key]
    return ["manage-annotation", "-action", action, "-source", source, *groups, "-token", TOKEN,
            *named, *more]  # fmt: skip


def stored(fritz: Fritz, obj_id: str = "ZTF200") -> dict[str, Any]:
    rows = fritz.rows("SELECT origin, data FROM annotations WHERE obj_id = ?", obj_id)
    return {row["origin"]: json.loads(row["data"]) for row in rows}


def test_the_example_in_the_manual_posts_the_values_of_a_file(
    scope: Scope, sources: FakeServer, fritz: Fritz
) -> None:
    table = pd.DataFrame({"obj_id": ["ZTF200", "ZTF201", "ZTF202"], "period": [0.5, 1.25, 33.0]})
    table.to_csv("sample.csv", index=False)
    manual = (
        f"manage-annotation -action post -source sample.csv -group_ids 200 300 400 -token {TOKEN}"
    )
    done = scope(*manual.split(), *["-origin", "revisedperiod", "-key", "period"]).succeeded()
    assert "Posted annotation revisedperiod (period = 1.25) for ZTF201" in done.err
    for obj_id, period in table.itertuples(index=False):
        assert stored(fritz, obj_id) == {"revisedperiod": {"period": period}}
    (row,) = fritz.rows("SELECT groups FROM annotations WHERE obj_id = 'ZTF200'")
    assert json.loads(row["groups"]) == [200, 300, 400]


@pytest.mark.parametrize("action", ["post", "Post", "POST"])
@pytest.mark.parametrize(
    ("typed", "value"),
    [("2", 2), ("2.50", 2.5), ("-1e-3", -0.001), ("RRab", "RRab"), ("nan", "nan")],
)
def test_values_are_converted_to_numbers_if_possible(
    scope: Scope, sources: FakeServer, fritz: Fritz, action: str, typed: str, value: object
) -> None:
    scope(*line(action, "ZTF200", "-value", typed, key="note")).succeeded()
    assert stored(fritz) == {"mine": {"note": value}}


def test_an_update_changes_only_one_key(scope: Scope, sources: FakeServer, fritz: Fritz) -> None:
    fritz.post_annotation({"origin": "mine", "data": {"a": 1, "period": 2.0}}, "ZTF200")
    fritz.post_annotation({"origin": "mine2", "data": {"period": 7}}, "ZTF200")
    done = scope(*line("update", "ZTF200", "-value", "3.5")).succeeded()
    assert "Updated annotation mine (period changed from 2.0 to 3.5) for ZTF200" in done.err
    assert stored(fritz) == {"mine": {"a": 1, "period": 3.5}, "mine2": {"period": 7}}
    scope(*line("update", "ZTF200", "-value", "new", key="note")).succeeded()
    assert stored(fritz)["mine"] == {"a": 1, "period": 3.5, "note": "new"}


def test_deleting_the_last_key_deletes_the_annotation(
    scope: Scope, sources: FakeServer, fritz: Fritz
) -> None:
    fritz.post_annotation({"origin": "mine", "data": {"a": 1, "period": 2.0}}, "ZTF200")
    done = scope(*line("delete", "ZTF200")).succeeded()
    assert "Deleted annotation mine (period = 2.0) for ZTF200" in done.err
    assert stored(fritz) == {"mine": {"a": 1}}
    missing = scope(*line("delete", "ZTF200"))
    assert missing.code == 1
    assert "no annotation with the origin 'mine' and the key 'period'" in missing.err
    scope(*line("delete", "ZTF200", key="a")).succeeded()
    assert stored(fritz) == {}


def test_whole_deletes_the_annotation_with_all_its_keys(
    scope: Scope, sources: FakeServer, fritz: Fritz
) -> None:
    fritz.post_annotation({"origin": "mine", "data": {"a": 1, "period": 2.0}}, "ZTF200")
    scope(*line("delete", "ZTF200", "--whole")).succeeded()
    assert stored(fritz) == {}


@pytest.mark.parametrize("action", ["update", "delete"])
def test_origin_and_key_are_matched_exactly(
    scope: Scope, sources: FakeServer, fritz: Fritz, action: str
) -> None:
    fritz.post_annotation({"origin": "mine", "data": {"periods": 2.0}}, "ZTF200")
    for origin, key in (("min", "periods"), ("Mine", "periods"), ("mine2", "periods")):
        refused = scope(*line(action, "ZTF200", "-value", "1", origin=origin, key=key))
        assert refused.code == 1 and stored(fritz) == {"mine": {"periods": 2.0}}
    if action == "delete":
        assert scope(*line(action, "ZTF200", key="period")).code == 1
        assert stored(fritz) == {"mine": {"periods": 2.0}}


def test_an_undo_file_restores_all_annotations(
    scope: Scope, sources: FakeServer, fritz: Fritz
) -> None:
    fritz.post_annotation({"origin": "mine", "data": {"a": 1, "period": 2.0}}, "ZTF200")
    fritz.post_annotation({"origin": "mine", "data": {"period": 4.0}}, "ZTF201")
    before = {obj_id: stored(fritz, obj_id) for obj_id in ("ZTF200", "ZTF201", "ZTF202")}
    pd.DataFrame({"obj_id": ["ZTF200", "ZTF201"]}).to_csv("sample.csv", index=False)
    done = scope(*line("delete", "sample.csv", "--json")).succeeded().json
    assert stored(fritz, "ZTF201") == {} and done["changes"][0]["before"] == 2.0
    scope(*line("post", "ZTF202", "-value", "9", "--undo-file", "second.json")).succeeded()
    for undo in ("second.json", done["undo"]):
        scope("manage-annotation", "--undo", undo, "-token", TOKEN).succeeded()
    assert {obj_id: stored(fritz, obj_id) for obj_id in before} == before


def test_a_dry_run_shows_the_changes_without_sending_them(
    scope: Scope, sources: FakeServer, fritz: Fritz
) -> None:
    fritz.post_annotation({"origin": "mine", "data": {"period": 2.0}}, "ZTF200")
    shown = scope(*line("update", "ZTF200", "-value", "3", "--dry-run", "--json")).succeeded().json
    assert shown["changes"] == [
        {"obj_id": "ZTF200", "origin": "mine", "key": "period", "before": 2.0, "after": 3}
    ]
    assert stored(fritz) == {"mine": {"period": 2.0}} and shown["undo"] is None
    assert {request.method for request in sources.requests} == {"GET"}
    assert not list(Path().glob("annotations-undo*"))


def test_posting_the_same_value_again_succeeds_and_another_value_fails(
    scope: Scope, sources: FakeServer, fritz: Fritz
) -> None:
    scope(*line("post", "ZTF200", "-value", "3")).succeeded()
    scope(*line("post", "ZTF200", "-value", "3")).succeeded()
    refused = scope(*line("post", "ZTF200", "-value", "4"))
    assert (
        refused.code == 1 and "already" in refused.err and stored(fritz) == {"mine": {"period": 3}}
    )


def test_failed_rows_are_listed_and_the_others_are_processed(
    scope: Scope, sources: FakeServer, fritz: Fritz
) -> None:
    table = {"obj_id": ["ZTF200", "missing", "ZTF202"], "period": [0.5, 1.0, None]}
    pd.DataFrame(table).to_csv("sample.csv", index=False)
    result = scope(*line("post", "sample.csv", "--json"))
    assert result.code == 1 and result.json["done"] == 1
    reasons = {one["name"]: one["reason"] for one in result.json["failed"]}
    assert "Source not found" in reasons["missing"]
    assert "no value for the key 'period'" in reasons["ZTF202"]
    assert stored(fritz) == {"mine": {"period": 0.5}}


@pytest.mark.parametrize("fault", ["lost", "reset", "500", "503", "429 after 0", "html", "cut"])
@pytest.mark.parametrize("action", ["post", "update", "delete"])
def test_the_marshal_is_queried_after_a_lost_response(
    scope: Scope, sources: FakeServer, fritz: Fritz, action: str, fault: str
) -> None:
    fritz.post_annotation({"origin": "mine", "data": {"a": 1, "period": 2.0}}, "ZTF201")
    faults = iter([fault])
    sources.choose = lambda request: next(faults, "") if request.method != "GET" else ""
    obj_id = "ZTF200" if action == "post" else "ZTF201"
    scope(*line(action, obj_id, "-value", "5")).succeeded()
    wanted = {"post": {"period": 5}, "update": {"a": 1, "period": 5}, "delete": {"a": 1}}
    assert stored(fritz, obj_id) == {"mine": wanted[action]}


def test_a_missing_option_is_named_in_the_error(scope: Scope, sources: FakeServer) -> None:
    for words, missing in (
        (["-action", "post"], "-source"),
        (["-source", "a"], "-action"),
        (["-action", "burn", "-source", "a"], "post, update or delete"),
        (["-action", "post", "-source", "a"], "No origin specified"),
        (["-action", "post", "-source", "a", "-origin", "o"], "No key specified"),
        (["-action", "post", "-source", "a", "-origin", "o", "-key", "k"], "No value specified"),
        (["-action", "post", "-source", "no.csv", "-origin", "o", "-key", "k"], "no.csv"),
    ):
        refused = scope("manage-annotation", *words, "-token", TOKEN)
        assert refused.code == 2 and missing in refused.err, (words, refused.err)
    assert not sources.requests


@pytest.mark.parametrize("value", ["0,149", "nan", "inf", "-inf", "NaN", "1e999", "0.1d", ""])
@pytest.mark.parametrize("key", ["period", "period_ELS", "Mag_G"])
@pytest.mark.parametrize("action", ["post", "update"])
def test_a_numeric_key_accepts_only_finite_numbers(
    scope: Scope, marshal: FakeServer, fritz: Fritz, action: str, key: str, value: str
) -> None:
    fritz.add_source("ZTFJ1", 10, 20, 200)
    if action == "update":
        fritz.post_annotation({"origin": "mine", "data": {key: 1.5}}, "ZTFJ1")
    before = fritz.rows("SELECT * FROM annotations")
    line = ["manage-annotation", "-action", action, "-source", "ZTFJ1", "-origin", "mine"]
    refused = scope(*line, "-key", key, f"-value={value}", "-token", TOKEN)
    assert refused.code == 2 and f"Invalid value '{value}' for the key '{key}'" in refused.err
    assert fritz.rows("SELECT * FROM annotations") == before
    assert all(request.method == "GET" for request in marshal.requests)


@pytest.mark.parametrize("cell", ["0,149", "inf", "short"])
def test_a_table_with_one_value_that_is_not_a_number_changes_nothing(
    scope: Scope, marshal: FakeServer, fritz: Fritz, cell: str
) -> None:
    for number in range(3):
        fritz.add_source(f"ZTFJ{number}", 10 + number, 20, 200)
    table = pd.DataFrame({"obj_id": [f"ZTFJ{n}" for n in range(3)], "period": ["1.5", cell, "2"]})
    table.to_csv("periods.csv", index=False)
    line = ["manage-annotation", "-action", "post", "-source", "periods.csv", "-origin", "mine"]
    refused = scope(*line, "-key", "period", "-token", TOKEN)
    assert refused.code == 2 and f"periods.csv, row 1 (counted from 0): Invalid value '{cell}'" in (
        refused.err
    )
    assert not fritz.count("annotations")


@pytest.mark.parametrize("ending", ["csv", "CSV", "csv.gz", "parquet", "parq", "pq", "h5", "hdf5"])
def test_files_of_every_table_format_are_read_as_tables(ending: str) -> None:
    with pytest.raises(AstrodomeError, match=rf"File not found: stars\.{ending}"):
        annotations.annotation_requests("post", f"stars.{ending}", "mine", "period", None)


def test_text_does_not_replace_an_existing_number(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    fritz.add_source("ZTFJ1", 10, 20, 200)
    fritz.post_annotation({"origin": "mine", "data": {"distance": 12.5, "note": "old"}}, "ZTFJ1")
    line = ["manage-annotation", "-action", "update", "-source", "ZTFJ1", "-origin", "mine"]
    line += ["-token", TOKEN]
    refused = scope(*line, "-key", "distance", "-value", "12,6")
    assert refused.code == 1 and "with '12,6': expected a number" in refused.err
    scope(*line, "-key", "distance", "-value", "12.6").succeeded()
    scope(*line, "-key", "note", "-value", "0,149").succeeded()
    (row,) = fritz.rows("SELECT data FROM annotations")
    assert json.loads(row["data"]) == {"distance": 12.6, "note": "0,149"}
