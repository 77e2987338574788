"""``scope upload-disagreements`` with a fake Fritz server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astrodome.testing import Result
from services.fake_server import FakeServer
from services.fritz import Fritz
from ztf_scope.survey import TOKEN

Scope = Callable[..., Result]

SCORES = pd.DataFrame(
    [
        (101, 0.99, 0.05),  # disagree
        (102, 0.02, 0.97),  # disagree
        (103, 0.951, 0.1),  # disagree, equal to the limit
        (104, 0.95, 0.1),  # not above the limit
        (105, 0.99, 0.2),
        (106, 0.99, 0.99),
        (107, 0.05, 0.99),  # disagrees, but is in the training set
        (108, 0.99, 0.01),  # disagrees, but has no features
        (109, 0.1, 0.2),
        (110, 0.999, None),
    ],
    columns=["_id", "vnv_dnn", "vnv_xgb"],
)
KEPT = [101, 102, 103]


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    SCORES.to_parquet(folder / "classifications.parquet")
    known = SCORES["_id"][SCORES["_id"] != 108].to_numpy()
    features = {
        "_id": known,
        "ra": known * 1.5,
        "dec": known / 10,
        "period": known / 100,
        "vnv_dnn": 0.0,
        "Gaia_EDR3__parallax": np.where(known == 102, np.nan, 0.25),
        "Gaia_EDR3__phot_g_mean_mag": 17.5,
    }
    pd.DataFrame(features).to_parquet(folder / "features.parquet")
    pd.DataFrame({"ztf_id": [107, 5, 6], "variable": 1.0}).to_csv("dataset.d15.csv", index=False)
    return f"local:{folder}"


@pytest.fixture
def fritz() -> Fritz:
    return Fritz(token=TOKEN, archive={n: (n * 1.5, n / 10) for n in SCORES["_id"]})


MANUAL = f"upload-disagreements -file dataset.d15.csv -id 360 -token {TOKEN}".split()


def test_the_example_in_the_manual_excludes_the_training_set(
    scope: Scope, marshal: FakeServer, fritz: Fritz, catalogue: str
) -> None:
    result = scope(*MANUAL, "--catalogue", catalogue, "--json").succeeded().json
    assert (result["disagreements"], result["with features"]) == (5, 4)
    assert result["not in the training set"] == result["done"] == 3
    saved = fritz.rows("SELECT obj_id, group_id FROM saved ORDER BY 1")
    assert [(row["obj_id"], row["group_id"]) for row in saved] == [(f"ZTFJ{n}", 360) for n in KEPT]
    said = {
        row["obj_id"]: json.loads(row["data"])
        for row in fritz.rows("SELECT * FROM annotations WHERE origin = 'ML_DR5_d15_v1'")
    }
    assert said["ZTFJ102"] == {
        "period": 1.02,
        "vnv": {"vnv_dnn": 0.02, "vnv_xgb": 0.97},
        "Gaia": {"Plx": None, "Mag_G": 17.5, "Mag_Bp": None, "Mag_Rp": None},
        "light_curves": {"102": {"period": 1.02, "vnv_dnn": 0.02, "vnv_xgb": 0.97}},
    }
    table = pd.read_parquet(result["statistics"])
    assert list(table["_id"]) == KEPT and list(table["vnv_dnn"]) == [0.99, 0.02, 0.951]


def test_a_second_run_changes_nothing(
    scope: Scope, marshal: FakeServer, fritz: Fritz, catalogue: str
) -> None:
    scope(*MANUAL, "--catalogue", catalogue).succeeded()
    again = scope(*MANUAL, "--catalogue", catalogue, "--json").succeeded().json
    assert (again["done"], again["skipped"]) == (0, 3)
    assert fritz.count("sources") == fritz.count("annotations") == 3


def test_the_limits_are_options(
    scope: Scope, marshal: FakeServer, fritz: Fritz, catalogue: str
) -> None:
    more = ("--catalogue", catalogue, "--high", "0.9", "--low", "0.2", "--dry-run", "--json")
    shown = scope(*MANUAL, *more).succeeded().json
    assert [row["ztf_id"] for row in shown["light_curves"]] == [101, 102, 103, 104, 105]
    assert not fritz.count("sources") and not Path("disagreements.parquet").exists()
    wrong = scope(*MANUAL, "--catalogue", catalogue, "--high", "0.1", "--low", "0.2")
    assert wrong.code == 2 and "low < high" in wrong.err


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("", KEPT),
        ("--score=0", KEPT),
        ("--score=0.97", [101]),
        ("--score=1", []),
        ("--high=1", []),
        ("--high=0.5 --score=0.95", KEPT),
        ("--high=0.5", [*KEPT, 104]),  # The other limits keep their defaults.
        ("--low=0", []),
    ],
)
def test_limits_can_be_equal_to_0_and_1(
    scope: Scope, marshal: FakeServer, catalogue: str, limits: str, expected: list[int]
) -> None:
    more = (*limits.split(), "--catalogue", catalogue, "--dry-run", "--json")
    shown = scope(*MANUAL, *more).succeeded().json
    assert [row["ztf_id"] for row in shown["light_curves"]] == expected


@pytest.mark.parametrize("option", ["score", "high", "low"])
@pytest.mark.parametrize("value", ["-0.01", "1.01"])
def test_a_limit_outside_0_to_1_is_an_error(
    scope: Scope, marshal: FakeServer, catalogue: str, option: str, value: str
) -> None:
    wrong = scope(*MANUAL, "--catalogue", catalogue, f"--{option}={value}")
    assert wrong.code == 2 and f"{value} is not in the range 0<=x<=1" in wrong.err
    assert f"--{option}" in wrong.err


@pytest.mark.parametrize("fault", ["lost", "reset", "502", "html"])
def test_a_lost_response_does_not_create_a_second_source(
    scope: Scope, marshal: FakeServer, fritz: Fritz, catalogue: str, fault: str
) -> None:
    faults = iter([fault, "", fault])
    marshal.choose = lambda request: next(faults, "") if request.method == "POST" else ""
    scope(*MANUAL, "--catalogue", catalogue).succeeded()
    assert fritz.count("sources") == fritz.count("annotations") == 3


def test_a_light_curve_that_is_not_on_the_marshal_is_listed_as_failed(
    scope: Scope, marshal: FakeServer, fritz: Fritz, catalogue: str
) -> None:
    del fritz.archived[102]
    result = scope(*MANUAL, "--catalogue", catalogue, "--json")
    assert result.code == 1 and result.json["done"] == 2
    (failed,) = result.json["failed"]
    assert failed["name"] == "102" and "No light curve 102" in failed["reason"]
    fritz.archived[102] = (153.0, 10.2)
    assert scope(*MANUAL, "--catalogue", catalogue, "--json").succeeded().json["done"] == 1


def test_a_local_file_gets_sources_at_their_positions(scope: Scope, catalogue: str) -> None:
    line = ["upload-disagreements", "-file", "dataset.d15.csv", "-id", "360"]
    line += ["--catalogue", catalogue, "--marshal", "local:mine.db"]
    refused = scope(*line)
    assert refused.code == 2 and "Existing groups: none" in refused.err
    line.append("--create-groups")
    assert scope(*line, "--json").succeeded().json["done"] == 3
    from astrodome_ztf_scope.marshal.local import LocalMarshal

    found = list(LocalMarshal("mine.db").in_groups([360]))
    assert [one["id"] for one in found] == [
        "ZTFJ100600.00+100600.0",
        "ZTFJ101200.00+101200.0",
        "ZTFJ101800.00+101800.0",
    ]
    assert all(one["annotations"][0]["origin"] == "ML_DR5_d15_v1" for one in found)


@pytest.fixture
def pairs(tmp_path: Path, fritz: Fritz) -> str:
    """Three sources with disagreeing light curves in g and r, a tenth of an arcsecond apart.

    A fourth source has one light curve.
    """
    folder = tmp_path / "pairs"
    folder.mkdir()
    ids = np.array([201, 202, 211, 212, 221, 222, 231])
    scores = {"_id": ids, "vnv_dnn": np.where(ids % 2, 0.99, 0.01), "vnv_xgb": 0.05}
    scores["vnv_xgb"] = np.where(ids % 2, 0.05, 0.97)
    ra = (ids // 10 * 10.0 + (ids % 10) * 3e-5) % 360
    features = {"_id": ids, "ra": ra, "dec": ids // 10 / 1.0, "period": ids / 100}
    pd.DataFrame(scores).to_parquet(folder / "classifications.parquet")
    pd.DataFrame(features).to_parquet(folder / "features.parquet")
    pd.DataFrame({"ztf_id": [5], "variable": 1.0}).to_csv("dataset.d15.csv", index=False)
    fritz.archived = {int(n): (a, d) for n, a, d in zip(ids, ra, features["dec"], strict=True)}
    return f"local:{folder}"


def whole(fritz: Fritz) -> None:
    """Check that every light curve is archived to its source and is in the annotation."""
    archived = fritz.rows("SELECT obj_id, number FROM light_curves ORDER BY number")
    owners = {row["number"]: row["obj_id"] for row in archived}
    assert list(owners) == [201, 202, 211, 212, 221, 222, 231]
    assert len(archived) == 7 and len(set(owners.values())) == fritz.count("sources") == 4
    assert all(owners[n] == owners[n + 1] for n in (201, 211, 221))
    for row in fritz.rows("SELECT * FROM annotations"):
        data = json.loads(row["data"])
        mine = [number for number, owner in owners.items() if owner == row["obj_id"]]
        assert data["light_curves"] == {
            str(n): {
                "period": n / 100,
                "vnv_dnn": 0.99 if n % 2 else 0.01,
                "vnv_xgb": 0.05 if n % 2 else 0.97,
            }
            for n in mine
        }
        assert data["period"] in [n / 100 for n in mine] and set(data["vnv"]) == {
            "vnv_dnn",
            "vnv_xgb",
        }
    assert fritz.count("annotations") == 4


@pytest.mark.parametrize("fault", ["", "lost", "reset", "502"])
def test_every_disagreeing_light_curve_is_archived_and_annotated(
    scope: Scope, marshal: FakeServer, fritz: Fritz, pairs: str, fault: str
) -> None:
    seen: set[tuple[str, str, bytes]] = set()

    def first_time(request: Any) -> str:
        """Let the first attempt of every change fail."""
        attempt = (request.method, request.path, request.body)
        if request.method == "GET" or attempt in seen:
            return ""
        seen.add(attempt)
        return fault

    marshal.choose = first_time
    result = scope(*MANUAL, "--catalogue", pairs, "--json").succeeded().json
    assert result["done"] == 7
    whole(fritz)
    sent = len(marshal.requests)
    assert scope(*MANUAL, "--catalogue", pairs, "--json").succeeded().json["skipped"] == 7
    assert all(request.method == "GET" for request in marshal.requests[sent:])


def test_a_failed_light_curve_is_archived_by_the_next_run(
    scope: Scope, marshal: FakeServer, fritz: Fritz, pairs: str
) -> None:
    where = fritz.archived.pop(212)
    result = scope(*MANUAL, "--catalogue", pairs, "--json")
    assert result.code == 1 and [one["name"] for one in result.json["failed"]] == ["212"]
    fritz.archived[212] = where
    assert scope(*MANUAL, "--catalogue", pairs, "--json").succeeded().json["done"] == 1
    whole(fritz)


def test_an_annotation_of_scope_ml_keeps_its_values(
    scope: Scope, marshal: FakeServer, fritz: Fritz, pairs: str
) -> None:
    fritz.add_source("ZTFJold", fritz.archived[231][0], fritz.archived[231][1], 360)
    old = {"period": 7.5, "vnv": {"vnv_dnn": 0.96, "vnv_xgb": 0.02}, "note": "kept"}
    fritz.post_annotation({"origin": "ML_DR5_d15_v1", "data": old, "group_ids": [360]}, "ZTFJold")
    scope(*MANUAL, "--catalogue", pairs).succeeded()
    (row,) = fritz.rows("SELECT * FROM annotations WHERE obj_id = 'ZTFJold'")
    data = json.loads(row["data"])
    assert {key: data[key] for key in old} == old and list(data["light_curves"]) == ["231"]
    assert fritz.rows("SELECT number FROM light_curves WHERE obj_id = 'ZTFJold'")
