"""Client of the HEK search service.

:class:`sunpy.net.hek.HEKClient` searches the same service, but without a timeout or retries,
and converts the records to columns, in which 1 becomes 1.0 and missing fields become null.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from astrodome import AstrodomeError, http
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ..settings import HekSettings
from . import responses
from .windows import QueryWindow

if TYPE_CHECKING:
    import requests

SERVICE = "HEK"
CONNECT_TIMEOUT = 10.0
"""Maximum time to connect, in seconds."""
FULL_DISK = {"event_coordsys": "helioprojective", "x1": -5000, "x2": 5000, "y1": -5000, "y2": 5000}
"""Search region in arcsec; large enough for coronal mass ejections."""
MAX_PAGES = 1000


class HekUnreachableError(AstrodomeError):
    """No connection to HEK can be established, so smaller requests would fail too."""


@dataclass(frozen=True)
class HekResponse:
    """All records of a time window, the number of pages, and the duration of the requests."""

    records: list[Any]
    pages: int
    seconds: float


class HekClient:
    """A client of HEK, or of a mirror at ``settings.url``; several threads can use it."""

    def __init__(self, settings: HekSettings, connections: int = 4) -> None:
        self.url = settings.url.rstrip("?&")
        self.page_size = settings.page_size
        self.session = http.session(
            retries=settings.retries,
            timeout=(CONNECT_TIMEOUT, settings.timeout),
            connections=connections,
        )
        # A request that times out is not repeated: the caller splits its time window instead.
        for adapter in self.session.adapters.values():
            adapter.max_retries = adapter.max_retries.new(read=0)  # type: ignore[attr-defined]

    def fetch(self, window: QueryWindow) -> HekResponse:
        """Download all events of a time window.

        Raises HekUnreachableError if no connection can be established, and AstrodomeError if
        HEK does not respond in time or responds without events.
        """
        started = time.monotonic()
        records: list[Any] = []
        pages = 0
        for page in self._pages(parameters(window)):
            records += page.records
            pages += 1
        return HekResponse(records, pages, time.monotonic() - started)

    def _pages(self, query: Mapping[str, Any]) -> Iterator[responses.ResponsePage]:
        for number in range(1, MAX_PAGES + 1):
            params = {**query, "result_limit": self.page_size, "page": number}
            try:
                response = http.get(self.session, self.url, SERVICE, params=params)
            except AstrodomeError as error:
                if _is_connection_failure(error.__cause__):
                    raise HekUnreachableError(error.message, error.hint) from error
                raise
            page = _parse(response)
            yield page
            if not page.has_more or not page.records:
                return
        raise AstrodomeError(f"{SERVICE} returned more than {MAX_PAGES} pages of events.")


def parameters(window: QueryWindow) -> dict[str, Any]:
    """Return the request parameters for a time window, which HEK limits to whole seconds."""
    query = window.query
    end = window.end + timedelta(seconds=bool(window.end.microsecond))
    given: dict[str, Any] = {
        **{"cosec": 2, "cmd": "search", "type": "column"},  # cosec=2: JSON
        "event_type": query.event_type,
        "event_starttime": window.start.isoformat(timespec="seconds"),
        "event_endtime": end.isoformat(timespec="seconds"),
        **FULL_DISK,
    }
    conditions = {"FRM_Name": query.frm_name, "OBS_Observatory": query.observatory}
    for number, (name, value) in enumerate((n, v) for n, v in conditions.items() if v):
        given |= {f"param{number}": name, f"op{number}": "=", f"value{number}": value}
    return given


def _is_connection_failure(error: BaseException | None) -> bool:
    reason = getattr(error.args[0], "reason", None) if error and error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _parse(response: requests.Response) -> responses.ResponsePage:
    """Parse a response, with invalid bytes, which occur in descriptions, replaced."""
    try:
        return responses.parse(response.content.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        message = f"{response.headers.get('Content-Type', 'no content type')} instead of JSON"
        if isinstance(error, responses.MissingRecordsError):
            message = "a document without events"
        raise AstrodomeError(
            f"{SERVICE} returned {message} for {http.shown(response.url)}.", "Try again later."
        ) from error
