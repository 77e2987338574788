"""Convert the cells in a ``dmdt`` column to an array of images with 26 x 26 pixels.

The first image axis is the magnitude difference (dm), and the second is the time difference (dt).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astrodome import AstrodomeError
from numpy.typing import NDArray

from . import identifiers

SIZE = 26
SHAPE = (SIZE, SIZE)
Images = NDArray[np.float32]


def from_arrow(cells: pa.ChunkedArray, where: str, first: int = 0) -> Images:
    """Convert a column of nested lists or JSON text to images with shape (N, 26, 26).

    A cell that does not contain an array, for example a missing value, is converted to an image in
    which all pixels are 0. Pixels that are not finite are replaced by 0. ``where`` is the name of
    the file, and ``first`` is the row number of the first cell. Both are used in error messages.
    """
    if identifiers.is_text(cells.type):
        texts = enumerate(cells.to_pylist(), first)
        return from_objects([_from_json(text, where, row) for row, text in texts], where, first)
    if _is_list(cells.type):
        images = _from_lists(cells.combine_chunks())
        return from_objects(cells.to_pylist(), where, first) if images is None else images
    if pa.types.is_null(cells.type) or pa.types.is_floating(cells.type):  # All cells are NaN.
        return np.zeros((len(cells), *SHAPE), np.float32)
    raise AstrodomeError(
        f"{where}: the column 'dmdt' has the unsupported type {cells.type}: expected arrays of "
        "26 x 26 numbers."
    )


def from_objects(cells: Iterable[object], where: str, first: int = 0) -> Images:
    """Convert cells with Python lists or NumPy arrays to images with shape (N, 26, 26).

    ``where`` and ``first`` have the same meaning as in :func:`from_arrow`.
    """
    cells = list(cells)
    images = np.zeros((len(cells), *SHAPE), np.float32)
    for row, cell in enumerate(cells):
        if not isinstance(cell, list | tuple | np.ndarray):
            continue
        try:
            image = np.array(list(cell), np.float32)
        except (TypeError, ValueError):
            raise _invalid(where, first + row, "is not an array of numbers") from None
        if image.shape != SHAPE:
            raise _invalid(where, first + row, f"has the shape {' x '.join(map(str, image.shape))}")
        images[row] = image
    return _finite(images)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _from_lists(cells: pa.Array) -> Images | None:
    """Convert nested lists to images, or return None if a list does not have the expected shape."""
    lines = cells.flatten()
    if not _is_list(lines.type):
        return None
    lengths = pc.list_value_length(cells.drop_null()), pc.list_value_length(lines)
    if any(np.any(np.asarray(length.fill_null(0)) != SIZE) for length in lengths):
        return None
    images = np.zeros((len(cells), *SHAPE), np.float32)
    pixels = lines.flatten().to_numpy(zero_copy_only=False)
    images[np.asarray(cells.is_valid())] = pixels.reshape(-1, *SHAPE)
    return _finite(images)


def _from_json(text: str | None, where: str, row: int) -> object:
    """Parse the JSON list in a cell, or return None if the cell does not contain a list."""
    if text is None or not text.lstrip().startswith("["):
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise _invalid(where, row, "is not valid JSON") from None


def _finite(images: Images) -> Images:
    """Replace NaN and infinite pixels by 0. They occur if SCoPe divided an image by a norm of 0."""
    if np.isfinite(images.sum()):
        return images
    return np.nan_to_num(images, copy=False, posinf=0.0, neginf=0.0)


def _invalid(where: str, row: int, problem: str) -> AstrodomeError:
    return AstrodomeError(
        f"{where}: the dmdt image in row {row} {problem}: expected 26 x 26 numbers.",
        "Rows are counted from 0, without the header.",
    )
