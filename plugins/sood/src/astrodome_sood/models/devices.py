"""Where networks are trained and run, and in which precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from astrodome import AstrodomeError

LIGHTNING = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
"""Lightning's names of the precisions."""


def training_devices(config: Mapping[str, Any]) -> dict[str, Any]:
    """Accelerator, devices, nodes and strategy in Lightning's words.

    Raises AstrodomeError when a GPU is asked for that is not there.
    """
    wanted = config["devices"]
    gpus, processes = wanted["gpus"], wanted["processes"]
    strategy, nodes = wanted["strategy"], wanted["nodes"]
    check_gpus(gpus)
    if gpus is None and torch.cuda.is_available() and processes == 1:
        accelerator, devices = "gpu", 1
    elif not gpus:
        accelerator, devices = "cpu", processes
    else:
        accelerator, devices = "gpu", gpus
    several = nodes > 1 or (len(devices) if isinstance(devices, list) else devices) not in (0, 1)
    if several and strategy == "auto":
        strategy = "ddp"
    return {
        "accelerator": accelerator,
        "devices": devices,
        "num_nodes": nodes,
        "strategy": strategy,
    }


def any_gpu() -> bool:
    """Whether this machine offers a GPU."""
    return torch.cuda.device_count() > 0


def check_gpus(gpus: int | list[int] | None) -> None:
    """Raise AstrodomeError when this machine lacks a GPU that is asked for."""
    if not gpus:
        return
    there = torch.cuda.device_count()
    # -1 is Lightning's word for all of them
    wanted = max(gpus) + 1 if isinstance(gpus, list) else max(gpus, 1)
    if wanted > there:
        raise AstrodomeError(
            f"'devices.gpus' asks for {gpus}, but this machine offers {there} GPUs.",
            "Use --devices cpu for the processor.",
        )


def scoring_device(config: Mapping[str, Any]) -> str:
    """The device that scores: the first GPU asked for, any GPU, or the processor."""
    gpus = config["devices"]["gpus"]
    check_gpus(gpus)
    if gpus == 0 or gpus == [] or not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{gpus[0]}" if isinstance(gpus, list) else "cuda:0"


def training_precision(config: Mapping[str, Any], accelerator: str) -> str:
    """``32``, ``bf16`` or ``16``; ``auto`` is bf16 where the hardware multiplies it faster.

    Raises AstrodomeError for a precision that the accelerator lacks.
    """
    wanted = str(config["devices"]["precision"])
    if wanted == "16" and accelerator == "cpu":
        raise AstrodomeError(
            "A processor does not calculate with 16-bit floats.", "Use --precision bf16 or 32."
        )
    if wanted != "auto":
        return wanted
    return "bf16" if gains_from_bf16("cuda" if accelerator == "gpu" else "cpu") else "32"


def scoring_precision(config: Mapping[str, Any]) -> str:
    """As for training, but ``auto`` is 32: scores are to be the same on every machine."""
    if config["devices"]["precision"] == "auto":
        return "32"
    return training_precision(config, "cpu" if scoring_device(config) == "cpu" else "gpu")


def gains_from_bf16(device: str) -> bool:
    """Whether the device has units for matrices of bfloat16 (tensor cores, AMX)."""
    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    amx = getattr(torch.cpu, "_is_amx_tile_supported", None) or getattr(
        torch._C._cpu, "_is_amx_tile_supported", None
    )
    return bool(amx and amx())
