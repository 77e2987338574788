"""Reconstruct images with a model, and generate new images.

For each image, :func:`reconstruct` writes the original (``…_src.png``) and the reconstruction
(``…_rec.png``) with the same gray scale. It also writes the latent vectors in safetensors format,
with the keys ``mean`` and, if the model returns it, ``std``. ``reconstruction_loss.csv`` contains
the errors of all images. :func:`generate` writes PNG files, a contact sheet, and the latent vectors
in ``latent.npy``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, checks, compute, files
from astrodome_solar.colormaps import colormap
from numpy.typing import NDArray

from .. import progress
from ..config import Config
from ..datasets.folder import decode
from ..datasets.loading import TEST, open_images
from ..protocols import ImageDataset
from .prediction import gray_levels, map_names, write_png
from .scorer import ImageResults, batches, load_model, output_folder

COLUMNS = ("pixel_pred_path", "ssim", "mse", "mae", "t_obs", "wavelength")
SSIM = {"data_range": 1.0, "gaussian_weights": True, "use_sample_covariance": False}
"""SSIM parameters as in Wang et al. 2004 (IEEE Trans. Image Process. 13, 600)."""
GAP = 2
"""Space between the images on a contact sheet, in pixels."""


def reconstruct(model: str, config: Config, images: ImageDataset | None = None) -> ImageResults:
    """Reconstruct images, and compute the SSIM, mean squared error and mean absolute error.

    By default, ``images`` are the test images that the configuration specifies. Raises
    AstrodomeError if the weights do not exist or do not match the images.
    """
    backend = load_model(model, config)
    images = images or open_images(config, TEST)
    folder = output_folder(model, config, "reconstructions")
    about = [dict(images.describe(index)) for index in range(len(images))]
    stems = [Path(name).stem for name in map_names(about, images.location)]
    rows: list[dict[str, Any]] = []
    with (
        files.lock(folder / ".lock"),
        progress.task("Reconstructing", len(images), resumes=False) as task,
    ):
        files.sweep(folder)
        for batch in batches(images, config.data.batch_size):
            found = reconstruct_batch(backend, batch)
            for number, image in enumerate(batch):
                stem, row = stems[len(rows)], about[len(rows)]
                own = {key: value[number] for key, value in found.items()}
                _write_pair(folder, stem, image, own)
                rows.append(row | {"pixel_pred_path": stem} | errors(image, own["images"]))
            task.advance(len(batch))
        table = pd.DataFrame(rows, dtype=object).to_csv(columns=COLUMNS, index=False)
        files.write_text(folder / "reconstruction_loss.csv", table)
    outcome = compute.Outcome(done=len(rows), failed=images.failed)
    return ImageResults(folder, rows, COLUMNS, outcome, images.warnings)


def errors(image: NDArray[np.float32], reconstruction: NDArray[np.float32]) -> dict[str, float]:
    """Return the errors of a reconstruction as a dict with the keys ``ssim``, ``mse`` and ``mae``.

    Both images have the shape (C, H, W).
    """
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

    write_png(folder / f"{stem}_src.png", gray_levels(image.mean(axis=0), -1, 1))
    write_png(folder / f"{stem}_rec.png", gray_levels(found["images"].mean(axis=0), -1, 1))
    code = {key: np.ascontiguousarray(value) for key, value in found.items() if key != "images"}
    content = safetensors.numpy.save(code)
    files.write_bytes(folder / f"{stem}_code.safetensors", content, sync=False)


def generate(
    model: str,
    config: Config,
    count: int,
    interpolate: tuple[Path, Path] | None = None,
    wavelength: int | None = None,
) -> tuple[Path, list[str]]:
    """Generate images from random latent vectors, or interpolate between two images.

    ``wavelength`` selects the AIA colormap. If it is None, the images are grayscale. Return the
    output folder and the file names. Raises AstrodomeError if the weights do not exist, or if an
    image cannot be read.
    """
    from skimage.util import montage

    backend = load_model(model, config)
    folder = output_folder(model, config, "generated")
    if interpolate:
        start, end = _latent_vectors(backend, interpolate, config.model.target_size)
        share = np.linspace(0, 1, count, dtype=np.float32)[:, None]
        latent = (1 - share) * start + share * end
    else:
        latent = random_latent(backend, count, config.seed)
    images = decode_latent(backend, latent, config.data.batch_size).mean(axis=1)
    names = [f"generated_{number:05d}.png" for number in range(count)]
    with files.lock(folder / ".lock"):
        files.sweep(folder)
        for name, image in zip(names, images, strict=True):
            write_png(folder / name, _colored(image, wavelength))
        sheet = montage(images, fill=-1, padding_width=GAP)
        write_png(folder / "sheet.png", _colored(sheet, wavelength))
        with files.replacing(folder / "latent.npy") as part, part.open("wb") as out:
            np.save(out, latent)
    return folder, names


def random_latent(backend: Any, count: int, seed: int) -> NDArray[np.float32]:
    """Draw latent vectors with shape (N, Z) from the standard normal distribution."""
    return np.random.default_rng(seed).standard_normal((count, backend.z_dim), np.float32)


def decode_latent(backend: Any, latent: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Decode latent vectors with shape (N, Z) to images with shape (N, C, H, W).

    ``size`` is the batch size.
    """
    images = []
    for at in range(0, len(latent), size):
        batch = latent[at : at + size]
        shape = (len(batch), "C", "H", "W")
        images.append(checks.array(backend.generate(batch), "images from generate", shape, backend))
    return np.concatenate(images)


def reconstruct_batch(backend: Any, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Reconstruct a batch of images, and validate the arrays that the model returns.

    The reconstructed images have the shape (N, C, H, W), and the latent vectors have the shape
    (N, Z).
    """
    found = backend.reconstruct(batch)
    if not isinstance(found, Mapping) or not {"images", "mean"} <= set(found):
        kind = list(found) if isinstance(found, Mapping) else type(found).__name__
        raise AstrodomeError(
            f"The model {checks.owner(backend)} returned {kind} from reconstruct: expected a "
            "mapping with 'images' and 'mean'.",
            "This is a bug in the model. Report it to its authors.",
        )
    shapes = {name: (len(batch), "Z") for name in found} | {"images": batch.shape}
    return {
        str(name): checks.array(value, f"{name} from reconstruct", shapes[name], backend)
        for name, value in found.items()
    }


def _latent_vectors(backend: Any, paths: tuple[Path, Path], size: int) -> NDArray[np.float32]:
    images = []
    for path in paths:
        try:
            images.append(decode(path, size).astype(np.float32) * np.float32(2 / 255) - 1)
        except (OSError, ValueError, SyntaxError) as error:
            raise AstrodomeError(
                f"Cannot read the image {path}: {error}.",
                "Pass two JPEG or PNG files.",
            ) from error
    return reconstruct_batch(backend, np.stack(images)[:, None])["mean"]


def _colored(image: NDArray[np.float32], wavelength: int | None) -> NDArray[np.uint8]:
    levels = gray_levels(image, -1, 1)
    if wavelength is None:
        return levels
    return np.asarray(colormap(wavelength)(levels, bytes=True)[..., :3])
