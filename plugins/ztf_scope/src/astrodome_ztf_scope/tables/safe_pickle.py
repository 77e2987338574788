"""Read pickles from untrusted files without executing code.

A pickle can contain the names of functions to call. This reader supports only numbers, text, lists,
dictionaries and NumPy arrays. It does not call the NumPy functions that are named in a pickle.
Instead, it validates their arguments and creates the arrays itself. An error is raised if a pickle
contains anything else, exceeds the maximum size (see :data:`LIMIT`), or declares more data than it
contains.
"""

from __future__ import annotations

import io
import math
import os
import pickle
from typing import Any

import numpy as np

from . import pickle_sizes

LIMIT = "ASTRODOME_PICKLE_LIMIT"
"""Environment variable that sets the maximum size of a pickle, in bytes."""
DEFAULT_LIMIT = 16 * 2**30
_NUMPY = ("numpy.core.", "numpy._core.")


class _Dtype:
    """The description of a dtype in a pickle. Only numeric and object dtypes are supported."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code, self.order = str(code), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1] if state[1] in ("<", ">") else "="

    def numpy(self) -> np.dtype[Any]:
        kind = np.dtype(self.order + self.code)
        if kind.kind not in "fiubO":
            raise pickle.UnpicklingError(f"unsupported array type {kind}")
        return kind


class _Array:
    """The description of an array in a pickle."""

    shape: tuple[int, ...] = ()
    items: list[Any] | None = None
    values: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, dtype, fortran, data = state
        if dtype.numpy().hasobject:
            self.items = list(data)
            if len(self.items) != math.prod(self.shape):
                raise pickle.UnpicklingError("the size of an array differs from its shape")
        else:
            self.values = _from_buffer(data, dtype, self.shape, "F" if fortran else "C")


def _from_buffer(data: Any, dtype: _Dtype, shape: tuple[int, ...], order: str) -> Any:
    kind = dtype.numpy()
    if kind.hasobject:
        raise pickle.UnpicklingError("unsupported array of Python objects in a buffer")
    return np.frombuffer(data, kind).reshape(shape, order="F" if order == "F" else "C")


def _scalar(dtype: _Dtype, data: bytes) -> Any:
    return np.frombuffer(data, dtype.numpy())[0].item()


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin1" if encoding == "latin1" else "utf-8")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        numpy = module.startswith(_NUMPY)
        if numpy and name == "_reconstruct":
            return lambda *_: _Array()
        if numpy and name == "_frombuffer":
            return _from_buffer
        if numpy and name == "scalar":
            return _scalar
        known = {
            ("numpy", "ndarray"): _Array,
            ("numpy", "dtype"): _Dtype,
            ("_codecs", "encode"): _encode,
            ("pandas._libs.missing", "NA"): None,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(
                f"the pickle refers to {module}.{name}, which is not allowed"
            )
        return known[module, name]


def load(data: bytes) -> Any:
    """Load the values and arrays in a pickle, and convert object arrays to nested lists.

    Raises :class:`pickle.UnpicklingError` if the pickle has unsupported content.
    """
    check_size(len(data))
    pickle_sizes.check(data)
    try:
        return _resolved(_Reader(io.BytesIO(data), encoding="latin1").load(), set())
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # The type depends on the opcode.
        raise pickle.UnpicklingError(f"the pickle is damaged ({type(error).__name__})") from error


def check_size(size: int) -> None:
    """Raise :class:`pickle.UnpicklingError` if the size in bytes exceeds the limit."""
    text = os.environ.get(LIMIT, "")
    limit = int(text) if text.isdecimal() else DEFAULT_LIMIT
    if size > limit:
        raise pickle.UnpicklingError(
            f"the pickle has {size} bytes, but the limit is {limit} bytes (set by the environment "
            f"variable {LIMIT})"
        )


def _resolved(value: Any, seen: set[int]) -> Any:
    """Replace the array descriptions in an unpickled value, in place, by NumPy arrays or lists.

    ``seen`` contains the id of each list that has been processed, because a list may be referenced
    several times.
    """
    if isinstance(value, _Array):
        if value.items is None:
            return value.values
        items = _resolved(value.items, seen)
        for size in reversed(value.shape[1:]):
            items = [items[first : first + size] for first in range(0, len(items), size)]
        return items
    if isinstance(value, list) and id(value) not in seen:
        seen.add(id(value))
        if value and not isinstance(value[0], float):
            value[:] = [_resolved(item, seen) for item in value]
    return value
