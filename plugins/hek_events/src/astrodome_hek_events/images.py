"""Images of the Sun with their headers: pictures with ``meta.csv`` beside them, JPEG 2000 of
Helioviewer, and FITS through sunpy."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import sunpy.map
from astrodome import AstrodomeError
from astrodome_solar import geometry, limits
from PIL import Image

META = "meta.csv"
NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d{6})__(\d+)\.(?:jpe?g|png)", re.IGNORECASE)
"""A picture of the whole disk; what patches have after the wavelength does not fit."""
TIME = "%Y-%m-%dT%H%M%S"
TILT = 0.5
"""Shift (px) at the edge of an image below which it counts as north up already."""
DARKEST, BRIGHTEST = 1.0, 99.7
"""Percentiles of the intensities of a FITS image that are shown black and white."""


@dataclass(frozen=True)
class Named:
    """A picture, and the time (UTC) and wavelength (angstrom) that its name says."""

    path: Path
    t_obs: datetime
    wavelength: int


@dataclass(frozen=True)
class SolarImage:
    """An image and how it sees the Sun; ``picture`` is grey, eight bits, upper row first.

    ``picture`` may be smaller than the image, whose size is that of ``view``.
    """

    path: Path
    t_obs: datetime
    wavelength: int
    view: geometry.ImageGeometry
    picture: Image.Image


def named(path: Path) -> Named | None:
    """What a file name says about a picture; None when it carries no time and wavelength."""
    found = NAME.fullmatch(path.name)
    try:
        return Named(path, datetime.strptime(found[1], TIME), int(found[2])) if found else None
    except ValueError:
        return None


def find(folder: Path, wavelengths: Collection[int] = ()) -> list[Named]:
    """The pictures ``{time}__{wavelength}.jpeg`` in a folder and below, in order of time."""
    found = [each for path in folder.rglob("*__*") if (each := named(path))]
    chosen = [each for each in found if not wavelengths or each.wavelength in wavelengths]
    return sorted(chosen, key=lambda each: (each.t_obs, each.wavelength, str(each.path)))


def read(path: Path, side: int = 0, meta: Path | None = None) -> SolarImage:
    """An image with its header; ``side`` is the largest width (px) of the picture, 0 for its own.

    ``meta`` is the ``meta.csv`` to look in first. Raises AstrodomeError when the file is no
    image of the Sun, or nothing says where in it the Sun is.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
        limits.check_size(path)
        if start[:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacked:
                start = unpacked.read(16)
    except FileNotFoundError as error:
        raise AstrodomeError(f"There is no image {path}.") from error
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise AstrodomeError(f"{path} cannot be read: {why}.") from error
    if start.startswith(b"SIMPLE  ="):
        return _from_fits(path, side)
    if start[4:8] == b"jP  ":
        return _from_jpeg2000(path, side)
    return _from_picture(path, side, meta)


def header(path: Path, size: tuple[int, int], t_obs: datetime, meta: Path | None = None) -> Any:
    """The view of a picture of ``size`` (width, height) by its row of a ``meta.csv``.

    Looked for in ``meta``, in the folder of the picture and in those above it.
    """
    row = meta_row(path, meta)
    return geometry.ImageGeometry.from_metadata(row, *size, t_obs)


def meta_row(path: Path, meta: Path | None = None) -> Mapping[str, str]:
    """The row of ``meta.csv`` with this FILE_NAME, or with the same stem.

    Raises AstrodomeError when there is none.
    """
    if meta is not None and not meta.is_file():
        raise AstrodomeError(f"There is no file {meta}.", exit_code=2)
    places = [meta] if meta else [folder / META for folder in path.absolute().parents]
    found = [place for place in places if place.is_file()]
    for place in found:
        rows = _rows(place, place.stat().st_mtime_ns)
        if row := rows.get(path.name) or rows.get(path.stem):
            return row
    raise AstrodomeError(
        f"{path.name} has no row in {found[0]}."
        if found
        else f"There is no {META} beside {path}, which says where in it the Sun is.",
        "sdo data download --metadata and sdo data import write it; --meta FILE names another.",
    )


def size_of(path: Path) -> tuple[int, int]:
    """Width and height (px) of a picture, without decoding it."""
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _no_image(path, error) from error


@lru_cache(maxsize=16)
def _rows(path: Path, changed: int) -> dict[str, Mapping[str, str]]:
    """Rows by file name and by stem; ``changed`` makes a new file a new entry of the cache."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            table = csv.DictReader(text)
            rows = list(table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise AstrodomeError(f"{path} is no table in UTF-8: {error}.") from error
    if rows and "FILE_NAME" not in rows[0]:
        raise AstrodomeError(f"{path} has no column FILE_NAME.")
    names = [(str(row["FILE_NAME"]), row) for row in rows if row["FILE_NAME"]]
    return {Path(name).stem: row for name, row in names} | dict(names)


def _from_picture(path: Path, side: int, meta: Path | None) -> SolarImage:
    about = named(path)
    if about is None:
        raise AstrodomeError(
            f"{path.name} does not say when and at which wavelength it was taken.",
            "Pictures are called 2012-01-01T000000__171.jpeg, as sdo data download calls them.",
        )
    try:
        with Image.open(path) as image:
            size = image.size
            view = header(path, size, about.t_obs, meta)
            if side:
                image.draft("L", (side, side))
            picture = image.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _no_image(path, error) from error
    return SolarImage(path, about.t_obs, about.wavelength, view, _smaller(picture, side))


def _from_fits(path: Path, side: int) -> SolarImage:
    solar = _north_up(_solar_map(path), path)
    data = np.nan_to_num(np.asarray(solar.data, float))
    low, high = np.percentile(data, [DARKEST, BRIGHTEST])
    # The square root shows corona and regions at once; magnetograms have both signs.
    scaled = np.clip((data - low) / (high - low if high > low else 1), 0, 1)
    levels = scaled if low < 0 else np.sqrt(scaled)
    picture = Image.fromarray(np.rint(levels[::-1] * 255).astype(np.uint8))
    return _of_map(path, solar, _smaller(picture, side))


def _from_jpeg2000(path: Path, side: int) -> SolarImage:
    """The first image of the file, decoded by Pillow, its header from Helioviewer's XML."""
    keys = _xml_header(path.read_bytes())
    if not keys:
        raise AstrodomeError(
            f"{path} has no FITS header in it.", "sdo data import turns it into a picture."
        )
    try:
        with Image.open(path) as image:
            picture = image.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _no_image(path, error) from error
    width, height = picture.size
    for axis, pixels in (("1", width), ("2", height)):
        # A smaller copy of an image keeps the header of the large one.
        factor = float(keys.get(f"naxis{axis}", pixels)) / pixels
        for key in (f"cdelt{axis}", f"cd1_{axis}", f"cd2_{axis}"):
            if key in keys:
                keys[key] *= factor
        if f"crpix{axis}" in keys:
            keys[f"crpix{axis}"] = (keys[f"crpix{axis}"] - 0.5) / factor + 0.5
        keys[f"naxis{axis}"] = pixels
    solar = _north_up(_solar_map(np.asarray(picture, float)[::-1], keys, name=path), path)
    levels = np.rint(np.clip(np.nan_to_num(solar.data[::-1]), 0, 255)).astype(np.uint8)
    return _of_map(path, solar, _smaller(Image.fromarray(levels), side))


def _of_map(path: Path, solar: sunpy.map.GenericMap, picture: Image.Image) -> SolarImage:
    try:
        view = geometry.ImageGeometry.from_map(solar)
        view.to_pixel(np.zeros((1, 2)))
        wave = solar.wavelength
        angstrom = (
            0
            if wave is None
            else round(
                float(wave.to_value("AA") if wave.unit.physical_type == "length" else wave.value)
            )
        )
    except Exception as error:  # sunpy and astropy have many types of error for a bad header
        raise _no_sun(path, error) from error
    return SolarImage(path, view.time, angstrom, view, picture)


def _solar_map(*given: Any, name: Path | None = None) -> sunpy.map.GenericMap:
    path = name or given[0]
    try:
        with geometry._without_warnings():
            found = sunpy.map.Map(*given)
    except Exception as error:  # likewise
        raise _no_sun(path, error) from error
    if isinstance(found, list):
        raise AstrodomeError(f"{path} holds {len(found)} images; one is expected.")
    return found


def _north_up(solar: sunpy.map.GenericMap, path: Path) -> sunpy.map.GenericMap:
    """The map, turned if solar north is not above: HMI's are upside down."""
    try:
        if np.abs(solar.rotation_matrix - np.eye(2)).max() * max(solar.data.shape) / 2 < TILT:
            return solar
        with geometry._without_warnings():
            whole = sunpy.map.Map(np.nan_to_num(solar.data), solar.meta)  # NaN would spread
            return whole.rotate(missing=0)
    except Exception as error:  # likewise
        raise _no_sun(path, error) from error


def _xml_header(content: bytes) -> dict[str, Any]:
    """The FITS keywords in the first XML of a JPEG 2000 file, lower case, numbers as numbers."""
    found = re.search(rb"<fits>.*?</fits>", content, re.DOTALL | re.IGNORECASE)
    try:
        root: Iterable[ElementTree.Element] = ElementTree.fromstring(found[0]) if found else []
    except ElementTree.ParseError:
        return {}
    return {each.tag.lower(): _value((each.text or "").strip()) for each in root}


def _value(text: str) -> Any:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _smaller(picture: Image.Image, side: int) -> Image.Image:
    if side:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def _no_image(path: Path, error: Exception) -> AstrodomeError:
    return AstrodomeError(f"{path} is no readable image: {' '.join(str(error).split())}.")


def _no_sun(path: Path, error: Exception) -> AstrodomeError:
    text = " ".join(str(error).split()) or type(error).__name__
    return AstrodomeError(f"sunpy cannot use {path} as an image of the Sun: {text:.200}.")
