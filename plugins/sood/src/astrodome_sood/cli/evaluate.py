"""``sdo sood evaluate``, ``sdo sood export`` and ``sdo sood report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import console, outputs, settings, sources, views
from astrodome.option_groups import Json, OptionGroup, assignments, expand, option

from . import documents
from .options import (
    Assignments,
    ConfigOptions,
    ImageOptions,
    ScoreOptions,
    given_keys,
    load_config,
    print_warnings,
    show_progress,
)


class GroundTruthOptions(OptionGroup):
    """Options that select the ground truth."""

    against: str = option(
        "synthetic",
        "Type of ground truth: synthetic anomalies, labels in a file, GOES flux, HEK events, "
        "or FITS keywords such as QUALITY.",
        metavar="synthetic|labels|flux|events|quality",
    )
    kinds: str = option(
        "",
        "Types of synthetic anomalies, separated by commas: paste, brighten, blur, occult or swap "
        "(default: all types).",
    )
    seeds: str = option(
        "0",
        "Seeds for the synthetic anomalies. With three seeds, for example 0,1,2, each image is "
        "used with all edge widths.",
    )
    wavelength: int = option(
        0,
        "Wavelength of the images in which synthetic anomalies are inserted, in angstroms. The "
        "default is the most frequent wavelength.",
    )
    protocol: int = option(
        2,
        "Version of the synthetic anomalies. Version 1 reproduces earlier results, but contains "
        "anomalies that are not visible.",
        metavar="1|2",
    )
    labels: Path | None = option(
        None,
        "CSV or Parquet file with the columns 'path' and 'label'. The label is 1 for anomalous "
        "images and 0 for normal images.",
    )
    goes_class: str = option(
        "M1.0",
        "GOES flare class. An image is considered anomalous if the GOES flux at the time of the "
        "image is at least the flux of this class.",
    )
    event_types: str = option(
        "AR,FL",
        "HEK event types, separated by commas. Pixels in the regions of these events are "
        "considered anomalous. With --against quality, images at the times of these events are "
        "considered anomalous, except for AR.",
    )
    flux_source: Annotated[str, sources.option("flux", "Source of the GOES flux")] = ""
    events_source: Annotated[str, sources.option("events", "Source of the HEK events")] = ""
    bootstraps: int = option(1000, "Number of bootstrap samples.", "--bootstrap", min=1)


@expand
@outputs.declare(documents.EvaluationDocument)
def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="[LABEL=]RUN|MODEL…",
            help="Run folders, weights files, or names of models that have no weights, for example "
            "'threshold'.",
        ),
    ],
    images: ImageOptions,
    truth: GroundTruthOptions,
    scores: ScoreOptions,
    configuration: ConfigOptions,
    out: Annotated[
        Path, typer.Option(help="Output folder for the tables and the HTML page.")
    ] = Path("evaluation"),
    as_json: Json = False,
) -> None:
    """Compare the AUROC, average precision and IoU of models on the same images."""
    from ..evaluation.evaluate import EvaluationOptions, evaluate_models
    from ..views.evaluation_page import write_evaluation

    options = settings.validate(EvaluationOptions, vars(truth), "")
    groups = (images, scores, configuration)
    config = load_config(*groups)
    overrides = given_keys(*groups) | {"devices.gpus": config.devices.gpus}
    with show_progress():
        evaluation = evaluate_models(models, overrides, options, configuration.config_file)
    print_warnings(evaluation.warnings)
    page = write_evaluation(evaluation, out)
    if as_json:
        console.show_json(evaluation.document())
    else:
        console.show([_with_intervals(row) for row in evaluation.comparison.models])
    console.note(f"Results written to {out}. HTML page: {page}")
    console.finish(evaluation.outcome, "used", "images")


def _with_intervals(row: dict[str, Any]) -> dict[str, Any]:
    """Return a table row in which metrics and confidence intervals are formatted as text."""
    return {key: row[key] for key in ("model", "runs", "kind")} | {
        name: f"{row[name]:.3f} ({row[f'{name}_low']:.3f}-{row[f'{name}_high']:.3f})"
        for name in ("auroc", "ap", "pixel_ap", "iou")
        if name in row
    }


@outputs.declare(documents.OnnxDocument)
def export(
    run: Annotated[Path, typer.Argument(help="Run folder or weights file.")],
    out: Annotated[
        Path | None, typer.Option(help="Path of the ONNX file (default: RUN/scorer.onnx).")
    ] = None,
    assignment: Assignments = None,
    as_json: Json = False,
) -> None:
    """Export a trained model in ONNX format.

    The exported model returns image scores and pixel scores. Models exported from ce_vae and ae
    runs also return reconstructions, and their pixel scores are squared errors.
    """
    from ..scoring.onnx_export import export_onnx

    console.show_one(export_onnx(run, out, assignments(assignment or [])), as_json=as_json)


@outputs.declare(outputs.ReportDocument)
def report(
    run: Annotated[Path, typer.Argument(help="Run folder or prediction folder.")],
    pred_dir: Annotated[
        list[Path] | None,
        typer.Option(
            help="Prediction folder (default: all prediction folders in the run folder). This "
            "option can be repeated."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Path of the HTML page (default: RUN/report.html).")
    ] = None,
    count: Annotated[
        int,
        typer.Option(
            min=1,
            help="Number of images to show, both for the most anomalous and the least anomalous "
            "images.",
        ),
    ] = 6,
    export: Annotated[list[str] | None, views.option("predictions")] = None,
    as_json: Json = False,
) -> None:
    """Write a self-contained HTML page with losses, scores, images and anomaly maps.

    The page also contains the sections that other plugins add to the report. A section or an
    exporter that fails is skipped, and the exit status is then 1.
    """
    from ..views.report import create_report

    written = create_report(run, out, pred_dir or [], count, export or [])
    console.show_one(written.as_dict(), as_json=as_json)
    if written.failed:
        console.finish(written.outcome(), "written", "files")
