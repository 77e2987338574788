"""The command ``sdo events analyze``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import typer
from astrodome import InvalidInputError, compute, console, lazy, outputs
from astrodome.option_groups import OptionGroup, option

from . import documents
from .options import EventOptions, Json

DEFAULT_SIGMA = 1.1
"""Standard deviation in pixels if ``--gaussian`` is used without a value."""


class SelectionOptions(OptionGroup):
    """Options that select events. They have the same names as the fields of ComparisonOptions."""

    observatory: str = option(
        "SDO", "Observatory that observed the events; 'any' selects all observatories."
    )
    instrument: str = option(
        "AIA", "Instrument that observed the events; 'any' selects all instruments."
    )
    any_channel: bool = option(False, "Include events that were observed at other wavelengths.")


class RegionOptions(OptionGroup):
    """Region detection options. They have the same names as the fields of RegionDetection."""

    threshold: Literal["otsu", "binary", "simple"] = option(
        "otsu",
        "Threshold method. otsu computes the threshold from the scores in each map. simple applies "
        "--level to the score range of each map, and binary to the score range of all maps.",
    )
    level: float = option(
        20, "Threshold for the methods binary and simple (0-254).", min=0, max=254
    )
    gaussian: float = option(
        0,
        "Standard deviation of the Gaussian filter that smooths the resized maps, in pixels. "
        f"If the option is used without a value, the value is {DEFAULT_SIGMA}. 0 disables "
        "smoothing.",
        min=0,
        metavar="[SIGMA]",
    )
    min_size: float = option(2, "Minimum side length of a region, in pixels after resizing.", min=0)
    max_size: float = option(
        48, "Maximum side length of a region, in pixels after resizing.", min=0
    )
    map_width: int = option(
        256, "Width to which maps are resized, in pixels; 0 disables resizing.", min=0, max=8192
    )


class ResultOptions(OptionGroup):
    """Options for the results that are written."""

    out_dir: Path = option(
        Path("output/analytics"), "Output folder. The results are written to a new subfolder."
    )
    count: int = option(
        6,
        "Number of images with the highest IoU, and with the lowest IoU, to show in the report.",
        min=1,
        max=50,
    )
    save_figures: bool = option(
        False, "Also write a plot of each image to a PNG file.", "--figures"
    )


class OptionalGaussian(lazy.Command):
    """A command in which the value of the option ``--gaussian`` is optional."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        return super().parse_args(ctx, list(_with_default_sigma(args)))


def _with_default_sigma(args: Sequence[str]) -> Iterator[str]:
    for index, arg in enumerate(args):
        following = args[index + 1] if index + 1 < len(args) else ""
        has_value = following.replace(".", "", 1).isdigit()
        yield f"{arg}={DEFAULT_SIGMA}" if arg == "--gaussian" and not has_value else arg


@outputs.declare(documents.ComparisonDocument)
def analyze(
    ctx: typer.Context,
    src_dir: Path = option(
        ..., "Folder with images named {time}__{wavelength}.jpeg. Subfolders are included."
    ),
    sood_dir: Path = option(
        ..., "Folder with anomaly maps from sdo sood … predict --predict-mode pixel."
    ),
    more_types: list[str] | None = typer.Argument(
        None,
        metavar="[TYPE]...",
        help="Additional HEK event type codes, for example FL in '--event-type AR FL'.",
    ),
    event_type: list[str] | None = option(
        None, "HEK event type code; 'all' selects all event types. Repeatable (default: AR and FL)."
    ),
    wavelength: list[int] | None = option(
        None,
        "Wavelength of the images, in angstrom. Repeatable (default: all wavelengths of the maps).",
        min=1,
    ),
    tolerance: float = option(
        180, "Maximum time difference between an image and its map, in seconds.", min=0
    ),
    jobs: int = option(0, "Number of processes; 0 means one per CPU core.", min=0),
    as_json: Json = False,
    *,
    results: ResultOptions,
    selection: SelectionOptions,
    regions: RegionOptions,
    shapes: EventOptions,
) -> None:
    """Compare anomaly maps with HEK events: IoU, precision and recall for each image.

    Write iou.csv, Parquet tables with more details, summary.json, and the HTML report report.html.
    An event is found if a predicted region overlaps it. The IoU is 1 if an image has neither events
    nor regions. The precision is empty if the image has no regions, and the recall is empty if the
    image has no events.
    """
    from ..analysis.anomaly_maps import RegionDetection
    from ..analysis.comparison import ComparisonOptions
    from ..analysis.pairing import pair_folders
    from ..analysis.run import compare_pairs
    from ..event_types import parse_codes
    from ..views import page

    codes = parse_codes([*(event_type or ()), *(more_types or ())] or ["AR", "FL"])
    if regions.min_size > regions.max_size:
        raise InvalidInputError(
            f"--min-size {regions.min_size:g} is larger than --max-size {regions.max_size:g}.",
            "Reduce --min-size, or increase --max-size.",
        )
    options = ComparisonOptions(
        event_types=tuple(codes),
        outlines=shapes.outlines,
        rotate=shapes.rotate,
        detection=RegionDetection(**vars(regions)),
        meta=shapes.meta,
        **vars(selection),
    )
    search = shapes.search(ctx)
    pairing = pair_folders(src_dir, sood_dir, wavelength or (), tolerance)
    with console.progress("Comparing", len(pairing.pairs), "images", resumes=False) as bar:
        result = compare_pairs(pairing, search, options, jobs, bar.advance)
    folders = {"src_dir": str(src_dir.absolute()), "sood_dir": str(sood_dir.absolute())}
    folder = result.write(results.out_dir, folders | {"tolerance_s": tolerance})
    report = page.write(result, folder, results.count)
    failed = list(result.failed)
    if results.save_figures:
        with console.progress("Plotting", len(result.comparisons), "images", resumes=False) as bar:
            failed += page.write_figures(result, folder / "figures", jobs, bar.advance)
    if result.unused_maps:
        console.warn(
            f"No image found within {tolerance:g} s of {len(result.unused_maps)} maps, "
            f"for example {result.unused_maps[0].path.name}."
        )
    outcome = compute.Outcome(done=len(result.comparisons), failed=failed)
    _show(result.summary, folder, report, outcome, as_json)


def _show(
    summary: dict[str, Any], folder: Path, report: Path, outcome: compute.Outcome, as_json: bool
) -> None:
    if as_json:
        document = {"folder": str(folder), "page": str(report), **summary}
        console.show_json(document | {"failed": outcome.as_dict()["failed"]})
    else:
        console.show(_summary_rows(summary))
        console.note(f"Results written to {folder}.")
    console.finish(outcome, "compared", "images")


def _summary_rows(summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one table row for all events, and one for each event type."""
    total = summary | {"events": summary["hek_events"], "found": summary["hek_found"]}
    for name, values in {"all": total, **summary["by_event_type"]}.items():
        counts = {key: values[key] for key in ("images", "events", "found")}
        means = {f"{key}_mean": values[key]["mean"] for key in ("iou", "precision", "recall")}
        spread = {f"iou_{key}": values["iou"][key] for key in ("median", "std")}
        yield {"type": name, **counts, **means, **spread}
