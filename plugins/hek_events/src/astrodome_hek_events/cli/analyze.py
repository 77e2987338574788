"""``sdo events plot`` and ``sdo events analyze``: events over images, and against anomaly maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from astrodome import AstrodomeError, compute, console, lazy, sources

if TYPE_CHECKING:
    from .. import regions
    from ..analysis.comparison import Records

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Database = Annotated[
    str,
    typer.Option(
        envvar="DB_CONNECTION_STRING",
        help="Address of the database, sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME "
        "[a file in the folder of --home].",
    ),
]
Source = Annotated[
    str, sources.option("events", "Source of the events; hek is the local store", "--source")
]
Meta = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Table with the images' geometry [meta.csv in their folder or one above].",
    ),
]
Outlines = Annotated[
    bool, typer.Option("--outlines", help="Use exact outlines instead of boxes where HEK has some.")
]
Rotate = Annotated[
    bool,
    typer.Option(
        help="Turn events with the Sun, from their start to the time of the image "
        "(differential rotation)."
    ),
]
Jobs = Annotated[int, typer.Option(min=0, help="Processes at work at once, 0 for one per core.")]


HEK = "hek"
"""Name of the source that reads the local store."""
SIGMA = 1.1
"""Pixels by which ``--gaussian`` smooths when it stands alone."""


class BareSwitch(lazy.Command):
    """A command whose option ``--gaussian`` may stand without its number."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        return super().parse_args(ctx, list(_with_number(args)))


def _with_number(args: Sequence[str]) -> Iterator[str]:
    for at, arg in enumerate(args):
        following = args[at + 1] if at + 1 < len(args) else ""
        bare = arg == "--gaussian" and not following.replace(".", "", 1).isdigit()
        yield f"--gaussian={SIGMA}" if bare else arg


def catalogue(ctx: typer.Context, db_connection_string: str, source: str) -> Records:
    """Return the search function of the chosen source of events; the default is the local store.

    A database on the command line selects the local store, regardless of the settings.
    """
    origin = ctx.get_parameter_source("db_connection_string")
    named = origin is not None and origin.name == "COMMANDLINE"
    name = (source or HEK) if named else sources.choose("events", source, default=HEK)
    if name != HEK:
        chosen = sources.get("events", name)
        if named:
            raise AstrodomeError(
                f"--db-connection-string cannot be used with the events source '{name}'.",
                "Remove one of the two options.",
                exit_code=2,
            )
        return chosen.search  # type: ignore[no-any-return]
    from ..source import HekEvents

    return HekEvents(db_connection_string).search


def plot(
    ctx: typer.Context,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...",
            help="Images: 2012-01-01T000000__171.jpeg with meta.csv beside, JPEG 2000, FITS.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the pictures or, for one image, a file."),
    ] = Path(),
    form: Annotated[
        Literal["png", "svg", "pdf", "jpg"],
        typer.Option("--format", help="Format of the pictures."),
    ] = "png",
    event_type: Annotated[
        list[str] | None,
        typer.Option(help="HEK's code, such as AR, CH, FL; repeatable [all of them]."),
    ] = None,
    observatory: Annotated[str, typer.Option(help="Only events that it saw, such as SDO.")] = "any",
    instrument: Annotated[str, typer.Option(help="Only events seen by it, such as AIA.")] = "any",
    own_channel: Annotated[
        bool, typer.Option("--own-channel", help="Only events seen in the image's wavelength.")
    ] = False,
    outlines: Outlines = False,
    rotate: Rotate = True,
    labels: Annotated[bool, typer.Option(help="Write numbers and classes beside events.")] = True,
    grid: Annotated[
        bool, typer.Option("--grid", help="Draw heliographic coordinates every 15 degrees.")
    ] = False,
    size: Annotated[int, typer.Option(min=200, max=8192, help="Width of a picture, px.")] = 1200,
    meta: Meta = None,
    db_connection_string: Database = "",
    events_source: Source = "",
    as_json: Json = False,
) -> None:
    """Draw images of the Sun with the events of their time over them.

    Events are turned with the Sun to the time of the image and lie by the image's own header, and
    what has gone behind the limb is left out. Times are UTC, coordinates helioprojective arcsec.
    """
    from .. import event_types, regions
    from .. import images as pictures
    from ..views import image_plot

    codes = event_types.codes(event_type or ())
    search = catalogue(ctx, db_connection_string, events_source)
    targets = _targets(images, out, form, image_plot.FORMATS)

    def draw(path: Path, target: Path) -> dict[str, Any]:
        image = pictures.read(path, size, meta)
        around = image.t_obs - regions.AROUND, image.t_obs + regions.AROUND
        found = [
            record
            for record in search(*around, codes)
            if regions.observed(record, observatory, instrument)
            and (not own_channel or regions.in_channel(record, image.wavelength))
        ]
        events = regions.events(found, outlines)
        placed = regions.place(events, image.view, rotate)
        drawn = image_plot.draw(image, placed, labels=labels, grid=grid, side=size)
        image_plot.save(drawn, target)
        return _drawn(path, target, events, placed, image.t_obs, image.wavelength)

    outcome, rows = compute.Outcome(), []
    with console.progress("Drawing", len(images), "images", resumes=False) as bar:
        for path, target in zip(images, targets, strict=True):
            try:
                rows.append(draw(path, target))
                outcome.done += 1
            except AstrodomeError as error:
                if error.exit_code == 2:
                    raise
                outcome.failed.append((str(path), error.message))
            bar.advance()
    if as_json:
        failed = outcome.as_dict()["failed"]
        console.show_json({"pictures": rows, "failed": failed})
    else:
        shown = [{k: v for k, v in row.items() if k != "events"} for row in rows]
        console.show(shown)
    console.finish(outcome, "drawn", "images")


