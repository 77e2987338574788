"""Which frames of a recording a configuration asks for.

Every filter tells how many frames it left, so that an empty selection says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, settings, sources
from astrodome.times import utc, utc_end
from numpy.typing import NDArray

from ..channels import Channel
from .archive import Times

Rows = NDArray[np.int64]
UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "min": 60, "t": 60, "s": 1}
"""Seconds of the units of time, by pandas' names of them."""
GOES = "goes"
"""Source of kind ``flux`` that reads the store in ``goes_cache_dir``."""
LENGTH = re.compile(
    rf"\s*(?P<number>\d+(\.\d*)?)\s*(?P<unit>{'|'.join(sorted(UNITS, key=len, reverse=True))})\s*",
    re.I,
)


@dataclass(frozen=True)
class Wanted:
    """The filters of a configuration; None or empty where it does not ask for one.

    ``start`` and ``end`` are included; ``irradiance`` is the largest 1-8 angstrom flux in W/m2.
    """

    years: tuple[str, ...] = ()
    start: np.datetime64 | None = None
    end: np.datetime64 | None = None
    freq: str | None = None
    obs_times: tuple[str, ...] = ()
    irradiance: float | None = None
    flux_source: str = ""
    goes_cache_dir: Path | None = None
    bad_frames: Path | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise AstrodomeError(
                f"The end date {self.end} is before the start date {self.start}.",
                "Correct data.sdo_ml_v2 in the configuration.",
                exit_code=2,
            )


def select(times: Times, channel: Channel, wanted: Wanted, name: str = "") -> Rows:
    """Rows of the frames that pass all filters, in the order of time.

    Raises AstrodomeError that says which filter left none.
    """
    rows = np.flatnonzero(~np.isnat(times))
    rows = rows[np.argsort(times[rows], kind="stable")]
    steps: list[tuple[str, Callable[[Rows], Rows]]] = [
        ("a known time", lambda rows: rows),
        ("none known to be bad", lambda rows: _good(rows, times, channel, wanted.bad_frames)),
        (f"between {wanted.start} and {wanted.end}", lambda rows: _between(rows, times, wanted)),
        (f"every {wanted.freq}", lambda rows: _every(rows, times, wanted)),
        ("at the given obs_times", lambda rows: _at(rows, times, wanted.obs_times)),
        (f"flux up to {wanted.irradiance} W/m2", lambda rows: _quiet(rows, times, wanted)),
    ]
    for what, keep in steps:
        before, rows = len(rows), keep(rows)
        if not len(rows):
            raise AstrodomeError(
                f"No frame of {name} is left by the filter '{what}'"
                + (f", of {before} that came to it." if before else "."),
                "Its frames are of "
                f"{np.nanmin(times).astype('datetime64[s]')} to "
                f"{np.nanmax(times).astype('datetime64[s]')}."
                if before
                else "",
            )
    return rows


def time(value: str | None, end: bool = False) -> np.datetime64 | None:
    """A date or time of a configuration as UTC; as an end, a date means all of its day.

    Raises AstrodomeError when it is none.
    """
    if value is None:
        return None
    return np.datetime64((utc_end if end else utc)(value), "ms")


def duration(text: str, key: str) -> np.timedelta64:
    """A length of time such as ``14d`` or ``12min``; AstrodomeError names ``key``."""
    match = LENGTH.fullmatch(text)
    if match is None or not float(match["number"]):
        raise AstrodomeError(
            f"{key}: '{text}' is no length of time.", "Write for example 14d, 6h or 12min."
        )
    unit = UNITS[match["unit"].lower()]
    return np.timedelta64(round(float(match["number"]) * unit * 1000), "ms")


def _good(rows: Rows, times: Times, channel: Channel, more: Path | None) -> Rows:
    bad = np.zeros(len(rows), bool)
    for start, end in bad_intervals(channel, more):
        bad |= (times[rows] >= start) & (times[rows] <= end)
    return rows[~bad]


