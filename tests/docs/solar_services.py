"""Fake servers for the commands on the pages about solar data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from PIL import Image
from services.goes import Archives
from services.gsu import Archive
from services.hek import Hek, flare, region
from sunpy.data.test import get_test_filepath


@contextmanager
def environment() -> Iterator[dict[str, str]]:
    """Start the fake servers; yield the environment variables with their addresses."""
    with Image.open(get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2")) as sun:
        images = Archive(sun)
    archives = Archives()
    archives.add(date(2019, 1, 2), 15)
    with images.server() as gsu, archives, Hek(flare_of_2011_06_07()).server() as hek:
        yield {
            "OMP_NUM_THREADS": "1",
            "ASTRODOME_GSU_URL": gsu.root,
            "ASTRODOME_HEK_URL": f"{hek.url}/hek/her",
            **archives.environment,
        }


def flare_of_2011_06_07() -> Sequence[dict[str, Any]]:
    """Return records of the flare M2.5 and of its active region, with the values of NOAA."""
    x, y = 701.7, -355.3  # S22W53 at the start of the flare
    place = {"hpc_x": x, "hpc_y": y, "hpc_coord": f"POINT({x} {y})", "ar_noaanum": 11226}
    here = {"fl_goescls": "M2.5", "hpc_bbox": box(x, y, 20, 20), **place}
    measured = flare(
        kb_archivid="ivo://helio-informatics.org/FL_SWPC_20110607_061600",
        event_starttime="2011-06-07T06:16:00",
        event_peaktime="2011-06-07T06:41:00",
        event_endtime="2011-06-07T06:59:00",
        **here,
    )
    x, y = 659.2, -350.8  # S22W49 at the start of the day
    place |= {"hpc_x": x, "hpc_y": y, "hpc_coord": f"POINT({x} {y})"}
    spots = region(
        kb_archivid="ivo://helio-informatics.org/AR_NOAASWPCObserver_20110607_NOAA11226",
        event_starttime="2011-06-07T00:00:00",
        event_endtime="2011-06-07T23:59:59",
        hpc_bbox=box(x, y, 90, 50),
        **place,
    )
    return [spots, measured]


def box(x: float, y: float, width: float, height: float) -> str:
    """Return a bounding box around a position as WKT; all values in arcsec."""
    left, right, bottom, top = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    return f"POLYGON(({','.join(f'{a:.1f} {b:.1f}' for a, b in corners)}))"
