"""Image parameters: ten numbers for each of 64 x 64 cells of an image, as Parquet.

They are those of Ahmadzadeh et al. 2019 (ApJS 243, 18), computed on the image of
4096 x 4096 pixels. A table has a row a cell, so that a folder of such files reads as one.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, files
from numpy.typing import NDArray

SIDE = 64
NAMES = (
    "entropy",
    "mean",
    "standard_deviation",
    "fractal_dimension",
    "skewness",
    "kurtosis",
    "uniformity",
    "relative_smoothness",
    "tamura_contrast",
    "tamura_directionality",
)
FOLDER = "parameters"
"""Where they stand, below the folder of the images, under the images' names."""


def from_xml(document: bytes) -> NDArray[np.float32]:
    """The cube (64, 64, 10), indexed by x, y and parameter, out of the service's XML.

    Each cell is an element whose children are x, y and the ten values. Raises
    AstrodomeError unless every cell is there once, with finite numbers.
    """
    try:
        cells = [[child.text for child in cell] for cell in ElementTree.fromstring(document)]
        table = np.asarray(cells, dtype=np.float64)
    except (ElementTree.ParseError, ValueError, TypeError) as error:
        raise AstrodomeError(f"The image parameters are damaged: {error}.") from error
    if table.shape != (SIDE * SIDE, 2 + len(NAMES)) or not np.isfinite(table).all():
        raise AstrodomeError(
            f"The image parameters are not {SIDE} x {SIDE} cells of {len(NAMES)} numbers."
        )
    x, y = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    if set(zip(x.tolist(), y.tolist(), strict=True)) != set(np.ndindex(SIDE, SIDE)):
        raise AstrodomeError("The image parameters have a cell twice, or none at all.")
    cube = np.empty((SIDE, SIDE, len(NAMES)), np.float32)
    cube[x, y] = table[:, 2:]
    return cube


def write(path: Path, cube: NDArray[Any], t_obs: datetime, wavelength: int) -> None:
    """Write a cube (64, 64, 10) as 4,096 rows: ``t_obs`` (UTC), ``wavelength`` (angstrom),
    ``x``, ``y`` and the ten parameters."""
    x, y = np.indices((SIDE, SIDE), np.uint8)
    flat = np.asarray(cube, np.float32).reshape(SIDE * SIDE, len(NAMES))
    columns = {
        "t_obs": pa.array(np.full(SIDE * SIDE, np.datetime64(t_obs, "s"))),
        "wavelength": pa.array(np.full(SIDE * SIDE, wavelength, np.int16)),
        "x": pa.array(x.ravel()),
        "y": pa.array(y.ravel()),
    }
    columns |= {name: pa.array(flat[:, number]) for number, name in enumerate(NAMES)}
    files.write_parquet(path, pa.table(columns), {"what": "image parameters", "cells": SIDE})


def read(path: Path) -> NDArray[np.float32]:
    """The cube (64, 64, 10) of a file that :func:`write` made."""
    table = pq.read_table(path)
    cube = np.empty((SIDE, SIDE, len(NAMES)), np.float32)
    where = table["x"].to_numpy(), table["y"].to_numpy()
    for number, name in enumerate(NAMES):
        cube[..., number][where] = table[name].to_numpy()
    return cube
