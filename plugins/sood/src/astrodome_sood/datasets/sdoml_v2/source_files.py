"""A user's image or FITS file as a frame of SDO ML: intensities, registered to one disk."""

from __future__ import annotations

import csv
import functools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astrodome import AstrodomeError, limits
from numpy.typing import NDArray
from PIL import Image

from .. import channels, folder

FULL_FRAME = 4096
"""Width (px) of the frame in which ``meta.csv`` gives R_SUN, X0 and Y0."""
FITS = b"SIMPLE  ="


@dataclass(frozen=True)
class Picture:
    """A file that says when (UTC) and in which channel it was taken."""

    path: Path
    time: np.datetime64
    channel: channels.Channel
    is_fits: bool

    def read(self, size: int) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """The frame, float32 (size, size) with row 0 in the south, and its attributes.

        Raises AstrodomeError when it cannot be read whole.
        """
        frame, about = (_from_fits if self.is_fits else _from_picture)(self, size)
        if not np.isfinite(frame).all():
            raise AstrodomeError("It has pixels without a value.")
        common = {"T_OBS": f"{self.time}Z", "WAVELNTH": self.channel.wavelength}
        return frame, common | about


def look(path: Path) -> Picture:
    """When and in which channel a file was taken; AstrodomeError when it does not say that."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
        limits.check_size(path)
        zipped = path.suffix.lower() == ".gz"
        if start == FITS or zipped:
            return _look_at_fits(path)
    except OSError as error:
        raise AstrodomeError(f"It cannot be read: {error.strerror or error}.") from error
    about = folder.describe(path)
    if not about["t_obs"] or not about["wavelength"]:
        raise AstrodomeError(
            "Its name does not say when and at which wavelength it was taken: "
            "2012-03-07T000200__171.jpeg does."
        )
    time = np.datetime64(about["t_obs"].removesuffix("Z"), "ms")
    return Picture(path, time, channels.find(about["wavelength"]), is_fits=False)


def _look_at_fits(path: Path) -> Picture:
    solar = _map(path)
    name = str(solar.measurement).lower() if "HMI" in str(solar.instrument) else ""
    channel = channels.find(name or round(float(solar.wavelength.to_value("angstrom"))))
    time = np.datetime64(solar.date.utc.datetime64, "ms")
    return Picture(path, time, channel, is_fits=True)


def _map(path: Path) -> Any:
    try:
        from sunpy.map import Map
    except ImportError as error:
        raise AstrodomeError(
            f"FITS files need sunpy: {error}.", "pip install 'astrodome-sood[fits]'"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = Map(path)
    except Exception as error:  # sunpy's and astropy's many kinds
        why = " ".join(str(error).split()) or type(error).__name__
        raise AstrodomeError(f"sunpy cannot use it as an image of the Sun: {why}") from error
    if isinstance(found, list):
        raise AstrodomeError(f"It holds {len(found)} images; a FITS file of one is expected.")
    return found


def _from_fits(picture: Picture, size: int) -> tuple[NDArray[np.float32], dict[str, Any]]:
    solar = _map(picture.path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            upright = solar.rotate(recenter=True, missing=0.0, order=1)
            radius = float((upright.rsun_obs / upright.scale.axis1).to_value("pix"))
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise AstrodomeError(f"sunpy cannot turn it north up: {why}") from error
    seconds = float(solar.meta.get("exptime") or 1.0)
    per_second = solar.unit is not None and "s" in {str(base) for base in solar.unit.bases}
    data = np.nan_to_num(np.asarray(upright.data, dtype=np.float32))
    if not picture.channel.is_hmi and not per_second and seconds > 0:
        data /= seconds
    height, width = data.shape
    about = {key.upper(): solar.meta[key] for key in ("exptime", "quality") if key in solar.meta}
    return _registered(data, radius, (width / 2, height / 2), size), about


def _from_picture(picture: Picture, size: int) -> tuple[NDArray[np.float32], dict[str, Any]]:
    try:
        with Image.open(picture.path) as image:
            grey = np.asarray(image.convert("L"), dtype=np.float32)[::-1]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise AstrodomeError(f"It cannot be read: {' '.join(str(error).split())}.") from error
    frame = picture.channel.intensity(grey * np.float32(2 / 255) - np.float32(1))
    row = _header(picture.path)
    about = {"QUALITY": int(float(row["QUALITY"]))} if row.get("QUALITY") else {}
    try:
        x, y, radius = (float(row[key]) / FULL_FRAME for key in ("X0", "Y0", "R_SUN"))
    except (KeyError, ValueError):
        return _resized(frame, size, size), about
    height, width = frame.shape
    return _registered(frame, radius * width, (x * width, y * height), size), about


def _header(path: Path) -> Mapping[str, str]:
    rows = _headers(path.parent / "meta.csv")
    return rows.get(path.name, {})


@functools.lru_cache(maxsize=8)
def _headers(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return {row["FILE_NAME"]: row for row in csv.DictReader(lines)}
    except (OSError, KeyError, ValueError):
        return {}


def _registered(
    frame: NDArray[np.float32], radius: float, centre: tuple[float, float], size: int
) -> NDArray[np.float32]:
    """The frame with its disk (radius and centre in px) scaled and moved to where SDO ML has it."""
    factor = channels.RADIUS * size / radius
    height, width = frame.shape
    # Out of the frame, the square that becomes size x size: the disk in its middle.
    side = size / factor
    left, below = round(centre[0] - side / 2), round(centre[1] - side / 2)
    whole = round(side)
    square = np.zeros((whole, whole), np.float32)
    square += frame.min()
    from_y, to_y = max(0, below), min(height, below + whole)
    from_x, to_x = max(0, left), min(width, left + whole)
    if from_y < to_y and from_x < to_x:
        square[from_y - below : to_y - below, from_x - left : to_x - left] = frame[
            from_y:to_y, from_x:to_x
        ]
    return _resized(square, size, size)


def _resized(frame: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    if frame.shape == (height, width):
        return np.ascontiguousarray(frame)
    image = torch.from_numpy(np.ascontiguousarray(frame))[None, None]
    resized = torch.nn.functional.interpolate(
        image, (height, width), mode="bilinear", antialias=True
    )
    result: NDArray[np.float32] = resized[0, 0].numpy()
    return result
