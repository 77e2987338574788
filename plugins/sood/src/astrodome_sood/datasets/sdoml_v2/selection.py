"""Select the frames of a channel that match the filters of a configuration.

The filters are applied one after the other, so that an error message can name the filter after
which no frames are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, settings, sources
from astrodome.times import check_order, utc, utc_end
from astrodome_solar.channels import Channel
from numpy.typing import NDArray

from .store import Times

Rows = NDArray[np.int64]
UNIT_ALIASES = {"d": "D", "w": "W", "t": "min", "T": "min", "H": "h", "S": "s"}
"""Mapping from units that sdo-cli supports to units that new versions of pandas support."""
GOES = "goes"
"""Name of the flux source that supports the option ``goes_cache_dir``."""


@dataclass(frozen=True)
class FrameFilter:
    """Filters that select frames. A filter that is None or empty is not applied.

    The time range includes ``start`` and ``end``. ``irradiance`` is the maximum GOES 1-8 Å flux
    in W/m².
    """

    years: tuple[str, ...] = ()
    start: np.datetime64 | None = None
    end: np.datetime64 | None = None
    freq: str | None = None
    obs_times: Sequence[str] | None = None
    irradiance: float | None = None
    flux_source: str = ""
    goes_cache_dir: Path | None = None
    bad_frames: Path | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise InvalidInputError(
                f"The end date {self.end} is before the start date {self.start}.",
                "Correct the dates in data.sdo_ml_v2 in the configuration.",
            )


def select(times: Times, channel: Channel, filters: FrameFilter, name: str = "") -> Rows:
    """Return the row indices of the frames that pass all filters, sorted by time.

    ``name`` is the name of the frame array for error messages. Raises AstrodomeError if no frames
    pass one of the filters. The error message contains this filter.
    """
    rows = np.flatnonzero(~np.isnat(times))
    rows = rows[np.argsort(times[rows], kind="stable")]
    steps: list[tuple[str, Callable[[Rows], Rows]]] = [
        ("known time", lambda rows: rows),
        ("not a bad frame", lambda rows: _not_bad(rows, times, channel, filters.bad_frames)),
        (f"from {filters.start} to {filters.end}", lambda rows: _between(rows, times, filters)),
        (f"every {filters.freq}", lambda rows: _every(rows, times, filters)),
        ("obs_times", lambda rows: _at(rows, times, filters.obs_times)),
        (f"flux up to {filters.irradiance} W/m2", lambda rows: _quiet(rows, times, filters)),
    ]
    for text, keep in steps:
        before, rows = len(rows), keep(rows)
        if not len(rows):
            message = f"No frames of {name} pass the filter '{text}'"
            if not before:
                raise AstrodomeError(f"{message}.")
            first, last = (f(times).astype("datetime64[s]") for f in (np.nanmin, np.nanmax))
            raise AstrodomeError(
                f"{message}, which was applied to {before} frames.",
                f"The store contains frames from {first} to {last}.",
            )
    return rows


def parse_time(value: str | None, end: bool = False) -> np.datetime64 | None:
    """Parse a date or time in a configuration as UTC.

    If ``end`` is True, a date without a time is converted to the end of the day. Raises
    AstrodomeError if the value is invalid.
    """
    return None if value is None else np.datetime64((utc_end if end else utc)(value), "ms")


def parse_duration(text: str, key: str) -> np.timedelta64:
    """Parse a duration such as ``14d`` or ``12min``.

    Raises AstrodomeError if the value is invalid; the message contains the configuration key
    ``key``.
    """
    try:
        number, unit = text.strip()[:-1], text.strip()[-1:]
        duration = pd.Timedelta(number + UNIT_ALIASES.get(unit, unit))
    except ValueError:
        duration = pd.Timedelta(0)
    if duration < pd.Timedelta(1, "ms"):
        raise AstrodomeError(
            f"Invalid {key} '{text}': expected a duration.", "Examples: 14d, 6h, 12min."
        )
    return np.timedelta64(duration.to_timedelta64(), "ms")


def _not_bad(rows: Rows, times: Times, channel: Channel, more: Path | None) -> Rows:
    bad = np.zeros(len(rows), bool)
    for start, end in bad_intervals(channel, more):
        bad |= (times[rows] >= start) & (times[rows] <= end)
    return rows[~bad]


def bad_intervals(
    channel: Channel, more: Path | None = None
) -> list[tuple[np.datetime64, np.datetime64]]:
    """Return the time intervals (UTC, both ends included) in which a channel has bad frames.

    The intervals in the file ``more`` are added to the known intervals in the published store.
    """
    found: list[tuple[np.datetime64, np.datetime64]] = []
    for path in filter(None, (Path(__file__).with_name("bad_frames.yaml"), more)):
        for pair in settings.read_yaml(path).get(channel.name) or []:
            try:
                first, last = pair
                start, end = utc(str(first)), utc_end(str(last))
                check_order(start, end)
            except (AstrodomeError, TypeError, ValueError) as error:
                raise AstrodomeError(
                    f"Invalid interval for {channel.name} in {path}: expected [start, end] in UTC, "
                    f"got {pair}."
                ) from error
            found.append((np.datetime64(start, "ms"), np.datetime64(end, "ms")))
    return found


def _between(rows: Rows, times: Times, filters: FrameFilter) -> Rows:
    if filters.start is not None:
        rows = rows[times[rows] >= filters.start]
    if filters.end is not None:
        rows = rows[times[rows] <= filters.end]
    return rows


def _every(rows: Rows, times: Times, filters: FrameFilter) -> Rows:
    """Keep the frame nearest to each time step if it is at most half a step away."""
    if filters.freq is None or not len(rows):
        return rows
    step = parse_duration(filters.freq, "data.sdo_ml_v2.freq")
    start = filters.start
    if start is None:  # Start at the last step from midnight before the first frame.
        day = times[rows[0]].astype("datetime64[D]").astype("datetime64[ms]")
        start = day + (times[rows[0]] - day) // step * step
    steps = np.arange(start, times[rows[-1]] + step, step)
    return rows[nearest(times[rows], steps, step / 2)[0]]


def nearest(times: Times, wanted: Times, tolerance: Any) -> tuple[Rows, Rows]:
    """Match each time in ``wanted`` with the nearest time in ``times``.

    ``times`` must be sorted. For the matched pairs, return the indices in ``times`` and the indices
    in ``wanted``. Pairs with a difference above the tolerance are omitted, and each time is matched
    at most once.
    """
    after = np.searchsorted(times, wanted).clip(0, len(times) - 1)
    before = (after - 1).clip(0)
    index = np.where(abs(times[before] - wanted) <= abs(times[after] - wanted), before, after)
    close = np.flatnonzero(abs(times[index] - wanted) <= tolerance)
    chosen, first = np.unique(index[close], return_index=True)
    return chosen, close[first]


def _at(rows: Rows, times: Times, obs_times: Sequence[str] | None) -> Rows:
    """Keep the frames at ``obs_times``.

    A time without fractional seconds matches all frames in this second.
    """
    if not obs_times:
        return rows
    exact = np.array([parse_time(value) for value in obs_times if "." in value], "datetime64[ms]")
    whole = np.array(
        [parse_time(value) for value in obs_times if "." not in value], "datetime64[s]"
    )
    own = times[rows]
    return rows[np.isin(own, exact) | np.isin(own.astype("datetime64[s]"), whole)]


def _quiet(rows: Rows, times: Times, filters: FrameFilter) -> Rows:
    """Keep the frames at times for which the GOES flux is known and is at most ``irradiance``."""
    if filters.irradiance is None or not len(rows):
        return rows
    name, options = filters.flux_source, {}
    if filters.goes_cache_dir:
        name = name or GOES
        options = {"folder": filters.goes_cache_dir}
        if name != GOES:
            raise InvalidInputError(
                f"The setting goes_cache_dir cannot be used with the flux source '{name}'.",
                f"Remove goes_cache_dir, or set flux_source to {GOES}.",
            )
    flux: NDArray[np.float64] = sources.get("flux", name, **options).flux_at(times[rows])
    return rows[flux <= filters.irradiance]
