"""Imputation and scaling use only the training set, and do not depend on other rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_ztf_scope.classifiers.preprocessing import preparation
from astrodome_ztf_scope.classifiers.preprocessing.imputation import NeighbourImputer
from astrodome_ztf_scope.classifiers.preprocessing.preparation import Preparation
from astrodome_ztf_scope.config import loading
from astrodome_ztf_scope.config.feature_sets import FeatureSet, FeatureStats
from astrodome_ztf_scope.tables.datasets import DataSet
from sklearn.impute import KNNImputer

SUFFIX = "ELS_ECE_EAOV"


@pytest.fixture
def frame(sky: Callable) -> DataSet:
    made = sky(600, 1, SUFFIX)
    return DataSet(made.table, made.dmdt, Path("golden.parquet"))


@pytest.fixture(scope="module")
def ontological() -> FeatureSet:
    return loading.load_config().feature_sets["ontological"]


def of(table: pd.DataFrame) -> DataSet:
    return DataSet(table, None, Path("golden.parquet"))


def some(**strategies: str) -> FeatureSet:
    """Features with these strategies, such as ``ad="none"``."""
    known = loading.load_config().feature_sets["ontological"].features["ad"]
    return FeatureSet(
        {
            name: known.model_copy(update={"impute_strategy": strategy})
            for name, strategy in strategies.items()
        }
    )


def test_each_strategy_uses_the_training_part() -> None:
    train = pd.DataFrame({"a": [1, 2, 9, np.nan], "b": [4.0, 4, 4, 5], "c": [7, np.nan, 8, 8]})
    train["d"] = train["a"]
    fitted = Preparation.fit(of(train), some(a="median", b="zero", c="none", d="mean"), None)
    hole = pd.DataFrame({"a": [np.nan], "b": [np.inf], "c": [1.0], "d": [-np.inf]})
    features, usable = fitted.apply(hole)
    assert features.tolist() == [[2, 0, 1, 4]]
    assert usable.all()
    _, usable = fitted.apply(train)
    assert usable.tolist() == [True, False, True, True]


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_agree_with_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, columns = 3000, 6 + seed
    values = random.normal(18, 2, (rows, 2)) @ random.normal(size=(2, columns))
    values += 0.1 * random.normal(size=values.shape)
    values[random.random(rows) < 0.3, :3] = np.nan
    values[random.random(rows) < 0.1, 3:5] = np.nan
    values[random.random(values.shape) < 0.03] = np.nan
    values[:3] = np.nan
    values[5, :-1] = np.nan
    ours = NeighbourImputer(values[:2000])
    theirs = KNNImputer().fit(ours.references.astype(float))
    np.testing.assert_allclose(ours.fill(values), theirs.transform(values), rtol=1e-12)


def test_neighbours_agree_with_scikit_learn_for_few_reference_rows() -> None:
    nan = np.nan
    references = np.array([[1, 10, nan], [2, nan, 5], [nan, 30, 7], [4, 40, nan]], float)
    rows = np.array([[1.1, nan, nan], [nan, nan, 6], [nan, nan, nan], [nan, 12, nan]])
    for k in (1, 2, 5):
        theirs = KNNImputer(n_neighbors=k).fit(references)
        np.testing.assert_allclose(
            NeighbourImputer(references, k).fill(rows), theirs.transform(rows)
        )


def test_the_prepared_row_does_not_depend_on_other_rows(
    frame: DataSet, ontological: FeatureSet
) -> None:
    fitted = Preparation.fit(frame.take(np.arange(300)), ontological, "min_max")
    together, usable = fitted.apply(frame)
    assert usable.all()
    for size in (1, 7, 250):
        parts = [fitted.apply(frame.table[i : i + size])[0] for i in range(0, len(frame), size)]
        np.testing.assert_array_equal(np.concatenate(parts), together)
    shuffled = np.random.default_rng(1).permutation(len(frame))
    np.testing.assert_array_equal(fitted.apply(frame.take(shuffled))[0], together[shuffled])


def test_the_scaling_uses_the_training_part(frame: DataSet, ontological: FeatureSet) -> None:
    train, rest = frame.take(np.arange(400)), frame.take(np.arange(400, 600))
    fitted = Preparation.fit(train, ontological, "min_max")
    inside, _ = fitted.apply(train)
    np.testing.assert_allclose(inside.min(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(inside.max(axis=0), 1, atol=1e-6)
    assert fitted.apply(rest)[0].max() > 1.01  # a hot star of the test part stays one

    louder = frame.table.copy()
    louder.loc[400:, "chi2red"] *= 100
    assert Preparation.fit(of(louder[:400]), ontological, "min_max").to_dict() == fitted.to_dict()

    middle, _ = Preparation.fit(train, ontological, "median_std").apply(train)
    np.testing.assert_allclose(np.median(middle, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(middle.std(axis=0), 1, atol=1e-4)


def test_configured_statistics_override_those_of_the_data(frame: DataSet) -> None:
    stats = {"ad": FeatureStats(min=2, max=4, median=3, mean=3, std=0.5)}
    features = some(ad="none", sw="none")
    fitted = Preparation.fit(frame, features, "min_max", stats)
    prepared, _ = fitted.apply(frame)
    expected = frame.table[["ad", "sw"]].to_numpy()
    np.testing.assert_allclose(prepared[:, 0], (expected[:, 0] - 2) / 2, rtol=1e-5)
    np.testing.assert_allclose(prepared[:, 1], expected[:, 1], rtol=1e-5)  # no entry: as it is
    prepared, _ = Preparation.fit(frame, features, "median_std", stats).apply(frame)
    np.testing.assert_allclose(prepared[:, 0], (expected[:, 0] - 3) / 0.5, rtol=1e-5)


def test_a_constant_feature_is_not_scaled() -> None:
    table = pd.DataFrame({"a": [3.0, 3, 3], "b": [1.0, 2, 3]})
    for scale in ("min_max", "median_std"):
        features, _ = Preparation.fit(of(table), some(a="none", b="none"), scale).apply(table)
        assert features[:, 0].tolist() == [3, 3, 3]


def test_a_saved_preparation_gives_the_same_result(
    frame: DataSet, ontological: FeatureSet, tmp_path: Path
) -> None:
    fitted = Preparation.fit(frame, ontological, "median_std")
    fitted.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"preparation.json", "imputation.npz"}
    again = Preparation.load(tmp_path)
    assert again.features == list(ontological.columns.values())
    np.testing.assert_array_equal(again.apply(frame)[0], fitted.apply(frame)[0])


def test_a_missing_or_damaged_preparation_is_one_short_error(
    frame: DataSet, ontological: FeatureSet, tmp_path: Path
) -> None:
    with pytest.raises(AstrodomeError, match="is not a valid run folder"):
        Preparation.load(tmp_path)
    Preparation.fit(frame, ontological, "min_max").save(tmp_path)
    (tmp_path / "imputation.npz").write_bytes(b"PK\3\4 broken")
    with pytest.raises(AstrodomeError, match=r"preparation\.json is damaged"):
        Preparation.load(tmp_path)
    (tmp_path / "preparation.json").write_text('{"columns": 3}')
    with pytest.raises(AstrodomeError, match=r"preparation\.json is damaged"):
        Preparation.load(tmp_path)


def test_reference_rows_are_limited_and_drawn_with_the_seed(
    frame: DataSet, ontological: FeatureSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("astrodome_ztf_scope.classifiers.preprocessing.imputation.REFERENCES", 100)

    def rows(seed: int) -> np.ndarray:
        fitted = Preparation.fit(frame, ontological, None, random_state=seed)
        return fitted.neighbours.references

    assert rows(1).shape == (100, 13)
    np.testing.assert_array_equal(rows(1), rows(1))
    assert not np.array_equal(rows(1), rows(2), equal_nan=True)


def test_rows_that_lack_a_feature_without_imputation_are_not_usable(
    frame: DataSet, ontological: FeatureSet
) -> None:
    table = frame.table.copy()
    table.loc[3, "chi2red"] = np.nan
    table.loc[4, f"period_{SUFFIX}"] = np.inf
    table.loc[5, "AllWISE__w1mpro"] = np.nan
    known = preparation.usable_rows(of(table), ontological)
    assert np.flatnonzero(~known).tolist() == [3, 4]
    fitted = Preparation.fit(of(table[known]), ontological, "min_max")
    features, usable = fitted.apply(table)
    np.testing.assert_array_equal(usable, known)
    assert np.isnan(features[3]).all()


def test_the_plain_columns_of_2022_are_found_when_none_has_a_suffix(
    sky: Callable, ontological: FeatureSet
) -> None:
    plain = of(sky(600, 1).table)
    fitted = Preparation.fit(plain, ontological, "min_max")
    columns = [column.column for column in fitted.columns]
    assert columns == list(ontological.columns.values())
    with_suffix = of(sky(600, 1, SUFFIX).table)
    np.testing.assert_array_equal(
        Preparation.fit(with_suffix, ontological, "min_max").apply(plain)[0], fitted.apply(plain)[0]
    )


def test_the_error_for_missing_feature_columns_contains_their_names(
    frame: DataSet, ontological: FeatureSet
) -> None:
    fitted = Preparation.fit(frame, ontological, "min_max")
    lacking = frame.table.drop(columns=["ad", f"f1_amp_{SUFFIX}"])
    message = f"2 of 61 feature columns are missing in golden.parquet: ad, f1_amp_{SUFFIX}"
    for use in (
        lambda: Preparation.fit(of(lacking), ontological, None),
        lambda: fitted.apply(of(lacking)),
    ):
        with pytest.raises(AstrodomeError) as error:
            use()
        assert error.value.message == message


def test_the_hint_for_missing_columns_contains_the_options_that_add_them(
    frame: DataSet, ontological: FeatureSet
) -> None:
    lacking = frame.table.drop(columns=["AllWISE__w1mpro", "PS1_DR1__gMeanPSFMag", "n_ztf_alerts"])
    with pytest.raises(AstrodomeError) as error:
        Preparation.fit(of(lacking), ontological, None)
    assert "scope features --crossmatch allwise,ps1 --alerts, or" in error.value.hint


def test_the_hint_for_missing_columns_contains_another_suffix(
    sky: Callable, ontological: FeatureSet
) -> None:
    with pytest.raises(AstrodomeError, match="16 of 61 feature columns") as error:
        Preparation.fit(of(sky(600, 1, "LS").table), ontological, None)
    assert error.value.hint.startswith(
        f"The file contains the column 'f1_BIC_LS' instead of 'f1_BIC_{SUFFIX}'."
    )
    assert f"({SUFFIX}). To train new models" in error.value.hint


def test_a_column_without_a_value_is_an_error(frame: DataSet, ontological: FeatureSet) -> None:
    for column in ("ad", "n_ztf_alerts", "AllWISE__w1mpro"):
        table = frame.table.assign(**{column: np.nan})
        with pytest.raises(
            AstrodomeError, match=f"the column '{column}' contains only missing values"
        ):
            Preparation.fit(of(table), ontological, "min_max")


def test_text_in_a_feature_is_an_error_with_its_row(
    frame: DataSet, ontological: FeatureSet
) -> None:
    table = frame.table.astype({"chi2red": object})
    table.loc[17, "chi2red"] = "1,5"
    with pytest.raises(AstrodomeError, match="invalid value '1,5' in column 'chi2red', row 17"):
        Preparation.fit(of(table), ontological, "min_max")


def test_every_value_that_is_too_large_for_a_classifier_makes_its_row_unusable() -> None:
    table = pd.DataFrame({"a": [1.0, 2, 1e300]})
    features, usable = Preparation.fit(of(table[:2]), some(a="none"), "min_max").apply(table)
    assert usable.tolist() == [True, True, False]
    assert np.isnan(features[2, 0])
