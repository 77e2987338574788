"""Score partitions of the input, and merge the results into a single file.

The scores for each partition are stored as a part of the output file; see :mod:`..tables.parts`.
An interrupted prediction resumes at the first missing partition.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, InvalidInputError, compute
from astrodome.runs import provenance

from ..tables import datasets, parts
from .scorer import LOST, MergeMethod, Scorer, copied_order, with_lost_identifiers
from .trained_models import TASK, TrainedModel


@dataclass(frozen=True)
class Partition:
    """A range of rows in an input file.

    The range begins at row ``start`` and contains ``rows`` rows, or all remaining rows if ``rows``
    is 0. ``number`` is the index of the input file.
    """

    number: int
    file: Path
    start: int
    rows: int

    @property
    def name(self) -> str:
        """Name of the file that contains the scores for the partition."""
        return f"{self.number:05d}-{self.start:012d}.parquet"


@dataclass(frozen=True)
class PredictionTask:
    """Input files, models and options of a prediction.

    Two tasks with the same digest produce the same result.
    """

    files: tuple[Path, ...]
    models: tuple[TrainedModel, ...]
    rows: int
    merge: MergeMethod | None
    distributed: bool

    @property
    def digest(self) -> str:
        """SHA-256 checksum of all models and options, and of the state of each input file.

        The state of a file consists of its path, size and modification time.
        """
        options = {
            "files": [
                (str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in self.files
            ],
            "models": [(str(m.path.resolve()), m.finished, m.configured) for m in self.models],
            "rows": self.rows,
            "merge": self.merge,
            "spread": self.distributed,
        }
        return hashlib.sha256(json.dumps(options).encode()).hexdigest()

    @property
    def columns(self) -> list[str]:
        """Names of the score columns."""
        return [model.column for model in self.models]


def score(task: PredictionTask, folder: Path, scorer: Scorer) -> Iterator[int]:
    """Score the missing partitions in the current process, and yield the numbers of scored rows.

    For each input file, the first number is the number of rows that were scored by an earlier call.
    The following numbers are the numbers of rows in the new partitions.
    """
    for number, file in enumerate(task.files):
        first = _finished_rows(folder, number)
        yield first
        lost: dict[str, str] = {}
        columns = scorer.columns(file)
        for data in datasets.read_batches(file, columns, task.rows, first, lost):
            partition = Partition(number, file, first, len(data))
            table = with_lost_identifiers(scorer.score(data, task.merge), lost)
            parts.write(folder / partition.name, table)
            first += len(data)
            yield len(data)


def _finished_rows(folder: Path, number: int) -> int:
    """Return how many rows at the beginning of an input file have already been scored."""
    rows = 0
    for path in sorted(folder.glob(f"{number:05d}-*.parquet")):
        if int(path.stem.partition("-")[2]) == rows:
            rows += pq.read_metadata(path).num_rows
    return rows


def score_distributed(task: PredictionTask, folder: Path, scheduler: str) -> Iterator[int]:
    """Score the missing partitions on a Dask cluster, and yield the numbers of scored rows.

    The first number is the number of rows that were scored by an earlier call. The following
    numbers are the numbers of rows in the new partitions.
    """
    partitions = list(_partitions(task))
    todo = [part for part in partitions if not (folder / part.name).exists()]
    finished = (folder / part.name for part in partitions if part not in todo)
    yield sum(pq.read_metadata(path).num_rows for path in finished)
    for done in compute.map(partial(_score_partition, task), todo, scheduler=scheduler):
        if done.value is None:
            raise AstrodomeError(
                f"{done.item.file}: cannot score the partition that starts at row "
                f"{done.item.start}: {done.error}",
                "Run the same prediction again to resume with the missing partitions.",
            )
        parts.write(folder / done.item.name, done.value)
        yield done.value.num_rows


def _partitions(task: PredictionTask) -> Iterator[Partition]:
    for number, file in enumerate(task.files):
        if not datasets.is_parquet(file):
            yield Partition(number, file.resolve(), 0, 0)
            continue
        total = pq.read_metadata(file).num_rows
        for first in range(0, total, task.rows):
            yield Partition(number, file.resolve(), first, min(task.rows, total - first))


def _score_partition(task: PredictionTask, partition: Partition) -> pa.Table:
    """Score one partition on a Dask worker."""
    scorer = _scorer(task.models)
    tables: list[pa.Table] = []
    lost: dict[str, str] = {}
    columns = scorer.columns(partition.file)
    for data in datasets.read_batches(partition.file, columns, task.rows, partition.start, lost):
        tables.append(scorer.score(data, task.merge))
        if partition.rows and sum(map(len, tables)) >= partition.rows:
            break
    table = pa.concat_tables(tables)
    return with_lost_identifiers(table.slice(0, partition.rows or len(table)), lost)


@lru_cache(maxsize=1)
def _scorer(models: tuple[TrainedModel, ...]) -> Scorer:
    return Scorer(models, 1)


def join(folder: Path, out: Path, task: PredictionTask) -> None:
    """Merge all partitions into a single file.

    If a partition does not have a column, its rows contain null in this column.
    """
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise InvalidInputError(
            f"The input files have no rows: {', '.join(map(str, task.files))}.",
            "Specify at least one file that contains sources.",
        )
    about = {
        "digest": task.digest,
        "files": [str(file) for file in task.files],
        "models": [{"run": str(m.path), "finished": m.finished} for m in task.models],
        **provenance(["astrodome-ztf-scope"], TASK, [m.algorithm for m in task.models]),
    }
    lost: dict[str, str] = {}
    for path in paths:
        lost = {**json.loads((pq.read_schema(path).metadata or {}).get(LOST, b"{}")), **lost}
    if lost:
        about["lost_identifiers"] = lost
    metadata = {parts.PROVENANCE: json.dumps(about).encode()}
    parts.join(paths, out, _schema(paths, task), metadata)


def _schema(paths: Sequence[Path], task: PredictionTask) -> pa.Schema:
    """Return the schema with the columns from all partitions, in the order of the output."""
    schema = parts.common_schema(paths)
    scores = [*task.columns, *dict.fromkeys(model.tag for model in task.models)]
    copied = sorted((n for n in schema.names if n not in scores), key=copied_order)
    return pa.schema([schema.field(n) for n in (*copied, *scores) if n in schema.names])
