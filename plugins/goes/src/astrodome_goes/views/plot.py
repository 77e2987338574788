"""A picture of the X-ray flux: both channels, flare classes, flares, catalogued events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, files, sources, times
from astrodome_solar.flare_classes import DECADES
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from .. import flares as search
from ..flares import Flare
from ..store.flux_store import Store
from ..store.samples import Times, starts

FORMATS = (".png", ".svg", ".pdf")
POINTS = 3000
"""Most points of a line; of more samples the highest of each interval is drawn."""
LABELS = 12
"""Most flares with their class written at them, the largest."""
COLOURS = {"xrsb": "#b2182b", "xrsa": "#2166ac"}
NAMES = {"xrsb": "1–8 Å (xrsb)", "xrsa": "0.5–4 Å (xrsa)"}
SHADES = ("#ffffff", "#f2f2f2")
CATALOGUED = "#4d9221"

Catalogue = Callable[[datetime, datetime], Sequence[Mapping[str, Any]]]
"""Gives the records of the flares between two UTC times, with the names of HEK's fields."""


def catalogued(start: datetime, end: datetime, source: str = "") -> Sequence[Mapping[str, Any]]:
    """Return flares from a source of kind ``events``, see :func:`astrodome.sources.get`.

    Raises AstrodomeError if no such source is installed, or if its store is empty.
    """
    records: Sequence[Mapping[str, Any]] = sources.get("events", source).search(start, end, ["FL"])
    return records


def plot(
    store: Store,
    path: Path,
    start: np.datetime64 | None = None,
    end: np.datetime64 | None = None,
    *,
    least: float = 1e-6,
    events: Catalogue | None = None,
) -> dict[str, Any]:
    """Draw the good samples in start <= time <= end (UTC, datetime64[us]) into a file.

    Marks the flares whose peak reaches ``least`` (W/m2) and, above the curve, the flares of a
    catalogue. Returns what was drawn as plain values. Raises AstrodomeError when there
    are no data, or the file's ending is none of ``FORMATS``.
    """
    if path.suffix.lower() not in FORMATS:
        raise AstrodomeError(
            f"'{path.name}' does not say which kind of picture.",
            f"End the name in {' or '.join(FORMATS)}.",
            exit_code=2,
        )
    first, last = _span(store, start, end)
    drawn = _reduced(store, first, last)
    found = [flare for flare in search.flares(store, first, last) if flare.flux >= least]
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    axes = figure.add_subplot()
    _classes(axes)
    for name, (moments, flux) in drawn.curves.items():
        axes.plot(moments, flux, color=COLOURS[name], lw=0.9, label=NAMES[name], zorder=3)
    _flares(axes, found)
    records, left_out = _events(axes, events, first, last) if events else ([], [])
    _frame(axes, drawn, first, last)
    with files.replacing(path) as part:
        figure.savefig(part, dpi=120, format=path.suffix[1:].lower())
    return {
        "file": str(path),
        "start": first.item(),
        "end": last.item(),
        "samples": drawn.samples,
        "flares": [{"peak": f"{f.peak}:00", "class": f.flare_class} for f in found],
        "catalogue": records,
        "left_out": left_out,
    }


@dataclass
class Drawn:
    """What becomes lines: curves by channel, and what they come from."""

    curves: dict[str, tuple[Times, NDArray[np.float64]]]
    samples: int
    satellites: list[int]
    highest: float
    """1-8 angstrom flux (W/m2)."""
    interval: float
    """Seconds of an interval of which only the highest sample is drawn; 0 when all are."""


def _span(
    store: Store, start: np.datetime64 | None, end: np.datetime64 | None
) -> tuple[np.datetime64, np.datetime64]:
    """The times to draw; where they are not given, those of the first and last sample."""
    months = list(store.filled())
    if start is None:
        start = next(store.read(months[:1]))["timestamp"][0]
    if end is None:
        end = next(store.read(months[-1:]))["timestamp"][-1]
    return start, end


def _reduced(store: Store, first: np.datetime64, last: np.datetime64) -> Drawn:
    """The good samples month by month, of each interval the highest, so that decades fit too."""
    step = max(float((last - first) / np.timedelta64(1, "s")) / POINTS, 1e-6)
    parts: dict[str, list[tuple[Times, NDArray[np.float64]]]] = {"xrsa": [], "xrsb": []}
    count = usable = kept = 0
    highest, satellites = 0.0, set()
    for samples in store.within(first, last):
        count += len(samples)
        satellites |= set(np.unique(samples["satellite"]).tolist())
        for name, curve in parts.items():
            fit = samples[(samples[f"{name}_quality"] <= 0) & (samples[name] > 0)]
            if len(fit):
                curve.append(_highest(fit["timestamp"], fit[name].astype(np.float64), first, step))
                usable, kept = usable + len(fit), kept + len(curve[-1][0])
        if parts["xrsb"]:
            highest = max(highest, float(parts["xrsb"][-1][1].max()))
    if not count:
        raise AstrodomeError(
            f"There are no GOES data between these times in {store.folder}.",
            "sdo goes info shows what there is.",
        )
    interval = step if kept < usable else 0.0
    curves = {name: _broken(curve, interval) for name, curve in parts.items() if curve}
    return Drawn(curves, count, sorted(satellites), highest, interval)


