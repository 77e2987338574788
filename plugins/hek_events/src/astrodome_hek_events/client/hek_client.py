"""Client for the HEK search service.

:class:`sunpy.net.hek.HEKClient` uses the same service, but has no timeout and no retries. It also
converts the records to table columns, which changes integers such as 1 to 1.0, and missing fields
to null.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from astrodome import AstrodomeError, http
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ..settings import HekSettings
from . import responses
from .windows import QueryWindow

SERVICE = "HEK"
CONNECT_TIMEOUT = 10.0
"""Connection timeout in seconds."""
FULL_DISK = {"event_coordsys": "helioprojective", "x1": -5000, "x2": 5000, "y1": -5000, "y2": 5000}
"""Request parameters for the search region, in arcsec.

The region is large enough to include coronal mass ejections."""
MAX_PAGES = 1000


class HekUnreachableError(AstrodomeError):
    """Raised if no connection to HEK can be established, so that retries are useless."""


class HekClient:
    """Thread-safe client for HEK, or for the mirror at ``settings.url``."""

    def __init__(self, settings: HekSettings, connections: int = 4) -> None:
        self.url = settings.url.rstrip("?&")
        self.page_size = settings.page_size
        self.session = http.session(
            retries=settings.retries,
            timeout=(CONNECT_TIMEOUT, settings.timeout),
            connections=connections,
        )
        # A request is not retried after a timeout. The caller splits the time window instead.
        for adapter in self.session.adapters.values():
            adapter.max_retries = adapter.max_retries.new(read=0)  # type: ignore[attr-defined]

    def fetch(self, window: QueryWindow) -> list[Any]:
        """Download the records of all events in a time window.

        Raises HekUnreachableError if no connection can be established. Raises AstrodomeError if
        the request times out, or if the response does not contain a list of events.
        """
        records: list[Any] = []
        for number in range(1, MAX_PAGES + 1):
            page = self._page({**parameters(window), "page": number})
            records += page.records
            if not page.has_more or not page.records:
                return records
        raise AstrodomeError(
            f"{SERVICE} returned more than {MAX_PAGES} pages of events.",
            "Increase the setting hek.page_size.",
        )

    def _page(self, query: Mapping[str, Any]) -> responses.ResponsePage:
        params = {**query, "result_limit": self.page_size}
        try:
            response = http.get(self.session, self.url, SERVICE, params=params)
        except AstrodomeError as error:
            if _is_connection_failure(error.__cause__):
                raise HekUnreachableError(error.message, error.hint) from error
            raise
        try:  # Invalid UTF-8 bytes, which occur in event descriptions, are replaced.
            return responses.parse(response.content.decode("utf-8", "replace"))
        except ValueError as error:
            kind = response.headers.get("Content-Type", "unknown type")
            raise AstrodomeError(
                f"{SERVICE} returned an invalid response ({kind}) for {http.shown(response.url)}: "
                f"{error}.",
                "Try again later.",
            ) from error


def parameters(window: QueryWindow) -> dict[str, Any]:
    """Return the request parameters for a time window. The end is rounded up to a whole second."""
    query = window.query
    end = window.end + timedelta(seconds=bool(window.end.microsecond))
    given: dict[str, Any] = {
        **{"cosec": 2, "cmd": "search", "type": "column"},  # cosec=2 requests JSON.
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
