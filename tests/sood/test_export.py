"""Scorers in ONNX format return the same scores as the models."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from astrodome import models
from astrodome.testing import Result, run
from astrodome_sood import config
from astrodome_sood.datasets.folder import FolderImages
from astrodome_sood.models.ce_vae import CeVae
from PIL import Image
from sunpy.data.test import get_test_filepath


@pytest.fixture(scope="module")
def exported(
    trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """Export the scorer of a run as ONNX; return it with the JSON output of the command."""
    file = tmp_path_factory.mktemp("onnx") / "scorer.onnx"
    command = ("sood", "export", trained, "--out", file, "--json")
    return file, run("sdo", *command, plugin="astrodome_sood.plugin").succeeded().json


def test_onnxruntime_gives_the_scores_maps_and_reconstructions_of_the_run(
    trained: Path, patches: Path, exported: tuple[Path, dict[str, str]]
):
    file, shown = exported
    assert shown["file"] == str(file) and shown["largest_relative_difference"] < 1e-4
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    backend = CeVae()
    backend.load(
        trained, config.load(None, {"model.load_path": str(trained)}, from_run=True).plain()
    )
    images = FolderImages(patches, 32)
    for count in (1, 5, 48):
        batch = images.batch(range(count))
        levels = np.rint((batch + 1) * 127.5).astype(np.uint8)
        score, maps, rebuilt = session.run(None, {"images": levels})
        np.testing.assert_allclose(score, backend.score(batch), rtol=1e-4)
        expected = backend.score_map(batch, "rec")
        np.testing.assert_allclose(maps, expected, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(rebuilt, backend.reconstruct(batch)["images"], atol=1e-5)
    about = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    assert json.loads(about["astrodome"])["model"] == "ce_vae"


@pytest.mark.parametrize("model", ["detect", "segmentation", "statistics"])
def test_models_that_find_defects_are_exported(
    model: str, patches: Path, sood: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    train = ("-d", patches, "-o", folder, "--target-size", 32, "-fm", "4,8", "--epochs", 1)
    train += ("--devices", "cpu")
    if model != "statistics":  # It is not trained in epochs.
        train += ("--set", "model.options.epoch_images=32")
    sood(model, "train", *train).succeeded()
    shown = sood("export", folder, "--json").succeeded().json
    assert shown["outputs"] == ["score", "map"] and shown["largest_relative_difference"] < 1e-5
    session = onnxruntime.InferenceSession(folder / "scorer.onnx")
    batch = FolderImages(patches, 32).batch(range(7))
    levels = np.rint((batch + 1) * 127.5).astype(np.uint8)
    score, maps = session.run(None, {"images": levels})
    settings = config.load(None, {"model.load_path": str(folder)}, from_run=True, model=model)
    backend = models.get("sood", model)
    backend.load(folder, settings.plain())
    np.testing.assert_allclose(score, backend.score(batch), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(maps, backend.score_map(batch), rtol=1e-3, atol=1e-3)
    sood(model, "predict", "-l", folder, "-d", patches, "--false-alarm-rate", 0.1).succeeded()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Write image files in grey and in colour, in sizes that differ from that of the network."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    with Image.open(get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2")) as sun:
        grey = sun.convert("L")
    reddish = Image.merge("RGB", (grey, grey.point(lambda v: v // 2), grey.point(lambda v: v // 9)))
    for number, (x, y, side) in enumerate([(60, 80, 32), (150, 200, 100), (220, 120, 257)]):
        box = (x, y, x + side, y + side)
        grey.crop(box).save(folder / f"grey{number}.png")
        reddish.crop(box).save(folder / f"colour{number}.jpeg", quality=95)
    return folder


def test_onnxruntime_scores_a_file_that_pillow_reads_as_predict_does(
    trained: Path,
    pictures: Path,
    exported: tuple[Path, dict[str, str]],
    sood: Callable[..., Result],
    tmp_path: Path,
):
    file, shown = exported
    arguments = ("-l", trained, "-d", pictures, "-p", tmp_path, "-m", "sample")
    expected = {
        Path(row["path"]).name: row["score"]
        for row in sood("ce_vae", "predict", *arguments, "--json").succeeded().json
    }
    assert len(expected) == 6
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    assert (taken.name, taken.type) == ("images", "tensor(uint8)") and taken.shape[1:] == [
        1,
        32,
        32,
    ]
    for name, score in expected.items():
        # As described in "preparation", with Pillow and NumPy only.
        with Image.open(pictures / name) as image:
            image.draft("L", (64, 64))
            levels = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BILINEAR))
        found = session.run(["score"], {"images": levels[None, None]})[0]
        assert found[0] == pytest.approx(score, rel=1e-4)
    with pytest.raises(Exception, match="Unexpected input data type"):
        session.run(["score"], {"images": np.float32(levels[None, None]) / 127.5 - 1})
    model = onnx.load(file)
    about = json.loads({entry.key: entry.value for entry in model.metadata_props}["astrodome"])
    for described in (about, shown):
        assert described["input_type"] == "uint8" and described["input_shape"] == "(N, 1, 32, 32)"
        assert described["input_values"] == "gray levels from 0 to 255"
        assert (
            "image.draft('L', (64, 64)); image.convert('L').resize((32, 32),"
            in (described["preparation"])
        )
    assert described["preparation"] in model.graph.input[0].doc_string


def test_a_scorer_of_sdo_ml_data_takes_prepared_intensities_and_names_their_ranges(
    trained: Path, sood: Callable[..., Result], tmp_path: Path
):
    file = tmp_path / "scorer.onnx"
    section = {"channel": "171A", "mask_limb": "true", "mask_limb_radius_scale_factor": 0.9}
    options = ["--set=data.dataset=SDOMLDatasetV2"]
    options += [f"--set=data.sdo_ml_v2.{key}={value}" for key, value in section.items()]
    shown = sood("export", trained, "--out", file, *options, "--json").succeeded().json
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == "tensor(float)" and shown["input_type"] == "float32"
    assert shown["input_values"] == "from -1 to 1"
    assert "171A: 5 to 3500, log10" in shown["preparation"]
    assert "SDO ML data, set to 0 outside 0.9 solar radii, resized" in shown["preparation"]


@pytest.mark.parametrize(
    ("place", "expected"),
    [("nowhere", "Weights not found"), ("text", "is not a valid weights file")],
)
def test_missing_or_invalid_weights_are_an_error(
    sood: Callable[..., Result], tmp_path: Path, place: str, expected: str
):
    (tmp_path / "text").write_text("not weights")
    failed = sood("export", tmp_path / place)
    assert failed.code == 1 and expected in failed.err and len(failed.err.splitlines()) <= 2


@pytest.mark.parametrize("library", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_library_is_an_error_with_the_command_that_installs_it(
    trained: Path,
    sood: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
):
    monkeypatch.setitem(sys.modules, library, None)
    failed = sood("export", trained, "--out", tmp_path / "scorer.onnx")
    assert failed.code == 1 and not (tmp_path / "scorer.onnx").exists()
    assert f"The export requires a library that is not installed: {library}." in failed.err
    assert "pip install 'astrodome-sood[onnx]'" in failed.err
