"""Read image parameters, and write them to Parquet files.

Image parameters are ten statistics for each cell in a grid of 64 x 64 cells, computed from the
image with 4096 x 4096 pixels (Ahmadzadeh et al. 2019, ApJS 243, 18). A file has one row per cell,
so that all files in a folder can be read as one table.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
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
"""Name of the subfolder for parameter files in an image folder."""


def from_xml(document: bytes) -> NDArray[np.float32]:
    """Parse an XML document from the GSU service.

    Each element contains x, y and the ten parameters of a cell. The returned array has the shape
    (64, 64, 10) and is indexed by x, y and parameter. Raises AstrodomeError if a cell is missing or
    duplicated, or if a value is NaN or infinite.
    """
    try:
        cells = [[child.text for child in cell] for cell in ElementTree.fromstring(document)]
        table = np.asarray(cells, dtype=np.float64)
    except (ElementTree.ParseError, ValueError, TypeError) as error:
        raise AstrodomeError(f"Invalid image parameters: {error}.") from error
    if table.shape != (SIDE * SIDE, 2 + len(NAMES)) or not np.isfinite(table).all():
        raise AstrodomeError(
            f"Invalid image parameters: expected {SIDE} x {SIDE} cells, "
            f"each with {len(NAMES)} values."
        )
    x, y = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    if set(zip(x.tolist(), y.tolist(), strict=True)) != set(np.ndindex(SIDE, SIDE)):
        raise AstrodomeError("Invalid image parameters: a cell is missing or duplicated.")
    cube = np.empty((SIDE, SIDE, len(NAMES)), np.float32)
    cube[x, y] = table[:, 2:]
    return cube


def write(path: Path, cube: NDArray[Any], t_obs: datetime, wavelength: int) -> None:
    """Write an array of image parameters with shape (64, 64, 10) as 4,096 rows.

    The columns are ``t_obs`` (UTC), ``wavelength`` (in angstroms), ``x``, ``y`` and the ten
    parameters.
    """
    count = SIDE * SIDE
    x, y = np.indices((SIDE, SIDE), np.uint8)
    columns = {
        "t_obs": np.full(count, np.datetime64(t_obs, "s")),
        "wavelength": np.full(count, wavelength, np.int16),
        "x": x.ravel(),
        "y": y.ravel(),
        **dict(zip(NAMES, np.asarray(cube, np.float32).reshape(count, len(NAMES)).T, strict=True)),
    }
    files.write_parquet(path, pa.table(columns), {"what": "image parameters", "cells": SIDE})
