"""Convert between helioprojective coordinates and pixels, and rotate positions with the Sun.

Helioprojective coordinates (Tx to the west, Ty to the north, in arcsec) are relative to the
observer of the image. Pixel coordinates are measured from the upper left corner of the image, so
that the first pixel extends from 0 to 1. Positions are rotated with the differential rotation
model of sunpy.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import AstrodomeError
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time
from astropy.wcs import WCS
from numpy.typing import ArrayLike, NDArray
from sunpy.coordinates import (
    HeliocentricInertial,
    HeliographicStonyhurst,
    Helioprojective,
    get_earth,
)
from sunpy.coordinates.wcs_utils import solar_wcs_frame_mapping
from sunpy.sun import constants
from sunpy.sun.models import differential_rotation
from sunpy.util import SunpyUserWarning

from .formats import header
from .metadata import FRAME
from .times import parse_time, to_datetime64

if TYPE_CHECKING:
    from sunpy.map import GenericMap

NEAR_EARTH = 0.02 * u.AU
"""Maximum distance from the Earth of an observer that is considered near the Earth.

It is twice the distance between the Earth and the L1 point, which SOHO orbits.
"""
REQUIRED = ("X0", "Y0", "CDELT")

Points = NDArray[np.float64]
"""Positions with shape (N, 2)."""


@dataclass(frozen=True)
class ImageGeometry:
    """Conversion between helioprojective coordinates and the pixels of an image.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        World coordinate system, with pixel coordinates as in FITS: they are measured from the
        center of the lower left pixel.
    width, height : int
        Size of the image in pixels.
    time : datetime.datetime
        Observation time in UTC.
    limb_arcsec : float
        Apparent solar radius in arcsec.

    Examples
    --------
    >>> geometry = read_image("aia_171.fits").geometry
    >>> geometry.to_pixel([[0, 0], [384, 0]]).round(3).tolist()
    [[32.0, 32.0], [42.0, 32.0]]
    """

    wcs: WCS = field(repr=False)
    width: int
    height: int
    time: datetime
    limb_arcsec: float

    @classmethod
    def from_metadata(
        cls, row: Mapping[str, Any], width: int, height: int, time: Any
    ) -> ImageGeometry:
        """Create the geometry from a row of the metadata table.

        Parameters
        ----------
        row : mapping
            Row with the following values. X0 and Y0 are the coordinates of the center of the Sun,
            measured from the lower left corner, and R_SUN is the solar radius, all in pixels. CDELT
            is the scale in arcsec per pixel. All four refer to an image of 4096 x 4096 pixels. DSUN
            is the distance between the observer and the Sun in meters; by default, the distance
            between the Earth and the Sun is used. The observer is assumed to be in the direction of
            the Earth, as for SDO.
        width, height : int
            Size of the image in pixels.
        time : str, datetime, numpy.datetime64, pandas.Timestamp or astropy.time.Time
            Observation time in UTC.

        Returns
        -------
        ImageGeometry
            The geometry.

        Raises
        ------
        AstrodomeError
            If X0, Y0 or CDELT is missing or invalid.
        """
        time = parse_time(time)
        values = {key: header.number(row, key) for key in (*REQUIRED, "R_SUN", "DSUN")}
        invalid = [key for key in REQUIRED if values[key] is None]
        if invalid or (values["CDELT"] or 0) <= 0:
            raise AstrodomeError(
                f"Missing or invalid {', '.join(invalid) or 'CDELT'} for the image in meta.csv.",
                "Use 'sdo data download --metadata' or 'sdo data import' to write the geometry.",
            )
        x0, y0, cdelt = (float(values[key] or 0) for key in REQUIRED)
        across, up = width / FRAME, height / FRAME
        earth = _earth(time)
        distance = values["DSUN"] or 0
        if not header.is_distance(distance):
            distance = float(earth.radius.to_value(u.m))
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["HPLN-TAN", "HPLT-TAN"]
        wcs.wcs.cunit = ["arcsec", "arcsec"]
        wcs.wcs.crval = [0, 0]
        wcs.wcs.cdelt = [cdelt / across, cdelt / up]
        wcs.wcs.crpix = [x0 * across + 0.5, y0 * up + 0.5]
        wcs.wcs.dateobs = wcs.wcs.dateavg = time.isoformat()
        wcs.wcs.aux.rsun_ref = constants.radius.to_value(u.m)
        wcs.wcs.aux.dsun_obs = distance
        wcs.wcs.aux.hgln_obs = float(earth.lon.to_value(u.deg))
        wcs.wcs.aux.hglt_obs = float(earth.lat.to_value(u.deg))
        wcs.wcs.set()
        wcs.array_shape = (height, width)
        radius = (values["R_SUN"] or 0) * cdelt or float(_apparent_radius(distance))
        return cls(wcs, width, height, time, radius)

    @classmethod
    def from_map(cls, solar: GenericMap) -> ImageGeometry:
        """Create the geometry from a sunpy map."""
        height, width = solar.data.shape
        with _without_warnings():
            time = parse_time(solar.reference_date)
            return cls(solar.wcs, width, height, time, float(solar.rsun_obs.to_value(u.arcsec)))

    @cached_property
    def frame(self) -> Helioprojective:
        """Helioprojective coordinate frame of the image, which contains the observer."""
        return solar_wcs_frame_mapping(self.wcs)

    @cached_property
    def from_earth(self) -> bool:
        """Whether the observer is near the Earth, as for SDO."""
        return bool(self.frame.observer.separation_3d(_earth(self.time)) < NEAR_EARTH)

    def to_pixel(self, arcsec: ArrayLike) -> Points:
        """Convert helioprojective coordinates to pixel coordinates, each with shape (N, 2).

        The coordinates are (Tx, Ty) in arcsec, and (x, y) in pixels from the upper left corner of
        the image, as in JPEG files. In a :class:`SolarImage`, the center of the pixel
        ``data[row, column]`` is at x = column + 0.5, y = height - 0.5 - row.
        """
        columns, rows = self.wcs.wcs_world2pix(*(np.asarray(arcsec, float).T / 3600), 0)
        return np.column_stack([columns + 0.5, self.height - 0.5 - rows])

    def to_arcsec(self, pixels: ArrayLike) -> Points:
        """Convert pixel coordinates to helioprojective coordinates, each with shape (N, 2).

        This is the inverse of :meth:`to_pixel`, which defines the coordinates.
        """
        x, y = np.asarray(pixels, float).T
        degrees = np.column_stack(self.wcs.wcs_pix2world(x - 0.5, self.height - 0.5 - y, 0))
        return (degrees + 180) % 360 * 3600 - 180 * 3600

    def limb(self, count: int = 360) -> Points:
        """Return the limb as a closed ring of pixel coordinates, with shape (``count`` + 1, 2)."""
        angle = np.linspace(0, 2 * np.pi, count + 1)
        return self.to_pixel(self.limb_arcsec * np.column_stack([np.cos(angle), np.sin(angle)]))

    def surface(
        self, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
    ) -> tuple[Points, NDArray[np.bool_]]:
        """Convert Stonyhurst coordinates on the solar surface to helioprojective coordinates.

        Parameters
        ----------
        longitude, latitude : numpy.ndarray
            Coordinates in degrees, with shape (N,).

        Returns
        -------
        positions : numpy.ndarray
            Helioprojective coordinates in arcsec, with shape (N, 2). Positions behind the limb
            are moved to the limb.
        visible : numpy.ndarray
            Boolean array with shape (N,) that is True for positions in front of the limb.
        """
        with _without_warnings():
            seen = SkyCoord(
                longitude * u.deg,
                latitude * u.deg,
                constants.radius,
                frame=HeliographicStonyhurst(obstime=self.frame.obstime),
            ).transform_to(self.frame)
            reach = self.frame.observer.radius
        behind = np.asarray(seen.distance > np.sqrt(reach**2 - constants.radius**2))
        arcsec = np.column_stack([seen.Tx.to_value(u.arcsec), seen.Ty.to_value(u.arcsec)])
        length = np.maximum(np.hypot(*arcsec[behind].T), 1e-9)
        arcsec[behind] *= (_apparent_radius(reach.to_value(u.m)) / length)[:, None]
        return arcsec, ~behind


def rotate_positions(
    points: ArrayLike, since: Any, geometry: ImageGeometry, rotate: bool = True
) -> tuple[Points, NDArray[np.bool_]]:
    """Rotate positions on the Sun to the observation time of an image.

    The differential rotation model is from Howard et al. (1990, Solar Physics 130, 295), as
    implemented in sunpy.

    Parameters
    ----------
    points : array_like
        Helioprojective coordinates in arcsec as seen from the Earth, with shape (N, 2).
    since : sequence of times
        Observation time of each position in UTC, with shape (N,).
    geometry : ImageGeometry
        Geometry of the image.
    rotate : bool
        Whether to apply the rotation. If False, only the position of the observer is changed.

    Returns
    -------
    positions : numpy.ndarray
        Helioprojective coordinates in arcsec as seen by the observer of the image, with shape
        (N, 2). Positions that rotated behind the limb are moved to the limb. Positions outside the
        solar disk are not changed, or are moved to the limb if the observer is not near the Earth.
    visible : numpy.ndarray
        Boolean array with shape (N,) that is True for positions on the side facing the observer.

    Raises
    ------
    AstrodomeError
        If a time is invalid.

    Examples
    --------
    >>> geometry = read_image("aia_171.fits").geometry
    >>> positions, visible = rotate_positions([[0, 300]], ["2013-02-28T12:00"], geometry)
    >>> positions.round().tolist(), visible.tolist()
    ([[219.0, 296.0]], [True])
    """
    placed = np.array(points, float)
    visible = np.ones(len(placed), bool)
    if not len(placed) or (geometry.from_earth and not rotate):
        return placed, visible
    times, index = np.unique(to_datetime64(since), return_inverse=True)
    with _without_warnings():
        earth = get_earth(Time(times))[index]
        if not geometry.from_earth:
            edge = 0.9999 * _apparent_radius(earth.radius.to_value(u.m))
            placed *= np.minimum(edge / np.maximum(np.hypot(*placed.T), 1e-9), 1)[:, None]
        frame = Helioprojective(observer=earth, obstime=earth.obstime)
        found = SkyCoord(*(placed.T * u.arcsec), frame=frame).transform_to(
            HeliographicStonyhurst(obstime=earth.obstime)
        )
        longitude = found.lon.to_value(u.deg)
        if rotate:
            now = geometry.time
            duration = (np.datetime64(now, "us") - times[index]) / np.timedelta64(1, "D") * u.day
            moved = differential_rotation(duration, found.lat).to_value(u.deg)
            longitude += moved - (_inertial_longitude(_earth(now)) - _inertial_longitude(earth))
    on_disk = np.isfinite(longitude)
    if on_disk.any():
        latitude = found.lat.to_value(u.deg)
        placed[on_disk], visible[on_disk] = geometry.surface(longitude[on_disk], latitude[on_disk])
    return placed, visible


def _inertial_longitude(earth: SkyCoord) -> Any:
    """Return the longitude of the Earth in an inertial frame, in degrees."""
    return earth.transform_to(HeliocentricInertial(obstime=earth.obstime)).lon.to_value(u.deg)


@lru_cache(maxsize=8192)
def _earth(time: datetime) -> SkyCoord:
    with _without_warnings():
        return get_earth(time)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Suppress sunpy warnings about positions outside the solar disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SunpyUserWarning)
        yield


def _apparent_radius(distance: Any) -> Any:
    """Return the apparent solar radius in arcsec for one or more distances in meters."""
    return np.degrees(np.arcsin(constants.radius.to_value(u.m) / distance)) * 3600
