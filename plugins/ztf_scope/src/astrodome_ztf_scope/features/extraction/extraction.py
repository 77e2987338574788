"""Compute feature tables from light curves."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astrodome import AstrodomeError, InvalidInputError, compute, files
from astrodome.runs import provenance
from threadpoolctl import threadpool_limits

from ...catalogues import epochs
from ...tables import datasets, feature_provenance, identifiers, parts
from . import batches, bright_stars, crossmatch, results
from .batches import Batch
from .inputs import FileInput, LightCurveInput, NamedCatalogue, PreparedInput, TableInput
from .options import FeatureOptions
from .results import FeaturesResult
from .unusable import NoLightCurvesError

logger = logging.getLogger(__name__)
LightCurves: TypeAlias = (
    LightCurveInput | pd.DataFrame | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
)
"""Light curves in a table, in files or folders, or in a catalogue."""


def compute_features(
    light_curves: LightCurves,
    *,
    jobs: int = 0,
    notify: Callable[[str], object] = logger.warning,
    **options: Any,
) -> pd.DataFrame:
    """Compute the features of light curves.

    Parameters
    ----------
    light_curves : pandas.DataFrame, path-like, or sequence of path-like
        Light curves with one row per epoch, or with one row per light curve and lists of values. A
        path is a CSV, Parquet or HDF5 file, or a folder with such files. Required columns are
        ``_id`` (or ``objectid``), ``hjd`` (or ``hmjd``, in days), ``mag`` and ``magerr``. Optional
        columns are ``filterid`` (1 for g, 2 for r, 3 for i), ``catflags``, ``ra`` and ``dec`` in
        degrees, ``field``, ``ccd`` and ``quad``. A light curve contains all epochs with the same
        identifier and filter.
    jobs : int
        Number of threads. 0 means one thread per CPU.
    notify : callable, optional
        Function that is called with a message for each light curve for which no features are
        computed, for example because it has too few epochs. By default, the message is logged.
    **options
        Options of :class:`FeatureOptions`, of the period search (``algorithms``,
        ``min_frequency``, ``max_frequency``, ``samples_per_peak``, ``top_n``, ``full_grid`` and
        ``mask_aliases``) and of the cleaning (``min_points``, ``min_cadence_minutes`` and
        ``outliers``), for example ``algorithms=("LS",)`` or ``max_frequency=20.0``.

    Returns
    -------
    pandas.DataFrame
        One row per light curve, sorted by ``_id`` and ``filter``.

    Raises
    ------
    AstrodomeError
        If a required column is missing, if no light curve can be used, or if an option is
        invalid.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> import numpy as np, pandas as pd
    >>> hjd = 2458000 + np.sort(np.random.default_rng(1).uniform(0, 400, 100))
    >>> mag = 15 + 0.3 * np.sin(2 * np.pi * hjd / 0.57)
    >>> epochs = pd.DataFrame({"_id": 7, "hjd": hjd, "mag": mag, "magerr": 0.02, "filterid": 1})
    >>> features = scope.compute_features(epochs, algorithms=("LS",), max_frequency=4.0)
    >>> features[["_id", "period"]].round(2).to_numpy().tolist()
    [[7, 0.57]]
    """
    with tempfile.TemporaryDirectory(prefix="scope-") as folder:
        out = Path(folder) / "features.parquet"
        found = write_features(light_curves, out, FeatureOptions.from_names(**options), jobs=jobs)
        table = identifiers.to_pandas(pq.read_table(out))
        about = feature_provenance.read(out)
    table.attrs = {feature_provenance.KEY: json.dumps(about)}
    for problem in found.problems.to_dict("records"):
        notify(f"No features for the light curve {problem['_id']}: {problem['reason']}")
    return table


def write_features(
    light_curves: LightCurves,
    out: str | os.PathLike[str],
    options: FeatureOptions | None = None,
    *,
    catalogue: NamedCatalogue | Any = None,
    jobs: int = 0,
    scheduler: str = "",
    force: bool = False,
    advance: Callable[[int], object] = lambda count: None,
    start: Callable[[int], object] = lambda total: None,
) -> FeaturesResult:
    """Compute the features of light curves, and write them to a Parquet file.

    The light curves are processed in batches, so that memory usage does not depend on their number.
    Calling the function again resumes an interrupted computation. The result is the same for any
    number of threads or workers.

    Parameters
    ----------
    light_curves : pandas.DataFrame, path-like, sequence of path-like, or LightCurveInput
        Light curves in the formats of :func:`compute_features`, or light curves in a catalogue.
    out : path-like
        Parquet file to write. Light curves without features are written to a CSV file with the same
        name and the extension ``.skipped.csv``.
    options : FeatureOptions, optional
        Options that determine the values.
    catalogue : Catalogue or NamedCatalogue, optional
        Catalogue for crossmatches, alerts and bright stars.
    jobs : int
        Number of threads. 0 means one thread per CPU.
    scheduler : str
        Address of a Dask scheduler. If it is empty, the features are computed in this process. The
        folder of the output file must have the same path on the cluster as on the local computer.
    force : bool
        Whether to replace an existing output file.
    advance : callable, optional
        Function that is called with the number of light curves in each finished batch.
    start : callable, optional
        Function that is called with the total number of light curves.

    Returns
    -------
    FeaturesResult

    Raises
    ------
    AstrodomeError
        If no light curve can be used, if a required column is missing, or if ``out`` contains the
        result of a different computation.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> simulated = scope.simulate_light_curves(2, classes=["rrab"], points=100, bands="r")
    >>> options = scope.FeatureOptions.from_names(algorithms=("LS",), max_frequency=4.0)
    >>> scope.write_features(simulated.epochs, "features.parquet", options).rows
    2
    """
    options = options or FeatureOptions()
    target = Path(out).expanduser()
    files.check_extension(target, datasets.PARQUET)
    if options.needs_catalogue and catalogue is None:
        raise InvalidInputError(
            "Crossmatches, alerts and bright stars require a catalogue.",
            "Specify a catalogue, for example kowalski or local:FOLDER.",
        )
    if not isinstance(catalogue, NamedCatalogue):
        catalogue = NamedCatalogue(type(catalogue).__name__, catalogue)
    source = as_input(light_curves)
    digest = _digest(source, options, catalogue.name if options.needs_catalogue else "")
    if parts.is_complete(target, digest, "computation of features", force=force):
        return results.read(target, existing=True)
    # Light curves are processed in parallel, and threads in BLAS would slow down their small fits.
    with parts.folder(target, digest) as folder, threadpool_limits(1, "blas"):
        prepared = source.prepare(folder)
        start(prepared.light_curves)
        read = partial(_read_chunk, prepared, options, catalogue.catalogue)
        tasks = _missing_batches(folder.resolve(), prepared.chunks, read, advance)
        function = partial(batches.compute, options=options)
        for done in compute.map(
            function, tasks, jobs=jobs, threads=not scheduler, scheduler=scheduler
        ):
            if done.value is None:
                raise AstrodomeError(
                    f"Cannot compute the features of a batch of light curves: {done.error}",
                    "Run the same command again to resume with the missing batches.",
                )
            parts.write(folder / done.item.name, done.value)
            advance(len(done.value))
        try:
            results.join(folder, target, prepared, options, digest)
        except NoLightCurvesError:
            shutil.rmtree(folder)
            raise
    return results.read(target)


def as_input(light_curves: Any) -> LightCurveInput:
    """Convert light curves in a format of :func:`write_features` to a LightCurveInput."""
    if isinstance(light_curves, pd.DataFrame):
        return TableInput(light_curves)
    if isinstance(light_curves, str | os.PathLike):
        light_curves = [light_curves]
    if isinstance(light_curves, Sequence):
        paths = [Path(path).expanduser() for path in light_curves]
        return FileInput(tuple(epochs.light_curve_files(paths)))
    found: LightCurveInput = light_curves
    return found


def _digest(source: LightCurveInput, options: FeatureOptions, catalogue: str) -> str:
    """Return a checksum of everything that affects the result."""
    version = provenance(["astrodome-ztf-scope"])["versions"]["astrodome-ztf-scope"]
    about = {
        "input": source.identity(),
        "options": options.as_dict(),
        "catalogue": catalogue,
        "version": version,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _missing_batches(
    folder: Path,
    chunks: int,
    read: Callable[[int], pa.Table],
    advance: Callable[[int], object],
) -> Iterator[Batch]:
    """Yield the batches whose features do not exist yet, and write their light curves to files."""
    for chunk in range(chunks):
        path = folder / f"light_curves-{chunk:06d}.parquet"
        if not path.exists():
            parts.write(path, read(chunk), row_group_size=batches.BATCH)
        for number in range(pq.read_metadata(path).num_row_groups):
            batch = Batch(path, number, f"features-{chunk:06d}-{number:03d}.parquet")
            if (folder / batch.name).exists():
                advance(pq.read_metadata(folder / batch.name).num_rows)
            else:
                yield batch


def _read_chunk(
    prepared: PreparedInput, options: FeatureOptions, catalogue: Any, number: int
) -> pa.Table:
    """Return the light curves in a chunk, with the columns that require a catalogue.

    These are crossmatches, alerts, and the reason why light curves near bright stars are excluded.
    """
    curves = prepared.read_chunk(number)
    added = [
        crossmatch.match(catalogue, role, curves, options.radius_arcsec)
        for role in options.crossmatch
    ]
    if options.alerts:
        added.append(crossmatch.count_alerts(catalogue, curves, options.radius_arcsec))
    if options.exclude_bright_stars:
        reasons = bright_stars.reasons(catalogue, curves)
        added.append(pa.table({batches.EXCLUDED: pa.array(reasons, pa.string())}))
    for table in added:
        for name in table.column_names:
            curves = curves.append_column(name, table[name])
    return curves
