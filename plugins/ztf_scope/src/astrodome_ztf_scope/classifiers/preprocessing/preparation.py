"""Impute and scale features before a classifier uses them.

The parameters are determined from the training part only and are stored with the model. The
result for a row does not depend on the other rows.
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
    """Imputation and scaling of one feature: ``(value - offset) / divisor``.

    ``column`` is the name in the data set, ``feature`` the name without the suffix of a period
    search. Missing values are replaced by ``fill`` before scaling. ``fill`` is None for the
    strategies ``regress`` (imputed from neighbours) and ``none`` (the row is not usable).
    """

    column: str
    feature: str
    strategy: str
    fill: float | None
    offset: float = 0.0
    divisor: float = 1.0


@dataclass(frozen=True)
class Preparation:
    """Imputation and scaling of all features, in the order in which a classifier receives them."""

    columns: tuple[FeatureTransform, ...]
    scale: Scale = None
    neighbours: NeighbourImputer | None = None

    @property
    def names(self) -> list[str]:
        """The required columns of a data set."""
        return [column.column for column in self.columns]

    @property
    def features(self) -> list[str]:
        """The names of the features, without the suffix of a period search."""
        return [column.feature for column in self.columns]

    @classmethod
    def fit(
        cls,
        data: DataSet,
        features: FeatureSet,
        scale: Scale,
        stats: Mapping[str, FeatureStats] | None = None,
        random_state: int = 42,
    ) -> Preparation:
        """Determine the imputation and scaling from the training part.

        Parameters
        ----------
        data : DataSet
            Training part of a data set.
        features : FeatureSet
            Features of the classifier.
        scale : {"min_max", "median_std"} or None
            Scaling method.
        stats : mapping, optional
            Statistics by feature that are used for scaling instead of those of the training part.
            Features without an entry, and features with a constant value, are not scaled.
        random_state : int
            Seed for the sample of at most 20,000 reference rows of the strategy ``regress``.

        Raises
        ------
        AstrodomeError
            If a column is missing, contains text, or has no value.
        """
        columns = find(features.columns, list(data.table.columns), data.path)
        values = numbers(data.table, columns, data.path)
        empty = np.isnan(values).all(axis=0)
        if empty.any():
            raise AstrodomeError(
                f"{data.path}: the column '{columns[int(np.argmax(empty))]}' has no value in the "
                "training part.",
                "Exclude the feature from the set: include: false.",
            )
        transforms = [
            _transform(name, feature, features.features[feature].impute_strategy, values[:, i])
            for i, (name, feature) in enumerate(
                zip(columns, features.columns.values(), strict=True)
            )
        ]
        regressed = [i for i, column in enumerate(transforms) if column.strategy == "regress"]
        random = np.random.default_rng(random_state)
        neighbours = NeighbourImputer.fit(values[:, regressed], random) if regressed else None
        unscaled = cls(tuple(transforms), None, neighbours)
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
            for i, column in enumerate(transforms)
        ]
        return cls(tuple(scaled), scale, neighbours)

    @classmethod
    def configured(
        cls, features: FeatureSet, scale: Scale, stats: Mapping[str, FeatureStats]
    ) -> Preparation:
        """Return the preparation for a model that was saved without one, from the configuration.

        The strategies ``mean`` and ``median`` use ``stats``. ``regress``, which needs a training
        set, is replaced by ``median``. Raises AstrodomeError if an imputed feature has no entry in
        ``stats``.
        """
        transforms = []
        for name, feature in features.columns.items():
            strategy, known = features.features[feature].impute_strategy, stats.get(feature)
            strategy = "median" if strategy == "regress" else strategy
            if strategy in ("mean", "median") and known is None:
                raise AstrodomeError(
                    f"'feature_stats' has no entry '{feature}': its {strategy} is required to "
                    "impute missing values.",
                    "Add the entry to the configuration.",
                )
            fill = 0.0 if strategy == "zero" else getattr(known, strategy, None)
            column = FeatureTransform(name, feature, strategy, fill)
            transforms.append(_scaled(column, scale, known) if scale else column)
        return cls(tuple(transforms), scale)

    def apply(
        self, data: DataSet | pd.DataFrame, threads: int = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the prepared features (N, F) and the usable rows (N,).

        A row is not usable if a feature that is not imputed is missing; its features are NaN.
        Raises AstrodomeError if a column is missing or contains text.
        """
        if not isinstance(data, DataSet):
            data = DataSet(data, None)
        columns = self.columns_in(list(data.table.columns), data.path)
        values = self._imputed(numbers(data.table, columns, data.path), threads)
        values -= [column.offset for column in self.columns]
        values /= [column.divisor for column in self.columns]
        with np.errstate(over="ignore"):
            prepared = values.astype(np.float32)
        usable = np.asarray(np.isfinite(prepared).all(axis=1))
        prepared[~usable] = np.nan
        return prepared, usable

    def columns_in(self, available: list[str], path: Path) -> list[str]:
        """Return the names of the features' columns in a data set, in the same order."""
        return find({c.column: c.feature for c in self.columns}, available, path)

    def save(self, folder: Path) -> None:
        """Write ``preparation.json`` and, if needed, ``imputation.npz`` with reference rows."""
        if self.neighbours:
            with files.replacing(folder / NEIGHBOURS) as part, part.open("wb") as file:
                np.savez(file, references=self.neighbours.references)
        files.write_text(folder / FILE, json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Preparation:
        """Load the files that :meth:`save` wrote.

        Raises AstrodomeError if a file is missing or damaged.
        """
        try:
            saved = json.loads((folder / FILE).read_text("utf-8"))
            references = None
            if saved["neighbours"]:
                with np.load(folder / NEIGHBOURS, allow_pickle=False) as arrays:
                    references = arrays["references"]
            return cls.from_dict(saved, references)
        except FileNotFoundError as error:
            raise AstrodomeError(
                f"{folder} is not a trained model: {error.filename} is missing."
            ) from None
        except (ValueError, KeyError, TypeError, OSError, BadZipFile) as error:
            raise AstrodomeError(f"{folder / FILE} is damaged: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters, without the reference rows, for JSON."""
        return {
            "scale": self.scale,
            "neighbours": self.neighbours.k if self.neighbours else 0,
            "columns": [asdict(column) for column in self.columns],
        }

    @classmethod
    def from_dict(
        cls, saved: Mapping[str, Any], references: NDArray[np.float32] | None = None
    ) -> Preparation:
        """Return the preparation for the result of :meth:`to_dict` and the reference rows."""
        neighbours = None
        if references is not None:
            neighbours = NeighbourImputer(references, saved["neighbours"])
        columns = tuple(FeatureTransform(**column) for column in saved["columns"])
        return cls(columns, saved["scale"], neighbours)

    def _imputed(self, values: Floats, threads: int = 1) -> Floats:
        filled = values.copy()
        for i, column in enumerate(self.columns):
            if column.fill is not None:
                filled[np.isnan(filled[:, i]), i] = column.fill
        if self.neighbours:
            regressed = [i for i, c in enumerate(self.columns) if c.strategy == "regress"]
            filled[:, regressed] = self.neighbours.fill(values[:, regressed], threads)
        return filled


def usable_rows(data: DataSet, features: FeatureSet) -> NDArray[np.bool_]:
    """Return the rows (N,) that have all features that are not imputed.

    Raises AstrodomeError, with the column with the fewest values, if there is no such row.
    """
    columns = find(features.required, list(data.table.columns), data.path)
    values = numbers(data.table, columns, data.path)
    usable = np.asarray(np.isfinite(values).all(axis=1))
    if not usable.any():
        emptiest = columns[int(np.isnan(values).sum(axis=0).argmax())]
        raise AstrodomeError(
            f"{data.path}: no row has values for all features that are not imputed. The column "
            f"with the fewest values is '{emptiest}'.",
            "Impute the feature (impute_strategy) or exclude it (include: false).",
        )
    return usable


def finite(values: Floats) -> NDArray[np.bool_]:
    """Return which values are finite in 32 bits, the precision of the classifiers."""
    return np.asarray(np.abs(values) <= LARGEST)


def find(columns: Mapping[str, str], available: list[str], path: Path) -> list[str]:
    """Return the columns of a data set that contain these features.

    Parameters
    ----------
    columns : mapping of str to str
        Features by the name of their column. If no column with the suffix of a period search
        exists, the names of the features are used, as in the data sets of 2022.
    available : list of str
        Columns of the data set.
    path : pathlib.Path
        File, for error messages.

    Raises
    ------
    AstrodomeError
        If a column is missing.
    """
    missing = [column for column in columns if column not in available]
    suffixed = [column for column, feature in columns.items() if column != feature]
    if suffixed and all(column in missing for column in suffixed):
        plain = [feature for feature in columns.values() if feature not in available]
        if len(plain) < len(missing):
            columns, missing = {name: name for name in columns.values()}, plain
    if missing:
        names = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        stem = columns[missing[0]] + "_"
        close = next((name for name in available if name.startswith(stem)), "")
        raise AstrodomeError(
            f"{path} lacks {len(missing)} of the {len(columns)} feature columns: {names}",
            f"It has '{close}': set features.info.period_suffix to the suffix of the columns."
            if close
            else "",
        )
    return list(columns)


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
                f"{path}: invalid value {text.iloc[0]!r} in column '{column}', row "
                f"{text.index[0]}: expected a number.",
                "Rows are counted from 0.",
            )
    return AstrodomeError(f"{path}: the feature columns contain values that are not numbers.")


def _transform(name: str, feature: str, strategy: str, values: Floats) -> FeatureTransform:
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


def _scaled(column: FeatureTransform, scale: str, stats: FeatureStats | None) -> FeatureTransform:
    """Return the column with its scaling, or unchanged if it cannot be scaled."""
    if stats is None:
        return column
    if scale == "min_max":
        offset, divisor = stats.min, stats.max - stats.min
    else:
        offset, divisor = stats.median, stats.std
    if not divisor or not np.isfinite(divisor):
        return column
    return replace(column, offset=offset, divisor=divisor)
