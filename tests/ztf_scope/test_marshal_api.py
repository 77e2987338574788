"""The public Python API for marshals."""

from __future__ import annotations

import doctest
import runpy
from pathlib import Path

import astrodome_ztf_scope as scope
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_ztf_scope.marshal import api, registry
from services.fake_server import FakeServer
from services.fritz import Fritz
from ztf_scope.survey import TOKEN, Survey, local_marshal

EXAMPLE = Path(__file__).parents[2] / "examples" / "ztf_scope_marshal_api.py"
NAMES = (
    *("annotate", "download_classifications", "list_sources", "open_marshal"),
    "upload_classifications",
)


@pytest.mark.parametrize("module", [api, registry])
def test_the_examples_of_the_docstrings_run(module: object, tmp_path: Path) -> None:
    tests = doctest.DocTestFinder(recurse=True).find(module)
    assert any(test.examples for test in tests)
    for test in tests:
        for file in Path().glob("mine.db*"):
            file.unlink()
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        assert runner.run(test).failed == 0, test.name


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    found = runpy.run_path(str(EXAMPLE))
    assert list(found["result"]["status"]) == ["done", "done"]
    assert list(found["found"]["classification"]) == ["variable;flaring"] * 2
    assert list(found["found"]["period"]) == ["0.567", "3.21"]
    assert "distance" in capsys.readouterr().out


def test_the_functions_are_public_and_documented() -> None:
    for name in NAMES:
        assert name in scope.__all__ and name in dir(scope)
        text = getattr(scope, name).__doc__
        assert all(section in text for section in ("Parameters", "Returns", "Raises", "Examples"))


def test_functions_return_tables_from_fritz(
    marshal: FakeServer, fritz: Fritz, survey: Survey
) -> None:
    service = scope.open_marshal("fritz", token=TOKEN)
    options = {"classes": ["variable", "flaring"], "taxonomy_id": 7, "comment": "vetted"}
    catalogue = scope.open_catalogue(survey.catalogue)
    planned = scope.upload_classifications(
        service, survey.table, [500, 250], catalogue=catalogue, dry_run=True, **options
    )
    assert (planned["requests"] == 5).all() and fritz.count("sources") == 0
    for status in ("done", "skipped"):
        result = scope.upload_classifications(
            service, survey.table, [500, 250], catalogue=catalogue, **options
        )
        assert list(result["status"]) == [status] * 6
    assert fritz.count("sources") == fritz.count("comments") == 6 and fritz.count("photometry")
    listed = scope.list_sources(service, group_ids=[500])
    assert set(listed["obj_id"]) == set(result["obj_id"])
    assert len(scope.list_sources(service, group_ids=[500], limit=2)) == 2
    star = survey.table.iloc[0]
    near = scope.list_sources(service, position=(star["ra"], star["dec"]))
    assert list(near["obj_id"]) == [result["obj_id"][0]] and near["separation"][0] < 2
    found = scope.download_classifications(service, survey.table)
    assert list(found["obj_id"]) == list(result["obj_id"])
    grouped = scope.download_classifications(service, group_ids=[500])
    assert set(grouped["status"]) == {"found by group"} and len(grouped) == 6


def test_annotations_of_a_table_are_posted_and_failures_are_rows(
    marshal: FakeServer, fritz: Fritz, tmp_path: Path
) -> None:
    fritz.add_source("ZTFJ1", 10, 20, 500)
    service = scope.open_marshal(token=TOKEN)
    table = pd.DataFrame({"obj_id": ["ZTFJ1", "missing"], "period": [0.5, 1.5]})
    table.to_csv(tmp_path / "periods.csv", index=False)
    found = scope.annotate(service, "post", tmp_path / "periods.csv", origin="o", key="period")
    assert list(found["status"]) == ["done", "failed"] and found["after"][0] == 0.5
    assert "not found" in found["reason"][1]
    again = scope.annotate(service, "update", table.head(1), origin="o", key="period", value=2)
    assert (again["before"][0], again["after"][0]) == (0.5, 2)


