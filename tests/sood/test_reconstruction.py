"""Reconstructed and generated images."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astrodome.testing import Result
from astrodome_sood.scoring.reconstruction import errors
from PIL import Image
from safetensors.numpy import load_file
from skimage.metrics import structural_similarity


def grey(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), float)


def test_reconstruct_writes_images_latent_vectors_and_errors(
    trained: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    args = ("-l", trained, "-d", patches, "-p", tmp_path)
    shown = sood("ce_vae", "reconstruct", *args, "--json").succeeded().json
    with (tmp_path / "reconstruction_loss.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    columns = ["pixel_pred_path", "ssim", "mse", "mae", "t_obs", "wavelength"]
    assert list(rows[0]) == columns and len(rows) == 48 and len(shown) == 10
    worst = max(rows, key=lambda row: float(row["mae"]))
    assert shown[0]["pixel_pred_path"] == worst["pixel_pred_path"]
    for row in rows[:5]:
        stem = row["pixel_pred_path"]
        source, rebuilt = (grey(tmp_path / f"{stem}_{kind}.png") for kind in ("src", "rec"))
        difference = (rebuilt - source) / 127.5
        assert float(row["mse"]) == pytest.approx((difference**2).mean(), rel=0.05, abs=1e-4)
        assert float(row["mae"]) == pytest.approx(np.abs(difference).mean(), rel=0.05)
        ssim = structural_similarity(
            source,
            rebuilt,
            data_range=255,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
        assert float(row["ssim"]) == pytest.approx(ssim, abs=0.01)
        code = load_file(tmp_path / f"{stem}_code.safetensors")
        assert code["mean"].shape == code["std"].shape == (8,) and (code["std"] > 0).all()


def test_the_ssim_of_intensities_equals_that_of_8_bit_images():
    random = np.random.default_rng(5)
    levels = random.integers(100, 110, (2, 1, 32, 32)).astype(np.float32)  # low contrast
    found = errors(*(levels / 127.5 - 1))
    settings = {"gaussian_weights": True, "use_sample_covariance": False, "channel_axis": 0}
    expected = structural_similarity(*levels, data_range=255, **settings)
    assert found["ssim"] == pytest.approx(expected, abs=1e-4)


def test_generated_images_depend_on_the_seed_and_can_have_a_colormap(
    trained: Path, sood: Callable[..., Result], tmp_path: Path
):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        args = ("-l", trained, "-p", tmp_path / name, "--n", 5, "--seed", seed)
        made = sood("ce_vae", "generate", *args, "--json").succeeded().json
        assert made["images"] == [f"generated_{n:05d}.png" for n in range(5)]
    a, b, c = ((tmp_path / n / "generated_00003.png").read_bytes() for n in "abc")
    assert a == b != c
    assert np.load(tmp_path / "a/latent.npy").shape == (5, 8)
    args = ("-l", trained, "-p", tmp_path / "aia", "--n", 1, "--wavelength", 304)
    sood("ce_vae", "generate", *args).succeeded()
    with Image.open(tmp_path / "aia/generated_00000.png") as image:
        red, _, blue = image.convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert red > blue, "AIA 304 is red"


def test_an_interpolation_starts_and_ends_with_the_reconstructions_of_its_images(
    trained: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    ends = [patches / f"2013-06-24T173130__193__{n}.jpeg" for n in (3, 30)]
    args = ("-l", trained, "-p", tmp_path / "made", "--n", 4, "--interpolate", *ends)
    sood("ce_vae", "generate", *args).succeeded()
    sood("ce_vae", "reconstruct", "-l", trained, "-d", patches, "-p", tmp_path / "rec").succeeded()
    means = []
    for number, part in ((0, 3), (3, 30)):
        made = grey(tmp_path / f"made/generated_{number:05d}.png")
        stem = f"rec/20130624-173130_193A__{part}"
        rebuilt = grey(tmp_path / f"{stem}_rec.png")
        assert made.shape == rebuilt.shape and np.abs(made - rebuilt).max() <= 1
        means.append(load_file(tmp_path / f"{stem}_code.safetensors")["mean"])
    assert grey(tmp_path / "made/sheet.png").shape == (70, 70), "2 x 2 images with gaps of 2 px"
    first, last = means
    expected = [first, (2 * first + last) / 3, (first + 2 * last) / 3, last]
    latent = np.load(tmp_path / "made/latent.npy")
    np.testing.assert_allclose(latent, expected, rtol=1e-4, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        (("generate",), 2, "requires trained weights"),
        (("generate", "-l", "nowhere"), 1, "Run folder or weights file not found: nowhere"),
        (
            ("generate", "-l", "RUN", "--interpolate", "a.png", "b.png"),
            1,
            "Cannot read the image a.png",
        ),
        (("reconstruct", "-l", "RUN", "-d", "nowhere"), 1, "Folder not found: nowhere"),
    ],
)
def test_invalid_input_is_an_error(
    trained: Path,
    sood: Callable[..., Result],
    tmp_path: Path,
    args: tuple,
    code: int,
    expected: str,
):
    args = tuple(str(arg).replace("RUN", str(trained)) for arg in args)
    failed = sood("ce_vae", *args, "--pred-dir", tmp_path / "out")
    assert failed.code == code and expected in failed.err, failed.err
    assert failed.err.startswith("Error: ") and len(failed.err.splitlines()) <= 2
