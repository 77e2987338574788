"""Write the results of the benchmark to a JSON file and an HTML page."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import files
from astrodome.runs import Run
from astrodome_solar.colormaps import colormap
from astrodome_solar.figures import to_data_url
from markupsafe import Markup

from ..evaluation.benchmark import INSTRUMENT, SYNTHETIC, Benchmark
from ..evaluation.compare import ALL, EvaluationScores
from ..training import TASK
from .evaluation_page import curves, without_nan
from .figures import score_map
from .model_card import write_model_card
from .pages import write_page

EXAMPLES = 4
"""Number of examples of detected anomalies, and of missed anomalies, for each model."""
METRICS = {"auroc": "AUROC, images", "ap": "AP, images", "pixel_ap": "AP, pixels"}
SUMMARY = {
    "synthetic_auroc": "synthetic, AUROC",
    "synthetic_pixel_ap": "synthetic, AP of pixels",
    "instrument_auroc": "instrument, AUROC",
    "instrument_pixel_ap": "instrument, AP of pixels",
    "worst_defect_auroc": "worst defect, AUROC",
    "shift_auroc": "shift, AUROC",
    "shift_pixel_ap": "shift, AP of pixels",
    "false_alarms": "shift, false alarms",
}


def write_benchmark(benchmark: Benchmark, out: str | os.PathLike[str]) -> Path:
    """Write the results of the benchmark to a folder, and a model card for each training run.

    Parameters
    ----------
    benchmark : Benchmark
        Result of :func:`astrodome_sood.benchmark`.
    out : str or path
        Output folder. ``benchmark.json`` contains all results, and ``benchmark.html`` is the HTML
        page. The model cards are written to the run folders.

    Returns
    -------
    pathlib.Path
        Path of the HTML page.

    Examples
    --------
    >>> from astrodome_sood import benchmark
    >>> result = benchmark("threshold", "solar_ood", quick=True, bootstraps=10)
    >>> write_benchmark(result, "solar_ood").name
    'benchmark.html'
    """
    out = Path(out).expanduser()
    document = json.dumps(without_nan(benchmark.document()), indent=1)
    files.write_text(out / "benchmark.json", document + "\n")
    results = {row["model"]: row for row in benchmark.summary()}
    for model in benchmark.about["models"]:
        run = Path(model["weights"] or "")
        if model["weights"] and (run / "run.json").is_file():
            row = results[model["model"]]
            write_model_card(Run.open(run, TASK), row if not benchmark.about["quick"] else None)
    parts = benchmark.comparisons
    write_page(
        out / "benchmark.html",
        "benchmark.html",
        about=benchmark.about,
        summary=benchmark.summary(),
        columns=SUMMARY,
        metrics=METRICS,
        parts={name: _by_kind(found.models) for name, found in parts.items()},
        false_alarms=benchmark.false_alarms,
        sanity=benchmark.sanity,
        timings=benchmark.timings,
        curves={name: Markup(curves(benchmark.scores[name])) for name in (SYNTHETIC, INSTRUMENT)},
        examples=_examples(benchmark),
    )
    return out / "benchmark.html"


def _by_kind(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    kinds = dict.fromkeys(row["kind"] for row in rows)
    return {
        "all kinds" if kind == ALL else kind: [row for row in rows if row["kind"] == kind]
        for kind in kinds
    }


def _examples(benchmark: Benchmark) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the best and worst detected anomalies of the first run of each model."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for part in (SYNTHETIC, INSTRUMENT):
        scores = benchmark.scores[part]
        groups = dict.fromkeys(scores.groups.values())
        first = {g: next(k for k, own in scores.groups.items() if own == g) for g in groups}
        chosen = {group: _extremes(scores, label) for group, label in first.items()}
        needed = {n for pair in chosen.values() for numbers in pair for n in numbers}
        cards = {
            number: image for number, image in enumerate(benchmark.truths[part]) if number in needed
        }
        for group, (best, worst) in chosen.items():
            label = first[group]
            maps = scores.maps[label]
            low, high = (
                float(maps.min()),
                float(np.quantile(maps[:: max(1, len(maps) // 64)], 0.999)),
            )
            sections = found.setdefault(group, {})
            for title, numbers in (("detected", best), ("missed", worst)):
                sections[f"{part}: {title}"] = [
                    {
                        "title": cards[n].kind.replace("_", " "),
                        "image": to_data_url(
                            colormap(cards[n].wavelength)((cards[n].image.mean(axis=0) + 1) / 2)
                        ),
                        "map": score_map(maps[n], low, high),
                    }
                    for n in numbers
                ]
    return found


def _extremes(scores: EvaluationScores, label: str) -> tuple[list[int], list[int]]:
    """Return the images of different kinds with the highest scores, and with the lowest scores.

    The best example of each kind is compared, and the worst example of each kind.
    """
    values = scores.scores[label]
    kinds: dict[str, list[int]] = {}
    for number, image in enumerate(scores.images):
        if image.kind:
            kinds.setdefault(image.kind, []).append(number)
    best = [max(numbers, key=lambda n: values[n]) for numbers in kinds.values()]
    worst = [min(numbers, key=lambda n: values[n]) for numbers in kinds.values()]
    best.sort(key=lambda n: -values[n])
    worst.sort(key=lambda n: values[n])
    return best[:EXAMPLES], worst[:EXAMPLES]
