"""Download events from HEK into a store, or return them as a DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any

from astrodome import AstrodomeError, compute, settings
from astrodome_solar.times import parse_range

from . import event_types as codes
from . import records
from .client.fetching import fetch_windows
from .client.hek_client import HekClient
from .client.windows import ALL_TYPES, HekQuery, QueryWindow
from .settings import HekSettings
from .store.event_store import EventStore, to_frame

if TYPE_CHECKING:
    import pandas as pd

FRESH = timedelta(hours=1)
"""Duration for which a recent window counts as complete after it is downloaded.

HEK can receive more events for a recent window. The window is therefore requested again if its
download is older than ``FRESH``.
"""


def search(
    start: Any,
    end: Any,
    event_types: str | Sequence[str] = (),
    *,
    frm: str = "",
    observatory: str = "",
) -> pd.DataFrame:
    """Search HEK for events that overlap a time range, without storing them.

    Parameters
    ----------
    start, end : str, datetime, numpy.datetime64, pandas.Timestamp or Time
        Start and end time (UTC), both inclusive. If the end time is a date without a time of
        day, the whole day is included.
    event_types : str or sequence of str, optional
        HEK event type codes, for example ``AR`` or ``FL``. The default is all event types.
    frm : str, optional
        Name of a feature recognition method, for example ``SPoCA``.
    observatory : str, optional
        Name of an observatory, for example ``SDO``.

    Returns
    -------
    pandas.DataFrame
        One row per event, sorted by start time. The columns are the same as in the result of
        :meth:`EventStore.query`.

    Raises
    ------
    AstrodomeError
        If HEK is unreachable or does not respond, or if an argument is invalid.

    Examples
    --------
    >>> events = search("2023-03-29", "2023-03-30", ["FL"])
    >>> sorted(events["fl_goescls"])
    ['C5.6', 'C5.7']
    """
    queries = make_queries(event_types, frm, observatory)
    windows = [QueryWindow(query, *parse_range(start, end)) for query in queries]
    rows: dict[str, dict[str, Any]] = {}
    with closing(fetch_windows(_client(), windows)) as results:
        for window, found, error in results:
            if found is None:
                raise AstrodomeError(f"Cannot download events ({window}): {error}")
            rows |= {row["kb_archivid"]: row for row in map(records.to_row, found)}
    ordered = sorted(rows.values(), key=lambda row: (row["event_starttime"], row["kb_archivid"]))
    records.add_corners(ordered)
    return to_frame(ordered)


def download(
    store: EventStore | str | PathLike[str],
    start: Any,
    end: Any,
    event_types: str | Sequence[str] = ("AR",),
    *,
    frm: str = "",
    observatory: str = "",
    jobs: int = 4,
    overwrite: bool = False,
) -> compute.Outcome:
    """Download the events in a time range from HEK into a store.

    Parameters
    ----------
    store : EventStore, or path-like
        The store to which the events are added, or the path of its SQLite file.
    start, end, event_types, frm, observatory
        See :func:`search`. An empty sequence of event types selects all event types.
    jobs : int, optional
        Number of simultaneous requests.
    overwrite : bool, optional
        Whether to download time windows again if they are already complete in the store.

    Returns
    -------
    astrodome.compute.Outcome
        ``done`` is the number of stored events. ``failed`` contains each time window that could
        not be downloaded and each record that is invalid, with the error message.

    Raises
    ------
    AstrodomeError
        If the database is not accessible, or if an argument is invalid.

    Examples
    --------
    >>> store = EventStore("march.sqlite")
    >>> download(store, "2023-03-29", "2023-03-30", ["AR"]).done
    8
    """
    queries = make_queries(event_types, frm, observatory)
    if not isinstance(store, EventStore):
        store = EventStore(store)
    windows = missing_windows(store, queries, start, end, overwrite=overwrite)
    return download_windows(store, windows, jobs)


def make_queries(event_types: str | Sequence[str], frm: str, observatory: str) -> list[HekQuery]:
    """Return one query per event type, or one query for all types if ``event_types`` is empty."""
    parsed = codes.parse_codes(event_types) or [ALL_TYPES]
    return [HekQuery(code, frm, observatory) for code in parsed]


def missing_windows(
    store: EventStore,
    queries: Sequence[HekQuery],
    start: Any,
    end: Any,
    *,
    overwrite: bool = False,
) -> list[QueryWindow]:
    """Return the time windows between ``start`` and ``end`` that must be downloaded.

    Windows that are already complete in the store are omitted, unless ``overwrite`` is True.
    """
    whole = [QueryWindow(query, *parse_range(start, end)) for query in queries]
    if overwrite:
        return whole
    settle = timedelta(days=_settings().settle_days)
    return [part for window in whole for part in store.missing_windows(window, settle, FRESH)]


def download_windows(
    store: EventStore,
    windows: Sequence[QueryWindow],
    jobs: int = 4,
    on_stored: Callable[[QueryWindow], None] = lambda window: None,
) -> compute.Outcome:
    """Download the events in time windows into a store, and return the number of stored events.

    The events in a window are stored in one transaction, which also marks the window as complete.
    An interrupted download can therefore be resumed. ``on_stored`` is called with each window
    after it is stored.
    """
    ids: set[str] = set()
    failed: list[tuple[str, str]] = []
    with closing(fetch_windows(_client(jobs), windows, jobs)) as results:
        for window, found, error in results:
            if found is None:
                failed.append((str(window), error))
                continue
            added = store.add(found, label=f"{window.query}:", window=window)
            ids.update(added.ids)
            failed += added.failed
            on_stored(window)
    return compute.Outcome(done=len(ids), failed=failed)


def _client(connections: int = 4) -> HekClient:
    return HekClient(_settings(), connections)


def _settings() -> HekSettings:
    return settings.section("hek", HekSettings)
