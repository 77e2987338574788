"""Determine the Fourier convention of the features in a table; see :mod:`.feature_provenance`.

The convention of a table without metadata is unknown, unless the user specifies it. Negative
amplitudes prove that a table contains coefficients. Otherwise, an error is raised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError

from . import datasets, feature_provenance
from .datasets import DataSet
from .feature_provenance import AFFECTED, AMPLITUDES, COEFFICIENTS, CONVENTION, KEY, affected

COLUMN = re.compile(rf"({'|'.join(sorted(AFFECTED))})(_.+)?")
"""Names of the affected columns, with or without the suffix for a period-finding algorithm."""
ROWS = 50_000
"""Number of rows that are read at once."""


def resolve(data: DataSet, features: Iterable[str], specified: str = "") -> DataSet:
    """Return a data set whose table contains the Fourier convention in its ``attrs``.

    ``features`` contains the names of the features that are used, without suffixes. ``specified``
    is the convention that the user specified, or an empty string. If no feature depends on the
    convention, the data set is returned unchanged. Raises AstrodomeError if the convention is
    unknown, and InvalidInputError if ``specified`` contradicts the table.
    """
    if not affected(features):
        return data
    recorded = feature_provenance.convention(data.table)
    found = _known(recorded, specified, data.path)
    if not found and _has_negative_amplitudes(data.table):
        found = COEFFICIENTS
    if not found:
        raise _unknown(data.path)
    table = data.table.copy(deep=False)
    about = {**feature_provenance.read(data.table), CONVENTION: found}
    table.attrs = {**data.table.attrs, KEY: json.dumps(about)}
    return replace(data, table=table)


def of_file(path: Path, features: Iterable[str], specified: str = "") -> str:
    """Return the Fourier convention of a file, or an empty string if no feature depends on it.

    The parameters and exceptions are the same as in :func:`resolve`. The file is read in chunks.
    """
    if not affected(features):
        return ""
    found = _known(feature_provenance.convention(path), specified, path)
    if found:
        return found
    names = [name for name in datasets.column_names(path) if COLUMN.fullmatch(name)]
    for part in datasets.read_batches(path, names, ROWS):
        if _has_negative_amplitudes(part.table):
            return COEFFICIENTS
    raise _unknown(path)


def _known(recorded: str, specified: str, origin: object) -> str:
    """Return the convention in the metadata or the specified one, or an empty string."""
    if specified not in ("", COEFFICIENTS, AMPLITUDES):
        raise InvalidInputError(
            f"Invalid Fourier convention '{specified}': expected {COEFFICIENTS} or {AMPLITUDES}."
        )
    if recorded and specified and recorded != specified:
        raise InvalidInputError(
            f"The Fourier features in {origin} are {recorded}, not {specified}.",
            "Do not specify the Fourier convention, because the table contains it.",
        )
    return recorded or specified


def _has_negative_amplitudes(table: pd.DataFrame) -> bool:
    """Return whether a value of an amplitude, or of a relative phase, is negative."""
    for name in table:
        match = COLUMN.fullmatch(str(name))
        if match and match[1] != "f1_phi0":
            values = pd.to_numeric(table[name], errors="coerce")
            if bool(np.any(values.to_numpy(np.float64, na_value=np.nan) < 0)):
                return True
    return False


def _unknown(origin: object) -> AstrodomeError:
    return AstrodomeError(
        f"Cannot determine whether the Fourier features (f1_amp, f1_relamp1, …) in {origin} are "
        f"{COEFFICIENTS} or {AMPLITUDES}.",
        f"Specify --fourier-convention {COEFFICIENTS} (SCoPe 0.9.5 and published catalogues) or "
        f"--fourier-convention {AMPLITUDES} (SCoPe of 2026), or the parameter fourier_convention "
        "in Python. Operations such as DataFrame.merge can drop this information, which is stored "
        "in DataFrame.attrs. To keep it, copy attrs from the original table.",
    )
