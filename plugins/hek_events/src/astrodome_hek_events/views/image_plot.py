"""Pictures: an image of the Sun with its events over it, and the drawings of the page."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import sunpy.visualization.colormaps  # noqa: F401  (registers the colours of AIA)
from astrodome import files
from astrodome_solar import geometry
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.patheffects import Normal, Stroke
from PIL import Image
from shapely.geometry.base import BaseGeometry

from .. import event_types, regions
from ..images import SolarImage

FORMATS = ("png", "svg", "pdf", "jpg")
COLOURS = {
    "AR": "#5ec8ff",
    "FL": "#ff5d5d",
    "CH": "#c79bff",
    "FI": "#8ee07a",
    "SG": "#ffe066",
    "SS": "#ffffff",
    "CE": "#ff9f43",
}
OTHERS = ("#f78fb3", "#63cdda", "#cf6a87", "#e77f67", "#b8e994", "#82ccdd")
PREDICTED = "#39ff88"
INK, FAINT, GRID = "#d7dce5", "#8b94a7", "#2a3140"
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": FAINT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 10,
    "grid.color": GRID,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}
HALO = (Stroke(linewidth=3, foreground="black", alpha=0.6), Normal())
"""A dark edge that keeps lines and letters readable on the bright corona."""
CROWD = 40
"""With more events than this in a picture their labels are left out."""


def colour(event_type: str) -> str:
    """The colour of a type of event, always the same."""
    return COLOURS.get(event_type) or OTHERS[sum(event_type.encode()) % len(OTHERS)]


def colours(wavelength: int) -> Colormap:
    """AIA's colours for a wavelength (angstrom), grey for others."""
    name = f"sdoaia{wavelength}"
    return mpl.colormaps[name if name in mpl.colormaps else "gray"]


def draw(
    image: SolarImage,
    placed: Sequence[regions.Placed],
    predicted: Sequence[BaseGeometry] = (),
    *,
    labels: bool = True,
    grid: bool = False,
    side: int = 1200,
) -> Figure:
    """The image with limb, events and predicted regions over it, ``side`` px wide.

    Coordinates are helioprojective arcsec, from the header of the image.
    """
    view = image.view
    figure = Figure((12, 12), dpi=side / 12, facecolor="black")
    axes: WCSAxes = figure.add_axes((0.09, 0.075, 0.88, 0.88), projection=view.wcs)
    width, height = view.width, view.height
    axes.imshow(
        np.asarray(image.picture)[::-1],
        cmap=colours(image.wavelength),
        vmin=0,
        vmax=255,
        origin="lower",
        extent=(-0.5, width - 0.5, -0.5, height - 0.5),
        interpolation="lanczos" if image.picture.width < side else "antialiased",
    )
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(-0.5, height - 0.5)
    for axis, text in zip(axes.coords, ("west", "north"), strict=True):
        axis.set_format_unit("arcsec")
        axis.set_major_formatter("s")
        axis.set_axislabel(f"helioprojective, arcsec to the {text}", color=FAINT)
        axis.set_ticks(color=FAINT)
        axis.set_ticklabel(color=FAINT)
    axes.coords.frame.set_color(FAINT)
    axes.plot(*_data(view.limb(), view).T, color="white", lw=0.8, alpha=0.7, gid="limb")
    if grid:
        _draw_grid(axes, view)
    for shape in predicted:
        axes.add_patch(_patch(shape, view, PREDICTED, linestyle="--", linewidth=1.4))
    shown = [each for each in placed if each.seen and not each.shape.is_empty]
    for each in shown:
        _draw_event(axes, each, view, labels and len(shown) <= CROWD)
    _legend(axes, shown, bool(predicted), len(predicted))
    wave = f"{image.wavelength} Å  " if image.wavelength else ""
    axes.set_title(f"{wave}{image.t_obs:%Y-%m-%d %H:%M:%S} UTC", color=INK, loc="left")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the file's ending, whole or not at all."""
    form = path.suffix.lower().removeprefix(".")
    stamps: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with files.replacing(path) as part, mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(
            part, format=form, facecolor=figure.get_facecolor(), metadata=stamps.get(form)
        )


