"""Plot light curves, periodograms and dmdt images."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.style
import numpy as np
from astrodome import files
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..config.appearance import DARK, LIGHT, svg
from ..features import dmdt
from ..features.folding import Array, FoldedLightCurve
from ..features.inspection import InspectedLightCurve, SourceInspection

COLOURS = {"g": "#3fae5a", "r": "#d1495b", "i": "#c98a1a"}
"""Colors of the ZTF bands, which are visible on light and dark backgrounds."""
OTHER_COLOUR = "#5b8fd6"
JD_ZERO = 2_458_000.0
"""Zero point of the time axis, in days."""
METADATA: dict[str, dict[str, None]] = {
    ".png": {},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}
"""Supported file extensions, and the metadata that would make two equal plots differ."""
THUMBNAIL = {"savefig.dpi": 110, "font.size": 7, "axes.titlesize": 7}
"""Settings for small plots, in addition to the style."""
MARGINS = (0.7, 0.5, 0.25, 0.3)
"""Left, bottom, right and top margins of the plots that :func:`image` draws, in inches.

The computation of a layout would take longer than the plot."""
PEAKS = 5
"""Number of periods that are marked in a periodogram."""


def write(path: Path, inspection: SourceInspection) -> None:
    """Write all plots of a source to one PNG, PDF or SVG file."""
    names = list(inspection.periodograms)
    heights = [3.0, 3.0, *(1.7 for _ in names)]
    with mpl.style.context(LIGHT):
        figure = Figure((10, sum(heights)), layout="constrained", dpi=150)
        grid = figure.add_gridspec(len(heights), 3, height_ratios=heights)
        unfolded(figure.add_subplot(grid[0, :]), inspection.light_curves)
        folded(figure.add_subplot(grid[1, :2]), inspection.folded[1.0], inspection.period)
        dmdt_image(figure.add_subplot(grid[1, 2]), inspection.dmdt, inspection.main.band)
        for number, name in enumerate(names, 2):
            periodogram(figure.add_subplot(grid[number, :]), inspection, name)
        figure.suptitle(inspection.name)
        extension = path.suffix.lower()
        with files.replacing(path) as part:
            figure.savefig(part, format=extension[1:], metadata=METADATA[extension])


def panel(draw: Callable[[Axes], object], width: float = 9, height: float = 3) -> Markup:
    """Draw one plot for a dark page, and return it as an SVG element."""
    with mpl.style.context(DARK):
        figure = Figure((width, height), layout="constrained")
        draw(figure.subplots())
        return Markup(svg(figure))


def unfolded(axes: Axes, curves: Sequence[InspectedLightCurve], *, legend: bool = True) -> None:
    """Plot magnitudes against time. Epochs that are not used are shown as crosses."""
    for band, group in _by_band(curves).items():
        colour = COLOURS.get(band, OTHER_COLOUR)
        for number, curve in enumerate(group):
            time, mag, magerr = curve.epochs
            label = (band or "unknown band") if number == 0 else None
            _points(axes, time - JD_ZERO, mag, magerr, colour, label)
            rest = ~curve.used
            axes.plot(curve.time[rest] - JD_ZERO, curve.mag[rest], "x", color="gray", ms=3, mew=0.7)
    axes.invert_yaxis()
    axes.set(xlabel=f"HJD − {JD_ZERO:.0f} (d)", ylabel="magnitude")
    if legend:
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1, 1),
            borderaxespad=0.2,
            ncols=len(COLOURS) + 1,
            fontsize=9,
            markerscale=3,
            frameon=False,
        )


def folded(axes: Axes, curves: Sequence[FoldedLightCurve], period: float) -> None:
    """Plot two cycles of folded light curves."""
    axes.set(xlabel="phase", ylabel="magnitude", xlim=(0, 2))
    if not curves:
        axes.text(0.5, 0.5, "no period", ha="center", va="center", transform=axes.transAxes)
        return
    for curve in curves:
        phase = np.concatenate([curve.phase, curve.phase + 1])
        colour = COLOURS.get(curve.band, OTHER_COLOUR)
        _points(axes, phase, np.tile(curve.mag, 2), np.tile(curve.magerr, 2), colour)
    axes.invert_yaxis()
    axes.set_title(f"P = {period:.8g} d" if np.isfinite(period) else "")


def periodogram(axes: Axes, inspection: SourceInspection, algorithm: str) -> None:
    """Plot a periodogram. Bands that are not searched are shaded, and peaks have markers."""
    found, peaks = inspection.periodograms[algorithm], inspection.peaks[algorithm]
    axes.set(xscale="log", xlabel="period (d)", ylabel=algorithm)
    if not len(found.period):
        return
    shown = np.where(found.masked, np.nan, found.value)
    axes.plot(found.period, np.where(found.masked, found.value, np.nan), color="gray", lw=0.5)
    axes.plot(found.period, shown, color="C1", lw=0.7)
    for low, high in found.masked_bands:
        axes.axvspan(low, high, color="gray", alpha=0.2, lw=0)
    axes.plot(peaks.period[:PEAKS], peaks.value[:PEAKS], "v", color="C0", ms=4, mfc="none")
    if np.isfinite(inspection.period):
        axes.axvline(inspection.period, color="C3", lw=0.8, ls=":")
    if found.minimum:
        axes.invert_yaxis()
    axes.set_xlim(found.period[0], found.period[-1])


def dmdt_image(axes: Axes, image: NDArray[np.float32], band: str) -> None:
    """Plot the dmdt image of a light curve in a band."""
    axes.imshow(np.sqrt(image), origin="lower", aspect="auto", cmap="magma")
    axes.grid(False)
    columns, rows = (1, 7, 14, 20, 26), (0, 6, 13, 20, 26)
    axes.set_xticks([c - 0.5 for c in columns], [f"{dmdt.DT[c]:.4g}" for c in columns])
    axes.set_yticks([r - 0.5 for r in rows], [f"{dmdt.DM[r]:g}" for r in rows])
    title = f"dmdt, band {band}" if band else "dmdt"
    axes.set(xlabel="Δt (d)", ylabel="Δm (mag)", title=title)


def image(draw: Callable[[Axes], object], width: float, height: float) -> str:
    """Draw one plot for a dark page, and return it as a data URL that contains a PNG image.

    In contrast to :func:`panel`, the size of the result does not depend on the number of epochs.
    """
    with mpl.style.context([DARK, {"savefig.dpi": 160}]):
        figure = Figure((width, height))
        left, bottom, right, top = MARGINS
        figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height)
        draw(figure.subplots())
        return _data_url(figure)


def _data_url(figure: Figure) -> str:
    png = io.BytesIO()
    figure.savefig(png, format="png", transparent=True)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


def thumbnail(curves: Sequence[InspectedLightCurve], phases: Sequence[FoldedLightCurve]) -> str:
    """Return small plots of light curves as a data URL that contains a PNG image.

    The upper plot shows the folded light curves, if there are any. Without light curves, the result
    is an empty string.
    """
    if not curves:
        return ""
    with mpl.style.context([DARK, THUMBNAIL]):
        figure = Figure((3.6, 2.8 if phases else 1.4))
        # The computation of a layout would take longer than the rest of the plot.
        margins = {"bottom": 0.15, "top": 0.98, "hspace": 0.5} if phases else {"bottom": 0.3}
        figure.subplots_adjust(left=0.12, right=0.95, **margins)
        axes = list(figure.subplots(2, height_ratios=(3, 2))) if phases else [figure.subplots()]
        if phases:
            folded(axes[0], phases, np.nan)
        unfolded(axes[-1], curves, legend=False)
        for one in axes:
            one.set_ylabel("")
        return _data_url(figure)


def _by_band(curves: Sequence[InspectedLightCurve]) -> dict[str, list[InspectedLightCurve]]:
    found: dict[str, list[InspectedLightCurve]] = {}
    for curve in curves:
        found.setdefault(curve.band, []).append(curve)
    return found


def _points(
    axes: Axes, x: Array, y: Array, error: Array, colour: str, label: str | None = None
) -> None:
    style = {"color": colour, "ms": 2.5, "elinewidth": 0.4, "alpha": 0.8}
    axes.errorbar(x, y, error, fmt=".", label=label, **style)  # type: ignore[arg-type]
