"""Metrics, the evaluation of saved models, and the report of a group."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError, plugins
from astrodome.runs import Run
from astrodome_ztf_scope import plugin
from astrodome_ztf_scope.classifiers import evaluation, loaded_models, plots, report
from astrodome_ztf_scope.classifiers.models.xgb import XgbClassifier
from astrodome_ztf_scope.classifiers.preprocessing.examples import examples
from astrodome_ztf_scope.classifiers.preprocessing.preparation import Preparation
from astrodome_ztf_scope.classifiers.preprocessing.splitting import split_dataset
from astrodome_ztf_scope.config.feature_sets import FeatureConfig, FeatureSet
from astrodome_ztf_scope.config.schema import ClassConfig, XgboostSettings
from astrodome_ztf_scope.tables.datasets import DataSet
from matplotlib.figure import Figure

FEATURES = FeatureSet(
    {name: FeatureConfig() for name in ("period", "wstd", "skew", "stetson_k", "ad")}
)
SOURCES = 700


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """The backends of this plugin alone."""
    with plugins.using(plugins.of("scope", ztf_scope=plugin)):
        yield


def trained(
    folder: Path, frame: DataSet, tag: str, label: str, state: int = 42, **changes: Any
) -> Path:
    """A run folder as ``scope train`` leaves it."""
    entry = ClassConfig(label=label, features="few", threshold=0.7, random_state=state, **changes)
    split = split_dataset(frame, tag, entry)
    preparation = Preparation.fit(frame.take(split.train), FEATURES, "min_max")
    config = {
        "tag": tag,
        "features": list(FEATURES.columns),
        "class": entry.model_dump(mode="json"),
        "xgboost": XgboostSettings().model_dump(mode="json"),
        "threads": 1,
    }
    run = Run.start(
        folder / "xgb" / tag / str(state), "scope", "xgb", config, tag=tag, random_state=state
    )
    backend = XgbClassifier()
    of = {name: examples(frame, rows, split, preparation) for name, rows in split.parts.items()}
    backend.train(of["train"], of["validation"], run, config)
    preparation.save(run.path)
    scores = pd.concat(
        pd.DataFrame(
            {"row": split.parts[name], "part": name, "target": part.target,
             "score": backend.predict(part.features)}
        )
        for name, part in of.items()
    )  # fmt: skip
    scores.to_parquet(run.path / "split.parquet")
    measured = evaluation.measure_split(scores)
    (run.path / "metrics.json").write_text(json.dumps(measured))
    run.finish(dataset="golden.parquet", versions={"xgboost": "3"})
    return run.path


@pytest.fixture(scope="module")
def frame(sky: Callable) -> DataSet:
    return DataSet(sky(SOURCES, 4).table, None, Path("golden.parquet"))


@pytest.fixture(scope="module")
def group(frame: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, one of them with two random states, and a training that was killed."""
    folder = tmp_path_factory.mktemp("models") / "golden & <true>"
    trained(folder, frame, "vnv", "variable", balance=1.0)
    for state in (1, 2):
        trained(folder, frame, "e", "eclipsing", state)
    Run.start(folder / "xgb" / "agn" / "1", "scope", "xgb", {}, tag="agn", random_state=1)
    return folder


def counted(target: list[int], score: list[float], threshold: float) -> dict[str, float]:
    """The metrics by going through sources, and pairs of them, one by one."""
    pairs = list(zip(target, score, strict=True))
    hit = sum(t and s > threshold for t, s in pairs)
    alarm = sum(not t and s > threshold for t, s in pairs)
    positives, negatives = [s for t, s in pairs if t], [s for t, s in pairs if not t]
    wins = [(p > n) + (p == n) / 2 for p in positives for n in negatives]
    average = 0.0  # precision where each positive is found, ties at once
    for level in sorted(set(score), reverse=True):
        above = [t for t, s in pairs if s >= level]
        found = sum(t for t, s in pairs if s == level)
        average += found / len(positives) * sum(above) / len(above)
    precision, recall = hit / (hit + alarm), hit / len(positives)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall),
        "roc_auc": sum(wins) / len(wins),
        "average_precision": average,
        "brier": sum((s - t) ** 2 for t, s in pairs) / len(pairs),
        "true_positive": hit,
        "false_positive": alarm,
        "false_negative": len(positives) - hit,
        "true_negative": len(negatives) - alarm,
    }


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_metrics_agree_with_counts_of_single_sources(threshold: float) -> None:
    random = np.random.default_rng(6)
    target = (random.random(80) < 0.3).astype(int)
    score = np.clip(random.normal(0.35 + 0.3 * target, 0.2), 0, 1).round(1)  # with ties
    found = evaluation.classification_metrics(target, score.astype(np.float32), threshold)
    for name, value in counted(target.tolist(), score.tolist(), threshold).items():
        assert found[name] == pytest.approx(value, abs=1e-6), name
    assert (found["sources"], found["positive"]) == (80, target.sum())


