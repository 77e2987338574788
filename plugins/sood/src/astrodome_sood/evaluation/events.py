"""Regions of catalogued events as the pixels that should score high.

An event's outline (or box, where it has none) is where it was when it began, as seen from the
Earth. It is turned with the Sun to the time of the image, which is taken to be a whole frame of
SDO with solar north up: 0.6 arcsec a pixel at 4096 px, the disk's centre in the middle, unless
``meta.csv`` beside the images says where the disk is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, sources, times
from numpy.typing import NDArray

from ..protocols import ImageSet
from .compare import Case

FRAME, SCALE = 4096, 0.6
"""Side of SDO's full frame (px) and its scale (arcsec/px)."""
OUTLINES = ("hpc_boundcc", "hpc_bbox")
"""HEK's fields of an event's place in helioprojective arcseconds, as WKT; the best first."""


class Events:
    """Images of which the regions of events are known, from the source of kind ``events``."""

    def __init__(self, images: ImageSet, types: Sequence[str], source: str = "") -> None:
        try:
            import sunpy.coordinates  # noqa: F401
        except ImportError as error:
            raise AstrodomeError(
                "Regions of events need sunpy and shapely.",
                "pip install 'astrodome-sood[events]'",
            ) from error
        self._images, self._types = images, list(types)
        self._catalogue = sources.get("events", source)
        about = [images.describe(index) for index in range(len(images))]
        self._times = {n: times.utc(str(a["t_obs"])) for n, a in enumerate(about) if a.get("t_obs")}
        self._metas: dict[Path, dict[str, dict[str, str]]] = {}
        self._found = {index: self._records(time) for index, time in self._times.items()}
        self._found = {index: found for index, found in self._found.items() if found}
        if not self._found:
            raise AstrodomeError(
                f"No event of the types {', '.join(types)} has a place at the time of an image.",
                "Get the events first: sdo events get --start … --end … --event-type AR",
            )

    def _records(self, time: datetime) -> list[dict[str, Any]]:
        records = self._catalogue.search(time, time, self._types)
        return [record for record in records if any(record.get(key) for key in OUTLINES)]

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Case]:
        for index, records in self._found.items():
            about = self._images.describe(index)
            image = self._images[index]
            path = Path(str(about.get("path")))
            centre, scale = self._geometry(path, image.shape[-1])
            mask = np.zeros(image.shape[1:], bool)
            for record in records:
                mask |= region(record, self._times[index], centre, scale, image.shape[-1])
            wavelength = about.get("wavelength")
            yield Case(index, path.name, "events", image, None, mask, wavelength)

    def about(self) -> dict[str, Any]:
        return {
            "reference": "events",
            "event_types": self._types,
            "events": sum(map(len, self._found.values())),
            "left_out": len(self._images) - len(self._found),
        }

    def _geometry(self, path: Path, side: int) -> tuple[tuple[float, float], float]:
        """The disk's centre from the upper left corner (px), and the scale (arcsec/px)."""
        if path.parent not in self._metas:
            self._metas[path.parent] = _meta(path.parent / "meta.csv")
        row = self._metas[path.parent].get(path.stem, {})
        share = side / FRAME
        try:
            x0, y0, scale = (float(row[key]) for key in ("X0", "Y0", "CDELT"))
        except (KeyError, ValueError):
            return (side / 2, side / 2), SCALE / share
        return (x0 * share, side - y0 * share), scale / share


def _meta(path: Path) -> dict[str, dict[str, str]]:
    """Rows of ``meta.csv`` by the names of the images, without endings."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = ("file_name", "filename", "file", "path", "name", "id")
    key = next((name for name in names if rows and name in rows[0]), None)
    return {Path(row[key]).stem: row for row in rows} if key else {}


def region(
    record: dict[str, Any],
    time: datetime,
    centre: tuple[float, float],
    scale: float,
    side: int,
) -> NDArray[np.bool_]:
    """The pixels (side, side) of an event at a time; row 0 is solar north.

    ``centre`` is the disk's, from the upper left corner (px), ``scale`` in arcsec/px.
    """
    from shapely import wkt
    from shapely.errors import ShapelyError
    from skimage.draw import polygon2mask

    mask = np.zeros((side, side), bool)
    try:
        shape = wkt.loads(next(record[key] for key in OUTLINES if record.get(key)))
    except ShapelyError:
        return mask
    for part in getattr(shape, "geoms", [shape]):
        if part.geom_type != "Polygon" or part.is_empty:
            continue
        outline = np.asarray(part.segmentize(20).exterior.coords)[:, :2]
        since = times.utc(str(record["event_starttime"]))
        places = rotated(outline, since, time)
        if len(places) < 3:
            continue
        rows = centre[1] - places[:, 1] / scale - 0.5
        columns = centre[0] + places[:, 0] / scale - 0.5
        mask |= polygon2mask((side, side), np.column_stack([rows, columns]))
    return mask


def rotated(places: NDArray[np.floating[Any]], since: datetime, time: datetime) -> Any:
    """Helioprojective places (arcsec; N, 2) seen from the Earth at ``since``, turned with the Sun
    to ``time`` (Howard et al. 1990, Sol. Phys. 130, 295); without those that lie beside the disk
    or have gone behind the limb.
    """
    import warnings

    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from sunpy.coordinates import HeliographicStonyhurst, Helioprojective, get_earth
    from sunpy.coordinates.sun import angular_radius
    from sunpy.sun.models import differential_rotation

    on_disk = np.hypot(*places.T) < angular_radius(since).to_value(u.arcsec)
    if not on_disk.any():
        return places[:0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = SkyCoord(
            *(places[on_disk] * u.arcsec).T,
            frame=Helioprojective(observer=get_earth(since), obstime=since),
        ).transform_to(HeliographicStonyhurst(obstime=since))
        days = (time - since).total_seconds() / 86400 * u.day
        # relative to the stars, less what the Earth itself has gone on
        moved = differential_rotation(days, seen.lat, frame_time="synodic")
        now = SkyCoord(
            seen.lon + moved,
            seen.lat,
            seen.radius,
            frame=HeliographicStonyhurst(obstime=time),
        ).transform_to(Helioprojective(observer=get_earth(time), obstime=time))
        front = np.cos(seen.lon + moved) > 0
    arcsec = np.column_stack([now.Tx.to_value(u.arcsec), now.Ty.to_value(u.arcsec)])
    return arcsec[np.asarray(front)]
