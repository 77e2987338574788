"""Train a classifier on a data set in memory, and write its run folder."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from astrodome import files
from astrodome.runs import Run
from numpy.typing import NDArray

from ..catalogues import positions
from ..config.schema import ClassConfig
from ..tables.datasets import DataSet
from . import derived_files, evaluation, trained_models
from .jobs import TrainingJob
from .loaded_models import probabilities, uses_dmdt
from .preprocessing import dropped_rows
from .preprocessing.examples import prepare
from .preprocessing.splitting import DataSplit

IDS = ("_id", "ztf_id", "obj_id", "fritz_name", "ra", "dec")
"""Columns that are copied from the data set to ``split.parquet`` if they exist."""
Row = dict[str, Any]


def run(job: TrainingJob, data: DataSet, groups: NDArray[np.intp] | None = None) -> Row:
    """Train a classifier, evaluate the saved model, and return a row for the results table.

    ``groups`` contains the source number for each row, with shape (N,).
    """
    started = time.perf_counter()
    entry = ClassConfig.model_validate(job.config["class"])
    if uses_dmdt(job.classifier, job.config) is False:
        data = replace(data, dmdt=None)
    prepared = prepare(
        data,
        job.features,
        entry,
        job.tag,
        stats=job.stats,
        groups=groups,
        threads=job.config["threads"],
    )
    _move_away(job)
    record = Run.start(
        job.folder,
        trained_models.TASK,
        job.algorithm,
        job.config,
        tag=job.tag,
        random_state=job.random_state,
    )
    prepared.preparation.save(job.folder)
    parts = prepared.parts
    job.classifier().train(parts["train"], parts["validation"], record, job.config)

    saved = job.classifier()  # Evaluate the saved model.
    saved.load(job.folder, job.config)
    scores = [probabilities(saved, part.features, part.dmdt) for part in parts.values()]
    _write_scores(job.folder, data, prepared.split, np.concatenate(scores))
    seconds = time.perf_counter() - started
    record.finish(
        digest=job.digest,
        group_by=job.options.group_by,
        dmdt=data.dmdt is not None,
        fourier_convention=prepared.preparation.fourier_convention,
        rows=dropped_rows.count_rows(data, job.features, prepared, entry.label),
        seconds=round(seconds, 1),
        **job.about,
    )
    derived_files.complete(job)
    return summary(job)


def summary(job: TrainingJob, trained: str = "now") -> Row:
    """Return a row for the results table, with the metrics for the test set and the run folder."""
    test = trained_models.run_metrics(job.folder).get("test", {})
    return {
        "tag": job.tag,
        "algorithm": job.algorithm,
        "random_state": job.random_state,
        "sources": test.get("sources"),
        "positive": test.get("positive"),
        **{name: test.get(name) for name in evaluation.METRICS},
        "rows": Run(job.folder).record.get("rows", {}),
        "trained": trained,
        "run": str(job.folder) if job.save else None,
    }


def _write_scores(
    folder: Path, data: DataSet, split: DataSplit, scores: NDArray[np.float32]
) -> None:
    """Write the subset, the target and the score of each row to ``split.parquet``."""
    rows = np.concatenate(list(split.parts.values()))
    used = data.table.iloc[rows]
    parts = np.repeat(list(split.parts), [len(part) for part in split.parts.values()])
    columns = {str(name): name for name in used} | positions.columns(list(used))
    result = pd.DataFrame(
        {
            "row": used.index.to_numpy(),
            **{name: used[columns[name]].array for name in IDS if name in columns},
            "part": parts,
            "target": split.target[rows],
            "score": scores,
        }
    )
    table = pa.Table.from_pandas(result, preserve_index=False)
    files.write_parquet(folder / derived_files.SPLIT, table)


def _move_away(job: TrainingJob) -> None:
    """Move an earlier run to the folder ``replaced`` if it is finished; otherwise, delete it."""
    earlier = Run(job.folder).record
    if earlier.get("status") == trained_models.FINISHED:
        digits = "".join(c for c in earlier["finished"][:19] if c.isdigit())
        replaced = job.folder.parent / trained_models.REPLACED
        target = replaced / f"{job.folder.name}.{digits[:8]}_{digits[8:]}"
        shutil.rmtree(target, ignore_errors=True)
        replaced.mkdir(exist_ok=True)
        job.folder.rename(target)
    shutil.rmtree(job.folder, ignore_errors=True)
