"""The context-encoding variational autoencoder as a model of the task ``sood``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from astrodome import AstrodomeError, files, models
from numpy.typing import NDArray

from .network import Vae
from .scores import PIXEL_SCORES, pixel_scores, sample_scores

NAME = "ce_vae"
WEIGHTS = "weights.safetensors"
SHAPE = {"size": "target_size", "z_dim": "z_dim", "fmap_sizes": "fmap_sizes"}
"""What decides the network, by its name in the configuration."""


class CeVae:
    """Zimmerer et al. 2018 (arXiv:1812.05941)."""

    modes = PIXEL_SCORES

    def __init__(self) -> None:
        self._net: Vae | None = None
        self._beta, self._seed = 0.0, 0

    def train(
        self,
        train: models.ImageSet,
        validation: models.ImageSet,
        run: models.Run,
        config: Mapping[str, Any],
    ) -> None:
        from ..training import fit  # Lightning takes seconds to import, and only training needs it

        with torch.random.fork_rng():
            torch.manual_seed(config["seed"])
            net = network(config, channels=train[0].shape[0])
        run.note(parameters=sum(weight.numel() for weight in net.parameters()))
        fit(net, train, validation, run, config, lambda folder: save(net, folder / WEIGHTS))

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        if path is None:
            raise AstrodomeError(
                "ce_vae predicts with trained weights, and none are given.",
                "Give the run folder that 'sdo sood ce_vae train' wrote: --load-path RUN",
                exit_code=2,
            )
        net = load(path / WEIGHTS if path.is_dir() else path, config)
        gpus = config["devices"]["gpus"]
        device = "cuda" if gpus != 0 and torch.cuda.is_available() else "cpu"
        self._net = net.to(device).requires_grad_(False)
        self._beta, self._seed = config["train"]["beta"], config["seed"]

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        net, images = self._on_device(batch)
        return sample_scores(net, images, self._beta).cpu().numpy()

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        net, images = self._on_device(batch)
        return pixel_scores(net, images, mode or "combi", self._beta, self._seed).cpu().numpy()

    def _on_device(self, batch: NDArray[np.float32]) -> tuple[Vae, torch.Tensor]:
        if self._net is None:
            raise AstrodomeError("ce_vae has no weights yet.", "Call load before scoring.")
        if batch.shape[1] != self._net.channels:
            raise AstrodomeError(
                f"The images have {batch.shape[1]} channels, the weights {self._net.channels}."
            )
        return self._net, torch.from_numpy(batch).to(self._net.theta.device)


def network(config: Mapping[str, Any], channels: int) -> Vae:
    """A fresh network of the configured shape."""
    model = config["model"]
    return Vae(model["target_size"], channels, model["z_dim"], model["fmap_sizes"])


def save(net: Vae, path: Path) -> None:
    """Write the weights, with the shape of the network in the file's metadata."""
    about = {"model": NAME, "channels": net.channels}
    about |= {key: getattr(net, name) for name, key in SHAPE.items()}
    weights = {name: value.contiguous() for name, value in net.state_dict().items()}
    files.write_bytes(path, safetensors.torch.save(weights, {"astrodome": json.dumps(about)}))


def load(path: Path, config: Mapping[str, Any]) -> Vae:
    """The network of a weights file.

    Raises AstrodomeError when the file is none of ours, is of another model, or has
    another shape than the configuration asks for.
    """
    if not path.is_file():
        raise AstrodomeError(f"There are no weights {path}.", "Train the model first.")
    try:
        with safetensors.safe_open(path, "pt") as content:
            about = json.loads((content.metadata() or {}).get("astrodome", "{}"))
        weights = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, ValueError) as error:
        raise AstrodomeError(
            f"{path} is no readable weights file: {error}.", "It should end in .safetensors."
        ) from error
    if about.get("model") != NAME:
        raise AstrodomeError(
            f"{path} holds weights of {about.get('model', 'an unknown model')}, not of {NAME}."
        )
    for key in SHAPE.values():
        if about[key] != config["model"][key]:
            raise AstrodomeError(
                f"The weights {path} are for model.{key} {about[key]}, "
                f"but {config['model'][key]} is configured.",
                f"Leave model.{key} out of the configuration, or use other weights.",
            )
    net = network(config, about["channels"])
    net.load_state_dict(weights)
    return net
