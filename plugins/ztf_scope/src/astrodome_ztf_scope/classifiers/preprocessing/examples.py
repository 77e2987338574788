"""Preprocess data sets for training and evaluating a classifier for one class."""

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
from .splitting import DataSplit, source_numbers, split_dataset


@dataclass(frozen=True)
class LabelledExamples:
    """A subset of the rows in a data set, preprocessed for a classifier.

    Attributes
    ----------
    features : numpy.ndarray
        Imputed and scaled features, with shape (N, F) and dtype float32.
    dmdt : numpy.ndarray or None
        Images with shape (N, 26, 26) and dtype float32, or None if the data set has no images.
    target : numpy.ndarray
        Labels with shape (N,) and dtype float32. Each label is 0 or 1.
    weight : numpy.ndarray
        Sample weights, with shape (N,) and dtype float32.
    """

    features: NDArray[np.float32]
    dmdt: NDArray[np.float32] | None
    target: NDArray[np.float32]
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class PreparedDataSet:
    """A data set that has been split and preprocessed for one class.

    Attributes
    ----------
    parts : mapping of str to LabelledExamples
        Examples, keyed by subset (``train``, ``validation``, ``test`` or ``dropped``). The subset
        ``dropped`` contains the training rows that were removed to balance the labels.
    split : DataSplit
        Row positions of each subset.
    preparation : Preparation
        Imputation and scaling, with parameters from the training set.
    usable : numpy.ndarray of bool
        Mask with shape (N,) that is True for rows that can be used. A row can be used if no
        required feature is missing. A feature is required if it is not imputed.
    """

    parts: Mapping[str, LabelledExamples]
    split: DataSplit
    preparation: Preparation
    usable: NDArray[np.bool_]

    def __repr__(self) -> str:
        rows = ", ".join(f"{name}: {len(part)}" for name, part in self.parts.items())
        return f"PreparedDataSet(rows by subset: {rows})"


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
        Labeled data set with the same columns as in :func:`train_classifier`.
    tag : str
        Tag of the class, for example ``vnv``.
    config : ScopeConfig, optional
        Configuration to use. By default, the result of :func:`load_config` is used.
    random_state : int, optional
        Seed for all random numbers. By default, the random state of the class is used.
    group_by : str, optional
        Column that identifies the source in each row, or ``position``. All rows of a source are
        assigned to the same subset.

    Returns
    -------
    PreparedDataSet
        The examples in each subset, and the parameters for imputation and scaling.

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
    dataset = as_dataset(data)
    return prepare(dataset, features, entry, tag, groups=source_numbers(dataset, group_by))


def prepare(
    data: DataSet,
    features: FeatureSet,
    entry: ClassConfig,
    tag: str,
    *,
    stats: Mapping[str, FeatureStats] | None = None,
    groups: NDArray[np.intp] | None = None,
    threads: int = 1,
) -> PreparedDataSet:
    """Split and preprocess a data set for one class. See :func:`prepare_dataset`.

    If ``stats`` is given, it is used for scaling instead of the statistics of the training set.
    ``groups`` is the result of :func:`.source_numbers`.
    """
    usable = usable_rows(data, features)
    split = split_dataset(data, tag, entry, usable=usable, groups=groups)
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
    """Return the preprocessed examples for the rows at the given positions.

    No required feature may be missing in these rows. Raises AstrodomeError if a scaled feature
    exceeds the range of float32.
    """
    part = data.take(rows)
    features, finite = preparation.apply(part, threads)
    if not finite.all():
        raise AstrodomeError(
            f"{data.path}: {int((~finite).sum()):,} of {len(finite):,} rows have a feature value "
            "that exceeds the range of float32 after scaling.",
            "Check the values in the data set, and feature_stats in the configuration.",
        )
    return LabelledExamples(features, part.dmdt, split.target[rows], split.weight[rows])
