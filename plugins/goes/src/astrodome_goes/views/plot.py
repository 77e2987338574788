"""Plot the X-ray flux in both channels, with flare classes, flares and catalogued flares."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, files, sources
from astrodome_solar.flare_classes import DECADES
from astrodome_solar.times import parse_range, parse_time
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ..flare_detection import flares
from ..store.flux_store import Store
from ..store.sample_table import good
from ..store.timeseries import no_samples

EXTENSIONS = (".png", ".svg", ".pdf")
MAX_POINTS = 3000
"""Maximum number of points in a curve for time ranges longer than 3000 minutes.

Each point is the highest sample in an interval."""
MAX_LABELS = 12
"""Maximum number of flares that are labeled with their class. The largest flares are labeled."""
LONGEST_GAP = pd.Timedelta("5min")
"""Maximum length of a data gap across which a line is drawn."""
COLORS = {"xrsb": "#b2182b", "xrsa": "#2166ac"}
LABELS = {"xrsb": "1–8 Å (xrsb)", "xrsa": "0.5–4 Å (xrsa)"}
CATALOGUE_COLOR = "#4d9221"

Catalogue = Callable[[datetime, datetime], Sequence[Mapping[str, Any]]]
"""Function that takes two UTC times, and returns flare records with HEK field names."""


def search_catalogue(
    start: datetime, end: datetime, source: str = ""
) -> Sequence[Mapping[str, Any]]:
    """Return the flares in an event catalogue that overlap a time range.

    Parameters
    ----------
    start, end : datetime
        Start and end time (UTC).
    source : str, optional
        Name of the event catalogue, which is required only if several catalogues are installed.

    Returns
    -------
    sequence of mappings
        One record per flare, with HEK field names.

    Raises
    ------
    AstrodomeError
        If no event catalogue is installed, or if the event catalogue is empty.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> goes.plot(store, catalogue=goes.search_catalogue).save("day.png")  # doctest: +SKIP
    """
    records: Sequence[Mapping[str, Any]] = sources.get("events", source).search(start, end, ["FL"])
    return records


@dataclass
class FluxPlot:
    """A plot of the X-ray flux, and the plotted data."""

    figure: Figure = field(repr=False)
    start: datetime
    end: datetime
    samples: int
    """Number of samples in the plotted time range."""
    flares: pd.DataFrame = field(repr=False)
    """The plotted flares, in the format that :func:`astrodome_goes.flares` returns."""
    catalogue: list[dict[str, Any]]
    """The plotted catalogue flares, each with ``start``, ``end``, ``class`` and ``id``."""
    skipped: list[tuple[str, str]]
    """Tuples (identifier, reason) for the catalogue flares that were not plotted."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plot to a PNG, SVG or PDF file."""
        path = Path(path).expanduser()
        files.check_extension(path, EXTENSIONS)
        with files.replacing(path) as part:
            self.figure.savefig(part, dpi=120, format=path.suffix[1:].lower())


def plot(
    store: str | os.PathLike[str],
    start: Any = None,
    end: Any = None,
    *,
    min_class: str = "C1.0",
    catalogue: Catalogue | None = None,
) -> FluxPlot:
    """Plot the good samples in a time range, with flare classes and flares.

    Parameters
    ----------
    store : Store, str or path-like
        The store, or its folder.
    start, end : str, datetime, numpy.datetime64, pandas.Timestamp or astropy Time, optional
        Start and end time (UTC), both inclusive. If ``end`` is a date string without a time, the
        whole day is included. By default, all samples are plotted.
    min_class : str
        Minimum GOES class of the plotted flares.
    catalogue : callable, optional
        Function that takes a start and an end time and returns records of flares with HEK field
        names, for example :func:`astrodome_goes.search_catalogue`. These flares are plotted as
        bars above the curves.

    Returns
    -------
    FluxPlot
        The plot, whose attribute ``figure`` is the matplotlib figure, and the plotted data.

    Raises
    ------
    AstrodomeError
        If the store contains no samples in the time range, or if a time or ``min_class`` is
        invalid.

    Examples
    --------
    >>> import astrodome_goes as goes
    >>> plot = goes.plot(store, "2011-06-07", "2011-06-07")
    >>> plot.flares["class"].to_list()
    ['M2.5']
    >>> plot.save("day.png")
    """
    store = Store(store)
    first, last = _time_range(store, *parse_range(start, end, optional=True))
    count, satellites, curves = _read_curves(store, first, last)
    found = flares(store, first, last, min_class)
    catalogued, skipped = _read_catalogue(catalogue(first, last) if catalogue else [])
    figure = _draw(curves, found, catalogued)
    axes = figure.axes[0]
    axes.set_xlim(date2num(first), date2num(last))
    axes.set_title(
        f"GOES {', '.join(str(number or '?') for number in sorted(satellites))} X-ray flux, "
        f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}",
        loc="left",
    )
    return FluxPlot(figure, first, last, count, found, catalogued, skipped)