def test_a_score_at_the_threshold_is_not_a_prediction() -> None:
    assert evaluation.classification_metrics([1, 0], [0.5, 0.5])["true_positive"] == 0


@pytest.mark.parametrize("score", [1.4, -0.1, np.nan])
def test_scores_outside_the_range_of_probabilities_are_rejected(score: float) -> None:
    with pytest.raises(AstrodomeError, match="between 0 and 1"):
        evaluation.classification_metrics([1, 0], [score, 0.5])


def test_metrics_that_are_undefined_for_one_label_are_null() -> None:
    none = evaluation.classification_metrics(np.zeros(5), np.full(5, 0.1))
    assert {name for name, value in none.items() if value is None} == {
        "precision", "recall", "f1", "roc_auc", "average_precision"
    }  # fmt: skip
    assert (none["brier"], none["true_negative"]) == (pytest.approx(0.01), 5)
    every = evaluation.classification_metrics(np.ones(5), np.full(5, 0.9))
    assert {n for n, v in every.items() if v is None} == {"roc_auc", "average_precision"}
    assert (every["precision"], every["recall"], every["f1"]) == (1, 1, 1)
    empty = evaluation.classification_metrics([], [])
    assert empty["sources"] == 0
    assert empty["brier"] is None
    json.dumps([none, every, empty], allow_nan=False)


def test_test_and_dropped_sources_are_evaluated_separately() -> None:
    split = pd.DataFrame(
        {
            "part": ["train", "test", "test", "dropped"],
            "target": [1.0, 1.0, 0.0, 0.0],
            "score": [0.0, 0.9, 0.1, 0.9],
        }
    )
    found = evaluation.measure_split(split)
    assert list(found) == ["test", "dropped"]
    assert found["test"]["f1"] == 1
    assert found["dropped"]["false_positive"] == 1
    assert list(evaluation.measure_split(split[:3])) == ["test"]


def test_a_saved_model_has_the_same_metrics_on_a_file(
    group: Path, frame: DataSet, tmp_path: Path
) -> None:
    run = group / "xgb" / "vnv" / "42"
    split = pd.read_parquet(run / "split.parquet")
    kept = split[split["part"] == "test"]
    file = tmp_path / "held_out.parquet"
    frame.table.iloc[kept["row"]].to_parquet(file)
    found = evaluation.evaluate(loaded_models.load_run(run, threads=1), file)
    before = json.loads((run / "metrics.json").read_text())["test"]
    assert {name: found[name] for name in before} == pytest.approx(before)
    assert (found["tag"], found["algorithm"], found["unusable"]) == ("vnv", "xgb", 0)


def test_unusable_rows_are_counted_and_not_evaluated(
    group: Path, frame: DataSet, tmp_path: Path
) -> None:
    table = frame.table.copy()
    table.loc[table.index[:50], "wstd"] = np.nan
    file = tmp_path / "gaps.csv"
    table.to_csv(file, index=False)
    found = evaluation.evaluate(loaded_models.load_run(group / "xgb" / "e" / "1", threads=1), file)
    assert (found["unusable"], found["sources"]) == (50, SOURCES - 50)


