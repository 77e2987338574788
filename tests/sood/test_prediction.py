"""Prediction files, and errors for invalid input."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astrodome.testing import Result, run
from astrodome_sood.scoring.prediction import map_names
from PIL import Image


def predict(sood: Callable[..., Result], run: Path, out: Path, *args: object) -> Result:
    return sood("ce_vae", "predict", "--load-path", run, "--pred-dir", out, *args)


def text_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.txt").open() as lines:
        return list(csv.DictReader(lines))


def test_sample_mode_writes_ranked_images_as_text_and_parquet(
    trained: Path, sood: Callable[..., Result], tmp_path: Path
):
    shown = predict(sood, trained, tmp_path, "--top", 5, "--json").succeeded().json
    rows = text_rows(tmp_path)
    assert list(rows[0]) == ["pixel_pred_path", "score", "t_obs", "wavelength"]
    scores = [float(row["score"]) for row in rows]
    assert len(scores) == 48 and scores == sorted(scores, reverse=True)
    assert all(Path(row["pixel_pred_path"]).is_file() for row in rows)
    assert {(row["t_obs"], row["wavelength"]) for row in rows} == {("2013-06-24T17:31:30Z", "193")}
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table["score"].to_pylist() == scores
    assert [row["score"] for row in shown] == scores[:5]
    assert [row["map"] for row in shown] == [None] * 5, "no map was written"
    about = json.loads(table.schema.metadata[b"astrodome"])
    assert about["config"]["model"]["z_dim"] == 8 and len(about["weights_digest"]) == 64


@pytest.mark.parametrize("mode", ["rec", "kl_grad", "rec_grad", "elbo_grad", "combi"])
def test_pixel_mode_writes_one_map_per_patch(
    trained: Path, sood: Callable[..., Result], tmp_path: Path, mode: str
):
    args = ("--precit-mode", "pixel", "--score_mode", mode)
    predict(sood, trained, tmp_path, *args).succeeded()
    rows = pq.read_table(tmp_path / "maps.parquet").to_pylist()
    maps = np.load(tmp_path / "maps.npy")
    assert maps.shape == (48, 32, 32) and maps.dtype == np.float32
    assert {row["map"] for row in rows} == {f"20130624-173130_193A__{n}.png" for n in range(48)}
    for row in rows[:3]:
        with Image.open(tmp_path / row["map"]) as drawn:
            assert (drawn.size, drawn.mode) == ((32, 32), "L")
        assert row["mean"] == pytest.approx(maps[row["row"]].mean(), rel=1e-5)


def test_maps_have_a_common_scale_or_one_scale_per_image(
    trained: Path, sood: Callable[..., Result], tmp_path: Path
):
    def white(folder: Path) -> list[int]:
        return [int(np.asarray(Image.open(path)).max()) for path in folder.glob("*.png")]

    predict(sood, trained, tmp_path / "run", "-m", "pixel").succeeded()
    predict(sood, trained, tmp_path / "image", "-m", "pixel", "--scale", "image").succeeded()
    assert set(white(tmp_path / "image")) == {255}
    common = white(tmp_path / "run")
    assert max(common) == 255 and min(common) < 128
    maps = np.load(tmp_path / "run/maps.npy")
    table = pq.read_table(tmp_path / "run/maps.parquet")
    low, high = json.loads(table.schema.metadata[b"astrodome"])["scale_range"]
    row = table.to_pylist()[20]
    drawn = np.asarray(Image.open(tmp_path / "run" / row["map"]), float) / 255
    expected = np.clip((maps[row["row"]] - low) / (high - low), 0, 1)
    np.testing.assert_allclose(drawn, expected, atol=0.51 / 255)


def test_scores_do_not_depend_on_the_batch_size(
    trained: Path, sood: Callable[..., Result], tmp_path: Path
):
    for size in (1, 13, 48):
        predict(
            sood, trained, tmp_path / str(size), "-m", "pixel", "--batch-size", size
        ).succeeded()
    alone, some, all_ = (np.load(tmp_path / str(size) / "maps.npy") for size in (1, 13, 48))
    np.testing.assert_allclose(some, alone, rtol=1e-3, atol=1e-6 * alone.max())
    np.testing.assert_allclose(all_, alone, rtol=1e-3, atol=1e-6 * alone.max())


def test_the_image_score_can_be_the_mean_of_the_map(
    trained: Path, sood: Callable[..., Result], tmp_path: Path
):
    predict(sood, trained, tmp_path, "-m", "pixel").succeeded()
    shown = predict(sood, trained, tmp_path, "--sample-score", "map", "--json").succeeded().json
    assert all((tmp_path / row["map"]).is_file() for row in shown)
    means = pq.read_table(tmp_path / "maps.parquet").to_pylist()
    scores = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    expected = {row["path"]: row["mean"] for row in means}
    for row in scores:
        assert row["score"] == pytest.approx(expected[row["path"]], rel=1e-4)


def test_a_truncated_image_is_named_and_the_others_are_scored(
    trained: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    images = tmp_path / "images"
    shutil.copytree(patches, images)
    cut = images / "2013-06-24T173130__193__7.jpeg"
    cut.write_bytes(cut.read_bytes()[:200])
    done = predict(sood, trained, tmp_path / "out", "--data-dir", images)
    assert done.code == 1
    assert cut.name in done.err and "47 images scored, 1 failed" in done.err
    assert len(text_rows(tmp_path / "out")) == 47


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        ((), 2, "ce_vae requires trained weights"),
        (("--load-path", "nowhere"), 1, "Run folder or weights file not found: nowhere"),
        (
            ("--load-path", "RUN", "--target-size", 64),
            1,
            "were trained with model.target_size 32, but the configuration contains 64",
        ),
        (
            ("--load-path", "RUN", "--score-mode", "recc"),
            2,
            "Unknown type of pixel score 'recc'",
        ),
        (("--load-path", "RUN", "-m", "pixels"), 2, "'sample' or 'pixel'"),
        (("--load-path", "RUN", "--data-dir", "nowhere"), 1, "Folder not found: nowhere"),
        (("--load-path", "RUN/metrics.csv"), 1, "is not a valid weights file"),
        (
            ("--load-path", "RUN", "--set", "data.dataset=SDOMLDatasetV2"),
            1,
            "SDO ML v2 store not found",
        ),
        (("--load-path", "RUN", "--set", "model.zdim=3"), 2, "did you mean 'z_dim'"),
    ],
)
def test_invalid_input_is_an_error_and_nothing_is_written(
    trained: Path,
    patches: Path,
    sood: Callable[..., Result],
    tmp_path: Path,
    args: tuple,
    code: int,
    expected: str,
):
    args = tuple(str(arg).replace("RUN", str(trained)) for arg in args)
    data = () if "--data-dir" in args else ("--data-dir", patches)
    failed = sood("ce_vae", "predict", *data, "--pred-dir", tmp_path / "out", *args)
    assert failed.code == code and expected in failed.err, failed.err
    assert failed.err.startswith("Error: ") and len(failed.err.splitlines()) <= 2
    assert not (tmp_path / "out").exists()


def test_a_run_of_another_model_is_an_error(
    trained: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    failed = sood("threshold", "predict", "--load-path", trained, "--data-dir", patches)
    assert failed.code == 1 and "is 'ce_vae', not 'threshold'" in failed.err


def test_weights_without_a_run_are_enough_and_damaged_ones_are_an_error(
    trained: Path, sood: Callable[..., Result], patches: Path, tmp_path: Path
):
    whole = (trained / "weights.safetensors").read_bytes()
    (tmp_path / "weights.safetensors").write_bytes(whole)
    shape = ("--target-size", 32, "--set", "model.z_dim=8", "--set", "model.fmap_sizes=[4,8,16]")
    args = (tmp_path / "weights.safetensors", tmp_path / "out", "--data-dir", patches, *shape)
    predict(sood, *args).succeeded()
    predict(sood, trained, tmp_path / "run").succeeded()
    assert text_rows(tmp_path / "out") == text_rows(tmp_path / "run")
    (tmp_path / "weights.safetensors").write_bytes(whole[:-100])
    failed = predict(sood, *args)
    assert failed.code == 1 and "is not a valid weights file" in failed.err


def test_maps_of_images_with_equal_names_contain_their_folders():
    time = {"t_obs": "2012-03-07T00:02:00Z", "wavelength": 171, "part": None}
    rows = [
        {"path": "/d/a/2012-03-07T000200__171.jpeg", **time},
        {"path": "/d/b/2012-03-07T000200__171.jpeg", **time},
        {"path": "/d/sun.png", "t_obs": None, "wavelength": None, "part": None},
    ]
    assert map_names(rows, "/d") == [
        "a__2012-03-07T000200__171.jpeg.png",
        "b__2012-03-07T000200__171.jpeg.png",
        "sun.png",
    ]
    assert map_names(rows[1:], "/d")[0] == "20120307-000200_171A.png"


def test_threshold_maps_contain_pixels_above_mean_and_two_sigma(
    patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    args = ("--data-dir", patches, "--target-size", 32, "--pred-dir")
    sood("threshold", "predict", *args, tmp_path, "-m", "pixel").succeeded()
    sood("threshold", "predict", *args, tmp_path).succeeded()
    maps = np.load(tmp_path / "maps.npy")
    ranked = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    scores = {row["path"]: row["score"] for row in ranked}
    for row in pq.read_table(tmp_path / "maps.parquet").to_pylist():
        grey = np.asarray(Image.open(row["path"]), float) / 255
        bright = np.where(grey > grey.mean() + 2 * grey.std(), grey, 0)
        np.testing.assert_allclose(maps[row["row"]], bright, atol=1e-5)
        assert scores[row["path"]] == pytest.approx(bright.mean(), abs=1e-6)
    older = ("--set", "model.options.score=mean")
    sood("threshold", "predict", *args, tmp_path / "mean", *older).succeeded()
    best = text_rows(tmp_path / "mean")[0]
    grey = np.asarray(Image.open(best["pixel_pred_path"]), float) / 255
    assert float(best["score"]) == pytest.approx(grey.mean(), abs=1e-6)


CONTRAST_PLUGIN = """
import numpy as np
from astrodome import ModelSpec, hookimpl, AstrodomeError

