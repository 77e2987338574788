"""Health check for ``sdo plugins doctor``: the GPU."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

TIMEOUT = 20.0
"""Maximum time for the list of GPUs, in seconds."""


def check_gpu() -> Iterator[str]:
    """Report if the computer has an NVIDIA GPU that PyTorch cannot use."""
    listed = installed_gpus()
    if not listed:
        return
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda
        why = f"it was built for CUDA {built}" if built else "it was built without CUDA"
        yield (
            f"PyTorch {torch.__version__} cannot use the GPU {listed[0]}: {why}. Models use the "
            "CPU. Install a version of PyTorch that supports the driver"
        )


def installed_gpus() -> list[str]:
    """Return the names of the NVIDIA GPUs that the driver lists."""
    program = shutil.which("nvidia-smi")
    if not program:
        return []
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in ran.stdout.splitlines() if line.strip()]