def picture(image: SolarImage) -> str:
    """The image in its colours as an address that goes into a page."""
    shades = colours(image.wavelength)(np.asarray(image.picture))[..., :3]
    content = io.BytesIO()
    Image.fromarray(np.rint(shades * 255).astype(np.uint8)).save(content, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def svg_path(shape: BaseGeometry) -> str:
    """A shape in pixels as the ``d`` of an SVG path."""
    return " ".join(
        "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in ring) + " Z" for ring in rings(shape)
    )


def rings(shape: BaseGeometry) -> list[geometry.Points]:
    """Every closed line of a shape's polygons, shape (N, 2) each."""
    parts = getattr(shape, "geoms", [shape])
    polygons = [each for each in parts if each.geom_type == "Polygon" and not each.is_empty]
    return [
        np.asarray(ring.coords)[:, :2]
        for each in polygons
        for ring in (each.exterior, *each.interiors)
    ]


def histogram(values: Sequence[float], label: str) -> str:
    """How many images have which value between 0 and 1, as SVG."""
    with mpl.rc_context(STYLE):
        figure = Figure((10, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.hist(values, bins=np.linspace(0, 1, 41).tolist(), color="#ffb454")
        axes.axvline(float(np.median(values)), color=INK, ls=":", lw=1.2, label="median")
        axes.set_xlim(0, 1)
        axes.set_xlabel(label)
        axes.set_ylabel("images")
        axes.legend()
        return _svg(figure)


def by_time(rows: Sequence[dict[str, Any]]) -> str:
    """IoU of each image by its time, a colour for each wavelength, as SVG."""
    waves = sorted({row["wavelength"] for row in rows})
    shades = ("#ffb454", "#59c2ff", "#b8cc52", "#f07178", "#d2a6ff", "#95e6cb")
    with mpl.rc_context(STYLE):
        figure = Figure((10, 2.6), layout="constrained")
        axes = figure.subplots()
        for number, wave in enumerate(waves):
            own = [row for row in rows if row["wavelength"] == wave]
            axes.plot(
                [row["t_obs"] for row in own],
                [row["iou"] for row in own],
                ".",
                ms=5,
                color=shades[number % len(shades)],
                label=f"{wave} Å",
            )
        axes.set_ylim(-0.02, 1.02)
        axes.set_ylabel("IoU")
        axes.legend()
        return _svg(figure)


def _draw_event(
    axes: Any, placed: regions.Placed, view: geometry.ImageGeometry, label: bool
) -> None:
    event = placed.event
    shade = colour(event.event_type)
    if placed.has_area:
        axes.add_patch(_patch(placed.shape, view, shade, linewidth=1.5, gid=event.identity))
        anchor = np.array([[placed.shape.bounds[2], placed.shape.bounds[1]]])
    else:
        anchor = np.array([[placed.shape.centroid.x, placed.shape.centroid.y]])
        x, y = _data(anchor, view)[0]
        axes.plot([x], [y], "x", color=shade, ms=8, mew=1.8, gid=event.identity)
    if label:
        axes.annotate(
            f"{event.event_type} {event.label}".strip(),
            _data(anchor, view)[0],
            (3, 3),
            textcoords="offset points",
            color=shade,
            fontsize=8,
            annotation_clip=True,
            path_effects=HALO,
        )


def _patch(
    shape: BaseGeometry, view: geometry.ImageGeometry, shade: str, **style: Any
) -> PathPatch:
    lines = [Outline(_data(ring, view), closed=True) for ring in rings(shape)]
    outline = Outline.make_compound_path(*lines) if lines else Outline(np.zeros((1, 2)))
    return PathPatch(outline, facecolor="none", edgecolor=shade, path_effects=HALO, **style)


def _data(pixels: geometry.Points, view: geometry.ImageGeometry) -> geometry.Points:
    """Pixels from the upper left corner as the axes count them: from the lower left centre."""
    return np.column_stack([pixels[:, 0] - 0.5, view.height - 0.5 - pixels[:, 1]])


def _draw_grid(axes: Any, view: geometry.ImageGeometry, step: int = 15) -> None:
    """Stonyhurst latitudes and longitudes every ``step`` degrees."""
    fine = np.linspace(-90, 90, 91)
    lines = [(np.full(91, degrees), fine) for degrees in range(-180, 180, step)]
    lines += [(2 * fine, np.full(91, degrees)) for degrees in range(-75, 90, step)]
    for longitude, latitude in lines:
        arcsec, seen = view.surface(longitude, latitude)
        pixels = _data(view.to_pixel(arcsec), view)
        pixels[~seen] = np.nan
        axes.plot(*pixels.T, color="white", lw=0.4, alpha=0.35)


def _legend(axes: Any, shown: Sequence[regions.Placed], predicted: bool, count: int) -> None:
    counts = Counter(each.event.event_type for each in shown)
    handles = [
        Line2D([], [], color=colour(code), label=f"{event_types.KINDS.get(code, code)} ({number})")
        for code, number in sorted(counts.items())
    ]
    if predicted:
        handles.append(Line2D([], [], color=PREDICTED, ls="--", label=f"predicted ({count})"))
    if handles:
        axes.legend(
            handles=handles,
            loc="lower left",
            fontsize=9,
            facecolor="black",
            edgecolor=GRID,
            labelcolor=INK,
            framealpha=0.7,
        )


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
