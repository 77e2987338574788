"""Scores of any number of sources: streamed, all classes in one pass, resumed by partition.

The files are read in partitions of so many rows. The scores of a partition are a file of its own
in a folder beside the output, ``.<name>.parts``, until all of them are joined; so a killed
prediction goes on with the first partition that is missing. A source is imputed and scaled with
what belongs to each model, so its scores do not depend on the rows that come with it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, checks, compute, files
from astrodome.runs import provenance
from numpy.typing import NDArray

from ..catalogues import positions
from ..tables import datasets, identifiers
from . import loaded_models, trained_models

ROWS = 8192
"""Rows of a partition."""
GROUP = 1 << 17
"""Rows of a row group of the output, about."""
KEPT = (
    *("_id", "ztf_id", "obj_id", "fritz_name", "Gaia_EDR3___id", "AllWISE___id", "PS1_DR1___id"),
    *("ra", "dec", "period", "field", "ccd", "quad", "filter"),
)
"""Copied columns of the output, in this order, if a file has them; see :meth:`Scorer.kept`."""
LOST = b"lost_identifiers"
"""Key in the metadata of a partition: JSON with the columns that lost digits, with a message."""
MergeMethod = Literal["mean", "max"]
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Partition:
    """A partition: so many rows of a file from row ``start`` on; ``rows`` 0: all that follow."""

    number: int
    file: Path
    start: int
    rows: int

    @property
    def name(self) -> str:
        return f"{self.number:05d}-{self.start:012d}.parquet"


@dataclass(frozen=True)
class PredictionTask:
    """What is scored with what; two plans with the same digest have the same result."""

    files: tuple[Path, ...]
    models: tuple[trained_models.TrainedModel, ...]
    rows: int
    merge: MergeMethod | None
    spread: bool

    @property
    def digest(self) -> str:
        decides = {
            "files": [
                (str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in self.files
            ],
            "models": [(str(m.path.resolve()), m.finished, m.configured) for m in self.models],
            "rows": self.rows,
            "merge": self.merge,
            "spread": self.spread,
        }
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    @property
    def columns(self) -> list[str]:
        """Names of the scores."""
        return [model.column for model in self.models]


@dataclass(frozen=True)
class PredictionResult:
    """The result of a prediction.

    ``rows`` is the number of rows, ``unusable`` the number of rows without a score, for each
    class. ``lost`` contains a message for each identifier column that lost digits earlier.
    """

    path: Path
    rows: int
    unusable: dict[str, int]
    before: bool = False
    lost: Mapping[str, str] = field(default_factory=dict)


def predict(
    files_in: Sequence[Path],
    trained: Sequence[trained_models.TrainedModel],
    out: Path,
    *,
    rows: int = ROWS,
    merge: MergeMethod | None = None,
    scheduler: str = "",
    force: bool = False,
    watch: Callable[[int], object] = lambda rows: None,
) -> PredictionResult:
    """Score the rows of these files with these models into one Parquet file.

    Columns are those of :data:`KEPT` that are there, and ``<tag>_<algorithm>`` (float32, null
    where a source lacks a feature that is not imputed); with ``merge`` also ``<tag>``, the mean
    or maximum of a class's algorithms. Rows keep their order. ``watch`` is told of finished rows.

    ``scheduler`` is the address of a Dask cluster that sees the files and the models under the
    same paths: it gets partitions of Parquet files, and other files whole.
    Raises AstrodomeError when a file lacks a column, or ``out`` is there from something else.
    """
    for file in files_in:
        datasets.require_file(file)
    plan = PredictionTask(tuple(files_in), tuple(trained), rows, merge, bool(scheduler))
    folder = out.parent / f".{out.name}.parts"
    if out.exists():
        earlier = _provenance(out)
        if earlier.get("digest") == plan.digest:
            shutil.rmtree(folder, ignore_errors=True)
            return _told(out, plan, before=True)
        if not force:
            raise AstrodomeError(
                f"{out} is there already, and not from these files and models.",
                "Choose another name, or replace it with --force.",
                exit_code=2,
            )
    scorer = Scorer(plan.models, compute.cores())
    for file in plan.files:
        scorer.columns(file)  # what is wrong is said before anything is written
    with files.lock(folder / "lock", timeout=0):
        _begin(folder, plan)
        scoring = _spread(plan, folder, scheduler) if scheduler else _here(plan, folder, scorer)
        for done in scoring:
            watch(done)
        _join(folder, out, plan)
        shutil.rmtree(folder)
    return _told(out, plan)


def total(files_in: Sequence[Path]) -> int | None:
    """Rows of these files, if all of them say so without being read."""
    known = [f for f in files_in if datasets.is_parquet(f) and f.is_file()]
    if len(known) < len(files_in):
        return None
    try:
        return sum(int(pq.read_metadata(file).num_rows) for file in known)
    except (pa.ArrowInvalid, OSError):
        return None


def _begin(folder: Path, plan: PredictionTask) -> None:
    """The folder of the partitions; those of another plan go."""
    mark = folder / "plan"
    if not mark.exists() or mark.read_text("utf-8") != plan.digest:
        for part in (*folder.glob("*.parquet"), *folder.glob("*.end")):
            part.unlink()
        files.write_text(mark, plan.digest)
    files.sweep(folder)


def _here(plan: PredictionTask, folder: Path, scorer: Scorer) -> Iterator[int]:
    """Score in this process, where the libraries use all cores; yields rows done."""
    for number, file in enumerate(plan.files):
        finished = _finished(folder, number)
        yield finished
        if (folder / _end(number)).exists():
            continue
        start = finished
        lost: dict[str, str] = {}
        for frame in datasets.read_batches(file, scorer.columns(file), plan.rows, start, lost):
            part = Partition(number, file, start, len(frame))
            _write(folder / part.name, _with_lost(scorer.score(frame, plan.merge), lost))
            start += len(frame)
            yield len(frame)
        files.write_text(folder / _end(number), str(start))


def _end(number: int) -> str:
    """The file that says that all partitions of an input are there."""
    return f"{number:05d}.end"


def _finished(folder: Path, number: int) -> int:
    """Rows of an input that are scored, from its first row on without a gap."""
    rows = 0
    for part in sorted(folder.glob(f"{number:05d}-*.parquet")):
        if int(part.stem.partition("-")[2]) == rows:
            rows += pq.read_metadata(part).num_rows
    return rows


def _spread(plan: PredictionTask, folder: Path, scheduler: str) -> Iterator[int]:
    """Score the partitions on a Dask cluster; yields rows done."""
    parts = list(_parts(plan))
    todo = [part for part in parts if not (folder / part.name).exists()]
    yield sum(pq.read_metadata(folder / p.name).num_rows for p in parts if p not in todo)
    for done in compute.map(_Remote(plan), todo, scheduler=scheduler):
        if done.value is None:
            raise AstrodomeError(
                f"{done.item.file}, row {done.item.start}: {done.error}",
                "What is scored is kept: give the same command again.",
            )
        _write(folder / done.item.name, done.value)
        yield done.value.num_rows


def _parts(plan: PredictionTask) -> Iterator[Partition]:
    for number, file in enumerate(plan.files):
        if not datasets.is_parquet(file):
            yield Partition(number, file.resolve(), 0, 0)
            continue
        total = pq.read_metadata(file).num_rows
        for start in range(0, total, plan.rows):
            yield Partition(number, file.resolve(), start, min(plan.rows, total - start))


class _Remote:
    """Scores one partition where it is sent to."""

    def __init__(self, plan: PredictionTask) -> None:
        self.plan = plan

    def __call__(self, part: Partition) -> pa.Table:
        scorer = _scorer(self.plan.models)
        tables, left = [], part.rows
        lost: dict[str, str] = {}
        columns = scorer.columns(part.file)
        for frame in datasets.read_batches(part.file, columns, self.plan.rows, part.start, lost):
            tables.append(scorer.score(frame, self.plan.merge))
            left -= len(frame)
            if part.rows and left <= 0:
                break
        return _with_lost(pa.concat_tables(tables), lost)


@lru_cache(maxsize=1)
def _scorer(trained: tuple[trained_models.TrainedModel, ...]) -> Scorer:
    return Scorer(trained, 1)


class Scorer:
    """Models that are ready to score; those of one algorithm look at a row together."""

    def __init__(self, trained: Sequence[trained_models.TrainedModel], threads: int = 1) -> None:
        self.trained = tuple(trained)
        self.threads = threads
        found = [loaded_models.load(model, threads) for model in self.trained]
        self.preparations = [model.preparation for model in found]
        self.uses_dmdt = any(model.uses_dmdt for model in found)
        self._backends = [model.backend for model in found]
        self._groups: list[tuple[list[int], Any]] = []
        loaded: dict[str, list[tuple[int, Any]]] = {}
        for number, model in enumerate(found):
            loaded.setdefault(model.algorithm, []).append((number, model.backend))
        # Models without neighbours that learned from the same rows prepare them the same way.
        first = self.preparations.index
        self._alike = [first(preparation) for preparation in self.preparations]
        for backends in loaded.values():
            numbers, alike = zip(*backends, strict=True)
            together = getattr(type(alike[0]), "together", None)
            scoring = together(list(alike)) if together else _one_by_one(alike)
            self._groups.append((list(numbers), scoring))

    def columns(self, file: Path) -> list[str]:
        """What is read of a file; AstrodomeError when it lacks a feature or the images."""
        available = datasets.column_names(file)
        wanted = list(self.kept(available, file))
        for preparation in self.preparations:
            wanted += preparation.columns_in(available, file)
        if self.uses_dmdt:
            datasets.require_columns(["dmdt"], available, file)
            wanted.append("dmdt")
        return list(dict.fromkeys(wanted))

    def kept(self, available: Sequence[str], file: Path) -> dict[str, str]:
        """Return the columns of a file that are copied, each with its name in the output.

        ``period`` is the period that the models use. If they use different periods, each keeps
        its own name. If no model uses a period, the column ``period`` of the file is copied.
        """
        place = {name: key for key, name in positions.columns(available).items()}
        found = {name: name for name in KEPT if name in available} | place
        if "_id" not in found and "ztf_id" in found:
            found = {**found, "ztf_id": "_id"}
        if periods := self._periods(list(available), file):
            found.pop("period", None)
            found |= {name: "period" if len(periods) == 1 else name for name in periods}
        return dict(sorted(found.items(), key=lambda item: _place(item[1])))

    def _periods(self, available: list[str], file: Path) -> list[str]:
        """Return the columns with the periods that the models use."""
        found = []
        for preparation in self.preparations:
            columns = preparation.columns_in(available, file)
            by_feature = dict(zip(preparation.features, columns, strict=True))
            if "period" in by_feature:
                found.append(by_feature["period"])
            else:  # the search of the other periodic features
                suffixes = {c.removeprefix(f) for f, c in by_feature.items() if c != f}
                names = (f"period{suffix}" for suffix in sorted(suffixes))
                found += [name for name in names if name in available]
        return list(dict.fromkeys(found))

    def score(self, frame: datasets.DataSet, merge: MergeMethod | None = None) -> pa.Table:
        """Ids and scores of these rows."""
        scores = np.empty((len(frame), len(self.trained)), np.float32)
        prepared = {
            number: self.preparations[number].apply(frame, self.threads)
            for number in set(self._alike)
        }
        for numbers, scoring in self._groups:
            given = [np.nan_to_num(prepared[self._alike[n]][0], copy=False) for n in numbers]
            shape, first = (len(frame), len(numbers)), self._backends[numbers[0]]
            made = scoring(given, frame.dmdt)
            scores[:, numbers] = checks.array(made, "probabilities", shape, first, (0, 1))
        for number, alike in enumerate(self._alike):
            scores[~prepared[alike][1], number] = np.nan
        columns = {
            name: pa.Array.from_pandas(frame.table[source])
            for source, name in self.kept(list(frame.table.columns), frame.path).items()
        }
        for number, model in enumerate(self.trained):
            columns[model.column] = pa.array(scores[:, number], from_pandas=True)
        if merge:
            columns |= self._merged(scores, merge)
        return pa.table(columns)

    def _merged(self, scores: Scores, merge: MergeMethod) -> dict[str, pa.Array]:
        """One score a class; of the algorithms that gave one, where another did not."""
        over = {"mean": pd.DataFrame.mean, "max": pd.DataFrame.max}[merge]
        found = {}
        for tag in dict.fromkeys(model.tag for model in self.trained):
            of = [number for number, model in enumerate(self.trained) if model.tag == tag]
            values = over(pd.DataFrame(scores[:, of]), axis=1).to_numpy(np.float32)
            found[tag] = pa.array(values, from_pandas=True)
        return found


def _one_by_one(backends: Sequence[Any]) -> Any:
    def score(features: Sequence[Scores], dmdt: Scores | None) -> Scores:
        pairs = zip(backends, features, strict=True)
        made = [loaded_models.probabilities(backend, given, dmdt) for backend, given in pairs]
        return np.stack(made, axis=1)

    return score


def _place(name: str) -> int:
    """Return the position of a copied column in the output."""
    return KEPT.index(name if name in KEPT else "period")


def _with_lost(table: pa.Table, lost: Mapping[str, str]) -> pa.Table:
    return table.replace_schema_metadata({LOST: json.dumps(dict(lost))}) if lost else table


def _write(path: Path, table: pa.Table) -> None:
    with files.replacing(path, sync=False) as part:
        pq.write_table(table, part, compression="zstd")


def _join(folder: Path, out: Path, plan: PredictionTask) -> None:
    """All partitions in one file, in order; a column that a file lacks is null there."""
    parts = sorted(folder.glob("*.parquet"))
    if not parts:
        raise AstrodomeError("There are no rows to score.")
    schema = _schema(parts, plan)
    about = {
        "digest": plan.digest,
        "files": [str(file) for file in plan.files],
        "models": [{"run": str(m.path), "finished": m.finished} for m in plan.models],
        **provenance(
            ["astrodome-ztf-scope"], trained_models.TASK, [m.algorithm for m in plan.models]
        ),
    }
    lost: dict[str, str] = {}
    for path in parts:
        lost = {**json.loads((pq.read_schema(path).metadata or {}).get(LOST, b"{}")), **lost}
    if lost:
        about["lost_identifiers"] = lost
    schema = schema.with_metadata(
        {b"astrodome": json.dumps(about).encode(), **identifiers.pandas_metadata(schema)}
    )
    with files.replacing(out) as part, pq.ParquetWriter(part, schema, compression="zstd") as sink:
        held: list[pa.Table] = []
        for path in parts:
            held.append(_like(pq.read_table(path), schema))
            if sum(map(len, held)) >= GROUP or path == parts[-1]:
                sink.write_table(pa.concat_tables(held), GROUP)
                held = []


def _like(table: pa.Table, schema: pa.Schema) -> pa.Table:
    for column in schema:
        if column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(len(table), column.type))
    return table.select(schema.names).cast(schema)


def _schema(parts: Sequence[Path], plan: PredictionTask) -> pa.Schema:
    """The columns of all partitions, in the order of the output."""
    try:
        found = [pq.read_schema(part) for part in parts]
        schema = pa.unify_schemas(_text_if_mixed(found), promote_options="permissive")
    except pa.ArrowTypeError as error:
        raise AstrodomeError(f"The files have a column in different types: {error}.") from error
    scores = [*plan.columns, *dict.fromkeys(model.tag for model in plan.models)]
    copied = sorted((n for n in schema.names if n not in scores), key=_place)
    return pa.schema([schema.field(n) for n in (*copied, *scores) if n in schema.names])


def _text_if_mixed(schemas: list[pa.Schema]) -> list[pa.Schema]:
    """Return the schemas; identifiers that are text in any of them are text in all of them."""
    for name in dict.fromkeys(name for schema in schemas for name in schema.names):
        kinds = [schema.field(name).type for schema in schemas if name in schema.names]
        if identifiers.is_identifier(name) and any(map(identifiers.is_text, kinds)):
            text = pa.field(name, pa.large_string())
            schemas = [s.set(s.names.index(name), text) if name in s.names else s for s in schemas]
    return schemas


def _provenance(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((pq.read_schema(path).metadata or {}).get(b"astrodome", b"{}")))
    except (pa.ArrowInvalid, OSError, ValueError):
        return {}


def _told(out: Path, plan: PredictionTask, *, before: bool = False) -> PredictionResult:
    """Counted from the statistics that the file has of its columns."""
    about = pq.read_metadata(out)
    unusable = dict.fromkeys(plan.columns, 0)
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        for index in range(group.num_columns):
            column = group.column(index)
            if column.path_in_schema in unusable:
                unusable[column.path_in_schema] += column.statistics.null_count
    lost = _provenance(out).get("lost_identifiers", {})
    return PredictionResult(out, about.num_rows, unusable, before, lost)
