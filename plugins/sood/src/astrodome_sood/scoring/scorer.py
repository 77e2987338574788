"""Load models, compute scores in batches, and validate the arrays that a model returns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, InvalidInputError, checks, compute, errors, files, models
from astrodome.runs import Run
from numpy.typing import NDArray

from ..config import Config
from ..model_options import TASK
from ..protocols import Explanation, ImageSet

RUN_FILES = {
    "run.json",
    "config.yaml",
    "metrics.csv",
    "last.ckpt",
    "report.html",
    "calibration.json",
    "model_card.md",
    "scorer.onnx",
}
"""Names of the files in a run folder that do not contain weights."""

TOP_SHARE = 0.1
"""Fraction of the pixels whose scores are averaged for the image score ``top``."""


def find_model(name: str) -> tuple[str, Path | None]:
    """Return the model name and the weights path for a run folder, weights file or model name."""
    path = Path(name).expanduser()
    if path.is_dir() and (path / "run.json").exists():
        return str(Run.open(path, TASK).record["model"]), path
    if path.exists():
        from ..models import weights

        metadata, _ = weights.read(weights.locate(path))
        return str(metadata.get("model")), path
    if name in models.specs(TASK):
        return name, None
    raise InvalidInputError(
        f"Model not found: '{name}' is not a run folder, a weights file or the name of a model.",
        f"Installed models: {', '.join(models.specs(TASK))}.",
    )


def load_model(model: str, config: Config) -> Any:
    """Load a model with the weights at ``model.load_path``.

    Raises AstrodomeError if the model or the weights do not exist or do not match.
    """
    backend = models.get(TASK, model)
    path = config.model.load_path
    if path is not None:
        if not path.exists():
            raise errors.not_found(
                path, "Check --load-path (model.load_path).", kind="Run folder or weights file"
            )
        if path.is_dir() and ((path / "run.json").exists() or not any(path.glob("*.pth"))):
            Run.open(path, TASK, model)
    backend.load(path, config.plain())
    return backend


def supports(model: str, verb: str) -> bool:
    """Return whether a registered model supports a verb, for example ``explain``."""
    name = model.replace("-", "_")
    found = (spec for spec in models.specs(TASK).values() if spec.name.replace("-", "_") == name)
    return any(verb in spec.verbs for spec in found)


def check_image_size(images: ImageSet, model: str, size: int) -> None:
    """Raise AstrodomeError if the images do not have the size with which the model was trained."""
    side = images[0].shape[-1]
    if side != size:
        raise AstrodomeError(
            f"Invalid image size {side} x {side}: {model} was trained with images of {size} x "
            f"{size} pixels.",
            f"Use images of {size} x {size} pixels.",
        )


def pixel_mode(backend: Any, model: str, mode: str) -> str:
    """Return the type of pixel score to compute.

    If the model has only one type, ``mode`` is ignored. Raises AstrodomeError if the model does not
    support ``mode``.
    """
    modes: tuple[str, ...] = getattr(backend, "modes", ())
    if len(modes) == 1:
        return str(modes[0])
    if modes and mode not in modes:
        raise InvalidInputError(
            f"Unknown type of pixel score '{mode}'.",
            f"Supported types for {model}: {', '.join(modes)}.",
        )
    return mode if modes else ""


def _weight_files(path: Path) -> list[Path]:
    """Return the paths of the weights in a run folder, or ``path`` if it is a file."""
    if path.is_file():
        return [path]
    return [
        p
        for p in path.iterdir()
        if p.is_file() and p.name not in RUN_FILES and not p.name.startswith(".")
    ]


def describe_weights(path: Path | None) -> dict[str, str | None]:
    """Return the absolute path of the weights, and the digest of their content."""
    return {
        "weights": str(path.absolute()) if path else None,
        "weights_digest": files.digest(_weight_files(path)) if path else None,
    }


def score_images(
    backend: Any, images: NDArray[np.float32], mode: str, output: str
) -> NDArray[np.float32]:
    """Score images with shape (N, C, H, W).

    ``output`` is ``own`` for the image scores that the model defines, ``map`` for the mean pixel
    score of each image, ``top`` for the mean of the largest 10 % of its pixel scores, or ``pixels``
    for the pixel scores. Image scores have the shape (N,), and pixel scores have the shape
    (N, H, W). Raises AstrodomeError if the model returns an array with
    a different shape, or values that are NaN or infinite.
    """
    if output == "own":
        return checks.array(backend.score(images), "scores", (len(images),), backend)
    shape = (len(images), *images.shape[2:])
    maps = checks.array(backend.score_map(images, mode), "pixel scores", shape, backend)
    if output == "pixels":
        return maps
    chosen = maps.reshape(len(maps), -1)
    if output == "top":
        count = math.ceil(TOP_SHARE * chosen.shape[1])
        chosen = np.partition(chosen, -count, axis=1)[:, -count:]
    means: NDArray[np.float64] = chosen.mean(axis=1, dtype=np.float64)
    return means.astype(np.float32)


def explain_images(backend: Any, images: NDArray[np.float32]) -> list[Explanation]:
    """Explain the scores of images with shape (N, C, H, W).

    Raises AstrodomeError if the model does not return one explanation for each image.
    """
    found = list(backend.explain(images))
    if len(found) != len(images) or not all(isinstance(each, Explanation) for each in found):
        raise AstrodomeError(
            f"The model {checks.owner(backend)} returned {len(found)} values from explain: "
            f"expected {len(images)} explanations.",
            "This is a bug in the model. Report it to its authors.",
        )
    return found


@dataclass(frozen=True)
class ImageResults:
    """Output folder of a command, and one record with the results for each image.

    ``columns`` are the names of the values to display. ``outcome`` contains the number of processed
    images and the images that could not be read. ``warnings`` contains warnings about the images.
    """

    folder: Path
    rows: list[dict[str, Any]]
    columns: Sequence[str]
    outcome: compute.Outcome
    warnings: list[str]


def output_folder(model: str, config: Config, name: str) -> Path:
    """Return the output folder of a command.

    If ``pred_dir`` is configured, it is the output folder. Otherwise, the output folder is the
    subfolder ``name`` in the run folder. For models without weights, the output folder is
    ``name/MODEL`` in the current folder.
    """
    weights = config.model.load_path
    if config.predict.pred_dir:
        return config.predict.pred_dir
    if weights is None:
        return Path(name) / model
    return (weights if weights.is_dir() else weights.parent) / name


def batches(images: ImageSet, size: int) -> Iterator[NDArray[np.float32]]:
    """Yield the images in batches with at most ``size`` images."""
    for start in range(0, len(images), size):
        yield images.batch(range(start, min(start + size, len(images))))


@dataclass(frozen=True)
class ModelScorer:
    """Picklable scorer that loads its model in a worker process; see :func:`score_images`.

    ``backend`` is the model class, and ``config`` is the configuration as JSON. ``threads`` is the
    maximum number of torch threads; 0 means no limit.
    """

    backend: type
    config: str
    mode: str
    output: str
    threads: int = 0

    @classmethod
    def create(
        cls, backend: Any, config: Config, mode: str, output: str, jobs: int = 1
    ) -> ModelScorer:
        """Create a scorer from a loaded model for use in ``jobs`` parallel processes."""
        plain = config.plain()
        if path := config.model.load_path:
            plain["model"]["load_path"] = str(path.absolute())
        threads = max(1, compute.cores() // jobs) if jobs > 1 else 0
        return cls(type(backend), json.dumps(plain), mode, output, threads)

    def score(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score images with shape (N, C, H, W) in batches."""
        backend, size = _loaded_backend(self.backend, self.config, self.threads)
        parts = [images[at : at + size] for at in range(0, len(images), size)]
        scores = [score_images(backend, part, self.mode, self.output) for part in parts]
        return np.ascontiguousarray(np.concatenate(scores), np.float32)


@lru_cache(maxsize=2)
def _loaded_backend(kind: type, config: str, threads: int) -> tuple[Any, int]:
    """Load a model, and return it with the batch size. The result is cached in each process."""
    if threads:
        import torch

        torch.set_num_threads(threads)
    settings: Mapping[str, Any] = json.loads(config)
    backend, path = kind(), settings["model"]["load_path"]
    backend.load(Path(path) if path else None, settings)
    return backend, settings["data"]["batch_size"]
