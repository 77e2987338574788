"""The scorer of a network as ONNX, for programs without torch.

Input ``images`` (N, C, H, W) in [-1, 1]; outputs ``score`` (N,), ``map`` (N, H, W), the squared
error of each pixel, and ``reconstruction``. N may be any number. Maps of gradients stay torch's.
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

from . import config as configuration
from .models import weights
from .models.network import Autoencoder, Vae
from .models.objective import divergence, error
from .models.scores import squared_error

OUTPUTS = ("score", "map", "reconstruction")
CLOSE = 1e-4
"""Largest relative difference between onnxruntime and torch that is let pass."""


class Scorer(nn.Module):
    """Score, map of squared errors and reconstruction of a batch."""

    def __init__(self, net: Autoencoder, beta: float) -> None:
        super().__init__()
        self.net, self.beta = net, beta

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From (N, C, H, W) to (N,), (N, H, W) and (N, C, H, W)."""
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
    scorer = Scorer(net, config.train.beta).eval()
    target = out or (run if run.is_dir() else run.parent) / "scorer.onnx"
    random = torch.Generator().manual_seed(0)
    example = torch.rand(2, net.channels, net.size, net.size, generator=random) * 2 - 1
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
    onnx.helper.set_model_props(
        proto, {"astrodome": json.dumps({**about, "beta": config.train.beta})}
    )
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
        "outputs": list(OUTPUTS),
        "largest_relative_difference": difference,
    }


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
    net = scorer.net
    images = torch.rand(3, net.channels, net.size, net.size, generator=random) * 2 - 1
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(list(OUTPUTS), {"images": images.numpy()})
    with torch.inference_mode():
        expected = [value.numpy() for value in scorer(images)]
    return max(
        float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-12))
        for a, b in zip(found, expected, strict=True)
    )