def bad_intervals(
    channel: Channel, more: Path | None = None
) -> list[tuple[np.datetime64, np.datetime64]]:
    """Intervals (UTC, ends included) of a channel's frames that are no good.

    Those known of the published store, and those of the file ``more``.
    """
    with resources.as_file(resources.files(__package__) / "bad_frames.yaml") as own:
        files = [own, *([more] if more else [])]
        layers = [(path, settings.read_yaml(path)) for path in files]
    found = []
    for path, layer in layers:
        for pair in layer.get(channel.name) or []:
            try:
                first, last = pair
                start, end = time(str(first)), time(str(last), end=True)
            except (AstrodomeError, TypeError, ValueError) as error:
                raise AstrodomeError(
                    f"{path}: {channel.name}: expected [from, to] in UTC, not {pair}."
                ) from error
            if end < start:  # type: ignore[operator]
                raise AstrodomeError(f"{path}: {channel.name}: {first} is after {last}.")
            found.append((start, end))
    return found  # type: ignore[return-value]


def _between(rows: Rows, times: Times, wanted: Wanted) -> Rows:
    if wanted.start is not None:
        rows = rows[times[rows] >= wanted.start]
    if wanted.end is not None:
        rows = rows[times[rows] <= wanted.end]
    return rows


def _every(rows: Rows, times: Times, wanted: Wanted) -> Rows:
    """The frame next to each step of the raster, if it is within half a step; each once."""
    if wanted.freq is None or not len(rows):
        return rows
    step = duration(wanted.freq, "data.sdo_ml_v2.freq")
    start = wanted.start if wanted.start is not None else _floor(times[rows[0]], step)
    raster = np.arange(start, times[rows[-1]] + step, step)
    return rows[nearest(times[rows], raster, step / 2)[0]]


def nearest(times: Times, raster: Times, within: Any) -> tuple[Rows, Rows]:
    """For the points of ``raster`` that have a time within reach: the index of the nearest one.

    ``times`` ascend. Gives those indices, each once, and the indices of the points they are for.
    """
    after = np.searchsorted(times, raster).clip(0, len(times) - 1)
    before = (after - 1).clip(0)
    index = np.where(abs(times[before] - raster) <= abs(times[after] - raster), before, after)
    close = np.flatnonzero(abs(times[index] - raster) <= within)
    chosen, first = np.unique(index[close], return_index=True)
    return chosen, close[first]


def _floor(moment: np.datetime64, step: np.timedelta64) -> np.datetime64:
    day = moment.astype("datetime64[D]").astype("datetime64[ms]")
    floored: np.datetime64 = day + (moment - day) // step * step
    return floored


def _at(rows: Rows, times: Times, obs_times: Sequence[str]) -> Rows:
    """The frames of these times; a time without a fraction means any within its second."""
    if not obs_times:
        return rows
    exact = np.array([time(value) for value in obs_times if "." in value], "datetime64[ms]")
    whole = np.array([time(value) for value in obs_times if "." not in value], "datetime64[s]")
    own = times[rows]
    return rows[np.isin(own, exact) | np.isin(own.astype("datetime64[s]"), whole)]


def _quiet(rows: Rows, times: Times, wanted: Wanted) -> Rows:
    """Frames whose flux is known and not above the limit, by the source of kind ``flux``."""
    if wanted.irradiance is None or not len(rows):
        return rows
    name, options = wanted.flux_source, {}
    if wanted.goes_cache_dir:
        name = name or GOES
        options = {"folder": wanted.goes_cache_dir}
        if name != GOES:
            raise AstrodomeError(
                f"The setting goes_cache_dir cannot be used with the flux source '{name}'.",
                f"Remove goes_cache_dir, or set flux_source to {GOES}.",
                exit_code=2,
            )
    flux: NDArray[np.float64] = sources.get("flux", name, **options).flux_at(times[rows])
    return rows[flux <= wanted.irradiance]
