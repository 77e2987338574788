"""Training: classes times random states, each a run of its own, in parallel over one data set.

A run that is finished is not repeated unless its data or options changed; one that was killed
is begun anew. What fails is kept with its reason and does not stop the others.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from astrodome import AstrodomeError, compute, files, models
from astrodome.runs import Run, provenance
from numpy.typing import NDArray

from ..catalogues import positions
from ..config.feature_sets import FeatureSet
from ..config.loading import ScopeConfig
from ..config.schema import ClassConfig
from ..tables import datasets
from . import derived_files, evaluation, trained_models
from .jobs import TrainingJob, TrainingOptions, backend_name, plan
from .loaded_models import probabilities, uses_dmdt
from .preprocessing import dropped_rows, memory_mapping
from .preprocessing.examples import LabelledExamples
from .preprocessing.preparation import Preparation, find, numbers, usable
from .preprocessing.splitting import (
    NON_VARIABLE,
    POSITION,
    VARIABLE,
    DataSplit,
    labels,
    select,
    sources,
)

IDS = ("_id", "ztf_id", "obj_id", "fritz_name", "ra", "dec")
"""Columns that a split keeps of the data set, where there are any."""
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}
"""Of a process that trains, unless set: threads that wait leave the cores to the runs beside,
and TensorFlow does not tell what it is built for."""


Row = dict[str, Any]
BUSY: Row = {"trained": "busy"}
"""Value in place of the row of a run that another process is training."""


def train(
    config: ScopeConfig,
    dataset: Path,
    tags: Sequence[str],
    options: TrainingOptions,
    watch: Callable[[Sequence[TrainingJob]], None] = lambda jobs: None,
    waiting: Callable[[Sequence[TrainingJob]], None] = lambda jobs: None,
) -> Iterator[compute.ItemResult[TrainingJob, Row]]:
    """Train these classes and yield each finished run, with its metrics on the test part.

    ``watch`` is called with all runs before the first one starts. ``waiting`` is called with the
    runs that another process is training. These runs are waited for, and trained here if that
    process ends before they are finished. Raises AstrodomeError if nothing can be trained, because
    of an unknown class, an unreadable data set, or an option out of range.
    """
    backend = type(models.get(trained_models.TASK, options.algorithm))
    algorithm = backend_name(options.algorithm)
    datasets.require_file(dataset)
    with tempfile.TemporaryDirectory(prefix="scope-") as scratch:
        about = {
            "dataset": str(dataset),
            "dataset_digest": files.digest([dataset]),
            **provenance(["astrodome-ztf-scope", "xgboost"], trained_models.TASK, [algorithm]),
        }
        jobs = [
            replace(job, about=about)
            for job in plan(config, tags, options, backend, algorithm, Path(scratch))
        ]
        watch(jobs)
        todo = []
        for job in jobs:
            if job.finished():
                derived_files.complete(job)
                yield compute.ItemResult(job, summary(job, done="before"))
            else:
                todo.append(job)
        if todo:
            shared = _shared(todo, dataset, Path(scratch))
            processes = min(options.processes, len(jobs))
            busy = yield from _parallel(todo, shared, processes, wait=False)
            if busy:
                waiting(busy)
                yield from _parallel(busy, shared, processes, wait=True)
        if any(job.save for job in jobs):
            derived_files.report(options.root / options.group)


def _shared(todo: list[TrainingJob], dataset: Path, scratch: Path) -> memory_mapping.MappedDataSet:
    """Read the data set once, for all training processes."""
    frame = datasets.read_dataset(dataset, columns(todo, dataset))
    return memory_mapping.share(frame, sources(frame, todo[0].group_by), scratch)


def _parallel(
    todo: list[TrainingJob], shared: memory_mapping.MappedDataSet, jobs: int, *, wait: bool
) -> Generator[compute.ItemResult[TrainingJob, Row], None, list[TrainingJob]]:
    """Yield each finished run; return the runs that another process is training."""
    busy = []
    work = partial(_run, shared=shared, wait=wait)
    for done in compute.map(work, todo, jobs=jobs, fresh=True):
        if done.value == BUSY:
            busy.append(done.item)
        else:
            yield done
    return busy


def columns(jobs: Sequence[TrainingJob], dataset: Path) -> list[str]:
    """What is read of the data set; a column that it lacks is missed by the class that needs it.

    The images only when a backend looks at them; AstrodomeError when they are not there.
    """
    wanted = set(IDS) | {VARIABLE, NON_VARIABLE}
    for job in jobs:
        wanted |= {*job.features.columns, *job.features.columns.values()}
        wanted.add(job.config["class"]["label"])
    if jobs[0].group_by and jobs[0].group_by != POSITION:
        wanted.add(jobs[0].group_by)
    available = datasets.column_names(dataset)
    wanted |= {*positions.columns(available).values()}
    needed = uses_dmdt(jobs[0].classifier, jobs[0].config)
    if needed and "dmdt" not in available:
        raise AstrodomeError(
            f"{dataset} has no column 'dmdt', which the model {jobs[0].algorithm} needs.",
            _without_dmdt(jobs[0]),
        )
    if needed is not False:
        wanted.add("dmdt")
    return [name for name in available if name in wanted]


def _without_dmdt(job: TrainingJob) -> str:
    """Return a hint for a data set without images, with an option that has an effect."""
    alone = {**job.config, "dnn": {**job.config["dnn"], "conv_branch": False}}
    if uses_dmdt(job.classifier, alone) is False:
        return "Train on features alone: --conv-branch=false"
    return "Use a data set with dmdt images, or a model that needs none: --algorithm xgb"


def _run(job: TrainingJob, shared: memory_mapping.MappedDataSet, wait: bool) -> Row:
    """Train one classifier, unless another process is training it or has trained it."""
    os.environ.update({**QUIET, **os.environ, **job.environment})
    if not job.save:
        return run(job, *memory_mapping.attach(shared))
    with files.held(job.place.parent / f".{job.random_state}.lock", -1 if wait else 0) as mine:
        if not mine:
            return BUSY
        if job.finished():
            return summary(job, done="by another process")
        return run(job, *memory_mapping.attach(shared))


def run(job: TrainingJob, frame: datasets.DataSet, owners: NDArray[np.intp] | None = None) -> Row:
    """Train one classifier and measure what it saved."""
    started = time.perf_counter()
    entry = ClassConfig.model_validate(job.config["class"])
    usable_rows = _usable(frame, job.features)
    split = select(
        frame,
        job.tag,
        entry,
        usable=usable_rows,
        group_by=job.group_by,
        groups=owners,
    )
    _clear(job)
    record = Run.start(
        job.folder,
        trained_models.TASK,
        job.algorithm,
        job.config,
        tag=job.tag,
        random_state=job.random_state,
    )
    scale = entry.scale_features
    preparation = Preparation.fit(
        frame.take(split.train), job.features, scale, job.stats, job.random_state
    )
    preparation.save(job.folder)

    parts = dict(split.parts)
    rows = np.concatenate(list(parts.values()))
    features = _prepared(preparation, frame.table.iloc[rows], job)
    ends = np.cumsum([len(part) for part in parts.values()])
    prepared = dict(zip(parts, np.split(features, ends[:-1]), strict=True))
    images = None if uses_dmdt(job.classifier, job.config) is False else frame.dmdt

    def labelled(part: str) -> LabelledExamples:
        chosen = parts[part]
        shown = None if images is None else images[chosen]
        return LabelledExamples(prepared[part], shown, split.target[chosen], split.weight[chosen])

    job.classifier().train(labelled("train"), labelled("validation"), record, job.config)

    saved = job.classifier()  # what is measured is what others will load
    saved.load(job.folder, job.config)
    scores = [
        probabilities(saved, prepared[part], None if images is None else images[chosen])
        for part, chosen in parts.items()
    ]
    measured = _measured(job.folder, frame, split, np.concatenate(scores))
    seconds = time.perf_counter() - started
    record.finish(
        digest=job.digest,
        group_by=job.group_by,
        dmdt=images is not None,
        rows=_rows(job, frame, usable_rows, split, entry),
        seconds=round(seconds, 1),
        **job.about,
    )
    derived_files.complete(job)
    return summary(job, measured)


def _usable(frame: datasets.DataSet, features: FeatureSet) -> NDArray[np.bool_]:
    """Rows (N,) that can be learned from; AstrodomeError when a column leaves none."""
    rows = usable(frame, features)
    if not rows.any():
        columns = find(features.columns, list(frame.table.columns), frame.path)
        values = numbers(frame.table, columns, frame.path)
        emptiest = columns[int(np.isnan(values).sum(axis=0).argmax())]
        raise AstrodomeError(
            f"{frame.path}: the column '{emptiest}' has no value in any usable row.",
            "Leave the feature out of the set: include: false.",
        )
    return rows


def _prepared(
    preparation: Preparation, table: pd.DataFrame, job: TrainingJob
) -> NDArray[np.float32]:
    """Return the prepared features (N, F) of rows; raise AstrodomeError if one is too large."""
    features, fine = preparation.apply(table, job.config["threads"])
    if not fine.all():
        raise AstrodomeError(
            f"{int((~fine).sum()):,} of {len(fine):,} rows have a feature that is too large for 32 "
            "bits after scaling.",
            "Check the values, and feature_stats in the configuration.",
        )
    return features


def _rows(
    job: TrainingJob,
    frame: datasets.DataSet,
    usable_rows: NDArray[np.bool_],
    split: DataSplit,
    entry: ClassConfig,
) -> dict[str, Any]:
    """Return the counts of the rows of the data set for ``run.json``."""
    labelled = ~np.isnan(labels(frame, entry.label, f"class '{job.tag}'"))
    return dropped_rows.account(frame, job.features, usable_rows, split, entry.label, labelled)


def _measured(
    folder: Path, frame: datasets.DataSet, split: DataSplit, scores: NDArray[np.float32]
) -> dict[str, Any]:
    """Write ``split.parquet`` and ``metrics.json``, and return the metrics."""
    rows = np.concatenate(list(split.parts.values()))
    table = frame.table.iloc[rows]
    parts = np.repeat(list(split.parts), [len(part) for part in split.parts.values()])
    named = {str(name): name for name in table} | positions.columns(list(table))
    kept = pd.DataFrame(
        {
            "row": table.index.to_numpy(),
            **{name: table[named[name]].array for name in IDS if name in named},
            "part": parts,
            "target": split.target[rows],
            "score": scores,
        }
    )
    files.write_parquet(folder / "split.parquet", pa.Table.from_pandas(kept, preserve_index=False))
    measured = evaluation.measure_split(kept)
    files.write_text(folder / "metrics.json", json.dumps(measured, indent=1) + "\n")
    return measured


def summary(job: TrainingJob, measured: Mapping[str, Any] | None = None, done: str = "now") -> Row:
    """A row of the closing table: the metrics on the test part, and where the run is."""
    if measured is None:
        measured = evaluation.metrics_of(job.folder)
    test = measured.get("test", {})
    rows = Run(job.folder).record.get("rows", {})
    return {
        "tag": job.tag,
        "algorithm": job.algorithm,
        "random_state": job.random_state,
        "sources": test.get("sources"),
        "positive": test.get("positive"),
        **{name: test.get(name) for name in evaluation.METRICS},
        "rows": rows,
        "trained": done,
        "run": str(job.folder) if job.save else None,
    }


def failed(job: TrainingJob, error: str) -> Row:
    """The row of a run that came to nothing."""
    about = {"tag": job.tag, "algorithm": job.algorithm, "random_state": job.random_state}
    return {**about, "trained": "failed", "error": error}


def _clear(job: TrainingJob) -> None:
    """Make room: what was left unfinished goes, a finished run is kept with its time."""
    earlier = Run(job.folder).record
    if earlier.get("status") == trained_models.FINISHED:
        when = "".join(c for c in earlier["finished"][:19] if c.isdigit())
        aside = (
            job.folder.parent / trained_models.REPLACED / f"{job.folder.name}.{when[:8]}_{when[8:]}"
        )
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        job.folder.rename(aside)
    shutil.rmtree(job.folder, ignore_errors=True)
