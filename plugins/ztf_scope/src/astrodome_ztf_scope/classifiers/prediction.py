"""Predict the scores of sources in tables and files with trained classifiers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import compute

from ..tables import datasets, identifiers, parts
from ..tables import fourier_convention as conventions
from . import partitions
from .loaded_models import AnyModel, LoadedModel, configure
from .scorer import MergeMethod, Scorer
from .trained_models import TrainedModel

ROWS = 8192
"""Default number of rows in a partition."""


@dataclass(frozen=True)
class PredictionResult:
    """Result of :func:`predict_files`.

    Attributes
    ----------
    path : pathlib.Path
        Path of the output file.
    rows : int
        Number of rows in the output file.
    unusable : dict of str to int
        Number of rows with a missing score, keyed by score column.
    existing : bool
        Whether the output file already existed and contained the result of the same prediction.
    lost : mapping of str to str
        Messages about identifiers that lost digits, keyed by column name.
    """

    path: Path
    rows: int
    unusable: dict[str, int]
    existing: bool = False
    lost: Mapping[str, str] = field(default_factory=dict)


def classify(
    data: datasets.DataSet | pd.DataFrame | str | os.PathLike[str],
    models: AnyModel | Iterable[AnyModel],
    *,
    merge: MergeMethod | None = None,
    fourier_convention: str = "",
) -> pd.DataFrame:
    """Predict scores for the sources in a table.

    Parameters
    ----------
    data : DataSet, pandas.DataFrame or path-like
        Data set that contains all feature columns with which the models were trained. The column
        ``dmdt`` is also required if a model needs images. If the data set does not fit into memory,
        use :func:`predict_files`.
    models : LoadedModel, TrainedModel or path-like, or an iterable of these
        One or more trained classifiers. A path is a run folder or a SCoPe model file.
    merge : {"mean", "max"}, optional
        If given, a column is added for each class, which contains the mean or the maximum score of
        the models for the class.
    fourier_convention : {"coefficients", "amplitudes"}, optional
        Values in the Fourier columns. It is required only for a table without metadata, such as a
        CSV file, in which no amplitude is negative.

    Returns
    -------
    pandas.DataFrame
        Identifiers, positions in degrees and periods in days, if they are available. In addition, a
        column ``<tag>_<algorithm>`` for each model, with scores between 0 and 1. A score is missing
        if a required feature is missing. A feature is required if it is not imputed.

    Raises
    ------
    AstrodomeError
        If the data set does not contain a required column, or if its Fourier convention is unknown
        or differs from the training set.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> model = scope.load_model("models/experiment/xgb/vnv/42")
    >>> table = scope.read_table("dataset.parquet")
    >>> scores = scope.classify(table, model)
    >>> bool(scores["vnv_xgb"].between(0, 1).all()), len(scores) == len(table)
    (True, True)
    """
    if isinstance(models, LoadedModel | TrainedModel | str | os.PathLike):
        models = [models]
    dataset = datasets.as_dataset(data)
    scorer = Scorer(models, compute.cores())
    if scorer.uses_dmdt and dataset.dmdt is None:
        datasets.require_columns(["dmdt"], list(dataset.table.columns), dataset.path)
    dataset = conventions.resolve(dataset, scorer.features, fourier_convention)
    scores = identifiers.to_pandas(scorer.score(dataset, merge))
    return scores.set_axis(data.index) if isinstance(data, pd.DataFrame) else scores


def predict_files(
    input_files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    models: Sequence[TrainedModel],
    out: str | os.PathLike[str],
    *,
    rows: int = ROWS,
    merge: MergeMethod | None = None,
    scheduler: str = "",
    force: bool = False,
    fourier_convention: str = "",
    advance: Callable[[int], object] = lambda rows: None,
) -> PredictionResult:
    """Predict scores for the sources in files, and write them to a single Parquet file.

    The files are read in partitions, so that memory usage does not depend on the file size. Calling
    the function again resumes an interrupted prediction. The order of the rows is preserved.

    Parameters
    ----------
    input_files : path-like, or sequence of path-like
        CSV, Parquet or HDF5 files that contain features.
    models : sequence of TrainedModel
        Models to use, as returned by :func:`find_models`.
    out : path-like
        Parquet file to write. It has the same columns as the result of :func:`classify`.
    rows : int
        Maximum number of rows in each partition.
    merge : {"mean", "max"}, optional
        If given, a column is added for each class, which contains the mean or the maximum score of
        the models for the class.
    scheduler : str
        Address of a Dask scheduler. If it is empty, the files are scored in this process. Files and
        models must have the same paths on the cluster as on the local computer. Parquet files are
        scored in partitions. Each other file is scored as a whole.
    force : bool
        Whether to replace an existing output file.
    fourier_convention : {"coefficients", "amplitudes"}, optional
        Values in the Fourier columns. It is required only for files without metadata, such as CSV
        files, in which no amplitude is negative.
    advance : callable, optional
        Function that is called with the number of rows in each scored partition.

    Returns
    -------
    PredictionResult
        Path of the output file, number of rows, and number of missing scores.

    Raises
    ------
    AstrodomeError
        If a required column is missing in a file, if the Fourier convention of a file is unknown or
        differs from the training set, or if ``out`` contains the result of a different prediction.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> models = scope.find_models(["models/experiment"])
    >>> scope.predict_files(["dataset.parquet"], models, "scores.parquet").rows
    600
    """
    given = [input_files] if isinstance(input_files, str | os.PathLike) else input_files
    paths = [Path(file).expanduser() for file in given]
    target = Path(out).expanduser()
    for path in paths:
        datasets.require_file(path)
    configured = tuple(configure(model) for model in models)
    task = partitions.PredictionTask(tuple(paths), configured, rows, merge, bool(scheduler))
    if parts.is_complete(target, task.digest, "prediction", force=force):
        return _result(target, task, existing=True)
    scorer = Scorer(task.models, compute.cores())
    for path in task.files:
        scorer.columns(path)  # Check columns before writing.
        scorer.check_convention(path, fourier_convention)
    with parts.folder(target, task.digest) as folder:
        if scheduler:
            scoring = partitions.score_distributed(task, folder, scheduler)
        else:
            scoring = partitions.score(task, folder, scorer)
        for count in scoring:
            advance(count)
        partitions.join(folder, target, task)
    return _result(target, task)


def count_rows(input_files: Sequence[Path]) -> int | None:
    """Return the total number of rows, or None if some of the files are not Parquet files."""
    known = [f for f in input_files if datasets.is_parquet(f) and f.is_file()]
    if len(known) < len(input_files):
        return None
    try:
        return sum(int(pq.read_metadata(file).num_rows) for file in known)
    except (pa.ArrowInvalid, OSError):
        return None


def _result(
    out: Path, task: partitions.PredictionTask, *, existing: bool = False
) -> PredictionResult:
    """Create the result from the row and null counts in the metadata of the output file."""
    metadata = pq.read_metadata(out)
    unusable = dict.fromkeys(task.columns, 0)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for index in range(group.num_columns):
            column = group.column(index)
            if column.path_in_schema in unusable:
                unusable[column.path_in_schema] += column.statistics.null_count
    lost = parts.read_provenance(out).get("lost_identifiers", {})
    return PredictionResult(out, metadata.num_rows, unusable, existing, lost)