def test_invalid_arguments_are_errors_and_change_nothing(tmp_path: Path) -> None:
    with pytest.raises(AstrodomeError, match="not found"):
        scope.open_marshal(tmp_path / "typo.db")
    marshal = scope.open_marshal(tmp_path / "mine.db", missing="create", create_groups=[5])
    with pytest.raises(AstrodomeError, match="either group_ids or position"):
        scope.list_sources(marshal)
    with pytest.raises(AstrodomeError, match="either table or group_ids"):
        scope.download_classifications(marshal)
    stars = pd.DataFrame({"ra": [10.0], "dec": [95.0], "variable": [0.5]})
    with pytest.raises(AstrodomeError, match=r"invalid coordinate"):
        scope.upload_classifications(marshal, stars, [5], classes=["variable"], taxonomy_id=7)
    with pytest.raises(AstrodomeError, match="expected post, update or delete"):
        scope.annotate(marshal, "burn", "ZTFJ1", origin="o", key="k", value=1)
    with pytest.raises(AstrodomeError, match="finite number"):
        scope.annotate(marshal, "post", "ZTFJ1", origin="o", key="period", value=np.inf)
    assert scope.list_sources(marshal, group_ids=[5]).empty


STARS = pd.DataFrame({"ra": [10.0], "dec": [0.5], "period": [0.5], "variable": [0.9]})


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"period": [-1.0]}, {}, r"invalid period '-1\.0'.*greater than 0"),
        ({"period": [0.0]}, {}, r"invalid period '0\.0'.*greater than 0"),
        ({"period": [np.inf]}, {}, "invalid period 'inf'"),
        ({}, {"group_ids": 6}, "Group 6 not found"),
        ({}, {"group_ids": [5, "six"]}, "expected an integer or a sequence of integers"),
        ({}, {"taxonomy_id": 8}, "Taxonomy 8 not found"),
        ({}, {"classes": "Variable"}, "Class 'Variable' not found"),
    ],
)
def test_invalid_uploads_are_errors_and_change_nothing(
    changes: dict[str, object], options: dict[str, object], words: str
) -> None:
    marshal = scope.open_marshal(local_marshal("mine.db", 5))
    arguments = {"group_ids": 5, "classes": "variable", "taxonomy_id": 7, **options}
    with pytest.raises(AstrodomeError, match=words) as refused:
        scope.upload_classifications(marshal, STARS.assign(**changes), **arguments)
    assert "--" not in str(refused.value) + refused.value.hint
    assert scope.list_sources(marshal, group_ids=5).empty


def test_one_group_one_class_and_names_of_sources_are_accepted() -> None:
    marshal = scope.open_marshal(local_marshal("mine.db", 5))
    marshal.save_source("mine", 200.0, 1.0, [5])
    stars = STARS.assign(period=np.nan)
    stars.insert(0, "obj_id", "mine")
    result = scope.upload_classifications(marshal, stars, 5, classes="variable", taxonomy_id=7)
    assert list(result["obj_id"]) == ["mine"] and marshal.annotations("mine") == []
    (found,) = scope.list_sources(marshal, group_ids=5).to_dict("records")
    assert (found["obj_id"], found["classification"]) == ("mine", "variable")
    by_position = scope.upload_classifications(
        marshal, stars, 5, classes="variable", taxonomy_id=7, use_existing_obj_id=False
    )
    assert by_position["obj_id"][0].startswith("ZTFJ")


def test_errors_of_a_marshal_file_contain_the_existing_names() -> None:
    marshal = scope.open_marshal(local_marshal("mine.db", 5, 6))
    assert isinstance(marshal, scope.Marshal)
    assert repr(marshal) == f"<LocalMarshal {Path('mine.db').resolve()}>"
    with pytest.raises(AstrodomeError, match="Group 7") as unknown:
        scope.list_sources(marshal, group_ids=7)
    assert unknown.value.hint.startswith("Existing groups: 5, 6.")
    with pytest.raises(AstrodomeError, match="Group 7 not found: expected one of 5, 6"):
        marshal.save_source("a", 1.0, 2.0, [7])
    marshal.save_source("a", 1.0, 2.0, [5])
    with pytest.raises(AstrodomeError, match="Taxonomy 8 not found: expected one of 7"):
        marshal.classify([{"obj_id": "a", "classification": "x", "taxonomy_id": 8}])
    with pytest.raises(AstrodomeError, match="Invalid position"):
        scope.list_sources(marshal, position=(10.0, 95.0))
    with pytest.raises(AstrodomeError, match="only in a local file"):
        scope.open_marshal("fritz", create_groups=[5])
