"""Build training sets from marshal classifications and catalogue features."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, InvalidInputError

from ..config import taxonomy_maps
from ..tables import datasets, identifiers, table_io

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MergeOptions:
    """Options for merging classified sources with features.

    ``taxonomy_map`` and ``collection`` are the names of the taxonomy map and of the feature
    collection in the catalogue. ``radius`` is the maximum separation between a source and its light
    curves, in arcseconds. ``ids_per_query`` is the maximum number of sources or light curves in
    each query. If ``filters`` is True, the filter of each light curve is kept. If ``impute`` is
    True, missing features are imputed. If ``min_votes`` is set, classes with fewer net votes
    (upvotes minus downvotes) are ignored, and sources without remaining classes are skipped.
    """

    taxonomy_map: str = "golden"
    collection: str = "features"
    radius: float = 2.0
    ids_per_query: int = 1000
    filters: bool = False
    impute: bool = False
    min_votes: int | None = None


def merge(
    sources: Sequence[Mapping[str, Any]],
    catalogue: Any,
    options: MergeOptions,
    *,
    notify: Callable[[str], object] = logger.warning,
) -> pd.DataFrame:
    """Merge classified sources with features, and return one row per light curve.

    Each row contains the features, ``obj_id``, and a column for each label in the taxonomy map. The
    value of a label is the probability of its class, or 0 if the source does not have the class. A
    light curve that is near several sources is matched to the nearest source. ``notify`` is called
    with a warning if classes are missing in the taxonomy map.
    """
    labelled = source_labels(sources, options, notify=notify)
    if labelled.empty:
        raise AstrodomeError(
            f"No source has a valid class in the taxonomy map '{options.taxonomy_map}'.",
            "Specify a different taxonomy map, or reduce the minimum number of votes.",
        )
    owners = _nearest_sources(labelled, catalogue, options)
    if not owners:
        raise AstrodomeError(
            f"No light curve found in the collection '{options.collection}' within "
            f"{options.radius:g} arcsec of a source.",
            "Increase the radius, or specify a different collection.",
        )
    features = identifiers.from_records(_features(catalogue, list(owners), options))
    features["obj_id"] = [owners[number] for number in features["_id"]]
    # Use the position of the source, because its light curves have slightly different positions.
    features = features.drop(columns=[c for c in ("ra", "dec", "separation") if c in features])
    clash = {name: f"{name}_feature" for name in labelled if name in features and name != "obj_id"}
    merged = labelled.merge(features.rename(columns=clash), on="obj_id", how="inner")
    merged = merged.rename(columns={"_id": "ztf_id"}).sort_values("ztf_id", ignore_index=True)
    return _imputed(merged) if options.impute else merged


def source_labels(
    sources: Sequence[Mapping[str, Any]],
    options: MergeOptions,
    *,
    notify: Callable[[str], object] = logger.warning,
) -> pd.DataFrame:
    """Return a table with one row per source.

    The columns are ``obj_id``, ``ra`` and ``dec`` in degrees, ``labellers``, and one column per
    label.
    """
    targets = taxonomy_maps.read(options.taxonomy_map)
    labels = {target.name: label for label, target in targets.items() if target}
    unknown: set[str] = set()
    rows = []
    for source in {one["id"]: one for one in sources}.values():
        row: dict[str, Any] = dict.fromkeys(labels.values(), 0.0)
        counted = 0
        for one in source["classifications"]:
            label = labels.get(one["classification"])
            if label is None:
                unknown.add(one["classification"])
            elif options.min_votes is None or one["votes"] >= options.min_votes:
                probability = one["probability"]
                row[label] = max(row[label], 1.0 if probability is None else float(probability))
                counted += 1
        if counted or options.min_votes is None:
            about = {"obj_id": source["id"], "ra": source["ra"], "dec": source["dec"]}
            rows.append({**about, **row, "labellers": ";".join(map(str, source["labellers"]))})
    if unknown:
        names = ", ".join(sorted(unknown))
        notify(f"Ignored classes that are not in the taxonomy map: {names}.")
    return identifiers.from_records(rows)


def _nearest_sources(
    labelled: pd.DataFrame, catalogue: Any, options: MergeOptions
) -> dict[int, str]:
    """Return the ``obj_id`` of the nearest source for each light curve, keyed by its id."""
    nearest: dict[int, tuple[float, str]] = {}
    for first in range(0, len(labelled), options.ids_per_query):
        part = labelled.iloc[first : first + options.ids_per_query]
        found = catalogue.cone(
            options.collection, part["ra"], part["dec"], options.radius, ("_id",)
        )
        for obj_id, curves in zip(part["obj_id"], found, strict=True):
            for curve in curves:
                candidate = (curve["separation"], str(obj_id))
                nearest[curve["_id"]] = min(nearest.get(curve["_id"], candidate), candidate)
    return {number: obj_id for number, (_, obj_id) in nearest.items()}


def _features(catalogue: Any, ids: list[int], options: MergeOptions) -> Iterable[dict[str, Any]]:
    for first in range(0, len(ids), options.ids_per_query):
        part = ids[first : first + options.ids_per_query]
        for row in catalogue.find(options.collection, {"_id": {"$in": part}}):
            if not options.filters:
                row.pop("filter", None)
            yield row


def _imputed(merged: pd.DataFrame) -> pd.DataFrame:
    """Impute missing features with the configured strategies, which are fitted to the same rows."""
    from ..config.loading import load_config
    from .preprocessing.preparation import Preparation

    configured = load_config().feature_sets["ontological"]
    columns = [name for name in configured.columns if name in merged and merged[name].notna().any()]
    known = {configured.columns[name] for name in columns}
    features = {name: f for name, f in configured.features.items() if name in known}
    data = datasets.DataSet(merged, None)
    preparation = Preparation.fit(data, replace(configured, features=features), None)
    for name, values in zip(columns, preparation.impute(data).T, strict=True):
        if merged[name].hasnans:
            merged[name] = values
    return merged


def update(merged: pd.DataFrame, training_set: str | Path | None, prefix: str) -> Path:
    """Write a copy of the training set that includes the rows returned by :func:`merge`.

    Existing rows with the same ``ztf_id`` are replaced, but their ``obj_id`` and dmdt image are
    kept. The file name of the copy consists of ``prefix``, an underscore and the file name of the
    training set.
    """
    if not training_set:
        raise InvalidInputError(
            "No training set is configured.",
            "Set training.dataset in the configuration to the path of the training set.",
        )
    path = Path(training_set)
    dataset = datasets.read_dataset(path)
    before = dataset.table
    if dataset.dmdt is not None:
        before = before.assign(dmdt=[image.tolist() for image in dataset.dmdt])
    if "ztf_id" not in before:
        raise AstrodomeError(
            f"{path} has no column 'ztf_id', which is required to find existing light curves."
        )
    replaced = before["ztf_id"].isin(set(merged["ztf_id"]))
    new = merged.set_index("ztf_id")
    own = before[replaced].drop_duplicates("ztf_id").set_index("ztf_id")
    for name in ("obj_id", "dmdt"):
        if name in own and replaced.any():
            kept = own[name].reindex(new.index)
            new[name] = kept.where(kept.notna(), new.get(name))
    result = pd.concat([before[~replaced], new.reset_index()], ignore_index=True)
    out = path.with_name(f"{prefix}_{path.name}")
    if out.suffix == ".csv" and "dmdt" in result:
        result["dmdt"] = [json.dumps(x) if isinstance(x, list) else x for x in result["dmdt"]]
    return table_io.write_table(out, result)
