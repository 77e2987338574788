"""``scope select-sample``: light curves are combined to sources, and sources are selected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import astrodome_ztf_scope as scope_api
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues import positions
from astrodome_ztf_scope.classifiers import consolidation
from ztf_scope import survey as surveys

GAIA, ALLWISE, PS1 = "Gaia_EDR3___id", "AllWISE___id", "PS1_DR1___id"
BIG = 4_123_456_789_012_345_678
"""An identifier that a float cannot represent."""


def predictions(stars: int, seed: int = 1, tags: tuple[str, ...] = ("vnv", "e")) -> pd.DataFrame:
    """Return the light curves of stars at intervals of 0.1 deg, in random order.

    Each star has one to four light curves within 0.5 arcsec. The column ``star`` contains the true
    source of each light curve.
    """
    random = np.random.default_rng(seed)
    star = np.repeat(np.arange(stars), random.integers(1, 5, stars))
    count = len(star)
    table = pd.DataFrame(
        {
            "_id": 10**13 + random.permutation(count),
            "ra": 10 + 0.1 * star + random.uniform(-1, 1, count) * 1e-4,
            "dec": 5 + random.uniform(-1, 1, count) * 1e-4,
            "period": 0.5 + star / 100.0,
            "field": 296,
            "star": star,
        }
    )
    for number, name in enumerate((GAIA, ALLWISE, PS1)):
        known = random.random(count) < 0.6
        table[name] = pd.array(np.where(known, BIG + 1000 * number + star, 0), "Int64")
        table.loc[~known, name] = pd.NA
    for tag in tags:
        table[f"{tag}_xgb"] = random.random(count).astype(np.float32)
    return table.sample(frac=1, random_state=seed, ignore_index=True)


@pytest.fixture
def stars() -> pd.DataFrame:
    return predictions(300)


def by_star(found: consolidation.ConsolidatedPredictions, table: pd.DataFrame) -> pd.DataFrame:
    """Return the true stars in each source."""
    curves = found.light_curves.merge(table[["_id", "star"]], on="_id")
    return curves.groupby("obj_id")["star"].agg(["nunique", "first", "size"])


def test_all_light_curves_of_a_star_become_one_source(stars: pd.DataFrame) -> None:
    found = scope_api.consolidate_predictions(stars)
    groups = by_star(found, stars)
    assert len(found.table) == stars["star"].nunique() == len(groups)
    assert (groups["nunique"] == 1).all() and groups["first"].is_unique
    assert groups["size"].sum() == len(stars) == found.table["light_curves"].sum()
    assert not found.collisions and not found.duplicates


@pytest.mark.parametrize("statistic", ["mean", "median", "max"])
def test_scores_are_combined_with_the_statistic(stars: pd.DataFrame, statistic: str) -> None:
    stars.loc[::7, "vnv_xgb"] = np.nan
    found = scope_api.consolidate_predictions(stars, statistic=statistic)
    function = getattr(np, f"nan{statistic}")
    own = found.table.set_index("obj_id")
    checked = 0
    for name, star in by_star(found, stars)["first"].items():
        rows = stars[stars["star"] == star]
        for column in ("vnv_xgb", "e_xgb"):
            values = rows[column].to_numpy(float)
            expected = function(values) if np.isfinite(values).any() else np.nan
            assert own.loc[name, column] == pytest.approx(expected, rel=1e-6, nan_ok=True)
            checked += 1
        x = [positions.mean(rows["ra"], rows["dec"])]
        assert own.loc[name, ["ra", "dec"]].tolist() == pytest.approx(x[0], abs=1e-9)
        assert name == positions.iau_name(*own.loc[name, ["ra", "dec"]])
    assert checked == 600
    np.testing.assert_allclose(own["nonvar_xgb"], 1 - own["vnv_xgb"], rtol=1e-6)


def test_the_result_does_not_depend_on_the_order_or_the_files(
    stars: pd.DataFrame, tmp_path: Path
) -> None:
    whole = scope_api.consolidate_predictions(stars)
    shuffled = stars.sample(frac=1, random_state=5)
    shuffled.iloc[:200].to_parquet(tmp_path / "a.parquet")
    texts = {GAIA: shuffled[GAIA].astype("string"), "_id": shuffled["_id"].astype("string")}
    shuffled.assign(**texts).iloc[200:].to_parquet(tmp_path / "b.parquet")
    parts = scope_api.consolidate_predictions([tmp_path / "b.parquet", tmp_path / "a.parquet"])
    own = whole.table.astype({"_id": str, GAIA: str})
    pd.testing.assert_frame_equal(own, parts.table.astype({"_id": str, GAIA: str}))
    samples = [scope_api.select_sample(one).table["obj_id"].tolist() for one in (whole, parts)]
    assert samples[0] == samples[1] and samples[0]


@pytest.mark.parametrize(
    ("rows", "sources"),
    [
        ([(1, None, None), (1, None, None), (2, None, None)], [{0, 1}, {2}]),
        ([(1, 7, None), (None, 7, None), (None, 7, 9), (None, None, 9)], [{0, 1, 2, 3}]),
        ([(None, 7, None), (None, 7, 9), (None, None, 9)], [{0, 1, 2}]),
        # The AllWISE id belongs to two Gaia sources, so it does not decide.
        ([(1, 7, None), (2, 7, None), (None, 7, None)], [{0}, {1}, {2}]),
        ([(None, None, 9), (None, None, 9), (None, None, 8)], [{0, 1}, {2}]),
        ([(None, None, None), (None, None, None)], [{0}, {1}]),
    ],
)
def test_identifiers_have_a_fixed_priority(
    rows: list[tuple[int | None, ...]], sources: list[set[int]]
) -> None:
    table = pd.DataFrame(rows, columns=[GAIA, ALLWISE, PS1]).astype("Int64") + BIG
    table = table.assign(_id=range(len(rows)), ra=np.arange(len(rows)) + 1.0, dec=0.0, vnv_xgb=0.5)
    found = scope_api.consolidate_predictions(table).light_curves
    groups = [set(ids) for _, ids in found.groupby("obj_id")["_id"]]
    assert sorted(groups, key=min) == sources


def test_survey_ids_keep_all_digits_and_name_the_first_survey() -> None:
    table = pd.DataFrame({"_id": [5, 6, 7, 8], "ra": [1.0, 2, 3, 4], "dec": 0.0, "vnv_xgb": 0.5})
    table[GAIA] = pd.array([BIG, None, None, None], "Int64")
    table[ALLWISE] = pd.array([1, BIG + 1, None, None], "Int64")
    table[PS1] = pd.array([2, 3, BIG + 2, None], "Int64")
    found = scope_api.consolidate_predictions(table).table
    expected = [f"Gaia_EDR3___{BIG}", f"AllWISE___{BIG + 1}", f"PS1_DR1___{BIG + 2}", "ZTF___8"]
    assert found.sort_values("ra")["survey_id"].tolist() == expected


def test_a_light_curve_without_identifiers_belongs_to_the_nearest_source_within_the_radius() -> (
    None
):
    arcsec = 1 / 3600
    table = pd.DataFrame({"_id": [1, 2, 3, 4, 5], "vnv_xgb": 0.5, "dec": 0.0})
    table["ra"] = 10 + np.array([0, 3, 1.9, 5.5, 7.0]) * arcsec
    table[GAIA] = pd.array([BIG, BIG + 1, None, None, None], "Int64")
    curves = scope_api.consolidate_predictions(table).light_curves
    assert [set(ids) for _, ids in curves.groupby("survey_id")["_id"]] == [{1}, {2, 3}, {4, 5}]
    wide = scope_api.consolidate_predictions(table, radius=2.6).light_curves
    assert [set(ids) for _, ids in wide.groupby("survey_id")["_id"]] == [{1}, {2, 3, 4}, {5}]


def test_sources_with_equal_iau_names_are_kept_and_listed() -> None:
    table = pd.DataFrame({"_id": [1, 2, 3], "ra": [10.0, 10.00001, 20], "dec": 5.0})
    table[GAIA] = pd.array([BIG + 1, BIG, BIG + 2], "Int64")
    found = scope_api.consolidate_predictions(table.assign(vnv_xgb=0.5))
    name = positions.iau_name(10.0, 5.0)
    assert found.table["obj_id"].tolist()[:2] == [f"{name}_1", f"{name}_2"]
    assert found.collisions == {name: [f"Gaia_EDR3___{BIG}", f"Gaia_EDR3___{BIG + 1}"]}
    assert found.table["obj_id"].is_unique and len(found.table) == 3


def test_existing_names_identify_the_source() -> None:
    table = pd.DataFrame({"_id": [1, 2, 3], "ra": [10.0, 200, 20], "dec": 5.0, "vnv_xgb": 0.5})
    found = scope_api.consolidate_predictions(table.assign(obj_id=["A", "A", None])).table
    assert sorted(found["obj_id"]) == ["A", positions.iau_name(20, 5)]


def test_the_period_is_the_one_on_which_most_light_curves_agree() -> None:
    table = pd.DataFrame({"_id": range(8), "ra": [1.0] * 4 + [2] * 2 + [3] * 2, "dec": 0.0})
    table["period"] = [0.5, 0.2501, 0.25, 3, 0.7, 1.4, np.nan, -1]
    table["e_xgb"] = [0.9, 0.1, 0.2, 0.8, 0.3, 0.6, 0.5, 0.5]
    found = scope_api.consolidate_predictions(table).table.sort_values("ra")["period"].tolist()
    assert found == pytest.approx([0.25, 1.4, np.nan], nan_ok=True)


def test_repeated_light_curves_and_sources_without_position_are_counted() -> None:
    table = pd.DataFrame({"_id": [1, 1, 2, 3], "ra": [5, 5, 6, None], "dec": 1.0, "vnv_xgb": 0.5})
    found = scope_api.consolidate_predictions(table)
    assert (len(found.table), found.duplicates, found.without_position) == (3, 1, 1)
    assert found.table["obj_id"].tolist()[-1] == "ZTF___3"
    plain = scope_api.consolidate_predictions(table.drop(columns=["ra", "dec"]))
    assert plain.table["obj_id"].tolist() == ["ZTF___1", "ZTF___2", "ZTF___3"]


def test_light_curves_without_any_identity_are_separate_sources() -> None:
    table = pd.DataFrame({"_id": pd.array([None, None, 3], "Int64"), "vnv_xgb": [0.1, 0.9, 0.5]})
    found = scope_api.consolidate_predictions(table)
    assert sorted(found.table["vnv_xgb"].round(3)) == [0.1, 0.5, 0.9] and not found.duplicates
    with pytest.raises(AstrodomeError, match="have no rows"):
        scope_api.consolidate_predictions(table.iloc[:0])


def test_light_curves_with_the_same_id_in_different_filters_are_kept() -> None:
    table = pd.DataFrame({"_id": [1, 1, 2], "filter": [1, 2, 1], "vnv_xgb": [0.5, 1.0, 0.1]})
    for place in ({}, {"ra": [5.0, 5.0, 6.0], "dec": 1.0}):
        found = scope_api.consolidate_predictions(table.assign(**place))
        assert found.table["vnv_xgb"].round(3).tolist() == [0.75, 0.1] and not found.duplicates
        assert found.light_curves["filter"].tolist() == [1, 2, 1]


@pytest.mark.parametrize("top", [False, True])
def test_every_class_has_its_number_of_sources(top: bool) -> None:
    table = predictions(900, 3, ("vnv", "e", "agn")).assign(agn_xgb=np.float32(0.1))
    table.loc[table["star"] < 3, "agn_xgb"] = np.float32(0.99)
    found = scope_api.consolidate_predictions(table)
    options = scope_api.SampleOptions(per_class=20, threshold=0.7, top=top)
    sample = scope_api.select_sample(found, options)
    counts = {record["tag"]: record for record in sample.counts}
    assert list(counts) == ["vnv", "e", "agn", "nonvar"]
    for tag, record in counts.items():
        scores = found.table[f"{tag}_xgb"]
        drawn = sample.table[
            sample.table["selected_for"].str.split(";").map(lambda t, n=tag: n in t)
        ]
        assert record["candidates"] == (scores >= 0.7).sum()
        assert record["selected"] == len(drawn) == min(20, record["candidates"])
        assert (drawn[f"{tag}_xgb"] >= 0.7).all()
        assert record["in_sample"] == (sample.table[f"{tag}_xgb"] >= 0.7).sum()
        if top:
            assert drawn[f"{tag}_xgb"].min() >= scores.nlargest(20).min() or tag == "agn"
    assert counts["agn"]["selected"] == 3 and sample.table["obj_id"].is_unique


def test_the_random_selection_is_uniform_and_depends_only_on_the_seed() -> None:
    table = pd.DataFrame({"_id": range(200), "ra": np.arange(200) / 10, "dec": 0.0, "e_xgb": 0.95})
    found = scope_api.consolidate_predictions(table)
    drawn = np.zeros(200)
    for seed in range(400):
        options = scope_api.SampleOptions(per_class=50, seed=seed)
        rows = scope_api.select_sample(found, options).table["_id"].to_numpy(int)
        drawn[rows] += 1
    assert drawn.sum() == 400 * 50
    spread = np.sqrt(400 * 0.25 * 0.75)
    assert np.abs(drawn - 100).max() < 5 * spread and drawn.std() == pytest.approx(spread, rel=0.2)
    again = scope_api.select_sample(found, options).table["_id"].to_numpy(int)
    np.testing.assert_array_equal(again, rows)


@pytest.mark.parametrize("columns", [["obj_id"], [GAIA], ["ztf_id"], ["ra", "dec"], ["all"]])
def test_training_sources_are_excluded_by_any_identifier(
    columns: list[str], stars: pd.DataFrame, tmp_path: Path
) -> None:
    found = scope_api.consolidate_predictions(stars)
    names = by_star(found, stars).query("first < 30").index
    training = found.light_curves[found.light_curves["obj_id"].isin(names)]
    training = training.drop_duplicates("obj_id")[["_id", "obj_id"]]
    training = training.merge(found.table.drop(columns="_id"), on="obj_id")
    training = training.rename(columns={"_id": "ztf_id"})
    if columns == [GAIA]:
        training = training.assign(ztf_id=-1)
        columns = [GAIA, "ztf_id"]
        names = names[names.isin(training.dropna(subset=GAIA)["obj_id"])]
    path = tmp_path / "training.csv"
    training[list(training) if columns == ["all"] else columns].to_csv(path, index=False)
    options = scope_api.SampleOptions(0, 0)
    sample = scope_api.select_sample(found, options, exclude=[path])
    assert sample.excluded == len(names) > 10
    assert set(sample.table["obj_id"]) == set(found.table["obj_id"]) - set(names)


def test_a_training_set_without_identifiers_is_an_error(
    stars: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text("variable\n1\n")
    found = scope_api.consolidate_predictions(stars)
    with pytest.raises(AstrodomeError, match=r"labels\.csv contains no identifiers"):
        scope_api.select_sample(found, exclude=[tmp_path / "labels.csv"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vnv_xgb": 1.5}, r"invalid score '1\.5' in column 'vnv_xgb', row 0"),
        ({"vnv_xgb": "high"}, "invalid score 'high' in column 'vnv_xgb', row 0"),
        ({"dec": 95.0}, "invalid coordinate '95.0' in column 'dec', row 0"),
        ({"vnv_dnn": 0.5}, "contains scores of several algorithms: dnn, xgb"),
    ],
)
def test_invalid_predictions_are_errors(
    change: dict[str, object], message: str, stars: pd.DataFrame
) -> None:
    with pytest.raises(AstrodomeError, match=message):
        scope_api.consolidate_predictions(stars.assign(**change))


@pytest.mark.parametrize(
    ("dropped", "message"),
    [
        (["_id"], "has no column '_id'"),
        (["dec"], "has no column 'dec'"),
        (["vnv_xgb", "e_xgb"], "has no score columns: expected names such as 'vnv_xgb'"),
    ],
)
def test_missing_columns_are_errors(dropped: list[str], message: str, stars: pd.DataFrame) -> None:
    with pytest.raises(AstrodomeError, match=message):
        scope_api.consolidate_predictions(stars.drop(columns=dropped))


def test_merged_scores_can_be_selected(stars: pd.DataFrame) -> None:
    table = stars.assign(vnv=stars["vnv_xgb"] / 2, vnv_dnn=0.1)
    found = scope_api.consolidate_predictions(table, algorithm="merged")
    assert found.columns == {"vnv": "vnv", "nonvar": "nonvar"}
    np.testing.assert_allclose(found.table["nonvar"], 1 - found.table["vnv"])


def test_the_command_writes_a_sample_that_can_be_vetted_and_uploaded(
    survey: surveys.Survey, scope: Callable[..., Result], tmp_path: Path
) -> None:
    curves = pd.read_parquet(survey.folder / "light_curves.parquet")
    scores = curves[["_id", "ra", "dec"]].assign(
        vnv_xgb=np.repeat([0.99, 0.95, 0.2, 0.97, 0.93, 0.1], 2), period=0.5
    )
    scores.to_parquet(tmp_path / "scores.parquet")
    line = ("select-sample", tmp_path / "scores.parquet", "--out", tmp_path / "out", "--tag=vnv")
    document = json.loads(scope(*line, "--json").succeeded().out)
    assert {key: document[key] for key in ("light_curves", "sources", "selected")} == {
        "light_curves": 12, "sources": 6, "selected": 4,
    }  # fmt: skip
    assert document["classes"] == [{"tag": "vnv", "candidates": 4, "selected": 4, "in_sample": 4}]
    sample = Path(document["files"]["sample"])
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert meta["classes"] == document["classes"] and meta["options"]["threshold"] == 0.9
    from astrodome_ztf_scope.vetting import candidates

    assert [one.name for one in candidates.read(sample).rows] == list(
        pd.read_parquet(sample)["obj_id"]
    )
    names = ("--marshal", surveys.local_marshal(str(tmp_path / "m.db"), 500))
    mapping = tmp_path / "map.json"
    mapping.write_text(json.dumps({"vnv_xgb": {"fritz_label": "variable", "taxonomy_id": 7}}))
    upload = ("upload-classification", "-file", sample, "-group_ids", 500, *names)
    upload += ("-classification", "read", "-taxonomy_map", mapping, "--p-threshold", 0.9)
    upload += ("--catalogue", survey.catalogue, "--json")
    posted = json.loads(scope(*upload).succeeded().out)
    assert posted["done"] == 4
    assert {row["obj_id"] for row in posted["rows"]} == set(pd.read_parquet(sample)["obj_id"])


def test_the_command_of_scope_ml_has_its_options(
    stars: pd.DataFrame, scope: Callable[..., Result]
) -> None:
    for field in (296, 297):
        folder = Path(f"preds_xgb/field_{field}")
        folder.mkdir(parents=True)
        half = stars.iloc[:400] if field == 296 else stars.iloc[400:]
        half.drop(columns="star").to_parquet(folder / f"field_{field}.parquet")
    line = "select_fritz_sample --fields 296 297 --group DR16 --algorithm xgb --select_top_n"
    line += " --min_class_examples 5 --probability_threshold 0.7 --include_all_highprob_labels"
    line += " --al_directory AL --write_consolidation_results --write_csv --verbose"
    result = scope(*line.split()).succeeded()
    assert "e\t" in result.out and "Inspect the sample: scope vet --file AL/sample" in result.err
    written = {path.name for path in Path("AL").iterdir()}
    tables = {f"{n}.{e}" for n in ("sample", "sources", "light_curves") for e in ("csv", "parquet")}
    assert written == {*tables, "meta.json"}
    assert len(pd.read_parquet("AL/sources.parquet")) == 300
    assert len(pd.read_parquet("AL/light_curves.parquet")) == len(stars)
    scope(*line.split()).succeeded()
    scope(*line.replace("296 297", "all").split()).succeeded()
    other = scope(*line.replace("0.7", "0.6").split())
    assert other.code == 2 and "AL already contains a different sample" in other.err
    scope(*line.replace("0.7", "0.6").split(), "--force").succeeded()
    missing = scope("select-sample", "--fields", "298", "--algorithm", "xgb")
    assert missing.code == 2 and "Predictions not found: preds_xgb/field_298" in missing.err


def test_nothing_is_written_in_a_dry_run_or_without_predictions(
    stars: pd.DataFrame, scope: Callable[..., Result]
) -> None:
    stars.to_parquet("scores.parquet")
    scope("select-sample", "scores.parquet", "--dry-run", "--p-threshold=0.5").succeeded()
    nothing = scope("select-sample", "scores.parquet", "--dry-run", "--p-threshold=1").succeeded()
    assert "No source has a score of at least 1 in any class." in nothing.err
    failed = scope("select-sample")
    assert failed.code == 2 and "No predictions specified." in failed.err
    failed = scope("select-sample", "missing.parquet")
    assert failed.code == 2 and "File not found: missing.parquet" in failed.err
    failed = scope("select-sample", "scores.parquet", "--tag", "agn")
    assert failed.code == 2 and "no scores of the class 'agn'" in failed.err
    failed = scope("select-sample", "scores.parquet", "--statistic", "sum")
    assert failed.code == 2 and "Invalid statistic 'sum'" in failed.err
    assert not Path("sample").exists()


def test_the_training_set_in_the_configuration_can_be_excluded(
    stars: pd.DataFrame, scope: Callable[..., Result]
) -> None:
    stars.to_parquet("scores.parquet")
    line = ("select-sample", "scores.parquet", "--exclude-training-sources", "--json")
    failed = scope(*line)
    assert failed.code == 2 and "does not specify training.dataset" in failed.err
    stars[stars["star"] < 10].to_parquet("golden.parquet")
    Path("config.yaml").write_text("training: {dataset: golden.parquet}\n")
    assert json.loads(scope(*line).succeeded().out)["excluded"] == 10
