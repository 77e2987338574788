"""Train models, and compute scores, reconstructions and new images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from astrodome.runs import Run
from numpy.typing import NDArray

from ..config import Config
from ..datasets import loading
from ..datasets.arrays import allocate
from ..protocols import ImageSet
from ..scoring import reconstruction
from ..scoring.scorer import check_image_size, load_model, pixel_mode, score_images
from .arguments import Model, StrPath, configure, model_config, to_text

if TYPE_CHECKING:
    from ..protocols import ImageDataset


def train(
    model: str,
    images: StrPath | ImageDataset,
    run: StrPath,
    *,
    config: Mapping[str, Any] | None = None,
    **options: Any,
) -> Run:
    """Train a model, or resume an interrupted training.

    Parameters
    ----------
    model : str
        ``ce_vae``, ``ae``, or a model of another plugin.
    images : str, path or ImageDataset
        Images, or the location of a data set, which is then recorded in the run.
    run : str or path
        Run folder. It will contain ``config.yaml``, ``metrics.csv``, ``run.json`` and the weights.
    config : mapping, optional
        Values of the configuration by dotted key, for example ``{"train.beta": 0.1}``.
    **options
        ``epochs``, ``target_size`` (px), ``batch_size``, ``lr``, ``z_dim``, ``fmap_sizes``,
        ``seed``, ``dataset``, ``channel``, and the other options of ``sdo sood MODEL train``.

    Returns
    -------
    Run
        The run. ``run.path`` is its folder, and ``run.record`` the content of ``run.json``.

    Raises
    ------
    AstrodomeError
        If the folder contains another run, or if the loss is not finite.

    Examples
    --------
    >>> shape = {"target_size": 32, "z_dim": 8, "fmap_sizes": [4, 8]}
    >>> run = train("ae", "patches", "new_run", epochs=2, **shape)
    >>> run.record["status"], run.record["train_images"], run.record["epochs"]
    ('finished', 38, 2)
    """
    from ..training import train_run

    options["log_dir"] = to_text(run)
    if isinstance(images, str | os.PathLike):
        settings = configure(config, {**options, "data_dir": to_text(images)}, model)
        images = loading.open_images(settings, loading.TRAIN)
    else:
        options |= {"data_dir": images.location, "target_size": images[0].shape[-1]}
        settings = configure(config, options, model)
    return train_run(model, images, settings).run


def score(
    model: Model,
    images: StrPath | ImageSet,
    *,
    config: Mapping[str, Any] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Score images; larger scores are more anomalous.

    Parameters
    ----------
    model : Run, str or path
        Run, run folder, weights file, or the name of a model without weights (``threshold``).
    images : str, path or ImageSet
        Images, or the location of a data set.
    config : mapping, optional
        Values of the configuration by dotted key.
    **options
        ``sample_score="map"`` returns the mean of the pixel scores instead of the score of the
        model. Further options of ``sdo sood MODEL predict``: ``batch_size``, ``devices``.

    Returns
    -------
    pandas.DataFrame
        One row per image, the most anomalous first, indexed by the position of the image. Columns:
        score, t_obs (UTC), wavelength (angstrom), part, path.

    Raises
    ------
    AstrodomeError
        If the weights do not exist or do not match the images.

    Examples
    --------
    >>> table = score("run", "patches")
    >>> list(table.columns), len(table), bool(table["score"].is_monotonic_decreasing)
    (['score', 't_obs', 'wavelength', 'part', 'path'], 48, True)
    """
    backend, settings, found = _load(model, images, config, options)
    scores = np.concatenate(list(_scored(backend, settings, found)))
    table = pd.DataFrame([found.describe(index) for index in range(len(found))])
    if "t_obs" in table:
        table["t_obs"] = pd.to_datetime(table["t_obs"], utc=True)
    table.insert(0, "score", scores)
    names = ["score", "t_obs", "wavelength", "part", "path"]
    return table.reindex(columns=names).sort_values("score", ascending=False, kind="stable")


