"""Plot solar images with events."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from astrodome import files
from astrodome_solar.colormaps import colormap
from astrodome_solar.figures import FAINT, GRID, INK, to_data_url
from astrodome_solar.formats.solar_image import SolarImage
from astrodome_solar.geometry import ImageGeometry, Points
from astropy import units as u
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as MplPath
from matplotlib.patheffects import Normal, Stroke
from PIL import Image
from shapely.geometry.base import BaseGeometry
from sunpy.visualization.wcsaxes_compat import wcsaxes_heliographic_overlay

from .. import event_types
from ..placement import PlacedEvent, parse_events, place_events, to_solar_image

if TYPE_CHECKING:
    import pandas as pd
    from sunpy.map import GenericMap

FORMATS = ("png", "svg", "pdf", "jpg")
COLORS = {
    "AR": "#5ec8ff",
    "FL": "#ff5d5d",
    "CH": "#c79bff",
    "FI": "#8ee07a",
    "SG": "#ffe066",
    "SS": "#ffffff",
    "CE": "#ff9f43",
}
OTHER_COLORS = ("#f78fb3", "#63cdda", "#cf6a87", "#e77f67", "#b8e994", "#82ccdd")
DISPLAYED_PERCENTILES = (1.0, 99.7)
"""Percentiles of the intensity that are displayed in black and in white."""
PREDICTED_COLOR = "#39ff88"
HALO = (Stroke(linewidth=3, foreground="black", alpha=0.6), Normal())
"""Dark outline that makes lines and text readable on bright regions."""
MAX_LABELS = 40
"""Maximum number of events in a plot with labels. If a plot has more, no events are labeled."""


def event_color(event_type: str) -> str:
    """Return the plot color for events of the given type."""
    return COLORS.get(event_type) or OTHER_COLORS[sum(event_type.encode()) % len(OTHER_COLORS)]


def plot(
    image: SolarImage | GenericMap | str | os.PathLike[str],
    events: pd.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any]],
    *,
    outlines: bool = False,
    rotate: bool = True,
    labels: bool = True,
    grid: bool = False,
) -> Figure:
    """Plot a solar image with events.

    Parameters
    ----------
    image : SolarImage, sunpy.map.GenericMap, str or os.PathLike
        The image, or the path of an image file that :func:`astrodome_solar.read_image` supports.
    events : pandas.DataFrame, dict or iterable of dict
        Events from :meth:`EventStore.query` or :func:`search`, or HEK records.
    outlines : bool, optional
        Whether to plot the outline of each event instead of its bounding box, if available.
    rotate : bool, optional
        Whether to rotate the events with the Sun from their start time to the time of the image.
    labels : bool, optional
        Whether to label events with their type and the NOAA region number or flare class.
    grid : bool, optional
        Whether to plot a heliographic grid with a spacing of 15 degrees.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, with solar north at the top. The axes show helioprojective coordinates in
        arcsec.

    Raises
    ------
    AstrodomeError
        If the image cannot be read, if its geometry is unknown, or if an event is invalid.

    Examples
    --------
    >>> from astrodome_hek_events import EventStore
    >>> events = EventStore("events.sqlite").query("2014-01-01", "2014-01-02", ["AR"])
    >>> figure = plot("images/2014-01-01T000011__171.jpeg", events)
    >>> figure.savefig("events.png")
    """
    upright = to_solar_image(image).north_up()
    placed = place_events(parse_events(events, outlines), upright.geometry, rotate)
    return draw(upright, placed, labels=labels, grid=grid)


def draw(
    image: SolarImage,
    placed: Sequence[PlacedEvent],
    predicted: Sequence[BaseGeometry] = (),
    *,
    labels: bool = True,
    grid: bool = False,
    width: int = 1200,
) -> Figure:
    """Plot an image with the limb, events and predicted regions.

    ``width`` is the width of the figure in pixels. The axes show helioprojective coordinates in
    arcsec, which are computed from the image header.
    """
    geometry = image.geometry
    picture = _picture(image, width)
    figure = Figure((12, 12), dpi=width / 12, facecolor="black")
    axes: WCSAxes = figure.add_axes((0.09, 0.075, 0.88, 0.88), projection=geometry.wcs)
    axes.imshow(
        np.asarray(picture)[::-1],
        cmap=colormap(image.wavelength, image.quantity),
        vmin=0,
        vmax=255,
        origin="lower",
        extent=(-0.5, geometry.width - 0.5, -0.5, geometry.height - 0.5),
        interpolation="lanczos" if picture.width < width else "antialiased",
    )
    axes.set_xlim(-0.5, geometry.width - 0.5)
    axes.set_ylim(-0.5, geometry.height - 0.5)
    for axis, direction in zip(axes.coords, ("west", "north"), strict=True):
        axis.set_format_unit("arcsec")
        axis.set_major_formatter("s")
        axis.set_axislabel(f"helioprojective, arcsec to the {direction}", color=FAINT)
        axis.set_ticks(color=FAINT)
        axis.set_ticklabel(color=FAINT)
    axes.coords.frame.set_color(FAINT)
    axes.plot(*_data(geometry.limb(), geometry).T, color="white", lw=0.8, alpha=0.7, gid="limb")
    if grid:
        wcsaxes_heliographic_overlay(
            axes, 15 * u.deg, annotate=False, color="white", linewidth=0.4, alpha=0.35
        )
    for shape in predicted:
        axes.add_patch(_patch(shape, geometry, PREDICTED_COLOR, linestyle="--", linewidth=1.4))
    shown = [each for each in placed if each.is_visible and not each.shape.is_empty]
    for each in shown:
        _draw_event(axes, each, geometry, labels and len(shown) <= MAX_LABELS)
    _draw_legend(axes, shown, len(predicted))
    wavelength = f"{image.wavelength} Å  " if image.wavelength else ""
    axes.set_title(f"{wavelength}{image.time:%Y-%m-%d %H:%M:%S} UTC", color=INK, loc="left")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file atomically. The file extension determines the format."""
    form = path.suffix.lower().removeprefix(".")
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with files.replacing(path) as part, mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(
            part, format=form, facecolor=figure.get_facecolor(), metadata=metadata.get(form)
        )


