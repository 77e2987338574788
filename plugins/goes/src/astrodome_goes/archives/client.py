"""Search the archives of GOES XRS data for files, and download the files.

Every archive lists its files on HTML directory pages. The NASA archive contains the data before
March 2001. The NOAA archives contain the science products of GOES 8 and all later satellites.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

from astrodome import AstrodomeError, compute, files, http
from bs4 import BeautifulSoup

from ..settings import GoesSettings

SERVICE = "The GOES archive"
RESOLUTIONS = ("1m", "1s")
"""Supported resolutions: one-minute averages (``1m``) and all samples (``1s``).

The time between two samples is 1 second, or 2 to 3 seconds for GOES 15 and earlier satellites.
"""
SATELLITES = range(19, 7, -1)
"""GOES numbers of the satellites with NOAA science products, in descending order."""
MAX_DURATION = 600.0
"""Maximum time to download a single file, in seconds."""
NOAA_FROM = date(2001, 3, 1)
GOES_15_UNTIL = date(2020, 3, 4)
GOES_16_FROM = date(2017, 2, 7)
NGDC_PATH = "platforms/solar-space-observing-satellites/goes"
NOAA_PATH = "data/goes-space-environment-monitor/access/science/xrs"
ANY_SATELLITE = 0
"""Placeholder for the satellite number in the NASA archive.

A folder in this archive contains the files from all satellites.
"""


@dataclass(frozen=True)
class RemoteFile:
    """A file in an archive, with the data from one satellite (GOES number) for one day."""

    day: date
    satellite: int
    url: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


class ArchiveClient:
    """Client for the NASA and NOAA archives of GOES X-ray data.

    The settings contain the URLs of the archives.
    """

    def __init__(self, settings: GoesSettings) -> None:
        self.settings = settings
        self.session = http.session(retries=3, backoff=0.3, timeout=(10, settings.timeout))

    def satellites(self, first: date, last: date) -> list[int]:
        """Return the GOES numbers of the satellites that may have data for the given days.

        The numbers are in descending order. If all days are before March 2001, the list contains
        only ``ANY_SATELLITE``.
        """
        if last < NOAA_FROM:
            return [ANY_SATELLITE]
        return [
            number
            for number in SATELLITES
            if (last >= GOES_16_FROM if number >= 16 else first <= GOES_15_UNTIL)
        ]

    def find(self, month: date, satellite: int, resolution: str) -> list[RemoteFile]:
        """Return the latest version of each file for a month and a satellite.

        Raises AstrodomeError if the archive does not return a directory page.
        """
        folder, pattern = self._location(month, satellite, resolution)
        latest: dict[tuple[date, int], RemoteFile] = {}
        for url in self._links(folder):
            match = re.fullmatch(pattern, url.rpartition("/")[2])
            if not match or int(match["month"]) != month.month:
                continue
            with suppress(ValueError):  # The date in the file name is invalid.
                day = month.replace(day=int(match["day"]))
                found = RemoteFile(day, int(match["satellite"]), url)
                key = (day, found.satellite)
                if key not in latest or _version(found) > _version(latest[key]):
                    latest[key] = found
        return sorted(latest.values(), key=lambda found: (found.day, found.satellite))

    def fetch(self, wanted: Sequence[RemoteFile], folder: Path, jobs: int) -> dict[str, str]:
        """Download files to a folder with ``jobs`` threads, and skip existing files.

        Returns a dictionary that maps the name of each failed file to the reason for the failure.
        """
        folder.mkdir(parents=True, exist_ok=True)
        missing = [file for file in wanted if not (folder / file.name).exists()]
        results = compute.map(partial(self._download, folder), missing, jobs=jobs, threads=True)
        return {result.item.name: result.error for result in results if result.error}

    def _download(self, folder: Path, file: RemoteFile) -> None:
        with http.get(self.session, file.url, SERVICE, stream=True) as response:
            content = http.content(response, SERVICE, deadline=MAX_DURATION)
        files.write_bytes(folder / file.name, content)

    def _location(self, month: date, satellite: int, resolution: str) -> tuple[str, str]:
        """Return the URL of a folder, and a regular expression for the names of the files in it."""
        if satellite == ANY_SATELLITE:
            folder = f"{self.settings.url_nasa.rstrip('/')}/goes/fits/{month:%Y}/"
            year = f"(?:{month:%Y}|{month:%y})"
            return folder, rf"go(?P<satellite>\d\d){year}(?P<month>\d\d)(?P<day>\d\d)\.fits"
        if satellite >= 16:
            products = {"1m": "xrsf-l2-avg1m", "1s": "xrsf-l2-flx1s"}
            root, path = self.settings.url_ngdc, f"{NGDC_PATH}/goes{satellite}/l2/data"
        else:
            products = {"1m": "xrsf-l2-avg1m", "1s": "gxrs-l2-irrad"}
            root, path = self.settings.url_noaa, f"{NOAA_PATH}/goes{satellite:02d}"
        product = products[resolution]
        folder = f"{root.rstrip('/')}/{path}/{product}_science/{month:%Y/%m}/"
        name = rf"sci_{product}_g(?P<satellite>{satellite:02d})_d{month:%Y}(?P<month>\d\d)"
        return folder, name + r"(?P<day>\d\d)_.+\.nc"

    def _links(self, folder: str) -> Iterator[str]:
        """Yield the URLs of the links on a directory page, or nothing if the page is not found."""
        try:
            response = http.get(self.session, folder, SERVICE)
        except http.StatusError as error:
            if error.status == 404:  # The archive has no data for the month.
                return
            raise
        links = BeautifulSoup(response.content, "html.parser").find_all("a", href=True)
        if not links:
            raise AstrodomeError(
                f"{SERVICE} returned a web page without links for {http.shown(folder)}: expected a "
                "directory page.",
                "The archive may limit the request rate. Run the same command again later.",
            )
        for link in links:
            yield urljoin(folder, str(link["href"]))


def _version(found: RemoteFile) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", found.name)]
