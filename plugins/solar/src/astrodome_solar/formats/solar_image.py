"""One observation of the Sun out of a file: when, at which wavelength, in eight bits, north up.

FITS headers are read by sunpy, whose map also turns the image; those that JPEG 2000
files carry in XML go the same way.
"""

from __future__ import annotations

import gzip
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from astrodome import AstrodomeError, limits
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from PIL import Image
from sunpy.map import GenericMap, Map
from sunpy.time import parse_time

from .. import channels, filenames
from . import jpeg2000, raster

FRAME = 4096
"""Width (px) of the frame in which ``meta.csv`` gives the geometry."""
TILT = 0.1
"""Shift (px) at the edge of the image below which it counts as north up already."""
TIMES = ("date-obs", "date_obs", "date-beg", "date-avg", "date-end")
"""Keywords of which sunpy needs one, or it takes the time of now."""
FITS, GZIP = b"SIMPLE  =", b"\x1f\x8b"
NO_WAVELENGTH = "Its header has no wavelength: give --wavelength."
_QUIET = RLock()
"""What is said and what is warned of belongs to the process: one thread at a time silences it."""

Rendered = tuple[Image.Image, dict[str, Any]]


@dataclass(frozen=True)
class Part:
    """An image in a file: the whole file, or one codestream of a JPX."""

    path: Path
    index: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.index is None else f"{self.path}[{self.index}]"


@dataclass(frozen=True)
class Observation:
    """Time (UTC), wavelength (angstrom), and how to get the image and its row of ``meta.csv``.

    ``render(size)`` takes pixels a side, 0 for those of the file.
    """

    t_obs: datetime
    wavelength: int
    render: Callable[[int], Rendered]


def parts(path: Path) -> tuple[list[Part], int]:
    """The images of a file, and how many of its codestreams are none.

    In a JPX a codestream without header beside others that have one is an overlay.
    A file that cannot be read is one part, so that reading it says why.
    """
    try:
        with _mapped(path) as data:
            if not jpeg2000.is_jpeg2000(data[:12]):
                return [Part(path)], 0
            found = jpeg2000.codestreams(data)
    except (OSError, ValueError, SyntaxError):
        return [Part(path)], 0
    if len(found) == 1:
        return [Part(path)], 0
    dated = any(each.header for each in found)
    chosen = [Part(path, n) for n, each in enumerate(found) if each.header or not dated]
    return chosen, len(found) - len(chosen)


def read(part: Part, t_obs: datetime | None = None, wavelength: int = 0) -> Observation:
    """The observation in a part; ``t_obs`` and ``wavelength`` serve where it does not say them.

    Raises AstrodomeError when it is no image or they are not to be had, OSError when
    the file cannot be read.
    """
    with part.path.open("rb") as file:
        start = file.read(12)
    limits.check_size(part.path)
    if start.startswith(GZIP):
        start = _unpacked(part.path)
    if start.startswith(FITS):
        return _from_fits(part.path, t_obs, wavelength)
    if jpeg2000.is_jpeg2000(start):
        return _from_jpeg2000(part, t_obs, wavelength)
    return _from_picture(part.path, t_obs, wavelength)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap]:
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        yield data


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(12)
    except (OSError, EOFError):
        return b""


def _from_fits(path: Path, t_obs: datetime | None, wavelength: int) -> Observation:
    return from_map(solar_map(path, wavelength), t_obs, wavelength)


def solar_map(path: Path, wavelength: int = 0) -> GenericMap:
    """sunpy's map of a FITS file; ``wavelength`` (angstrom) serves one that does not say it.

    Raises AstrodomeError when it is no image of the Sun, or several.
    """
    with understood():
        found = _map(path, wavelength)
    if isinstance(found, list):
        raise AstrodomeError(f"It holds {len(found)} images; a FITS file of one is expected.")
    return found


def from_map(found: GenericMap, t_obs: datetime | None = None, wavelength: int = 0) -> Observation:
    """The observation in a map; ``t_obs`` and ``wavelength`` serve where it does not say them.

    Raises AstrodomeError when they are not to be had, or no scaling of the channel is known.
    """
    t_obs, wavelength = _when(found, t_obs, wavelength)
    channel = _channel(found, wavelength)

    def render(size: int) -> Rendered:
        with understood():
            upright, about = _north_up(found)
            rates = upright / _exposure(found)
        return _sized(_picture(channels.to_bytes(rates, channel)), size), about

    return Observation(t_obs, wavelength, render)