def test_a_data_set_that_cannot_be_evaluated_is_one_short_error(
    group: Path, frame: DataSet, tmp_path: Path
) -> None:
    file = tmp_path / "bare.parquet"
    frame.table.drop(columns="eclipsing").to_parquet(file)
    with pytest.raises(AstrodomeError, match="label column 'eclipsing' is missing"):
        evaluation.evaluate(loaded_models.load_run(group / "xgb" / "e" / "1"), file)
    frame.table.drop(columns="skew").to_parquet(file)
    with pytest.raises(AstrodomeError, match="skew"):
        evaluation.evaluate(loaded_models.load_run(group / "xgb" / "e" / "1"), file)
    with pytest.raises(AstrodomeError, match="is not finished"):
        evaluation.evaluate(loaded_models.load_run(group / "xgb" / "agn" / "1"), file)
    with pytest.raises(AstrodomeError, match="is not a run folder"):
        evaluation.evaluate(loaded_models.load_run(tmp_path), file)


def test_every_plot_of_a_run_is_written(group: Path, tmp_path: Path) -> None:
    run = group / "xgb" / "vnv" / "42"
    paths = plots.write(
        tmp_path,
        pd.read_parquet(run / "split.parquet"),
        Run.open(run).record["importance"],
        pd.read_csv(run / "metrics.csv"),
    )
    assert {path.name for path in paths} == {
        f"{name}.svg"
        for name in (
            "confusion", "roc", "precision_recall", "calibration", "training", "importances"
        )
    }  # fmt: skip
    for path in paths:
        assert ET.parse(path).getroot().tag.endswith("svg")
    shown = (tmp_path / "importances.svg").read_text()
    assert all(name in shown for name in FEATURES.columns)


def test_the_roc_curve_shows_the_false_positive_rate_of_a_single_source() -> None:
    for negative, least in ((1000, 0.0005), (10, 0.01)):
        target = np.r_[np.ones(10), np.zeros(negative)]
        axes = Figure().subplots()
        plots.roc(axes, [plots.ScoredSources(target, np.linspace(1, 0, len(target)))])
        assert axes.get_xscale() == "log"
        assert (axes.get_xlim(), axes.get_ylim()) == ((least, 1), (-0.02, 1.02))


def test_curves_that_are_undefined_for_one_label_are_skipped(tmp_path: Path) -> None:
    split = pd.DataFrame({"part": "test", "target": 0.0, "score": np.linspace(0, 1, 20)})
    names = {path.stem for path in plots.write(tmp_path, split)}
    assert names == {"confusion", "calibration"}
    assert plots.write(tmp_path / "none", split.assign(part="dropped")) == []


class Page(HTMLParser):
    """Rows of the table of classes, as texts, and what the page would load from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.loads: list[str] = []
        self._within = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.loads += [str(given[name]) for name in ("src", "href", "xlink:href") if name in given]
        if tag == "tr":
            self.rows.append([])
        self._within = tag == "td" or (self._within and tag not in ("th", "tr"))
        if tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._within and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def test_the_report_shows_every_class_with_its_metrics_and_needs_no_other_file(
    group: Path,
) -> None:
    text = report.write(group).read_text()
    page = Page(text)
    by_tag = {row[0]: row for row in page.rows if row}
    metrics = [
        json.loads((group / "xgb" / "e" / state / "metrics.json").read_text())["test"]
        for state in ("1", "2")
    ]
    mean, spread = (f([m["f1"] for m in metrics]) for f in (np.mean, np.std))
    assert by_tag["e"][1] == "eclipsing"
    assert by_tag["e"][3] == f"{mean:.3f}±{spread:.3f}"
    assert by_tag["e"][6] == f"{np.mean([m['roc_auc'] for m in metrics]):.3f}"
    vnv = json.loads((group / "xgb" / "vnv" / "42" / "metrics.json").read_text())["test"]
    assert by_tag["vnv"][2:4] == [str(vnv["positive"]), f"{vnv['f1']:.3f}"]
    assert by_tag["mean over the classes"][1] == f"{(mean + vnv['f1']) / 2:.3f}"
    assert "1 run is not finished" in text
    assert "agn" not in by_tag
    assert text.count("<svg") == 2
    assert all(address.startswith("#") for address in page.loads)
    assert "golden &amp; &lt;true&gt;" in text
    assert "<true>" not in text
    for number in re.findall(r'data-value="([^"]*)"', text):
        assert "nan" not in number.lower()


def test_a_report_without_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AstrodomeError, match="not found"):
        report.write(tmp_path / "none")
    (tmp_path / "group").mkdir()
    with pytest.raises(AstrodomeError, match="No finished run found"):
        report.write(tmp_path / "group")
    assert not (tmp_path / "group" / "report.html").exists()
