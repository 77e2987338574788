"""Plot the X-ray flux in both channels, with flare classes, flares and catalogued flares."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files, sources
from astrodome_solar.flare_classes import DECADES
from astrodome_solar.times import parse_time
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ..flare_detection import flares
from ..store.flux_store import Store
from ..store.sample_table import good
from ..store.timeseries import no_samples
from ..times import time_range

FORMATS = (".png", ".svg", ".pdf")
MAX_POINTS = 3000
"""Maximum number of points in a curve.

If there are more samples, only the highest sample in each interval is plotted.
"""
MAX_LABELS = 12
"""Maximum number of flares that are labelled with their class. The largest are labelled."""
COLORS = {"xrsb": "#b2182b", "xrsa": "#2166ac"}
LABELS = {"xrsb": "1–8 Å (xrsb)", "xrsa": "0.5–4 Å (xrsa)"}
BACKGROUNDS = ("#ffffff", "#f2f2f2")
CATALOGUE_COLOR = "#4d9221"

Catalogue = Callable[[datetime, datetime], Sequence[Mapping[str, Any]]]
"""Function that returns flare records, with HEK field names, between two UTC times."""


def search_catalogue(
    start: datetime, end: datetime, source: str = ""
) -> Sequence[Mapping[str, Any]]:
    """Return the flares between two times from the installed event catalogue.

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
    """A plot of the X-ray flux, with the plotted data."""

    figure: Figure
    start: datetime
    end: datetime
    samples: int
    """Number of samples in the plotted time range."""
    flares: pd.DataFrame
    """The plotted flares, in the format that :func:`astrodome_goes.flares` returns."""
    catalogue: list[dict[str, Any]] = field(default_factory=list)
    """The plotted catalogue flares, each with ``start``, ``end``, ``class`` and ``id``."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """The identifier of each catalogue flare that was not plotted, and the reason."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plot to a PNG, SVG or PDF file."""
        path = Path(path).expanduser()
        check_format(path)
        with files.replacing(path) as part:
            self.figure.savefig(part, dpi=120, format=path.suffix[1:].lower())


def check_format(path: Path) -> None:
    """Raise AstrodomeError if the file extension is not supported."""
    if path.suffix.lower() not in FORMATS:
        raise AstrodomeError(
            f"Unsupported file extension in '{path.name}'.",
            f"Use one of {', '.join(FORMATS)}.",
            exit_code=2,
        )


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
        The matplotlib ``figure``, and the plotted data.

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
    first, last = _time_range(store, *time_range(start, end))
    data = _read_curves(store, first, last)
    found = flares(store, first, last, min_class)
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    axes = figure.add_subplot()
    _draw_classes(axes)
    for name, curve in data.curves.items():
        axes.plot(curve.index, curve, color=COLORS[name], lw=0.9, label=LABELS[name], zorder=3)
    _draw_flares(axes, found)
    drawn = FluxPlot(figure, first.astype(datetime), last.astype(datetime), data.samples, found)
    if catalogue:
        _draw_catalogue(axes, catalogue(drawn.start, drawn.end), drawn)
    _draw_frame(axes, data, first, last)
    return drawn


@dataclass
class _Curves:
    curves: dict[str, pd.Series]
    samples: int
    satellites: list[int]
    interval: pd.Timedelta | None
    """Interval in which only the highest sample is plotted, or None if all samples are plotted."""


def _time_range(
    store: Store, start: np.datetime64 | None, end: np.datetime64 | None
) -> tuple[np.datetime64, np.datetime64]:
    """Return the plotted time range. Missing limits are set to the first or last stored sample."""
    if start is None:
        start = next(store.read())["timestamp"].iloc[0].to_datetime64()
    if end is None:
        last_month = np.datetime64(max(store.require_data()), "us")
        end = next(store.read(last_month))["timestamp"].iloc[-1].to_datetime64()
    return start, end


