"""Export the scorer of a network as ONNX, for programs without torch.

The input ``images`` (N, C, H, W) contains grey levels, uint8 from 0 to 255, for a model of image
files, and float32 in [-1, 1] for a model of SDO ML data. The outputs are ``score`` (N,), ``map``
(N, H, W), which is the squared error of each pixel, and ``reconstruction`` in [-1, 1]. N may be
any number. The metadata of the file (key ``astrodome``) describe the input and its preparation.
Maps of gradients are not exported.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astrodome import AstrodomeError, files
from torch import Tensor, nn

from .. import config as configuration
from ..datasets import channels
from ..models import weights
from ..models.losses import divergence, error
from ..models.network import Autoencoder, Vae
from ..models.scores import squared_error

OUTPUTS = ("score", "map", "reconstruction")
SDO_ML = ("SDOMLDatasetV1", "SDOMLDatasetV2")
CLOSE = 1e-4
"""Largest relative difference between onnxruntime and torch that is let pass."""


class Scorer(nn.Module):
    """A module that returns score, map of squared errors and reconstruction of a batch.

    If ``grey`` is True, images are grey levels from 0 to 255, which are scaled to [-1, 1] here.
    """

    def __init__(self, net: Autoencoder, beta: float, *, grey: bool) -> None:
        super().__init__()
        self.net, self.beta, self.grey = net, beta, grey

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From (N, C, H, W) to (N,), (N, H, W) and (N, C, H, W)."""
        if self.grey:
            images = images.float() * (2 / 255) - 1
        if isinstance(self.net, Vae):
            mean, log_std = self.net.encode(images)
            rebuilt = self.net.decode(mean)
            score = self.beta * divergence(mean, log_std) + self.net.theta * error(images, rebuilt)
        else:
            rebuilt = self.net(images)
            score = squared_error(images, rebuilt).mean(dim=(1, 2))
        return score, squared_error(images, rebuilt), rebuilt


def export(
    run: Path, out: Path | None = None, assignments: list[str] | None = None
) -> dict[str, Any]:
    """Write the scorer of a run folder or weights file, and compare it with torch.

    Gives the file and by how much the two differ. Raises AstrodomeError when the weights
    cannot be read, a library is missing, or onnxruntime does not give torch's scores.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401  (what torch exports with)
    except ImportError as failure:
        raise AstrodomeError(
            f"Export needs a library that is not installed: {failure.name}.",
            "pip install 'astrodome-sood[onnx]'",
        ) from failure
    path = weights.locate(run)
    if not path.is_file():
        raise AstrodomeError(f"There are no weights {path}.", "Train the model first.")
    about, _ = weights.read(path)
    model = str(about.get("model"))
    if model not in weights.NETWORKS:
        raise AstrodomeError(f"{path} holds weights of {model}, which is not a network of ours.")
    given = {"model.load_path": str(run), **configuration.assignments(assignments or [])}
    config = configuration.load(None, given, over_run=True, model=model)
    net = weights.load(model, run, config.plain()).requires_grad_(False)
    net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    scorer = Scorer(net, config.train.beta, grey=config.data.dataset not in SDO_ML).eval()
    described = description(scorer, config)
    target = out or (run if run.is_dir() else run.parent) / "scorer.onnx"
    random = torch.Generator().manual_seed(0)
    example = _images(scorer, 2, random)
    with _quiet():
        program = torch.onnx.export(
            scorer,
            (example,),
            input_names=["images"],
            output_names=list(OUTPUTS),
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    for value in proto.graph.input:
        value.doc_string = f"{described['input_values']}; {described['preparation']}"
    properties = {**about, "beta": config.train.beta, **described}
    onnx.helper.set_model_props(proto, {"astrodome": json.dumps(properties)})
    content = proto.SerializeToString()
    difference = _difference(onnxruntime, content, scorer, random)
    if difference > CLOSE:
        raise AstrodomeError(
            f"onnxruntime's scores differ from torch's by {difference:.1e}, so {target} was not "
            "written.",
            "Try other versions of onnxruntime and torch.",
        )
    files.write_bytes(target, content)
    return {
        "file": str(target),
        "model": model,
        **described,
        "outputs": list(OUTPUTS),
        "largest_relative_difference": difference,
    }


def description(scorer: Scorer, config: configuration.Config) -> dict[str, str]:
    """Return a description of the input of an exported scorer and of its preparation."""
    net = scorer.net
    side = net.size
    about = {"input": "images", "input_shape": f"(N, {net.channels}, {side}, {side})"}
    if scorer.grey:
        return about | {
            "input_type": "uint8",
            "input_values": "grey levels from 0 to 255",
            "preparation": (
                f"with Pillow: image = Image.open(file); image.draft('L', ({2 * side}, {2 * side}))"
                f"; image.convert('L').resize(({side}, {side}), Image.Resampling.BILINEAR)"
            ),
        }
    own = config.data.sdo_ml_v2
    names = (config.data.dataset == SDO_ML[1] and own.channel) or config.data.channel or ()
    ranges = [
        f"{each.name}: {each.low:g} to {each.high:g}{', log10' if each.logarithmic else ''}"
        for each in map(channels.find, [names] if isinstance(names, str) else names)
    ]
    masked = own.mask_limb and config.data.dataset == SDO_ML[1]
    mask = f"set to 0 outside {own.mask_limb_radius_scale_factor:g} disk radii, " if masked else ""
    return about | {
        "input_type": "float32",
        "input_values": "from -1 to 1",
        "preparation": (
            f"intensities of SDO ML data, {mask}resized to this size (bilinear with antialiasing), "
            "north up, clipped to the range of the channel and mapped linearly to -1 to 1 (after "
            f"log10 where named): {'; '.join(ranges)}"
        ),
    }


def _images(scorer: Scorer, count: int, random: torch.Generator) -> Tensor:
    """Return random images (N, C, H, W) in the format that the scorer expects."""
    shape = (count, scorer.net.channels, scorer.net.size, scorer.net.size)
    if scorer.grey:
        return torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
    return torch.rand(shape, generator=random) * 2 - 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks about libraries that these networks do not use."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _difference(runtime: Any, content: bytes, scorer: Scorer, random: torch.Generator) -> float:
    """The largest difference of any output, over its largest value; on another batch size."""
    images = _images(scorer, 3, random)
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(list(OUTPUTS), {"images": images.numpy()})
    with torch.inference_mode():
        expected = [value.numpy() for value in scorer(images)]
    return max(
        float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-12))
        for a, b in zip(found, expected, strict=True)
    )
