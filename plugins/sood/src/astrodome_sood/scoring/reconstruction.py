"""Images as a model sees them, and images that it makes up.

``reconstruct`` writes for each image ``…_src.png`` and ``…_rec.png`` (one grey scale for both),
its code as safetensors (``mean``, and ``std`` where the model has one), and
``reconstruction_loss.csv``. ``generate`` writes PNGs, a contact sheet and ``latent.npy``, the
vectors that they were decoded from.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, checks, compute, console, files, models
from numpy.typing import NDArray

from .. import config as configuration
from ..datasets.folder import decode
from ..datasets.loading import TEST, location, open_images
from ..training import TASK
from .prediction import check_weights, grey_levels, map_names, write_png

COLUMNS = ("pixel_pred_path", "ssim", "mse", "mae", "t_obs", "wavelength")
SSIM = {"data_range": 1.0, "gaussian_weights": True, "use_sample_covariance": False}
"""As Wang et al. 2004 (IEEE Trans. Image Process. 13, 600), of intensities from 0 to 1."""
GAP = 2
"""Pixels between the images of a contact sheet."""


def reconstruct(
    model: str, config: configuration.Config
) -> tuple[Path, list[dict[str, Any]], compute.Outcome]:
    """Reconstruct the images of a folder; gives where to, a record of each, and the outcome.

    A record has ``ssim``, ``mse`` and ``mae`` of the image in [-1, 1]. Raises AstrodomeError when
    the weights are missing or do not fit, or no image can be read.
    """
    backend = _loaded(model, config)
    images = open_images(config, TEST)
    folder = _folder(config, "reconstructions")
    about = [dict(images.describe(index)) for index in range(len(images))]
    stems = [Path(name).stem for name in map_names(about, location(config))]
    rows: list[dict[str, Any]] = []
    size = config.data.batch_size
    with (
        files.lock(folder / ".lock"),
        console.progress("Reconstructing", len(images), "images", resumes=False) as progress,
    ):
        files.sweep(folder)
        for first in range(0, len(images), size):
            batch = images.batch(range(first, min(first + size, len(images))))
            found = _reconstructed(backend, batch)
            for number, image in enumerate(batch):
                index = first + number
                own = {key: value[number] for key, value in found.items()}
                _write_pair(folder, stems[index], image, own)
                rows.append(
                    {"pixel_pred_path": stems[index], **agreement(image, own["images"])}
                    | {key: about[index][key] for key in ("t_obs", "wavelength", "path")}
                )
            progress.advance(len(batch))
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
        files.write_text(folder / "reconstruction_loss.csv", text.getvalue())
    return folder, rows, compute.Outcome(done=len(rows), failed=images.failed)


def agreement(image: NDArray[np.float32], reconstruction: NDArray[np.float32]) -> dict[str, float]:
    """Structural similarity, mean squared and mean absolute error of (C, H, W) in [-1, 1]."""
    from skimage.metrics import structural_similarity

    window = {} if min(image.shape[1:]) >= 11 else {"win_size": 3, "gaussian_weights": False}
    difference = reconstruction.astype(np.float64) - image
    intensities = (image + 1) / 2, (reconstruction + 1) / 2
    ssim = structural_similarity(*intensities, channel_axis=0, **{**SSIM, **window})
    return {
        "ssim": float(ssim),
        "mse": float(np.square(difference).mean()),
        "mae": float(np.abs(difference).mean()),
    }


def _write_pair(
    folder: Path, stem: str, image: NDArray[np.float32], found: dict[str, NDArray[np.float32]]
) -> None:
    import safetensors.numpy

    write_png(folder / f"{stem}_src.png", grey_levels(image.mean(axis=0), -1, 1))
    write_png(folder / f"{stem}_rec.png", grey_levels(found["images"].mean(axis=0), -1, 1))
    code = {key: np.ascontiguousarray(value) for key, value in found.items() if key != "images"}
    content = safetensors.numpy.save(code)
    files.write_bytes(folder / f"{stem}_code.safetensors", content, sync=False)


def generate(
    model: str,
    config: configuration.Config,
    count: int,
    interpolate: tuple[Path, Path] | None = None,
    wavelength: int | None = None,
) -> tuple[Path, list[str]]:
    """Decode ``count`` vectors: of N(0, 1) by the seed, or on the way from one image to another.

    Gives the folder and the names of the images. Raises AstrodomeError when the weights are
    missing or do not fit, or an image of an interpolation cannot be read.
    """
    backend = _loaded(model, config)
    folder = _folder(config, "generated")
    if interpolate:
        ends = _codes(backend, interpolate, config.model.target_size)
        share = np.linspace(0, 1, count, dtype=np.float32)[:, None]
        latent = (1 - share) * ends[0] + share * ends[1]
    else:
        random = np.random.default_rng(config.seed)
        latent = random.standard_normal((count, backend.z_dim), np.float32)
    size = config.data.batch_size
    made = [_generated(backend, latent[at : at + size]) for at in range(0, count, size)]
    images = np.concatenate(made).mean(axis=1)
    names = [f"generated_{number:05d}.png" for number in range(count)]
    with files.lock(folder / ".lock"):
        files.sweep(folder)
        for name, image in zip(names, images, strict=True):
            write_png(folder / name, _coloured(image, wavelength))
        write_png(folder / "sheet.png", _coloured(_sheet(images), wavelength))
        with files.replacing(folder / "latent.npy") as part, part.open("wb") as out:
            np.save(out, latent)
    return folder, names


def _loaded(model: str, config: configuration.Config) -> Any:
    backend = models.get(TASK, model)
    check_weights(model, config.model.load_path)
    backend.load(config.model.load_path, config.plain())
    return backend


def _reconstructed(backend: Any, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Reconstruct images (N, C, H, W), and check and return the results and codes (N, Z)."""
    found = backend.reconstruct(batch)
    if not isinstance(found, Mapping) or not {"images", "mean"} <= set(found):
        kind = list(found) if isinstance(found, Mapping) else type(found).__name__
        raise AstrodomeError(
            f"The model {checks.owner(backend)} returned {kind} from reconstruct: expected a "
            "mapping with 'images' and 'mean'.",
            "This is a fault in the model: report it to its authors.",
        )
    shapes = {name: (len(batch), "Z") for name in found} | {"images": batch.shape}
    return {
        str(name): checks.array(value, f"{name} of reconstruct", shapes[name], backend)
        for name, value in found.items()
    }


