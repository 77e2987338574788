"""Compile numerical functions with Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function on its first call, and cache the machine code on disk.

    The function runs without the global interpreter lock. A division by zero returns infinity or
    NaN as in NumPy. The order of floating-point operations does not change, so that the result
    depends only on the arguments.
    """
    return cast(Function, njit(cache=True, nogil=True, error_model="numpy")(function))