def data_url(image: SolarImage, size: int) -> str:
    """Convert an image to a data URL that contains a JPEG image with the instrument's colormap.

    The width and height of the JPEG image are at most ``size`` pixels.
    """
    rgb = colormap(image.wavelength, image.quantity)(np.asarray(_picture(image, size)))
    return to_data_url(rgb, "JPEG")


def svg_path(shape: BaseGeometry) -> str:
    """Convert a shape in pixel coordinates to the ``d`` attribute of an SVG ``path`` element."""
    return " ".join(
        "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in ring) + " Z" for ring in rings(shape)
    )


def rings(shape: BaseGeometry) -> list[Points]:
    """Return the rings of all polygons in a shape. Each ring is an array with shape (N, 2)."""
    parts = getattr(shape, "geoms", [shape])
    polygons = [each for each in parts if each.geom_type == "Polygon" and not each.is_empty]
    return [
        np.asarray(ring.coords)[:, :2]
        for each in polygons
        for ring in (each.exterior, *each.interiors)
    ]


def _picture(image: SolarImage, size: int) -> Image.Image:
    """Convert an image to an 8-bit image for display.

    The width and height of the result are at most ``size`` pixels.
    """
    scaled = image.data / 255
    if not image.eight_bit:
        data = np.nan_to_num(image.data)
        low, high = np.percentile(data, DISPLAYED_PERCENTILES)
        scaled = np.clip((data - low) / (high - low if high > low else 1), 0, 1)
        # The square root makes faint structures visible. It is not applied to magnetograms,
        # which contain negative values.
        scaled = scaled if low < 0 else np.sqrt(scaled)
    levels = np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(levels[::-1]))
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    return picture


def _draw_event(axes: Any, placed: PlacedEvent, geometry: ImageGeometry, label: bool) -> None:
    event = placed.event
    color = event_color(event.event_type)
    if placed.has_area:
        axes.add_patch(_patch(placed.shape, geometry, color, linewidth=1.5, gid=event.identifier))
        anchor = np.array([[placed.shape.bounds[2], placed.shape.bounds[1]]])
    else:
        anchor = np.array([[placed.shape.centroid.x, placed.shape.centroid.y]])
        x, y = _data(anchor, geometry)[0]
        axes.plot([x], [y], "x", color=color, ms=8, mew=1.8, gid=event.identifier)
    if label:
        axes.annotate(
            f"{event.event_type} {event.label}".strip(),
            _data(anchor, geometry)[0],
            (3, 3),
            textcoords="offset points",
            color=color,
            fontsize=8,
            annotation_clip=True,
            path_effects=HALO,
        )


def _patch(shape: BaseGeometry, geometry: ImageGeometry, color: str, **style: Any) -> PathPatch:
    paths = [MplPath(_data(ring, geometry), closed=True) for ring in rings(shape)]
    path = MplPath.make_compound_path(*paths) if paths else MplPath(np.zeros((1, 2)))
    return PathPatch(path, facecolor="none", edgecolor=color, path_effects=HALO, **style)


def _data(pixels: Points, geometry: ImageGeometry) -> Points:
    """Convert pixel coordinates to the data coordinates of the axes.

    The origin of the pixel coordinates is the upper left corner of the image.
    """
    return np.column_stack([pixels[:, 0] - 0.5, geometry.height - 0.5 - pixels[:, 1]])


def _draw_legend(axes: Any, shown: Sequence[PlacedEvent], predicted: int) -> None:
    counts = Counter(each.event.event_type for each in shown)
    handles = [
        Line2D([], [], color=event_color(code), label=f"{event_types.NAMES.get(code, code)} ({n})")
        for code, n in sorted(counts.items())
    ]
    if predicted:
        label = f"predicted ({predicted})"
        handles.append(Line2D([], [], color=PREDICTED_COLOR, ls="--", label=label))
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
