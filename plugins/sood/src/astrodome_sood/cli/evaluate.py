"""``sdo sood evaluate``, ``sdo sood export`` and ``sdo sood report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import console, sources
from astrodome.option_groups import Json, OptionGroup, expand, option

from .options import (
    Assignments,
    ConfigOptions,
    ImageOptions,
    ScoreOptions,
    assignments,
    given_keys,
    integers,
    load_config,
    print_warnings,
    show_progress,
)


class GroundTruthOptions(OptionGroup):
    """Options that select the ground truth."""

    against: str = option(
        "synthetic",
        "Ground truth: synthetic anomalies, labels in a file, GOES flux, or HEK events.",
        metavar="synthetic|labels|flux|events",
    )
    kinds: str = option(
        "",
        "Types of synthetic anomalies: paste, brighten, blur, occult, swap, separated by commas "
        "(default: all).",
    )
    seeds: str = option("0", "Seeds of the synthetic anomalies, for example 0,1,2.")
    wavelength: int = option(
        0,
        "Wavelength of the images in which synthetic anomalies are inserted, in angstroms. The "
        "default is the most frequent wavelength.",
    )
    labels: Path | None = option(
        None, "CSV or Parquet file with the columns path and label (1 or 0)."
    )
    goes_class: str = option("M1.0", "Minimum GOES class at the time of an anomalous image.")
    event_types: str = option("AR,FL", "Types of the HEK events whose regions are anomalous.")
    flux_source: Annotated[str, sources.option("flux", "Source of the flux")] = ""
    events_source: Annotated[str, sources.option("events", "Source of the events")] = ""
    bootstrap: int = option(1000, "Number of bootstrap samples.", min=1)


@expand
def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="[LABEL=]RUN|MODEL…",
            help="Run folders, weights files, or names of models without weights (threshold).",
        ),
    ],
    images: ImageOptions,
    truth: GroundTruthOptions,
    scores: ScoreOptions,
    settings: ConfigOptions,
    out: Annotated[Path, typer.Option(help="Folder for the tables and the HTML page.")] = Path(
        "evaluation"
    ),
    as_json: Json = False,
) -> None:
    """Compare models on the same images: AUROC, average precision and IoU, with intervals."""
    from ..evaluation.evaluate import EvaluationOptions, evaluate_models
    from ..views.evaluation_page import write_evaluation

    chosen = vars(truth) | {
        "kinds": [kind for kind in truth.kinds.split(",") if kind],
        "seeds": integers("--seeds", truth.seeds),
        "event_types": [kind for kind in truth.event_types.split(",") if kind],
    }
    options = EvaluationOptions(bootstraps=chosen.pop("bootstrap"), **chosen)
    groups = (images, scores, settings)
    config = load_config(*groups)
    overrides = given_keys(*groups) | {"devices.gpus": config.devices.gpus}
    with show_progress():
        evaluation = evaluate_models(models, overrides, options, settings.config_file)
    print_warnings(evaluation.warnings)
    page = write_evaluation(evaluation, out)
    if as_json:
        console.show_json(evaluation.document())
    else:
        console.show([_with_intervals(row) for row in evaluation.comparison.models])
    console.note(f"Results written to {out}. The page is {page}.")
    console.finish(evaluation.outcome, "used", "images")


def _with_intervals(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table, with the metrics and their intervals as text."""
    return {key: row[key] for key in ("model", "runs", "kind")} | {
        name: f"{row[name]:.3f} ({row[f'{name}_low']:.3f}-{row[f'{name}_high']:.3f})"
        for name in ("auroc", "ap", "pixel_ap", "iou")
        if name in row
    }


def export(
    run: Annotated[Path, typer.Argument(help="Run folder or weights of ce_vae or ae.")],
    out: Annotated[Path | None, typer.Option(help="The ONNX file [RUN/scorer.onnx].")] = None,
    assignment: Assignments = None,
    as_json: Json = False,
) -> None:
    """Export the scorer as ONNX: scores, squared errors and reconstructions of images."""
    from ..scoring.onnx_export import export_onnx

    console.show_one(export_onnx(run, out, assignments(assignment or [])), as_json=as_json)


def report(
    run: Annotated[Path, typer.Argument(help="Run folder, or a folder of predictions.")],
    pred_dir: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of predictions; repeatable [those in the run folder]."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The page [RUN/report.html].")] = None,
    count: Annotated[
        int, typer.Option(min=1, help="Number of the most and of the least anomalous images.")
    ] = 6,
    as_json: Json = False,
) -> None:
    """Write a self-contained HTML page: losses, scores, and images beside their maps."""
    from ..views.report import write_report

    page = write_report(run, out, pred_dir or [], count)
    console.show_one({"report": str(page)}, as_json=as_json)
