"""Train models, score and reconstruct images, and generate new images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from astrodome import InvalidInputError
from astrodome.runs import Run
from numpy.typing import NDArray

from ..config import Config
from ..datasets import loading
from ..datasets.arrays import allocate
from ..protocols import ImageSet
from ..scoring import reconstruction
from ..scoring.scorer import (
    batches,
    check_image_size,
    explain_images,
    load_model,
    pixel_mode,
    score_images,
)
from .arguments import Keys, Model, StrPath, configure, model_config, to_text

if TYPE_CHECKING:
    from ..protocols import ImageDataset


def train(
    model: str,
    images: StrPath | ImageDataset,
    run: StrPath,
    *,
    config: Keys = None,
    **options: Any,
) -> Run:
    """Train a model, or resume an interrupted training run.

    The false-alarm probabilities are calibrated with the validation images; see :func:`calibrate`.

    Parameters
    ----------
    model : str
        ``"detect"``, ``"segmentation"``, ``"statistics"``, ``"ce_vae"``, ``"ae"``, or the name of
        a model from another plugin.
    images : str, path or ImageDataset
        Image data set, or its folder or URL. The location is recorded in ``run.json``.
    run : str or path
        Run folder. ``config.yaml``, ``metrics.csv``, ``run.json``, ``model_card.md`` and the
        weights are written to it.
    config : mapping, optional
        Configuration values, keyed by dotted configuration key, for example
        ``{"train.beta": 0.1}``.
    **options
        Configuration values, passed as keyword arguments. The name of each argument is the
        configuration key without its section, for example ``lr`` for ``train.lr``. Other examples
        are ``target_size`` (in pixels), ``batch_size``, ``beta``, ``z_dim``, ``fmap_sizes``,
        ``dataset`` and ``channel``. ``epochs`` is the total number of epochs, and ``seed`` is the
        seed for all random numbers. The options of the model, such as ``layout`` of
        ``"statistics"``, are passed in the same way, or as a mapping in the argument ``options``.

    Returns
    -------
    Run
        Training run. ``run.path`` is the run folder, and ``run.record`` is the content of
        ``run.json``.

    Raises
    ------
    AstrodomeError
        If the run folder already contains a different run, or if the loss becomes NaN or infinite.

    Examples
    --------
    >>> shape = {"target_size": 32, "z_dim": 8, "fmap_sizes": [4, 8]}
    >>> run = train("ae", "patches", "new_run", epochs=2, **shape)
    >>> run.record["status"], run.record["train_images"], run.record["epochs"]
    ('finished', 38, 2)
    """
    from ..scoring.calibration import train_and_calibrate
    from ..views.model_card import write_model_card

    options["log_dir"] = to_text(run)
    if isinstance(images, str | os.PathLike):
        settings = configure(config, {**options, "data_dir": to_text(images)}, model)
        images = loading.open_images(settings, loading.TRAIN)
    else:
        options |= {"data_dir": images.location, "target_size": images[0].shape[-1]}
        settings = configure(config, options, model)
    result = train_and_calibrate(model, images, settings)
    if result.is_primary and result.trained:
        write_model_card(result.run)
    return result.run


def score(
    model: Model, images: StrPath | ImageSet, *, config: Keys = None, **options: Any
) -> pd.DataFrame:
    """Compute an anomaly score for each image. Larger scores are more anomalous.

    Parameters
    ----------
    model : Run, str or path
        Run, run folder, weights file, or name of a model that has no weights, such as
        ``"threshold"``.
    images : str, path or ImageSet
        Image data set, or its folder or URL.
    config : mapping, optional
        Configuration values, keyed by dotted configuration key.
    **options
        Configuration values, passed as keyword arguments. The name of each argument is the
        configuration key without its section, for example ``batch_size`` for
        ``data.batch_size``. ``devices`` is the number of GPUs, a list of GPU indices, or ``"cpu"``.
        With ``sample_score="map"``, the score of an image is the mean of its pixel scores, and
        with ``"top"``, the mean of the largest 10 % of its pixel scores.

    Returns
    -------
    pandas.DataFrame
        One row per image, in descending order of the score. The index is the position of the
        image in the data set. The columns are ``score``, ``t_obs`` (UTC), ``wavelength`` (in
        angstroms), ``part`` (patch number or HMI observable) and ``path``.

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
    model: Model, images: StrPath | ImageSet, *, config: Keys = None, **options: Any
) -> NDArray[np.float32]:
    """Compute an anomaly score for each pixel. Larger scores are more anomalous.

    Parameters
    ----------
    model, images, config
        See :func:`score`.
    **options
        The same options as for :func:`score`. ``score_mode`` is the type of pixel score:
        ``"combi"`` (the default), ``"rec"``, ``"kl_grad"``, ``"rec_grad"`` or ``"elbo_grad"``.

    Returns
    -------
    numpy.ndarray
        Pixel scores as a float32 array with shape (N, H, W), in the order of the images.

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


def explain(
    model: Model, images: StrPath | ImageSet, *, config: Keys = None, **options: Any
) -> pd.DataFrame:
    """Find the statistic of each image that deviates most from the training images.

    Parameters
    ----------
    model : Run, str or path
        Run, run folder or weights file of a model that explains its scores, such as ``detect`` or
        ``statistics``.
    images : str, path or ImageSet
        Image data set, or its folder or URL.
    config : mapping, optional
        Configuration values, keyed by dotted configuration key.
    **options
        The same options as for :func:`score`.

    Returns
    -------
    pandas.DataFrame
        One row per image, in the order of the images. The columns are ``statistic``, ``deviation``
        (in standard deviations of the training images, negative if the value is lower than
        usual), ``row`` and ``column`` (center of the region, in pixels) and ``text``.

    Raises
    ------
    AstrodomeError
        If the model does not explain its scores, or if the weights do not exist or do not match the
        images.

    Examples
    --------
    >>> statistics = train("statistics", "patches", "statistics", target_size=32)
    >>> list(explain(statistics, "patches").columns)
    ['statistic', 'deviation', 'row', 'column', 'text']
    """
    backend, settings, found = _load(model, images, config, options)
    if not hasattr(backend, "explain"):
        raise InvalidInputError(
            f"The model {type(backend).__name__} does not explain its scores.",
            "Use a model that has the verb 'explain', for example detect.",
        )
    return pd.DataFrame(
        asdict(explanation)
        for batch in batches(found, settings.data.batch_size)
        for explanation in explain_images(backend, batch)
    )


def reconstruct(
    model: Model, images: StrPath | ImageSet, *, config: Keys = None, **options: Any
) -> NDArray[np.float32]:
    """Reconstruct images with a trained model.

    Parameters
    ----------
    model, images, config
        See :func:`score`.
    **options
        Configuration values, passed as keyword arguments. The name of each argument is the
        configuration key without its section, for example ``batch_size`` for
        ``data.batch_size``.

    Returns
    -------
    numpy.ndarray
        Reconstructed images as a float32 array with shape (N, C, H, W) and values in [-1, 1].

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
    return np.concatenate(
        [
            reconstruction.reconstruct_batch(backend, batch)["images"]
            for batch in batches(found, settings.data.batch_size)
        ]
    )