def _classes(axes: Axes) -> None:
    for number, (letter, flux) in enumerate(DECADES.items()):
        axes.axhspan(flux, flux * 10, color=SHADES[number % 2], lw=0, zorder=0)
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


def _highest(
    moments: Times, flux: NDArray[np.float64], origin: np.datetime64, step: float
) -> tuple[Times, NDArray[np.float64]]:
    """The highest flux of each interval of ``step`` seconds, at its own time."""
    interval = ((moments - origin) / np.timedelta64(1, "s") // step).astype(np.int64)
    first = starts(interval)
    highest = np.maximum.reduceat(flux, first)
    order = np.flatnonzero(flux == np.repeat(highest, np.diff(np.r_[first, len(flux)])))
    chosen = order[starts(interval[order])]
    return moments[chosen], flux[chosen]


def _broken(
    parts: list[tuple[Times, NDArray[np.float64]]], step: float
) -> tuple[Times, NDArray[np.float64]]:
    """One curve with a break in each gap of over 5 minutes and 3 steps: no line bridges it."""
    moments, flux = (np.concatenate(column) for column in zip(*parts, strict=True))
    seconds = np.diff(moments) / np.timedelta64(1, "s")
    gaps = np.flatnonzero(seconds > max(300.0, 3 * step)) + 1
    return np.insert(moments, gaps, moments[gaps - 1]), np.insert(flux, gaps, np.nan)


def _flares(axes: Axes, found: list[Flare]) -> None:
    if not found:
        return
    peaks = [flare.peak for flare in found]
    axes.plot(
        np.array(peaks, "M8[us]"),
        [flare.flux * 1.25 for flare in found],
        ls="",
        marker="v",
        ms=5,
        color="black",
        label=f"flares ({len(found)})",
        zorder=5,
    )
    for flare in _labelled(found):
        axes.annotate(
            flare.flare_class,
            (mdates.date2num(flare.peak.astype("M8[us]")), flare.flux * 1.25),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            zorder=6,
        )
    for flare in found:
        if flare.end is not None:
            axes.axvspan(
                mdates.date2num(flare.start.astype("M8[us]")),
                mdates.date2num(flare.end.astype("M8[us]")),
                color="#fdae61",
                alpha=0.25,
                lw=0,
                zorder=1,
            )


def _labelled(found: list[Flare]) -> list[Flare]:
    """The largest flares, without those so near to a larger one that their labels would meet."""
    width = (found[-1].peak - found[0].peak) * 0.03
    chosen: list[Flare] = []
    for flare in sorted(found, key=lambda flare: -flare.flux):
        if all(abs(flare.peak - other.peak) >= width for other in chosen):
            chosen.append(flare)
    return chosen[:LABELS]


def _events(
    axes: Axes, events: Catalogue, first: np.datetime64, last: np.datetime64
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Draw a bar from start to end of each record, and its class; what has no times is named."""
    drawn: list[dict[str, Any]] = []
    left_out: list[tuple[str, str]] = []
    height = axes.get_xaxis_transform()
    for record in events(first.astype(datetime), last.astype(datetime)):
        name = str(record.get("kb_archivid") or record.get("SOL_standard") or "a record")
        try:
            start, end = (
                times.utc(str(record[key])) for key in ("event_starttime", "event_endtime")
            )
        except (KeyError, AstrodomeError):
            left_out.append((name, "it has no times of start and end"))
            continue
        shown = str(record.get("fl_goescls") or "")
        row = 0.975 - 0.035 * (len(drawn) % 3)
        label = "catalogued flares" if not drawn else None
        axes.plot(
            np.array([start, end], "M8[us]"),
            [row, row],
            transform=height,
            color=CATALOGUED,
            lw=4,
            label=label,
            zorder=4,
        )
        axes.annotate(
            shown,
            (mdates.date2num(end), row),
            xycoords=height,
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=CATALOGUED,
            annotation_clip=True,
        )
        drawn.append({"start": start, "end": end, "class": shown, "id": name})
    return drawn, left_out


def _frame(axes: Axes, drawn: Drawn, first: np.datetime64, last: np.datetime64) -> None:
    axes.set_yscale("log")
    axes.set_ylim(1e-9, 1e-2 if drawn.highest > 5e-4 else 1e-3)
    margin = max((last - first) // 200, np.timedelta64(1, "s"))
    axes.set_xlim(mdates.date2num(first - margin), mdates.date2num(last + margin))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color="0.85", lw=0.6, zorder=1)
    locator = mdates.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    axes.set_xlabel("Time (UTC)")
    axes.set_ylabel("Flux (W m⁻²)")
    satellites = ", ".join(str(number or "?") for number in drawn.satellites)
    span = f"{str(first)[:16].replace('T', ' ')} to {str(last)[:16].replace('T', ' ')}"
    axes.set_title(f"GOES {satellites} X-ray flux, {span}", loc="left")
    if drawn.interval:
        axes.set_title(f"highest of every {_duration(drawn.interval)}", loc="right", fontsize=9)
    axes.figure.legend(loc="outside lower left", ncols=4, fontsize=9, frameon=False)


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