def _time_range(
    store: Store, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
    """Return the plotted time range. By default, it includes all stored samples."""
    if start is None:
        start = next(store.read())["timestamp"].iloc[0].to_pydatetime()
    if end is None:
        last_month = parse_time(f"{max(store.require_data())}-01")
        end = next(store.read(last_month))["timestamp"].iloc[-1].to_pydatetime()
    return start, end


def _read_curves(
    store: Store, first: datetime, last: datetime
) -> tuple[int, set[int], dict[str, pd.Series]]:
    """Return the number of samples, the satellites, and the good samples of both channels.

    Long time ranges are downsampled month by month, so that decades of data fit in memory.
    """
    step = pd.Timedelta((last - first) / MAX_POINTS)
    parts: dict[str, list[pd.Series]] = {name: [] for name in COLORS}
    count, satellites = 0, set[int]()
    for samples in store.read(first, last):
        count += len(samples)
        satellites |= set(samples["satellite"].unique().tolist())
        for name, curve in parts.items():
            flux = samples[good(samples, name)].set_index("timestamp")[name]
            curve.append(_downsample(flux, step, first))
    if not count:
        raise no_samples(store)
    return count, satellites, {name: _curve(parts[name], step, first) for name in parts}


def _curve(parts: list[pd.Series], step: pd.Timedelta, origin: datetime) -> pd.Series:
    """Concatenate the samples of all months, and insert NaN so that no line crosses a gap."""
    curve = _downsample(pd.concat(parts), step, origin)
    gaps = curve.index[curve.index.to_series().diff() > max(LONGEST_GAP, step)]
    return curve.reindex(curve.index.union(gaps - pd.Timedelta("1us")))


def _downsample(flux: pd.Series, step: pd.Timedelta, origin: datetime) -> pd.Series:
    """Return the highest sample in each interval, or all samples if the interval is short."""
    if step < pd.Timedelta("1min"):
        return flux
    return flux.resample(step, origin=pd.Timestamp(origin)).max()


def _read_catalogue(
    records: Iterable[Mapping[str, Any]],
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Return the flares in catalogue records, and (identifier, reason) for each skipped record."""
    found, skipped = [], []
    for record in records:
        name = str(record.get("kb_archivid") or record.get("SOL_standard") or "unnamed record")
        try:
            start, end = (parse_time(record.get(f"event_{key}time")) for key in ("start", "end"))
        except AstrodomeError:
            skipped.append((name, "missing or invalid start or end time"))
            continue
        flare_class = str(record.get("fl_goescls") or "")
        found.append({"start": start, "end": end, "class": flare_class, "id": name})
    return found, skipped


def _draw(
    curves: Mapping[str, pd.Series], found: pd.DataFrame, catalogued: Sequence[Mapping[str, Any]]
) -> Figure:
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    axes: Any = figure.add_subplot(yscale="log", xlabel="Time (UTC)", ylabel="Flux (W m⁻²)")
    for name, curve in curves.items():
        axes.plot(curve.index, curve, color=COLORS[name], lw=0.9, label=LABELS[name])
    for letter, flux in DECADES.items():
        place = {"transform": axes.get_yaxis_transform(), "va": "center", "weight": "bold"}
        axes.text(1.012, flux * 10**0.5, letter, **place)
    _draw_flares(axes, found)
    height = axes.get_xaxis_transform()
    for number, flare in enumerate(catalogued):
        row = 0.975 - 0.035 * (number % 3)
        label = "" if number else "catalogued flares"
        style = {"color": CATALOGUE_COLOR, "annotation_clip": True, "va": "center", "fontsize": 7}
        times = date2num([flare["start"], flare["end"]])
        axes.plot(times, [row, row], lw=4, color=CATALOGUE_COLOR, label=label, transform=height)
        axes.annotate(flare["class"], (times[1], row), (3, 0), height, "offset points", **style)
    axes.set_ylim(1e-9, max(1e-3, 2 * curves["xrsb"].max()))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color="0.85", lw=0.6)
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    figure.legend(loc="outside lower left", ncols=4, fontsize=9, frameon=False)
    return figure


def _draw_flares(axes: Any, found: pd.DataFrame) -> None:
    """Mark the peak and the duration of each flare, and label the largest flares."""
    for start, end in found[["start", "end"]].dropna().to_numpy():
        axes.axvspan(start, end, color="#fdae61", alpha=0.25, lw=0)
    height = found["flux_W_m2"] * 1.25
    label = f"flares ({len(found)})"
    axes.plot(found["peak"], height, ls="", marker="v", ms=5, color="black", label=label)
    for index, flare in found.nlargest(MAX_LABELS, "flux_W_m2").iterrows():
        place = flare["peak"], height[index]
        axes.annotate(flare["class"], place, (0, 6), textcoords="offset points", ha="center")
