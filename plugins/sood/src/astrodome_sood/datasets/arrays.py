"""Allocate arrays that can be larger than the available memory."""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

MAX_IN_MEMORY = 2**30
"""Maximum size in bytes of an array in memory; larger arrays are stored in temporary files."""


def allocate(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an uninitialized array.

    An array larger than ``MAX_IN_MEMORY`` is memory-mapped to a temporary file.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= MAX_IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="astrodome-") as file:
        if hasattr(os, "posix_fallocate"):  # Detect a full disk early.
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype, "w+", shape=shape)
