"""Compute the features and scores of light curves, and write a page with interesting sources.

Every step writes a file, so that an interrupted run resumes at the first missing part.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from astrodome import InvalidInputError

from ..catalogues import epochs, source_light_curves
from ..classifiers import consolidation, loaded_models, prediction, samples
from ..classifiers.consolidation import ConsolidatedPredictions, Statistic
from ..classifiers.prediction import PredictionResult
from ..classifiers.samples import Sample, SampleOptions
from ..classifiers.score_tables import period_columns
from ..classifiers.trained_models import TrainedModel
from ..features.extraction import extraction
from ..features.extraction.inputs import CatalogueInput, FileInput, LightCurveInput, TableInput
from ..features.extraction.options import FeatureOptions
from ..features.extraction.results import FeaturesResult
from ..features.inspection import InspectedLightCurve, prepare_light_curves
from ..tables import datasets, feature_provenance, identifiers
from ..tables.score_columns import MERGED
from . import source_page
from .source_page import SourceCard

FEATURES, SCORES, PAGE = "features.parquet", "scores.parquet", "sources.html"
SHOWN = (
    *("n", "median", "wstd", "chi2red", "inv_vonneumannratio", "stetson_k", "skew", "period"),
    *("significance", "f1_power", "f1_BIC", "agree_score"),
)
"""Features that are shown on the page, if they exist."""


class ProgressBar(Protocol):
    """Progress of one step."""

    def set_total(self, total: int) -> object: ...
    def advance(self, steps: int = 1) -> object: ...


class _NoProgress:
    def set_total(self, total: int) -> None: ...
    def advance(self, steps: int = 1) -> None: ...


Track = Callable[[str, str], AbstractContextManager[ProgressBar]]
"""Function that is called with the name of a step and the name of its items."""


Reader = Callable[[Sequence[Any]], Mapping[str, Sequence[InspectedLightCurve]]]
"""Function that returns light curves, keyed by identifier."""


def _untracked(label: str, unit: str) -> AbstractContextManager[ProgressBar]:
    return nullcontext(_NoProgress())


@dataclass(frozen=True)
class PipelineOptions:
    """Options of :func:`classify_light_curves`.

    Attributes
    ----------
    features : FeatureOptions
        Options for the computation of features.
    sample : SampleOptions
        Number of sources on the page for each class, and their minimum score.
    statistic : {"mean", "median", "max"}
        How the scores of the light curves of a source are combined.
    radius : float
        Maximum separation between light curves of the same source, in arcsec.
    """

    features: FeatureOptions = field(default_factory=FeatureOptions)
    sample: SampleOptions = field(
        default_factory=lambda: SampleOptions(per_class=10, threshold=0.5, top=True)
    )
    statistic: Statistic = "mean"
    radius: float = consolidation.RADIUS


@dataclass(frozen=True)
class PipelineResult:
    """Result of :func:`classify_light_curves`.

    Attributes
    ----------
    features : FeaturesResult
        Result of the computation of features.
    scores : PredictionResult
        Result of the prediction.
    sources : ConsolidatedPredictions
        Scores with one row per source.
    sample : Sample
        Sources on the page.
    paths : mapping of str to Path
        Written files: ``features``, ``scores``, ``sources``, ``light_curves``, ``sample``,
        ``meta`` and ``page``.
    """

    features: FeaturesResult
    scores: PredictionResult
    sources: ConsolidatedPredictions = field(repr=False)
    sample: Sample = field(repr=False)
    paths: Mapping[str, Path] = field(repr=False)


def classify_light_curves(
    light_curves: Any,
    models: Sequence[TrainedModel],
    out: str | Path,
    options: PipelineOptions | None = None,
    *,
    catalogue: Any = None,
    jobs: int = 0,
    scheduler: str = "",
    force: bool = False,
    track: Track = _untracked,
) -> PipelineResult:
    """Compute features and scores of light curves, and write a page with interesting sources.

    Calling the function again resumes an interrupted run.

    Parameters
    ----------
    light_curves : pandas.DataFrame, path-like, sequence of path-like, or LightCurveInput
        Light curves, as in :func:`write_features`.
    models : sequence of TrainedModel
        Models to use, as returned by :func:`find_models`.
    out : path-like
        Folder for the output files.
    options : PipelineOptions, optional
        Options of the steps.
    catalogue : Catalogue or NamedCatalogue, optional
        Catalogue for crossmatches, alerts and bright stars.
    jobs : int
        Number of threads. 0 means one thread per CPU.
    scheduler : str
        Address of a Dask scheduler.
    force : bool
        Whether to replace existing files that contain different results.
    track : callable, optional
        Function that returns a context manager for the progress of a step.

    Returns
    -------
    PipelineResult

    Raises
    ------
    AstrodomeError
        If no light curve can be used, if the models require features that were not computed, or if
        the folder contains different results. If the Fourier convention of the models differs from
        the options, the error is raised before any feature is computed.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> models = scope.find_models(["models/experiment"])
    >>> features = scope.FeatureOptions(fourier_convention="amplitudes")  # as in the training set
    >>> options = scope.PipelineOptions(features=features)
    >>> found = scope.classify_light_curves("light_curves.parquet", models, "results", options)
    >>> found.paths["page"].name
    'sources.html'
    """
    options, folder = options or PipelineOptions(), Path(out).expanduser()
    _check_convention(models, options.features.fourier_convention)
    source = extraction.as_input(light_curves)
    with track("Computing features", "light curves") as bar:
        features = extraction.write_features(
            source,
            folder / FEATURES,
            options.features,
            catalogue=catalogue,
            jobs=jobs,
            scheduler=scheduler,
            force=force,
            start=bar.set_total,
            advance=bar.advance,
        )
    several = len({model.algorithm for model in models}) > 1
    with track("Scoring", "light curves") as bar:
        bar.set_total(features.rows)
        scores = prediction.predict_files(
            features.path,
            models,
            folder / SCORES,
            merge="mean" if several else None,
            force=force or not features.existing,
            advance=bar.advance,
        )
    sources = consolidation.consolidate_predictions(
        scores.path,
        algorithm=MERGED if several else models[0].algorithm,
        statistic=options.statistic,
        radius=options.radius,
    )
    sample = samples.select_sample(sources, _page_options(options.sample, models))
    about = {
        "features": str(features.path),
        "models": [str(model.path) for model in models],
        "options": samples.options_record(options.sample),
        "statistic": options.statistic,
    }
    paths = samples.write_sample(folder, sample, sources, about, everything=True)
    paths |= {"features": features.path, "scores": scores.path, "page": folder / PAGE}
    curves = partial(_epochs, source, options=options.features)
    described = {"Light curves": source.describe(), "Models": _describe(models)}
    _write_page(paths["page"], described, features, sources, sample, curves)
    return PipelineResult(features, scores, sources, sample, paths)


def _check_convention(models: Sequence[TrainedModel], convention: str) -> None:
    """Raise InvalidInputError if a model requires a different Fourier convention."""
    for model in models:
        preparation = loaded_models.preparation(model)
        expected = preparation.fourier_convention
        affected = feature_provenance.affected(preparation.features)
        if affected and convention != expected:
            raise InvalidInputError(
                f"The model {model.path} was trained with the Fourier convention '{expected}', but "
                f"the features are computed with '{convention}'.",
                f"Specify --fourier-convention {expected} for scope run, or "
                f"FeatureOptions(fourier_convention='{expected}') in Python.",
            )


def _page_options(options: SampleOptions, models: Sequence[TrainedModel]) -> SampleOptions:
    """Return the options with the tags of the models, if no tags are specified."""
    tags = options.tags or tuple(dict.fromkeys(model.tag for model in models))
    return SampleOptions(options.per_class, options.threshold, options.top, tags, options.seed)


def _describe(models: Sequence[TrainedModel]) -> str:
    """Return the algorithms of the models, and the folder that contains all models."""
    algorithms = sorted({model.algorithm for model in models})
    return f"{', '.join(algorithms)} in {os.path.commonpath([model.path for model in models])}"


def _write_page(
    path: Path,
    about: Mapping[str, str],
    features: FeaturesResult,
    sources: ConsolidatedPredictions,
    sample: Sample,
    read: Reader,
) -> None:
    """Write the page. ``read`` returns the light curves with the given identifiers.

    ``about`` describes the input.
    """
    cards = _cards(features.path, sources, sample, read)
    classes = {}
    for record in sample.counts:
        tag = str(record["tag"])
        rows = sample.table[samples.is_selected_for(sample.table, tag)]
        rows = rows.sort_values(sources.columns[tag], ascending=False, kind="stable")
        classes[tag] = [cards[name] for name in rows["obj_id"]]
    facts = {
        "light curves": features.rows,
        "light curves that cannot be used": len(features.problems),
        "sources": len(sources.table),
        "sources shown": len(sample.table),
    }
    title = f"Classified sources: {path.resolve().parent.name}"
    source_page.write(path, title, about, classes, facts, sample.counts)


def _cards(
    features: Path,
    sources: ConsolidatedPredictions,
    sample: Sample,
    read: Reader,
) -> dict[str, SourceCard]:
    """Return the sources on the page, keyed by name."""
    curves = sources.light_curves
    curves = curves[curves["obj_id"].isin(sample.table["obj_id"])]
    epochs_by_id = read(curves["_id"].tolist())
    values = _features(features, curves)
    ids = {name: set(identifiers.texts(of)) for name, of in curves.groupby("obj_id")["_id"]}
    period = next(iter(period_columns(sample.table)), "")
    cards = {}
    for row in identifiers.to_records(sample.table):
        name = row["obj_id"]
        scores = {tag: row[column] for tag, column in sources.columns.items()}
        known = {tag: s for tag, s in scores.items() if s and s >= source_page.LOWEST_SCORE}
        cards[name] = SourceCard(
            name=name,
            survey_id=row["survey_id"],
            ra=row["ra"],
            dec=row["dec"],
            period=row.get(period) or np.nan,
            scores=dict(sorted(known.items(), key=lambda item: -item[1])),
            features=values.get(name, {}),
            light_curves=[c for one in sorted(ids[name]) for c in epochs_by_id.get(one, ())],
        )
    return cards


def _features(path: Path, curves: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the features of the light curve with the most epochs, keyed by source."""
    names = datasets.column_names(path)
    table = datasets.read_dataset(path, ["_id", *(n for n in SHOWN if n in names)]).table
    of = dict(zip(identifiers.texts(curves["_id"]), curves["obj_id"], strict=True))
    table["obj_id"] = [of.get(text) for text in identifiers.texts(table["_id"])]
    table = table.dropna(subset="obj_id").sort_values("n").drop_duplicates("obj_id", keep="last")
    rows = table.set_index("obj_id").drop(columns="_id").to_dict(orient="index")
    return {str(name): values for name, values in rows.items()}


def _epochs(
    source: LightCurveInput, ids: Sequence[Any], options: FeatureOptions
) -> dict[str, list[InspectedLightCurve]]:
    """Return the light curves with the given identifiers, keyed by identifier."""
    if isinstance(source, CatalogueInput):
        table = source_light_curves.from_catalogue(source.named.catalogue, ids)
    elif isinstance(source, FileInput):
        table = source_light_curves.from_files(source.paths, ids)
    elif isinstance(source, TableInput):
        rows = epochs.normalize(pa.Table.from_pandas(source.table, preserve_index=False), "table")
        keep = set(identifiers.texts(ids))
        texts = identifiers.texts(rows["_id"].to_pylist())
        table = epochs.group(rows.filter(pa.array([text in keep for text in texts])))
    else:
        raise InvalidInputError(f"Unsupported input of light curves: {type(source).__name__}.")
    found: dict[str, list[InspectedLightCurve]] = {}
    for curve in prepare_light_curves(table, options):
        found.setdefault(identifiers.text(curve.id), []).append(curve)
    return found