def _map(path: Path, wavelength: int) -> Any:
    """sunpy's map of a FITS file; it makes none of an AIA image that lacks the wavelength."""
    try:
        return Map(path)
    except Exception:
        with fits.open(path) as content:
            found = [(unit.data, unit.header) for unit in content if unit.data is not None]
            silent = [each for each in found if _is_silent(each[1])]
            if not silent:
                raise
            if not wavelength:
                raise AstrodomeError(NO_WAVELENGTH) from None
            for _, header in silent:
                header["WAVELNTH"], header["WAVEUNIT"] = wavelength, "angstrom"
            return Map(found)


def _is_silent(header: fits.Header) -> bool:
    instrument = f"{header.get('INSTRUME', '')} {header.get('TELESCOP', '')}"
    return "AIA" in instrument and not header.get("WAVELNTH")


def _from_jpeg2000(part: Part, t_obs: datetime | None, wavelength: int) -> Observation:
    with raster.reading(), _mapped(part.path) as data:
        found = jpeg2000.codestreams(data)[part.index or 0]
        content = data[found.start : found.end]
    if not found.header:
        return _from_picture(part.path, t_obs, wavelength, content)
    return _from_codestream(found, content, t_obs, wavelength)


def from_jpeg2000(content: bytes) -> Observation:
    """The first observation of a JPEG 2000 file in memory, which is checked to be whole.

    Raises AstrodomeError when it is none, is cut off or has no header.
    """
    with raster.reading("JPEG 2000"):
        if not jpeg2000.is_jpeg2000(content[:12]):
            raise AstrodomeError("It is no JPEG 2000 image.")
        found = jpeg2000.codestreams(content)[0]
        if content[found.end - 2 : found.end] != b"\xff\xd9":
            raise AstrodomeError("It is cut short.")
    if not found.header:
        raise AstrodomeError("It has no header.")
    return _from_codestream(found, content[found.start : found.end], None, 0)


def _from_codestream(
    found: jpeg2000.Codestream, content: bytes, t_obs: datetime | None, wavelength: int
) -> Observation:
    def mapped(pixels: np.ndarray[Any, Any]) -> GenericMap:
        with understood():
            return Map(pixels, _fitted(found.header, *pixels.shape))

    def render(size: int) -> Rendered:
        with raster.reading():
            image = raster.decoded(raster.from_bytes(content)).convert("L")
        solar = mapped(np.asarray(image, dtype=np.float32)[::-1])
        with understood():
            upright, about = _north_up(solar)
        return _sized(_picture(np.rint(upright).astype(np.uint8)), size), about

    with raster.reading():
        width, height = raster.from_bytes(content).size
    unread = mapped(np.broadcast_to(np.uint8(0), (height, width)))
    return Observation(*_when(unread, t_obs, wavelength), render)


def _from_picture(
    path: Path, t_obs: datetime | None, wavelength: int, content: bytes = b""
) -> Observation:
    """A picture that says nothing of itself, but perhaps by its name."""
    with raster.reading("FITS, JPEG 2000, JPEG or PNG"):
        image = raster.from_bytes(content or path.read_bytes())
    named = filenames.parse(path) or (None, 0)
    t_obs, wavelength = t_obs or named[0], wavelength or named[1]
    if not t_obs or not wavelength:
        raise AstrodomeError(
            "It does not say when or at which wavelength it was taken: "
            "give --date and --wavelength."
        )

    def render(size: int) -> Rendered:
        with raster.reading():
            return _sized(raster.decoded(image).convert("L"), size), {}

    return Observation(t_obs, wavelength, render)


@contextmanager
def understood(
    failure: str = "sunpy cannot use it as an image of the Sun", hint: str = ""
) -> Iterator[None]:
    """One sentence for the many types of error that sunpy and astropy raise; no warnings.

    What they warn of, such as a missing position of the observer, has their defaults.
    """
    logger = logging.getLogger("sunpy")
    with _QUIET:
        level = logger.level
        logger.setLevel(logging.WARNING)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except AstrodomeError:
            raise
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            raise AstrodomeError(f"{failure}: {text}", hint) from error
        finally:
            logger.setLevel(level)


