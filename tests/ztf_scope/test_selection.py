"""Data sets are split by label, source and seed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_ztf_scope.classifiers.preprocessing.examples import examples
from astrodome_ztf_scope.classifiers.preprocessing.preparation import Preparation
from astrodome_ztf_scope.classifiers.preprocessing.splitting import (
    DataSplit,
    source_numbers,
    split_dataset,
)
from astrodome_ztf_scope.config.feature_sets import FeatureConfig, FeatureSet
from astrodome_ztf_scope.config.schema import ClassConfig
from astrodome_ztf_scope.tables.datasets import DataSet

RRLYR = ClassConfig(label="RR Lyrae", features="phenomenological")


def of(table: pd.DataFrame) -> DataSet:
    return DataSet(table, None, Path("golden.parquet"))


@pytest.fixture
def frame(sky: Callable) -> DataSet:
    made = sky(900, 2)
    return DataSet(made.table, made.dmdt, Path("golden.parquet"))


def entry(**changes: object) -> ClassConfig:
    return RRLYR.model_copy(update=changes)


def rows(split: DataSplit) -> list[int]:
    return sorted(np.concatenate(list(split.parts.values())).tolist())


def test_selection_and_target_have_one_threshold() -> None:
    label = np.repeat([0.0, 0.25, 0.5, 0.6, 0.7, 0.75, 1.0], 100)
    frame = of(pd.DataFrame({"RR Lyrae": label}))
    for threshold, positives in ((0.7, 200), (0.5, 400), (0.9, 100)):
        split = split_dataset(
            frame, "rrlyr", entry(threshold=threshold, balance=1.0, test_size=0.2)
        )
        np.testing.assert_array_equal(split.target, label > threshold)
        train = split.target[split.train]
        assert train.sum() == len(train) / 2  # balance counts what the target says
        assert split.target.sum() == positives
        assert set(split.target[split.dropped]) == {positives > 350}


def test_every_row_is_used_once(frame: DataSet) -> None:
    for balance in (None, 2.5):
        assert rows(split_dataset(frame, "rrlyr", entry(balance=balance))) == list(range(900))
    assert len(split_dataset(frame, "rrlyr", entry()).dropped) == 0


def test_parts_have_the_requested_sizes_and_proportions(frame: DataSet) -> None:
    split = split_dataset(frame, "rrlyr", entry(test_size=0.2, val_size=0.25))
    share = split.target.mean()
    for part, size in ((split.train, 540), (split.validation, 180), (split.test, 180)):
        assert abs(len(part) - size) <= 1
        assert split.target[part].mean() == pytest.approx(share, abs=0.005)


def test_a_rare_class_is_in_every_part() -> None:
    label = np.zeros(300)
    label[[5, 100, 200]] = 1.0
    split = split_dataset(of(pd.DataFrame({"RR Lyrae": label})), "rrlyr", entry())
    assert [split.target[part].sum() for part in list(split.parts.values())[:3]] == [1, 1, 1]


@pytest.mark.parametrize("group_by", ["obj_id", "position"])
def test_no_star_is_in_two_parts(frame: DataSet, group_by: str) -> None:
    star = frame.table["obj_id"].to_numpy()
    assert len(set(star)) < 0.7 * len(star)
    groups = source_numbers(frame, group_by)
    for seed in range(5):
        split = split_dataset(frame, "rrlyr", entry(random_state=seed), groups=groups)
        train, validation, test = (set(star[part]) for part in list(split.parts.values())[:3])
        assert not train & test and not train & validation and not validation & test
        assert abs(len(split.test) - 90) <= 4
        assert split.target[split.test].mean() == pytest.approx(split.target.mean(), abs=0.03)
    loose = split_dataset(frame, "rrlyr", entry())
    assert set(star[loose.train]) & set(star[loose.test])  # what grouping is for


def test_light_curves_within_two_arcseconds_belong_to_one_source() -> None:
    arcsecond = 1 / 3600
    table = pd.DataFrame(
        {
            "ra": [0.0, 360 - 1.5 * arcsecond, 1.0, 1.0, np.nan, np.nan],
            "dec": [0.0, 0.0, 60.0, 60 + 2.5 * arcsecond, 0.0, 0.0],
        }
    )
    found = source_numbers(of(table), "position")
    assert found[0] == found[1]
    assert len(set(found)) == 5


def test_coordinates_in_capitals_group_the_same_rows() -> None:
    table = pd.DataFrame({"ra": [0.0, 359.9999, 1.0], "dec": [0.0, 0.0, 60.0]})
    found = source_numbers(of(table), "position")
    capitals = source_numbers(of(table.rename(columns={"ra": "RA", "dec": "Dec"})), "position")
    assert found[0] == found[1] != found[2] and capitals.tolist() == found.tolist()


def test_rows_without_a_name_are_separate_sources() -> None:
    found = source_numbers(of(pd.DataFrame({"obj_id": ["a", None, "a", None]})), "obj_id")
    assert found[0] == found[2]
    assert len(set(found)) == 3


def test_the_random_state_determines_all_random_numbers(frame: DataSet) -> None:
    groups = source_numbers(frame, "obj_id")

    def drawn(seed: int) -> list[list[int]]:
        split = split_dataset(frame, "rrlyr", entry(balance=1.0, random_state=seed), groups=groups)
        return [part.tolist() for part in split.parts.values()]

    assert drawn(1) == drawn(1)
    for part, other in zip(drawn(1), drawn(2), strict=True):
        assert part != other
    by_class = split_dataset(frame, "rrlyr", entry(balance=1.0, random_state=2), groups=groups)
    assert by_class.train.tolist() == drawn(2)[0]


def test_only_the_training_part_is_balanced(frame: DataSet) -> None:
    split = split_dataset(frame, "rrlyr", entry(balance=2.5))
    train = split.target[split.train]
    assert (train == 0).sum() == int(2.5 * (train == 1).sum())
    assert not split.target[split.dropped].any()
    plain = split_dataset(frame, "rrlyr", entry())
    np.testing.assert_array_equal(split.test, plain.test)
    assert sorted([*split.train, *split.dropped]) == plain.train.tolist()


def test_negatives_of_variable_are_the_non_variable(frame: DataSet) -> None:
    table = frame.table.copy()
    variable, steady = table["variable"] > 0.7, table["non-variable"] > 0.7
    unsure = np.flatnonzero(~variable & ~steady)
    assert len(unsure)
    split = split_dataset(of(table), "vnv", entry(label="variable"))
    assert rows(split) == np.flatnonzero(variable | steady).tolist()
    with pytest.raises(AstrodomeError, match="label column 'non-variable' is missing"):
        split_dataset(of(table.drop(columns="non-variable")), "vnv", entry(label="variable"))


def test_unusable_rows_are_not_in_any_part(frame: DataSet) -> None:
    usable = np.arange(900) % 3 > 0
    split = split_dataset(frame, "rrlyr", entry(), usable=usable)
    assert rows(split) == np.flatnonzero(usable).tolist()


def test_weights_give_both_labels_the_same_total(frame: DataSet) -> None:
    split = split_dataset(frame, "rrlyr", entry(weight_per_class=True))
    target, weight = split.target[split.train], split.weight[split.train]
    assert weight[target == 1].sum() == pytest.approx(weight[target == 0].sum(), rel=1e-5)
    assert weight.max() == 1
    assert set(split_dataset(frame, "rrlyr", entry()).weight) == {1.0}


def test_examples_are_the_prepared_rows(frame: DataSet) -> None:
    split = split_dataset(frame, "rrlyr", entry(weight_per_class=True))
    features = FeatureSet({"ad": FeatureConfig(), "period": FeatureConfig()})
    prepared = Preparation.fit(frame.take(split.train), features, "min_max")
    part = examples(frame, split.test, split, prepared)
    assert part.features.shape == (len(split.test), 2)
    assert part.features.dtype == part.weight.dtype == part.target.dtype == np.float32
    np.testing.assert_array_equal(part.dmdt, frame.dmdt[split.test])
    np.testing.assert_array_equal(part.target, frame.table["RR Lyrae"].iloc[split.test] > 0.7)


def test_a_missing_label_counts_as_negative() -> None:
    table = pd.DataFrame({"RR Lyrae": [1.0] * 50 + [np.nan] * 50 + [0.0] * 50})
    assert split_dataset(of(table), "rrlyr", entry()).target.sum() == 50


def test_a_data_set_that_cannot_be_split_is_one_short_error(frame: DataSet) -> None:
    def message(**arguments: object) -> str:
        table = arguments.pop("table", frame.table)
        names = ("label", "threshold", "balance", "test_size")
        changes = {k: arguments.pop(k) for k in names if k in arguments}
        with pytest.raises(AstrodomeError) as error:
            groups = source_numbers(of(table), arguments.pop("group_by", ""))
            split_dataset(of(table), "rrlyr", entry(**changes), groups=groups, **arguments)
        return error.value.message

    assert "'RR Lyrae' is at or below the threshold 0.7 in all 900" in message(
        table=frame.table.assign(**{"RR Lyrae": 0.5})
    )
    assert "'RR Lyrae' is above the threshold 0.7 in all 900" in message(
        table=frame.table.assign(**{"RR Lyrae": 1.0})
    )
    assert "in all 0 usable rows" in message(usable=np.zeros(900, bool))
    few = frame.table.assign(**{"RR Lyrae": (np.arange(900) < 2).astype(float)})
    assert "'RR Lyrae' is above the threshold 0.7 in all 1 training rows" in message(
        table=few, balance=0.5
    )
    assert re.search(
        "'RR Lyrae' is at or below the threshold 0.7 in all [0-9]+ training rows",
        message(table=few, test_size=0.9),
    )
    assert "has 40 rows: expected at least 64 rows, which is the batch size" in message(
        table=frame.table[:50]
    )
    assert "label column 'RR Lyr' is missing" in message(label="RR Lyr")
    assert "no column 'obj'" in message(group_by="obj")
    assert "no column 'ra'" in message(table=frame.table.drop(columns="ra"), group_by="position")
    text = frame.table.astype({"RR Lyrae": object})
    text.loc[7, "RR Lyrae"] = "yes"
    assert "invalid value 'yes' in column 'RR Lyrae', row 7" in message(table=text)
    assert "invalid coordinate '91.0'" in message(
        table=frame.table.assign(dec=91.0), group_by="position"
    )


@pytest.mark.parametrize("value", [-91.0, 95.0, "-05:12:33"])
def test_one_bad_position_is_a_short_error_of_the_command(
    scope: Callable[..., Result], dataset: Callable[..., Path], value: object
) -> None:
    table = pd.read_csv(dataset(".csv", 600)).head(300).astype({"dec": object})
    table.loc[7, "dec"] = value
    table.to_csv("bad.csv", index=False)
    line = ("train", "--tag=vnv", "--algorithm=xgb", "--path-dataset", "bad.csv")
    refused = scope(*line, "--group-by", "position")
    assert refused.code != 0 and len(refused.out + refused.err) < 500
    assert f"bad.csv: invalid coordinate '{value}' in column 'dec', row 7." in refused.err
    assert "decimal degrees" in refused.err or "degrees from -90 to 90" in refused.err
