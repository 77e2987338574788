"""Fake servers for the commands on the pages about solar data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from PIL import Image
from services.goes import Archives
from services.gsu import Archive
from services.hek import Hek, region
from sunpy.data.test import get_test_filepath

DAY = "2011-06-07"
"""Day of the flare in the tutorial, for which sunpy contains GOES data."""


@contextmanager
def environment() -> Iterator[dict[str, str]]:
    """Start the fake servers; yield the environment variables with their addresses."""
    with Image.open(get_test_filepath("2013_06_24__17_31_30_84__SDO_AIA_AIA_193.jp2")) as sun:
        archive = Archive(sun)
    goes, hek = Archives(), Hek(events())
    goes.add(date(2011, 6, 7), 15, "fits")
    with archive.server() as images, goes, hek.server() as events_server:
        yield {
            "ASTRODOME_GSU_URL": images.root,
            "ASTRODOME_HEK_URL": f"{events_server.url}/hek/her",
            **goes.environment,
        }


def events() -> list[object]:
    return [region()]
