"""The Python API: examples in docstrings, inputs and errors."""

from __future__ import annotations

import doctest
import importlib
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import astrodome_sood as sood
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_sood.datasets.disks import Disk
from astrodome_sood.evaluation.solar_ood import CACHE, save_disks
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples/sood_api.py"
MODULES = ("", ".api.calibration", ".api.data", ".api.models", ".api.evaluation", ".views.report")
MODULES += (".views.evaluation_page", ".scoring.onnx_export")
MODULES += (".api.benchmark", ".evaluation.metrics", ".evaluation.shift")
MODULES += (".evaluation.solar_ood", ".evaluation.instrument", ".evaluation.synthetic")
MODULES += (".evaluation.ground_truth", ".views.benchmark_page", ".views.model_card")


@pytest.fixture
def folder(
    patches: Path,
    trained: Path,
    sun: Image.Image,
    disks: list[Disk],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Change to a folder with patches, a run, images of the whole disk and the benchmark."""
    shutil.copytree(patches, tmp_path / "patches")
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "disks").mkdir()
    for hour in range(2):
        sun.resize((64, 64)).save(tmp_path / f"disks/2013-06-24T{hour:02}0000__193.png")
    save_disks(tmp_path / "solar_ood" / CACHE, disks)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_docstrings_are_correct(folder: Path, module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"astrodome_sood{module}"))
    assert result.attempted and not result.failed


def test_every_public_name_is_listed_and_documented() -> None:
    assert set(sood.__all__) <= set(dir(sood))
    for name in sood.__all__:
        if name != "__version__":
            documentation = getattr(sood, name).__doc__
            assert documentation and len(documentation) > 30, name


def test_scores_do_not_depend_on_how_model_and_images_are_given(folder: Path) -> None:
    images = sood.open_images(folder / "patches", target_size=32)
    first = sood.score("run", "patches")
    again = sood.score(folder / "run/weights.safetensors", images)
    pd.testing.assert_frame_equal(first, again)
    assert (
        str(first["t_obs"].dtype).startswith("datetime64[") and (first["wavelength"] == 193).all()
    )
    maps = sood.score_maps("run", images)
    mean = sood.score("run", images, sample_score="map")["score"]
    np.testing.assert_allclose(mean.sort_index(), maps.mean(axis=(1, 2)), rtol=1e-5)
    top = sood.score("run", images, sample_score="top")["score"]
    largest = np.sort(maps.reshape(len(maps), -1), axis=1)[:, -103:]
    np.testing.assert_allclose(top.sort_index(), largest.mean(axis=1), rtol=1e-5)


def test_a_run_is_trained_on_open_images_and_resumed(folder: Path) -> None:
    images = sood.open_images("patches", target_size=32)
    options = {"z_dim": 8, "fmap_sizes": [4, 8], "devices": "cpu", "config": {"data.batch_size": 8}}
    run = sood.train("ae", images, "ae", epochs=1, **options)
    assert sood.train("ae", images, "ae", epochs=2, **options).record["epochs"] == 2
    rebuilt = sood.reconstruct(run, images)
    error = np.square(rebuilt - images.batch(range(48))).mean(axis=(1, 2, 3))
    scores = sood.score(run, images)["score"].sort_index()
    np.testing.assert_allclose(scores, error, rtol=1e-4)


def test_invalid_arguments_are_explained(folder: Path) -> None:
    with pytest.raises(AstrodomeError, match="Unknown option 'epoch'"):
        sood.train("ae", "patches", "new", epoch=1)
    with pytest.raises(AstrodomeError, match=r"Invalid image size 16 x 16: .* 32 x 32 pixels"):
        sood.score("run", sood.open_images("patches", target_size=16))
    for images in (np.zeros((3, 1, 32, 32), np.float32), [np.zeros((1, 32, 32), np.float32)]):
        with pytest.raises(AstrodomeError, match="expected a folder or an ImageSet, got"):
            sood.score("run", images)
    with pytest.raises(AstrodomeError, match="'nothing' is not a run folder"):
        sood.score("nothing", "patches")


def test_errors_name_configuration_keys_instead_of_command_line_options(folder: Path) -> None:
    calls: dict[str, Callable[[], object]] = {
        "model.zdim": lambda: sood.open_images("patches", config={"model.zdim": 8}),
        "requires trained weights": lambda: sood.score("ae", "patches"),
        "precision": lambda: sood.score("run", "patches", precision="8"),
        "GPU not found": lambda: sood.score("run", "patches", devices=99),
        "'against'": lambda: sood.evaluate("threshold", "patches", against="taste"),
        "labels": lambda: sood.evaluate("threshold", "patches", against="labels"),
        "shard": lambda: sood.build_dataset("disks", "disks"),
    }
    for words, call in calls.items():
        with pytest.raises(AstrodomeError) as failed:
            call()
        text = f"{failed.value.message} {failed.value.hint}"
        assert words in text or words == "shard"
        assert "--" not in text and "command line" not in text and "sdo sood" not in text


def test_public_objects_have_a_short_representation(folder: Path) -> None:
    images = sood.open_images("patches", target_size=32)
    assert repr(images) == f"<FolderImages {folder / 'patches'}: 48 images>"
    result = sood.evaluate("threshold", images, bootstraps=5)
    count = 240 - sum(result.about["invisible"].values())
    assert repr(result) == f"<Evaluation of threshold with {count} images (synthetic)>"


def test_nothing_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = sood.evaluate("threshold", "patches", bootstraps=5, target_size=32)
    sood.write_evaluation(result, "evaluation")
    sood.train("ae", "patches", "ae", epochs=1, target_size=32, z_dim=8, fmap_sizes=[4, 8])
    assert capsys.readouterr() == ("", "")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    variables = runpy.run_path(str(EXAMPLE))
    assert len(variables["ranked"]) == 60 and variables["maps"].shape == (60, 32, 32)
