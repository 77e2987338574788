"""Helioprojective positions and pixels of an image, and the rotation of the Sun.

Positions are helioprojective (Tx to the west, Ty to the north, in arcsec), as seen by the observer
of the image. Pixels are counted from the upper left corner of the image: the first pixel extends
from 0 to 1. Positions are rotated by sunpy's model of the differential rotation.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from astrodome import AstrodomeError
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import ArrayLike, NDArray
from sunpy.coordinates import (
    HeliocentricInertial,
    HeliographicStonyhurst,
    Helioprojective,
    get_earth,
)
from sunpy.coordinates.wcs_utils import solar_wcs_frame_mapping
from sunpy.map import GenericMap
from sunpy.sun import constants
from sunpy.sun.models import differential_rotation
from sunpy.util import SunpyUserWarning

from .metadata import FRAME
from .times import parse_time, to_datetime64

NEAR_EARTH = 0.02 * u.AU
"""Twice the distance of the L1 point, where SOHO is, from the Earth."""
REQUIRED = ("X0", "Y0", "CDELT")

Points = NDArray[np.float64]
"""Positions, shape (N, 2)."""


@dataclass(frozen=True)
class ImageGeometry:
    """The relation between helioprojective positions and the pixels of an image.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        World coordinates. Pixels are those of FITS, from the center of the lower left pixel.
    width, height : int
        Size of the image in pixels.
    time : datetime.datetime
        Time of the observation in UTC.
    limb_arcsec : float
        Apparent radius of the Sun in arcsec.

    Examples
    --------
    >>> geometry = read_image("aia_171.fits").geometry
    >>> geometry.to_pixel([[0, 0], [384, 0]]).round(3).tolist()
    [[32.0, 32.0], [42.0, 32.0]]
    """

    wcs: WCS
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
            X0 and Y0 are the center of the Sun in px from the lower left corner, R_SUN is its
            radius in px and CDELT the scale in arcsec/px, all in the frame of 4096 x 4096 pixels.
            DSUN is the distance of the observer from the Sun in m; if it is empty, the distance
            of the Earth is used. The observer is in the direction of the Earth, like SDO.
        width, height : int
            Size of the image in pixels.
        time : str, datetime, numpy.datetime64, pandas.Timestamp or astropy.time.Time
            Time of the observation in UTC.

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
        values = {key: _number(row.get(key)) for key in (*REQUIRED, "R_SUN", "DSUN")}
        invalid = [key for key in REQUIRED if values[key] is None]
        if invalid or (values["CDELT"] or 0) <= 0:
            raise AstrodomeError(
                f"The row of meta.csv has no valid {', '.join(invalid) or 'CDELT'}.",
                "sdo data download --metadata and sdo data import write the geometry.",
            )
        x0, y0, cdelt = (float(values[key] or 0) for key in REQUIRED)
        across, up = width / FRAME, height / FRAME
        earth, _ = _earth(time)
        distance = values["DSUN"] or 0
        if not 1e10 < distance < 1e12:
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
        radius = (values["R_SUN"] or 0) * cdelt or _apparent_radius(distance)
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
        """The helioprojective frame of the image, with its observer."""
        return solar_wcs_frame_mapping(self.wcs)

    @cached_property
    def from_earth(self) -> bool:
        """Whether the observer is near the Earth, like SDO."""
        observer, (earth, _) = self.frame.observer, _earth(self.time)
        return bool(observer.separation_3d(earth) < NEAR_EARTH)

    def to_pixel(self, arcsec: ArrayLike) -> Points:
        """Convert helioprojective positions to pixels, both of shape (N, 2)."""
        columns, rows = self.wcs.wcs_world2pix(*(np.asarray(arcsec, float).T / 3600), 0)
        return np.column_stack([columns + 0.5, self.height - 0.5 - rows])

    def to_arcsec(self, pixels: ArrayLike) -> Points:
        """Convert pixels to helioprojective positions, both of shape (N, 2)."""
        x, y = np.asarray(pixels, float).T
        degrees = np.column_stack(self.wcs.wcs_pix2world(x - 0.5, self.height - 0.5 - y, 0))
        return (degrees + 180) % 360 * 3600 - 180 * 3600

    def limb(self, count: int = 360) -> Points:
        """Return the limb as a closed ring of pixels, shape (``count`` + 1, 2)."""
        angle = np.linspace(0, 2 * np.pi, count + 1)
        return self.to_pixel(self.limb_arcsec * np.column_stack([np.cos(angle), np.sin(angle)]))

    def surface(
        self, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
    ) -> tuple[Points, NDArray[np.bool_]]:
        """Convert Stonyhurst coordinates of the surface to helioprojective positions.

        Parameters
        ----------
        longitude, latitude : numpy.ndarray
            Coordinates in degrees, shape (N,).

        Returns
        -------
        positions : numpy.ndarray
            Positions in arcsec, shape (N, 2). Positions behind the limb are moved to the limb.
        visible : numpy.ndarray
            Whether each position is in front of the limb, shape (N,).
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
    """Rotate positions with the Sun to the time of an image.

    The differential rotation is that of Howard et al. (1990, Solar Physics 130, 295), as
    implemented in sunpy.

    Parameters
    ----------
    points : array_like
        Helioprojective positions in arcsec as seen from the Earth, shape (N, 2).
    since : sequence of times
        Time (UTC) at which each position was observed, shape (N,).
    geometry : ImageGeometry
        The geometry of the image.
    rotate : bool
        If False, only the difference between the observers is applied.

    Returns
    -------
    positions : numpy.ndarray
        Positions as seen by the observer of the image, shape (N, 2). A position that rotated
        behind the limb is moved to the limb. A position outside of the disk is not changed; for
        an observer far from the Earth it is treated as a position on the limb.
    visible : numpy.ndarray
        Whether each position is on the side of the Sun that faces the observer, shape (N,).

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
    if not (isinstance(since, np.ndarray) and since.dtype == object):
        since = np.array(to_datetime64(since).tolist(), object)
    placed = np.array(points, float)
    visible = np.ones(len(placed), bool)
    if not len(placed) or (geometry.from_earth and not rotate):
        return placed, visible
    now = _earth(geometry.time)[1]
    longitude, latitude = np.full((2, len(placed)), np.nan)
    for moment in set(since):
        chosen = since == moment
        content = np.ascontiguousarray(placed[chosen]).tobytes()
        lon, lat = _stonyhurst(content, moment, not geometry.from_earth)
        if rotate:
            days = (geometry.time - moment).total_seconds() / 86400
            with np.errstate(invalid="ignore"):
                moved = differential_rotation(days * u.day, lat * u.deg)
            lon = lon + moved.to_value(u.deg) - (now - _earth(moment)[1])
        longitude[chosen], latitude[chosen] = lon, lat
    on_disk = np.isfinite(longitude)
    if on_disk.any():
        placed[on_disk], visible[on_disk] = geometry.surface(longitude[on_disk], latitude[on_disk])
    return placed, visible


@lru_cache(maxsize=8192)
def _stonyhurst(points: bytes, time: datetime, to_limb: bool) -> tuple[Points, Points]:
    """Return the longitudes and latitudes (deg) of positions; NaN outside of the disk.

    With ``to_limb``, positions outside of the disk are moved to the limb first. The result is
    cached, because an event is drawn on many images.
    """
    observer, _ = _earth(time)
    arcsec = np.frombuffer(points).reshape(-1, 2)
    if to_limb:
        edge = 0.9999 * _apparent_radius(observer.radius.to_value(u.m))
        length = np.maximum(np.hypot(*arcsec.T), 1e-9)
        arcsec = arcsec * np.minimum(edge / length, 1)[:, None]
    with _without_warnings():
        frame = Helioprojective(observer=observer, obstime=observer.obstime)
        found = SkyCoord(*(arcsec.T * u.arcsec), frame=frame).transform_to(
            HeliographicStonyhurst(obstime=observer.obstime)
        )
    return found.lon.wrap_at(180 * u.deg).to_value(u.deg), found.lat.to_value(u.deg)


@lru_cache(maxsize=8192)
def _earth(time: datetime) -> tuple[SkyCoord, float]:
    """Return the position of the Earth, and its longitude (deg) in an inertial frame."""
    with _without_warnings():
        earth = get_earth(time)
        inertial = earth.transform_to(HeliocentricInertial(obstime=earth.obstime))
    return earth, float(inertial.lon.to_value(u.deg))


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Suppress sunpy's warnings about positions outside of the disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SunpyUserWarning)
        yield


def _apparent_radius(distance: float) -> float:
    """Return the apparent radius of the Sun in arcsec at a distance in m."""
    return float(np.degrees(np.arcsin(constants.radius.to_value(u.m) / distance)) * 3600)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