def _read_curves(store: Store, first: np.datetime64, last: np.datetime64) -> _Curves:
    """Read the good samples month by month.

    Long time ranges are downsampled, so that decades of data fit in memory.
    """
    step = pd.Timedelta(max((last - first) // MAX_POINTS, np.timedelta64(1, "us")))
    parts: dict[str, list[pd.Series]] = {"xrsa": [], "xrsb": []}
    count = usable = 0
    satellites: set[int] = set()
    for samples in store.read(first, last):
        count += len(samples)
        satellites |= set(samples["satellite"].unique().tolist())
        for name, curve in parts.items():
            flux = samples[good(samples, name)].set_index("timestamp")[name]
            usable += len(flux)
            if len(flux):
                curve.append(flux[flux.groupby((flux.index - first) // step).idxmax()])
    if not count:
        raise no_samples(store)
    curves = {name: pd.concat(curve) for name, curve in parts.items() if curve}
    reduced = sum(map(len, curves.values())) < usable
    longest = max(pd.Timedelta("5min"), 3 * step if reduced else pd.Timedelta(0))
    curves = {name: _interrupt(curve, longest) for name, curve in curves.items()}
    return _Curves(curves, count, sorted(satellites), step if reduced else None)


def _interrupt(curve: pd.Series, longest: pd.Timedelta) -> pd.Series:
    """Insert NaN into each gap longer than ``longest``, so that no line is drawn across it."""
    after_gap = curve.index[curve.index.to_series().diff() > longest]
    breaks = pd.Series(np.nan, after_gap - pd.Timedelta("1us"), dtype=curve.dtype)
    return pd.concat([curve, breaks]).sort_index() if len(breaks) else curve


def _draw_classes(axes: Axes) -> None:
    for number, (letter, flux) in enumerate(DECADES.items()):
        axes.axhspan(flux, flux * 10, color=BACKGROUNDS[number % 2], lw=0, zorder=0)
        axes.text(
            1.012,
            flux * 10**0.5,
            letter,
            transform=axes.get_yaxis_transform(),
            ha="left",
            va="center",
            fontweight="bold",
            color="0.35",
        )


def _draw_flares(axes: Axes, found: pd.DataFrame) -> None:
    if found.empty:
        return
    label = f"flares ({len(found)})"
    marks = found["flux_W_m2"] * 1.25
    axes.plot(found["peak"], marks, ls="", marker="v", ms=5, color="black", label=label, zorder=5)
    for flare in _labelled(found).itertuples():
        axes.annotate(
            found["class"][flare.Index],
            (mdates.date2num(flare.peak), flare.flux_W_m2 * 1.25),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            zorder=6,
        )
    for start, end in found[["start", "end"]].dropna().to_numpy():
        span = mdates.date2num([start, end])
        axes.axvspan(*span, color="#fdae61", alpha=0.25, lw=0, zorder=1)


def _labelled(found: pd.DataFrame) -> pd.DataFrame:
    """Return the largest flares, except flares whose label would overlap a larger flare's label."""
    width = (found["peak"].iloc[-1] - found["peak"].iloc[0]) * 0.03
    chosen: list[Any] = []
    for label, peak in found.sort_values("flux_W_m2", ascending=False)["peak"].items():
        if all(abs(peak - found["peak"][other]) >= width for other in chosen):
            chosen.append(label)
    return found.loc[chosen[:MAX_LABELS]]


def _draw_catalogue(axes: Axes, records: Sequence[Mapping[str, Any]], drawn: FluxPlot) -> None:
    """Draw a bar from the start to the end of each catalogue flare, and label it with its class."""
    height = axes.get_xaxis_transform()
    for record in records:
        name = str(record.get("kb_archivid") or record.get("SOL_standard") or "unnamed record")
        try:
            start, end = (
                parse_time(str(record[key])) for key in ("event_starttime", "event_endtime")
            )
        except (KeyError, AstrodomeError):
            drawn.skipped.append((name, "missing or invalid start or end time"))
            continue
        flare_class = str(record.get("fl_goescls") or "")
        row = 0.975 - 0.035 * (len(drawn.catalogue) % 3)
        label = "" if drawn.catalogue else "catalogued flares"
        span = mdates.date2num([start, end])
        axes.plot(span, [row, row], transform=height, color=CATALOGUE_COLOR, lw=4, label=label)
        axes.annotate(
            flare_class,
            (span[1], row),
            xycoords=height,
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=CATALOGUE_COLOR,
            annotation_clip=True,
        )
        drawn.catalogue.append({"start": start, "end": end, "class": flare_class, "id": name})


def _draw_frame(axes: Axes, data: _Curves, first: np.datetime64, last: np.datetime64) -> None:
    axes.set_yscale("log")
    highest = data.curves["xrsb"].max() if "xrsb" in data.curves else 0
    axes.set_ylim(1e-9, 1e-2 if highest > 5e-4 else 1e-3)
    margin = max((last - first) // 200, np.timedelta64(1, "s"))
    axes.set_xlim(mdates.date2num(first - margin), mdates.date2num(last + margin))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color="0.85", lw=0.6, zorder=1)
    locator = mdates.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    axes.set_xlabel("Time (UTC)")
    axes.set_ylabel("Flux (W m⁻²)")
    satellites = ", ".join(str(number or "?") for number in data.satellites)
    span = f"{pd.Timestamp(first):%Y-%m-%d %H:%M} to {pd.Timestamp(last):%Y-%m-%d %H:%M}"
    axes.set_title(f"GOES {satellites} X-ray flux, {span}", loc="left")
    if data.interval is not None:
        shown = _duration(data.interval.total_seconds())
        axes.set_title(f"highest sample of every {shown}", loc="right", fontsize=9)
    axes.figure.legend(loc="outside lower left", ncols=4, fontsize=9, frameon=False)


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
