"""Convert the cells in a ``dmdt`` column to an array of images with 26 x 26 pixels.

The first image axis is the magnitude difference (dm), and the second is the time difference (dt).
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astrodome import AstrodomeError
from numpy.typing import NDArray
from pyarrow import json as json_reader

SIZE = 26
SHAPE = (SIZE, SIZE)
SCHEMA = pa.schema({"dmdt": pa.list_(pa.list_(pa.float32()))})


def from_arrow(cells: pa.ChunkedArray, where: str, first: int = 0) -> NDArray[np.float32]:
    """Convert a column of nested lists or JSON text to images with shape (N, 26, 26).

    Cells that do not contain an array (missing or ``nan``) and non-finite values are replaced by
    zeros. ``where`` is the name of the file, and ``first`` is the row number of the first cell.
    Both are used in error messages.
    """
    parts = []
    for chunk in cells.chunks:
        parts.append(_from_array(chunk, where, first))
        first += len(chunk)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _from_array(array: pa.Array, where: str, first: int) -> NDArray[np.float32]:
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _from_text(array, where, first)
    if _is_list(array.type):
        return _from_lists(array, where, first)
    if pa.types.is_null(array.type) or pa.types.is_floating(array.type):  # All cells are NaN.
        return np.zeros((len(array), *SHAPE), np.float32)
    raise _wrong_type(where, array.type)


def from_objects(
    cells: NDArray[np.object_] | list[object], where: str, first: int = 0
) -> NDArray[np.float32]:
    """Convert cells with Python lists or NumPy arrays to images with shape (N, 26, 26).

    ``where`` and ``first`` have the same meaning as in :func:`from_arrow`.
    """
    images = np.zeros((len(cells), *SHAPE), np.float32)
    for row, cell in enumerate(cells):
        if not isinstance(cell, list | tuple | np.ndarray):
            continue
        try:
            image = np.array([np.asarray(line, np.float32) for line in cell])
        except (TypeError, ValueError):
            raise _wrong_shape(where, first + row, "is not an array of numbers") from None
        if image.shape != SHAPE:
            raise _wrong_shape(where, first + row, f"is {' x '.join(map(str, image.shape))}")
        images[row] = image
    return _finite(images)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _from_lists(array: pa.Array, where: str, first: int) -> NDArray[np.float32]:
    present = np.asarray(array.is_valid())
    rows = array.filter(pa.array(present)) if not present.all() else array
    if not _is_list(rows.type.value_type):
        raise _wrong_type(where, rows.type)
    lines = rows.flatten()
    _check_lengths(pc.list_value_length(rows), present, where, first, "rows")
    _check_lengths(pc.list_value_length(lines), present, where, first, "columns")
    values = lines.flatten().to_numpy(zero_copy_only=False)
    images = np.asarray(values, np.float32).reshape(-1, *SHAPE)
    return _finite(_scatter(images, present))


def _check_lengths(
    lengths: pa.Array, present: NDArray[np.bool_], where: str, first: int, axis: str
) -> None:
    counts = np.asarray(lengths.fill_null(0))
    wrong = np.flatnonzero(counts != SIZE)
    if len(wrong):
        per_image = 1 if axis == "rows" else SIZE
        row = np.flatnonzero(present)[wrong[0] // per_image]
        raise _wrong_shape(where, first + int(row), f"has {counts[wrong[0]]} {axis}")


def _from_text(array: pa.Array, where: str, first: int) -> NDArray[np.float32]:
    if not len(array):
        return np.zeros((0, *SHAPE), np.float32)
    text = pa.large_string()
    array = array.cast(text).fill_null("")
    present = pc.starts_with(pc.ascii_ltrim_whitespace(array), "[")
    cells = pc.if_else(present, array, pa.scalar("null", text))
    before, after, separator = (pa.scalar(part, text) for part in ('{"dmdt":', "}\n", ""))
    lines = pc.binary_join_element_wise(before, cells, after, separator)
    try:
        table = json_reader.read_json(
            pa.BufferReader(lines.buffers()[2]),
            json_reader.ReadOptions(block_size=1 << 22),
            json_reader.ParseOptions(explicit_schema=SCHEMA),
        )
    except pa.ArrowInvalid:  # Parse the cells one by one to find the row.
        objects = [_json(cell, where, first + row) for row, cell in enumerate(cells.to_pylist())]
        return from_objects(objects, where, first)
    return _from_lists(table["dmdt"].combine_chunks(), where, first)


def _json(cell: str, where: str, row: int) -> object:
    try:
        return json.loads(cell)
    except ValueError:
        raise _wrong_shape(where, row, "is not valid JSON") from None


def _scatter(images: NDArray[np.float32], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    if present.all():
        return images
    all_rows = np.zeros((len(present), *SHAPE), np.float32)
    all_rows[present] = images
    return all_rows


def _finite(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace NaN by 0. SCoPe divides each histogram by its norm, which is 0 if it is empty."""
    if np.isfinite(images.sum()):
        return images
    return np.nan_to_num(images, posinf=0.0, neginf=0.0)


def _wrong_type(where: str, kind: pa.DataType) -> AstrodomeError:
    return AstrodomeError(
        f"{where}: the column 'dmdt' has the unsupported type {kind}: expected arrays of 26 x 26 "
        "numbers."
    )


def _wrong_shape(where: str, row: int, problem: str) -> AstrodomeError:
    return AstrodomeError(
        f"{where}: the dmdt image in row {row} {problem}: expected 26 x 26 numbers.",
        "Rows are counted from 0, without the header.",
    )
