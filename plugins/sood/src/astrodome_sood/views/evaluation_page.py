"""The page of an evaluation: tables, curves, and pictures of each kind with every model's map."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
from astrodome import files
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..evaluation.compare import ALL, Case, Comparison, Reference, Scored, counted
from .figures import FAINT, INK, SERIES, STYLE, colours, png, score_map, svg

FIGURES = {
    "auroc": "AUROC, images",
    "ap": "average precision, images",
    "pixel_ap": "average precision, pixels",
    "iou": "IoU at Otsu, pixels",
}
SHOWN = 2
"""Pictures of each kind."""
SIDE = 160
"""Side of a picture, px."""
POINTS = 400


def write(path: Path, comparison: Comparison, reference: Reference) -> None:
    """Write the page, which needs nothing from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("astrodome_sood.views"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    scored = comparison.scored
    names = [name for name in FIGURES if any(name in row for row in comparison.groups)]
    page = environment.get_template("evaluation.html").render(
        about=comparison.about,
        names=[(name, FIGURES[name]) for name in names],
        tables=_tables(comparison, names),
        differences=[row for row in comparison.differences if row["kind"] == ALL],
        curves=Markup(curves(scored)),
        kinds=Markup(by_kind(comparison, names)),
        pictures=pictures(scored, reference),
        labels=list(scored.scores),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    files.write_text(path, page)


def _tables(comparison: Comparison, names: Sequence[str]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Rows of figures by kind; the best of each figure is marked."""
    tables = []
    for kind in dict.fromkeys(row["kind"] for row in comparison.groups):
        rows = [row for row in comparison.groups if row["kind"] == kind]
        best = {name: max(row.get(name, -1) for row in rows) for name in names}
        shown = [
            {
                "model": row["model"],
                "runs": row["runs"],
                "figures": [
                    (*(row.get(f"{name}{end}") for end in ("", "_low", "_high")), best[name])
                    for name in names
                ],
            }
            for row in rows
        ]
        tables.append(("All anomalies" if kind == ALL else kind, shown))
    return tables


def curves(scored: Scored) -> str:
    """ROC of the images and precision over recall of the pixels, a line for each model."""
    from sklearn.metrics import roc_curve

    labelled = [n for n, case in enumerate(scored.cases) if case.label is not None]
    masked = [n for n, case in enumerate(scored.cases) if case.mask is not None]
    with mpl.rc_context(STYLE):
        figure = Figure((10, 4), layout="constrained")
        axes = figure.subplots(1, 2 if labelled and masked else 1, squeeze=False)[0].tolist()
        if labelled:
            left = axes.pop(0)
            labels = [scored.cases[n].label for n in labelled]
            for label, scores in scored.scores.items():
                false, true, _ = roc_curve(labels, scores[labelled])
                left.plot(*_thinned(false, true), **_line(scored, label))
            left.plot([0, 1], [0, 1], color=FAINT, ls=":", lw=1)
            left.set(xlabel="false positives (images)", ylabel="true positives (images)")
            left.legend()
        if masked:
            right = axes.pop(0)
            for label in scored.maps:
                pixels = counted(scored, label, masked)
                inside = np.stack(pixels.inside).sum(0)[::-1].cumsum()
                outside = np.stack(pixels.outside).sum(0)[::-1].cumsum()
                recall = inside / max(inside[-1], 1)
                precision = inside / np.maximum(inside + outside, 1)
                right.plot(*_thinned(recall, precision), **_line(scored, label))
            right.set(xlabel="recall (pixels)", ylabel="precision (pixels)", ylim=(0, 1.02))
            right.legend()
        return svg(figure)


def _line(scored: Scored, label: str) -> dict[str, Any]:
    """Colour and name of a line: trainings of a group share both, and are named once."""
    group = scored.groups[label]
    others = [each for each, own in scored.groups.items() if own == group]
    number = list(dict.fromkeys(scored.groups.values())).index(group)
    return {"color": _colour(number), "label": group if label == others[0] else None, "lw": 1.2}


def _thinned(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    step = max(1, len(x) // POINTS)
    places = np.unique(np.append(np.arange(0, len(x), step), len(x) - 1))
    return x[places], y[places]


def by_kind(comparison: Comparison, names: Sequence[str]) -> str:
    """The figures of each kind of anomaly with their intervals; empty with one kind only."""
    kinds = [kind for kind in dict.fromkeys(r["kind"] for r in comparison.groups) if kind != ALL]
    shown = [name for name in ("auroc", "pixel_ap") if name in names]
    if len(kinds) < 2 or not shown:
        return ""
    groups = list(dict.fromkeys(row["model"] for row in comparison.groups))
    with mpl.rc_context(STYLE):
        figure = Figure((10, 3.2), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            for number, group in enumerate(groups):
                rows = {r["kind"]: r for r in comparison.groups if r["model"] == group}
                x = np.arange(len(kinds)) + (number - (len(groups) - 1) / 2) * 0.16
                value = np.array([rows[kind][name] for kind in kinds], float)
                low = np.array([rows[kind][f"{name}_low"] for kind in kinds], float)
                high = np.array([rows[kind][f"{name}_high"] for kind in kinds], float)
                error = np.abs(np.stack([value - low, high - value]))
                axes.errorbar(x, value, error, fmt="o", ms=5, color=_colour(number), label=group)
            axes.set_xticks(range(len(kinds)), kinds, color=INK)
            axes.set_ylabel(FIGURES[name])
            axes.legend()
        return svg(figure)


def pictures(scored: Scored, reference: Reference) -> list[tuple[str, list[dict[str, Any]]]]:
    """A few cases of each kind: the image, what was changed, and the map of each model."""
    wanted = _chosen(scored)
    groups: dict[str, list[dict[str, Any]]] = {}
    for number, case in enumerate(reference):
        if number not in wanted:
            continue
        row = [("image", _picture(case))]
        if case.mask is not None:
            row.append(("reference", png(_large(np.repeat(case.mask[..., None], 3, 2) * 1.0))))
        for label, maps in scored.maps.items():
            low, high = _limits(maps)
            row.append((label, score_map(_large(np.asarray(maps[number])), low, high)))
        title = case.kind or "as it is"
        scores = {label: float(values[number]) for label, values in scored.scores.items()}
        groups.setdefault(title, []).append({"name": case.name, "row": row, "scores": scores})
    return list(groups.items())


def _chosen(scored: Scored) -> set[int]:
    """Places of a few cases of each kind, spread over the set."""
    chosen: set[int] = set()
    for kind in dict.fromkeys(case.kind for case in scored.cases):
        places = [n for n, case in enumerate(scored.cases) if case.kind == kind]
        step = max(1, len(places) // (SHOWN + 1))
        chosen |= set(places[step::step][:SHOWN] or places[:SHOWN])
    return chosen


def _limits(maps: NDArray[np.float32]) -> tuple[float, float]:
    some = maps[:: max(1, len(maps) // 64)]
    return float(some.min()), float(np.quantile(some, 0.999))


def _picture(case: Case) -> str:
    grey = np.clip((case.image.mean(axis=0) + 1) / 2, 0, 1)
    return png(colours(case.wavelength)(_large(grey)))


def _large(array: NDArray[Any]) -> NDArray[Any]:
    """Small pictures enlarged by whole steps, so that their pixels stay visible."""
    times = max(1, SIDE // array.shape[0])
    return array.repeat(times, 0).repeat(times, 1)


def _colour(number: int) -> str:
    return SERIES[number % len(SERIES)]
