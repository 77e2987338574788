"""Refine the periods in a feature table, and write them to a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, arrow, compute, errors, files
from astrodome.runs import provenance

from ...catalogues import epochs, positions
from ...tables import parts, table_io
from .classes import period_prior
from .refine import (
    MEASURED,
    PREFIX,
    RESULT,
    RefinementOptions,
    refine_light_curves,
    unchanged,
)
from .sources import TableSource, light_curve_key
from .tasks import Reader, RefinementTask

PART = 32
"""Number of sources in a part, which is refined by one call on a thread or a Dask worker."""
COPIED = ("obj_id", "field", "ccd", "quad", "filter")
"""Columns of the feature table that are copied to the output, besides identifiers and position."""
NO_LIGHT_CURVE = "no light curve found"
NO_CLASS, NOT_SELECTED = "no class", "periods of this class are not refined"
FAILED = "failed: "
VERSIONS = ("astrodome-ztf-scope", "numpy", "numba", "nifty-ls")
CHANGED = 0.01
"""Relative difference above which a refined period counts as changed."""


@dataclass(frozen=True)
class RefinementResult:
    """Result of :func:`refine_periods`.

    Attributes
    ----------
    path : pathlib.Path
        Path of the output file.
    rows, refined, changed : int
        Number of rows in the output, of rows with a refined period, and of those whose refined
        period differs from the current period by more than 1 %.
    problems : mapping of str to str
        Reasons why the period of a source could not be refined, by identifier of the light curve.
        Sources whose class is not refined are not included.
    existing : bool
        Whether the output already existed and contained the result of the same refinement.
    """

    path: Path
    rows: int
    refined: int
    changed: int
    problems: dict[str, str]
    existing: bool = False


@dataclass(frozen=True)
class _Part:
    """Sources to refine, and the folder with the file of their light curves."""

    number: int
    sources: tuple[TableSource, ...]
    folder: Path

    @property
    def light_curves(self) -> Path:
        return self.folder / f"light_curves-{self.number:06d}.parquet"

    @property
    def result(self) -> Path:
        return self.folder / f"refined-{self.number:06d}.parquet"


def refine_periods(
    task: RefinementTask,
    output: str | os.PathLike[str],
    *,
    jobs: int = 0,
    scheduler: str = "",
    force: bool = False,
    start: Callable[[int], object] = lambda sources: None,
    advance: Callable[[int], object] = lambda sources: None,
) -> RefinementResult:
    """Refine the periods in a feature table with the method for the class of each source.

    The light curves of a source in all filters are fitted together. Rows of the feature table
    belong to the same source if they have the same ``obj_id`` or, without this column, if their
    positions differ by at most 2 arcsec. Calling the function again resumes an interrupted run.

    Parameters
    ----------
    task : RefinementTask
        Feature table, classes, light curves and options.
    output : path-like
        Parquet file to write, with one row per row of the feature table: identifiers, position,
        class (and ``class_score``, if it was determined from scores), current period, and the
        columns that :func:`refine_period` describes.
    jobs : int
        Number of threads. 0 means one thread per CPU.
    scheduler : str
        Address of a Dask scheduler. The folder of the output must have the same path on the
        cluster.
    force : bool
        Whether to replace an existing output file.
    start, advance : callable, optional
        Functions that are called with the total number of sources to refine, and with the number of
        sources in each finished part.

    Returns
    -------
    RefinementResult

    Raises
    ------
    AstrodomeError
        If a required column is missing, or if ``output`` contains the result of a different
        refinement.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> simulation = scope.simulate_light_curves(2, classes=["ew", "agn"], points=150, bands="gr")
    >>> curves = scope.write_table("curves.parquet", simulation.epochs)
    >>> features = scope.write_table("truth.parquet", simulation.truth.fillna({"period": 0.4}))
    >>> task = scope.RefinementTask(features, classes=features, light_curves=[curves])
    >>> result = scope.refine_periods(task, "refined.parquet")
    >>> result.rows, result.refined
    (4, 2)
    """
    target = Path(output).expanduser()
    files.check_extension(target, (".parquet", ".parq", ".pq"))
    table, sources = task.read_sources()
    digest = task.digest
    if parts.is_complete(target, digest, "refinement", force=force):
        return _result(target, existing=True)
    with parts.folder(target, digest) as folder:
        todo = [source for source in sources if task.is_selected(source)]
        start(len(todo))
        pending = _missing_parts(task, todo, folder.resolve(), advance)
        function = partial(_refine_part, options=task.options)
        for done in compute.map(
            function, pending, jobs=jobs, threads=not scheduler, scheduler=scheduler
        ):
            if done.value is None:
                raise AstrodomeError(
                    f"Cannot refine the periods of part {done.item.number}: {done.error}",
                    "Run the same command again to resume with the missing parts.",
                )
            parts.write(done.item.result, done.value)
            advance(len(done.item.sources))
        rows = _rows(task, table, sources, sorted(folder.glob("refined-*.parquet")))
        about = {"digest": digest, "period_column": task.period_column, **provenance(VERSIONS)}
        table_io.write_table(target, rows, about)
    return _result(target)


def _missing_parts(
    task: RefinementTask,
    sources: Sequence[TableSource],
    folder: Path,
    advance: Callable[[int], object],
) -> Iterator[_Part]:
    """Yield the parts that are not refined yet, and write their light curves to files."""
    reader: Reader | None = None
    for number, first in enumerate(range(0, len(sources), PART)):
        part = _Part(number, tuple(sources[first : first + PART]), folder)
        if part.result.exists():
            advance(len(part.sources))
            continue
        if not part.light_curves.exists():
            reader = reader or task.open_light_curves(folder)
            ids = dict.fromkeys(identifier for one in part.sources for identifier in one.ids)
            parts.write(part.light_curves, reader(list(ids)))
        yield part


def _refine_part(part: _Part, options: RefinementOptions) -> pa.Table:
    """Refine the sources of a part, and return one row per source."""
    curves = pq.read_table(part.light_curves)
    rows: dict[str, list[int]] = {}
    for row, identifier in enumerate(curves["_id"].to_pylist()):
        rows.setdefault(str(identifier), []).append(row)
    results = []
    for source in part.sources:
        own = [row for identifier in dict.fromkeys(source.ids) for row in rows.get(identifier, ())]
        result = _refine_source(source, curves.take(pa.array(own, pa.int64())), options)
        results.append({"source": source.number, **result})
    names = dict.fromkeys(name for row in results for name in row)
    return pa.table({name: [row.get(name) for row in results] for name in names})


def _refine_source(
    source: TableSource, curves: pa.Table, options: RefinementOptions
) -> dict[str, Any]:
    """Return the result for a source. An unexpected error becomes the reason in the result."""
    prior = period_prior(source.label)
    assert prior is not None  # Only selected sources are in a part.
    if not len(curves):
        return unchanged(NO_LIGHT_CURVE)
    columns = [
        [np.array(values, np.float64) for values in curves[name].to_pylist()]
        for name in epochs.EPOCH
    ]
    light_curves = [
        (time, mag, error, np.nan_to_num(flags))
        for time, mag, error, flags in zip(*columns, strict=True)
    ]
    filters = [number or 0 for number in curves["filter"].to_pylist()]
    try:
        return refine_light_curves(
            light_curves, filters, prior, source.periods, source.listed, options
        )
    except MemoryError:
        raise
    except Exception as error:
        return unchanged(FAILED + errors.reason(error))


def _rows(
    task: RefinementTask, table: pd.DataFrame, sources: Sequence[TableSource], paths: Sequence[Path]
) -> pd.DataFrame:
    """Return the rows of the output, in the order of the feature table."""
    numbers = np.array([row for one in sources for row in one.rows], np.intp)
    owners = np.repeat([one.number for one in sources], [len(one.rows) for one in sources])
    order = np.argsort(numbers, kind="stable")
    numbers, owners = numbers[order], owners[order]
    key = light_curve_key(list(table.columns), task.features)
    place = positions.columns(list(table.columns)).values()
    names = dict.fromkeys([key, task.id_column, *place, *COPIED, task.period_column])
    rows = table.iloc[numbers][[name for name in names if name in table]].reset_index(drop=True)
    decisions = {one.number: one.decision for one in sources}
    rows[task.class_column] = [decisions[owner].label for owner in owners]
    if task.uses_scores:
        rows["class_score"] = [decisions[owner].score for owner in owners]
    refined = _read_results(paths, task.options).reindex(owners).reset_index(drop=True)
    refined["period_was_refined"] = refined["period_was_refined"].fillna(False).astype(bool)
    current = pd.to_numeric(table[task.period_column]).to_numpy(np.float64, na_value=np.nan)
    kept = ~refined["period_was_refined"].to_numpy()
    refined.loc[kept, "period_refined"] = current[numbers][kept]
    skipped = refined["refinement_reason"].isna().to_numpy() & kept
    unknown = rows[task.class_column].isna().to_numpy()
    reasons = np.where(unknown, NO_CLASS, NOT_SELECTED).astype(object)
    ambiguous = np.array([decisions[owner].problem for owner in owners], object)
    reasons = np.where(ambiguous != "", ambiguous, reasons)
    refined.loc[skipped, "refinement_reason"] = reasons[skipped]
    return pd.concat([rows, refined], axis=1)


def _read_results(paths: Sequence[Path], options: RefinementOptions) -> pd.DataFrame:
    """Return the results of all parts, with the number of the source as the index.

    All columns exist and have the same types, whichever classes the sources have.
    """
    columns = dict(RESULT)
    if options.characterise:
        columns |= {PREFIX + name: kind for name, kind in MEASURED.items()}
    empty = pa.table({"source": pa.array([], pa.int64())})
    tables = [empty, *map(pq.read_table, paths)]
    table = pa.concat_tables(tables, promote_options="permissive").to_pandas()
    return table.set_index("source").reindex(columns=list(columns)).astype(columns)


def _result(target: Path, *, existing: bool = False) -> RefinementResult:
    """Return the result of a finished refinement."""
    table = arrow.read_frame(target)
    refined = table["period_was_refined"].to_numpy(bool)
    period_column = parts.read_provenance(target)["period_column"]
    current = pd.to_numeric(table[period_column]).to_numpy(np.float64, na_value=np.nan)
    ratio = table["period_refined"].to_numpy(np.float64) / current
    changed = refined & ~(np.abs(ratio - 1) <= CHANGED)
    reasons = table["refinement_reason"]
    failed = ~refined & ~reasons.isin([NO_CLASS, NOT_SELECTED]).to_numpy()
    ids = table[light_curve_key(list(table.columns), target)].astype(str)
    problems = dict(zip(ids[failed], reasons[failed], strict=True))
    return RefinementResult(
        target, len(table), int(refined.sum()), int(changed.sum()), problems, existing
    )
