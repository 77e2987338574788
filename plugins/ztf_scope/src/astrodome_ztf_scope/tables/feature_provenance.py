"""Record how the features in a table were computed, and check it before the features are used.

SCoPe 0.9.5 and SCoPe of 2026 write different quantities to the Fourier columns, under the same
names. The *Fourier convention* is ``coefficients`` for the coefficients of the cosine and sine
terms (SCoPe 0.9.5, and the published catalogues), or ``amplitudes`` for amplitudes and relative
phases (SCoPe of 2026). :mod:`.fourier_convention` determines it for tables without metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError

KEY = "astrodome_features"
"""Metadata key for a JSON object that describes how the features were computed."""
CONVENTION = "fourier_convention"
"""Key for the Fourier convention in this JSON object."""
PANDAS = b"PANDAS_ATTRS"
"""Metadata key in which pandas stores ``DataFrame.attrs`` as JSON."""
COEFFICIENTS, AMPLITUDES = "coefficients", "amplitudes"
AFFECTED = frozenset(
    f"f1_{name}"
    for name in ("amp", "phi0", *(f"rel{kind}{k}" for kind in ("amp", "phi") for k in range(1, 5)))
)
"""Features whose values depend on the Fourier convention."""


def metadata(about: Mapping[str, Any]) -> dict[bytes, bytes]:
    """Return Parquet metadata that describes how the features were computed.

    The description is also stored in the format of ``DataFrame.attrs``. If a file is read, modified
    and written with pandas, the description is therefore preserved.
    """
    text = json.dumps(dict(about))
    return {KEY.encode(): text.encode(), PANDAS: json.dumps({KEY: text}).encode()}


def read(data: pd.DataFrame | Path) -> dict[str, Any]:
    """Return the description of the features in a table or file.

    The result is an empty dictionary if the table or file has no description.
    """
    if isinstance(data, pd.DataFrame):
        text = data.attrs.get(KEY, "{}")
    else:
        try:
            found = pq.read_schema(data).metadata or {}
        except (pa.ArrowInvalid, OSError):  # not a Parquet file
            return {}
        text = found.get(KEY.encode()) or json.loads(found.get(PANDAS, b"{}")).get(KEY, "{}")
    return dict(json.loads(text))


def convention(data: pd.DataFrame | Path) -> str:
    """Return the Fourier convention in the metadata of a table or file, or an empty string."""
    return str(read(data).get(CONVENTION, ""))


def affected(features: Iterable[str]) -> bool:
    """Return whether the values of some features depend on the Fourier convention."""
    return not AFFECTED.isdisjoint(features)


def check(
    data: pd.DataFrame | Path, origin: object, expected: str, features: Iterable[str]
) -> None:
    """Raise AstrodomeError if features have a different Fourier convention than expected.

    A table without metadata is accepted. ``features`` contains the names of the features that are
    used, without suffixes. ``origin`` is the name of the table in the error message.
    """
    if affected(features):
        require(convention(data), origin, expected)


def require(found: str, origin: object, expected: str) -> None:
    """Raise AstrodomeError if a Fourier convention is known, and is different than expected."""
    if found and found != expected:
        raise AstrodomeError(
            f"The Fourier features in {origin} are {found}, but the model was trained with "
            f"{expected}.",
            f"Compute the features with: scope features --fourier-convention {expected}.",
        )
