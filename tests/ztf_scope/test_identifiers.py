"""Identifiers keep every digit in all readers, commands and writers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues.local import LocalCatalogue
from astrodome_ztf_scope.classifiers import training
from astrodome_ztf_scope.marshal.classifications import (
    labels,
    result_tables,
    source_lookup,
    upload_rows,
)
from astrodome_ztf_scope.tables import datasets, identifiers, table_io
from astrodome_ztf_scope.vetting import candidates
from astrodome_ztf_scope.vetting.decisions import Decisions
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ztf_scope.survey import Survey

GAIA = 1733533420491297562
ENDINGS = (".csv", ".parquet", ".h5")
Scope = Callable[..., Result]

WORDS = st.sampled_from(
    ["nan", "NA", "null", "None", "<NA>", "007", "0", "-1", "#1", "a,b", 'say "x"', "x y", "ä"]
)
TEXT = st.one_of(WORDS, st.from_regex(r"[A-Za-z_][A-Za-z0-9_+. -]{0,8}[A-Za-z0-9]", fullmatch=True))
INTEGERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, -1, 2**53 + 1, 2**63 - 1, -(2**63)])
)
COLUMN = st.one_of(
    st.lists(st.none() | INTEGERS, min_size=1, max_size=6),
    st.lists(st.none() | TEXT, min_size=1, max_size=6),
)
property_test = settings(
    max_examples=settings.default.max_examples * 2 // 5,  # More with the profile torture.
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def texts(values: Sequence[Any]) -> list[str]:
    return ["" if value is None else str(value) for value in values]


def table_of(values: Sequence[Any], **columns: Any) -> pd.DataFrame:
    assume(any(value is not None for value in values))
    rows = [{"survey_id": value, "ra": 1.5, "dec": -2.5} for value in values]
    return identifiers.from_records(rows).assign(**columns)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.requires("tables")
@given(values=COLUMN, through=st.permutations(ENDINGS))
@property_test
def test_any_identifier_survives_any_order_of_formats(
    folder: Path, values: list[Any], through: list[str]
) -> None:
    table = table_of(values)
    for number, ending in enumerate(through):
        path = table_io.write_table(folder / f"{number}{ending}", table)
        table = table_io.read_table(path)
        assert identifiers.texts(table["survey_id"]) == texts(values), ending
        assert not pd.api.types.is_float_dtype(table["survey_id"])
        if ending == ".parquet":
            stored = pq.read_table(path)["survey_id"].to_pylist()
            assert texts(stored) == texts(values)
            read = pd.read_parquet(path)["survey_id"]
            assert identifiers.texts(read) == texts(values)
            assert not pd.api.types.is_float_dtype(read)
        if ending == ".h5":
            read = pd.read_hdf(path)["survey_id"]
            assert identifiers.texts(read) == texts(values)


@given(values=COLUMN, ending=st.sampled_from(ENDINGS), rows=st.integers(1, 3))
@property_test
def test_any_identifier_survives_reading_in_parts(
    folder: Path, values: list[Any], ending: str, rows: int
) -> None:
    path = table_io.write_table(folder / f"a{ending}", table_of(values))
    parts = [part.table["survey_id"] for part in datasets.read_batches(path, None, rows)]
    assert [text for part in parts for text in identifiers.texts(part)] == texts(values)


@given(values=COLUMN, ending=st.sampled_from(ENDINGS))
@property_test
def test_any_identifier_reaches_the_rows_of_an_upload_and_the_result(
    folder: Path, values: list[Any], ending: str
) -> None:
    table = table_io.read_table(
        table_io.write_table(folder / f"a{ending}", table_of(values, variable=0.5))
    )
    options = upload_rows.UploadOptions(group_ids=(1,))
    rows = upload_rows.prepare(table.assign(ra=1.0, dec=2.0), options)
    found = [row.values["survey_id"] for row in rows]
    assert [identifiers.text(value) for value in found] == texts(values)
    assert all(isinstance(value, int | str) or value is None for value in found)
    assert len(labels.select(table, ["variable"], taxonomy_id=1)) == 1
    table["obj_id"] = ["ZTFJ1"] * len(table)
    written = table_io.write_table(folder / f"b{ending}", table)
    assert identifiers.texts(table_io.read_table(written)["survey_id"]) == texts(values)


@given(values=COLUMN, ending=st.sampled_from(ENDINGS))
@property_test
def test_any_identifier_stays_beside_what_is_downloaded(
    folder: Path, values: list[Any], ending: str
) -> None:
    table = table_io.read_table(table_io.write_table(folder / f"a{ending}", table_of(values)))
    none = [
        source_lookup.SourceMatch(number, None, source_lookup.NOT_FOUND)
        for number in range(len(table))
    ]
    out = table_io.write_table(folder / f"b{ending}", result_tables.add_columns(table, none))
    assert identifiers.texts(table_io.read_table(out)["survey_id"]) == texts(values)


@given(values=COLUMN, ending=st.sampled_from(ENDINGS))
@property_test
def test_any_identifier_is_shown_and_kept_by_vetting(
    folder: Path, values: list[Any], ending: str
) -> None:
    table = table_of(values, vnv_xgb=0.5).rename(columns={"survey_id": "_id"})
    found = candidates.read(table_io.write_table(folder / f"a{ending}", table))
    names = [row.name for row in found.rows]
    assert names == [text or f"row {n}" for n, text in enumerate(texts(values))]
    pages = [json.loads(json.dumps(found.page(n))) for n in range(len(values))]
    assert [page["identifiers"].get("_id", "") for page in pages] == texts(values)
    out = folder / "vetted.csv"
    out.unlink(missing_ok=True)
    (folder / ".vetted.csv.decisions.jsonl").unlink(missing_ok=True)
    decisions = Decisions(out, found)
    for number in range(len(values)):
        decisions.decide(number, "accept", ["vnv"])
    assert identifiers.texts(table_io.read_table(out)["_id"]) == texts(values)


@given(
    values=st.one_of(
        st.lists(INTEGERS, min_size=1, max_size=6, unique=True),
        st.lists(TEXT, min_size=1, max_size=6, unique=True),
    )
)
@property_test
def test_any_identifier_is_found_in_a_local_catalogue(folder: Path, values: list[Any]) -> None:
    pd.DataFrame({"_id": values, "ra": 1.5, "dec": 2.5}).to_parquet(folder / "sources.parquet")
    catalogue = LocalCatalogue(folder)
    assert [one["_id"] for one in catalogue.find("sources", {})] == sorted(values)
    (near,) = catalogue.cone("sources", 1.5, 2.5, 2)
    assert {one["_id"] for one in near} == set(values)


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_decimal_point_among_integer_ids_changes_no_other_id(
    tmp_path: Path, ending: str
) -> None:
    (tmp_path / "a.csv").write_text(f"_id,b\n0.0,1\n1012.0,2\n{GAIA},3\n,4\n10301001000154,5\n")
    table = table_io.read_table(tmp_path / "a.csv")
    wanted = ["0", "1012", str(GAIA), "", "10301001000154"]
    assert identifiers.texts(table["_id"]) == wanted and table["_id"].dtype == "Int64"
    again = table_io.read_table(table_io.write_table(tmp_path / f"b{ending}", table))
    assert identifiers.texts(again["_id"]) == wanted and again["_id"].dtype == "Int64"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("12.5", "row 1, column '_id': '12.5' is not a valid identifier"),
        ("1.7335334204912975e+18", "row 1, column '_id': .* digits are lost"),
        ("1.03E+13", "row 1, column '_id': .* digits are lost"),
        ("1733533420491297536.0", "row 1, column '_id': .* digits are lost"),
    ],
)
def test_an_id_in_csv_that_lost_digits_is_an_error(tmp_path: Path, cell: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(f"_id\n1\n{cell}\n")
    with pytest.raises(AstrodomeError, match=words):
        table_io.read_table(tmp_path / "a.csv")


def test_an_id_in_csv_with_all_its_digits_is_read_in_any_notation(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"_id\n1.030100100015400000e+13\n{GAIA}.0\n-5.\n")
    assert table_io.read_table(tmp_path / "a.csv")["_id"].tolist() == [10301001000154, GAIA, -5]
    (tmp_path / "a.csv").write_text("_id\n12345678901234567890\n7\n")
    assert table_io.read_table(tmp_path / "a.csv")["_id"].tolist() == ["12345678901234567890", "7"]


@pytest.mark.parametrize(
    "ending", [".parquet", pytest.param(".h5", marks=pytest.mark.requires("tables"))]
)
def test_a_float_column_from_elsewhere_is_read_or_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    write = pd.DataFrame.to_parquet if ending == ".parquet" else pd.DataFrame.to_hdf
    more = {} if ending == ".parquet" else {"key": "df"}
    write(pd.DataFrame({"ztf_id": [10301001000154.0, np.nan]}), path, **more)
    assert identifiers.texts(table_io.read_table(path)["ztf_id"]) == ["10301001000154", ""]
    write(pd.DataFrame({"Gaia_EDR3___id": [np.nan, float(GAIA)]}), path, **more)
    with pytest.raises(AstrodomeError, match=r"row 1, column 'Gaia_EDR3___id'.* digits are lost"):
        table_io.read_table(path)


def test_words_for_a_missing_value_are_text_only_in_quotation_marks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('obj_id,fritz_name,x\nZTF1,nan,1\n"nan",NA,2\n,"NA",3\n')
    table = table_io.read_table(tmp_path / "a.csv")
    assert table["obj_id"].tolist() == ["ZTF1", "nan", ""]
    assert identifiers.texts(table["fritz_name"]) == ["", "", "NA"]


def test_integers_with_gaps_that_are_not_ids_keep_their_type_in_every_format(
    tmp_path: Path,
) -> None:
    table = pd.DataFrame({"filter": pd.array([1, None, 3], dtype="Int64"), "a": ["x", None, "y"]})
    for ending in ENDINGS:
        again = table_io.read_table(table_io.write_table(tmp_path / f"a{ending}", table))
        assert again["filter"].dtype == "Int64", ending
        assert identifiers.texts(again["filter"]) == ["1", "", "3"], ending
    assert pd.read_hdf(tmp_path / "a.h5")["filter"].dtype == "float64"


def test_a_table_of_statements_has_no_floats_for_ids() -> None:
    about = {"id": "ZTF1", "ra": 1.0, "dec": 2.0, "labellers": ["a"]}
    one = {
        "classification": "EA",
        "probability": 1.0,
        "taxonomy_id": 1012,
        "origin": "",
        "ml": True,
    }
    classes = [{**one, "votes": 2, "groups": [1]}]
    table = result_tables.long_table([{**about, "classifications": classes, "annotations": []}])
    assert table["taxonomy_id"].tolist()[0] == 1012 and table["taxonomy_id"].dtype == "Int64"
    assert "1012.0" not in table.to_csv() and "2.0,1" not in table["votes"].astype(str).tolist()


@pytest.fixture(scope="module")
def models(dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from astrodome.testing import run

    root = tmp_path_factory.mktemp("models")
    args = ("--tag=e", "--path-dataset", dataset(".parquet", 600), "--path-models", root)
    plugin = "astrodome_ztf_scope.plugin"
    run("scope", "train", *args, "--algorithm=xgb", "--no-plot", plugin=plugin).succeeded()
    return root / "experiment"


def features(dataset: Callable[..., Path], rows: int = 20) -> pd.DataFrame:
    return pd.read_parquet(dataset(".parquet", 600)).iloc[:rows].drop(columns="dmdt")


def test_scores_keep_long_ids_beside_missing_ones_for_every_library(
    scope: Scope, models: Path, dataset: Callable[..., Path]
) -> None:
    table = features(dataset)
    gaia = [GAIA + n if n % 3 else None for n in range(len(table))]
    table["Gaia_EDR3___id"] = pd.array(gaia, dtype="Int64")
    for ending in ENDINGS:
        table_io.write_table(Path(f"mine{ending}"), table)
        args = ("--models", models, "--batch-size=7", "--force")
        scope("predict", f"mine{ending}", *args).succeeded()
        stored = pq.read_table("scores.parquet")["Gaia_EDR3___id"]
        assert stored.to_pylist() == gaia and stored.type == pa.int64(), ending
        read = pd.read_parquet("scores.parquet")
        assert read["Gaia_EDR3___id"].dtype == "Int64" and read["_id"].dtype == "Int64"
        assert identifiers.texts(read["Gaia_EDR3___id"]) == texts(gaia)


def test_predict_reports_ids_that_lost_digits_and_writes_missing_values(
    scope: Scope, models: Path, dataset: Callable[..., Path]
) -> None:
    table = features(dataset)
    table["Gaia_EDR3___id"] = [float(GAIA), np.nan, 5.0, *[np.nan] * (len(table) - 3)]
    table.to_parquet("mine.parquet")
    done = scope("predict", "mine.parquet", "--models", models).succeeded()
    assert "column 'Gaia_EDR3___id'" in done.err and "digits are lost" in done.err
    stored = pq.read_table("scores.parquet")["Gaia_EDR3___id"].to_pylist()
    assert stored[:3] == [None, None, 5]


def test_a_file_with_text_ids_joins_one_with_integers(
    scope: Scope, models: Path, dataset: Callable[..., Path]
) -> None:
    table = features(dataset, 3)
    table.assign(ztf_id=[1, 2, 2**63 - 1]).to_parquet("a.parquet")
    table.assign(ztf_id=["007", "nan", "x"]).to_parquet("b.parquet")
    scope("predict", "a.parquet", "b.parquet", "--models", models).succeeded()
    found = pd.read_parquet("scores.parquet")["_id"].tolist()
    assert found == ["1", "2", str(2**63 - 1), "007", "nan", "x"]


def test_the_split_of_a_training_keeps_long_ids_beside_missing_ones(
    scope: Scope, dataset: Callable[..., Path]
) -> None:
    table = pd.read_parquet(dataset(".parquet", 600)).drop(columns="dmdt")
    ids = [GAIA + n if n % 4 else None for n in range(len(table))]
    table["ztf_id"] = pd.array(ids, dtype="Int64")
    table.to_parquet("mine.parquet")
    args = ("--tag=e", "--algorithm=xgb", "--path-dataset=mine.parquet", "--no-plot")
    scope("train", *args).succeeded()
    (file,) = Path("models").rglob("split.parquet")
    split = pd.read_parquet(file)
    assert split["ztf_id"].dtype == "Int64" and "ztf_id" in training.IDS
    assert identifiers.texts(split["ztf_id"]) == [texts(ids)[row] for row in split["row"]]


def test_the_period_is_the_one_that_the_models_use(
    scope: Scope, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    """Two groups of models use the periods of two searches from one file."""
    searches = {"ELS": "models_of_els", "ELS_ECE_EAOV": "models_of_both"}
    table = pd.read_parquet(dataset(".parquet", 600, period_suffix="ELS_ECE_EAOV"))
    table = table.drop(columns=["dmdt", "period"], errors="ignore")
    both = [name for name in table if name.endswith("_ELS_ECE_EAOV")]
    more = {name.removesuffix("_ECE_EAOV"): table[name] * 2 for name in both}
    table = pd.concat([pd.DataFrame(more), table], axis=1)  # the other search comes first
    table.to_parquet("mine.parquet")
    common = ("--tag=e", "--algorithm=xgb", "--path-dataset=mine.parquet", "--no-plot")
    for suffix, root in searches.items():
        args = (*common, "--period-suffix", suffix, "--path-models", root)
        scope("train", *args).succeeded()
        scope("predict", "mine.parquet", "--models", root, "--force").succeeded()
        scores = pd.read_parquet("scores.parquet")
        np.testing.assert_array_equal(scores["period"], table[f"period_{suffix}"])
        assert not [name for name in scores if name.startswith("period_")]


def test_models_that_read_different_periods_have_each_its_own_column(
    scope: Scope, dataset: Callable[..., Path]
) -> None:
    from astrodome_ztf_scope.classifiers.preprocessing.preparation import (
        FeatureTransform,
        Preparation,
    )
    from astrodome_ztf_scope.classifiers.scorer import Scorer

    def reads(*columns: tuple[str, str]) -> Preparation:
        return Preparation(tuple(FeatureTransform(*names, "zero", 0.0) for names in columns))

    scorer = Scorer(())
    available = ["ztf_id", "ad", "period", "period_ELS", "period_ECE", "f1_amp_ECE", "f1_amp_ELS"]
    els, ece = reads(("period_ELS", "period")), reads(("ad", "ad"), ("f1_amp_ECE", "f1_amp"))
    for preparations, wanted in (
        ([els], {"period_ELS": "period"}),
        ([ece], {"period_ECE": "period"}),
        ([els, ece], {"period_ELS": "period_ELS", "period_ECE": "period_ECE"}),
        ([reads(("ad", "ad"))], {"period": "period"}),
    ):
        scorer.preparations = preparations
        kept = scorer.copied(available, Path("a.parquet"))
        assert kept == {"ztf_id": "_id", **wanted}
    scorer.preparations = [reads(("ad", "ad"))]
    assert scorer.copied(["ad", "period_ELS"], Path("a.parquet")) == {}


def test_an_upload_requires_a_choice_of_several_periods(scope: Scope, survey: Survey) -> None:
    table = survey.table.rename(columns={"period": "period_ELS"})
    table.assign(period_ECE=2 * table["period_ELS"]).to_csv("mine.csv", index=False)
    args = ("-file", "mine.csv", "-group_ids", 1, "--marshal", "local:new.db", "--dry-run")
    args = (*args, "--create-groups")
    args = (*args, "--catalogue", survey.catalogue, "--json")
    refused = scope("upload-classification", *args)
    assert (
        refused.code == 2
        and "no column 'period'. Available period columns: period_ELS, period_ECE" in refused.err
    )
    wrong = scope("upload-classification", *args, "--period-column", "period_LS")
    assert wrong.code == 2 and "Available period columns: period_ELS, period_ECE" in wrong.err
    for column, factor in (("period_ELS", 1), ("period_ECE", 2), ("none", 0)):
        told = scope("upload-classification", *args, "--period-column", column).succeeded().json
        posted = [
            change["data"]["period"]
            for row in told["rows"]
            for change in row["changes"]
            if change["verb"] == "annotation"
        ]
        assert posted == pytest.approx([factor * p for p in table["period_ELS"]] if factor else [])


@pytest.mark.parametrize("ending", ["csv", "parquet", "h5"])
def test_an_upload_writes_ids_with_gaps_to_every_format(
    scope: Scope, survey: Survey, ending: str
) -> None:
    ids = [GAIA + n if n % 2 else None for n in range(len(survey.table))]
    survey.csv(Path("mine.csv"), survey_id=pd.array(ids, dtype="Int64"))
    args = ("-file", "mine.csv", "-group_ids", 1, "--marshal", "local:new.db", "--skip-phot")
    args = (*args, "--create-groups")
    args = (*args, "--catalogue", survey.catalogue, "--write-obj-id", "--result-format", ending)
    scope("upload-classification", *args).succeeded()
    (written,) = Path("fritzUpload").iterdir()
    table = table_io.read_table(written)
    assert identifiers.texts(table["survey_id"]) == texts(ids)
    assert all(name.startswith("ZTFJ") for name in table["obj_id"])


def test_an_upload_without_the_library_for_its_result_changes_nothing(
    scope: Scope, survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tables", None)  # as if PyTables was not installed
    survey.csv(Path("mine.csv"))
    args = ("-file", "mine.csv", "-group_ids", 1, "--marshal", "local:new.db", "--skip-phot")
    args = (*args, "--create-groups")
    args = (*args, "--catalogue", survey.catalogue, "--write-obj-id", "--result-format", "h5")
    failed = scope("upload-classification", *args)
    assert failed.code == 1 and "PyTables" in failed.err
    assert not Path("new.db").exists() and not Path("fritzUpload").exists()
