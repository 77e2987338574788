"""Allocate large arrays."""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

MAX_IN_MEMORY = 2**30
"""Size in bytes above which an array is stored in a temporary file."""


def allocate(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an uninitialized array in memory or, if it is large, in a deleted temporary file."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= MAX_IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="astrodome-") as file:
        if hasattr(os, "posix_fallocate"):  # A full disk is an error here instead of a crash later.
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype, "w+", shape=shape)
