"""Talking to HEK with sunpy's client, in a way that keeps what HEK said.

sunpy knows HEK's language: queries are its attributes, and the parameters, the region and the
pages those of :class:`sunpy.net.hek.HEKClient`. Its own download has no time-out, asks only once
and makes columns of the records, in which 1 becomes 1.0 and a field that is not there becomes
a null; so the pages come through the session of :mod:`astrodome.http`, each record with its text.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from astrodome import AstrodomeError, http
from astropy.table import Table
from sunpy.net import attr
from sunpy.net import attrs as a
from sunpy.net.hek import HEKClient
from sunpy.net.hek import attrs as hek
from sunpy.util import dict_keys_same

from ..settings import HekSettings
from . import responses
from .windows import Window

if TYPE_CHECKING:
    import requests

SERVICE = "HEK"
NO_CONNECTION = {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}
"""Errors of urllib3, which the host's session is made of."""
PAGES = 1000
"""More pages than any window has; beyond, HEK does not get to the end of them."""


class Unreachable(AstrodomeError):
    """There is no connection to HEK: asking for less does not help."""


@dataclass(frozen=True)
class Answer:
    """The records of a window, from how many pages and in how many seconds they came."""

    records: list[responses.Raw]
    pages: int
    seconds: float


class Hek(HEKClient):  # type: ignore[misc]
    """sunpy's client of HEK, or of a mirror at ``settings.url``; usable by several threads."""

    def __init__(self, settings: HekSettings, connections: int = 4) -> None:
        super().__init__(url=settings.url.rstrip("?&") + "?")
        self.default = {**HEKClient.default, "result_limit": settings.page_size}
        self.session = http.session(
            retries=settings.retries, timeout=(10.0, settings.timeout), connections=connections
        )
        for adapter in self.session.adapters.values():  # a window that takes too long is cut
            adapter.max_retries = adapter.max_retries.new(read=0)  # type: ignore[attr-defined]

    def ask(self, window: Window) -> Answer:
        """All events that HEK has of a window.

        Raises Unreachable without a connection, and AstrodomeError when HEK does not answer in
        time, or not with events.
        """
        query = window.query
        # HEK is asked for whole seconds, the last one included.
        end = window.end + timedelta(seconds=bool(window.end.microsecond))
        conditions = [
            a.Time(window.start.replace(microsecond=0), end.replace(microsecond=0)),
            hek.EventType(query.event_type),
        ]
        if query.frm_name:
            conditions.append(hek.FRM.Name == query.frm_name)
        if query.observatory:
            conditions.append(hek.OBS.Observatory == query.observatory)
        (parameters,) = hek.walker.create(attr.and_(*conditions), {})
        started = time.monotonic()
        records: list[responses.Raw] = []
        pages = 0
        for page in self._pages({**self.default, **parameters}):
            records += page.records
            pages += 1
        return Answer(records, pages, time.monotonic() - started)

    def _pages(self, parameters: Mapping[str, Any]) -> Iterator[responses.Document]:
        named = {_spelt(name): value for name, value in parameters.items()}
        for number in range(1, PAGES + 1):
            try:
                answer = http.get(self.session, self.url, SERVICE, params={**named, "page": number})
            except AstrodomeError as error:
                if _unconnected(error.__cause__):
                    raise Unreachable(error.message, error.hint) from error
                raise
            page = _read(answer)
            yield page
            if not page.more or not page.records:
                return
        raise AstrodomeError(f"{SERVICE} still has more events after {PAGES} pages.")

    def _download(self, data: Mapping[str, Any]) -> Table:
        """What sunpy's ``search`` makes its table of."""
        found = [raw.record for page in self._pages(data) for raw in page.records]
        return Table(dict_keys_same(found)) if found else Table()


def _unconnected(error: BaseException | None) -> bool:
    """Whether this is how requests says that it got no connection at all."""
    reason = getattr(error.args[0], "reason", None) if error and error.args else None
    return type(reason).__name__ in NO_CONNECTION


def _spelt(name: str) -> str:
    """The name of a parameter: sunpy says ``operator0`` for what HEK calls ``op0``."""
    return f"op{name.removeprefix('operator')}" if name.startswith("operator") else name


def _read(answer: requests.Response) -> responses.Document:
    """The events of an answer; a byte that is no UTF-8, seen in descriptions, costs a letter."""
    try:
        return responses.parse(answer.content.decode("utf-8", "replace"))
    except responses.NoEvents as error:
        why = "without events"
        cause: Exception = error
    except (ValueError, RecursionError) as error:
        kind = answer.headers.get("Content-Type", "no content type")
        why, cause = f"with {kind} instead of JSON", error
    raise AstrodomeError(
        f"{SERVICE} answered {http.shown(answer.url)} {why}.", "Try again later."
    ) from cause
