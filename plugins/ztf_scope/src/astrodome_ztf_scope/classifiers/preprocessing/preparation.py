"""What is done to features before a classifier sees them, kept with the model.

Fitted on the training part alone, and the same for a row whichever rows come with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files
from numpy.typing import NDArray

from ...config.feature_sets import FeatureSet, FeatureStats
from ...tables.datasets import DataSet
from .imputation import NeighbourImputer

Floats = NDArray[np.float64]
Scale = Literal["min_max", "median_std"] | None

LARGEST = float(np.finfo(np.float32).max)
FILE, NEIGHBOURS = "preparation.json", "imputation.npz"


@dataclass(frozen=True)
class FeatureTransform:
    """How one feature is prepared: ``(value − offset) / divisor``, ``fill`` where missing.

    ``column`` is that of the data set, ``feature`` its name without the suffix of a period
    search. ``strategy`` says where ``fill`` is from; it is None for ``regress`` (filled from
    neighbours) and ``none`` (the row is not usable).
    """

    column: str
    feature: str
    strategy: str
    fill: float | None
    offset: float = 0.0
    divisor: float = 1.0


@dataclass(frozen=True)
class Preparation:
    """Features in the order in which a classifier gets them, and how each is prepared."""

    columns: tuple[FeatureTransform, ...]
    scale: Scale = None
    neighbours: NeighbourImputer | None = None

    @property
    def names(self) -> list[str]:
        """The columns of a data set that are needed."""
        return [column.column for column in self.columns]

    @property
    def features(self) -> list[str]:
        """The features' names without the suffix of a period search."""
        return [column.feature for column in self.columns]

    @classmethod
    def fit(
        cls,
        frame: DataSet,
        features: FeatureSet,
        scale: Scale,
        stats: Mapping[str, FeatureStats] | None = None,
        random_state: int = 42,
    ) -> Preparation:
        """Learn from the training part what to impute with and how to scale.

        ``stats``, by name of the feature, go before statistics of this part; a feature without
        an entry there is not scaled, nor is one that does not vary. Of the rows that ``regress``
        learns from, 20,000 at most are kept, sampled with ``random_state``.
        Raises AstrodomeError for a column that is missing, holds text, or has no value.
        """
        wanted = features.columns
        columns = find(wanted, list(frame.table.columns), frame.path)
        values = numbers(frame.table, columns, frame.path)
        empty = np.isnan(values).all(axis=0)
        if empty.any():
            raise AstrodomeError(
                f"{frame.path}: the column '{columns[int(np.argmax(empty))]}' has no value in the "
                "training part.",
                "Leave the feature out of the set: include: false.",
            )
        learned = [
            _column(name, feature, features.features[feature].impute_strategy, values[:, i])
            for i, (name, feature) in enumerate(zip(columns, wanted.values(), strict=True))
        ]
        regressed = [i for i, column in enumerate(learned) if column.strategy == "regress"]
        random = np.random.default_rng(random_state)
        neighbours = NeighbourImputer.fit(values[:, regressed], random) if regressed else None
        unscaled = cls(tuple(learned), None, neighbours)
        if scale is None:
            return unscaled
        if stats is None:
            values = unscaled._imputed(values)
        scaled = [
            _scaled(
                column,
                scale,
                _statistics(values[:, i]) if stats is None else stats.get(column.feature),
            )
            for i, column in enumerate(learned)
        ]
        return cls(tuple(scaled), scale, neighbours)

    @classmethod
    def configured(
        cls, features: FeatureSet, scale: Scale, stats: Mapping[str, FeatureStats]
    ) -> Preparation:
        """What the configuration alone says, for a model that brought no preparation.

        ``mean`` and ``median`` are those of ``stats``, and the median is also taken for
        ``regress``, which needs a training set. Scaled as by :meth:`fit` with ``stats``.
        Raises AstrodomeError when an imputed feature has no entry in ``stats``.
        """
        made = []
        for name, feature in features.columns.items():
            strategy, known = features.features[feature].impute_strategy, stats.get(feature)
            strategy = "median" if strategy == "regress" else strategy
            if strategy in ("mean", "median") and known is None:
                raise AstrodomeError(
                    f"'feature_stats' has no entry '{feature}', and its {strategy} is to replace "
                    "missing values.",
                    "Add the entry to the configuration.",
                )
            fill = 0.0 if strategy == "zero" else getattr(known, strategy, None)
            column = FeatureTransform(name, feature, strategy, fill)
            made.append(_scaled(column, scale, known) if scale else column)
        return cls(tuple(made), scale)

    def apply(
        self, frame: DataSet | pd.DataFrame, threads: int = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Prepared features (N, F), and which rows are usable (N,).

        A row of which a feature is missing that is not imputed is not usable and holds NaN.
        Raises AstrodomeError for a column that is missing or holds text.
        """
        if not isinstance(frame, DataSet):
            frame = DataSet(frame, None, Path("the table"))
        table, path = frame.table, frame.path
        columns = self.columns_in(list(table.columns), path)
        values = self._imputed(numbers(table, columns, path), threads)
        values -= [column.offset for column in self.columns]
        values /= [column.divisor for column in self.columns]
        with np.errstate(over="ignore"):
            prepared = values.astype(np.float32)
        usable = np.asarray(np.isfinite(prepared).all(axis=1))
        prepared[~usable] = np.nan
        return prepared, usable

    def columns_in(self, available: list[str], path: Path) -> list[str]:
        """Which columns of a data set these features are in, in the same order."""
        return find({c.column: c.feature for c in self.columns}, available, path)

    def save(self, folder: Path) -> None:
        """Write ``preparation.json`` and, with neighbours, ``imputation.npz``."""
        if self.neighbours:
            with files.replacing(folder / NEIGHBOURS) as part, part.open("wb") as file:
                np.savez(file, references=self.neighbours.references)
        files.write_text(folder / FILE, json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Preparation:
        """What :meth:`save` wrote; AstrodomeError when it is not there or broken."""
        try:
            saved = json.loads((folder / FILE).read_text("utf-8"))
            references = None
            if saved["neighbours"]:
                with np.load(folder / NEIGHBOURS, allow_pickle=False) as arrays:
                    references = arrays["references"]
            return cls.from_dict(saved, references)
        except FileNotFoundError as error:
            raise AstrodomeError(
                f"{folder} holds no trained model: {error.filename} is missing."
            ) from None
        except (ValueError, KeyError, TypeError, OSError, BadZipFile) as error:
            raise AstrodomeError(f"{folder / FILE} is broken: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """Everything but the reference rows, as JSON has it."""
        return {
            "scale": self.scale,
            "neighbours": self.neighbours.k if self.neighbours else 0,
            "columns": [asdict(column) for column in self.columns],
        }

    @classmethod
    def from_dict(
        cls, saved: Mapping[str, Any], references: NDArray[np.float32] | None = None
    ) -> Preparation:
        """The opposite of :meth:`to_dict`; ``references`` are the rows to impute from."""
        neighbours = (
            None if references is None else NeighbourImputer(references, saved["neighbours"])
        )
        return cls(
            tuple(FeatureTransform(**c) for c in saved["columns"]), saved["scale"], neighbours
        )

    def _imputed(self, values: Floats, threads: int = 1) -> Floats:
        filled = values.copy()
        for i, column in enumerate(self.columns):
            if column.fill is not None:
                filled[np.isnan(filled[:, i]), i] = column.fill
        if self.neighbours:
            regressed = [i for i, c in enumerate(self.columns) if c.strategy == "regress"]
            filled[:, regressed] = self.neighbours.fill(values[:, regressed], threads)
        return filled


def usable(frame: DataSet, features: FeatureSet) -> NDArray[np.bool_]:
    """Rows (N,) that have every feature that is not imputed; only those can be learned from."""
    wanted = {
        column: name
        for column, name in features.columns.items()
        if features.features[name].impute_strategy == "none"
    }
    columns = find(wanted, list(frame.table.columns), frame.path)
    values = numbers(frame.table, columns, frame.path)
    return np.asarray(np.isfinite(values).all(axis=1))


def finite(values: Floats) -> NDArray[np.bool_]:
    """Return which values are finite in 32 bits, the precision of the classifiers."""
    return np.asarray(np.abs(values) <= LARGEST)


def find(wanted: Mapping[str, str], available: list[str], path: Path) -> list[str]:
    """Where a data set has these features, given as column → feature.

    The data sets of 2022 have one period search, and no suffix; a file in which no column has
    the suffix is read as one of those. Raises AstrodomeError when columns are missing.
    """
    missing = [column for column in wanted if column not in available]
    suffixed = [column for column, feature in wanted.items() if column != feature]
    if suffixed and all(column in missing for column in suffixed):
        plain = [feature for feature in wanted.values() if feature not in available]
        if len(plain) < len(missing):
            wanted, missing = {name: name for name in wanted.values()}, plain
    if missing:
        some = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        stem = wanted[missing[0]] + "_"
        close = next((name for name in available if name.startswith(stem)), "")
        raise AstrodomeError(
            f"{path} lacks {len(missing)} of the {len(wanted)} feature columns: {some}",
            f"It has '{close}': features.info.period_suffix says which suffix is read."
            if close
            else "",
        )
    return list(wanted)


def numbers(table: pd.DataFrame, columns: Sequence[str], path: Path) -> Floats:
    """Return columns as float64 (N, F), with NaN for values that are not finite in 32 bits."""
    values = raw_numbers(table, columns, path)
    values[~finite(values)] = np.nan
    return values


def raw_numbers(table: pd.DataFrame, columns: Sequence[str], path: Path) -> Floats:
    """Return columns as float64 (N, F), including infinite values."""
    try:
        values = table[list(columns)].to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise _not_a_number(table, columns, path) from None
    return np.array(values, copy=True)


def _not_a_number(table: pd.DataFrame, columns: Sequence[str], path: Path) -> AstrodomeError:
    for column in columns:
        text = table[column][pd.to_numeric(table[column], "coerce").isna() & table[column].notna()]
        if len(text):
            return AstrodomeError(
                f"{path}: row {text.index[0]} of the column '{column}' holds "
                f"{text.iloc[0]!r}, which is no number."
            )
    return AstrodomeError(f"{path} holds something else than numbers in its feature columns.")


def _column(name: str, feature: str, strategy: str, values: Floats) -> FeatureTransform:
    match strategy:
        case "zero":
            fill: float | None = 0.0
        case "mean":
            fill = float(np.nanmean(values))
        case "median":
            fill = float(np.nanmedian(values))
        case _:
            fill = None
    return FeatureTransform(name, feature, strategy, fill)


def _statistics(values: Floats) -> FeatureStats:
    return FeatureStats.model_construct(
        min=float(np.nanmin(values)),
        max=float(np.nanmax(values)),
        median=float(np.nanmedian(values)),
        mean=float(np.nanmean(values)),
        std=float(np.nanstd(values)),
    )


def _scaled(column: FeatureTransform, scale: str, known: FeatureStats | None) -> FeatureTransform:
    """The column with what it is scaled by; unscaled where there is nothing to scale by."""
    if known is None:
        return column
    if scale == "min_max":
        offset, divisor = known.min, known.max - known.min
    else:
        offset, divisor = known.median, known.std
    if not divisor or not np.isfinite(divisor):
        return column
    return replace(column, offset=offset, divisor=divisor)
