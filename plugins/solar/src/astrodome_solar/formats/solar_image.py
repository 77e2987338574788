"""Solar images with validated metadata, independent of the file format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import AstrodomeError
from astropy import units as u
from astropy.wcs import WCS
from numpy.typing import NDArray
from PIL import Image

from .. import filenames
from ..channels import CHANNELS, Channel, find_channel
from ..geometry import ImageGeometry
from ..library_errors import converted_errors
from ..metadata import COLUMNS, FRAME, find_row
from . import header

if TYPE_CHECKING:
    from sunpy.map import GenericMap

TILT = 0.1
"""Largest displacement at the image edge, in pixels, for which an image is not rotated."""
NOT_SOLAR = "The header of the image is not valid for sunpy"
ROTATION = (
    "crota1",
    "crota2",
    *(f"{name}{i}_{j}" for name in ("cd", "pc") for i in "12" for j in "12"),
)

Pixels = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SolarImage:
    """A solar image with validated metadata.

    Metadata that are missing in the file are empty strings or None. No defaults are used.

    Attributes
    ----------
    name : str
        File name, with the image index if the file contains several images.
    time : datetime.datetime
        Observation time in UTC.
    wavelength : int
        Wavelength in angstrom.
    width, height : int
        Size in pixels.
    quantity : str
        HMI observable, for example ``magnetogram``, or an empty string for AIA intensities.
    observatory, instrument : str
        Observatory and instrument, for example ``SDO`` and ``AIA_3``.
    level : str
        Processing level, for example ``1.5``.
    unit : str
        Unit of the data, for example ``DN``.
    exposure : float or None
        Exposure time in seconds.
    quality : int or None
        Bits of the QUALITY keyword.
    eight_bit : bool
        Whether the data are scaled intensities (0-255), as in JPEG and JPEG 2000 files.
    header : mapping
        Unchanged FITS keywords in lower case. The mapping is empty for JPEG and PNG files.
    """

    name: str
    time: datetime
    wavelength: int
    width: int
    height: int
    load: Callable[[], Pixels] = field(repr=False)
    quantity: str = ""
    observatory: str = ""
    instrument: str = ""
    level: str = ""
    unit: str = ""
    exposure: float | None = None
    quality: int | None = None
    eight_bit: bool = False
    header: Mapping[str, Any] = field(default_factory=dict, repr=False)
    path: Path | None = field(default=None, repr=False)
    table: Path | None = field(default=None, repr=False)

    @classmethod
    def from_header(
        cls,
        keywords: Mapping[str, Any],
        shape: tuple[int, int],
        load: Callable[[], Pixels],
        *,
        name: str = "",
        date: Any = None,
        exposure: float | None = None,
        wavelength: int | None = None,
        eight_bit: bool = False,
    ) -> SolarImage:
        """Create an image from FITS keywords in lower case.

        ``date``, ``exposure`` (in seconds) and ``wavelength`` (in angstrom) are used if the header
        contains no valid value. Raises AstrodomeError if the time or the wavelength is unknown.
        """
        return cls(
            name,
            header.time_of_observation(keywords, date),
            header.wavelength_angstrom(keywords, wavelength),
            shape[1],
            shape[0],
            load,
            header.quantity(keywords),
            header.text(keywords, "obsrvtry", "telescop").partition("/")[0],
            header.text(keywords, "instrume"),
            header.level(keywords),
            header.text(keywords, "bunit", "pixlunit"),
            header.exposure(keywords) or exposure,
            header.quality(keywords),
            eight_bit,
            keywords,
        )

    @classmethod
    def from_map(cls, solar: GenericMap) -> SolarImage:
        """Create an image from a sunpy map.

        Raises AstrodomeError if the time or the wavelength is unknown.
        """
        keywords = {key.lower(): value for key, value in solar.meta.items()}
        return cls.from_header(
            keywords, solar.data.shape, lambda: np.asarray(solar.data, np.float32)
        )

    @cached_property
    def data(self) -> Pixels:
        """Pixels as a float32 array with shape (height, width). Row 0 is the bottom row.

        In contrast, the pixel coordinates of :attr:`geometry` start at the upper left corner.
        """
        return self.load()

    @property
    def scale(self) -> tuple[float, float] | None:
        """Pixel scale of both axes in arcsec per pixel, or None if it is unknown."""
        return header.scale(self.header)

    @property
    def distance(self) -> float | None:
        """Distance between the observer and the Sun in meters, or None if it is unknown."""
        return header.distance(self.header)

    @property
    def radius(self) -> float | None:
        """Apparent solar radius in arcsec, or None if it is unknown."""
        return header.radius(self.header)

    @property
    def file_name(self) -> str:
        """Name for the image as a JPEG file.

        For FITS files, the name contains the processing level if it is not 1.
        """
        level = "" if self.eight_bit or self.level == "1" else self.level
        return filenames.file_name(self.time, self.wavelength, self.quantity, level)

    @property
    def channel(self) -> Channel:
        """Channel with its intensity range. Raises AstrodomeError if the range is unknown."""
        name = self.quantity or str(self.wavelength)
        try:
            if self.instrument.startswith(("AIA", "HMI")) or not self.header:
                return find_channel(name)
        except AstrodomeError:
            pass
        raise AstrodomeError(
            f"The intensity range of {self.instrument or 'the channel'} {name} is unknown: "
            "expected an AIA channel or HMI observable "
            f"({', '.join(each.name for each in CHANNELS)})."
        )

    def to_map(self) -> GenericMap:
        """Convert the image to a sunpy map.

        The map of a JPEG or PNG file contains the scaled intensities (0-255), and its header is
        derived from the metadata table. Raises AstrodomeError if the image is not in the metadata
        table, or if the FITS header is not valid.
        """
        if self.header:
            return self._map(self.data, self.header)
        geometry = self.geometry
        radius = {"rsun_obs": geometry.limb_arcsec}
        return self._map(self.data, dict(geometry.wcs.to_header()) | radius)

    def _map(self, data: NDArray[Any], keywords: Mapping[str, Any]) -> GenericMap:
        from sunpy.map import Map  # The import takes half a second.

        with converted_errors(NOT_SOLAR):
            return Map(data, header.for_sunpy(keywords, self.time, self.wavelength))

    @cached_property
    def geometry(self) -> ImageGeometry:
        """Conversion between pixels and helioprojective coordinates.

        For JPEG and PNG files, the geometry is read from the metadata table. Raises AstrodomeError
        if it is unknown.
        """
        if not self.header:
            row = find_row(self.path or Path(self.name), self.table)
            return ImageGeometry.from_metadata(row, self.width, self.height, self.time)
        missing = header.missing_geometry(self.header) + header.missing_observer(self.header)
        if missing:
            raise AstrodomeError(
                f"The geometry of the image is unknown: missing or invalid {', '.join(missing)}."
            )
        solar = self._map(np.broadcast_to(np.uint8(0), (self.height, self.width)), self.header)
        with converted_errors(NOT_SOLAR):
            return ImageGeometry.from_map(solar)

    def north_up(self, order: int = 3) -> SolarImage:
        """Return a square image with solar north up.

        Parameters
        ----------
        order : int
            Order of the spline interpolation, from 0 to 5.

        Returns
        -------
        SolarImage
            The image, rotated around its center. NaN pixels and the border are set to 0. Images
            without a header are returned unchanged.

        Raises
        ------
        AstrodomeError
            If the header is not valid for sunpy.
        """
        if not self.header:
            return self
        solar = self._map(np.broadcast_to(np.uint8(0), (self.height, self.width)), self.header)
        with converted_errors(NOT_SOLAR):
            matrix = np.asarray(solar.rotation_matrix, float)
            reference = np.array([float(axis.value) for axis in solar.reference_pixel])
        side = max(self.width, self.height)
        left, below = (side - self.width) // 2, (side - self.height) // 2
        borders = (below, side - self.height - below), (left, side - self.width - left)
        data = np.pad(np.nan_to_num(self.data), borders)
        reference += left, below
        if np.abs(matrix - np.eye(2)).max() * side / 2 > TILT:
            middle = (side - 1) / 2
            reference = middle + matrix @ (reference - middle)
            with converted_errors("sunpy cannot rotate the image"):
                inverse = np.linalg.inv(matrix)
            from sunpy.image.transform import affine_transform

            # The border prevents rounding errors from moving edge pixels out of the image.
            data = affine_transform(np.pad(data, 1), inverse, order=order, missing=0)[1:-1, 1:-1]
        upright = {key: self.header[key] for key in self.header if key not in ROTATION}
        if scale := self.scale:
            units = (u.arcsec.to(u.Unit(self.header[f"cunit{i}"].lower())) for i in "12")
            upright |= {
                f"cdelt{i}": s * unit for i, s, unit in zip("12", scale, units, strict=True)
            }
        if not header.missing_geometry(self.header):
            upright |= {"crpix1": reference[0] + 1, "crpix2": reference[1] + 1}
        upright |= {"naxis1": side, "naxis2": side}
        upright |= {"pc1_1": 1.0, "pc1_2": 0.0, "pc2_1": 0.0, "pc2_2": 1.0}
        return replace(self, width=side, height=side, header=upright, load=lambda: data)

    def intensities(self) -> Pixels:
        """Return the intensities in DN/s, or in gauss for magnetic fields.

        Counts are divided by the exposure time. Eight-bit data are converted using the intensity
        range of the channel. Raises AstrodomeError if the exposure time, the unit or the intensity
        range is unknown.
        """
        if self.eight_bit:
            return self.channel.intensity(self.data * np.float32(2 / 255) - np.float32(1))
        if self.quantity:
            return self.data
        unit = u.Unit(self.unit, parse_strict="silent")
        if isinstance(unit, u.UnrecognizedUnit):
            raise AstrodomeError(
                f"Invalid BUNIT {self.unit!r}: expected a unit, for example DN, DN/s or Gauss."
            )
        if u.s in unit.bases:
            return self.data
        if not self.exposure:
            found = self.header.get("exptime")
            what = "EXPTIME is missing" if found is None else f"EXPTIME is invalid: {found!r}"
            raise AstrodomeError(
                f"{what}. Specify the exposure time in seconds with the parameter 'exposure'."
            )
        return self.data / np.float32(self.exposure)

    def levels(self) -> NDArray[np.uint8]:
        """Return the image with eight bits per pixel, scaled by the intensity range of the channel.

        Raises AstrodomeError if the exposure time, the unit or the intensity range is unknown.
        """
        if self.eight_bit:
            return np.rint(np.clip(self.data, 0, 255)).astype(np.uint8)  # Splines can overshoot.
        return self.channel.to_bytes(self.intensities())

    def to_picture(self, size: int = 0) -> Image.Image:
        """Convert the image to a grayscale Pillow image with ``size`` x ``size`` pixels.

        If ``size`` is 0, the image is not resized.
        """
        picture = Image.fromarray(np.ascontiguousarray(self.levels()[::-1]))
        if not size or picture.size == (size, size):
            return picture
        return picture.resize((size, size), Image.Resampling.LANCZOS)

    def metadata_row(self) -> dict[str, Any]:
        """Return the quality and geometry as a row of the metadata table.

        The image must be square, with solar north up. Unknown values are empty strings.
        """
        row: dict[str, Any] = dict.fromkeys(COLUMNS[:-1], "")
        if self.quality is not None:
            row["QUALITY"] = self.quality
        if self.distance:
            row["DSUN"] = round(self.distance, 1)
        if scale := self.scale:
            larger = FRAME / self.width
            row["CDELT"] = round(scale[0] / larger, 8)
            if self.radius:
                row["R_SUN"] = round(self.radius / scale[0] * larger, 4)
            if not header.missing_geometry(self.header):
                x, y = self._center(scale)
                # The center of pixel 0 is half a pixel from the edge.
                row |= {"X0": round((x + 0.5) * larger, 4), "Y0": round((y + 0.5) * larger, 4)}
        return row

    def _center(self, scale: tuple[float, float]) -> tuple[float, float]:
        """Return the pixel coordinates of the Sun's center, counted from 0."""
        keys = ("ctype", "cunit", "crpix", "cdelt", "crval")
        upright = {f"{key}{i}": self.header.get(f"{key}{i}") for key in keys for i in "12"}
        with converted_errors(NOT_SOLAR):
            wcs = WCS({key.upper(): value for key, value in upright.items() if value is not None})
            x, y = wcs.wcs_world2pix(0, 0, 0)
        return float(x), float(y)