def score_maps(
    model: Model,
    images: StrPath | ImageSet,
    *,
    config: Mapping[str, Any] | None = None,
    **options: Any,
) -> NDArray[np.float32]:
    """Score the pixels of images; larger scores are more anomalous.

    Parameters
    ----------
    model : Run, str or path
        Run, run folder, weights file, or the name of a model without weights (``threshold``).
    images : str, path or ImageSet
        Images, or the location of a data set.
    config : mapping, optional
        Values of the configuration by dotted key.
    **options
        ``score_mode`` is the kind of pixel score: ``combi`` (default), ``rec``, ``kl_grad``,
        ``rec_grad`` or ``elbo_grad``. Further options of ``sdo sood MODEL predict``.

    Returns
    -------
    numpy.ndarray
        Pixel scores, float32 (N, H, W), in the order of the images.

    Raises
    ------
    AstrodomeError
        If the weights do not exist or do not match the images.

    Examples
    --------
    >>> score_maps("run", "patches", score_mode="rec").shape
    (48, 32, 32)
    """
    backend, settings, found = _load(model, images, config, options)
    maps: NDArray[np.float32] = allocate((len(found), *found[0].shape[1:]), np.float32)
    start = 0
    for batch in _scored(backend, settings, found, "pixels"):
        maps[start : start + len(batch)] = batch
        start += len(batch)
    return maps


def reconstruct(
    model: Model,
    images: StrPath | ImageSet,
    *,
    config: Mapping[str, Any] | None = None,
    **options: Any,
) -> NDArray[np.float32]:
    """Reconstruct images with a trained model.

    Parameters
    ----------
    model : Run, str or path
        Run, run folder or weights file.
    images : str, path or ImageSet
        Images, or the location of a data set.
    config : mapping, optional
        Values of the configuration by dotted key.
    **options
        Options of ``sdo sood MODEL reconstruct``: ``batch_size``, ``devices``.

    Returns
    -------
    numpy.ndarray
        Reconstructed images, float32 (N, C, H, W) in the range of the images, -1 to 1.

    Raises
    ------
    AstrodomeError
        If the weights do not exist or do not match the images.

    Examples
    --------
    >>> reconstruct("run", "patches").shape
    (48, 1, 32, 32)
    """
    backend, settings, found = _load(model, images, config, options)
    batches = _batches(found, settings.data.batch_size)
    return np.concatenate(
        [reconstruction.reconstruct_batch(backend, batch)["images"] for batch in batches]
    )


def generate(model: Model, count: int = 1, *, seed: int = 0) -> NDArray[np.float32]:
    """Generate images from random latent vectors.

    Parameters
    ----------
    model : Run, str or path
        Run, run folder or weights file of a model with the verb ``generate`` (``ce_vae``).
    count : int
        Number of images.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    numpy.ndarray
        Images, float32 (N, C, H, W), mostly in [-1, 1].

    Raises
    ------
    AstrodomeError
        If the weights do not exist.

    Examples
    --------
    >>> generate("run", 3, seed=1).shape
    (3, 1, 32, 32)
    """
    name, settings = model_config(model, None, {})
    backend = load_model(name, settings)
    latent = reconstruction.random_latent(backend, count, seed)
    return reconstruction.decode_latent(backend, latent, settings.data.batch_size)


def _load(
    model: Model,
    images: StrPath | ImageSet,
    config: Mapping[str, Any] | None,
    options: dict[str, Any],
) -> tuple[Any, Config, ImageSet]:
    """Return a loaded model, its configuration and the images."""
    if isinstance(images, str | os.PathLike):
        name, settings = model_config(model, config, {**options, "data_dir": to_text(images)})
        return load_model(name, settings), settings, loading.open_images(settings, loading.TEST)
    name, settings = model_config(model, config, options)
    if settings.model.load_path:
        check_image_size(images, name, settings.model.target_size)
    return load_model(name, settings), settings, images


def _scored(
    backend: Any, settings: Config, images: ImageSet, output: str = ""
) -> Iterator[NDArray[np.float32]]:
    """Yield the scores or maps of the images in batches."""
    mode = pixel_mode(backend, type(backend).__name__, settings.predict.score_mode)
    for batch in _batches(images, settings.data.batch_size):
        yield score_images(backend, batch, mode, output or settings.predict.sample_score)


def _batches(images: ImageSet, size: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(images), size):
        yield images.batch(range(start, min(start + size, len(images))))
