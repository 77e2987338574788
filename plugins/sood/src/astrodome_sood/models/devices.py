"""Select the configured devices and floating-point precision, and copy images to a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from astrodome import AstrodomeError
from numpy.typing import NDArray

LIGHTNING_PRECISION = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def trainer_devices(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the accelerator, devices, nodes and strategy as arguments for a Lightning trainer.

    By default, one GPU is used if it is available. Raises AstrodomeError if a requested GPU does
    not exist.
    """
    section = config["devices"]
    gpus = section["gpus"]
    check_gpus(gpus)
    if gpus is None and torch.cuda.is_available() and section["processes"] == 1:
        gpus = 1
    return {
        "accelerator": "gpu" if gpus else "cpu",
        "devices": gpus or section["processes"],
        "num_nodes": section["nodes"],
        "strategy": section["strategy"],
    }


def check_gpus(gpus: int | list[int] | None) -> None:
    """Raise AstrodomeError if a requested GPU does not exist. -1 requests all GPUs."""
    if not gpus:
        return
    count = torch.cuda.device_count()
    if (max(gpus) + 1 if isinstance(gpus, list) else max(gpus, 1)) > count:
        raise AstrodomeError(
            f"GPU not found: 'devices.gpus' is {gpus}, but the number of available GPUs is "
            f"{count}.",
            "Set devices.gpus to 0 to use the CPU.",
        )


def scoring_device(config: Mapping[str, Any]) -> str:
    """Return the device for scoring.

    The device is the first requested GPU, or by default the first available GPU. If no GPU is
    available or if the CPU is requested, the device is the CPU.
    """
    gpus = config["devices"]["gpus"]
    check_gpus(gpus)
    if gpus == 0 or gpus == [] or not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{gpus[0]}" if isinstance(gpus, list) else "cuda:0"


def training_precision(config: Mapping[str, Any], accelerator: str) -> str:
    """Return the precision for training: ``32``, ``bf16`` or ``16``.

    ``auto`` selects ``bf16`` on hardware with bfloat16 matrix units, and ``32`` otherwise. Raises
    AstrodomeError if the accelerator does not support the precision.
    """
    precision = str(config["devices"]["precision"])
    if precision == "16" and accelerator == "cpu":
        raise AstrodomeError(
            "The precision 16 is not supported on CPUs.", "Set devices.precision to bf16 or 32."
        )
    if precision != "auto":
        return precision
    return "bf16" if bf16_is_faster(accelerator) else "32"


def scoring_precision(config: Mapping[str, Any]) -> str:
    """Return the precision for scoring.

    ``auto`` selects ``32``, so that scores do not depend on the hardware.
    """
    if config["devices"]["precision"] == "auto":
        return "32"
    return training_precision(config, "cpu" if scoring_device(config) == "cpu" else "gpu")


def bf16_is_faster(accelerator: str) -> bool:
    """Return whether the hardware has bfloat16 matrix units (tensor cores or AMX)."""
    if accelerator == "gpu":
        return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def autocast(device: str, precision: str) -> torch.autocast:
    """Return a context manager that enables a precision: ``32``, ``bf16`` or ``16``."""
    dtype = torch.float16 if precision == "16" else torch.bfloat16
    return torch.autocast(device, dtype, enabled=precision != "32")


def image_tensor(
    batch: NDArray[np.float32], channels: int, device: torch.device | str
) -> torch.Tensor:
    """Copy images with shape (N, C, H, W) to a device.

    Raises AstrodomeError if the images do not have the expected number of channels.
    """
    if batch.shape[1] != channels:
        raise AstrodomeError(
            f"Invalid number of image channels {batch.shape[1]}: expected {channels}."
        )
    return torch.from_numpy(np.ascontiguousarray(batch)).to(device, non_blocking=True)
