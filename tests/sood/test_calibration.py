"""False-alarm probabilities: their distribution, the calibration of a run, and marked images."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result, run
from astrodome_sood.scoring.calibration import (
    ScoreCalibration,
    ScoreDistribution,
    measured_rates,
)
from PIL import Image

ARGS = ("--target-size", 32, "--devices", "cpu")


def sample(name: str, count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    draw = {
        "normal": random.normal,
        "exponential": random.exponential,
        "heavy-tailed": lambda size: random.standard_t(4, size),
        "tiny": lambda size: 1e-8 * random.exponential(size=size),
    }[name]
    return np.asarray(draw(size=count))


@pytest.mark.parametrize("name", ["normal", "exponential", "heavy-tailed", "tiny"])
@pytest.mark.parametrize("rate", [0.001, 0.01, 0.05, 0.3])
def test_clean_images_exceed_a_rate_with_this_probability(name: str, rate: float) -> None:
    found = np.mean(
        [
            ScoreDistribution.fit(sample(name, 1000, seed)).probability(sample(name, 5000, 99))
            <= rate
            for seed in range(10)
        ]
    )
    assert found < 1.5 * rate
    assert found > rate / 2 or rate == 0.001, "beyond the sample, the tail is not underestimated"


@pytest.mark.parametrize("count", [8, 20, 50])
def test_few_clean_images_do_not_lead_to_more_false_alarms(count: int) -> None:
    random = np.random.default_rng(count)
    found = [
        ScoreDistribution.fit(random.normal(size=count)).probability(random.normal(size=20))
        for _ in range(500)
    ]
    assert np.mean(np.array(found) <= 0.01) < 0.015


@pytest.mark.parametrize("rate", [1e-6, 0.001, 0.01, 0.09, 0.2, 0.5])
@pytest.mark.parametrize("levels", [0, 1001])
def test_the_critical_score_has_the_probability_of_the_rate(rate: float, levels: int) -> None:
    distribution = ScoreDistribution.fit(sample("heavy-tailed", 5000, 0), levels)
    critical = distribution.critical_score(rate)
    found = distribution.probability(np.array([critical]))[0]
    assert found == pytest.approx(rate, rel=0.03)


def test_probabilities_decrease_with_the_score() -> None:
    distribution = ScoreDistribution.fit(sample("normal", 300, 0))
    found = distribution.probability(np.linspace(-10, 100, 1000))
    assert (np.diff(found) <= 1e-12).all() and found[0] == pytest.approx(1, abs=0.01)
    assert 0 < found[-1] < 1e-3


@pytest.mark.parametrize("scores", [[1.0], [1.0, 2.0], [0.0] * 50, list(range(12))])
def test_a_few_or_equal_scores_are_sufficient(scores: list[float]) -> None:
    with np.errstate(all="raise", under="ignore"):
        distribution = ScoreDistribution.fit(np.array(scores))
        found = distribution.probability(np.array([-1.0, scores[-1], 1e3]))
    assert np.isfinite(found).all() and (found > 0).all() and (found <= 1).all()
    assert np.isfinite(distribution.critical_score(0.01))


def test_rates_are_measured_with_images_that_are_not_in_the_calibration() -> None:
    shifted = sample("normal", 1000, 1) + 1
    rates = measured_rates(
        shifted.astype(np.float32), ScoreDistribution.fit(sample("normal", 1000, 2))
    )
    nominal = rates[0]
    assert nominal["false_alarm_rate"] == 0.01
    assert nominal["before"] > 0.05 and 0.003 < nominal["after"] < 0.02
    assert measured_rates(shifted[:1].astype(np.float32), None)[0]["after"] is None


@pytest.fixture(scope="module")
def folder(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "calibrated"
    args = ("statistics", "train", "-d", patches, "-o", path, *ARGS)
    run("sdo", "sood", *args, plugin="astrodome_sood.plugin").succeeded()
    return path


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "run"))


def test_training_calibrates_the_scores_with_the_validation_images(
    folder: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    about = ScoreCalibration.load(folder).about
    assert about["clean_images"] == 10 and about["sample_score"] == "own"
    Image.new("L", (32, 32)).save(tmp_path / "2013-06-24T173130__193__0.png")
    shutil.copy(next(patches.glob("*__5.jpeg")), tmp_path)
    args = ("statistics", "predict", "-l", folder, "-t", tmp_path, "-p", tmp_path / "out")
    rows = sood(*args, "--false-alarm-rate", 0.01, "--json").succeeded().json
    assert [row["anomalous"] for row in rows] == [True, False]
    assert rows[0]["false_alarm_probability"] < 0.01 < rows[1]["false_alarm_probability"]
    table = pq.read_table(tmp_path / "out/predictions.parquet").to_pylist()
    assert table[0]["anomalous"] and not table[1]["anomalous"]


def test_pixels_are_marked_at_a_false_alarm_rate(
    folder: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    args = ("statistics", "predict", "-l", folder, "-d", patches, "-p", tmp_path, "-m", "pixel")
    sood(*args, "--false-alarm-rate", 0.05).succeeded()
    rows = pq.read_table(tmp_path / "maps.parquet").to_pylist()
    assert 0.01 < np.mean([row["anomalous_share"] for row in rows]) < 0.15
    for row in rows[:5]:
        with Image.open(tmp_path / f"{Path(row['map']).stem}__mask.png") as mask:
            marked = np.asarray(mask) == 255
        assert marked.mean() == pytest.approx(row["anomalous_share"])


def test_recent_images_replace_the_calibration(
    copied: Path, sun: Image.Image, sood: Callable[..., Result], tmp_path: Path
) -> None:
    recent = tmp_path / "recent"
    recent.mkdir()
    corners = np.random.default_rng(3).integers(60, 298, (60, 2)).tolist()
    for number, (x, y) in enumerate(corners):  # The instrument has lost a third of its sensitivity.
        patch = sun.crop((x, y, x + 32, y + 32)).point(lambda level: level * 2 // 3)
        patch.save(recent / f"2020-06-24T173130__193__{number}.png")
    rows = sood("calibrate", copied, "-d", recent, "--json").succeeded().json
    assert rows[1]["false_alarm_rate"] == 0.05
    assert rows[1]["before"] > rows[1]["after"] and rows[1]["after"] < 0.2
    assert ScoreCalibration.load(copied).about["data_dir"] == str(recent)
    again = sood("calibrate", copied, "--json").succeeded().json
    assert ScoreCalibration.load(copied).about["clean_images"] == 10
    assert again[0]["before"] is not None


def test_a_missing_damaged_or_different_calibration_is_an_error(
    copied: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    args = ("statistics", "predict", "-l", copied, "-d", patches, "-p", tmp_path / "out")
    args += ("--false-alarm-rate", 0.01)
    failed = sood(*args, "--sample-score", "map")
    assert "has another sample_score: own instead of map" in failed.err
    (copied / "calibration.json").write_text(json.dumps({"images": 1}))
    assert "is not a valid calibration" in sood(*args).err
    (copied / "calibration.json").unlink()
    assert "Calibration not found" in sood(*args).err
    sood(*args[:-2]).succeeded()
    failed = sood("threshold", "predict", "-d", patches, "-p", tmp_path, "--false-alarm-rate", 0.1)
    assert failed.code and "Models without weights cannot be calibrated" in failed.err
    failed = sood("calibrate", "threshold")
    assert failed.code and "The model threshold cannot be calibrated" in failed.err


def test_a_calibration_that_is_not_json_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text("{")
    with pytest.raises(AstrodomeError, match="is not a valid calibration"):
        ScoreCalibration.load(tmp_path)
    assert ScoreCalibration.load(tmp_path / "other") is None
