"""Train classifiers in parallel on a single data set, with one run per class and random state.

A finished run is executed again only if the data set or an option has changed. An interrupted run
is restarted from the beginning. A failed run does not affect the other runs.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from astrodome import AstrodomeError, compute, files
from numpy.typing import NDArray

from ..catalogues import positions
from ..config.loading import ScopeConfig, load_config
from ..tables import datasets
from ..tables import fourier_convention as conventions
from . import algorithm_options, derived_files, trained_models
from .jobs import TrainingJob, TrainingOptions, training_jobs
from .loaded_models import LoadedModel, load_model, uses_dmdt
from .preprocessing.splitting import NON_VARIABLE, POSITION, VARIABLE, source_numbers
from .training_run import IDS, Row, run, summary

ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}
"""Default environment variables for the training processes.

They prevent idle threads from using CPU time that other runs need, and prevent TensorFlow from
logging its build options.
"""
WITHOUT_IMAGES = (
    "Use a data set with dmdt images, or an algorithm that does not need them: xgb, or dnn with "
    "conv_branch: false."
)
BUSY: Row = {"trained": "busy"}
"""Placeholder for the result of a job that another process is running."""


def train_classifier(
    data: datasets.DataSet | pd.DataFrame | str | os.PathLike[str],
    tag: str,
    config: ScopeConfig | None = None,
    *,
    algorithm: str = "dnn",
    models_dir: str | os.PathLike[str] = trained_models.ROOT,
    group: str = trained_models.GROUP,
    random_state: int | None = None,
    group_by: str = "",
    fourier_convention: str = "",
    **options: Any,
) -> LoadedModel:
    """Train a classifier for one class in the current process.

    The run folder ``<models_dir>/<group>/<algorithm>/<tag>/<random_state>`` contains the model, its
    metrics and its plots. :func:`load_model` loads the model from this folder. An existing model in
    this folder is replaced.

    Parameters
    ----------
    data : DataSet, pandas.DataFrame or path-like
        Labeled data set. It must contain the columns in the feature set, which are the keys of
        ``config.feature_sets[config.classes[tag].features].columns``, and a column with labels,
        ``config.classes[tag].label``. Labels are numbers from 0 to 1. For the label ``variable``,
        the column ``non-variable`` is also needed; it contains the labels of the negative examples.
        The algorithm ``dnn`` also needs a column ``dmdt``, which contains images with shape
        (26, 26). See :func:`dmdt_image`.
    tag : str
        Tag of the class, for example ``vnv``.
    config : ScopeConfig, optional
        Configuration to use. By default, the result of :func:`load_config` is used.
    algorithm : str
        ``dnn`` (neural network), ``xgb`` (boosted trees), or an algorithm from another plugin.
    models_dir : path-like
        Directory that contains the run groups.
    group : str
        Name of the run group.
    random_state : int, optional
        Seed for all random numbers. By default, the random state of the class is used.
    group_by : str
        Column that identifies the source in each row, or ``position``. All rows of a source are
        assigned to the same subset.
    fourier_convention : {"coefficients", "amplitudes"}, optional
        Values in the Fourier columns. It is required only for a table without metadata, such as a
        CSV file, in which no amplitude is negative.
    **options
        Values that override the configuration entry for the class, for example ``epochs=20``, and
        options of an algorithm from another plugin.

    Returns
    -------
    LoadedModel
        The trained classifier.

    Raises
    ------
    AstrodomeError
        If the class is not configured, a column is missing, an option is invalid, or the Fourier
        convention of the data set is unknown.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> model = scope.train_classifier("dataset.parquet", "vnv", algorithm="xgb")
    >>> model.metrics["test"]["roc_auc"] > 0.8
    True
    """
    dataset = datasets.as_dataset(data)
    own = algorithm_options.of_keywords(algorithm, options)
    training = TrainingOptions(
        algorithm=algorithm,
        algorithm_options=own,
        root=Path(models_dir).expanduser(),
        group=group,
        random_states=() if random_state is None else (random_state,),
        classes={name: value for name, value in options.items() if name not in own},
        group_by=group_by,
        fourier_convention=fourier_convention,
        save=True,
    )
    (job,) = training_jobs(config or load_config(), [tag], training, dataset.path)
    dataset = conventions.resolve(dataset, job.features.columns.values(), fourier_convention)
    run(job, dataset, source_numbers(dataset, group_by))
    return load_model(job.folder)


def train(
    config: ScopeConfig,
    dataset: Path,
    tags: Sequence[str],
    options: TrainingOptions,
    on_wait: Callable[[Sequence[TrainingJob]], None] = lambda jobs: None,
) -> Iterator[compute.ItemResult[TrainingJob, Row]]:
    """Train classifiers in parallel processes, and yield the metrics of each run when it finishes.

    Parameters
    ----------
    config : ScopeConfig
        Configuration to use.
    dataset : pathlib.Path
        Path of the labeled data set.
    tags : sequence of str
        Tags of the classes to train. If it is empty, all classes are trained.
    options : TrainingOptions
        Algorithm, random states and output options.
    on_wait : callable, optional
        Function that is called with the jobs that another process is currently running. If that
        process ends before these jobs are finished, this process runs them.

    Raises
    ------
    AstrodomeError
        If a class is unknown, the data set cannot be read, or an option is invalid.
    """
    datasets.require_file(dataset)
    with tempfile.TemporaryDirectory(prefix="scope-") as scratch:
        jobs = list(training_jobs(config, tags, options, dataset, Path(scratch)))
        todo = []
        for job in jobs:
            if job.finished():
                derived_files.complete(job)
                yield compute.ItemResult(job, summary(job, "before"))
            else:
                todo.append(job)
        if todo:
            shared = _share(todo, dataset, Path(scratch))
            processes = min(options.processes, len(jobs))
            busy = yield from _parallel(todo, shared, processes, wait=False)
            if busy:
                on_wait(busy)
                yield from _parallel(busy, shared, processes, wait=True)
        if any(job.save for job in jobs):
            derived_files.report(options.root / options.group)


def failed(job: TrainingJob, error: str) -> Row:
    """Return the row of the results table for a failed run."""
    about = {"tag": job.tag, "algorithm": job.algorithm, "random_state": job.random_state}
    return {**about, "trained": "failed", "error": error}


def required_columns(jobs: Sequence[TrainingJob], dataset: Path) -> list[str]:
    """Return the columns to read from a data set for the given jobs.

    Missing features and labels are reported later, by the job that needs them. Raises
    AstrodomeError if dmdt images are required but missing.
    """
    names = set(IDS) | {VARIABLE, NON_VARIABLE}
    for job in jobs:
        names |= {*job.features.columns, *job.features.columns.values()}
        names.add(job.config["class"]["label"])
    if jobs[0].options.group_by and jobs[0].options.group_by != POSITION:
        names.add(jobs[0].options.group_by)
    available = datasets.column_names(dataset)
    names |= {*positions.columns(available).values()}
    needed = uses_dmdt(jobs[0].classifier, jobs[0].config)
    if needed and "dmdt" not in available:
        raise AstrodomeError(
            f"{dataset} has no column 'dmdt', which the algorithm '{jobs[0].algorithm}' requires.",
            WITHOUT_IMAGES,
        )
    if needed is not False:
        names.add("dmdt")
    return [name for name in available if name in names]


def _share(todo: list[TrainingJob], dataset: Path, scratch: Path) -> Path:
    """Write the data set to a file that all training processes map to memory.

    The file also contains the source number of each row. Returns the path of the file.
    """
    data = datasets.read_dataset(dataset, required_columns(todo, dataset))
    features = {name for job in todo for name in job.features.columns.values()}
    data = conventions.resolve(data, features, todo[0].options.fourier_convention)
    path = scratch / "dataset.joblib"
    joblib.dump((data, source_numbers(data, todo[0].options.group_by)), path)
    return path


@lru_cache(maxsize=1)
def _shared(path: Path) -> tuple[datasets.DataSet, NDArray[np.intp] | None]:
    """Return the data set and the source numbers, which are cached for each process."""
    shared: tuple[datasets.DataSet, NDArray[np.intp] | None] = joblib.load(path, mmap_mode="r")
    return shared


def _parallel(
    todo: list[TrainingJob], shared: Path, jobs: int, *, wait: bool
) -> Generator[compute.ItemResult[TrainingJob, Row], None, list[TrainingJob]]:
    """Yield the result of each run when it finishes.

    Returns the jobs that were skipped because another process is running them.
    """
    busy = []
    work = partial(_run, shared=shared, wait=wait)
    libraries = [f"{__package__}.training_libraries"]
    for done in compute.map(work, todo, jobs=jobs, fresh=True, preload=libraries):
        if done.value == BUSY:
            busy.append(done.item)
        else:
            yield done
    return busy


def _run(job: TrainingJob, shared: Path, wait: bool) -> Row:
    """Train a classifier, and return a row for the results table.

    If another process has already trained the classifier, the row contains its results. If another
    process is training it and ``wait`` is False, :data:`BUSY` is returned.
    """
    threads = {"TF_NUM_INTRAOP_THREADS": str(job.config["threads"])}
    os.environ.update({**ENVIRONMENT, **threads, **os.environ, **job.options.environment})
    if not job.save:
        return run(job, *_shared(shared))
    with files.held(job.folder.parent / f".{job.random_state}.lock", -1 if wait else 0) as acquired:
        if not acquired:
            return BUSY
        if job.finished():
            return summary(job, "by another process")
        return run(job, *_shared(shared))
