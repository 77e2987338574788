"""Labels of a marshal joined with features of a catalogue: rows for a training set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, console

from ..config import taxonomy_maps
from ..tables import identifiers, table_io


@dataclass(frozen=True)
class Merge:
    """How it is joined: features within ``radius`` (arcsec) of a source.

    With ``min_votes`` only classes with so many net votes count, and sources that have one.
    """

    taxonomy_map: str = "golden"
    collection: str = "features"
    radius: float = 2.0
    at_once: int = 1000
    filters: bool = False
    impute: bool = False
    min_votes: int | None = None


def merge(sources: Sequence[Mapping[str, Any]], catalogue: Any, asked: Merge) -> pd.DataFrame:
    """A row a light curve: its features, ``obj_id``, and a column for each label of the map.

    A label holds the probability of its class, 0 where the source does not have it. A light curve
    near several sources goes to the nearest.
    """
    labelled = labels(sources, asked)
    if labelled.empty:
        raise AstrodomeError("No source has a class of the taxonomy map that counts.")
    owners = _owners(labelled, catalogue, asked)
    if not owners:
        raise AstrodomeError("No source has a light curve in the catalogue with features.")
    features = identifiers.from_records(_features(catalogue, list(owners), asked))
    features["obj_id"] = [owners[number] for number in features["_id"]]
    # The position is that of the source; its light curves each have their own.
    features = features.drop(columns=[c for c in ("ra", "dec", "separation") if c in features])
    clash = {name: f"{name}_feature" for name in labelled if name in features and name != "obj_id"}
    merged = labelled.merge(features.rename(columns=clash), on="obj_id", how="inner")
    merged = merged.rename(columns={"_id": "ztf_id"}).sort_values("ztf_id", ignore_index=True)
    return _imputed(merged) if asked.impute else merged


def labels(sources: Sequence[Mapping[str, Any]], asked: Merge) -> pd.DataFrame:
    """A row a source: ``obj_id``, ``ra``, ``dec`` (deg), ``labellers`` and the labels."""
    targets = taxonomy_maps.read(asked.taxonomy_map)
    of_class = {target.name: label for label, target in targets.items() if target}
    unknown: set[str] = set()
    rows = []
    for source in {one["id"]: one for one in sources}.values():
        row = dict.fromkeys(of_class.values(), 0.0)
        counted = 0
        for one in source["classifications"]:
            label = of_class.get(one["classification"])
            if label is None:
                unknown.add(one["classification"])
            elif asked.min_votes is None or one["votes"] >= asked.min_votes:
                probability = one["probability"]
                row[label] = max(row[label], 1.0 if probability is None else float(probability))
                counted += 1
        if counted or asked.min_votes is None:
            about = {key: source[key] for key in ("ra", "dec")}
            who = ";".join(map(str, source["labellers"]))
            rows.append({"obj_id": source["id"], **about, **row, "labellers": who})
    if unknown:
        console.warn(f"Not in the taxonomy map, and left out: {', '.join(sorted(unknown))}.")
    return identifiers.from_records(rows)


def _owners(labelled: pd.DataFrame, catalogue: Any, asked: Merge) -> dict[int, str]:
    """The source of each light curve: of those near it, the nearest."""
    best: dict[int, tuple[float, str]] = {}
    for first in range(0, len(labelled), asked.at_once):
        part = labelled.iloc[first : first + asked.at_once]
        near = catalogue.cone(asked.collection, part["ra"], part["dec"], asked.radius, ("_id",))
        for obj_id, found in zip(part["obj_id"], near, strict=True):
            for one in found:
                claim = (one["separation"], str(obj_id))
                best[one["_id"]] = min(best.get(one["_id"], claim), claim)
    return {number: obj_id for number, (_, obj_id) in best.items()}


def _features(catalogue: Any, ids: list[int], asked: Merge) -> Iterable[dict[str, Any]]:
    for first in range(0, len(ids), asked.at_once):
        part = ids[first : first + asked.at_once]
        for row in catalogue.find(asked.collection, {"_id": {"$in": part}}):
            if not asked.filters:
                row.pop("filter", None)
            yield row


def _imputed(merged: pd.DataFrame) -> pd.DataFrame:
    """The features as the configuration imputes them, learned from these rows."""
    import numpy as np

    from ..config.loading import load_config
    from .preprocessing.imputation import NeighbourImputer

    scope = load_config()
    features = scope.feature_sets["ontological"]
    for column, name in features.columns.items():
        strategy = features.features[name].impute_strategy
        if column in merged and strategy in ("zero", "mean", "median"):
            values = pd.to_numeric(merged[column], errors="coerce")
            fill = 0.0 if strategy == "zero" else getattr(values, strategy)()
            merged[column] = values.fillna(fill)
    regress = [
        column
        for column, name in features.columns.items()
        if column in merged
        and features.features[name].impute_strategy == "regress"
        and merged[column].notna().any()
    ]
    if regress:
        values = merged[regress].to_numpy(np.float64, na_value=np.nan)
        known = NeighbourImputer.fit(values, np.random.default_rng(42))
        merged[regress] = known.fill(values)
    return merged


def update(merged: pd.DataFrame, training_set: str | Path | None, prefix: str) -> Path:
    """Write the training set with these rows beside it; a light curve that it has is replaced.

    The rows that were there keep their ``obj_id``. Raises AstrodomeError without a training set.
    """
    if not training_set:
        raise AstrodomeError("Which training set? Set training.dataset.", exit_code=2)
    path = Path(training_set)
    from ..tables import datasets

    frame = datasets.read_dataset(path)
    before = frame.table
    if frame.dmdt is not None:
        before = before.assign(dmdt=[image.tolist() for image in frame.dmdt])
    if "ztf_id" not in before:
        raise AstrodomeError(f"{path} has no column ztf_id.")
    known = before["ztf_id"].isin(set(merged["ztf_id"]))
    kept = before.set_index("ztf_id")
    new = merged.set_index("ztf_id")
    for name in ("obj_id", "dmdt"):
        if name in kept and known.any():
            own = kept.loc[kept.index.isin(new.index), name]
            own = own[~own.index.duplicated()]
            if name not in new:
                new[name] = None
            new[name] = own.reindex(new.index).where(lambda x: x.notna(), new[name])
    result = pd.concat([before[~known], new.reset_index()], ignore_index=True)
    out = path.with_name(f"{prefix}_{path.name}")
    if out.suffix == ".csv" and "dmdt" in result:
        import json

        result["dmdt"] = [json.dumps(x) if isinstance(x, list) else x for x in result["dmdt"]]
    return table_io.write_table(out, result)
