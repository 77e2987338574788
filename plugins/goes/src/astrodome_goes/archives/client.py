"""sunpy's client of the XRS archives, at the addresses of the settings.

The client finds the files in the archives' directory pages and fetches them through
parfive. What differs here: a page that does not come, or is none, is an error instead of
an empty month, and a transfer may not stay silent for ever.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import parfive
from astrodome import AstrodomeError, http
from bs4 import BeautifulSoup
from parfive.utils import FailedDownload
from sunpy.net import attrs as a
from sunpy.net.dataretriever import QueryResponse
from sunpy.net.dataretriever.sources.goes import XRSClient
from sunpy.net.scraper import Scraper
from sunpy.time import TimeRange

from ..settings import NASA, NGDC, NOAA, GoesSettings

SERVICE = "The archive of GOES data"
RESOLUTIONS = {"1m": "avg1m", "1s": "flx1s"}
"""What NOAA's files call minute averages and all samples (1 s, GOES 8-15 2 or 3 s)."""
NEWER = (19,)
"""Satellites that follow those that sunpy lists, in the same folders."""
FITS_UNTIL = date(2001, 3, 1)
OLDER_UNTIL = date(2020, 3, 4)
"""The last day of GOES 8-15."""
NEWER_FROM = date(2017, 2, 7)
"""The days at which sunpy's client turns from one archive to the next."""


@dataclass(frozen=True)
class DayFile:
    """A file of an archive: its day, GOES number and name, and sunpy's row of its search."""

    day: date
    satellite: int
    name: str
    row: dict[str, Any]


