"""Command names and taxonomy maps of scope-ml, and the upload example in the guide."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from astrodome.testing import Result
from astrodome_ztf_scope.config import taxonomy_maps
from astrodome_ztf_scope.config.loading import load_config
from astrodome_ztf_scope.config.scope_ml_commands import ALIASES, OPTIONS, REPLACED
from services.fake_server import FakeServer
from services.fritz import Fritz
from ztf_scope.survey import TOKEN, Survey

Scope = Callable[..., Result]

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


@pytest.mark.parametrize("name", ["run-inference", "create_training_script", "get-features"])
@pytest.mark.parametrize("more", [(), ("--help",), ("--field", "296", "--whole-field")])
def test_a_command_of_scope_ml_shows_its_replacement(
    scope: Scope, name: str, more: tuple[str, ...]
) -> None:
    result = scope(name, *more)
    assert result.code == 2 and "Traceback" not in result.err
    instead, about = REPLACED[name.replace("_", "-")]
    assert about in result.err and f"Hint: {instead}" in result.err


@pytest.mark.parametrize("name", REPLACED)
def test_the_replacement_exists(scope: Scope, name: str) -> None:
    instead, _ = REPLACED[name]
    assert scope(name).code == 2
    if instead:
        _, *words = instead.replace("FEATURES", "features").split()
        scope(*words, "--help").succeeded()


def test_the_console_scripts_of_scope_ml_are_known() -> None:
    asked = (
        "run-inference generate-features combine-preds select-fritz-sample assemble-training-stats"
    )
    asked += " create-training-script scope-train scope-upload-classification"
    assert set(asked.split()) <= {*ALIASES, *REPLACED}


@pytest.mark.parametrize("name", ALIASES)
def test_an_alias_has_the_options_of_its_command(scope: Scope, name: str) -> None:
    one, other = (scope(word, "--help").succeeded().out for word in (name, ALIASES[name]))
    assert one.replace(name, ALIASES[name]) == other


@pytest.mark.parametrize(
    ("command", "option"), [(name, option) for name, known in OPTIONS.items() for option in known]
)
def test_a_renamed_option_of_scope_ml_shows_its_replacement(
    scope: Scope, command: str, option: str
) -> None:
    hint = OPTIONS[command][option]
    if " " in option:  # An option with a value that has another meaning here.
        result = scope(command, *option.split(), "--force")
        expected = "Invalid {} '{}'.".format(*option.split())
        assert (result.code, result.err) == (2, f"Error: {expected}\nHint: {hint}\n")
        return
    shown = scope(command, "--help").succeeded().out
    assert option not in re.findall(r"--[\w-]+", shown), "the option exists"
    assert not set(re.findall(r"--[\w-]+", hint)) - set(re.findall(r"--[\w-]+", shown))
    alias = next((name for name, same in ALIASES.items() if same == command), command)
    typed = f"-{option[2:]}".replace("-", "_").replace("_", "-", 1)
    for line in ((command, option), (alias, f"{option}=1"), (alias, typed)):
        result = scope(*line)
        assert result.code == 2, line
        assert result.err == f"Error: {option} is an option of scope-ml.\nHint: {hint}\n"


def test_an_alias_does_what_its_command_does(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    fritz.add_source("ZTFJ1", 10, 20, 200)
    line = "scope_manage_annotation -action post -source ZTFJ1 -origin o -key k -value 2 -token"
    assert "(k = 2) for ZTFJ1" in scope(*line.split(), TOKEN).succeeded().err


def test_hidden_names_are_not_listed(scope: Scope) -> None:
    shown = scope("--help").succeeded().out
    brought = scope("plugins", "list", "--json").succeeded().out
    pages = GUIDE.with_name("commands").glob("scope-*.md")
    listed = "".join(page.read_text("utf-8") for page in pages)
    assert "scope predict" in listed
    for name in ("run-inference", "scope-train"):
        assert name not in shown and name not in brought and f"scope {name}" not in listed


@pytest.mark.parametrize(
    ("name", "algorithm"), [("DNN_AL_mapper", "dnn"), ("XGB_AL_mapper", "xgb")]
)
def test_the_maps_of_scores_contain_the_class_of_every_tag(name: str, algorithm: str) -> None:
    tags, scores = taxonomy_maps.read("tags"), taxonomy_maps.read(name)
    assert scores == {f"{tag}_{algorithm}": target for tag, target in tags.items()}
    assert taxonomy_maps.read(f"{name}.json") == scores and taxonomy_maps.has_taxonomies(name)
    assert taxonomy_maps.read("golden_dataset_mapper.json") == taxonomy_maps.read("golden")
    labels = {tag: entry.label for tag, entry in load_config().training.classes.items()}
    golden = taxonomy_maps.read("golden")
    for tag, target in tags.items():
        same = golden.get(labels.get(tag, ""))
        assert target and (same is None or same.name == target.name), tag
    own = Path(f"{name}.json")
    own.write_text('{"vnv_xgb": {"fritz_label": "mine", "taxonomy_id": 1}}')
    assert list(taxonomy_maps.read(str(own))) == ["vnv_xgb"], "a file with that name has priority"


def test_the_example_in_the_guide_uploads_scores_to_the_marshal(
    scope: Scope,
    fritz: Fritz,
    marshal: FakeServer,
    survey: Survey,
    dataset: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = GUIDE.read_text("utf-8").partition("## From scores to the marshal")[2]
    predict, dry, upload = re.findall(r"^\$ scope (.*)$", text.partition("## ")[0], re.MULTILINE)
    data = dataset(".parquet", 600)
    train = ("train", "--tag=vnv", "--tag=e", "--algorithm=xgb", "--no-plot", "--jobs=1")
    scope(*train, "--path-dataset", data).succeeded()
    stars = pd.read_parquet(data).head(len(survey.table)).drop(columns="obj_id", errors="ignore")
    stars[["ra", "dec"]] = survey.table[["ra", "dec"]].to_numpy()
    stars.to_parquet("features.parquet")
    scope(*shlex.split(predict)).succeeded()
    scores = pd.read_parquet("scores.parquet")
    monkeypatch.setenv("ASTRODOME_FRITZ_TOKEN", TOKEN)
    more = ("--catalogue", survey.catalogue)
    refused = scope(*shlex.split(dry), *more)
    assert refused.code == 2 and "Taxonomy 1017 not found" in refused.err
    names = sorted({one.name for one in taxonomy_maps.read("tags").values() if one})
    for number in (1015, 1017):
        tree = json.dumps({"class": "All", "subclasses": [{"class": name} for name in names]})
        values = (number, f"taxonomy {number}", "1", "", tree, "[1]")
        fritz.base.execute("INSERT INTO taxonomies VALUES (?, ?, ?, ?, ?, ?)", values)
    scope(*shlex.split(dry), *more).succeeded()
    assert not fritz.count("sources")
    scope(*shlex.split(upload), *more).succeeded()
    assert fritz.count("sources") == len(scores)
    posted = fritz.rows("SELECT classification, probability FROM classifications")
    wanted = {"variable": scores["vnv_xgb"], "eclipsing": scores["e_xgb"]}
    assert sorted((p["classification"], round(p["probability"], 5)) for p in posted) == sorted(
        (name, round(float(p), 5)) for name, values in wanted.items() for p in values if p >= 0.9
    )
    assert posted
