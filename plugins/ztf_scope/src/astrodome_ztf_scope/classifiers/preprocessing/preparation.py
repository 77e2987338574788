"""Impute and scale the features for a classifier.

The parameters are determined only from the training set, and are stored with the model. The result
for a row does not depend on the other rows.
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
from ...tables import feature_provenance
from ...tables.datasets import DataSet
from .imputation import NeighbourImputer
from .missing_features import how_to_add

Floats = NDArray[np.float64]
Scale = Literal["min_max", "median_std"] | None

LARGEST = float(np.finfo(np.float32).max)
FILE, NEIGHBOURS = "preparation.json", "imputation.npz"


@dataclass(frozen=True)
class FeatureTransform:
    """Imputation and scaling of one feature. The scaled value is ``(value - offset) / divisor``.

    ``column`` is the column name in the data set, and ``feature`` is the feature name without the
    suffix for the period-finding algorithm. ``strategy`` is the imputation strategy. Missing values
    are replaced by ``fill`` before scaling. ``fill`` is None for the strategy ``regress``, which
    uses the nearest neighbors, and for the strategy ``none``, which skips rows with missing values.
    """

    column: str
    feature: str
    strategy: str
    fill: float | None
    offset: float = 0.0
    divisor: float = 1.0


@dataclass(frozen=True)
class Preparation:
    """Imputation and scaling of all features, in the order that a classifier expects.

    ``columns`` contains the parameters for each feature. ``scale`` is the scaling method, or None
    for no scaling. ``neighbours`` is the imputer for the strategy ``regress``, or None if no
    feature uses this strategy.
    ``fourier_convention`` specifies which quantities the Fourier features in the training set
    contain; see :mod:`....tables.feature_provenance`. It is ``coefficients`` if the metadata of the
    training set do not contain it.
    """

    columns: tuple[FeatureTransform, ...]
    scale: Scale = None
    neighbours: NeighbourImputer | None = None
    fourier_convention: str = feature_provenance.COEFFICIENTS

    @property
    def features(self) -> list[str]:
        """Feature names, without the suffix for the period-finding algorithm."""
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
        """Determine the imputation and scaling parameters from the training set.

        Parameters
        ----------
        data : DataSet
            Training set.
        features : FeatureSet
            Features that the classifier uses.
        scale : {"min_max", "median_std"} or None
            Scaling method, or None for no scaling.
        stats : mapping, optional
            Feature statistics to use for scaling, instead of the statistics of the training set.
            Features that are not in the mapping, and features with a constant value, are not
            scaled.
        random_state : int
            Seed for sampling the reference rows for the strategy ``regress``. At most 20,000 rows
            are used.

        Raises
        ------
        AstrodomeError
            If a column is missing, contains text, or contains only missing values.
        """
        columns = find(features.columns, list(data.table.columns), data.path)
        values = numbers(data.table, columns, data.path)
        empty = np.isnan(values).all(axis=0)
        if empty.any():
            raise AstrodomeError(
                f"{data.path}: the column '{columns[int(np.argmax(empty))]}' contains only missing "
                "values in the training set.",
                "Exclude the feature in the configuration (include: false).",
            )
        names = list(features.columns.values())
        measured = _statistics(names, values)
        transforms = [
            _transform(column, name, features.features[name].impute_strategy, measured.get(name))
            for column, name in zip(columns, names, strict=True)
        ]
        regressed = [i for i, column in enumerate(transforms) if column.strategy == "regress"]
        random = np.random.default_rng(random_state)
        neighbours = NeighbourImputer.fit(values[:, regressed], random) if regressed else None
        convention = feature_provenance.convention(data.table)
        convention = convention or feature_provenance.COEFFICIENTS
        unscaled = cls(tuple(transforms), None, neighbours, convention)
        if scale is None:
            return unscaled
        if stats is None:
            stats = _statistics(names, unscaled._imputed(values))
        scaled = (_scaled(column, scale, stats.get(column.feature)) for column in transforms)
        return replace(unscaled, columns=tuple(scaled), scale=scale)

    @classmethod
    def configured(
        cls, features: FeatureSet, scale: Scale, stats: Mapping[str, FeatureStats]
    ) -> Preparation:
        """Create the preprocessing (imputation and scaling) for a file that contains only weights.

        The parameters are determined from the configuration.

        The imputation strategies ``mean`` and ``median`` use the values in ``stats``. The strategy
        ``regress`` requires a training set, and is therefore replaced by ``median``. Raises
        AstrodomeError if ``stats`` does not contain the statistics of an imputed feature.
        """
        transforms = []
        for name, feature in features.columns.items():
            strategy, known = features.features[feature].impute_strategy, stats.get(feature)
            strategy = "median" if strategy == "regress" else strategy
            if strategy in ("mean", "median") and known is None:
                raise AstrodomeError(
                    f"The entry '{feature}' is missing in 'feature_stats': the {strategy} of the "
                    "feature is required to impute missing values.",
                    "Add the entry to feature_stats in the configuration.",
                )
            column = _transform(name, feature, strategy, known)
            transforms.append(_scaled(column, scale, known) if scale else column)
        return cls(tuple(transforms), scale)

    def apply(
        self, data: DataSet | pd.DataFrame, threads: int = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the imputed and scaled features, and a mask that is True for usable rows.

        The features have the shape (N, F), and the mask has the shape (N,).

        A row is usable if no required feature is missing. A feature is required if it is not
        imputed. The features of all other rows are NaN. Raises AstrodomeError if a column is
        missing or contains text, or if the Fourier convention differs from the training set.
        """
        values = self.impute(data if isinstance(data, DataSet) else DataSet(data, None), threads)
        values -= [column.offset for column in self.columns]
        values /= [column.divisor for column in self.columns]
        with np.errstate(over="ignore"):
            prepared = values.astype(np.float32)
        usable = np.asarray(np.isfinite(prepared).all(axis=1))
        prepared[~usable] = np.nan
        return prepared, usable

    def impute(self, data: DataSet, threads: int = 1) -> Floats:
        """Return the imputed features before scaling, with shape (N, F)."""
        feature_provenance.check(data.table, data.path, self.fourier_convention, self.features)
        columns = self.columns_in(list(data.table.columns), data.path)
        return self._imputed(numbers(data.table, columns, data.path), threads)

    def columns_in(self, available: list[str], path: Path) -> list[str]:
        """Return the names of the feature columns in a data set, in the order of the features."""
        return find({c.column: c.feature for c in self.columns}, available, path)

    def save(self, folder: Path) -> None:
        """Write ``preparation.json``, and ``imputation.npz`` if there are reference rows."""
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
                f"{folder} is not a valid run folder: {error.filename} not found."
            ) from None
        except (ValueError, KeyError, TypeError, OSError, BadZipFile) as error:
            raise AstrodomeError(
                f"{folder / FILE} is damaged: {error}.", "Train the model again."
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as a dictionary for JSON, without the reference rows."""
        return {
            "scale": self.scale,
            "neighbours": self.neighbours.k if self.neighbours else 0,
            "fourier_convention": self.fourier_convention,
            "columns": [asdict(column) for column in self.columns],
        }

    @classmethod
    def from_dict(
        cls, saved: Mapping[str, Any], references: NDArray[np.float32] | None = None
    ) -> Preparation:
        """Create an object from the result of :meth:`to_dict` and the reference rows."""
        neighbours = None
        if references is not None:
            neighbours = NeighbourImputer(references, saved["neighbours"])
        columns = tuple(FeatureTransform(**column) for column in saved["columns"])
        convention = saved.get("fourier_convention", feature_provenance.COEFFICIENTS)
        return cls(columns, saved["scale"], neighbours, convention)

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
    """Return a mask with shape (N,) that is True for rows in which no required feature is missing.

    A feature is required if it is not imputed. Raises AstrodomeError if no row can be used. The
    error message contains the column with the most missing values.
    """
    columns = find(features.required, list(data.table.columns), data.path)
    values = numbers(data.table, columns, data.path)
    usable = np.asarray(np.isfinite(values).all(axis=1))
    if not usable.any():
        emptiest = columns[int(np.isnan(values).sum(axis=0).argmax())]
        raise AstrodomeError(
            f"{data.path}: no row can be used, because each row has a missing value in at least "
            "one feature that is not imputed. The column with the most missing values is "
            f"'{emptiest}'.",
            "Impute this feature (impute_strategy) or exclude it (include: false).",
        )
    return usable


def finite(values: Floats) -> NDArray[np.bool_]:
    """Return a mask that is True for values that are finite after a conversion to float32."""
    return np.asarray(np.abs(values) <= LARGEST)


def find(columns: Mapping[str, str], available: list[str], path: Path) -> list[str]:
    """Find the columns in a data set that contain the given features.

    Parameters
    ----------
    columns : mapping of str to str
        Mapping of column names to feature names. If no column with the suffix for the
        period-finding algorithm exists, columns with the feature names are used, as in SCoPe data
        sets from 2022.
    available : list of str
        Column names in the data set.
    path : pathlib.Path
        File name to use in error messages.

    Returns
    -------
    list of str
        Names of the columns in the data set, in the order of ``columns``.

    Raises
    ------
    AstrodomeError
        If a required column is missing.
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
            f"{len(missing)} of {len(columns)} feature columns are missing in {path}: {names}",
            f"The file contains the column '{close}' instead of '{missing[0]}'. A model can be "
            "applied only to columns with the suffix with which it was trained "
            f"({missing[0][len(stem) :] or 'no suffix'}). To train new models with another suffix, "
            "use scope train --period-suffix."
            if close
            else how_to_add(missing),
        )
    return list(columns)


