"""Read SDO ML v2 stores, which have one group per year and one array per channel.

A store in zarr format 2 or 3 can be in a folder or at a URL that fsspec can read.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import zarr
from astrodome import AstrodomeError
from astrodome_solar.channels import Channel, find_channel
from astropy.time import Time
from numpy.typing import NDArray

T_OBS = "T_OBS"
Times = NDArray[np.datetime64]


@dataclass
class ChannelFrames:
    """Frames for one channel and one year, in the order in which they are stored.

    ``array`` has the shape (N, H, W) and contains intensities in DN/s (AIA) or gauss (HMI).
    """

    year: str
    channel: Channel
    array: zarr.Array[Any]
    name: str

    def __len__(self) -> int:
        return int(self.array.shape[0])

    @property
    def chunk(self) -> int:
        """Number of frames in each chunk."""
        return int(self.array.chunks[0])

    @property
    def chunk_bytes(self) -> int:
        """Size of a decoded chunk in bytes."""
        return self.chunk * int(np.prod(self.array.shape[1:])) * self.array.dtype.itemsize

    @cached_property
    def times(self) -> Times:
        """Frame times in UTC, as an array with shape (N,). Unknown times are NaT.

        Raises AstrodomeError if no valid times are stored.
        """
        values = self.array.attrs.get(T_OBS)
        if not isinstance(values, list):
            raise AstrodomeError(f"{self.name} has no attribute {T_OBS} with the frame times.")
        if len(values) != len(self):
            raise AstrodomeError(
                f"{self.name} has {len(self)} frames but {len(values)} values of {T_OBS}."
            )
        return parse_times(values, self.name)

    def attributes(self, row: int) -> dict[str, Any]:
        """Return the attributes of a frame, which are FITS keywords."""
        return {
            name: values[row]
            for name, values in self._attributes.items()
            if isinstance(values, list) and len(values) == len(self)
        }

    @cached_property
    def _attributes(self) -> dict[str, Any]:
        return dict(self.array.attrs)

    def read_chunk(self, chunk: int) -> NDArray[np.float32]:
        """Read the frames in a chunk as a float32 array with shape (n, H, W).

        Raises AstrodomeError if the chunk cannot be read.
        """
        start, stop = chunk * self.chunk, min((chunk + 1) * self.chunk, len(self))
        try:
            return np.asarray(self.array[start:stop], dtype=np.float32)
        except Exception as error:  # Codecs and file systems raise exceptions of many types.
            why = " ".join(str(error).split()) or type(error).__name__
            raise AstrodomeError(
                f"Frames {start} to {stop - 1} of {self.name} cannot be read: {why}"
            ) from error


def parse_times(values: Sequence[Any], name: str = "") -> Times:
    """Convert values of the T_OBS attribute to UTC.

    AIA times are in ISO 8601 format and UTC, and HMI times have the format
    ``2010.05.01_00:12:04_TAI``. None and invalid values are converted to NaT. Raises AstrodomeError
    if all values are invalid.
    """
    texts = pd.Series(["" if value is None else str(value).strip() for value in values], dtype=str)
    is_tai = texts.str.endswith("_TAI")
    iso = texts.str.replace(r"^(\d{4})\.(\d\d)\.(\d\d)_(.*)_TAI$", r"\1-\2-\3T\4", regex=True)
    parsed = pd.to_datetime(iso, format="ISO8601", errors="coerce", utc=True)
    found = np.array(parsed.dt.tz_localize(None), "datetime64[ms]")
    tai = np.flatnonzero(is_tai & ~np.isnat(found))
    if len(tai):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dates after the last known leap second.
            utc = Time(found[tai].astype("datetime64[ns]"), format="datetime64", scale="tai").utc
        # numpy does not support leap seconds.
        isot = np.char.replace(np.asarray(utc.isot, dtype=str), ":60.", ":59.")
        found[tai] = isot.astype("datetime64[ms]")
    if len(found) and np.isnat(found).all():
        raise AstrodomeError(
            f"{name} contains no valid {T_OBS}: the first value is '{texts[0]}'.",
            "Expected ISO 8601 times (UTC), or times such as 2010.05.01_00:12:04_TAI.",
        )
    return found


class FrameStore:
    """SDO ML v2 store that is opened for reading."""

    def __init__(self, location: str) -> None:
        """Open the store in a folder or at a URL such as ``gs://…`` or ``s3://…``.

        Raises AstrodomeError if the store does not exist.
        """
        self.location = location.rstrip("/")
        self._root = _open_group(self.location)

    @cached_property
    def years(self) -> list[str]:
        """Names of the groups, one for each year."""
        return sorted(name for name, _ in self._root.groups())

    def channel_names(self, year: str) -> list[str]:
        """Return the names of the channels in a year."""
        return sorted(name for name, _ in self._root[year].arrays())  # type: ignore[union-attr]

    def frames(self, year: str, channel: Channel) -> ChannelFrames | None:
        """Return the frames of a channel in a year, or None if the channel does not exist."""
        group: Any = self._root[year]
        if channel.name not in group:
            return None
        name = f"{self.location}/{year}/{channel.name}"
        array = group[channel.name]
        if array.ndim != 3:
            raise AstrodomeError(
                f"Invalid array {name}: expected 3 dimensions (N, H, W), got {array.ndim}."
            )
        return ChannelFrames(year, channel, array, name)

    def all_frames(self, channel: Channel, years: Sequence[str] = ()) -> list[ChannelFrames]:
        """Return the frames of a channel, with one item per year.

        Raises AstrodomeError if one of ``years`` does not exist, or if no frames are found.
        """
        for year in years:
            if year not in self.years:
                raise AstrodomeError(
                    f"The year {year} does not exist in {self.location}.",
                    f"Available years: {', '.join(self.years) or 'none'}.",
                )
        chosen = list(years or self.years)
        found = [each for year in chosen if (each := self.frames(year, channel))]
        if not found:
            known = sorted({name for year in chosen for name in self.channel_names(year)})
            raise AstrodomeError(
                f"The channel {channel.name} does not exist in {self.location} "
                f"(years: {', '.join(chosen) or 'none'}).",
                f"Available channels: {', '.join(known) or 'none'}.",
            )
        return found

    def inventory(self) -> list[dict[str, Any]]:
        """Return one record per array.

        A record contains the number of frames, the first and last time, the cadence and the longest
        gap in seconds, the frame size, the chunk size, and a description of problems. Raises
        AstrodomeError if the store contains no frames.
        """
        rows = [
            self._record(year, name) for year in self.years for name in self.channel_names(year)
        ]
        if not rows:
            raise AstrodomeError(
                f"{self.location} contains no frames.",
                "Expected one group per year with one array per channel.",
            )
        return rows

    def _record(self, year: str, name: str) -> dict[str, Any]:
        keys = ("frames", "first", "last", "cadence", "longest_gap", "side", "chunk")
        row = {"year": year, "channel": name} | dict.fromkeys(keys) | {"problem": ""}
        try:
            frames = self.frames(year, find_channel(name))
            if frames is None:
                return row | {"problem": f"'{name}' is not the exact name of a channel."}
            size = {"side": int(frames.array.shape[1]), "chunk": frames.chunk}
            row |= {"frames": len(frames), **size}
            return row | _time_summary(frames.times)
        except AstrodomeError as error:
            return row | {"problem": error.message}


def _time_summary(times: Times) -> dict[str, Any]:
    """Return the first and the last time, and the cadence and the longest gap in seconds."""
    known = np.sort(times[~np.isnat(times)]).astype("datetime64[s]")
    if not len(known):
        return {}
    row: dict[str, Any] = {"first": f"{known[0]}Z", "last": f"{known[-1]}Z"}
    if missing := len(times) - len(known):
        row["problem"] = f"{missing} frames without a time"
    steps = np.diff(known).astype("int64")
    if len(steps):
        row |= {"cadence": float(np.median(steps)), "longest_gap": int(steps.max())}
    return row


def _open_group(location: str) -> zarr.Group:
    try:
        if "://" in location:
            store: Any = zarr.storage.FsspecStore.from_url(location, read_only=True)
        else:
            store = zarr.storage.LocalStore(location, read_only=True)
        return zarr.open_group(store, mode="r")
    except ImportError as error:
        raise AstrodomeError(
            f"Cannot open {location}: a required library is not installed ({error}).",
            "pip install 'astrodome-sood[gcs]'" if location.startswith("gs:") else "",
        ) from error
    except Exception as error:  # zarr, file systems and networks raise exceptions of many types.
        why = " ".join(str(error).split()) or type(error).__name__
        raise AstrodomeError(
            f"SDO ML v2 store not found at {location}: {why}",
            "Pass the folder or URL of a zarr store with one group per year (2010/171A, …).",
        ) from error