def _targets(images: Sequence[Path], out: Path, form: str, formats: Sequence[str]) -> list[Path]:
    """The file of each picture; two images of one name do not share one."""
    if out.suffix.lower().removeprefix(".") in formats and not out.is_dir():
        if len(images) > 1:
            raise AstrodomeError(
                f"--out {out} is one file, and there are {len(images)} images.",
                "Give a folder.",
                exit_code=2,
            )
        return [out]
    targets = [out / f"{path.stem}__events.{form}" for path in images]
    if len(set(targets)) < len(targets):
        raise AstrodomeError(
            "Two images have the same name, and their pictures would too.",
            "Draw them into different folders.",
            exit_code=2,
        )
    return targets


def _drawn(
    path: Path,
    target: Path,
    events: Sequence[regions.Event],
    placed: Sequence[regions.Placed],
    t_obs: Any,
    wavelength: int,
) -> dict[str, Any]:
    """What became of one image; the corners of the events in px from the upper left corner."""
    shown = [each for each in placed if each.seen and not each.shape.is_empty]
    return {
        "image": str(path),
        "picture": str(target),
        "t_obs": t_obs,
        "wavelength": wavelength,
        "drawn": len(shown),
        "behind_limb": sum(not each.seen for each in placed),
        "outside": sum(each.seen and each.shape.is_empty for each in placed),
        "without_place": len(events) - len(placed),
        "events": [
            {
                "kb_archivid": each.event.identity,
                "event_type": each.event.event_type,
                "from": each.event.kind,
                "wkt_px": each.shape.wkt,
            }
            for each in shown
        ],
    }


