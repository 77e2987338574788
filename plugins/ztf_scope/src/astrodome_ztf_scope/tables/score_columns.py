"""Find and check the columns with scores in the output of ``scope predict``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, models

TASK = "scope"
"""Task for which plugins register algorithms."""
MERGED = "merged"
"""Value of ``algorithm`` that selects the columns ``<tag>`` with merged scores."""


def score_columns(
    names: Iterable[str], algorithm: str = "", origin: object = "The table"
) -> dict[str, str]:
    """Map the tags of the classes to the names of the score columns of one algorithm.

    Raises AstrodomeError if no score columns exist, or if ``algorithm`` is empty and the table
    contains scores of several algorithms.
    """
    names = list(names)
    found: dict[str, dict[str, str]] = {}
    for known in models.specs(TASK):
        own = {n.removesuffix(f"_{known}"): n for n in names if n.endswith(f"_{known}")}
        if own:
            found[known] = own
    merged = {tag: tag for own in found.values() for tag in own if tag in names}
    if merged:
        found[MERGED] = merged
    available = ", ".join(found)
    if not found:
        raise AstrodomeError(
            f"{origin} has no score columns: expected names such as 'vnv_xgb'.",
            "Compute the scores with scope predict.",
        )
    if not algorithm and len(found) > 1:
        raise InvalidInputError(
            f"{origin} contains scores of several algorithms: {available}.",
            "Specify the algorithm (--algorithm).",
        )
    name = algorithm.lower() or available
    if name not in found:
        raise InvalidInputError(
            f"{origin} contains no scores of the algorithm '{algorithm}'.",
            f"Available algorithms: {available}.",
        )
    return found[name]


def probabilities(cells: pd.Series, origin: Path) -> pd.Series:
    """Return scores as float32. Raises InvalidInputError if a score is not a number from 0 to 1."""
    values = pd.to_numeric(cells, errors="coerce").astype(np.float32)
    wrong = (cells.notna() & ~values.between(0, 1)).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise InvalidInputError(
            f"{origin}: invalid score '{cells.iloc[row]}' in column '{cells.name}', row {row}: "
            "expected a number from 0 to 1.",
            "Rows are counted from 0.",
        )
    return values
