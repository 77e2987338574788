"""``scope download-classification`` with a fake Fritz server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome.testing import Result
from services.fake_server import FakeServer, Request
from services.fritz import Fritz
from ztf_scope.survey import TOKEN, Survey, local_marshal

Scope = Callable[..., Result]


def fill(fritz: Fritz, count: int, *, group: int = 360, first: int = 0) -> pd.DataFrame:
    """Add sources at intervals of 0.1 deg, with classes, votes, labels and periods."""
    rows = []
    for n in range(first, first + count):
        obj_id, ra, dec = f"ZTFJ{n:06}", round((359.9 + 0.1 * n) % 360, 6), round(10 + 0.01 * n, 6)
        fritz.add_source(obj_id, ra, dec, group)
        shared = {"obj_id": obj_id, "taxonomy_id": 7, "group_ids": [group]}
        more = {"vote": n % 2 == 0, "label": n % 3 == 0}
        fritz.post_classification(
            {**shared, "classification": "variable", "probability": 0.5, **more}
        )
        fritz.post_classification({**shared, "classification": "flaring", "probability": 1.0})
        fritz.post_annotation({"origin": "gaia", "data": {"plx": 1.5, "period": n + 0.25}}, obj_id)
        fritz.post_annotation({"origin": "uploadedperiod", "data": {"period": n + 0.5}}, obj_id)
        rows.append({"obj_id": obj_id, "ra": ra, "dec": dec})
    return pd.DataFrame(rows)


def by_manual(*more: object) -> list[object]:
    return ["download-classification", *more, "-token", TOKEN]


def test_the_example_in_the_manual_adds_columns_to_a_file(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    fill(fritz, 4).assign(mine=[1, 2, 3, 4]).to_csv("sample.csv", index=False)
    line = by_manual("-file", "sample.csv", "-group_ids", "360", "361")
    about = scope(*line, "--json").succeeded().json
    assert about["found"] == 4 and about["file"] == "sample_fritzDownload.csv"
    found = pd.read_csv("sample_fritzDownload.csv", dtype=str, keep_default_na=False)
    assert list(found["mine"]) == ["1", "2", "3", "4"]
    assert found.iloc[0].to_dict() == {
        "obj_id": "ZTFJ000000",
        "ra": "359.9",
        "dec": "10.0",
        "mine": "1",
        "classification": "variable;flaring",
        "probability": "0.5;1.0",
        "period_origin": "gaia;uploadedperiod",
        "period": "0.25;0.5",
        "labellers": "7",
        "sum_votes": "1;0",
        "status": "found by obj_id",
    }
    assert found.loc[1, "sum_votes"] == "0;0" and found.loc[1, "labellers"] == ""


def test_every_row_is_written_with_its_status(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    table = fill(fritz, 3)
    table.loc[1, "obj_id"] = "ZTFJ-missing"  # found by position
    table.loc[2] = ["missing", 180.0, -20.0]
    table.loc[3] = [None, np.nan, np.nan]
    table.to_csv("sample.csv", index=False)
    about = scope(*by_manual("-file", "sample.csv"), "--json").succeeded().json
    assert (about["rows"], about["found"], about["not found"], about["failed"]) == (4, 2, 2, 0)
    found = pd.read_csv("sample_fritzDownload.csv", dtype=str, keep_default_na=False)
    assert list(found["status"]) == [
        "found by obj_id",
        "found by position, 0.00 arcsec",
        "not found",
        "not found",
    ]
    assert list(found["obj_id"]) == ["ZTFJ000000", "ZTFJ-missing", "missing", ""]
    assert list(found["marshal_obj_id"]) == ["ZTFJ000000", "ZTFJ000001", "", ""]
    scope(*by_manual("-file", "sample_fritzDownload.csv")).succeeded()
    again = pd.read_csv("sample_fritzDownload_fritzDownload.csv", dtype=str, keep_default_na=False)
    assert list(again) == list(found) and again.equals(found)


def test_the_nearest_source_is_used_also_at_ra_0_and_at_a_pole(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    for name, ra, dec in (
        ("far", 0.0004, 5.0),
        ("near", 359.9999, 5.0),
        ("middle", 0.0003, 5.0),
        ("pole", 200.0, 89.9999),
    ):
        fritz.add_source(name, ra, dec, 360)
    pd.DataFrame({"ra": [0.00001, 20.0], "dec": [5.0, 89.9999]}).to_csv("sample.csv", index=False)
    scope(*by_manual("-file", "sample.csv")).succeeded()
    assert list(pd.read_csv("sample_fritzDownload.csv")["obj_id"]) == ["near", "pole"]


def test_sources_of_groups_are_downloaded_once_from_all_pages(
    scope: Scope, marshal: FakeServer, fritz: Fritz, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services import fritz as service

    monkeypatch.setattr(service, "MAXIMUM", 10)
    fill(fritz, 25)
    fill(fritz, 7, group=361, first=25)
    fill(fritz, 3, group=750, first=40)
    line = by_manual("-file", "parse", "-group_ids", "360", "361")
    about = scope(*line, "--output-format", "parquet", "--long", "--json").succeeded().json
    found = pd.read_parquet(about["file"])
    assert len(found) == found["obj_id"].nunique() == 32 and set(found["status"]) == {
        "found by group"
    }
    long = pd.read_parquet(about["long"])
    assert long["kind"].value_counts().to_dict() == {
        "classification": 64,
        "period": 64,
        "labeller": 11,
    }
    one = long[(long["obj_id"] == "ZTFJ000002") & (long["kind"] == "period")]
    assert list(one["value"]) == [2.25, 2.5] and list(one["origin"]) == ["gaia", "uploadedperiod"]


@pytest.mark.parametrize("kind", ["csv", "parquet", "h5"])
def test_every_format_can_be_written_and_read(
    scope: Scope, marshal: FakeServer, fritz: Fritz, kind: str
) -> None:
    fill(fritz, 3).to_csv("sample.csv", index=False)
    line = by_manual("-file", "sample.csv", "--output-format", kind, "--long")
    first = scope(*line, "--json").succeeded().json
    again = scope(*by_manual("-file", first["file"]), "--json").succeeded().json
    assert again["found"] == 3 and again["file"].endswith(f"_fritzDownload_fritzDownload.{kind}")
    from astrodome_ztf_scope.tables import table_io

    for name in ("file", "long"):
        table = table_io.read_table(Path(first[name]))
        assert len(table) == (3 if name == "file" else 3 * 4 + 1)
        assert set(table["obj_id"]) == {"ZTFJ000000", "ZTFJ000001", "ZTFJ000002"}
    found = table_io.read_table(Path(again["file"]))
    assert list(found["classification"]) == ["variable;flaring"] * 3


@pytest.mark.parametrize("kind", ["csv", "parquet", "h5"])
def test_tables_without_rows_are_written_in_every_format(
    scope: Scope, marshal: FakeServer, kind: str
) -> None:
    line = by_manual("-file", "parse", "-group_ids", 500, "--output-format", kind, "--long")
    done = scope(*line, "--json").succeeded().json
    assert done["rows"] == done["found"] == 0
    for name in ("file", "long"):
        left = scope("vet", "-file", done[name], "--label", "bogus", "--no-browser")
        assert left.code == 2 and left.err == f"Error: {done[name]} has no rows.\n"


def test_an_interrupted_listing_keeps_its_pages_and_can_be_continued(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    fill(fritz, 1200)
    marshal.choose = lambda request: "html" if request.query.get("pageNumber") == ["3"] else ""
    line = by_manual("-group_ids", "360")
    stopped = scope(*line, "--json")
    assert stopped.code == 1 and "Cannot read page 3 of the source listing" in stopped.err
    assert len(pd.read_csv(stopped.json["file"])) == 1000
    marshal.choose = lambda request: ""
    about = scope(*line, "-start", "3", "--json").succeeded().json
    assert about["file"] == "parse_fritzDownload_continued_page_3.csv"
    both = [pd.read_csv(one["file"]) for one in (stopped.json, about)]
    assert pd.concat(both)["obj_id"].nunique() == 1200


def test_a_column_of_the_file_is_never_overwritten(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    fill(fritz, 2).assign(period=[9.0, 8.0]).to_csv("sample.csv", index=False)
    scope(*by_manual("-file", "sample.csv")).succeeded()
    found = pd.read_csv("sample_fritzDownload.csv")
    assert list(found["period_input"]) == [9.0, 8.0] and found.loc[0, "period"] == "0.25;0.5"
    # Columns of an earlier download are updated.
    line = by_manual("-file", "sample_fritzDownload.csv")
    about = scope(*line, "--json").succeeded().json
    again = pd.read_csv(about["file"])
    pd.testing.assert_frame_equal(again, found)


@pytest.mark.parametrize("fault", ["429 after 0", "500", "502", "503", "reset", "cut", "html"])
def test_failed_requests_of_a_download_are_repeated(
    scope: Scope, marshal: FakeServer, fritz: Fritz, fault: str
) -> None:
    fill(fritz, 3).to_csv("sample.csv", index=False)
    marshal.add_faults(fault, fault)
    about = scope(*by_manual("-file", "sample.csv"), "--jobs", "1", "--json").succeeded().json
    assert about["found"] == 3


def test_failed_rows_are_listed_and_requested_by_the_next_run(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    fill(fritz, 8).to_csv("sample.csv", index=False)

    def choose(request: Request) -> str:
        return "html" if request.path.endswith(("000003", "000005")) else ""

    marshal.choose = choose
    stopped = scope(*by_manual("-file", "sample.csv"), "--json")
    assert stopped.code == 1 and stopped.json["failed"] == 2
    assert "row 3" in stopped.err and "row 5" in stopped.err and "instead of JSON" in stopped.err
    found = pd.read_csv("sample_fritzDownload.csv")
    assert len(found) == 8 and found["status"].str.startswith("failed").sum() == 2
    marshal.choose = lambda request: ""
    sent = len(marshal.requests)
    assert scope(*by_manual("-file", "sample.csv"), "--json").succeeded().json["found"] == 8
    assert len(marshal.requests) == sent + 2  # only the failed rows
    scope(*by_manual("-file", "sample.csv")).succeeded()
    assert len(marshal.requests) == sent + 2 + 8  # a completed download starts again


def test_a_download_with_an_expired_token_can_be_resumed(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    fill(fritz, 30).to_csv("sample.csv", index=False)

    def choose(request: Request) -> str:
        if len(marshal.requests) > 12:
            fritz.tokens = {"a-new-token"}
        return ""

    marshal.choose = choose
    stopped = scope(*by_manual("-file", "sample.csv"), "--jobs", "2", "--json")
    assert stopped.code == 1 and 0 < stopped.json["failed"] < 30 and len(marshal.requests) < 20
    assert len(pd.read_csv("sample_fritzDownload.csv")) == 30
    line = ["download-classification", "-file", "sample.csv", "-token", "a-new-token"]
    assert scope(*line, "--json").succeeded().json["found"] == 30
    assert len(marshal.requests) < 20 + 30


def test_labels_are_merged_with_features_each_light_curve_once(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, tmp_path: Path
) -> None:
    stars = fill(fritz, 3)
    fritz.add_source("ZTFJ-rival", stars.loc[0, "ra"], stars.loc[0, "dec"] + 1.5 / 3600, 360)
    pd.DataFrame(
        {
            "_id": [1, 2, 3, 4],
            "ra": [*stars["ra"], 120.0],
            "dec": [*stars["dec"], 0.0],
            "filter": [1, 2, 1, 1],
            "f1_power": [0.1, 0.2, 0.3, 0.4],
            "period": [1.0, 2.0, 3.0, 4.0],
        }
    ).to_parquet(tmp_path / "survey" / "features.parquet")
    line = by_manual("-group_ids", "360", "--merge-features", "--catalogue", survey.catalogue)
    about = scope(*line, "--get-ztf-filters", "--json").succeeded().json
    merged = pd.read_csv(about["merged"])
    assert list(merged["ztf_id"]) == [1, 2, 3] and list(merged["obj_id"]) == list(stars["obj_id"])
    assert list(merged["variable"]) == [0.5] * 3 and list(merged["flaring"]) == [1.0] * 3
    assert list(merged["periodic"]) == [0.0] * 3 and list(merged["filter"]) == [1, 2, 1]
    assert list(merged["f1_power"]) == [0.1, 0.2, 0.3] and list(merged["ra"]) == list(stars["ra"])


def test_a_training_set_is_updated_with_sources_that_have_votes(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, tmp_path: Path
) -> None:
    stars = fill(fritz, 4)
    features = {"_id": [1, 2, 3, 4], **stars[["ra", "dec"]].to_dict("list"), "ad": [0.5] * 4}
    pd.DataFrame(features).to_parquet(tmp_path / "survey" / "features.parquet")
    old = {"ztf_id": [99, 1], "obj_id": ["kept", "ZTFJ-old"], "variable": [1.0, 0.0], "ad": [3, 4]}
    pd.DataFrame(old).to_csv("train.csv", index=False)
    Path("config.yaml").write_text("training: {dataset: train.csv}\n")
    line = by_manual("-group_ids", "360", "--update-training-set", "--catalogue", survey.catalogue)
    scope(*line).succeeded()
    updated = pd.read_csv("updated_AL_train.csv").set_index("ztf_id")
    # Sources 0 and 2 have a vote for 'variable', and none for 'flaring'.
    assert sorted(updated.index) == [1, 3, 99]
    assert updated.loc[1, "obj_id"] == "ZTFJ-old" and updated.loc[1, "variable"] == 0.5
    assert updated.loc[3, "flaring"] == 0.0 and updated.loc[99, "variable"] == 1.0


def test_a_download_from_a_local_file_has_the_same_columns(
    scope: Scope, marshal: FakeServer, survey: Survey
) -> None:
    survey.csv(Path("sample.csv"))
    line = "upload-classification -file sample.csv -group_ids 5 -taxonomy_id 7 -classification"
    up = [*line.split(), "variable", "flaring", "--catalogue", survey.catalogue]
    scope(*up, "--marshal", local_marshal("mine.db", 5)).succeeded()
    down = ["download-classification", "-file", "sample.csv", "--marshal", "local:mine.db"]
    scope(*down).succeeded()
    found = pd.read_csv("sample_fritzDownload.csv")
    assert list(found["classification"]) == ["variable;flaring"] * 6
    wanted = [f"{r.variable};{r.flaring}" for r in survey.table.itertuples()]
    assert list(found["probability"]) == wanted
    assert not marshal.requests


def test_missing_or_invalid_input_is_an_error(scope: Scope, marshal: FakeServer) -> None:
    nothing = scope(*by_manual())
    assert nothing.code == 2 and "-group_ids" in nothing.err
    missing = scope(*by_manual("-file", "nowhere.csv"))
    assert missing.code == 2 and "File not found: nowhere.csv" in missing.err
    Path("bad.csv").write_text("x,y\n1,2\n")
    neither = scope(*by_manual("-file", "bad.csv"))
    assert neither.code == 2 and "has neither the column 'obj_id' nor the columns" in neither.err
    no_token = scope("download-classification", "-group_ids", "360")
    assert no_token.code == 2 and "secrets.json" in no_token.err
