"""``sdo sood evaluate``, ``sdo sood export`` and ``sdo sood report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import AstrodomeError, console, sources

from .options import (
    BatchSize,
    ConfigFile,
    DataDir,
    Devices,
    Json,
    SampleScore,
    ScoreMode,
    Set,
    TargetSize,
    given_keys,
    load_config,
    print_warnings,
    show_progress,
)


def evaluate(
    ctx: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="[LABEL=]RUN|MODEL…",
            help="Run folders, weights files, or models without weights (threshold).",
        ),
    ],
    data_dir: DataDir = None,
    against: Annotated[
        str,
        typer.Option(
            metavar="synthetic|labels|flux|events",
            help="Ground truth: synthetic anomalies, labels in a file, GOES flux, or HEK events.",
        ),
    ] = "synthetic",
    kinds: Annotated[
        str,
        typer.Option(help="Kinds of synthetic anomalies: paste,brighten,blur,occult,swap [all]."),
    ] = "",
    seeds: Annotated[str, typer.Option(help="Seeds of the synthetic anomalies: 0,1,2.")] = "0",
    wavelength: Annotated[
        int,
        typer.Option(
            help="Wavelength of the images that are changed, in angstrom; 0: the most frequent."
        ),
    ] = 0,
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet file with the columns path and label (1 or 0)."),
    ] = None,
    goes_class: Annotated[
        str, typer.Option(help="Minimum GOES class of the flux at anomalous images.")
    ] = "M1.0",
    event_types: Annotated[
        str, typer.Option(help="HEK event types whose regions are anomalous.")
    ] = "AR,FL",
    flux_source: Annotated[str, sources.option("flux", "Source of the flux")] = "",
    events_source: Annotated[str, sources.option("events", "Source of the events")] = "",
    score_mode: ScoreMode = None,
    sample_score: SampleScore = None,
    bootstrap: Annotated[int, typer.Option(min=1, help="Number of bootstrap samples.")] = 1000,
    out: Annotated[Path, typer.Option(help="Folder for the tables and the page.")] = Path(
        "evaluation"
    ),
    target_size: TargetSize = None,
    batch_size: BatchSize = None,
    devices: Devices = None,
    config_file: ConfigFile = None,
    assignment: Set = None,
    as_json: Json = False,
) -> None:
    """Compare models on the same images: AUROC, average precision and IoU, with intervals."""
    from ..evaluation.evaluate import EvaluationOptions, evaluate_models
    from ..views.evaluation_page import write_evaluation

    options = EvaluationOptions(
        against=against,
        kinds=[kind for kind in kinds.split(",") if kind],
        seeds=_seeds(seeds),
        wavelength=wavelength,
        labels=labels,
        goes_class=goes_class,
        event_types=[kind for kind in event_types.split(",") if kind],
        bootstraps=bootstrap,
        flux_source=flux_source,
        events_source=events_source,
    )
    with show_progress():
        evaluation = evaluate_models(models, load_config(ctx), options, set(given_keys(ctx)))
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


def _seeds(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        found = []
    if not found or min(found) < 0:
        raise AstrodomeError(
            f"Invalid --seeds '{text}': expected integers such as 0,1,2.", exit_code=2
        )
    return found


def export(
    run: Annotated[Path, typer.Argument(help="Run folder or weights of ce_vae or ae.")],
    out: Annotated[Path | None, typer.Option(help="The ONNX file [RUN/scorer.onnx].")] = None,
    assignment: Set = None,
    as_json: Json = False,
) -> None:
    """Export the scorer as ONNX: scores, squared errors and reconstructions of images."""
    from ..config import assignments
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
