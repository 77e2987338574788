"""``scope run``: light curves, features, scores and a page in one command, and the demo."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import astrodome_ztf_scope as scope_api
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError, settings
from astrodome.testing import Result, run
from astrodome_ztf_scope.features.extraction import batches
from astrodome_ztf_scope.vetting import candidates, pipeline
from ztf_scope import survey as surveys

EXAMPLES = Path(__file__).parents[2] / "examples"
FAST = ("--max-freq", "6", "--samples-per-peak", "3", "--min-points", "40", "--algorithms", "LS")
CLASSES = ("rrab", "mir", "nonvar")
CONFIG = """
features:
  few:
    period: &column {include: true, dtype: float, impute_strategy: none}
    wstd: *column
    chi2red: *column
    inv_vonneumannratio: *column
    f1_power: *column
training:
  classes:
    rrab: &class {label: RR Lyrae ab, features: few, threshold: 0.5, test_size: 0.2, batch_size: 16}
    mir: {<<: *class, label: Mira}
    vnv: {<<: *class, label: variable}
"""


def simulate(count: int, first: int = 0) -> scope_api.Simulation:
    return scope_api.simulate_light_curves(
        count,
        classes=CLASSES,
        seed=3,
        points=(60, 80),
        bands="gr",
        magnitude=(14.5, 16),
        first=first,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with trained models, and with light curves of 12 other sources."""
    folder = tmp_path_factory.mktemp("trained")
    training = simulate(60)
    table = scope_api.compute_features(
        training.epochs, algorithms=("LS",), max_frequency=6.0, samples_per_peak=3, min_points=40
    )
    about = table.attrs
    truth = training.truth.set_index("_id").loc[table["_id"]]
    table["RR Lyrae ab"] = (truth["class"] == "rrab").to_numpy(float)
    table["Mira"] = (truth["class"] == "mir").to_numpy(float)
    table["variable"] = (truth["class"] != "nonvar").to_numpy(float)
    table["non-variable"] = 1 - table["variable"]
    table.attrs = about
    table.to_parquet(folder / "dataset.parquet")
    (folder / "config.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "options", settings.Options())
        line = ("train", "--all", "--algorithm", "xgb", "--config", folder / "config.yaml")
        line += ("--path-dataset", folder / "dataset.parquet", "--no-plot", "--jobs", "1")
        line += ("--group", folder / "models")
        run("scope", *line, plugin="astrodome_ztf_scope.plugin").succeeded()
    new = simulate(12, 60)
    (folder / "survey").mkdir()
    scope_api.write_table(folder / "survey/light_curves.parquet", new.epochs)
    scope_api.write_table(folder / "truth.parquet", new.truth)
    return folder


def command(trained: Path, out: Path) -> tuple[object, ...]:
    """Return a command line for the light curves in a file, with few plots."""
    file = trained / "survey/light_curves.parquet"
    words = ("run", "--file", file, "--models", trained / "models", *FAST, "--per-class", "2")
    return (*words, "--out", out)


@pytest.fixture
def line(trained: Path, tmp_path: Path) -> tuple[object, ...]:
    return command(trained, tmp_path / "out")


class Finished(NamedTuple):
    """The summary and the messages of one command, and its output, which tests must not change."""

    summary: dict[str, Any]
    messages: str
    out: Path


@pytest.fixture(scope="module")
def finished(trained: Path) -> Finished:
    out = trained / "finished"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "options", settings.Options())
        words = ("scope", *command(trained, out))
        first = run(*words, "--json", plugin="astrodome_ztf_scope.plugin").succeeded()
        again = run(*words, plugin="astrodome_ztf_scope.plugin").succeeded()
    return Finished(first.json, again.err, out)


def true_classes(trained: Path, folder: Path) -> dict[str, set[str]]:
    """Return the true classes of the light curves of each source in the output."""
    truth = pd.read_parquet(trained / "truth.parquet").set_index("_id")["class"]
    curves = pd.read_parquet(folder / "light_curves.parquet")
    return {name: set(truth[ids]) for name, ids in curves.groupby("obj_id")["_id"]}


