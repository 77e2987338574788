"""``sdo sood benchmark``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import console, outputs, settings
from astrodome.option_groups import Json, OptionGroup, expand, option

from . import documents
from .options import Assignments, given_keys, show_progress


class BenchmarkModelOptions(OptionGroup):
    """Options that select how the models are trained and scored."""

    seeds: str = option("0,1,2", "Seeds of the training runs of each model.")
    quick: bool = option(
        False,
        "Use fewer patches and one epoch, to check that the benchmark runs. The results are not "
        "comparable with other results.",
        "--quick",
    )
    leave_out: bool = option(
        False,
        "Also train detect and segmentation without each group of generated defects, to measure "
        "how well they detect unknown defects.",
        "--leave-out",
    )
    bootstraps: int = option(1000, "Number of bootstrap samples.", "--bootstrap", min=1)
    jobs: int = option(
        0, "Number of runs that are trained and scored in parallel. 0 means one per CPU.", min=0
    )


class BenchmarkConfigOptions(OptionGroup):
    """Configuration of all models in the benchmark."""

    assignment: Assignments = None
    devices: str | None = option(
        None,
        "Number of GPUs, list of GPU indices, or cpu (default: cpu, which gives the same results "
        "in each run).",
        metavar="N|0,2|cpu",
    )


@expand
@outputs.declare(documents.BenchmarkDocument)
def benchmark(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[[LABEL=]MODEL|RUN…]",
            help="Names of models, which are trained, or run folders (default: all models).",
        ),
    ] = None,
    *,
    options: BenchmarkModelOptions,
    configuration: BenchmarkConfigOptions,
    out: Annotated[
        Path, typer.Option(help="Output folder for the runs, the results and the HTML page.")
    ] = Path("benchmark"),
    as_json: Json = False,
) -> None:
    """Run the benchmark SolarOOD with all installed models.

    The images are part of Python packages. Run the same command again to resume an interrupted
    benchmark.
    """
    from ..evaluation.benchmark import BenchmarkOptions, run_benchmark
    from ..evaluation.solar_ood import load_solar_ood
    from ..views.benchmark_page import write_benchmark

    chosen = settings.validate(BenchmarkOptions, vars(options), "")
    overrides = {"devices.gpus": 0} | given_keys(configuration)
    with show_progress():
        data = load_solar_ood(out, chosen.quick)
        found = run_benchmark(models or [], out, chosen, overrides, data)
        page = write_benchmark(found, out)
    if chosen.quick:
        console.warn("Quick check: the results are not comparable with other results.")
    if as_json:
        console.show_json(found.document())
    else:
        console.show([_row(row) for row in found.summary()])
    minutes, seconds = divmod(round(found.seconds), 60)
    console.note(f"Benchmark finished in {minutes} min {seconds} s.")
    console.note(f"Results written to {out}. HTML page: {page}")
    console.finish(found.outcome, "evaluated", "runs")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the summary in which values and intervals are formatted as text."""
    names = {
        "synthetic_auroc": "synthetic",
        "synthetic_pixel_ap": "pixels",
        "instrument_auroc": "instrument",
        "worst_defect_auroc": "worst defect",
        "shift_auroc": "shift",
        "false_alarms": "false alarms",
        "false_alarms_calibrated": "calibrated",
    }
    shown = {
        title: f"{row[key]:.3f} ({row[f'{key}_low']:.3f}-{row[f'{key}_high']:.3f})"
        for key, title in names.items()
    }
    sanity = f"{row['sanity_frames']} of {row['sanity_total']}"
    return {"model": row["model"], **shown, "sanity": sanity}
