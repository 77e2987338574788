"""Read solar images from FITS, JPEG 2000, JPX, JPEG and PNG files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, errors

from .. import limits
from ..filenames import parse_file_name
from . import fits, jpeg2000, raster
from .solar_image import Pixels, SolarImage

GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class ImageReference:
    """A reference to an image in a file.

    ``plane`` is the index of the image if the file contains several images.
    """

    path: Path
    plane: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.plane is None else f"{self.path}[{self.plane}]"

    @property
    def name(self) -> str:
        """File name without folders, with the image index if the file contains several images."""
        return str(ImageReference(Path(self.path.name), self.plane))


def read_image(
    path: str | os.PathLike[str],
    *,
    date: Any = None,
    exposure: float | None = None,
    wavelength: int | None = None,
    plane: int | None = None,
    metadata: str | os.PathLike[str] | None = None,
) -> SolarImage:
    """Read a solar image.

    The options replace metadata that are missing in the file. No other defaults are used.

    Parameters
    ----------
    path : str or path
        FITS file, which may be compressed, or JPEG 2000, JPX, JPEG or PNG file. The name of a
        JPEG or PNG file must have a form such as ``2012-03-07T000208__171.jpeg``, unless
        ``date`` and ``wavelength`` are given.
    date : str, datetime, numpy.datetime64, pandas.Timestamp or astropy.time.Time, optional
        Observation time in UTC.
    exposure : float, optional
        Exposure time in seconds.
    wavelength : int, optional
        Wavelength in angstrom.
    plane : int, optional
        Index of the image, counted from 0. It is required if the file contains several images.
    metadata : str or path, optional
        Metadata table with the geometry of a JPEG or PNG file. By default, ``meta.csv`` is searched
        for in the folder of the file and its parent folders.

    Returns
    -------
    SolarImage
        The image.

    Raises
    ------
    AstrodomeError
        If the file is not an image, or if its time or wavelength is unknown.

    Examples
    --------
    >>> image = read_image("aia_171.fits")
    >>> image.wavelength, image.exposure, image.file_name
    (171, 2.0, '2013-03-01T120011__171.jpeg')
    >>> image.north_up().to_picture(32).size
    (32, 32)
    """
    reference = ImageReference(Path(path).expanduser(), plane)
    try:
        return read(
            reference,
            date=date,
            exposure=exposure,
            wavelength=wavelength,
            table=Path(metadata).expanduser() if metadata else None,
        )
    except OSError as error:
        error.filename = error.filename or str(path)
        raise errors.from_os_error(error) from error
    except AstrodomeError as error:
        raise AstrodomeError(
            f"{path}: {error.message}", error.hint, exit_code=error.exit_code
        ) from error


def find_images(path: Path) -> tuple[list[ImageReference], int]:
    """Return references to all images in a file, and the number of overlays.

    In a JPX file, codestreams without a FITS header are overlays if other codestreams have a
    header. A file that cannot be parsed is returned as one image, so that reading it reports the
    error.
    """
    try:
        with _mapped(path) as data:
            found = jpeg2000.codestreams(data) if jpeg2000.is_jpeg2000(data[:12]) else []
    except (OSError, ValueError, SyntaxError):
        found = []
    if len(found) < 2:
        return [ImageReference(path)], 0
    dated = any(each.header for each in found)
    images = [ImageReference(path, n) for n, each in enumerate(found) if each.header or not dated]
    return images, len(found) - len(images)


def read(reference: ImageReference, *, table: Path | None = None, **options: Any) -> SolarImage:
    """Read an image. In contrast to :func:`read_image`, error messages do not contain the path.

    The options are the same as for :func:`read_image`. Raises AstrodomeError if the file is not an
    image or if its time or wavelength is unknown, and OSError if the file cannot be read.
    """
    path = reference.path
    with path.open("rb") as file:
        start = file.read(12)
    limits.check_size(path)
    if start.startswith((fits.SIGNATURE, GZIP)):
        keywords, pixels = fits.read_fits(path, reference.plane)
        return SolarImage.from_header(
            keywords, pixels.shape, lambda: pixels, name=reference.name, **options
        )
    content = _codestream(reference) if jpeg2000.is_jpeg2000(start) else (b"", {})
    if content[1]:
        return _from_codestream(*content, reference.name, **options)
    return _from_picture(reference, content[0], table, **options)


def read_jpeg2000(content: bytes) -> SolarImage:
    """Read a JPEG 2000 image from encoded bytes.

    Raises AstrodomeError if the image is damaged or truncated, or if it has no FITS header.
    """
    with raster.reading("JPEG 2000"):
        if not jpeg2000.is_jpeg2000(content[:12]):
            raise AstrodomeError("The file is not a JPEG 2000 image.")
        found = jpeg2000.codestreams(content)[0]
    if content[found.end - 2 : found.end] != jpeg2000.END:
        raise AstrodomeError("The JPEG 2000 image is truncated.")
    if not found.header:
        raise AstrodomeError("The JPEG 2000 image has no FITS header.")
    return _from_codestream(content[found.start : found.end], found.header, "")


@contextmanager
def _mapped(path: Path) -> Iterator[mmap]:
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        yield data


def _codestream(reference: ImageReference) -> tuple[bytes, dict[str, Any]]:
    """Return the encoded bytes and the FITS header of an image in a JPEG 2000 file."""
    with raster.reading(), _mapped(reference.path) as data:
        found = jpeg2000.codestreams(data)
        chosen = found[fits.selected(reference.plane, len(found))]
        return data[chosen.start : chosen.end], chosen.header


def _from_codestream(
    content: bytes, keywords: dict[str, Any], name: str, **options: Any
) -> SolarImage:
    with raster.reading():
        width, height = raster.from_bytes(content).size
    return SolarImage.from_header(
        _rescaled(keywords, width, height),
        (height, width),
        lambda: _pixels(content),
        name=name,
        eight_bit=True,
        **options,
    )


def _rescaled(keywords: dict[str, Any], width: int, height: int) -> dict[str, Any]:
    """Adapt a FITS header to an image that was downscaled after the header had been written."""
    rescaled = dict(keywords)
    for axis, pixels in (("1", width), ("2", height)):
        factor = keywords.get(f"naxis{axis}", pixels) / pixels
        for key in (f"cdelt{axis}", f"cd1_{axis}", f"cd2_{axis}"):
            if key in keywords:
                rescaled[key] = keywords[key] * factor
        if f"crpix{axis}" in keywords:
            rescaled[f"crpix{axis}"] = (keywords[f"crpix{axis}"] - 0.5) / factor + 0.5
        rescaled[f"naxis{axis}"] = pixels
    return rescaled


def _from_picture(
    reference: ImageReference,
    content: bytes,
    table: Path | None,
    *,
    date: Any = None,
    exposure: float | None = None,
    wavelength: int | None = None,
) -> SolarImage:
    """Read an image without a FITS header.

    The time and the channel are taken from the options or the file name.
    """
    from ..times import parse_time

    with raster.reading("FITS, JPEG 2000, JPEG or PNG"):
        content = content or reference.path.read_bytes()
        width, height = raster.from_bytes(content).size
    named = parse_file_name(reference.path)
    if (date is None or not wavelength) and named is None:
        raise AstrodomeError(
            "The time and wavelength are unknown: the file has no FITS header, and its name does "
            "not have the form 2012-03-07T000208__171.jpeg. Specify them with the parameters "
            "'date' and 'wavelength'."
        )
    return SolarImage(
        reference.name,
        parse_time(date) if date is not None or named is None else named.time,
        wavelength or (named.wavelength if named else 0),
        width,
        height,
        lambda: _pixels(content),
        named.quantity if named else "",
        level=named.level if named else "",
        exposure=exposure,
        eight_bit=True,
        path=reference.path,
        table=table,
    )


def _pixels(content: bytes) -> Pixels:
    with raster.reading():
        gray = raster.decoded(raster.from_bytes(content)).convert("L")
    return np.asarray(gray, np.float32)[::-1]
