"""Write an HTML report with the metrics and curves for a group of training runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, arrow, errors, files
from markupsafe import Markup

from ..config import appearance
from . import plots, trained_models
from .evaluation import METRICS
from .preprocessing.dropped_rows import describe

FILE = "report.html"
PART = "test"
OPEN = 8
"""Maximum number of classes whose curves are expanded by default."""
HEADS = dict(
    zip(METRICS, ("F1", "precision", "recall", "ROC AUC", "avg. precision", "Brier"), strict=True)
)
CELLS = ("true_positive", "false_positive", "false_negative", "true_negative")


@dataclass(frozen=True)
class RunResult:
    """A finished run with its run record, configuration, and metrics for the test set."""

    folder: Path
    record: dict[str, Any]
    config: dict[str, Any]
    metrics: dict[str, float | None]


def collect(group: Path) -> tuple[list[RunResult], int]:
    """Return the finished runs in a group, and the number of unfinished runs.

    The runs are sorted by tag, algorithm and random state.
    Raises AstrodomeError if the group contains no finished run.
    """
    if not group.is_dir():
        raise errors.not_found(group, "Train models first: scope train", kind="Folder")
    found = []
    for trained in trained_models.finished_runs(group):
        run, config = trained_models.read(trained.path)
        metrics = trained_models.run_metrics(trained.path).get(PART, {})
        found.append(RunResult(trained.path, run.record, config, metrics))
    if not found:
        raise AstrodomeError(
            f"No finished run found in {group}.", "Run scope train again to finish the runs."
        )
    begun = sum(1 for _ in trained_models.records(group))
    keys = ("tag", "model", "random_state")
    return sorted(found, key=lambda run: [run.record[key] for key in keys]), begun - len(found)


def write(group: Path, out: Path | None = None) -> Path:
    """Write the report for a group to ``out``, or to ``report.html`` in its directory."""
    results, unfinished = collect(group)
    algorithms = sorted({result.record["model"] for result in results})
    tags = list(dict.fromkeys(result.record["tag"] for result in results))
    classes = [_class([r for r in results if r.record["tag"] == tag], algorithms) for tag in tags]
    colours = plots.report_colours()
    versions: dict[str, str] = {}
    for result in results:
        versions |= result.record.get("versions", {})
    page = (
        appearance.environment("astrodome_ztf_scope.classifiers")
        .get_template(FILE)
        .render(
            name=group.resolve().name,
            algorithms=algorithms,
            colours={name: colours[i % len(colours)] for i, name in enumerate(algorithms)},
            heads=HEADS,
            classes=classes,
            macro={name: _macro(classes, name) for name in algorithms},
            runs=len(results),
            repeated=any(len(s["states"]) > 1 for of in classes for s in of["algorithms"].values()),
            unfinished=unfinished,
            opened=len(tags) <= OPEN,
            datasets=sorted({str(r.record["dataset"]) for r in results if r.record.get("dataset")}),
            versions=dict(sorted(versions.items())),
            written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        )
    )
    target = out or group / FILE
    files.write_text(target, page)
    return target


def _class(results: Sequence[RunResult], algorithms: Sequence[str]) -> dict[str, Any]:
    """Return the template values for the table row and the curves of one class."""
    found: dict[str, Any] = {}
    scored, trained = [], []
    for number, name in enumerate(algorithms):
        of = [result for result in results if result.record["model"] == name]
        if of:
            found[name] = _summary(of)
        for result in of:
            if (file := result.folder / "split.parquet").is_file():
                rows = arrow.read_frame(file, columns=["part", "target", "score"])
                rows = rows[rows["part"] == PART].astype({"target": float, "score": float})
                target, score = rows["target"].to_numpy(), rows["score"].to_numpy()
                scored += [plots.ScoredSources(target, score, number)] if len(rows) else []
            if (file := result.folder / "metrics.csv").is_file():
                trained.append((pd.read_csv(file), number))
    dropped = (describe(result.record.get("rows", {})) for result in results)
    return {
        "tag": results[0].record["tag"],
        "label": results[0].config["class"]["label"],
        "positive": results[0].metrics.get("positive"),
        "sources": results[0].metrics.get("sources"),
        "algorithms": found,
        "dropped": list(dict.fromkeys(filter(None, dropped))),
        "curves": Markup(plots.panels(scored, trained)) if scored else "",
    }


def _summary(results: Sequence[RunResult]) -> dict[str, Any]:
    """Return the template values for one class and algorithm, combined for all random states."""
    measured = pd.DataFrame([result.metrics for result in results])
    measured = measured.reindex(columns=[*METRICS, *CELLS]).astype(float)
    return {
        "states": [result.record["random_state"] for result in results],
        "mean": _defined(measured[list(METRICS)].mean()),
        "spread": measured["f1"].std(ddof=0),
        "confusion": measured[list(CELLS)].sum().astype(int).to_dict(),
        "importance": results[-1].record.get("importance", {}),
    }


def _macro(classes: Sequence[dict[str, Any]], algorithm: str) -> dict[str, Any]:
    """Return the unweighted mean of each metric over the classes for which it is defined."""
    summaries = [of["algorithms"][algorithm] for of in classes if algorithm in of["algorithms"]]
    means = pd.DataFrame([summary["mean"] for summary in summaries]).astype(float).mean()
    return {"classes": len(summaries), **_defined(means)}


def _defined(values: pd.Series) -> dict[str, float | None]:
    """Return the values as a dictionary keyed by name, with NaN replaced by None."""
    return {str(name): None if pd.isna(value) else value for name, value in values.items()}
