"""Write the HTML report of an analysis.

The report contains a chart, tables, and the images with the highest and lowest IoU.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from astrodome import AstrodomeError, compute, files
from astrodome_solar.formats.reading import ImageReference, read
from markupsafe import Markup

from .. import event_types
from ..analysis.comparison import ImageComparison
from ..analysis.run import AnalysisResult
from ..analysis.summary import MEASURES
from ..placement import Event
from . import image_plot
from .charts import iou_chart

FILE_NAME = "report.html"
MAX_IMAGE_SIZE = 560
"""Maximum width and height of an image in the report, in pixels."""
MAX_ROWS = 500
"""Maximum number of rows in the table of images. The file ``iou.csv`` contains all images."""


def write(result: AnalysisResult, folder: Path, count: int = 6) -> Path:
    """Write the report to a folder, and return the path of the HTML file.

    The report shows the ``count`` images with the highest IoU, and the ``count`` images with the
    lowest IoU.
    """
    ranked = sorted(result.comparisons, key=lambda each: -each.row["iou"])
    candidates = [each for each in ranked if each.placed or each.predicted] or ranked
    best = candidates[:count]
    worst = [each for each in candidates[::-1][:count] if each not in best]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("astrodome_hek_events.views"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    by_type = result.summary["by_event_type"]
    page = environment.get_template("analysis.html").render(
        summary=result.summary,
        measures=MEASURES,
        types={code: (event_types.NAMES.get(code, code), row) for code, row in by_type.items()},
        chart=Markup(iou_chart(result.images)) if ranked else "",
        groups=[
            (title, [_card(each, result.options.meta) for each in chosen])
            for title, chosen in (("Highest IoU", best), ("Lowest IoU", worst))
            if chosen
        ],
        rows=[each.row for each in ranked[:MAX_ROWS]],
        failed=result.failed,
        options=result.options.as_dict(),
        predicted=image_plot.PREDICTED_COLOR,
        colors={code: image_plot.event_color(code) for code in by_type},
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    files.write_text(folder / FILE_NAME, page)
    return folder / FILE_NAME


def write_figures(
    result: AnalysisResult,
    folder: Path,
    jobs: int = 0,
    on_image: Callable[[], None] = lambda: None,
) -> list[tuple[str, str]]:
    """Write a PNG plot of each image, with its events and predicted regions, to a folder.

    Returns the path of each image that could not be plotted, and the error message. ``on_image`` is
    called without arguments after each image.
    """
    work = partial(_write_figure, folder=folder, meta=result.options.meta)
    failed = []
    for done in compute.map(work, result.comparisons, jobs=jobs, ordered=True, in_process=True):
        on_image()
        if done.error:
            failed.append((str(done.item.pair.image.path), done.error))
    return failed


def _card(comparison: ImageComparison, meta: Path | None) -> dict[str, Any]:
    """Return the template variables for one image. Shapes are in pixel coordinates."""
    try:
        image = read(ImageReference(comparison.pair.image.path), table=meta)
        source = image_plot.data_url(image, MAX_IMAGE_SIZE)
        limb = " ".join(f"{x:.1f},{y:.1f}" for x, y in image.geometry.limb(180))
    except (AstrodomeError, OSError):
        source = limb = ""
    shown = [each for each in comparison.placed if each.is_visible and each.has_area]
    return {
        "row": comparison.row,
        "source": source,
        "limb": limb,
        "width": comparison.size[0],
        "height": comparison.size[1],
        "events": [
            {
                "path": image_plot.svg_path(each.shape),
                "color": image_plot.event_color(each.event.event_type),
                "title": _title(each.event),
            }
            for each in shown
        ],
        "predicted": " ".join(map(image_plot.svg_path, comparison.predicted)),
    }


def _title(event: Event) -> str:
    name = event_types.NAMES.get(event.event_type, event.event_type)
    return f"{name} {event.label}, {event.start:%Y-%m-%d %H:%M} to {event.end:%Y-%m-%d %H:%M}"


def _write_figure(comparison: ImageComparison, folder: Path, meta: Path | None) -> None:
    image = read(ImageReference(comparison.pair.image.path), table=meta)
    stem = Path(comparison.pair.name).with_suffix("").as_posix().replace("/", "__")
    figure = image_plot.draw(image, comparison.placed, comparison.predicted)
    image_plot.save(figure, folder / f"{stem}.png")