class Pages(Scraper):  # type: ignore[misc]
    """Directory pages through a session of ours, with its time-outs and retries."""

    def __init__(self, session: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session = session

    def _httpfilelist(self, timerange: TimeRange) -> list[str]:
        """The addresses of the files of a time range; sunpy's own passes over an answer 500."""
        found: list[str] = []
        for folder in self.range(timerange):
            try:
                answer = http.get(self.session, folder, SERVICE)
            except http.StatusError as refused:
                if refused.status == 404:  # no data of that time
                    continue
                raise
            page = BeautifulSoup(answer.content, "html.parser")
            links = [str(link["href"]) for link in page.find_all("a", href=True)]
            if not links:
                raise AstrodomeError(
                    f"{SERVICE} answered {http.shown(folder)} with a page that is no directory.",
                    "Archives do so when they limit the rate; give the same command again later.",
                )
            for url in dict.fromkeys(urljoin(folder, link) for link in links):
                if self._url_follows_pattern(url) and self._check_timerange(url, timerange):
                    found.append(url)
        return found


class Client(XRSClient):  # type: ignore[misc]
    """sunpy's XRSClient over the archives of these settings."""

    def __init__(self, settings: GoesSettings) -> None:
        self.timeout = settings.timeout
        self.session = http.session(retries=3, backoff=0.3, timeout=(10, settings.timeout))
        self.pattern_old = _moved(XRSClient.pattern_old, settings.url_nasa, NASA)
        self.pattern_new = _moved(
            XRSClient.pattern_new.replace("_g{SatelliteNumber:2d}_", "_g{SatelliteNumber:02d}_"),
            settings.url_noaa,  # g08 and g09 have two digits
            NOAA,
        )
        self.pattern_r = _moved(XRSClient.pattern_r, settings.url_ngdc, NGDC)

    @classmethod
    def _can_handle_query(cls, *query: Any) -> bool:
        return False  # Fido goes on with sunpy's own; this one is asked directly

    @classmethod
    def register_values(cls) -> dict[Any, list[tuple[str, str]]]:
        values: dict[Any, list[tuple[str, str]]] = super().register_values()
        known = values[a.goes.SatelliteNumber]
        known += [
            (str(number), f"GOES Satellite Number {number}")
            for number in NEWER
            if str(number) not in dict(known)
        ]
        return values

    def _get_metalist_fn(self, matchdict: Any, pattern: str, **kwargs: Any) -> list[Any]:
        pages = Pages(self.session, format=pattern, **kwargs)
        span = TimeRange(matchdict["Start Time"], matchdict["End Time"])
        rows = []
        for found in pages._extract_files_meta(span, matcher=matchdict):
            rows.append({**self.post_search_hook(found, matchdict), **kwargs})
        return rows

    def satellites(self, first: date, last: date) -> list[int]:
        """The GOES numbers whose archive may cover some of these days, the highest first.

        0 stands for the archive before March 2001, whose folders hold all satellites.
        """
        if last < FITS_UNTIL:
            return [0]
        known = [int(number) for number, _ in self.register_values()[a.goes.SatelliteNumber]]
        served = [
            number
            for number in known
            if (number >= 16 and last >= NEWER_FROM) or (8 <= number <= 15 and first <= OLDER_UNTIL)
        ]
        return sorted(served, reverse=True)

    def find(self, first: date, last: date, satellite: int, resolution: str) -> list[DayFile]:
        """The files of the days from first to last, of one GOES (0: of all), in their last version.

        ``resolution`` is ``1m`` or ``1s``. Raises AstrodomeError when the archive does not answer.
        """
        if 0 < satellite < 16:
            last = min(last, OLDER_UNTIL)
        query = [a.Time(f"{first}", f"{last}"), a.Instrument("xrs")]
        query += [a.Resolution(RESOLUTIONS[resolution])] if last >= FITS_UNTIL else []
        query += [a.goes.SatelliteNumber(satellite)] if satellite else []
        latest: dict[tuple[date, int], DayFile] = {}
        for row in self.search(*query):
            found = _day_file(row)
            key = (found.day, found.satellite)
            if first <= found.day <= last and (
                key not in latest or _version(found.name) > _version(latest[key].name)
            ):
                latest[key] = found
        return sorted(latest.values(), key=lambda found: (found.day, found.satellite))

    def bring(
        self, wanted: Sequence[DayFile], folder: Path, jobs: int
    ) -> tuple[dict[str, str], float]:
        """Fetch files into a folder through parfive, ``jobs`` at a time.

        Returns the reasons of those that did not come, by name, and for how many seconds the
        archive asks to be left alone. Raises KeyboardInterrupt when the user stopped it.
        """
        silence = aiohttp.ClientTimeout(total=0, sock_connect=10, sock_read=self.timeout)
        downloader = parfive.Downloader(
            max_conn=jobs,
            max_splits=1,
            progress=False,
            overwrite=False,
            config=parfive.SessionConfig(timeouts=silence),
        )
        rows = QueryResponse([item.row for item in wanted], client=self)
        self.fetch(rows, path=str(folder), downloader=downloader, wait=False)
        results = _run(downloader.run_download())
        reasons, pause = {}, 0.0
        for failure in results.errors:
            if isinstance(failure.exception, asyncio.CancelledError):
                raise KeyboardInterrupt
            reason, after = _told(failure.exception)
            reasons[failure.url.rpartition("/")[2]] = reason
            pause = max(pause, after)
        return reasons, pause


def _moved(pattern: str, root: str, default: str) -> str:
    """A pattern of sunpy's at another root; at the default one it stays as sunpy has it."""
    if root.rstrip("/") == default:
        return pattern
    return re.sub(r"^https?://[^/]+", lambda _: root.rstrip("/"), pattern)


def _day_file(row: Any) -> DayFile:
    name = str(row["url"]).rpartition("/")[2]
    day = row["Start Time"].to_datetime().date()
    match = re.match(r"go(\d\d)|.*_g(\d\d)_d", name)
    satellite = int(match[1] or match[2]) if match else 0
    return DayFile(day, satellite, name, {column: row[column] for column in row.colnames})


def _version(name: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", name)))


def _run(download: Coroutine[Any, Any, parfive.Results]) -> parfive.Results:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(download)
    with ThreadPoolExecutor(1) as pool:  # in a notebook, which has a loop of its own
        return pool.submit(asyncio.run, download).result()


def _told(failure: Any) -> tuple[str, float]:
    """What an error of parfive says, and for how many seconds the archive wants a pause."""
    while isinstance(failure, FailedDownload):  # parfive wraps what it raises itself
        failure = failure.exception
    answer = getattr(failure, "response", failure)
    if isinstance(answer, aiohttp.ClientResponse):
        after = answer.headers.get("Retry-After", "")
        pause = float(after) if after.isdigit() else 0.0
        return f"the archive answered {answer.status} {answer.reason}", pause
    if isinstance(failure, TimeoutError):
        return "the archive fell silent", 0.0
    return (
        f"the transfer broke off ({' '.join(str(failure).split()) or type(failure).__name__})",
        0.0,
    )