def numbers(table: pd.DataFrame, columns: Sequence[str], path: Path) -> Floats:
    """Return columns as float64 with shape (N, F).

    Values that are not finite in float32 are replaced by NaN. ``path`` is used in error messages.
    """
    values = raw_numbers(table, columns, path)
    values[~finite(values)] = np.nan
    return values


def raw_numbers(table: pd.DataFrame, columns: Sequence[str], path: Path) -> Floats:
    """Return columns as float64 with shape (N, F), including infinite values.

    Raises AstrodomeError if a column contains text.
    """
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
    return AstrodomeError(f"{path}: invalid values in the feature columns: expected numbers.")


def _transform(
    name: str, feature: str, strategy: str, stats: FeatureStats | None
) -> FeatureTransform:
    fill = 0.0 if strategy == "zero" else getattr(stats, strategy, None)
    return FeatureTransform(name, feature, strategy, fill)


def _statistics(names: Sequence[str], values: Floats) -> dict[str, FeatureStats]:
    """Return the statistics of each feature. ``values`` has the shape (N, F)."""
    return {
        name: FeatureStats(
            min=np.nanmin(column),
            max=np.nanmax(column),
            median=np.nanmedian(column),
            mean=np.nanmean(column),
            std=np.nanstd(column),
        )
        for name, column in zip(names, values.T, strict=True)
    }


def _scaled(column: FeatureTransform, scale: str, stats: FeatureStats | None) -> FeatureTransform:
    """Return a copy of the transform that includes scaling parameters.

    If the feature has no statistics or a constant value, the transform is returned unchanged.
    """
    if stats is None:
        return column
    if scale == "min_max":
        offset, divisor = stats.min, stats.max - stats.min
    else:
        offset, divisor = stats.median, stats.std
    if not divisor or not np.isfinite(divisor):
        return column
    return replace(column, offset=offset, divisor=divisor)
