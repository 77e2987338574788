"""Export a network and its anomaly scores as ONNX, for use without torch.

The input ``images`` has the shape (N, C, H, W), where N can vary. For a model trained on image
files, it contains uint8 gray levels from 0 to 255. For a model trained on SDO ML data, it contains
float32 values in [-1, 1]. The outputs are:

- ``score``, the image scores with shape (N,)
- ``map``, the pixel scores with shape (N, H, W); for ``ce_vae`` and ``ae``, the squared errors
- ``reconstruction``, only for ``ce_vae`` and ``ae``: the reconstructed images with the shape of the
  input and values in [-1, 1]

The metadata key ``astrodome`` in the file describes the input and its preprocessing. Gradient-based
pixel scores are not exported.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astrodome import AstrodomeError, errors, files
from astrodome_solar.channels import find_channel
from torch import Tensor, nn

from .. import config as configuration
from ..datasets.loading import channel_names
from ..library_warnings import without_warnings
from ..models import weights
from ..models.detect import DetectModel
from ..models.detector import DetectorModel, ScoreNetwork
from ..models.losses import negative_elbo
from ..models.network import Autoencoder, Vae
from ..models.scores import squared_error
from ..models.segmentation import SegmentationModel
from ..models.statistics import StatisticsModel

DETECTORS: dict[str, type[DetectorModel[Any]]] = {
    each.name: each for each in (DetectModel, SegmentationModel, StatisticsModel)
}
MAX_DIFFERENCE = 1e-4
"""Maximum relative difference between the results of onnxruntime and torch."""


class ScoringModule(nn.Module):
    """Module that scores a batch of images.

    ``outputs`` contains the names of the outputs. If ``gray`` is True, images contain gray levels
    from 0 to 255, which are scaled to [-1, 1].
    """

    outputs: tuple[str, ...] = ("score", "map")

    def __init__(self, net: Autoencoder | ScoreNetwork, *, gray: bool) -> None:
        super().__init__()
        self.net, self.gray = net, gray

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, whose first dimension is the number of images."""
        return self.results(images.float() * (2 / 255) - 1 if self.gray else images)

    def results(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for images with values in [-1, 1]."""
        raise NotImplementedError

    def random_images(self, count: int, random: torch.Generator) -> Tensor:
        """Return ``count`` random images with the shape and dtype of the ONNX input."""
        shape = (count, self.net.channels, self.net.size, self.net.size)
        if self.gray:
            return torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
        return torch.rand(shape, generator=random) * 2 - 1


class AutoencoderScores(ScoringModule):
    """Module that returns the scores, squared errors and reconstructions of an autoencoder."""

    outputs = ("score", "map", "reconstruction")
    net: Autoencoder

    def __init__(self, net: Autoencoder, beta: float, *, gray: bool) -> None:
        super().__init__(net, gray=gray)
        self.beta = beta

    def results(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the scores, the squared errors and the reconstructed images."""
        rebuilt = self.net(images)
        errors = squared_error(images, rebuilt)
        if isinstance(self.net, Vae):  # onnxruntime merges the repeated network layers.
            return negative_elbo(self.net, images, self.beta), errors, rebuilt
        return errors.mean(dim=(1, 2)), errors, rebuilt


class DetectorScores(ScoringModule):
    """Module that returns the image scores and pixel scores of a network that finds defects."""

    net: ScoreNetwork

    def results(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the image scores and the pixel scores."""
        return self.net.scores(images)


def export_onnx(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Export a trained model as ONNX.

    The results of onnxruntime are compared with the results of torch.

    Parameters
    ----------
    run : str or path
        Run folder or weights file of a model that is part of this package.
    out : str or path, optional
        Path of the ONNX file. The default is ``scorer.onnx`` in the run folder.
    config : mapping, optional
        Configuration values, keyed by dotted configuration key.

    Returns
    -------
    dict
        Description of the file, its input and its outputs.

    Raises
    ------
    AstrodomeError
        If the weights cannot be read, a required library is not installed, or the results of
        onnxruntime and torch differ.

    Examples
    --------
    >>> export_onnx("run", "scorer.onnx")["outputs"]
    ['score', 'map', 'reconstruction']
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401  (used by torch.onnx.export)
    except ImportError as error:
        raise AstrodomeError(
            f"The export requires a library that is not installed: {error.name}.",
            "pip install 'astrodome-sood[onnx]'",
        ) from error
    run = Path(run).expanduser()
    target = (
        Path(out).expanduser() if out else (run if run.is_dir() else run.parent) / "scorer.onnx"
    )
    about, scorer, settings = _load_scorer(run, config or {})
    described = describe_input(scorer, settings)
    random = torch.Generator().manual_seed(0)
    proto = _to_onnx(scorer, random)
    for value in proto.graph.input:
        value.doc_string = f"{described['input_values']}; {described['preparation']}"
    properties = {**about, **described}
    if isinstance(scorer, AutoencoderScores):
        properties["beta"] = scorer.beta
    onnx.helper.set_model_props(proto, {"astrodome": json.dumps(properties)})
    content = proto.SerializeToString()
    difference = _largest_difference(content, scorer, random)
    if difference > MAX_DIFFERENCE:
        raise AstrodomeError(
            f"{target} was not written: the relative difference between the results of "
            f"onnxruntime and torch is {difference:.1e}, but must not exceed {MAX_DIFFERENCE:.0e}.",
            "Try other versions of onnxruntime and torch.",
        )
    files.write_bytes(target, content)
    outputs = {"outputs": list(scorer.outputs), "largest_relative_difference": difference}
    return {"file": str(target), "model": about["model"], **described, **outputs}


def _load_scorer(
    run: Path, config: Mapping[str, Any]
) -> tuple[dict[str, Any], ScoringModule, configuration.Config]:
    """Return the metadata of the weights, the module to export, and the configuration."""
    path = weights.locate(run)
    if not path.is_file():
        raise errors.not_found(path, "Train the model first.", kind="Weights")
    about, _ = weights.read(path)
    model = str(about.get("model"))
    if model not in {**weights.NETWORKS, **DETECTORS}:
        names = ", ".join([*weights.NETWORKS, *DETECTORS])
        raise AstrodomeError(
            f"Cannot export {path}: expected weights of one of the models {names}, got weights of "
            f"{model}."
        )
    given = {"model.load_path": str(run), **config}
    settings = configuration.load(None, given, from_run=True, model=model)
    gray = not settings.data.dataset.startswith("SDOML")
    scorer: ScoringModule
    if model in DETECTORS:
        scorer = DetectorScores(DETECTORS[model].read(run), gray=gray)
    else:
        net = weights.load(model, run, settings.plain())
        net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        scorer = AutoencoderScores(net, settings.train.beta, gray=gray)
    return about, scorer.eval().requires_grad_(False), settings


def _to_onnx(scorer: ScoringModule, random: torch.Generator) -> Any:
    images = scorer.random_images(2, random)
    with torch.no_grad():
        scorer(images)  # Compute the cached constants before the export.
    # onnxscript prints messages, which must not become a part of the output of the command.
    with without_warnings("", "torch.onnx"), redirect_stdout(sys.stderr):
        program = torch.onnx.export(
            scorer,
            (images,),
            input_names=["images"],
            output_names=list(scorer.outputs),
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def describe_input(scorer: ScoringModule, config: configuration.Config) -> dict[str, str]:
    """Return the dtype, shape, value range and preprocessing of the ONNX input."""
    side = scorer.net.size
    about = {"input": "images", "input_shape": f"(N, {scorer.net.channels}, {side}, {side})"}
    if scorer.gray:
        return about | {
            "input_type": "uint8",
            "input_values": "gray levels from 0 to 255",
            "preparation": (
                f"with Pillow: image = Image.open(file); image.draft('L', ({2 * side}, {2 * side}))"
                f"; image.convert('L').resize(({side}, {side}), Image.Resampling.BILINEAR)"
            ),
        }
    section = config.data.sdo_ml_v2
    ranges = [
        f"{each.name}: {each.low:g} to {each.high:g}{', log10' if each.logarithmic else ''}"
        for each in map(find_channel, channel_names(config.data))
    ]
    masked = section.mask_limb and config.data.dataset == "SDOMLDatasetV2"
    mask = (
        f"set to 0 outside {section.mask_limb_radius_scale_factor:g} solar radii, "
        if masked
        else ""
    )
    return about | {
        "input_type": "float32",
        "input_values": "from -1 to 1",
        "preparation": (
            f"intensities of SDO ML data, {mask}resized to this size (bilinear with antialiasing), "
            "north up, clipped to the range of the channel, converted to their logarithm if the "
            "range is marked with log10, and mapped linearly to [-1, 1]; ranges: "
            + "; ".join(ranges)
        ),
    }


def _largest_difference(content: bytes, scorer: ScoringModule, random: torch.Generator) -> float:
    """Return the largest difference between onnxruntime and torch over all outputs.

    Each difference is relative to the largest value of the output.
    """
    import onnxruntime

    images = scorer.random_images(3, random)  # The export uses another batch size.
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(list(scorer.outputs), {"images": images.numpy()})
    with torch.inference_mode():
        expected = [value.numpy() for value in scorer(images)]
    return max(
        float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-12))
        for a, b in zip(found, expected, strict=True)
    )