def test_all_steps_run_and_the_classes_are_recovered(trained: Path, finished: Finished) -> None:
    document = finished.summary
    assert (document["light_curves"], document["sources"]) == (24, 12)
    assert {record["tag"] for record in document["classes"]} == {"rrab", "mir", "vnv"}
    assert set(document["files"]) == {
        *("features", "scores", "sources", "light_curves", "sample", "meta", "page"),
    }  # fmt: skip
    out = finished.out
    classes = true_classes(trained, out)
    assert len(classes) == 12 and all(len(of) == 1 for of in classes.values())
    sources = pd.read_parquet(out / "sources.parquet").set_index("obj_id")
    assert (sources["light_curves"] == 2).all()
    for tag in ("rrab", "mir"):
        true = np.array([classes[name] == {tag} for name in sources.index])
        assert (true == (sources[f"{tag}_xgb"] > 0.5)).mean() >= 0.8, tag
    scores = pd.read_parquet(out / "scores.parquet")
    again = scope_api.classify(
        scope_api.compute_features(
            trained / "survey/light_curves.parquet",
            algorithms=("LS",), max_frequency=6.0, samples_per_peak=3, min_points=40,
        ),
        scope_api.find_models([trained / "models"]),
    )  # fmt: skip
    pd.testing.assert_frame_equal(
        scores[["_id", "rrab_xgb"]].astype({"_id": "Int64"}),
        again[["_id", "rrab_xgb"]].astype({"_id": "Int64"}),
        check_exact=True,
    )


def test_the_fourier_convention_is_checked_before_features_are_computed(
    scope: Callable[..., Result], trained: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(trained / "models", models)
    for file in models.rglob("preparation.json"):
        saved = json.loads(file.read_text())
        column = next(each for each in saved["columns"] if each["feature"] == "wstd")
        column |= {"feature": "f1_amp", "column": "f1_amp"}
        file.write_text(json.dumps({**saved, "fourier_convention": "amplitudes"}))
    words = ("run", "--file", trained / "survey/light_curves.parquet", "--models", models, *FAST)
    words += ("--out", tmp_path / "out", "--jobs", "1")
    failed = scope(*words)
    assert failed.code == 2 and "was trained with the Fourier convention 'amplitudes'" in failed.err
    assert "Specify --fourier-convention amplitudes for scope run" in " ".join(failed.err.split())
    assert not (tmp_path / "out").exists()
    scope(*words, "--fourier-convention", "amplitudes").succeeded()
    assert (tmp_path / "out/sources.html").is_file()


def test_the_sample_can_be_vetted_and_uploaded(
    scope: Callable[..., Result], trained: Path, finished: Finished, tmp_path: Path
) -> None:
    curves, sample = trained / "survey/light_curves.parquet", finished.out / "sample.parquet"
    assert f"scope vet --file {sample} --light-curves {curves}\n" in finished.messages
    assert "-taxonomy_map XGB_AL_mapper --p-threshold 0.5 --dry-run" in finished.messages
    rows = candidates.read(sample).rows
    assert rows and all(row.name.startswith("ZTFJ") and "rrab" in row.scores for row in rows)
    marshal = surveys.local_marshal(str(tmp_path / "m.db"), 500, classes=("variable", "RRab"))
    mapping = tmp_path / "map.json"
    mapping.write_text(json.dumps({"vnv_xgb": {"fritz_label": "variable", "taxonomy_id": 7}}))
    upload = ("upload-classification", "-file", sample, "-group_ids", 500, "--marshal", marshal)
    upload += ("-classification", "read", "-taxonomy_map", mapping, "--json")
    upload += ("--catalogue", f"local:{trained / 'survey'}", "--dry-run")
    document = json.loads(scope(*upload).succeeded().out)
    assert document["done"] == len(rows)


def test_periods_are_refined_with_the_classes_from_the_scores(
    scope: Callable[..., Result], trained: Path, finished: Finished, tmp_path: Path
) -> None:
    out = finished.out
    refine = ("refine-periods", "--features", out / "features.parquet", "--no-characterise")
    refine += ("--file", trained / "survey/light_curves.parquet", "--n-periods", "3", "--json")
    names = ("scores", "sources")
    for name in names:
        classes = ("--classes", out / f"{name}.parquet", "--p-threshold", "0.6")
        scope(*refine, *classes, "--output", tmp_path / f"{name}.parquet").succeeded()
    table, other = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in names)
    scores = pd.read_parquet(out / "scores.parquet").set_index("_id")
    curves = pd.read_parquet(out / "light_curves.parquet").set_index("_id")["obj_id"]
    means = scores[["rrab_xgb", "mir_xgb"]].groupby(curves).mean()
    expected = means.idxmax(axis=1).str[:-4].where(means.max(axis=1) >= 0.6)
    expected = expected[curves[table["_id"]]].to_numpy()
    assert set(expected) >= {"rrab", "mir"} and pd.isna(expected).any()
    assert [*table["class"].fillna("")] == [*pd.Series(expected).fillna("")]
    best = means.max(axis=1)[curves[table["_id"]]].to_numpy()
    np.testing.assert_allclose(table["class_score"].dropna(), best[table["class"].notna()], 1e-6)
    assert (table["period_was_refined"] == (table["class"] == "rrab")).all()
    reasons = table.loc[table["class"] != "rrab", ["class", "refinement_reason"]].fillna("")
    assert set(map(tuple, reasons.to_numpy())) == {
        ("mir", "periods of this class are not refined"),
        ("", "no class"),
    }
    pd.testing.assert_frame_equal(table, other, rtol=1e-6)


