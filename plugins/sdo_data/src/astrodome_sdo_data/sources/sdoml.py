"""SDO ML v2: frames of 512 x 512 pixels every six minutes, out of its zarr store.

AIA corrected for exposure and degradation, north up, in DN/s (Galvez et al. 2019, ApJS 242, 7):
arrays ``{year}/{wavelength}A`` of (N, 512, 512) whose attributes are lists of N values. A store
is a folder, or an address that fsspec reads (``gs://``, ``s3://``, ``https://``, ``memory://``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import zarr
from astrodome import AstrodomeError, files, settings
from astrodome_solar import filenames, metadata
from astrodome_solar.channels import find_channel
from astrodome_solar.formats import raster
from astrodome_solar.protocols import FetchedImage, SourceInfo
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from . import grid

WAVELENGTHS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700)
SIDES = {"512": 512, "256": 256}
CADENCE = 360.0
FIELD = 2457.6
"""Width (arcsec) of what AIA sees, by which a header tells the frame that it describes."""
KEPT = 4
"""Blocks of frames that are kept decoded."""
NEVER = -1
"""The frame of a row for which the store has none."""
BAD = {
    171: (("2020-02-24T01:48", "2020-02-24T02:54"),),
    193: (("2020-02-24T01:48", "2020-02-24T02:54"), ("2020-08-03T06:00", "2020-08-03T08:54")),
}
"""First and last time (UTC) of frames of version 2 that are known to be spoiled."""


class SdomlSettings(BaseModel):
    """The store; every key also as ``ASTRODOME_SDOML_<KEY>``."""

    store: str = Field("gs://fdl-sdoml-v2/sdomlv2.zarr", description="Folder or address.")
    anonymous: bool = Field(True, description="Without credentials, as the public stores allow.")
    endpoint: str = Field("", description="Another server of the gs:// or s3:// interface.")
    tolerance: float = Field(
        180.0, ge=0, description="Seconds that a frame may be away from its time."
    )


@dataclass
class Recording:
    """The frames of one wavelength (angstrom) in one year."""

    name: str
    array: zarr.Array[Any]

    @cached_property
    def attributes(self) -> dict[str, list[Any]]:
        """What is said of each frame; lists of another length say nothing that can be used."""
        count = self.array.shape[0]
        given = dict(self.array.attrs).items()
        return {k.upper(): v for k, v in given if isinstance(v, list) and len(v) == count}

    @cached_property
    def times(self) -> NDArray[np.datetime64]:
        """When the frames were taken (UTC), NaT where that is unknown.

        Raises AstrodomeError when the store does not say it of all.
        """
        if "T_OBS" not in self.attributes:
            raise AstrodomeError(
                f"{self.name} does not say when its {self.array.shape[0]} frames were taken: "
                "T_OBS is absent or of another length."
            )
        stamps = pd.Series(self.attributes["T_OBS"], dtype="string").str.strip()
        parsed = pd.to_datetime(stamps, format="ISO8601", utc=True, errors="coerce")
        found: NDArray[np.datetime64] = parsed.dt.tz_localize(None).to_numpy("datetime64[us]")
        return found

    def header(self, frame: int) -> dict[str, Any]:
        """A frame's row of ``meta.csv``, with empty cells for what the store does not say."""
        cdelt, x, y = (self._number(key, frame) for key in ("CDELT1", "CRPIX1", "CRPIX2"))
        about: dict[str, Any] = dict.fromkeys(("DSUN", "X0", "R_SUN", "Y0", "CDELT"), "")
        quality = self._number("QUALITY", frame)
        about["QUALITY"] = "" if np.isnan(quality) else int(quality)
        if not np.isnan(distance := self._number("DSUN_OBS", frame)):
            about["DSUN"] = round(distance, 1)
        if not cdelt > 0:
            return about
        # Some headers describe the frame of 4096 pixels that this one was made from.
        sides = (self.array.shape[2], metadata.FRAME)
        side = min(sides, key=lambda side: abs(np.log(cdelt * side / FIELD)))
        larger = metadata.FRAME / side
        about["CDELT"] = round(cdelt / larger, 8)
        for key, centre in (("X0", x), ("Y0", y)):
            about[key] = "" if np.isnan(centre) else round((centre - 0.5) * larger, 4)
        radius = self._number("RSUN_OBS", frame)
        about["R_SUN"] = "" if np.isnan(radius) else round(radius / about["CDELT"], 4)
        return about

    def _number(self, key: str, frame: int) -> float:
        if key not in self.attributes:
            return np.nan
        value = self.attributes[key][frame]
        try:
            return float(int(value, 0) if isinstance(value, str) and "x" in value else value)
        except (TypeError, ValueError):
            return np.nan