def analyze(
    ctx: typer.Context,
    src_dir: Annotated[
        Path,
        typer.Option(help="Images {time}__{wavelength}.jpeg with meta.csv, also in sub-folders."),
    ],
    sood_dir: Annotated[
        Path,
        typer.Option(help="Anomaly maps, as sdo sood … predict --predict-mode pixel writes them."),
    ],
    more_types: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TYPE]...", help="More types, as in --event-type AR FL."),
    ] = None,
    out_dir: Annotated[
        Path, typer.Option(help="The results get a folder here that is named by the time.")
    ] = Path("output/analytics"),
    event_type: Annotated[
        list[str] | None, typer.Option(help="HEK's code, or all; repeatable [AR and FL].")
    ] = None,
    wavelength: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Only images of it, angstrom; repeatable [those of the maps]."),
    ] = None,
    threshold: Annotated[
        Literal["otsu", "binary", "simple"],
        typer.Option(
            help="What is bright: by Otsu's method; above --level on the scale of all maps; "
            "above --level between the map's own lowest and highest score."
        ),
    ] = "otsu",
    level: Annotated[
        float, typer.Option(min=0, max=254, help="Threshold of binary and simple, of 255.")
    ] = 20,
    gaussian: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="[SIGMA]",
            help=f"Smooth maps first: standard deviation, px of --map-width [{SIGMA} alone].",
        ),
    ] = 0,
    min_size: Annotated[
        float, typer.Option(min=0, help="Smallest side of a region, px of --map-width.")
    ] = 2,
    max_size: Annotated[
        float, typer.Option(min=0, help="Largest side of a region, px of --map-width.")
    ] = 48,
    map_width: Annotated[
        int,
        typer.Option(
            min=0, max=8192, help="Width to which maps are brought first, px; 0: as they are."
        ),
    ] = 256,
    observatory: Annotated[str, typer.Option(help="Only events that it saw; any for all.")] = "SDO",
    instrument: Annotated[str, typer.Option(help="Only events seen by it; any for all.")] = "AIA",
    any_channel: Annotated[
        bool,
        typer.Option("--any-channel", help="Also events not seen in the image's wavelength."),
    ] = False,
    outlines: Outlines = False,
    rotate: Rotate = True,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Largest distance in time between image and map, s.")
    ] = 180,
    count: Annotated[
        int, typer.Option(min=1, max=50, help="Best and worst images on the page, each.")
    ] = 6,
    save_figures: Annotated[
        bool, typer.Option("--figures", help="Also draw every image, as PNG.")
    ] = False,
    meta: Meta = None,
    jobs: Jobs = 0,
    db_connection_string: Database = "",
    events_source: Source = "",
    as_json: Json = False,
) -> None:
    """Compare anomaly maps with the events of HEK: IoU, precision and recall of each image.

    Writes iou.csv, the same and more as Parquet, summary.json and the page report.html. An event
    is found when a predicted region overlaps it. Without events and regions IoU is 1;
    precision without regions and recall without events are left empty.
    """
    from .. import event_types
    from ..analysis import anomaly_maps, comparison
    from ..views import page

    codes = event_types.codes([*(event_type or ()), *(more_types or ())] or ["AR", "FL"])
    if min_size > max_size:
        raise AstrodomeError(
            f"--min-size {min_size:g} is larger than --max-size {max_size:g}.", exit_code=2
        )
    question = comparison.Question(
        tuple(codes),
        observatory,
        instrument,
        any_channel,
        outlines,
        rotate,
        anomaly_maps.Detection(
            threshold=threshold,
            level=level,
            gaussian=gaussian,
            min_size=min_size,
            max_size=max_size,
            map_width=map_width,
        ),
        meta,
    )
    done = comparison.analyze(
        src_dir,
        sood_dir,
        out_dir,
        catalogue(ctx, db_connection_string, events_source),
        question,
        wavelengths=wavelength or (),
        tolerance=tolerance,
        jobs=jobs,
    )
    report = page.write(done, question, count)
    if save_figures:
        folder = done.folder / "figures"
        done.outcome.failed += page.write_figures(done.compared, folder, question, jobs)
    if done.unused:
        console.warn(
            f"{len(done.unused)} maps have no image within {tolerance:g} s, "
            f"such as {done.unused[0].path.name}."
        )
    if as_json:
        document = {"folder": str(done.folder), "page": str(report), **done.summary}
        console.show_json(document | {"failed": done.outcome.as_dict()["failed"]})
    else:
        console.show(_summary_rows(done.summary))
        console.note(f"Tables and page: {done.folder}")
    console.finish(done.outcome, "compared", "images")


def _summary_rows(summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A line for all events and one for each type."""
    whole = summary | {"events": summary["hek_events"], "found": summary["hek_found"]}
    for name, own in {"all": whole, **summary["by_event_type"]}.items():
        counts = {key: own[key] for key in ("images", "events", "found")}
        means = {f"{key}_mean": own[key]["mean"] for key in ("iou", "precision", "recall")}
        spread = {f"iou_{key}": own["iou"][key] for key in ("median", "std")}
        yield {"type": name, **counts, **means, **spread}


def add_to(app: typer.Typer) -> None:
    """Give the commands of this room to the group ``sdo events``."""
    app.command("plot")(plot)
    app.command("analyze", cls=BareSwitch)(analyze)