def _fitted(header: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    """The header of an image that was made smaller after the header had been written."""
    fitted = dict(header)
    for axis, pixels in (("1", width), ("2", height)):
        factor = header.get(f"naxis{axis}", pixels) / pixels
        for key in (f"cdelt{axis}", f"cd1_{axis}", f"cd2_{axis}"):
            if key in header:
                fitted[key] = header[key] * factor
        if f"crpix{axis}" in header:
            fitted[f"crpix{axis}"] = (header[f"crpix{axis}"] - 0.5) / factor + 0.5
        fitted[f"naxis{axis}"] = pixels
    return fitted


def _when(solar: GenericMap, t_obs: datetime | None, wavelength: int) -> tuple[datetime, int]:
    if any(solar.meta.get(key) for key in TIMES):
        with understood():
            t_obs = solar.date.utc.to_datetime(UTC)
    elif stated := solar.meta.get("t_obs"):
        with understood():
            t_obs = parse_time(stated).utc.to_datetime(UTC)
    if t_obs is None:
        raise AstrodomeError("Its header has no date of observation: give --date.")
    wave = solar.wavelength
    if wave is not None and wave.value:
        angstrom = wave.value if wave.unit.is_unity() else wave.to_value(u.AA, u.spectral())
        wavelength = round(float(angstrom))
    if not wavelength:
        raise AstrodomeError(NO_WAVELENGTH)
    return t_obs, wavelength


def _channel(solar: GenericMap, wavelength: int) -> str:
    """The channel whose range scales a FITS image."""
    if str(solar.instrument).startswith("AIA"):
        channel = str(wavelength)
    else:
        channel = str(solar.measurement).lower()
    if channel not in channels.LOGARITHMIC | channels.LINEAR:
        known = ", ".join(channels.LOGARITHMIC)
        raise AstrodomeError(
            f"No scaling to eight bits is known for {solar.instrument} {wavelength}: "
            f"known are AIA {known} and HMI {' and '.join(channels.LINEAR)}."
        )
    return channel


def _exposure(solar: GenericMap) -> float:
    """Seconds by which the counts have yet to be divided, 1 when they are rates."""
    seconds = float(solar.meta.get("exptime") or 1.0)
    rate = solar.unit is not None and u.s in solar.unit.bases
    return 1.0 if rate or seconds <= 0 else seconds


def _north_up(solar: GenericMap) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """The data, square, solar north up as in AIA level 1.5, and their row of ``meta.csv``."""
    solar = _square(solar)
    side = solar.data.shape[0]
    if np.abs(solar.rotation_matrix - np.eye(2)).max() * side / 2 > TILT:
        solar = solar.rotate(missing=0)
    below, left = ((n - side) // 2 for n in solar.data.shape)
    upright = solar.data[below : below + side, left : left + side]
    return upright, _geometry(solar, left, below, side)


def _square(solar: GenericMap) -> GenericMap:
    """The map with nothing but zeros added around it and put in for NaN."""
    height, width = solar.data.shape
    side = max(height, width)
    below, left = (side - height) // 2, (side - width) // 2
    data, meta = np.nan_to_num(solar.data), solar.meta.copy()
    x, y = (float(axis.value) for axis in solar.reference_pixel)
    meta |= {"crpix1": x + 1 + left, "crpix2": y + 1 + below, "naxis1": side, "naxis2": side}
    borders = (below, side - height - below), (left, side - width - left)
    return Map(np.pad(data, borders), meta)


def _geometry(solar: GenericMap, left: int, below: int, side: int) -> dict[str, Any]:
    """Quality, distance (m) and the disk in the full frame, for the square at (left, below)."""
    centre = solar.world_to_pixel(
        SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=solar.coordinate_frame)
    )
    larger = FRAME / side
    arcsec = float(solar.scale.axis1.to_value(u.arcsec / u.pix)) / larger
    quality = solar.meta.get("quality", "")
    return {
        "QUALITY": int(quality, 0) if isinstance(quality, str) and quality else quality,
        "DSUN": round(float(solar.dsun.to_value(u.m)), 1),
        # A pixel's centre is at its number, its left edge half a pixel before.
        "X0": round((float(centre.x.value) + 0.5 - left) * larger, 4),
        "R_SUN": round(float(solar.rsun_obs.to_value(u.arcsec)) / arcsec, 4),
        "Y0": round((float(centre.y.value) + 0.5 - below) * larger, 4),
        "CDELT": round(arcsec, 8),
    }


def _picture(rows: np.ndarray[Any, Any]) -> Image.Image:
    """FITS counts rows from below, a picture from above."""
    return Image.fromarray(np.ascontiguousarray(rows[::-1]))


def _sized(image: Image.Image, size: int) -> Image.Image:
    if not size or image.size == (size, size):
        return image
    return image.resize((size, size), Image.Resampling.LANCZOS)