def test_the_page_shows_the_best_sources_of_each_class(trained: Path, finished: Finished) -> None:
    text = (finished.out / "sources.html").read_text()
    assert "<script" not in text
    assert not re.findall(r"<(?:img|script|link|iframe)[^>]*(?:src|href)=\"(?!data:)[^\"]*", text)
    classes = true_classes(trained, finished.out)
    for tag in ("rrab", "mir"):
        section = text.partition(f'<h2 id="{tag}">')[2].partition("<h2")[0]
        names = re.findall(r"<h3>([^<]+)</h3>", section)
        assert 1 <= len(names) <= 2 and classes[names[0]] == {tag}
        assert section.count("data:image/png;base64,") == len(names)
    assert "simbad" in text and "f1_power" in text
    header = text.partition("<header>")[2].partition("<dl")[0]
    assert f"<h1>Classified sources: {finished.out.name}</h1>" in header
    assert "Light curves: light_curves.parquet · " in header
    assert re.search(rf"Models: xgb in {trained / 'models'}\S* · \d{{4}}-\d\d-\d\d ", header)


def test_the_page_opens_in_a_browser(browser: Any, finished: Finished) -> None:
    from selenium.webdriver.common.by import By

    browser.get((finished.out / "sources.html").as_uri())
    images = browser.find_elements(By.CSS_SELECTOR, ".card img")
    assert images
    for image in images:
        browser.execute_script("arguments[0].scrollIntoView()", image)
        browser.execute_async_script("arguments[0].decode().then(arguments[1])", image)
        assert int(image.get_property("naturalWidth")) > 100
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    wide = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page does not scroll horizontally"


def test_a_run_resumes_at_the_first_missing_part(
    scope: Callable[..., Result],
    line: tuple[object, ...],
    finished: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    compute, calls = batches.compute, []

    def failing(batch: Any, options: Any) -> Any:
        if batch.number == 1:
            raise OSError("the disk has a fault")
        return compute(batch, options)

    def counting(batch: Any, options: Any) -> Any:
        calls.append(batch)
        return compute(batch, options)

    monkeypatch.setattr(batches, "BATCH", 6)
    monkeypatch.setattr(batches, "compute", failing)
    stopped = scope(*line, "--jobs", "1")
    assert stopped.code == 1 and "the disk has a fault" in stopped.err
    assert not (out / "features.parquet").exists()
    monkeypatch.setattr(batches, "compute", counting)
    again = scope(*line, "--json").succeeded()
    assert len(calls) == 3, "the first of four batches is not computed again"
    assert again.json["classes"] == finished.summary["classes"]
    for name in ("scores.parquet", "sample.parquet", "sources.parquet"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(out / name), pd.read_parquet(finished.out / name)
        )
    calls.clear()
    (out / "sources.html").unlink()
    scope(*line).succeeded()
    assert not calls and (out / "sources.html").exists()


def test_other_options_require_force(
    scope: Callable[..., Result], line: tuple[object, ...], finished: Finished, tmp_path: Path
) -> None:
    shutil.copytree(finished.out, tmp_path / "out")
    other = (*line, "--min-cadence-minutes", "60")
    failed = scope(*other)
    assert failed.code == 2 and "different computation of features" in failed.err
    done = scope(*other, "--force", "--p-threshold", "0.45").succeeded()
    assert "--p-threshold 0.45 --dry-run" in done.err


def test_sources_are_selected_by_position_or_identifier(
    scope: Callable[..., Result], trained: Path, tmp_path: Path
) -> None:
    truth = pd.read_parquet(trained / "truth.parquet")
    stars = truth.drop_duplicates("obj_id").head(3)
    stars[["ra", "dec"]].assign(note="x").to_csv(tmp_path / "positions.csv", index=False)
    stars[["_id"]].to_csv(tmp_path / "ids.csv", index=False)
    common = ("--catalogue", f"local:{trained / 'survey'}", "--models", trained / "models", *FAST)
    for name, curves in (("positions", 6), ("ids", 3)):
        line = ("run", tmp_path / f"{name}.csv", *common, "--out", tmp_path / name, "--json")
        document = json.loads(scope(*line).succeeded().out)
        assert (document["light_curves"], document["sources"]) == (curves, 3)
        text = (tmp_path / name / "sources.html").read_text()
        assert text.count("data:image/png") >= document["selected"] > 0


def test_light_curves_in_memory_can_be_classified(trained: Path, tmp_path: Path) -> None:
    epochs = pd.read_parquet(trained / "survey/light_curves.parquet")
    models = scope_api.find_models([trained / "models"])
    options = scope_api.PipelineOptions(
        scope_api.FeatureOptions.from_names(
            algorithms=("LS",), max_frequency=6.0, samples_per_peak=3, min_points=40
        )
    )
    found = scope_api.classify_light_curves(epochs, models, tmp_path / "out", options)
    assert found.features.rows == 24 and len(found.sources.table) == 12
    assert "data:image/png" in found.paths["page"].read_text()


def test_missing_input_and_unusable_light_curves_are_errors(
    scope: Callable[..., Result], line: tuple[object, ...], trained: Path, tmp_path: Path
) -> None:
    models = ("--models", trained / "models")
    for words in ((), ("positions.csv", "--file", "light_curves.parquet")):
        failed = scope("run", *words, *models)
        assert failed.code == 2 and "Specify either a TABLE of positions" in failed.err
    failed = scope("run", "missing.csv", "--catalogue", f"local:{trained / 'survey'}", *models)
    assert failed.code == 2 and "File not found: missing.csv" in failed.err
    failed = scope(*line, "--min-points", "5000")
    assert failed.code == 2 and "No light curve can be used: 24 skipped." in failed.err
    assert (tmp_path / "out/features.skipped.csv").exists()
    failed = scope("run", "--file", trained / "survey", "--path-models", tmp_path)
    assert failed.code != 0 and "Traceback" not in failed.err


def test_skipped_light_curves_are_listed_and_do_not_stop_the_run(
    scope: Callable[..., Result], line: tuple[object, ...], trained: Path, tmp_path: Path
) -> None:
    epochs = pd.read_parquet(trained / "survey/light_curves.parquet")
    name = epochs["_id"].iloc[0]
    short = epochs[(epochs["_id"] != name) | (epochs.groupby("_id").cumcount() < 5)]
    short.to_parquet(tmp_path / "short.parquet")
    words = list(line)
    words[2] = tmp_path / "short.parquet"
    document = json.loads(scope(*words, "--json").succeeded().out)
    assert document["light_curves"] == 23 and document["skipped"] == 1
    assert [one["_id"] for one in document["problems"]] == [str(name)]


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "demo_ztf", raising=False)
    import demo_ztf

    return demo_ztf