class Sdoml:
    """Kind ``images``: frames of an SDO ML v2 store as grey JPEG, north up."""

    info: ClassVar[SourceInfo] = SourceInfo(
        connections=2,
        batch=480,
        wavelengths=WAVELENGTHS,
        sizes=tuple(SIDES),
        cadence=CADENCE,
        span=("2010-05-13", ""),
        options=("size", "quality"),
        parts=("image", "header"),
        size_bytes=dict.fromkeys(SIDES, 1_048_576),
        checked=True,
    )

    def __init__(self, store: str = "") -> None:
        """``store`` is a folder or an address, instead of the one in the settings."""
        self.settings = settings.section("sdoml", SdomlSettings)
        if store:
            self.settings = self.settings.model_copy(update={"store": store})
        self._recordings: dict[tuple[int, int], Recording | None] = {}
        self._blocks: OrderedDict[tuple[str, int], Future[NDArray[np.float32]]] = OrderedDict()
        self._lock = threading.RLock()

    @cached_property
    def root(self) -> zarr.Group:
        """The opened store; raises AstrodomeError when there is none."""
        return _opened(self.settings)

    def search(
        self,
        start: datetime,
        end: datetime,
        freq: str,
        wavelength: Sequence[int],
        *,
        size: str = "512",
        quality: int | None = None,
    ) -> pd.DataFrame:
        """A row for each time and wavelength with the frame nearest to it, sorted by wavelength.

        Columns: ``t_obs`` (UTC), ``wavelength`` (angstrom), ``size``, ``year`` and ``frame``,
        -1 where none is within ``sdoml.tolerance``; and, unless ``quality`` is None,
        ``quality``: a frame is skipped when its bit mask has a bit that this one lacks.
        """
        if size not in SIDES:
            raise AstrodomeError(
                f"SDO ML has no size '{size}'.", f"It has {', '.join(SIDES)}.", exit_code=2
            )
        rows = grid(start, end, freq, wavelength, CADENCE)
        # The frames of a block come one after the other, so that it is decoded once.
        rows = rows.sort_values(["wavelength", "t_obs"], ignore_index=True)
        found = [self._nearest(w, each["t_obs"]) for w, each in rows.groupby("wavelength")]
        years, frames = (np.concatenate(parts) for parts in zip(*found, strict=True))
        rows = rows.assign(size=size, year=years, frame=frames)
        return rows if quality is None else rows.assign(quality=quality)

    def _nearest(self, wavelength: int, wanted: pd.Series) -> tuple[NDArray[Any], NDArray[Any]]:
        """Year and frame nearest to each time, the frame -1 where none is near."""
        first, last = int(wanted.iloc[0].year), int(wanted.iloc[-1].year)
        tables = []
        for year in range(first - 1, last + 2):  # an image of New Year may be of the other year
            recording = self._recording(year, wavelength)
            if recording is not None:
                t_obs = pd.Series(recording.times)
                table = pd.DataFrame({"t_obs": t_obs, "year": year, "frame": t_obs.index})
                tables.append(table.dropna())
        if not tables:
            years = f"{first}" if first == last else f"{first} to {last}"
            raise AstrodomeError(
                f"{self.settings.store} has no frames at {wavelength} angstrom in {years}.",
                "Check --start, --end and --wavelength, or set sdoml.store.",
            )
        near = pd.merge_asof(
            pd.DataFrame({"t_obs": wanted.to_numpy("datetime64[us]")}),
            pd.concat(tables).sort_values("t_obs"),
            on="t_obs",
            direction="nearest",
            tolerance=pd.Timedelta(seconds=self.settings.tolerance),
        )
        year = near["year"].fillna(0).to_numpy(int)
        return year, near["frame"].fillna(NEVER).to_numpy(int)

    def _recording(self, year: int, wavelength: int) -> Recording | None:
        with self._lock:
            key = year, wavelength
            if key not in self._recordings:
                place = f"{year}/{wavelength}A"
                array: Any = self.root.get(place, None)
                if array is not None and getattr(array, "ndim", 0) != 3:
                    raise AstrodomeError(f"{self.settings.store}/{place} is no array of frames.")
                name = f"{self.settings.store}/{place}"
                self._recordings[key] = None if array is None else Recording(name, array)
            return self._recordings[key]

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[FetchedImage]:
        """Read rows of :meth:`search`, each block of the store once; yield what became of each."""
        for label, row in (
            rows.sort_values(["wavelength", "year", "frame"]).to_dict("index").items()
        ):
            found = FetchedImage(label)
            try:
                self._fetch(row, target, found)
            except AstrodomeError as error:
                found.status, found.reason = "failed", error.message
            yield found

    def _fetch(self, row: Mapping[str, Any], target: Path, found: FetchedImage) -> None:
        wavelength, frame = row["wavelength"], row["frame"]
        recording = None if frame == NEVER else self._recording(row["year"], wavelength)
        if recording is None:
            found.status, found.reason = "missing", "The store has no frame near this time."
            return
        found.header = recording.header(frame)
        if _is_bad(wavelength, recording.times[frame]):
            found.status, found.reason = "skipped", "The frame is known to be spoiled."
            return
        bits, quality = found.header["QUALITY"], row.get("quality")
        if quality is not None and isinstance(bits, int) and bits & ~int(quality):
            found.status = "skipped"
            found.reason = f"Its quality has the bits {bits & ~int(quality):#x}."
            return
        if not row.get("image", True):  # it is there, only its header was not
            return
        length = recording.array.chunks[0]
        pixels = self._block(recording, frame // length)[frame % length]
        image = Image.fromarray(
            np.ascontiguousarray(find_channel(wavelength).to_bytes(pixels)[::-1])
        )
        side = SIDES[row["size"]]
        if image.size != (side, side):
            image = image.resize((side, side), Image.Resampling.LANCZOS)
        name = filenames.file_name(row["t_obs"], wavelength)
        comment = f"SDO ML: {row['size']}, frame {frame} of {row['year']}/{wavelength}A"
        files.write_small(target / name, raster.encoded(image, name, comment))
        found.path = target / name

    def _block(self, recording: Recording, number: int) -> NDArray[np.float32]:
        """The frames that the store keeps together, decoded by one thread for all."""
        key = recording.name, number
        with self._lock:
            mine = key not in self._blocks
            block = self._blocks.setdefault(key, Future())
            self._blocks.move_to_end(key)
            while len(self._blocks) > KEPT:
                self._blocks.popitem(last=False)
        if mine:
            length = recording.array.chunks[0]
            try:
                block.set_result(
                    np.asarray(recording.array[number * length : (number + 1) * length])
                )
            except Exception as error:  # of the codec, the file system or the network
                why = " ".join(str(error).split()) or type(error).__name__
                with self._lock:
                    self._blocks.pop(key, None)
                block.set_exception(
                    AstrodomeError(f"{recording.name}, block {number} cannot be read: {why}.")
                )
        return block.result()


def _is_bad(wavelength: int, t_obs: np.datetime64) -> bool:
    # The times of these frames are some seconds off the minutes by which they are known.
    minute = np.timedelta64(1, "m")
    return any(
        np.datetime64(first) - minute <= t_obs <= np.datetime64(last) + minute
        for first, last in BAD.get(wavelength, ())
    )


def _opened(given: SdomlSettings) -> zarr.Group:
    where = given.store
    try:
        return zarr.open_group(_place(where, given), mode="r")
    except ImportError as error:
        raise AstrodomeError(
            f"{where} needs a library that is not installed: {error}.",
            "pip install 'astrodome-sdo-data[sdoml]'",
        ) from error
    except Exception as error:  # of zarr, the file system or the network
        why = " ".join(str(error).split()) or type(error).__name__
        raise AstrodomeError(
            f"There is no SDO ML store at {where}: {why}.",
            "Set sdoml.store to the folder or address of a zarr group of years (2010/171A, ...).",
        ) from error


def _place(where: str, given: SdomlSettings) -> Any:
    scheme, _, path = where.rpartition("://")
    options: dict[str, Any] = {"endpoint_url": given.endpoint} if given.endpoint else {}
    if not scheme:
        return zarr.storage.LocalStore(Path(where).expanduser(), read_only=True)
    if scheme in ("gs", "gcs"):
        # The package's own class asks another service first, at another address.
        from gcsfs.core import GCSFileSystem

        options |= {"token": "anon"} if given.anonymous else {}
        system = GCSFileSystem(access="read_only", asynchronous=True, **options)
        return zarr.storage.FsspecStore(system, read_only=True, path=path)
    if scheme == "s3":
        options |= {"anon": given.anonymous}
    return zarr.storage.FsspecStore.from_url(where, options, read_only=True)
