"""One page about an analysis that opens anywhere: its figures, and the images that agree best and
worst with the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from astrodome import AstrodomeError, compute, console, files
from markupsafe import Markup

from .. import event_types, images, regions
from ..analysis import results
from ..analysis.comparison import Analysis, Compared, Question, question_as_dict
from . import image_plot

NAME = "report.html"
SIDE = 560
"""Largest side of a shown image, px."""
MOST = 500
"""Up to so many images are listed; the tables have all of them."""


def write(done: Analysis, question: Question, count: int = 6) -> Path:
    """Write the page into the folder of an analysis, with ``count`` best and worst images."""
    ranked = sorted(done.compared, key=lambda each: -each.row["iou"])
    telling = [each for each in ranked if each.placed or each.predicted] or ranked
    best = telling[:count]
    worst = [each for each in telling[::-1][:count] if each not in best]
    rows = [each.row for each in done.compared]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("astrodome_hek_events.views"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("analysis.html").render(
        summary=done.summary,
        measures=results.MEASURES,
        types={
            code: (event_types.KINDS.get(code, code), found)
            for code, found in done.summary["by_event_type"].items()
        },
        histogram=Markup(image_plot.histogram([row["iou"] for row in rows], "IoU")) if rows else "",
        course=Markup(image_plot.by_time(rows)) if len(rows) > 2 else "",
        groups=[
            (title, [card(each, question) for each in chosen])
            for title, chosen in (("Best agreement", best), ("Worst agreement", worst))
            if chosen
        ],
        rows=[each.row for each in ranked[:MOST]],
        failed=done.outcome.failed,
        asked=question_as_dict(question),
        predicted=image_plot.PREDICTED,
        colours={code: image_plot.colour(code) for code in done.summary["by_event_type"]},
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    files.write_text(done.folder / NAME, page)
    return done.folder / NAME


def card(each: Compared, question: Question) -> dict[str, Any]:
    """One image with the shapes over it, both in the image's own pixels."""
    try:
        image = images.read(each.pair.image.path, SIDE, question.meta)
        source, limb = image_plot.picture(image), image.view.limb(180)
    except (AstrodomeError, OSError):
        source, limb = "", None
    shown = [placed for placed in each.placed if placed.seen and placed.has_area]
    return {
        "row": each.row,
        "source": source,
        "limb": "" if limb is None else " ".join(f"{x:.1f},{y:.1f}" for x, y in limb),
        "width": each.size[0],
        "height": each.size[1],
        "events": [
            {
                "path": image_plot.svg_path(placed.shape),
                "colour": image_plot.colour(placed.event.event_type),
                "title": title(placed.event),
            }
            for placed in shown
        ],
        "predicted": " ".join(map(image_plot.svg_path, each.predicted)),
    }


def title(event: regions.Event) -> str:
    """What a pointer over the event shows."""
    kind = event_types.KINDS.get(event.event_type, event.event_type)
    return f"{kind} {event.label}, {event.start:%Y-%m-%d %H:%M} to {event.end:%Y-%m-%d %H:%M}"


def write_figures(
    compared: Sequence[Compared], folder: Path, question: Question, jobs: int = 0
) -> list[tuple[str, str]]:
    """Draw every image with its events and predicted regions as PNG into ``folder``.

    Gives the names of those that could not be drawn, and why.
    """
    work = partial(_write_figure, folder=folder, meta=question.meta)
    with console.progress("Drawing", len(compared), "images", resumes=False) as bar:
        failed = []
        for done in compute.map(work, compared, jobs=jobs, ordered=True):
            bar.advance()
            if done.error:
                failed.append((str(done.item.pair.image.path), done.error))
    return failed


def _write_figure(each: Compared, folder: Path, meta: Path | None) -> None:
    image = images.read(each.pair.image.path, 1200, meta)
    stem = Path(each.pair.name).with_suffix("").as_posix().replace("/", "__")
    image_plot.save(image_plot.draw(image, each.placed, each.predicted), folder / f"{stem}.png")
