"""Image source ``sdoml``: frames in an SDO ML v2 zarr store.

The store contains AIA images in DN/s with 512 x 512 pixels and a cadence of six minutes. They are
corrected for exposure time and degradation, and north is up (Galvez et al. 2019, ApJS 242, 7). The
arrays ``{year}/{wavelength}A`` have the shape (N, 512, 512), and their attributes are lists with N
values. A store can be in a folder or at a URL that fsspec can read (``gs://``, ``s3://``,
``https://``, ``memory://``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import zarr
from astrodome import AstrodomeError, settings
from astrodome_solar.formats.header import number
from astrodome_solar.formats.solar_image import SolarImage
from astrodome_solar.metadata import FRAME
from astrodome_solar.protocols import FetchedImage, SourceInfo
from numpy.typing import NDArray

from .base import AIA_WAVELENGTHS, ArchiveSource, SkippedImageError, check_quality, nearest
from .server import MissingImageError
from .settings import SdomlSettings

CADENCE = 360.0
FIELD_OF_VIEW = 2457.6
"""Width of an AIA image in arcseconds.

It is used to determine the image size to which the pixel scale in a header refers."""
CACHED_CHUNKS = 4
"""Maximum number of decoded chunks in the cache."""
NO_FRAME = -1
"""Value of the column ``frame`` if no frame is within the tolerance."""
KEYWORDS = {"instrume": "AIA", "bunit": "DN/s", "ctype1": "HPLN-TAN", "ctype2": "HPLT-TAN"}
KEYWORDS |= {"cunit1": "arcsec", "cunit2": "arcsec"}
"""FITS keywords that have the same value in all frames."""
CORRUPT = {
    171: (("2020-02-24T01:48", "2020-02-24T02:54"),),
    193: (("2020-02-24T01:48", "2020-02-24T02:54"), ("2020-08-03T06:00", "2020-08-03T08:54")),
}
"""Times (UTC) of the first and last frame in ranges of frames that are known to be corrupt."""


@dataclass(eq=False)
class FrameArray:
    """Frames of one wavelength in one year."""

    name: str
    array: zarr.Array[Any]

    @cached_property
    def attributes(self) -> dict[str, list[Any]]:
        """Values of the attributes that have one value per frame, keyed by name."""
        count = self.array.shape[0]
        attributes = dict(self.array.attrs).items()
        return {k.upper(): v for k, v in attributes if isinstance(v, list) and len(v) == count}

    @cached_property
    def times(self) -> NDArray[np.datetime64]:
        """Observation times of the frames in UTC. Unknown times are NaT."""
        if "T_OBS" not in self.attributes:
            raise AstrodomeError(
                f"{self.name}: the attribute T_OBS is missing, or does not have one value for each "
                f"of the {self.array.shape[0]} frames."
            )
        stamps = pd.Series(self.attributes["T_OBS"], dtype="string").str.strip()
        parsed = pd.to_datetime(stamps, format="ISO8601", utc=True, errors="coerce")
        t_obs: NDArray[np.datetime64] = parsed.dt.tz_localize(None).to_numpy("datetime64[us]")
        return t_obs

    def image(self, frame: int, wavelength: int, load: Callable[[], Any]) -> SolarImage:
        """Return a frame with its metadata. The function ``load`` returns the pixels."""
        keywords = {name.lower(): values[frame] for name, values in self.attributes.items()}
        keywords |= KEYWORDS
        width = self.array.shape[2]
        cdelt = number(keywords, "cdelt1") or 0
        if cdelt > 0:
            # Some headers describe the original image with 4096 x 4096 pixels.
            side = min(width, FRAME, key=lambda side: abs(np.log(cdelt * side / FIELD_OF_VIEW)))
            factor = side / width
            keywords |= {"cdelt1": cdelt * factor, "cdelt2": cdelt * factor}
            for key in ("crpix1", "crpix2"):
                if center := number(keywords, key):
                    keywords[key] = (center - 0.5) / factor + 0.5
        shape = width, width
        date = self.times[frame]
        return SolarImage.from_header(keywords, shape, load, date=date, wavelength=wavelength)


class SdomlSource(ArchiveSource):
    """Image source that converts SDO ML v2 frames to grayscale JPEG images with north up."""

    service: ClassVar[str] = "SDO ML"
    sizes: ClassVar[Mapping[str, int]] = {"512": 512, "256": 256}
    grid_cadence: ClassVar[float] = CADENCE
    info: ClassVar[SourceInfo] = SourceInfo(
        connections=2,
        batch=480,
        wavelengths=AIA_WAVELENGTHS[:-1],
        sizes=tuple(sizes),
        cadence=CADENCE,
        span=("2010-05-13", ""),
        options=("size", "quality"),
        parts=("image", "header"),
        size_bytes=dict.fromkeys(sizes, 1_048_576),
        checked=True,
    )

    def __init__(self, store: str = "") -> None:
        """Create a source for the store in a folder or at a URL.

        By default, the store that the setting ``sdoml.store`` specifies is used.
        """
        self.settings = settings.section("sdoml", SdomlSettings)
        if store:
            self.settings = self.settings.model_copy(update={"store": store})
        self._arrays: dict[tuple[int, int], FrameArray | None] = {}
        self._lock = threading.RLock()
        self._chunk = lru_cache(maxsize=CACHED_CHUNKS)(_read_chunk)

    @cached_property
    def root(self) -> zarr.Group:
        """Root group of the zarr store."""
        return _open_store(self.settings)

    def locate(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Find the frame nearest to each requested time, and sort the rows by wavelength and time.

        The columns ``year`` and ``frame`` (index in the array) are added. ``frame`` is -1 if no
        frame is within ``sdoml.tolerance``.
        """
        # With this order, frames in the same chunk are consecutive, and it is decoded only once.
        rows = rows.sort_values(["wavelength", "t_obs"], ignore_index=True)
        found = [self._nearest(w, each["t_obs"]) for w, each in rows.groupby("wavelength")]
        frames = pd.concat(found, ignore_index=True)
        return rows.assign(year=frames["year"], frame=frames["frame"])

    def _nearest(self, wavelength: int, t_obs: pd.Series) -> pd.DataFrame:
        first, last = int(t_obs.iloc[0].year), int(t_obs.iloc[-1].year)
        tables = []
        for year in range(first - 1, last + 2):  # Include adjacent years.
            if array := self._array(year, wavelength):
                known = pd.Series(array.times)
                table = pd.DataFrame({"t_obs": known, "year": year, "frame": known.index})
                tables.append(table.dropna())
        if not tables:
            years = f"{first}" if first == last else f"{first} to {last}"
            raise AstrodomeError(
                f"{self.settings.store} contains no frames at {wavelength} angstrom in {years}.",
                "Choose another time range, or change the setting sdoml.store.",
            )
        found = nearest(t_obs, pd.concat(tables), self.settings.tolerance)
        return found[["year", "frame"]].fillna(NO_FRAME).astype(int)

    def _array(self, year: int, wavelength: int) -> FrameArray | None:
        key = year, wavelength
        with self._lock:
            if key not in self._arrays:
                name = f"{year}/{wavelength}A"
                array: Any = self.root.get(name, None)
                if array is not None and getattr(array, "ndim", 0) != 3:
                    raise AstrodomeError(
                        f"Invalid SDO ML store {self.settings.store}: "
                        f"{name} is not a three-dimensional array."
                    )
                where = f"{self.settings.store}/{name}"
                self._arrays[key] = None if array is None else FrameArray(where, array)
            return self._arrays[key]

    def fetch_row(self, row: Mapping[Any, Any], target: Path, result: FetchedImage) -> None:
        """Read a frame and scale it to eight bits."""
        wavelength, frame = row["wavelength"], row["frame"]
        array = None if frame == NO_FRAME else self._array(row["year"], wavelength)
        if array is None:
            raise MissingImageError(
                f"No frame at {wavelength} angstrom found near {row['t_obs']:%Y-%m-%dT%H:%M:%S}."
            )
        image = array.image(frame, wavelength, lambda: self._pixels(array, frame))
        if _is_corrupt(wavelength, array.times[frame]):
            raise SkippedImageError("The frame is known to be corrupt.")
        check_quality(row, image.quality)
        comment = f"SDO ML: {row['size']}, frame {frame} of {row['year']}/{wavelength}A"
        self._save_image(image, row, target, comment, result)

    def _pixels(self, array: FrameArray, frame: int) -> NDArray[np.float32]:
        length = array.array.chunks[0]
        with self._lock:  # Otherwise, several threads could decode the same chunk.
            pixels: NDArray[np.float32] = self._chunk(array, frame // length)[frame % length]
        return pixels


def _read_chunk(array: FrameArray, number: int) -> NDArray[np.float32]:
    length = array.array.chunks[0]
    try:
        return np.asarray(array.array[number * length : (number + 1) * length])
    except Exception as error:  # Codecs can raise any exception.
        text = " ".join(str(error).split()) or type(error).__name__
        raise AstrodomeError(f"Cannot read chunk {number} of {array.name}: {text}.") from error


def _is_corrupt(wavelength: int, t_obs: np.datetime64) -> bool:
    # The published times are rounded to minutes, and the frame times differ by some seconds.
    minute = np.timedelta64(1, "m")
    return any(
        np.datetime64(first) - minute <= t_obs <= np.datetime64(last) + minute
        for first, last in CORRUPT.get(wavelength, ())
    )


def _open_store(settings: SdomlSettings) -> zarr.Group:
    try:
        return zarr.open_group(_zarr_store(settings), mode="r")
    except ImportError as error:
        raise AstrodomeError(
            f"Reading {settings.store} requires a library that is not installed: {error}.",
            "pip install 'astrodome-sdo-data[sdoml]'",
        ) from error
    except Exception as error:  # zarr can raise any exception.
        text = " ".join(str(error).split()) or type(error).__name__
        raise AstrodomeError(
            f"No SDO ML store found at {settings.store}: {text}.",
            "Set sdoml.store to the folder or URL of a zarr group with arrays such as 2010/171A.",
        ) from error


def _zarr_store(settings: SdomlSettings) -> Any:
    scheme, _, path = settings.store.rpartition("://")
    options: dict[str, Any] = {"endpoint_url": settings.endpoint} if settings.endpoint else {}
    if not scheme:
        return zarr.storage.LocalStore(Path(path).expanduser(), read_only=True)
    if scheme in ("gs", "gcs"):
        # The default class of gcsfs sends an additional request to another service.
        from gcsfs.core import GCSFileSystem

        options |= {"token": "anon"} if settings.anonymous else {}
        system = GCSFileSystem(access="read_only", asynchronous=True, **options)
        return zarr.storage.FsspecStore(system, read_only=True, path=path)
    if scheme == "s3":
        options |= {"anon": settings.anonymous}
    return zarr.storage.FsspecStore.from_url(settings.store, options, read_only=True)
