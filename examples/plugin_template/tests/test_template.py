"""Tests of the command, the source and the model of the template."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome.runs import Run
from astrodome.testing import run
from PIL import Image

from astrodome_template import disk
from astrodome_template.model import PixelGaussian
from astrodome_template.source import SyntheticDisks

PLUGIN = "astrodome_template.plugin"
DAY = datetime(2011, 6, 7), datetime(2011, 6, 8)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate the tests from the configuration of the user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


class Folder:
    """A small image set like those that ``sood`` passes to a model."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        with Image.open(self.paths[index]) as image:
            return np.asarray(image, dtype=np.float32)[np.newaxis] / 127.5 - 1

    def describe(self, index: int) -> dict[str, str]:
        return {"path": str(self.paths[index])}


def fetched(target: Path, freq: str = "12h") -> tuple[pd.DataFrame, list[Path]]:
    source = SyntheticDisks()
    rows = source.search(*DAY, freq, [1700])
    return rows, list(source.fetch(rows, target))


def test_the_command_finds_the_parameters_of_a_synthetic_disk(tmp_path: Path) -> None:
    rows, paths = fetched(tmp_path)
    found = run("sdo", "template", "limb", *paths, "--json", plugin=PLUGIN).succeeded().json
    assert [row["file"] for row in found] == [str(path) for path in paths]
    for row in found:
        assert row["limb_darkening"] == pytest.approx(rows.limb_darkening[0], abs=0.02)
        assert row["radius"] == pytest.approx(rows.radius[0], abs=0.5)
        assert row["x"] == pytest.approx(127.5, abs=0.3)
        assert row["residual"] < 0.01


@pytest.mark.parametrize("limb_darkening", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("size", [48, 1024])
def test_the_fit_works_for_other_coefficients_and_sizes(size: int, limb_darkening: float) -> None:
    drawn = disk.draw(size, 0.45 * size, limb_darkening)
    assert disk.fit(drawn).limb_darkening == pytest.approx(limb_darkening, abs=0.03)


def test_an_invalid_image_is_reported_and_the_others_are_fitted(tmp_path: Path) -> None:
    _, paths = fetched(tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:500])
    Image.new("L", (64, 64), 200).save(tmp_path / "sky.png")
    result = run("sdo", "template", "limb", *paths, tmp_path / "sky.png", plugin=PLUGIN)
    assert result.code == 1
    assert f"failed  {paths[1]}" in result.err and "No complete solar disk" in result.err
    assert "2 images fitted, 2 failed" in result.err


def test_the_source_writes_the_same_images_again_and_keeps_existing_files(tmp_path: Path) -> None:
    _, first = fetched(tmp_path / "a")
    _, second = fetched(tmp_path / "b")
    assert [path.name for path in first] == [
        "2011-06-07T000000__1700.jpeg",
        "2011-06-07T120000__1700.jpeg",
        "2011-06-08T000000__1700.jpeg",
    ]
    assert [a.read_bytes() for a in first] == [b.read_bytes() for b in second]
    assert first[0].read_bytes() != first[1].read_bytes()
    first[0].write_bytes(b"mine")
    assert fetched(tmp_path / "a")[1] == first
    assert first[0].read_bytes() == b"mine"


def test_the_source_follows_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTRODOME_SYNTHETIC_SIZE", "64")
    assert SyntheticDisks().search(*DAY, "1D", [1600, 1700])["size"].tolist() == [64] * 4
    monkeypatch.setenv("ASTRODOME_SYNTHETIC_SIZE", "tiny")
    with pytest.raises(AstrodomeError, match=r"ASTRODOME_SYNTHETIC_SIZE.*integer"):
        SyntheticDisks().search(*DAY, "1D", [1700])


def test_an_invalid_interval_is_a_usage_error() -> None:
    with pytest.raises(AstrodomeError, match="Invalid interval 'often'") as caught:
        SyntheticDisks().search(*DAY, "often", [1700])
    assert caught.value.exit_code == 2


def test_a_new_spot_has_the_highest_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTRODOME_SYNTHETIC_SIZE", "64")
    images = Folder(fetched(tmp_path / "images", "1h")[1])
    folder = Run.start(tmp_path / "run", "sood", "pixel_gaussian", {})
    PixelGaussian().train(images, Folder(images.paths[:3]), folder, {})

    spotted = disk.draw(64, 0.4 * 64, 0.56, [disk.Spot(0.3, -0.3, sigma=0.15, depth=0.9)])
    batch = np.stack([*(images[n] for n in range(3)), spotted[np.newaxis] / np.float32(127.5) - 1])
    model = PixelGaussian()
    model.load(folder.path, {})
    scores, maps = model.score(batch), model.score_map(batch)
    assert scores.shape == (4,) and scores.argmax() == 3
    row, column = np.unravel_index(maps[3].argmax(), maps[3].shape)
    center = 31.5 + 0.3 * 0.4 * 64, 31.5 - 0.3 * 0.4 * 64
    assert np.hypot(column - center[0], row - center[1]) < 0.3 * 0.4 * 64
    np.testing.assert_array_equal(model.score_map(batch[3:])[0], maps[3])


def test_mean_and_standard_deviation_are_those_of_the_images(tmp_path: Path) -> None:
    images = Folder(fetched(tmp_path / "images", "4h")[1])
    folder = Run.start(tmp_path / "run", "sood", "pixel_gaussian", {})
    model = PixelGaussian()
    model.train(images, images, folder, {})
    stack = np.stack([images[n] for n in range(len(images))])
    np.testing.assert_allclose(model.mean, stack.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(model.std, stack.std(axis=0).clip(2 / 255), atol=1e-6)
    assert (folder.path / "metrics.csv").read_text().startswith("epoch,train_loss,val_loss\n0,")


@pytest.mark.parametrize("content", [None, b"", b"not an archive"])
def test_a_file_without_weights_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "weights.npz").write_bytes(content)
    with pytest.raises(AstrodomeError, match=r"[Ww]eights"):
        PixelGaussian().load(tmp_path, {})


def test_images_of_another_size_are_an_error(tmp_path: Path) -> None:
    model = PixelGaussian()
    model.mean = model.std = np.ones((1, 8, 8), np.float32)
    with pytest.raises(AstrodomeError, match=r"\(1, 4, 4\), but .* \(1, 8, 8\)"):
        model.score(np.zeros((2, 1, 4, 4), np.float32))
