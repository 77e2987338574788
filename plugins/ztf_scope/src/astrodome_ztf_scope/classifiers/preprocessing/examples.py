"""Prepare the rows of a data set for the training and evaluation of one class."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from astrodome import AstrodomeError
from numpy.typing import NDArray

from ...config.feature_sets import FeatureSet, FeatureStats
from ...config.loading import ScopeConfig, load_config
from ...config.schema import ClassConfig
from ...tables.datasets import DataSet, as_dataset
from .preparation import Preparation, usable_rows
from .splitting import DataSplit, split_dataset


@dataclass(frozen=True)
class LabelledExamples:
    """Rows of one part of a data set, as a classifier uses them.

    Attributes
    ----------
    features : numpy.ndarray
        Imputed and scaled features, float32 of shape (N, F).
    dmdt : numpy.ndarray or None
        Images, float32 of shape (N, 26, 26).
    target : numpy.ndarray
        Labels 0 and 1, float32 of shape (N,).
    weight : numpy.ndarray
        Weights, float32 of shape (N,).
    """

    features: NDArray[np.float32]
    dmdt: NDArray[np.float32] | None
    target: NDArray[np.float32]
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class PreparedDataSet:
    """A data set that is split and prepared for one class.

    Attributes
    ----------
    parts : mapping of str to LabelledExamples
        ``train``, ``validation``, ``test``, and ``dropped`` (rows of the training part that were
        removed to balance the labels).
    split : DataSplit
        Positions of the rows in each part.
    preparation : Preparation
        Imputation and scaling, determined from the training part.
    usable : numpy.ndarray of bool
        Rows (N,) that have all features that are not imputed.
    """

    parts: Mapping[str, LabelledExamples]
    split: DataSplit
    preparation: Preparation
    usable: NDArray[np.bool_]


def prepare_dataset(
    data: DataSet | pd.DataFrame | str | os.PathLike[str],
    tag: str,
    config: ScopeConfig | None = None,
    *,
    random_state: int | None = None,
    group_by: str = "",
) -> PreparedDataSet:
    """Split a data set for one class, and impute and scale its features.

    Parameters
    ----------
    data : DataSet, pandas.DataFrame or path-like
        Labelled data set.
    tag : str
        Class, for example ``vnv``.
    config : ScopeConfig, optional
        Configuration. By default, the result of :func:`load_config`.
    random_state : int, optional
        Seed of all random numbers. By default, that of the class.
    group_by : str, optional
        Column that identifies the source of a row, or ``position``. All rows of a source are put
        into the same part.

    Returns
    -------
    PreparedDataSet

    Raises
    ------
    AstrodomeError
        If the class is not configured, a column is missing, or all rows have the same label.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> prepared = scope.prepare_dataset("dataset.parquet", "vnv")
    >>> sorted(prepared.parts)
    ['dropped', 'test', 'train', 'validation']
    >>> prepared.parts["train"].features.shape[1]
    35
    """
    config = config or load_config()
    entry = config.select([tag])[tag]
    if random_state is not None:
        entry = entry.model_copy(update={"random_state": random_state})
    features = config.feature_sets[entry.features]
    return prepare(as_dataset(data), features, entry, tag, group_by=group_by)


def prepare(
    data: DataSet,
    features: FeatureSet,
    entry: ClassConfig,
    tag: str,
    *,
    stats: Mapping[str, FeatureStats] | None = None,
    group_by: str = "",
    groups: NDArray[np.intp] | None = None,
    threads: int = 1,
) -> PreparedDataSet:
    """Split and prepare a data set for a class; see :func:`prepare_dataset`.

    ``stats`` are used for scaling instead of the statistics of the training part, and ``groups``
    instead of ``group_by``.
    """
    usable = usable_rows(data, features)
    split = split_dataset(data, tag, entry, usable=usable, group_by=group_by, groups=groups)
    train = data.take(split.train)
    preparation = Preparation.fit(train, features, entry.scale_features, stats, entry.random_state)
    parts = {
        name: examples(data, rows, split, preparation, threads)
        for name, rows in split.parts.items()
    }
    return PreparedDataSet(parts, split, preparation, usable)


def examples(
    data: DataSet,
    rows: NDArray[np.intp],
    split: DataSplit,
    preparation: Preparation,
    threads: int = 1,
) -> LabelledExamples:
    """Return the rows at these positions; all of them must be usable.

    Raises AstrodomeError if a feature is too large for 32 bits after scaling.
    """
    part = data.take(rows)
    features, finite = preparation.apply(part, threads)
    if not finite.all():
        raise AstrodomeError(
            f"{int((~finite).sum()):,} of {len(finite):,} rows have a feature that is too large "
            "for 32 bits after scaling.",
            "Check the values, and feature_stats in the configuration.",
        )
    return LabelledExamples(features, part.dmdt, split.target[rows], split.weight[rows])
