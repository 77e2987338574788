"""Write an HTML report with the metrics and curves for a group of training runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from astrodome import AstrodomeError, arrow, errors, files
from markupsafe import Markup

from . import plots, trained_models
from .evaluation import METRICS, SMALLER_IS_BETTER, summarize
from .preprocessing.dropped_rows import describe
from .trained_models import TrainedModel, run_metrics

FILE = "report.html"
PART = "test"
OPEN = 8
"""Maximum number of classes whose curves are expanded by default."""
HEADS = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "roc_auc": "ROC AUC",
    "average_precision": "avg. precision",
    "brier": "Brier",
}
FEATURES = 8


@dataclass(frozen=True)
class RunResult:
    """A finished run with its run record, configuration and metrics."""

    run: TrainedModel
    record: dict[str, Any]
    config: dict[str, Any]
    metrics: dict[str, dict[str, float | None]]

    @property
    def algorithm(self) -> str:
        return self.run.algorithm

    @property
    def label(self) -> str:
        return str(self.config["class"]["label"])

    @cached_property
    def scored(self) -> pd.DataFrame:
        """Targets and scores for the test set, or an empty table if they were not saved."""
        file = self.run.path / "split.parquet"
        if not file.is_file():
            return pd.DataFrame({"target": [], "score": []})
        split = arrow.read_frame(file, columns=["part", "target", "score"])
        return split[split["part"] == PART]

    @cached_property
    def training(self) -> pd.DataFrame:
        """Metrics for each epoch or boosting round, or an empty table if they were not saved."""
        file = self.run.path / "metrics.csv"
        return pd.read_csv(file) if file.is_file() else pd.DataFrame()


def collect(group: Path) -> tuple[list[RunResult], int]:
    """Return the finished runs in a group in sorted order, and the number of unfinished runs.

    Raises AstrodomeError if the group contains no finished run.
    """
    if not group.is_dir():
        raise errors.not_found(group, "Train a group: scope train.", kind="Folder")
    found = []
    for trained in trained_models.finished_runs(group):
        run, config = trained_models.read(trained.path)
        found.append(RunResult(trained, run.record, config, run_metrics(trained.path)))
    if not found:
        raise AstrodomeError(
            f"{group} contains no finished run.", "Repeat the command that trains it."
        )
    begun = sum(
        trained_models.REPLACED not in record.relative_to(group).parts
        for record in group.rglob("run.json")
    )
    order = sorted(found, key=lambda r: (r.run.tag, r.run.algorithm, r.run.random_state))
    return order, begun - len(found)


def write(group: Path, out: Path | None = None) -> Path:
    """Write the report for a group to ``out``, or to ``report.html`` in its directory."""
    results, unfinished = collect(group)
    algorithms = sorted({result.algorithm for result in results})
    tags = list(dict.fromkeys(result.run.tag for result in results))
    classes = [_class([r for r in results if r.run.tag == tag], algorithms) for tag in tags]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("astrodome_ztf_scope.classifiers"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(FILE).render(
        name=group.resolve().name,
        algorithms=algorithms,
        colours={name: plots.SERIES[i % len(plots.SERIES)] for i, name in enumerate(algorithms)},
        heads=HEADS,
        classes=classes,
        macro={name: _macro(classes, name) for name in algorithms},
        runs=results,
        unfinished=unfinished,
        opened=len(tags) <= OPEN,
        datasets=sorted({str(r.record["dataset"]) for r in results if r.record.get("dataset")}),
        versions=_versions(results),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    target = out or group / FILE
    files.write_text(target, page)
    return target


def _class(results: Sequence[RunResult], algorithms: Sequence[str]) -> dict[str, Any]:
    """Return the template values for one class: its table row and its curves."""
    by_algorithm = {
        name: [result for result in results if result.algorithm == name] for name in algorithms
    }
    scored = [
        plots.ScoredSources(
            result.algorithm,
            result.scored["target"].to_numpy(float),
            result.scored["score"].to_numpy(float),
            algorithms.index(result.algorithm),
        )
        for result in results
        if len(result.scored)
    ]
    trained = [
        (result.training, algorithms.index(result.algorithm))
        for result in results
        if len(result.training)
    ]
    summaries = {name: _summary(of) for name, of in by_algorithm.items() if of}
    return {
        "tag": results[0].run.tag,
        "label": results[0].label,
        "positive": _held_out(results, "positive"),
        "sources": _held_out(results, "sources"),
        "states": {
            name: [result.run.random_state for result in of]
            for name, of in by_algorithm.items()
            if of
        },
        "summary": summaries,
        "best": _best(summaries),
        "confusion": {
            name: matrix for name, of in by_algorithm.items() if (matrix := _confusion(of))
        },
        "dropped": list(
            dict.fromkeys(text for r in results if (text := describe(r.record.get("rows", {}))))
        ),
        "importance": {
            name: of[-1].record["importance"]
            for name, of in by_algorithm.items()
            if of and of[-1].record.get("importance")
        },
        "features": FEATURES,
        "curves": Markup(plots.panels(scored, trained)) if scored else "",
    }


def _summary(results: Sequence[RunResult]) -> dict[str, tuple[float, float] | None]:
    return summarize([result.metrics.get(PART, {}) for result in results])


def _best(summaries: dict[str, dict[str, tuple[float, float] | None]]) -> dict[str, float]:
    """Return the best rounded value of each metric for which the algorithms differ."""
    best = {}
    for metric in METRICS:
        values = [round(s[0], 3) for of in summaries.values() if (s := of[metric])]
        if len(set(values)) > 1:
            best[metric] = min(values) if metric in SMALLER_IS_BETTER else max(values)
    return best


def _macro(classes: Sequence[dict[str, Any]], algorithm: str) -> dict[str, Any]:
    """Return the unweighted mean of each metric over the classes for which it is defined."""
    of = [found["summary"][algorithm] for found in classes if algorithm in found["summary"]]
    means = {
        metric: (
            float(np.mean(given)) if (given := [s[metric][0] for s in of if s[metric]]) else None
        )
        for metric in METRICS
    }
    return {"classes": len(of), **means}


def _confusion(results: Sequence[RunResult]) -> dict[str, int] | None:
    """Return the entries of the confusion matrix, summed over all random states."""
    measured = [result.metrics[PART] for result in results if PART in result.metrics]
    cells = ("true_positive", "false_positive", "false_negative", "true_negative")
    return {cell: sum(int(m[cell] or 0) for m in measured) for cell in cells} if measured else None


def _held_out(results: Sequence[RunResult], what: str) -> int | None:
    """Return the count with the name ``what`` from the test metrics of the first run."""
    return next((int(m[what] or 0) for result in results if (m := result.metrics.get(PART))), None)


def _versions(results: Sequence[RunResult]) -> dict[str, str]:
    found: dict[str, str] = {}
    for result in results:
        found |= result.record.get("versions", {})
    return dict(sorted(found.items()))
