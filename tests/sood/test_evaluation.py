"""Synthetic anomalies, metrics, and comparison of models."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result, run
from astrodome_solar.flare_classes import flux_of_class
from astrodome_solar.metadata import add_rows
from astrodome_sood.datasets.folder import FolderImages
from astrodome_sood.evaluation import evaluate, metrics
from astrodome_sood.evaluation.synthetic import EDGES, KINDS
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score


def test_metrics_equal_those_of_scikit_learn_and_are_in_their_intervals():
    random = np.random.default_rng(0)
    labels = np.tile([0, 1, 1], 60)
    groups = np.repeat(np.arange(60), 3)
    scores = np.round(labels + random.normal(0, 1.2, 180), 1)  # with ties
    found = metrics.image_metrics(labels, scores, groups, 500)
    assert found["auroc"].value == pytest.approx(roc_auc_score(labels, scores))
    assert found["ap"].value == pytest.approx(average_precision_score(labels, scores))
    for estimate in found.values():
        low, high = estimate.interval
        assert low < estimate.value < high < low + 0.3
    weights = metrics.bootstrap_weights(groups, 500, 0)[7][groups]
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert found["auroc"].samples[7] == pytest.approx(expected)
    expected = average_precision_score(labels, scores, sample_weight=weights)
    assert found["ap"].samples[7] == pytest.approx(expected)


def test_pixel_counts_in_bins_give_the_metrics_of_all_pixels():
    random = np.random.default_rng(1)
    masks = random.random((20, 32, 32)) < 0.1
    maps = np.where(masks, 1.5, 0) + random.exponential(1, masks.shape)
    pixels = metrics.PixelCounts.with_quantile_bins(maps.ravel()[::3])
    for number, (scores, mask) in enumerate(zip(maps, masks, strict=True)):
        pixels.add(scores, mask, number)
    precision = pixels.average_precision(50)
    expected = average_precision_score(masks.ravel(), maps.ravel())
    assert precision.value == pytest.approx(expected, abs=2e-3)
    from skimage.filters import threshold_otsu

    limit = threshold_otsu(maps)
    found, own = pixels.iou_at_otsu(50)
    assert own == pytest.approx(limit, rel=0.05)
    above = maps > own
    assert found.value == pytest.approx((above & masks).sum() / (above | masks).sum(), abs=0.01)
    low, high = precision.interval
    assert low < precision.value < high


def test_several_training_runs_are_averaged_and_widen_the_interval():
    random = np.random.default_rng(2)
    runs = [metrics.Estimate(m, m + random.normal(0, 0.01, 2000)) for m in (0.6, 0.7, 0.8)]
    both = metrics.mean_of_runs(runs)
    assert both.value == pytest.approx(0.7)
    low, high = both.interval
    assert high - low > 0.15


def test_models_are_compared_on_synthetic_anomalies(
    trained: Path, two_waves: Path, sood: Callable[..., Result], tmp_path: Path
):
    out = tmp_path / "out"
    args = ("-d", two_waves, "--wavelength", 193, "--bootstrap", 50, "--out", out)
    shown = sood("evaluate", trained, "threshold", *args, "--json").succeeded().json
    assert shown == json.loads((out / "evaluation.json").read_text())
    rows = {(row["model"], row["kind"]): row for row in shown["models"]}
    assert {model for model, _ in rows} == {"ce_vae", "threshold"}
    skipped = shown["about"]["invisible"]
    kinds = {kind for kind in KINDS if skipped.get(kind, 0) < 16}
    assert {kind for _, kind in rows} == {"all", *kinds, *(f"edge {edge:g} px" for edge in EDGES)}
    assert {"paste", "brighten", "occult", "swap"} <= kinds
    for row in rows.values():
        for name in ("auroc", "ap", "pixel_ap", "iou"):
            assert 0 <= row[f"{name}_low"] <= row[f"{name}_high"] <= 1
    assert rows["threshold", "brighten"]["pixel_ap"] > rows["threshold", "occult"]["pixel_ap"]
    table = pq.read_table(out / "scores.parquet").to_pylist()
    assert len(table) == 96 - sum(skipped.values())
    edges = {row["edge"] for row in table if row["label"] == 1}
    assert edges == set(EDGES) and all(row["edge"] is None for row in table if row["label"] == 0)
    labels = [row["label"] for row in table]
    for model, column in (("ce_vae", "trained"), ("threshold", "threshold")):
        auroc = roc_auc_score(labels, [row[column] for row in table])
        assert rows[model, "all"]["auroc"] == pytest.approx(auroc)
    one = shown["differences"][0]
    difference = rows["ce_vae", "all"]["auroc"] - rows["threshold", "all"]["auroc"]
    assert (one["model"], one["than"]) == ("ce_vae", "threshold")
    assert one["auroc"] == pytest.approx(difference)
    page = (out / "evaluation.html").read_text()
    assert page.count("<svg") == 1 and "<script" not in page
    assert page.count('alt="mask of ') == 2 * (
        len(kinds) + 1
    )  # two examples of each kind, and unchanged
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources and all(source.startswith(("data:", "#")) for source in sources)
    again = sood("evaluate", trained, "threshold", *args, "--json").succeeded().json
    assert again["models"] == shown["models"]


def test_labels_are_read_from_a_file(patches: Path, sood: Callable[..., Result], tmp_path: Path):
    with (tmp_path / "labels.csv").open("w") as file:
        table = csv.writer(file)
        table.writerow(["path", "label"])
        bright = []
        for path in sorted(patches.iterdir())[:40]:
            grey = np.asarray(Image.open(path), float)
            bright.append((grey.mean() > 110, path))
            table.writerow([f"/elsewhere/{path.name}", int(grey.mean() > 110)])
    args = ("-d", patches, "--target-size", 32, "--out", tmp_path / "out", "--bootstrap", 20)
    args += ("--against", "labels", "--labels", tmp_path / "labels.csv")
    mean = ("--set", "model.options.score=mean")
    shown = sood("evaluate", "threshold", *args, *mean, "--json").succeeded().json
    assert shown["models"][0]["auroc"] > 0.99 and "pixel_ap" not in shown["models"][0]
    assert shown["about"]["left_out"] == 8


def test_models_with_different_image_sizes_are_an_error(
    patches: Path, monkeypatch: pytest.MonkeyPatch
):
    sizes = {"threshold": 32, "large": 64}
    monkeypatch.setattr(evaluate, "load_models", lambda *_: ([], sizes))
    options = evaluate.EvaluationOptions()
    with pytest.raises(AstrodomeError, match="Invalid image size 32 x 32: large was trained with"):
        evaluate.evaluate_models(["threshold"], {}, options, images=FolderImages(patches, 32))


FLUX_AND_EVENTS = """
import numpy as np
from astrodome import SourceSpec, hookimpl