def _generated(backend: Any, latent: NDArray[np.float32]) -> NDArray[np.float32]:
    """Generate images (N, C, H, W) from latent vectors (N, Z), check and return them."""
    shape = (len(latent), "C", "H", "W")
    return checks.array(backend.generate(latent), "images of generate", shape, backend)


def _folder(config: configuration.Config, verb: str) -> Path:
    if config.predict.pred_dir:
        return config.predict.pred_dir
    weights = config.model.load_path
    assert weights  # or the model would not have been loaded
    return (weights if weights.is_dir() else weights.parent) / verb


def _codes(backend: Any, paths: tuple[Path, Path], size: int) -> NDArray[np.float32]:
    ends = []
    for path in paths:
        try:
            ends.append(decode(path, size).astype(np.float32) * np.float32(2 / 255) - 1)
        except (OSError, ValueError, SyntaxError) as error:
            raise AstrodomeError(
                f"{path} cannot be read as an image: {error}.",
                "--interpolate takes two JPEG or PNG files.",
            ) from error
    return _reconstructed(backend, np.stack(ends)[:, None])["mean"]


def _coloured(image: NDArray[np.float32], wavelength: int | None) -> NDArray[np.uint8]:
    grey = grey_levels(image, -1, 1)
    if wavelength is None:
        return grey
    from ..views.figures import colours

    return np.asarray(colours(wavelength)(grey, bytes=True)[..., :3])


def _sheet(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """All images in a grid, about as wide as high."""
    count, height, width = images.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), -1, np.float32)
    for number, image in enumerate(images):
        y, x = (number // columns) * (height + GAP), (number % columns) * (width + GAP)
        sheet[y : y + height, x : x + width] = image
    return sheet
