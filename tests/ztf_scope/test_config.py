"""SCoPe's configuration files are read unchanged, and errors contain the place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from astrodome import AstrodomeError, settings
from astrodome_ztf_scope.config.loading import load_config
from astrodome_ztf_scope.config.services import FritzSettings, KowalskiSettings, WandbSettings

Write = Callable[[str], Path]


def test_without_a_file_all_52_classes_have_a_feature_set_and_statistics() -> None:
    config = load_config()
    assert len(config.classes) == 52
    assert {name: len(chosen) for name, chosen in config.feature_sets.items()} == {
        "phenomenological": 35,
        "ontological": 61,
    }
    for chosen in config.feature_sets.values():
        assert set(chosen.columns.values()) <= set(config.feature_stats)
    assert all(stats.min <= stats.median < stats.max for stats in config.feature_stats.values())


def test_built_in_classes_carry_the_tuned_training_parameters() -> None:
    classes = load_config().classes
    assert (classes["vnv"].lr, classes["vnv"].epsilon) == (0.02229, 1.945e-08)
    assert (classes["rrblz"].label, classes["rrblz"].batch_size) == ("RR Lyrae Blazhko", 2)
    assert classes["artfct"].weight_per_class
    untuned = classes["rvtau"]
    assert (untuned.lr, untuned.epsilon, untuned.batch_size) == (3e-4, 1e-7, 64)


def test_built_in_imputation_is_that_of_scope() -> None:
    features = load_config().feature_sets["ontological"].features
    by_strategy: dict[str, int] = {}
    for feature in features.values():
        if feature.include:
            count = by_strategy.get(feature.impute_strategy, 0)
            by_strategy[feature.impute_strategy] = count + 1
    assert by_strategy == {"none": 37, "zero": 2, "median": 9, "regress": 13}


def test_the_commented_services_have_their_default_values() -> None:
    config = load_config()
    assert (config.kowalski, config.fritz, config.wandb) == (
        KowalskiSettings(),
        FritzSettings(),
        WandbSettings(),
    )


def test_a_file_of_2022_with_plain_lists_is_supported(of_2022: Path) -> None:
    config = load_config(of_2022)
    assert list(config.classes) == ["vnv", "pnp", "agn"]
    assert config.classes["vnv"].threshold == 0.9
    assert config.classes["pnp"].balance == 1
    assert list(config.feature_sets["phenomenological"].columns) == [
        *("ad", "f1_amp", "median", "period")
    ]
    assert config.feature_sets["ontological"].features["ad"].impute_strategy == "zero"
    assert config.feature_stats["ad"].max == 100
    assert config.kowalski.url == "https://gloria.caltech.edu"
    assert config.training.dataset == "data/training/dataset.d15.csv"
    assert config.origin == str(of_2022)


def test_a_file_since_2023_is_read_with_all_its_sections(since_2023: Path) -> None:
    config = load_config(since_2023)
    phenomenological = config.feature_sets["phenomenological"]
    assert phenomenological.columns == {"ad": "ad", "f1_amp_ELS_ECE_EAOV": "f1_amp"}
    ontological = config.feature_sets["ontological"].features
    assert [feature.impute_strategy for feature in ontological.values()] == [
        *("none", "zero", "regress")
    ]
    assert config.classes["vnv"].amsgrad is True
    assert config.classes["agn"].batch_size == 4
    token = config.kowalski.hosts["gloria"].token
    assert token.get_secret_value() == "a-token" and "a-token" not in repr(config)
    assert config.training.xgboost.other_training_params.eta == (0.3, 0.1)


def test_a_missing_key_has_its_default_value(write: Write) -> None:
    config = load_config(write("fritz: {host: marshal.example.org, port: 8080}"))
    assert config.fritz.url == "https://marshal.example.org:8080"
    assert config.classes == load_config().classes
    assert config.feature_sets == load_config().feature_sets


def test_numbers_in_any_notation_of_yaml_are_numbers(write: Write) -> None:
    path = write("training: {classes: {x: {label: X, features: ontological, lr: 1e-3}}}")
    assert load_config(path).classes["x"].lr == 0.001


@pytest.mark.parametrize(("amsgrad", "on"), [("0.0003", True), ("0", False), ("false", False)])
def test_amsgrad_is_enabled_by_any_number_except_zero(write: Write, amsgrad: str, on: bool) -> None:
    entry = f"{{label: X, features: ontological, amsgrad: {amsgrad}}}"
    assert load_config(write(f"training: {{classes: {{x: {entry}}}}}")).classes["x"].amsgrad is on


def test_periodic_columns_have_no_suffix_when_the_file_says_none(write: Write) -> None:
    columns = load_config(write("features: {info: {period_suffix: None}}")).feature_sets[
        "ontological"
    ]
    assert "period" in columns.columns


def test_an_option_overrides_the_directory_and_the_directory_overrides_the_user(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = settings.config_files()[-1]
    user.parent.mkdir(parents=True)
    user.write_text("training: {dataset: user.csv}\nfritz: {sleep_time: 1, max_attempts: 1}\n")
    assert load_config().training.dataset == "user.csv"
    Path("config.yaml").write_text("training: {dataset: folder.csv}\nfritz: {sleep_time: 2}\n")
    option = write("training: {dataset: option.csv}")
    assert load_config().training.dataset == "folder.csv"
    config = load_config(option)
    assert config.training.dataset == "option.csv"
    assert (config.fritz.sleep_time, config.fritz.max_attempts) == (2, 1)
    monkeypatch.setenv("ASTRODOME_TRAINING_DATASET", "environment.csv")
    assert load_config(option).training.dataset == "environment.csv"


def test_sections_of_other_plugins_are_ignored(write: Write) -> None:
    assert load_config(write("goes: {url_nasa: 'https://example.org'}\ndata: 3\n")).classes


CLASS = "training: {classes: {vnv: {label: variable, features: phenomenological, %s}}}"


@pytest.mark.parametrize(
    ("text", "key", "expectation"),
    [
        (CLASS % "treshold: 0.7", "training.classes.vnv.treshold", "did you mean 'threshold'?"),
        (CLASS % "threshold: high", "training.classes.vnv.threshold", "valid number"),
        (CLASS % "threshold: 7", "training.classes.vnv.threshold", "less than 1"),
        (CLASS % "batch_size: 0", "training.classes.vnv.batch_size", "greater than or equal to 1"),
        (
            CLASS % "scale_features: standardize",
            "training.classes.vnv.scale_features",
            "'min_max' or 'median_std'",
        ),
        ("training: {classes: {vnv: {label: X}}}", "training.classes.vnv.features", "required"),
        ("training: {classes: [vnv]}", "training.classes", "valid dictionary"),
        (
            "training: {classes: {vnv: {label: X, features: phenomenal}}}",
            "training.classes.vnv.features",
            "expected one of phenomenological, ontological",
        ),
        (
            "features: {phenomenological: {ad: {include: false}}}",
            "features.phenomenological",
            "must include at least one feature",
        ),
        ("trainning: {dataset: x.csv}", "trainning", "did you mean 'training'?"),
        ("training: [vnv]", "training", "mapping"),
        ("features: {phenomenological: 7}", "features.phenomenological", "list of feature names"),
        (
            "features: {phenomenological: [ad, 7]}",
            "features.phenomenological",
            "invalid feature name",
        ),
        (
            "features: {ontological: {ad: {inclde: true}}}",
            "features.ontological.ad.inclde",
            "did you mean 'include'?",
        ),
        (
            "features: {ontological: {ad: {impute_strategy: knn}}}",
            "features.ontological.ad.impute_strategy",
            "'regress'",
        ),
        ("features: {ontological: {ad: true}}", "features.ontological.ad", "mapping"),
        ("feature_stats: {ad: {min: 0}}", "feature_stats.ad.std", "required"),
        (
            "feature_stats: {ad: {min: 0, max: 1, median: .nan, mean: 0, std: 1}}",
            "feature_stats.ad.median",
            "finite number",
        ),
        ("kowalski: {prot: 443}", "kowalski.prot", "did you mean 'port'?"),
        ("kowalski: {protocol: ftp}", "kowalski.protocol", "'https' or 'http'"),
        ("kowalski: {hosts: {gloria: {tokn: x}}}", "kowalski.hosts.gloria.tokn", "'token'?"),
        ("taxonomy: {subclasses: [{clas: vnv}]}", "taxonomy.subclasses.0.clas", "'class'?"),
    ],
)
def test_an_error_contains_file_key_and_expectation(
    write: Write, text: str, key: str, expectation: str
) -> None:
    path = write(text)
    with pytest.raises(AstrodomeError) as failure:
        load_config(path)
    assert f"{path}: '{key}'" in failure.value.message
    assert expectation in failure.value.message


def test_invalid_yaml_is_an_error_with_the_line(write: Write) -> None:
    path = write("training: {classes: [")
    with pytest.raises(AstrodomeError, match=r"scope\.yaml is not valid YAML"):
        load_config(path)


def test_a_token_of_the_wrong_type_is_not_printed(write: Write) -> None:
    with pytest.raises(AstrodomeError, match=r"'kowalski\.hosts\.gloria\.token'") as failure:
        load_config(write("kowalski: {hosts: {gloria: {token: 31415926}}}"))
    assert "31415926" not in failure.value.message