@hookimpl
def register_sources():
    yield SourceSpec("flux", "made", "observatory:Flux", summary="Flares on even days.")
    yield SourceSpec("events", "made", "observatory:Events", summary="One region.")

class Flux:
    def flux_at(self, times):
        days = np.asarray(times, "datetime64[D]").astype(int)
        flux = np.where(days % 2 == 0, 2e-5, 1e-6)
        return np.where(days % 7 == 0, np.nan, flux)

class Events:
    def search(self, start, end, event_types=()):
        return [{
            "event_type": "AR", "event_starttime": start.isoformat(),
            "hpc_boundcc": "",
            "hpc_bbox": "POLYGON((-600 0,-200 0,-200 400,-600 400,-600 0))",
        }]
"""


@pytest.fixture
def observatory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``sdo sood`` with a plugin that provides sources of flux and events."""
    (tmp_path / "observatory.py").write_text(FLUX_AND_EVENTS)
    monkeypatch.syspath_prepend(tmp_path)

    def call(*args: object) -> Result:
        return run("sdo", "sood", *args, plugin=("astrodome_sood.plugin", "observatory"))

    return call


def test_images_at_times_of_flares_are_anomalous(
    patches: Path, observatory: Callable[..., Result], tmp_path: Path
):
    images = tmp_path / "images"
    images.mkdir()
    for day, path in enumerate(sorted(patches.iterdir())[:20], 1):
        name = f"2012-03-{day:02d}T000000__193__{day}.jpeg"
        (images / name).write_bytes(path.read_bytes())
    args = ("-d", images, "--target-size", 32, "--out", tmp_path / "out", "--bootstrap", 20)
    args += ("--against", "flux", "--goes_class", "M1.0", "--json")
    shown = observatory("evaluate", "threshold", *args).succeeded().json
    assert shown["about"]["flux"] == pytest.approx(1e-5)
    row = shown["models"][0]
    days = np.arange(np.datetime64("2012-03-01"), np.datetime64("2012-03-21")).astype(int)
    kept = days[days % 7 != 0]
    run_row = shown["runs"][0]
    assert (run_row["images"], run_row["anomalous"]) == (len(kept), int((kept % 2 == 0).sum()))
    assert 0 <= row["auroc"] <= 1


