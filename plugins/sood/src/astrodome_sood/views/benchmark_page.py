"""Write the results of the benchmark to a JSON file and an HTML page."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from astrodome import files
from astrodome.runs import Run
from astrodome_solar.colormaps import colormap
from astrodome_solar.figures import to_data_url
from markupsafe import Markup

from ..evaluation.benchmark import Benchmark
from ..evaluation.compare import ALL
from ..model_options import TASK
from .evaluation_page import curves, without_nan
from .figures import score_map
from .model_card import write_model_card
from .pages import write_page

METRICS = {"auroc": "AUROC for images", "pixel_ap": "Average precision for pixels"}
SUMMARY = {
    "synthetic_auroc": "synthetic, AUROC",
    "synthetic_pixel_ap": "synthetic, AP of pixels",
    "instrument_auroc": "instrument, AUROC",
    "instrument_pixel_ap": "instrument, AP of pixels",
    "worst_defect_auroc": "worst defect, AUROC",
    "shift_auroc": "shift, AUROC",
    "shift_pixel_ap": "shift, AP of pixels",
    "false_alarms": "shift, false alarms",
    "false_alarms_calibrated": "shift, false alarms after calibration",
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
    about = benchmark.about
    for model in (*about["models"], *about["left_out_runs"]):
        run = Path(model["weights"] or "")
        if model["weights"] and (run / "run.json").is_file():
            is_evaluated = model in about["models"] and not about["quick"]
            row = results[model["model"]] if is_evaluated else None
            write_model_card(Run.open(run, TASK), row)
    parts = benchmark.comparisons
    write_page(
        out / "benchmark.html",
        "benchmark.html",
        about=about,
        summary=benchmark.summary(),
        columns=SUMMARY,
        metrics=METRICS,
        parts={name: _by_kind(found.models) for name, found in parts.items()},
        false_alarms=benchmark.false_alarms,
        sanity=benchmark.sanity,
        timings=benchmark.timings,
        leave_out=benchmark.leave_out,
        seconds=benchmark.seconds,
        curves={
            name: Markup(curves(benchmark.scores[name], pixels))
            for name, pixels in benchmark.curves.items()
        },
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
    """Return the examples for the page, keyed by the model and by the title of the row."""
    return {
        model: {
            f"{part}: {title}": [
                {
                    "title": example.kind.replace("_", " "),
                    "percentile": example.percentile,
                    "image": to_data_url(colormap(example.wavelength)((example.image + 1) / 2)),
                    "map": score_map(example.scores, example.low, example.high),
                }
                for example in found
            ]
            for part, own in parts.items()
            for title, found in own.items()
        }
        for model, parts in benchmark.examples.items()
    }
