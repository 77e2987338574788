"""Read and write weights files in safetensors format, and read sdo-cli checkpoints.

Code in weights files is never executed. sdo-cli checkpoints are read with ``weights_only=True``.
Objects in checkpoints that are not tensors, such as paths and callback states, are replaced with
placeholders.
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
from astrodome import AstrodomeError, InvalidInputError, errors, files
from torch import Tensor, nn

from .network import Autoencoder, Vae

WEIGHTS = "weights.safetensors"
NETWORKS: dict[str, type[Autoencoder]] = {"ce_vae": Vae, "ae": Autoencoder}
SHAPE = ("target_size", "z_dim", "fmap_sizes")
"""Configuration keys that define the shape of an autoencoder."""
SDO_CLI_EXTENSIONS = (".ckpt", ".pth", ".pt")
SDO_CLI_FILE = "ae_final.pth"
"""Name of the weights file in an sdo-cli checkpoint folder."""
SDO_CLI_LAYER = re.compile(
    r"(?:model\.)?(enc|dec)\.(start|middle_blocks\.(\d+)|end)\.conv\.weight", re.ASCII
)


class _Placeholder:
    """Replacement for a non-tensor object in a checkpoint."""

    def __new__(cls, *_: Any, **__: Any) -> _Placeholder:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


def locate(path: Path) -> Path:
    """Return the path of the weights file in a run folder, or ``path`` if it is not a folder."""
    if not path.is_dir():
        return path
    names = (WEIGHTS, SDO_CLI_FILE)
    return path / next((name for name in names if (path / name).is_file()), WEIGHTS)


def required(model: str, path: Path | None) -> Path:
    """Return the path of the weights, or raise InvalidInputError if it is None."""
    if path is None:
        raise InvalidInputError(
            f"The model {model} requires trained weights.",
            "Set model.load_path to a run folder or a weights file.",
        )
    return path


def new_network(model: str, config: Mapping[str, Any], channels: int) -> Autoencoder:
    """Create a network with the configured shape and random weights."""
    shape = config["model"]
    return NETWORKS[model](shape["target_size"], channels, shape["z_dim"], shape["fmap_sizes"])


def save(model: str, net: nn.Module, path: Path) -> None:
    """Write the weights, with the model name and the network shape as metadata.

    The attribute ``shape`` of the network is a JSON-serializable dict with the network shape.
    """
    metadata = {"model": model, **net.shape}  # type: ignore[dict-item]
    weights = {name: value.contiguous() for name, value in net.state_dict().items()}
    files.write_bytes(path, safetensors.torch.save(weights, {"astrodome": json.dumps(metadata)}))


def load(model: str, path: Path, config: Mapping[str, Any]) -> Autoencoder:
    """Load an autoencoder from a run folder or a weights file.

    Raises AstrodomeError if the file is not a valid weights file, contains the weights of another
    model, or does not match the network shape in the configuration.
    """
    metadata, weights = read_model(model, path)
    for key in SHAPE:
        if metadata[key] != config["model"][key]:
            raise AstrodomeError(
                f"The weights {locate(path)} were trained with model.{key} {metadata[key]}, but "
                f"the configuration contains {config['model'][key]}.",
                f"Remove model.{key} from the configuration, or use other weights.",
            )
    net = new_network(model, config, metadata["channels"])
    net.load_state_dict(weights)
    return net


def read_model(model: str, path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the metadata and the tensors in a run folder or a weights file of a model.

    Raises AstrodomeError if the file does not exist, is not a valid weights file, or contains the
    weights of another model.
    """
    path = locate(path)
    if not path.is_file():
        raise errors.not_found(path, "Train the model first.", kind="Weights")
    metadata, weights = read(path)
    if metadata.get("model") != model:
        raise AstrodomeError(
            f"Invalid weights {path}: expected weights of {model}, got weights of "
            f"{metadata.get('model', 'an unknown model')}."
        )
    return metadata, weights


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the metadata and the tensors in a weights file.

    The metadata contains ``model``, ``channels``, ``target_size`` and the other parameters of the
    network. Raises AstrodomeError if the file cannot be read.
    """
    return _read_sdo_cli(path) if path.suffix in SDO_CLI_EXTENSIONS else _read_safetensors(path)


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safetensors.safe_open(path, "pt") as content:
            metadata = json.loads((content.metadata() or {}).get("astrodome", "{}"))
        return metadata, safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, ValueError) as error:
        raise AstrodomeError(
            f"{path} is not a valid weights file: {error}.",
            "Expected a .safetensors file, or an sdo-cli file with one of the extensions "
            f"{', '.join(SDO_CLI_EXTENSIONS)}.",
        ) from error


def _read_sdo_cli(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read an sdo-cli file: a Lightning checkpoint of a ceVAE, or the weights of an autoencoder."""
    try:
        unknown = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals([(_Placeholder, name) for name in unknown]):
            content = torch.load(path, map_location="cpu", weights_only=True)
        state = content.get("state_dict", content)
        layers = {SDO_CLI_LAYER.fullmatch(name): value for name, value in state.items()}
        layers.pop(None, None)
        weights = {_layer_name(match, len(layers)): value for match, value in layers.items()}
        metadata = _shape(weights)
        if metadata["model"] == "ce_vae":
            weights["theta"] = torch.ones(())  # sdo-cli does not save theta.
        return metadata, weights
    except Exception as error:  # A damaged pickle can raise any exception.
        raise AstrodomeError(
            f"{path} is not a valid sdo-cli checkpoint: {type(error).__name__}.",
            "Expected a .ckpt file for the model ce_vae, or a file ae_final.pth for the model ae.",
        ) from error


def _layer_name(match: Any, layers: int) -> str:
    """Convert an sdo-cli layer name.

    For example, ``model.enc.middle_blocks.3.conv.weight`` is converted to ``encoder.4.weight``.
    """
    part, place, block = match.groups()
    number = {"start": 0, "end": layers - 2}.get(place, int(block or 0) + 1)
    return f"{part}oder.{number}.weight"


def _shape(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    convolutions = len(weights) // 2 - 1
    maps = [weights[f"encoder.{2 * n}.weight"].shape[0] for n in range(convolutions)]
    outputs, _, bottom, _ = weights[f"encoder.{2 * convolutions}.weight"].shape
    z_dim = weights["decoder.0.weight"].shape[0]
    return {
        "model": "ce_vae" if outputs == 2 * z_dim else "ae",
        "channels": weights["encoder.0.weight"].shape[1],
        "target_size": bottom * 2**convolutions,
        "z_dim": z_dim,
        "fmap_sizes": maps,
    }
