"""``sdo sood evaluate`` and ``sdo sood export``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from astrodome import console, sources

from .options import (
    AsJson,
    BatchSize,
    ConfigFile,
    DataDir,
    Devices,
    SampleScore,
    Set,
    TargetSize,
    configuration,
)


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="[LABEL=]RUN|MODEL…",
            help="Run folders, weights, or models without weights (threshold).",
        ),
    ],
    data_dir: DataDir = None,
    against: Annotated[
        str,
        typer.Option(
            metavar="synthetic|labels|flux|events",
            help="Made anomalies, a file of labels, GOES flux, or regions of HEK events.",
        ),
    ] = "synthetic",
    kinds: Annotated[
        str, typer.Option(help="Made anomalies: paste,brighten,blur,occult,swap [all possible].")
    ] = "",
    seeds: Annotated[str, typer.Option(help="Seeds of the made anomalies: 0,1,2.")] = "0",
    wavelength: Annotated[
        int, typer.Option(help="Alter images of this wavelength, Å; others lend [the commonest].")
    ] = 0,
    labels: Annotated[
        Path | None, typer.Option(help="CSV or Parquet with columns path and label (1 or 0).")
    ] = None,
    goes_class: Annotated[
        str, typer.Option(help="Least GOES class of an anomalous image, by flux in W/m².")
    ] = "M1.0",
    event_types: Annotated[
        str, typer.Option(help="HEK events whose regions should score high.")
    ] = "AR,FL",
    flux_source: Annotated[str, sources.option("flux", "Source of the flux")] = "",
    events_source: Annotated[str, sources.option("events", "Source of the events")] = "",
    score_mode: Annotated[str | None, typer.Option(help="Kind of pixel score [combi].")] = None,
    sample_score: SampleScore = None,
    bootstrap: Annotated[int, typer.Option(min=1, help="Draws of an interval.")] = 1000,
    out: Annotated[Path, typer.Option(help="Folder for tables, curves and the page.")] = Path(
        "evaluation"
    ),
    target_size: TargetSize = None,
    batch_size: BatchSize = None,
    devices: Devices = None,
    config_file: ConfigFile = None,
    assignment: Set = None,
    as_json: AsJson = False,
) -> None:
    """Compare models on the same images: AUROC, average precision, IoU, each with its interval."""
    from ..evaluation import evaluate

    given = {
        "data.data_dir": data_dir,
        "model.target_size": target_size,
        "data.batch_size": batch_size,
        "predict.score_mode": score_mode,
        "predict.sample_score": sample_score,
        "devices": devices,
    }
    config = configuration(config_file, assignment, given)
    explicit = configuration_keys(given, assignment)
    done = evaluate.evaluate(
        models,
        config,
        explicit,
        evaluate.Wanted(
            against=against,
            kinds=[kind for kind in kinds.split(",") if kind],
            seeds=evaluate.numbers(seeds),
            wavelength=wavelength,
            labels=labels,
            goes_class=goes_class,
            event_types=[kind for kind in event_types.split(",") if kind],
            bootstraps=bootstrap,
            flux_source=flux_source,
            events_source=events_source,
        ),
        out,
    )
    if as_json:
        console.show_json(done.document)
    else:
        console.show(evaluate.table(done.comparison), title="")
    console.note(f"Written to {out}; the page is {out / 'evaluation.html'}.")
    console.finish(done.outcome, "used", "images")


def configuration_keys(given: Mapping[str, object], assignment: list[str] | None) -> set[str]:
    """The dotted keys that the command line names."""
    return {key for key, value in given.items() if value is not None} | {
        text.partition("=")[0].strip() for text in assignment or []
    }


def export(
    run: Annotated[Path, typer.Argument(help="Run folder or weights of ce_vae or ae.")],
    out: Annotated[Path | None, typer.Option(help="The ONNX file [RUN/scorer.onnx].")] = None,
    assignment: Set = None,
    as_json: AsJson = False,
) -> None:
    """Write the scorer as ONNX: images in; scores, squared errors and reconstructions out."""
    from ..scoring.onnx_export import export as run_export

    console.show_one(run_export(run, out, assignment or []), as_json=as_json)