def test_the_demo_simulates_trains_and_classifies(
    demo: Any, scope: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "TRAINING_SOURCES", 77)
    monkeypatch.setattr(demo, "SOURCES", 22)
    monkeypatch.setattr(demo, "POINTS", (50, 55))
    demo.write(tmp_path)
    fast = ("--fourier-convention", "amplitudes", "--max-freq=10", "--samples-per-peak=2")
    fast += ("--min-points", "30", "--algorithms", "LS,AOV", "--no-dmdt")
    training = ("--file", tmp_path / "training_light_curves.parquet")
    scope("features", *training, "--out", tmp_path / "training_features.parquet", *fast).succeeded()
    dataset = demo.add_labels(tmp_path)
    labels = pd.read_parquet(dataset)
    assert set(demo.CLASSES.values()) <= set(labels) and labels["obj_id"].nunique() == 77
    assert (labels[list(demo.CLASSES.values())].sum(axis=1) == labels["variable"]).all()
    train = ("train", "--all", "--algorithm=xgb", "--config", tmp_path / "config.yaml", "--jobs=1")
    train += ("--path-dataset", dataset, "--group-by", "obj_id", "--no-plot", "--skip-cv")
    scope(*train, "--group", tmp_path / "models").succeeded()
    line = ("run", "--file", tmp_path / "light_curves.parquet", "--models", tmp_path / "models")
    scope(*line, "--out", tmp_path / "results", *fast, "--per-class=2").succeeded()
    scores = demo.f1_scores(tmp_path, tmp_path / "results")
    assert list(scores) == list(demo.CLASSES) and all(0 <= f1 <= 1 for f1 in scores.values())
    assert np.mean(list(scores.values())) > 0.3
    plain = ("run", *line[1:], "--out", tmp_path / "plain", *fast[2:])
    failed = scope(*plain)
    assert failed.code == 2 and "--fourier-convention amplitudes" in failed.err


def test_an_unknown_kind_of_input_is_an_error() -> None:
    with pytest.raises(AstrodomeError, match="Unsupported input of light curves: object"):
        pipeline._epochs(object(), [], scope_api.FeatureOptions())  # type: ignore[arg-type]
