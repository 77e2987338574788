"""A store of SDO ML v2 as it lies: years, channels, the times and attributes of their frames.

On disk or on whatever fsspec reads; zarr formats 2 and 3, sharded or not.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import zarr
from astrodome import AstrodomeError
from astropy.time import Time
from numpy.typing import NDArray

from ..channels import Channel

TIMES = "T_OBS"
Times = NDArray[np.datetime64]


@dataclass
class Recording:
    """The frames of one channel in one year, in the order of the store.

    ``array`` has the shape (N, H, W) in DN/s or gauss; ``times`` (N,) are UTC, NaT where none is
    known. ``dropped`` names the attributes that have not N values, with how many they have.
    """

    year: str
    channel: Channel
    array: zarr.Array[Any]
    name: str
    dropped: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.array.shape[0])

    @property
    def chunk(self) -> int:
        """Frames that the store keeps together."""
        return int(self.array.chunks[0])

    @cached_property
    def attributes(self) -> dict[str, list[Any]]:
        """The attributes that say something of each frame."""
        kept = {}
        for key, values in dict(self.array.attrs).items():
            if not isinstance(values, list):
                continue
            if len(values) == len(self):
                kept[key] = values
            else:
                self.dropped[key] = len(values)
        return kept

    @cached_property
    def times(self) -> Times:
        """When the frames were taken; raises AstrodomeError when the store does not say it."""
        if TIMES in self.attributes:
            return parse_times(self.attributes[TIMES], self.name)
        if TIMES in self.dropped:
            raise AstrodomeError(
                f"{self.name} has {len(self)} frames but {self.dropped[TIMES]} values of {TIMES}: "
                "which is whose is unknown."
            )
        raise AstrodomeError(f"{self.name} has no {TIMES}: the times of its frames are unknown.")

    def pixels(self, start: int, stop: int) -> NDArray[np.float32]:
        """Frames start..stop as they are stored, float32 (n, H, W).

        Raises AstrodomeError that names the frames when they cannot be read.
        """
        try:
            return np.asarray(self.array[start:stop], dtype=np.float32)
        except Exception as error:  # a codec's own kind
            why = " ".join(str(error).split()) or type(error).__name__
            raise AstrodomeError(
                f"Frames {start} to {stop - 1} of {self.name} cannot be read: {why}"
            ) from error


def parse_times(values: Sequence[Any], name: str = "") -> Times:
    """T_OBS of AIA (ISO 8601, UTC) and of HMI (``2010.05.01_00:12:04_TAI``) as UTC.

    None and what is no time become NaT. TAI is ahead of UTC by the leap seconds.
    """
    texts = np.array(["" if value is None else str(value).strip() for value in values], dtype=str)
    found = np.full(len(texts), np.datetime64("NaT"), "datetime64[ms]")
    atomic = np.char.endswith(texts, "_TAI")
    for number in np.flatnonzero(~atomic):
        try:
            found[number] = np.datetime64(texts[number].removesuffix("Z"), "ms")
        except ValueError:
            continue
    if atomic.any():
        found[atomic] = _from_tai(texts[atomic])
    if len(found) and np.isnat(found).all():
        raise AstrodomeError(f"No {TIMES} of {name} is a time: the first is '{texts[0]}'.")
    return found


def _from_tai(texts: NDArray[np.str_]) -> Times:
    plain = np.full(len(texts), np.datetime64("NaT"), "datetime64[ms]")
    for number, text in enumerate(texts):
        try:
            day, clock = text.removesuffix("_TAI").split("_")
            plain[number] = np.datetime64(f"{day.replace('.', '-')}T{clock}", "ms")
        except ValueError:
            continue
    good = ~np.isnat(plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dates beyond the known leap seconds
        utc = Time(plain[good].astype("datetime64[ns]"), format="datetime64", scale="tai").utc
    texts = np.char.replace(np.asarray(utc.isot, dtype=str), ":60.", ":59.")  # a leap second
    plain[good] = texts.astype("datetime64[ms]")
    return plain


class Archive:
    """An SDO ML v2 store, opened for reading."""

    def __init__(self, where: str) -> None:
        """``where`` is a folder or an address that fsspec reads (``gs://…``, ``s3://…``).

        Raises AstrodomeError when there is no such store.
        """
        self.where = where.rstrip("/")
        self._root = _opened(self.where)

    @cached_property
    def years(self) -> list[str]:
        return sorted(name for name, _ in self._root.groups())

    def channels(self, year: str) -> list[str]:
        """Names of the arrays of a year."""
        return sorted(name for name, _ in self._root[year].arrays())  # type: ignore[union-attr]

    def recording(self, year: str, channel: Channel) -> Recording | None:
        """The frames of a channel in a year; None when the year has not that channel."""
        group: Any = self._root[year]
        if channel.name not in group:
            return None
        array = group[channel.name]
        if array.ndim != 3:
            raise AstrodomeError(f"{self.where}/{year}/{channel.name} is no array of frames.")
        return Recording(year, channel, array, f"{self.where}/{year}/{channel.name}")

    def recordings(
        self, wanted: Channel, years: Sequence[str] | None = None
    ) -> Iterator[Recording]:
        """The frames of a channel, year by year.

        Raises AstrodomeError for a year that is not there, or when no year has the channel.
        """
        for year in years or ():
            if year not in self.years:
                raise AstrodomeError(
                    f"{self.where} has no year {year}.",
                    f"It has {', '.join(self.years) or 'none'}.",
                )
        chosen = list(years or self.years)
        found = [each for year in chosen if (each := self.recording(year, wanted))]
        if not found:
            known = sorted({name for year in chosen for name in self.channels(year)})
            raise AstrodomeError(
                f"{self.where} has no channel {wanted.name} in {', '.join(chosen) or 'any year'}.",
                f"It has {', '.join(known)}." if known else "It has no channel at all.",
            )
        yield from found


def _opened(where: str) -> zarr.Group:
    try:
        if "://" in where:
            store: Any = zarr.storage.FsspecStore.from_url(where, read_only=True)
        else:
            store = zarr.storage.LocalStore(where, read_only=True)
        return zarr.open_group(store, mode="r")
    except ImportError as error:
        raise AstrodomeError(
            f"{where} needs a library that is not installed: {error}.",
            "pip install 'astrodome-sood[gcs]'" if where.startswith("gs:") else "",
        ) from error
    except Exception as error:  # zarr's, the file system's and the network's own kinds
        why = " ".join(str(error).split()) or type(error).__name__
        raise AstrodomeError(
            f"There is no SDO ML v2 store at {where}: {why}",
            "Give the folder, or the address, of a zarr group of years (2010/171A, ...).",
        ) from error
