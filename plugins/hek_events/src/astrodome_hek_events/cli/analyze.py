"""The command ``sdo events analyze``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from astrodome import AstrodomeError, compute, console, lazy

from .options import (
    Database,
    EventsSource,
    Json,
    Metadata,
    Outlines,
    Rotate,
    choose_search,
)

DEFAULT_SIGMA = 1.1
"""Standard deviation in pixels for ``--gaussian`` without a value."""

ImageDir = Annotated[
    Path,
    typer.Option(
        "--src-dir",
        help="Folder with images {time}__{wavelength}.jpeg and meta.csv, including subfolders.",
    ),
]
MapDir = Annotated[
    Path,
    typer.Option(
        "--sood-dir",
        help="Folder with anomaly maps of sdo sood … predict --predict-mode pixel.",
    ),
]
MoreTypes = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TYPE]...", help="More event types, as in --event-type AR FL."),
]
OutDir = Annotated[
    Path, typer.Option(help="Folder in which a folder named after the current time is created.")
]
EventTypes = Annotated[
    list[str] | None,
    typer.Option(
        "--event-type", help="Event type: a code of HEK, or all. Can be repeated [AR and FL]."
    ),
]
Wavelengths = Annotated[
    list[int] | None,
    typer.Option(
        min=1,
        help="Wavelength of the images, in angstrom. Can be repeated [wavelengths of the maps].",
    ),
]
Threshold = Annotated[
    Literal["otsu", "binary", "simple"],
    typer.Option(
        help="Threshold method: otsu computes the threshold from the map. binary and simple use "
        "--level on the range of scores of all maps, or of the map itself."
    ),
]
Level = Annotated[
    float, typer.Option(min=0, max=254, help="Threshold of binary and simple (0-254).")
]
Gaussian = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="[SIGMA]",
        help="Standard deviation of a Gaussian filter for the maps, in pixels after resizing "
        f"[{DEFAULT_SIGMA} if no value is given].",
    ),
]
MinSize = Annotated[
    float, typer.Option(min=0, help="Minimum side length of a region, in pixels after resizing.")
]
MaxSize = Annotated[
    float, typer.Option(min=0, help="Maximum side length of a region, in pixels after resizing.")
]
MapWidth = Annotated[
    int,
    typer.Option(
        min=0, max=8192, help="Width to which maps are resized, in pixels; 0 to keep their size."
    ),
]
Observatory = Annotated[
    str, typer.Option(help="Observatory that observed the events; any for all.")
]
Instrument = Annotated[str, typer.Option(help="Instrument that observed the events; any for all.")]
AnyChannel = Annotated[
    bool,
    typer.Option("--any-channel", help="Include events that were observed in other wavelengths."),
]
Tolerance = Annotated[
    float,
    typer.Option(min=0, help="Maximum time difference between image and map, in seconds."),
]
Count = Annotated[
    int, typer.Option(min=1, max=50, help="Number of best and of worst images on the page.")
]
Figures = Annotated[bool, typer.Option("--figures", help="Also plot every image as a PNG file.")]
Jobs = Annotated[int, typer.Option(min=0, help="Number of processes; 0 for one per core.")]


class OptionalGaussian(lazy.Command):
    """A command whose option ``--gaussian`` has an optional value."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        return super().parse_args(ctx, list(_with_default_sigma(args)))


def _with_default_sigma(args: Sequence[str]) -> Iterator[str]:
    for index, arg in enumerate(args):
        following = args[index + 1] if index + 1 < len(args) else ""
        has_value = following.replace(".", "", 1).isdigit()
        yield f"{arg}={DEFAULT_SIGMA}" if arg == "--gaussian" and not has_value else arg


def analyze(
    ctx: typer.Context,
    src_dir: ImageDir,
    sood_dir: MapDir,
    more_types: MoreTypes = None,
    out_dir: OutDir = Path("output/analytics"),
    event_type: EventTypes = None,
    wavelength: Wavelengths = None,
    threshold: Threshold = "otsu",
    level: Level = 20,
    gaussian: Gaussian = 0,
    min_size: MinSize = 2,
    max_size: MaxSize = 48,
    map_width: MapWidth = 256,
    observatory: Observatory = "SDO",
    instrument: Instrument = "AIA",
    any_channel: AnyChannel = False,
    outlines: Outlines = False,
    rotate: Rotate = True,
    tolerance: Tolerance = 180,
    count: Count = 6,
    save_figures: Figures = False,
    meta: Metadata = None,
    jobs: Jobs = 0,
    db_connection_string: Database = "",
    events_source: EventsSource = "",
    as_json: Json = False,
) -> None:
    """Compare anomaly maps with HEK events: IoU, precision and recall for each image.

    Writes iou.csv, Parquet tables with more details, summary.json and the page report.html. An
    event is found if a predicted region overlaps it. IoU is 1 without events and regions;
    precision is empty without regions, and recall without events.
    """
    from ..analysis.anomaly_maps import RegionDetection
    from ..analysis.comparison import ComparisonOptions
    from ..analysis.pairing import pair_folders
    from ..analysis.run import compare_pairs
    from ..event_types import parse_codes
    from ..views import page

    codes = parse_codes([*(event_type or ()), *(more_types or ())] or ["AR", "FL"])
    _check_sizes(min_size, max_size)
    detection = RegionDetection(
        threshold=threshold,
        level=level,
        gaussian=gaussian,
        min_size=min_size,
        max_size=max_size,
        map_width=map_width,
    )
    options = ComparisonOptions(
        tuple(codes), observatory, instrument, any_channel, outlines, rotate, detection, meta
    )
    search = choose_search(ctx, db_connection_string, events_source)
    pairing = pair_folders(src_dir, sood_dir, wavelength or (), tolerance)
    with console.progress("Comparing", len(pairing.pairs), "images", resumes=False) as bar:
        result = compare_pairs(pairing, search, options, jobs, bar.advance)
    folders = {"src_dir": str(src_dir.absolute()), "sood_dir": str(sood_dir.absolute())}
    folder = result.write(out_dir, folders | {"tolerance_s": tolerance})
    report = page.write(result, folder, count)
    failed = list(result.failed)
    if save_figures:
        with console.progress("Plotting", len(result.comparisons), "images", resumes=False) as bar:
            failed += page.write_figures(result, folder / "figures", jobs, bar.advance)
    if result.unused_maps:
        console.warn(
            f"{len(result.unused_maps)} maps have no image within {tolerance:g} s, "
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


def _check_sizes(smallest: float, largest: float) -> None:
    if smallest > largest:
        raise AstrodomeError(
            f"--min-size {smallest:g} is larger than --max-size {largest:g}.", exit_code=2
        )


def _summary_rows(summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one row for all events, and one for each event type."""
    total = summary | {"events": summary["hek_events"], "found": summary["hek_found"]}
    for name, values in {"all": total, **summary["by_event_type"]}.items():
        counts = {key: values[key] for key in ("images", "events", "found")}
        means = {f"{key}_mean": values[key]["mean"] for key in ("iou", "precision", "recall")}
        spread = {f"iou_{key}": values["iou"][key] for key in ("median", "std")}
        yield {"type": name, **counts, **means, **spread}


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``sdo events``."""
    app.command("analyze", cls=OptionalGaussian)(analyze)