@hookimpl
def register_models():
    yield ModelSpec("sood", "contrast", "contrast_plugin:Contrast", summary="Standard deviation.")

class Contrast:
    def train(self, train, validation, run, config):
        run.note(scale=float(train.batch(range(len(train))).std()))
    def load(self, path, config):
        import json
        self.scale = json.loads((path / "run.json").read_text())["scale"]
    def score(self, batch):
        return batch.std(axis=(1, 2, 3)) / self.scale
    def score_map(self, batch, mode=""):
        return np.abs(batch - batch.mean(axis=(2, 3), keepdims=True))[:, 0] / self.scale
"""


def test_a_model_of_another_plugin_gets_the_same_commands(
    patches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "contrast_plugin.py").write_text(CONTRAST_PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)

    def sood(*args: object) -> Result:
        return run("sdo", "sood", *args, plugin=("astrodome_sood.plugin", "contrast_plugin"))

    assert "Standard deviation." in sood("--help").succeeded().out
    where = ("--data-dir", patches, "--target-size", 32)
    sood("contrast", "train", *where, "--log-dir", tmp_path / "run").succeeded()
    sood("contrast", "predict", "-l", tmp_path / "run", "-m", "pixel").succeeded()
    assert sood("contrast", "predict", "-l", tmp_path / "run", "--json").succeeded().json
    sood("report", tmp_path / "run").succeeded()
    other = sood("ce_vae", "train", *where, "--log-dir", tmp_path / "run")
    assert other.code == 1 and "is 'contrast', not 'ce_vae'" in other.err


GENERATOR_PLUGIN = (
    CONTRAST_PLUGIN.replace(
        'summary="Standard deviation.")',
        'summary="Standard deviation.", verbs=("predict", "reconstruct", "generate"))',
    )
    + """
    z_dim = 3
    def reconstruct(self, batch):
        return {"images": batch, "mean": batch.mean(axis=(2, 3)).repeat(3, axis=1)}
    def generate(self, latent):
        return np.tanh(latent[:, :1, None, None]) * np.ones((1, 1, 32, 32), np.float32)
"""
)


def test_a_model_of_another_plugin_can_reconstruct_and_generate(
    patches: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "generator_plugin.py").write_text(
        GENERATOR_PLUGIN.replace("contrast_plugin:", "generator_plugin:")
    )
    monkeypatch.syspath_prepend(tmp_path)
    weights = tmp_path / "weights"
    weights.mkdir()
    about = {"task": "sood", "model": "contrast", "scale": 1.0}
    (weights / "run.json").write_text(json.dumps(about))

    def sood(*args: object) -> Result:
        return run("sdo", "sood", *args, plugin=("astrodome_sood.plugin", "generator_plugin"))

    args = ("-l", weights, "-p", tmp_path / "out")
    sood("contrast", "reconstruct", *args, "-d", patches, "--target-size", 32).succeeded()
    sood("contrast", "generate", *args, "--n", 2).succeeded()
    assert np.load(tmp_path / "out/latent.npy").shape == (2, 3)
    rebuilt = (tmp_path / "out").glob("*_rec.png")
    assert len(list(rebuilt)) == 48
