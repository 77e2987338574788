"""Uploads are validated before the first change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from astrodome.testing import Result
from astrodome_ztf_scope.marshal.local import LocalMarshal
from services.fake_server import FakeServer
from services.fritz import Fritz
from ztf_scope.survey import TOKEN, Survey, local_marshal, taxonomy_map
from ztf_scope.test_disagreements import MANUAL as DISAGREEMENTS
from ztf_scope.test_upload import MANUAL

Scope = Callable[..., Result]

TABLES = ("sources", "saved", "classifications", "annotations", "comments", "photometry")
TYPOS = {
    "group": (["-group_ids", "500", "999"], "Group 999"),
    "groups": (["-group_ids", "998", "500", "999"], "Groups 998, 999"),
    "taxonomy": (["-taxonomy_id", "8"], "Taxonomy 8 not found"),
    "class": (["-classification", "Variable", "flaring"], "Did you mean 'variable'?"),
    "instrument": (["--instrument-name", "ZTFF"], "Existing instruments: SEDM, ZTF"),
    "column": (["--post-survey-id"], "has no column 'survey_id'"),
    "obj_id": (["--use-existing-obj-id"], "has no column 'obj_id'"),
}
"""Options that replace those in the example of the manual, and a part of the error."""


@pytest.fixture
def manual(survey: Survey) -> list[str]:
    survey.csv(Path("sample.csv"))
    taxonomy_map(Path("map.json"))
    return [*MANUAL, "--catalogue", survey.catalogue]


def with_typo(line: list[str], options: list[str]) -> list[str]:
    """Return the command line with other values for an option, or with an additional option."""
    name, *values = options
    if name not in line:
        return [*line, *options]
    start = line.index(name)
    end = next(n for n in range(start + 1, len(line)) if line[n].startswith("-"))
    return [*line[:start], name, *values, *line[end:]]


@pytest.mark.parametrize("typo", TYPOS)
@pytest.mark.parametrize("dry", [False, True])
def test_a_typo_changes_nothing_on_the_marshal(
    scope: Scope, marshal: FakeServer, fritz: Fritz, manual: list[str], typo: str, dry: bool
) -> None:
    options, words = TYPOS[typo]
    more = ["--dry-run"] if dry else []
    refused = scope(*with_typo(manual, options), *more)
    assert refused.code == 2 and words in refused.err and "Traceback" not in refused.err
    assert not any(fritz.count(table) for table in TABLES)
    assert {request.method for request in marshal.requests} <= {"GET"}
    assert len(marshal.requests) <= 5, "checked once, not once per row"
    scope(*manual).succeeded()
    assert fritz.count("sources") == 6


@pytest.fixture
def without_token(manual: list[str]) -> list[str]:
    return [part for part in manual if part not in ("-token", TOKEN)]


@pytest.mark.parametrize("dry", [False, True])
def test_a_marshal_file_accepts_only_its_groups_and_classes(
    scope: Scope, without_token: list[str], dry: bool
) -> None:
    marshal = local_marshal("mine.db", 500, 250, 750)
    line = [*without_token, "--marshal", marshal, *(["--dry-run"] if dry else [])]
    for typo, words in (
        (["-classification", "Variable", "flaring"], "Did you mean 'variable'?"),
        (["-taxonomy_id", "8"], "Existing taxonomies: 7 (own)"),
        (["-group_ids", "500", "999"], "Existing groups: 250, 500, 750"),
        (["--instrument-name", "ATLAS"], "Existing instruments: ZTF"),
    ):
        refused = scope(*with_typo(line, typo))
        assert refused.code == 2 and words in refused.err
    assert not list(LocalMarshal("mine.db").in_groups([500]))


def test_groups_of_a_marshal_file_can_be_created(scope: Scope, without_token: list[str]) -> None:
    marshal = local_marshal("mine.db", 500)
    line = [*without_token, "--marshal", marshal]
    assert "Groups 250, 750" in scope(*line).err
    assert scope(*line, "--create-groups", "--json").succeeded().json["done"] == 6
    remote = scope(*without_token, "-token", TOKEN, "--create-groups")
    assert remote.code == 2 and "only in a local file" in remote.err


def test_a_dry_run_with_a_new_file_creates_no_file(scope: Scope, manual: list[str]) -> None:
    Path("tree.yaml").write_text("class: All\n")
    line = ["taxonomy", "post", "--taxonomy", "tree.yaml", "-group_ids", "1", "--create-groups"]
    scope(*line, "--marshal", "local:new.db", "--dry-run", "--json").succeeded()
    assert not Path("new.db").exists()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("dec", -91.0, "value in degrees from -90 to 90"),
        ("dec", 95.0, "value in degrees from -90 to 90"),
        ("ra", 361.0, "value in degrees from 0 to 360"),
        ("ra", -0.1, "value in degrees from 0 to 360"),
        ("ra", float("inf"), "value in degrees from 0 to 360"),
        ("ra", "12:30:00.5", "sexagesimal"),
        ("dec", "-05 12 33", "sexagesimal"),
        ("dec", "12h30m", "sexagesimal"),
        ("ra", "north", "value in degrees from 0 to 360"),
        ("period", "0,149", "decimal point"),
        ("period", -1.0, "greater than 0"),
        ("period", 0.0, "greater than 0"),
        ("period", float("inf"), "finite"),
    ],
)
def test_the_error_for_an_invalid_number_contains_file_column_and_row(
    scope: Scope,
    marshal: FakeServer,
    fritz: Fritz,
    survey: Survey,
    manual: list[str],
    column: str,
    value: object,
    words: str,
) -> None:
    table = survey.table.astype({column: object})
    table.loc[2, column] = value
    table.to_csv("sample.csv", index=False)
    commands = [[*manual, "--dry-run"], manual]
    if column != "period":
        commands += [["download-classification", "-file", "sample.csv", "-token", TOKEN]]
    for line in commands:
        refused = scope(*line)
        assert refused.code == 2 and len(refused.err) < 500
        for part in ("sample.csv", f"'{value}'", f"column '{column}'", "row 2", words):
            assert part in refused.err, refused.err
    assert not any(fritz.count(table) for table in TABLES)


def test_several_invalid_coordinates_are_one_error(
    scope: Scope, marshal: FakeServer, survey: Survey, manual: list[str]
) -> None:
    table = survey.table.assign(dec=[-91.0, 5, 95, -100, 7, 8])
    table.to_csv("sample.csv", index=False)
    refused = scope(*manual)
    assert "row 0, and 2 more rows" in refused.err and refused.err.count("sample.csv") == 1


@pytest.mark.parametrize("names", [("RA", "DEC"), ("Ra", "Dec"), (" ra", "dec ")])
def test_the_names_of_coordinates_can_have_capital_letters(
    scope: Scope,
    marshal: FakeServer,
    fritz: Fritz,
    survey: Survey,
    manual: list[str],
    names: tuple[str, str],
) -> None:
    table = survey.table.rename(columns=dict(zip(("ra", "dec"), names, strict=True)))
    table.to_csv("sample.csv", index=False)
    scope(*manual).succeeded()
    assert fritz.count("sources") == 6
    scope("download-classification", "-file", "sample.csv", "-token", TOKEN).succeeded()
    written = pd.read_csv("sample_fritzDownload.csv")
    assert written["status"].str.startswith("found").all()
    assert [name.strip() for name in list(written)[:2]] == [name.strip() for name in names]


def test_a_file_without_coordinates_is_one_error(
    scope: Scope, marshal: FakeServer, survey: Survey, manual: list[str]
) -> None:
    survey.table.drop(columns="dec").to_csv("sample.csv", index=False)
    refused = scope(*manual)
    assert refused.code == 2 and "sample.csv has no columns 'ra' and 'dec'" in refused.err
    assert refused.err.count("sample.csv") == 1 and not marshal.requests


def test_contradicting_rows_of_one_source_are_listed(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, manual: list[str]
) -> None:
    twice = pd.concat([survey.table] * 2, ignore_index=True)
    twice.loc[7, "period"] = 99.0
    twice.loc[9, "variable"] = 0.123
    twice.to_csv("sample.csv", index=False)
    refused = scope(*manual, "--replace-classifications")
    assert refused.code == 2 and not fritz.count("sources")
    assert "rows 1 and 7 belong to the same source" in refused.err and "'period'" in refused.err
    done = scope(*manual, "--dry-run").succeeded()
    assert "rows 1 and 7" in done.err and "rows 3 and 9" in done.err and "0 and 6" not in done.err
    scope(*manual).succeeded()
    assert fritz.count("sources") == 6


def test_other_commands_check_their_group_before_the_first_change(
    scope: Scope, marshal: FakeServer, fritz: Fritz, tmp_path: Path
) -> None:
    fritz.add_source("ZTFJ1", 10, 20, 500)
    folder = tmp_path / "catalogue"
    folder.mkdir()
    scores = pd.DataFrame({"_id": [1], "vnv_dnn": [0.99], "vnv_xgb": [0.01]})
    scores.to_parquet(folder / "classifications.parquet")
    pd.DataFrame({"_id": [1], "ra": [1.0], "dec": [2.0]}).to_parquet(folder / "features.parquet")
    pd.DataFrame({"ztf_id": [2]}).to_csv("dataset.d15.csv", index=False)
    line = [part if part != "360" else "999" for part in DISAGREEMENTS]
    annotate = ["manage-annotation", "-action", "post", "-source", "ZTFJ1", "-origin", "o"]
    annotate += ["-key", "k", "-value", "1"]
    for command in (
        [*line, "--catalogue", f"local:{folder}"],
        [*annotate, "-group_ids", "999", "-token", TOKEN],
        ["taxonomy", "post", "-group_ids", "999", "-token", TOKEN],
    ):
        refused = scope(*command)
        assert refused.code == 2 and "Group 999 not found" in refused.err
    assert fritz.count("sources") == 1 and fritz.count("taxonomies") == 1
    assert not fritz.count("annotations")


@pytest.mark.parametrize(
    "typo",
    [("--catalogue", "local:nowhere"), ("-file", "no.csv"), ("-taxonomy_id", "8")],
)
def test_a_typo_leaves_no_new_file(
    scope: Scope, without_token: list[str], typo: tuple[str, str]
) -> None:
    line = [*without_token, "--marshal", "local:new.db", "--create-groups"]
    refused = scope(*with_typo(line, list(typo)))
    assert refused.code == 2, refused.err
    assert not list(Path().glob("new.db*"))


@pytest.mark.parametrize(
    "line",
    [
        "journal",
        "download-classification -file sample.csv",
        "download-classification -group_ids 500",
        "manage-annotation -action post -source x -origin o -key k -value 1",
        "taxonomy show",
        "sources --position 1 2",
    ],
)
def test_a_mistyped_marshal_file_is_an_error_and_is_not_created(
    scope: Scope, survey: Survey, line: str
) -> None:
    survey.csv(Path("sample.csv"))
    refused = scope(*line.split(), "--marshal", "local:typo.db")
    assert refused.code == 2 and "Marshal file not found: " in refused.err
    assert not list(Path().glob("typo.db*"))