def generate(model: Model, count: int = 1, *, seed: int = 0) -> NDArray[np.float32]:
    """Generate images from random latent vectors.

    Parameters
    ----------
    model : Run, str or path
        Run, run folder or weights file of a model that can generate images, such as ``ce_vae``.
    count : int
        Number of images.
    seed : int
        Seed for the random number generator.

    Returns
    -------
    numpy.ndarray
        Generated images as a float32 array with shape (N, C, H, W). Most values are in [-1, 1].

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
    model: Model, images: StrPath | ImageSet, config: Keys, options: dict[str, Any]
) -> tuple[Any, Config, ImageSet]:
    """Return the loaded model, its configuration and the images.

    If ``images`` is a path or URL, the test images at this location are opened.
    """
    if isinstance(images, str | os.PathLike):
        name, settings = model_config(model, config, {**options, "data_dir": to_text(images)})
        return load_model(name, settings), settings, loading.open_images(settings, loading.TEST)
    if not hasattr(images, "batch"):
        raise InvalidInputError(
            f"Invalid images: expected a folder or an ImageSet, got {type(images).__name__}.",
            "Open a folder or a store with open_images.",
        )
    name, settings = model_config(model, config, options)
    if settings.model.load_path:
        check_image_size(images, name, settings.model.target_size)
    return load_model(name, settings), settings, images


def _scored(
    backend: Any, settings: Config, images: ImageSet, output: str = ""
) -> Iterator[NDArray[np.float32]]:
    """Yield the image scores or pixel score maps, one batch at a time."""
    mode = pixel_mode(backend, type(backend).__name__, settings.predict.score_mode)
    for batch in batches(images, settings.data.batch_size):
        yield score_images(backend, batch, mode, output or settings.predict.sample_score)