@pytest.mark.parametrize(
    ("text", "flux"), [("M1.0", 1e-5), ("X", 1e-4), ("c5", 5e-6), ("X10", 1e-3)]
)
def test_a_goes_class_is_converted_to_a_flux(text: str, flux: float):
    assert flux_of_class(text) == pytest.approx(flux)


@pytest.mark.parametrize("shift", [0, 300])
def test_regions_of_events_are_placed_by_the_metadata_of_the_images(
    sun: Image.Image, observatory: Callable[..., Result], tmp_path: Path, shift: int
):
    """Draw a bright square where the catalogue has an active region."""
    images = tmp_path / "images"
    images.mkdir()
    rows = []
    for day in range(1, 6):
        disk = np.asarray(sun.resize((128, 128)), float) * 0.5
        scale = 0.6 * 4096 / 128
        x, y = 64 + shift / 32 + np.array([-600, -200]) / scale, 64 - np.array([400, 0]) / scale
        top, left, bottom, right = (int(np.round(v)) for v in (y[0], x[0], y[1], x[1]))
        disk[top:bottom, left:right] = 250
        name = f"2013-06-{day:02d}T000000__193.png"
        Image.fromarray(disk.astype(np.uint8)).save(images / name)
        rows.append({"FILE_NAME": name, "X0": 2048 + shift, "Y0": 2048, "CDELT": 0.6})
    args = ("-d", images, "--target-size", 128, "--out", tmp_path / "out", "--bootstrap", 20)
    args += ("--against", "events", "--event-types", "AR", "--json")
    unknown = observatory("evaluate", "threshold", *args)
    assert unknown.code == 1 and "meta.csv not found in its folder" in unknown.err
    add_rows(images, rows)
    shown = observatory("evaluate", "threshold", *args).succeeded().json
    row = shown["models"][0]
    assert row["pixel_ap"] > 0.9 and row["iou"] > 0.9 and "auroc" not in row
    assert shown["about"]["events"] == 5


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        (("nothing",), 2, "is not a run folder, a weights file or the name of a model"),
        (("threshold", "--against", "taste"), 2, "'against': Input should be 'synthetic'"),
        (("threshold", "--against", "labels"), 2, "No label file specified"),
        (
            ("threshold", "--against", "labels", "--labels", "WRONG"),
            1,
            "Invalid columns in ",
        ),
        (("threshold", "--against", "flux", "--goes-class", "Q1"), 2, "Invalid flare class 'Q1'"),
        (("threshold", "--against", "flux"), 1, "kind 'flux'"),
        (("threshold", "--kinds", "melt"), 2, "Unknown type of anomaly 'melt'"),
        (("threshold", "--seeds", "a"), 2, "Invalid argument 'seeds.0'"),
        (("threshold", "--protocol", "3"), 2, "'protocol': Input should be 1 or 2"),
        (
            ("RUN", "--target-size", "64"),
            1,
            "were trained with model.target_size 32, but the configuration contains 64",
        ),
    ],
)
def test_invalid_input_is_an_error(
    trained: Path,
    patches: Path,
    sood: Callable[..., Result],
    tmp_path: Path,
    args: tuple,
    code: int,
    expected: str,
):
    (tmp_path / "wrong.csv").write_text("file,score\na,1\n")
    places = {"RUN": trained, "WRONG": tmp_path / "wrong.csv"}
    words = [places.get(word, word) for word in args]
    failed = sood("evaluate", *words, "-d", patches, "--out", tmp_path / "out")
    assert failed.code == code and expected in failed.err, failed.err
    assert failed.err.startswith("Error: ") and len(failed.err.splitlines()) <= 2
