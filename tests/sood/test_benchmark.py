"""The benchmark SolarOOD: data, results, page, model cards."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import astrodome_sood as sood
import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result, run
from astrodome_sood.datasets.disks import Disk
from astrodome_sood.evaluation import benchmark, shift, solar_ood
from astrodome_sood.evaluation.benchmark import BenchmarkOptions, run_benchmark
from astrodome_sood.evaluation.compare import ALL
from astrodome_sood.evaluation.instrument import DEFECTS
from astrodome_sood.evaluation.leave_out import GROUPS
from astrodome_sood.evaluation.solar_ood import CACHE, SolarOod, save_disks, saved_disks
from astrodome_sood.evaluation.synthetic import KINDS
from astrodome_sood.models.defects import FAMILIES
from astrodome_sood.scoring.calibration import ScoreCalibration, ScoreDistribution
from sklearn.metrics import roc_auc_score

AREAS = [99, 64, 0, 62, 51, 106, 114, 52, 53, 89, 74, 23, 0, 87, 28]
"""Number of pixels in synthetic anomalies of version 1 of the benchmark."""
DEFECT_AREAS = [5, 11, 31, 1024, 1024, 192, 53, 26, 94, 319, 105]
"""Number of pixels in local defects of version 1 of the benchmark."""
TINY = {"devices.gpus": 0, "data.batch_size": 16}


@pytest.fixture(scope="module")
def data(disks: list[Disk]) -> SolarOod:
    return SolarOod.from_disks(disks[0], disks[1], tuple(disks[2:]), quick=True)


@pytest.fixture(scope="module")
def result(data: SolarOod, tmp_path_factory: pytest.TempPathFactory) -> benchmark.Benchmark:
    """Evaluate the threshold, and two training runs of the autoencoder."""
    options = BenchmarkOptions(seeds=[0, 1], bootstraps=50, quick=True, jobs=1)
    folder = tmp_path_factory.mktemp("benchmark")
    return run_benchmark(["threshold", "ae"], folder, options, TINY, data)


def test_training_and_test_patches_do_not_overlap(disks: list[Disk]) -> None:
    data = SolarOod.from_disks(disks[0], disks[1], ())
    middle = disks[0].side // 2
    assert len(data.train) == 1500 and len(data.test) > 10
    assert max(x for x, _ in data.train) + data.size <= middle - solar_ood.GAP
    assert min(x for x, _ in data.test) >= middle + solar_ood.GAP


def test_the_images_of_the_benchmark_are_read_from_packages(tmp_path: Path) -> None:
    """Version 1 must not change: the checked values belong to its definition."""
    data = solar_ood.load_solar_ood(tmp_path)
    names = [disk.name for disk in (data.disk, data.other, *data.shifted)]
    assert names == ["aia_171_2014", "aia_193_2013", "swap_174_2013", "fsi_174_2022"]
    assert (len(data.train), len(data.test)) == (1500, 222)
    radii = [disk.radius for disk in (data.disk, data.other, *data.shifted)]
    assert radii == pytest.approx([406.65, 406.65, 299, 406.65], abs=1.5)
    assert data.disk.pixels.mean() == pytest.approx(-0.606, abs=0.002)
    for disk in data.shifted:
        inside = [each.pixels[each.on_disk] for each in (disk, data.disk)]
        np.testing.assert_allclose(*(np.percentile(p, (1, 50, 99)) for p in inside), atol=0.15)
        edge = disk.pixels[disk.on_disk].mean() - disk.pixels[~disk.on_disk].mean()
        assert edge > 0.1  # The disk is centered.
    again = solar_ood.load_solar_ood(tmp_path)
    assert again.about() == data.about()
    synthetic, instrument = data.synthetic(), data.instrument()
    cases = [(index, kind) for index in (3, 100, 200) for kind in KINDS]
    found = [synthetic.changed(index, kind, seed=1) for index, kind in cases]
    assert [int(image.mask.sum()) if image else 0 for image in found] == AREAS
    local = [kind for kind in DEFECTS if not DEFECTS[kind].whole]
    spoiled = [instrument.defective(100, kind) for kind in local]
    assert [int(image.mask.sum()) for image in spoiled] == DEFECT_AREAS


def test_saved_images_are_read_unchanged(disks: list[Disk], tmp_path: Path) -> None:
    save_disks(tmp_path / CACHE, disks)
    for one, other in zip(disks, saved_disks(tmp_path / CACHE), strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert (one.name, one.radius, one.t_obs) == (other.name, other.radius, other.t_obs)
    (tmp_path / CACHE).write_bytes(b"PK damaged")
    with pytest.raises(AstrodomeError, match=f"Cannot read .*{CACHE}"):
        saved_disks(tmp_path / CACHE)


def test_each_part_has_metrics_of_each_model_and_kind(
    result: benchmark.Benchmark, data: SolarOod
) -> None:
    assert list(result.comparisons) == ["synthetic", "instrument", "sun_2", "sun_3"]
    for part, comparison in result.comparisons.items():
        rows = {(row["model"], row["kind"]): row for row in comparison.models}
        assert {model for model, _ in rows} == {"threshold", "ae"}
        assert rows["ae", ALL]["runs"] == 2 and rows["threshold", ALL]["runs"] == 1
        for row in rows.values():
            for name in ("auroc", "pixel_ap"):
                low, high = row[f"{name}_low"], row[f"{name}_high"]
                # The bootstrap of 20 patches is biased, because pairs are resampled together.
                assert 0 <= low <= high <= 1 and low - 0.05 < row[name] < high + 0.05, part
    kinds = {row["kind"] for row in result.comparisons["instrument"].models}
    assert kinds == {ALL, *DEFECTS}
    assert {"edge 0.3 px", "edge 1 px", "edge 2.5 px"} <= {
        row["kind"] for row in result.comparisons["synthetic"].models
    }


def test_the_metrics_are_those_of_the_scores(result: benchmark.Benchmark) -> None:
    scores = result.scores["instrument"]
    labels = [image.label for image in scores.images]
    expected = roc_auc_score(labels, scores.scores["threshold"])
    rows = {row["model"]: row for row in result.summary()}
    assert rows["threshold"]["instrument_auroc"] == pytest.approx(expected)
    names = [label for label, group in scores.groups.items() if group == "ae"]
    runs = [roc_auc_score(labels, scores.scores[name]) for name in names]
    assert len(runs) == 2
    assert rows["ae"]["instrument_auroc"] == pytest.approx(np.mean(runs))
    shifted = [result.estimates(name)["ae", ALL]["auroc"].value for name in ("sun_2", "sun_3")]
    assert rows["ae"]["shift_auroc"] == pytest.approx(np.mean(shifted))
    worst = rows["ae"]["worst_defect"]
    aurocs = {kind: result.estimates("instrument")["ae", kind]["auroc"].value for kind in DEFECTS}
    assert aurocs[worst] == min(aurocs.values()) == rows["ae"]["worst_defect_auroc"]


def test_spoiled_frames_are_ranked_among_the_normal_patches(result: benchmark.Benchmark) -> None:
    """A brightness threshold finds the white frame, and considers a black frame as normal."""
    rows = {(row["model"], row["frame"]): row for row in result.sanity}
    assert len(rows) == 10
    assert not rows["threshold", "black"]["detected"]
    assert all(0 <= row["worst_rank"] <= row["rank"] <= 1 for row in rows.values())
    for row in rows.values():
        assert row["detected"] == (row["worst_rank"] >= 0.95)
    counted = sum(row["detected"] for row in rows.values() if row["model"] == "ae")
    assert next(r for r in result.summary() if r["model"] == "ae")["sanity_frames"] == counted


def test_false_alarms_are_measured_on_each_image(result: benchmark.Benchmark) -> None:
    rows = {(row["model"], row["image"]): row for row in result.false_alarms}
    assert {image for _, image in rows} == {"same image", "sun_2", "sun_3"}
    normal = [n for n, image in enumerate(result.scores["sun_2"].images) if not image.kind]
    rates = []
    for label, group in result.scores["sun_2"].groups.items():
        if group == "ae":
            run_folder = next(m["weights"] for m in result.about["models"] if m["label"] == label)
            clean = ScoreCalibration.load(Path(run_folder))
            assert clean
            found = clean.images.probability(result.scores["sun_2"].scores[label][normal])
            rates.append((found <= 0.01).mean())
    assert rows["ae", "sun_2"]["before"] == pytest.approx(np.mean(rates))
    shifted = [rows["ae", name]["after"] for name in ("sun_2", "sun_3")]
    summary = next(row for row in result.summary() if row["model"] == "ae")
    assert summary["false_alarms_calibrated"] == pytest.approx(np.mean(shifted))


def test_a_calibration_with_similar_images_reduces_false_alarms() -> None:
    random = np.random.default_rng(0)
    clean, shifted = random.normal(0, 1, 300), random.normal(2, 1, 300)
    before = ScoreDistribution.fit(clean).probability(shifted) <= 0.01
    assert before.mean() > 0.2
    assert shift.alarms_after_calibration(shifted).mean() < 0.03


def test_results_are_the_same_in_parallel_processes_and_in_a_second_run(
    data: SolarOod, tmp_path: Path
) -> None:
    """Finished runs are not trained again in the second run."""
    names, config = ["threshold", "statistics"], {"devices.gpus": 0}
    options = BenchmarkOptions(seeds=[0], bootstraps=20, quick=True, jobs=2)
    parallel = run_benchmark(names, tmp_path / "one", options, config, data)
    weights = tmp_path / "one" / "runs" / "statistics-0" / "weights.safetensors"
    written = weights.stat().st_mtime_ns
    options = options.model_copy(update={"jobs": 1})
    again = run_benchmark(names, tmp_path / "one", options, config, data)
    other = run_benchmark(names, tmp_path / "other", options, config, data)
    for found in (again, other):
        for key in ("summary", "parts", "false_alarms", "sanity"):
            assert json.dumps(found.document()[key]) == json.dumps(parallel.document()[key]), key
    assert weights.stat().st_mtime_ns == written


def test_each_family_of_defects_is_left_out_in_one_group() -> None:
    names = [name for group in GROUPS.values() for name in group.families]
    assert sorted(names) == sorted(FAMILIES)
    kinds = {kind for group in GROUPS.values() for kind in group.kinds}
    assert kinds <= {*DEFECTS, *KINDS}


def test_models_are_also_trained_without_groups_of_defects(data: SolarOod, tmp_path: Path) -> None:
    options = BenchmarkOptions(seeds=[3], bootstraps=10, quick=True, leave_out=True, jobs=1)
    config = TINY | {"model.fmap_sizes": [2, 2, 2], "model.options.epoch_images": 32}
    found = run_benchmark(["segmentation"], tmp_path, options, config, data)
    rows = {(row["left_out"], row["kind"]): row for row in found.leave_out}
    assert {left_out for left_out, _ in rows} == {*GROUPS}
    assert ("smoothing", "blur") in rows and ("intensity", "blur") not in rows
    for row in rows.values():
        assert 0 <= row["auroc_left_out_low"] <= row["auroc_left_out_high"] <= 1
        assert (
            row["auroc"] == found.estimates(row["part"])["segmentation", row["kind"]]["auroc"].value
        )
    assert [row["runs"] for row in found.comparisons["synthetic"].models][:1] == [1]
    saved = (tmp_path / "runs" / "segmentation-3-without-noise" / "config.yaml").read_text()
    assert "leave_out" in saved
    page = sood.write_benchmark(found, tmp_path).read_text()
    assert "Defects left out of the training" in page
    assert len([*tmp_path.glob("runs/segmentation-3*/model_card.md")]) == 1 + len(GROUPS)


def test_a_model_that_fails_is_listed_and_the_others_are_evaluated(
    data: SolarOod, tmp_path: Path
) -> None:
    options = BenchmarkOptions(seeds=[0], bootstraps=10, quick=True, jobs=1)
    found = run_benchmark(["nothing", "threshold"], tmp_path, options, TINY, data)
    assert [name for name, _ in found.outcome.failed] == ["nothing"]
    (failed,) = found.document()["failed"]
    assert failed["name"] == "nothing" and "'nothing' is not a run folder" in failed["reason"]
    assert [row["model"] for row in found.summary()] == ["threshold"]
    with pytest.raises(AstrodomeError, match="No model can be evaluated") as error:
        run_benchmark(["nothing"], tmp_path, options, TINY, data)
    assert "'nothing' is not a run folder" in error.value.hint


def test_the_page_is_self_contained_and_each_run_has_a_model_card(
    result: benchmark.Benchmark, tmp_path: Path
) -> None:
    page = sood.write_benchmark(result, tmp_path).read_text()
    assert page.count("<svg") == 2 and "<script" not in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources and all(source.startswith(("data:", "#")) for source in sources)
    assert page.count('alt="map of ') == 2 * 2 * 2 * 4  # models, parts, best and worst, kinds
    assert "QUALITY bit 20 (focus)" in page and "not comparable" in page
    saved = json.loads((tmp_path / "benchmark.json").read_text())
    assert saved["summary"][0]["model"] == "threshold" and saved["about"]["version"] == 1
    weights = [Path(each["weights"]) for each in result.about["models"] if each["weights"]]
    assert len(weights) == 2
    assert [row["run"] for row in result.timings] == ["threshold", "ae-0", "ae-1"]
    for path in weights:
        card = (path / "model_card.md").read_text()
        assert card.startswith("# Model card: ae\n") and "has not been evaluated" in card


def test_a_model_card_describes_the_run_and_its_results(
    trained: Path, tmp_path: Path, result: benchmark.Benchmark
) -> None:
    import shutil

    run_folder = tmp_path / "run"
    shutil.copytree(trained, run_folder)
    row = next(row for row in result.summary() if row["model"] == "ae")
    text = sood.write_model_card(run_folder, row).read_text()
    assert f"{row['instrument_auroc']:.3f} (" in text and row["worst_defect"] in text
    record = json.loads((run_folder / "run.json").read_text())
    assert record["data_digest"] in text and "32 × 32 pixels" in text
    before = sood.score(run_folder, record["data_dir"])  # The card is not read as weights.
    assert len(before) == record["images"]


def test_the_command_runs_the_benchmark(
    disks: list[Disk], sood: Callable[..., Result], tmp_path: Path
) -> None:
    save_disks(tmp_path / CACHE, disks)
    args = ("benchmark", "threshold", "--quick", "--out", tmp_path, "--bootstrap", 10)
    shown = sood(*args, "--json").succeeded()
    assert shown.json == json.loads((tmp_path / "benchmark.json").read_text())
    assert "not comparable" in shown.err
    table = sood(*args).succeeded().out
    assert "threshold" in table and " of 5" in table
    failed = run(
        "sdo", "sood", "benchmark", "nothing", "--quick", "--out", str(tmp_path),
        plugin="astrodome_sood.plugin",
    )  # fmt: skip
    assert failed.code == 2 and "No model can be evaluated" in failed.err


def test_own_ground_truths_and_metrics_are_public(
    disks: list[Disk], data: SolarOod, tmp_path: Path
) -> None:
    truth = sood.InstrumentDefects(disks[0], disks[1], data.test, 32, ["transit", "snow"])
    found = sood.evaluate("threshold", data.test_images(), against=truth, bootstraps=10)
    assert set(found.table["kind"]) == {"all", "transit", "snow"}
    page = sood.write_evaluation(found, tmp_path).read_text()
    assert "each kind of simulated defect (snow, transit; seed 0)" in page
    images = found.scores
    labels = [image.label for image in images.images]
    metrics = sood.image_metrics(labels, images.scores["threshold"], bootstraps=10)
    row = found.table.set_index("kind").loc["all"]
    assert metrics["auroc"].value == pytest.approx(row["auroc"])
    masks = np.stack([image.mask for image in images.images])
    pixels = sood.pixel_metrics(masks, images.maps["threshold"], bootstraps=10)
    assert pixels["pixel_ap"].value == pytest.approx(row["pixel_ap"], abs=1e-3)
