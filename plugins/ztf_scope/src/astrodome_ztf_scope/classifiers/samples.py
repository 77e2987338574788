"""Select a sample of sources to label: random sources, or those with the highest scores."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import InvalidInputError, files
from astrodome.runs import provenance
from numpy.typing import NDArray

from ..catalogues import positions
from ..tables import datasets, identifiers, table_io
from .consolidation import RADIUS, ConsolidatedPredictions
from .score_tables import SURVEYS, survey_column
from .trained_models import TASK

SELECTED = "selected_for"
"""Column with the tags for which a source was selected, separated by ``;``."""
SAMPLE, SOURCES, CURVES, META = "sample", "sources", "light_curves", "meta.json"
"""Names of the files that :func:`write_sample` writes."""


@dataclass(frozen=True)
class SampleOptions:
    """Options of :func:`select_sample`.

    Attributes
    ----------
    per_class : int
        Number of sources to select for each class; 0 means all.
    threshold : float
        Minimum score of the sources that are selected for a class.
    top : bool
        Whether to select the sources with the highest scores instead of random sources.
    tags : tuple of str
        Tags of the classes. By default, all classes are used.
    seed : int
        Seed of the random selection.
    """

    per_class: int = 1000
    threshold: float = 0.9
    top: bool = False
    tags: tuple[str, ...] = ()
    seed: int = 9


@dataclass(frozen=True)
class Sample:
    """A sample of sources.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per selected source. The column ``selected_for`` contains the tags of the classes
        for which the source was selected.
    counts : list of dict
        One record per class: ``tag``, the number of ``candidates`` (sources with a score of at
        least the threshold), of ``selected`` sources, and of sources ``in_sample`` (candidates that
        were selected for this class or for another class).
    excluded : int
        Number of sources that were excluded because they are in a training set.
    """

    table: pd.DataFrame
    counts: list[dict[str, Any]] = field(repr=False)
    excluded: int = 0


def select_sample(
    predictions: ConsolidatedPredictions,
    options: SampleOptions = SampleOptions(),
    *,
    exclude: Iterable[str | os.PathLike[str]] = (),
) -> Sample:
    """Select a sample of sources to label, which contains sources of every class.

    All sources are arranged in one random order, and the first candidates in this order are
    selected for each class. Sources that are candidates for several classes are therefore shared
    by these classes, and the sample does not depend on the order of the input.

    Parameters
    ----------
    predictions : ConsolidatedPredictions
        Scores with one row per source, from :func:`consolidate_predictions`.
    options : SampleOptions
        Number of sources, threshold, and type of selection.
    exclude : iterable of path-like
        Training sets (CSV, Parquet or HDF5). Sources with an identifier or a position (within 2
        arcsec) in one of these files are excluded.

    Returns
    -------
    Sample

    Raises
    ------
    AstrodomeError
        If a class has no scores, or if a training set contains neither identifiers nor positions.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> import pandas as pd
    >>> scores = pd.DataFrame({"_id": [1, 2, 3], "ra": [10.0, 20, 30], "dec": 0.0})
    >>> scores["rrlyr_xgb"] = [0.95, 0.2, 0.99]
    >>> sources = scope.consolidate_predictions(scores)
    >>> sample = scope.select_sample(sources, scope.SampleOptions(per_class=1, top=True))
    >>> sample.table[["obj_id", "rrlyr_xgb", "selected_for"]]
                       obj_id  rrlyr_xgb selected_for
    0  ZTFJ020000.00+000000.0       0.99        rrlyr
    """
    table = predictions.table
    known = np.zeros(len(table), bool)
    for path in exclude:
        known |= training_sources(predictions, Path(path).expanduser())
    available = np.flatnonzero(~known)
    order = available[np.random.default_rng(options.seed).permutation(len(available))]
    reasons: dict[int, list[str]] = {}
    candidates: dict[str, NDArray[np.bool_]] = {}
    counts = []
    for tag in _tags(predictions, options.tags):
        score = table[predictions.columns[tag]].to_numpy(np.float64)
        candidates[tag] = (score >= options.threshold) & ~known
        ranked = available[np.argsort(-score[available], kind="stable")] if options.top else order
        chosen = ranked[candidates[tag][ranked]][: options.per_class or None]
        for row in chosen.tolist():
            reasons.setdefault(row, []).append(tag)
        counts.append(
            {"tag": tag, "candidates": int(candidates[tag].sum()), "selected": len(chosen)}
        )
    rows = np.array(sorted(reasons), np.intp)
    for record in counts:
        record["in_sample"] = int(candidates[str(record["tag"])][rows].sum())
    selected = table.iloc[rows].reset_index(drop=True)
    selected[SELECTED] = [";".join(reasons[row]) for row in rows.tolist()]
    return Sample(selected, counts, int(known.sum()))


def is_selected_for(table: pd.DataFrame, tag: str) -> pd.Series:
    """Return whether each source in a sample was selected for a class."""
    return table[SELECTED].map(lambda tags: tag in tags.split(";")).astype(bool)


def _tags(predictions: ConsolidatedPredictions, tags: Sequence[str]) -> list[str]:
    unknown = [tag for tag in tags if tag not in predictions.columns]
    if unknown:
        raise InvalidInputError(
            f"The predictions contain no scores of the class '{unknown[0]}'.",
            f"Available classes: {', '.join(predictions.columns)}.",
        )
    return list(dict.fromkeys(tags)) or list(predictions.columns)


def training_sources(predictions: ConsolidatedPredictions, path: Path) -> NDArray[np.bool_]:
    """Return whether each source is in a training set, with shape (N,).

    A source is in the training set if one of its identifiers or its position (within 2 arcsec) is.
    """
    table = predictions.table
    datasets.require_file(path)
    names = datasets.column_names(path)
    curves = [name for name in ("_id", "ztf_id") if name in names]
    own = ["obj_id", *map(survey_column, SURVEYS)]
    shared = [name for name in own if name in names and name in table]
    place = list(positions.columns(names).values())
    place = place if len(place) == len(positions.LIMITS) else []
    if not (curves or "obj_id" in shared or place):
        raise InvalidInputError(
            f"{path} contains no identifiers: expected the column 'obj_id', 'ztf_id' or '_id', or "
            "the columns 'ra' and 'dec'."
        )
    training = datasets.read_dataset(path, [*curves, *shared, *place]).table
    found = np.zeros(len(table), bool)
    for name in shared:
        found |= _is_in(table[name], training[name])
    for name in curves:
        same = _is_in(predictions.light_curves["_id"], training[name])
        found |= table["obj_id"].isin(predictions.light_curves["obj_id"][same]).to_numpy()
    coordinates = positions.coordinates(training, path) if place else None
    if coordinates is not None:
        found |= _is_near(table, *coordinates)
    return found


def _is_in(values: pd.Series, others: pd.Series) -> NDArray[np.bool_]:
    texts = {text for text in identifiers.texts(others) if text}
    return np.array([text in texts for text in identifiers.texts(values)], bool)


def _is_near(
    table: pd.DataFrame, ra: NDArray[np.float64], dec: NDArray[np.float64]
) -> NDArray[np.bool_]:
    from astropy.coordinates import SkyCoord

    here = np.flatnonzero(np.isfinite(table["ra"]) & np.isfinite(table["dec"]))
    there = np.isfinite(ra) & np.isfinite(dec)
    found = np.zeros(len(table), bool)
    if len(here) and there.any():
        own = SkyCoord(table["ra"].iloc[here], table["dec"].iloc[here], unit="deg")
        others = SkyCoord(ra[there], dec[there], unit="deg")
        found[here] = own.match_to_catalog_sky(others)[1].arcsec <= RADIUS
    return found


def write_sample(
    folder: Path,
    sample: Sample,
    predictions: ConsolidatedPredictions,
    about: dict[str, Any],
    *,
    csv: bool = False,
    everything: bool = False,
) -> dict[str, Path]:
    """Write a sample to a directory, and return the paths of the files.

    ``meta.json`` contains ``about`` and the counts, and is written last. ``csv`` also writes CSV
    files. ``everything`` also writes all sources, and the source of each light curve.
    """
    tables = {SAMPLE: sample.table}
    if everything:
        tables |= {SOURCES: predictions.table, CURVES: predictions.light_curves}
    about = {
        **about,
        "sources": len(predictions.table),
        "light_curves": len(predictions.light_curves),
        "selected": len(sample.table),
        "excluded": sample.excluded,
        "classes": sample.counts,
        "collisions": dict(predictions.collisions),
        "duplicates": predictions.duplicates,
        "without_position": predictions.without_position,
        **provenance(["astrodome-ztf-scope"], TASK, []),
    }
    paths: dict[str, Path] = {}
    for name, table in tables.items():
        paths[name] = table_io.write_table(folder / f"{name}.parquet", table, about)
        if csv:
            paths[f"{name}_csv"] = table_io.write_table(folder / f"{name}.csv", table)
    files.write_text(folder / META, json.dumps(about, indent=1) + "\n")
    return {**paths, "meta": folder / META}


def options_record(options: SampleOptions) -> dict[str, Any]:
    """Return the options as a dictionary that can be converted to JSON."""
    return {**asdict(options), "tags": list(options.tags)}
