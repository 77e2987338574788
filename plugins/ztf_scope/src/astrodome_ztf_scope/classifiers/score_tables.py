"""Read the scores of light curves from the output of ``scope predict``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from astrodome import InvalidInputError

from ..catalogues import positions
from ..tables import datasets, identifiers
from ..tables.score_columns import probabilities, score_columns

SURVEYS = ("Gaia_EDR3", "AllWISE", "PS1_DR1")
"""Surveys that identify a source, in descending order of priority."""
SEPARATOR = "___"
"""Text between a survey and a number in ``survey_id``, and in the names of the id columns."""
COPIED = ("field", "ccd", "quad")
"""Columns that describe where a light curve was observed, and are read if they exist."""
File: TypeAlias = str | os.PathLike[str]
Predictions: TypeAlias = pd.DataFrame | File | Sequence[File]
"""A table of predictions, or one or more files that contain predictions."""


def survey_column(survey: str) -> str:
    """Return the name of the column that contains the identifiers in a survey."""
    return f"{survey}{SEPARATOR}id"


def period_columns(names: Iterable[object]) -> list[str]:
    """Return the columns that contain periods: ``period``, and ``period_<algorithm>``."""
    return [str(name) for name in names if re.match(r"period(_|$)", str(name))]


def read(predictions: Predictions, algorithm: str = "") -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the predictions in a table or in files, and the score columns by tag.

    The rows contain ``_id``, ``ra`` and ``dec`` (in degrees, or NaN), the scores (float32), and the
    identifiers and periods that exist. Raises AstrodomeError if a required column is missing, or if
    a position or score is invalid.
    """
    if isinstance(predictions, pd.DataFrame):
        names, origin = list(map(str, predictions)), Path("The table")
        columns = score_columns(names, algorithm)
        table = predictions[_wanted(names, columns, origin)]
        return _standard(table.reset_index(drop=True), columns, origin), columns
    files = [predictions] if isinstance(predictions, str | os.PathLike) else list(predictions)
    if not files:
        raise InvalidInputError("No files with predictions specified.")
    parts: list[pd.DataFrame] = []
    all_columns: dict[str, str] = {}
    for path in (Path(file).expanduser() for file in files):
        datasets.require_file(path)
        names = datasets.column_names(path)
        columns = score_columns(names, algorithm, path)
        all_columns |= columns
        table = datasets.read_dataset(path, _wanted(names, columns, path)).table
        parts.append(_standard(table, columns, path))
    return _concatenated(parts), all_columns


def _wanted(names: list[str], scores: Mapping[str, str], origin: Path) -> list[str]:
    """Return the columns to read, or raise AstrodomeError if a required column is missing."""
    ids = [name for name in ("_id", "ztf_id") if name in names][:1] or ["_id"]
    place = positions.columns(names)
    place = {"ra": "ra", "dec": "dec"} | place if place else {}
    datasets.require_columns([*ids, *place.values()], names, origin)
    surveys = map(survey_column, SURVEYS)
    optional = [name for name in ("obj_id", *surveys, *COPIED, "filter") if name in names]
    return [*ids, *optional, *place.values(), *period_columns(names), *scores.values()]


def _standard(table: pd.DataFrame, scores: Mapping[str, str], origin: Path) -> pd.DataFrame:
    """Return a table with standard names and types of the columns."""
    ra, dec = positions.coordinates(table, origin) or (np.nan, np.nan)
    names = {old: new for new, old in positions.columns(list(table.columns)).items()}
    table = table.rename(columns={"ztf_id": "_id", **names})
    values = {name: probabilities(table[name], origin) for name in scores.values()}
    return table.assign(ra=ra, dec=dec, **values)


def _concatenated(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate tables. An identifier column is text if its types differ between the tables."""
    types: dict[str, set[str]] = {}
    for part in parts:
        for name in filter(identifiers.is_identifier, part):
            types.setdefault(name, set()).add(str(part[name].dtype))
    mixed = [name for name, kinds in types.items() if len(kinds) > 1]
    converted = [
        part.assign(**{name: _as_text(part[name]) for name in mixed if name in part})
        for part in parts
    ]
    return pd.concat(converted, ignore_index=True)


def _as_text(ids: pd.Series) -> pd.Series:
    texts = [text or None for text in identifiers.texts(ids)]
    return pd.Series(texts, ids.index, dtype=object)
