"""Weights files: our own (safetensors), and the checkpoints of sdo-cli.

No file runs code: sdo-cli's are read by torch's loader of weights alone, and what else
such a file holds (paths, the state of callbacks) becomes an inert placeholder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from astrodome import AstrodomeError, files
from torch import Tensor

from .network import Autoencoder, Vae

WEIGHTS = "weights.safetensors"
NETWORKS: dict[str, type[Autoencoder]] = {"ce_vae": Vae, "ae": Autoencoder}
SHAPE = {"size": "target_size", "z_dim": "z_dim", "fmap_sizes": "fmap_sizes"}
"""What decides the network, by its name in the configuration."""
OLDER = (".ckpt", ".pth", ".pt")
OLDER_NAMES = ("ae_final.pth",)
"""What sdo-cli calls a file of weights in a folder of its own."""
LAYER = re.compile(
    r"(?:model\.)?(enc|dec)\.(start|middle_blocks\.(\d+)|end)\.conv\.weight", re.ASCII
)


class _Inert:
    """Stands for whatever a checkpoint holds beside weights."""

    def __new__(cls, *_: Any, **__: Any) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


def locate(path: Path) -> Path:
    """The file of weights in a run folder, or the file itself."""
    if not path.is_dir():
        return path
    for name in (WEIGHTS, *OLDER_NAMES):
        if (path / name).is_file():
            return path / name
    return path / WEIGHTS


def network(model: str, config: Mapping[str, Any], channels: int) -> Autoencoder:
    """A fresh network of the configured shape."""
    shape = config["model"]
    return NETWORKS[model](shape["target_size"], channels, shape["z_dim"], shape["fmap_sizes"])


def save(model: str, net: Autoencoder, path: Path) -> None:
    """Write the weights, with the shape of the network in the file's metadata."""
    about = {"model": model, "channels": net.channels}
    about |= {key: getattr(net, name) for name, key in SHAPE.items()}
    weights = {name: value.contiguous() for name, value in net.state_dict().items()}
    files.write_bytes(path, safetensors.torch.save(weights, {"astrodome": json.dumps(about)}))


def load(model: str, path: Path, config: Mapping[str, Any]) -> Autoencoder:
    """The network of a weights file.

    Raises AstrodomeError when the file is none of ours or sdo-cli's, is of another model,
    or has another shape than the configuration asks for.
    """
    path = locate(path)
    if not path.is_file():
        raise AstrodomeError(f"There are no weights {path}.", "Train the model first.")
    about, weights = read(path)
    if about.get("model") != model:
        raise AstrodomeError(
            f"{path} holds weights of {about.get('model', 'an unknown model')}, not of {model}."
        )
    for key in SHAPE.values():
        if about[key] != config["model"][key]:
            raise AstrodomeError(
                f"The weights {path} are for model.{key} {about[key]}, "
                f"but {config['model'][key]} is configured.",
                f"Leave model.{key} out of the configuration, or use other weights.",
            )
    net = network(model, config, about["channels"])
    net.load_state_dict(weights)
    return net


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a weights file is of (``model``, ``channels`` and the keys of ``SHAPE``), and its
    tensors by our names.

    Raises AstrodomeError when it cannot be read.
    """
    return _read_older(path) if path.suffix in OLDER else _read_own(path)


def _read_own(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safetensors.safe_open(path, "pt") as content:
            about = json.loads((content.metadata() or {}).get("astrodome", "{}"))
        return about, safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, ValueError) as error:
        raise AstrodomeError(
            f"{path} is no readable weights file: {error}.",
            f"It should end in .safetensors, or {', '.join(OLDER)} for one of sdo-cli.",
        ) from error


def _read_older(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A Lightning checkpoint of a ceVAE, or the bare weights of an autoencoder."""
    try:
        others = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals([(_Inert, name) for name in others]):
            content = torch.load(path, map_location="cpu", weights_only=True)
        state = content.get("state_dict", content)
        layers = {LAYER.fullmatch(name): value for name, value in state.items()}
        layers.pop(None, None)
        weights = {_own_name(match, len(layers)): value for match, value in layers.items()}
        about = _shape_of(weights)
        if about["model"] == "ce_vae":
            weights["theta"] = torch.ones(())  # which sdo-cli did not save
        return about, weights
    except Exception as error:  # whatever a damaged pickle makes the loader stumble over
        raise AstrodomeError(
            f"{path} is no checkpoint of sdo-cli that can be read: {type(error).__name__}.",
            "It should be a .ckpt of its ce_vae, or the ae_final.pth of its ae.",
        ) from error


def _own_name(match: Any, layers: int) -> str:
    """``model.enc.middle_blocks.3.conv.weight`` is our ``encoder.4.weight``."""
    part, place, block = match.groups()
    number = {"start": 0, "end": layers - 2}.get(place, int(block or 0) + 1)
    return f"{part}oder.{number}.weight"


def _shape_of(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    convolutions = len(weights) // 2 - 1  # of an encoder, before its last layer
    maps = [weights[f"encoder.{2 * n}.weight"].shape[0] for n in range(convolutions)]
    codes, _, bottom, _ = weights[f"encoder.{2 * convolutions}.weight"].shape
    z_dim = weights["decoder.0.weight"].shape[0]
    model = "ce_vae" if codes == 2 * z_dim else "ae"
    return {
        "model": model,
        "channels": weights["encoder.0.weight"].shape[1],
        "target_size": bottom * 2**convolutions,
        "z_dim": z_dim,
        "fmap_sizes": maps,
    }
