"""The command ``scope journal``."""

from __future__ import annotations

from datetime import UTC, datetime

from astrodome import console, outputs
from astrodome.option_groups import option

from . import documents
from .options import Json, MarshalOptions, command

COLUMNS = ("started", "obj_id", "action", "state", "attempts", "request", "response")


@command
@outputs.declare(list[documents.JournalRow], reads_only=True)
def journal(
    obj_id: str = option("", "Show only requests for this source."),
    state: str = option("", "Show only requests in this state: done, found, refused or begun."),
    as_json: Json = False,
    *,
    service: MarshalOptions,
) -> None:
    """Show all requests that were sent to change a marshal, with their results.

    A request in the state 'begun' has an unknown outcome. The command that sent it determines the
    outcome when it is run again. A request in the state 'found' was completed, although its
    response was lost.
    """
    from astrodome import http, settings, sources

    from ..config import services
    from ..marshal.journal import RequestJournal, path_of

    if sources.choose("marshal", service.marshal, default="fritz") == "fritz":  # requires no token
        address = http.shown(settings.section("fritz", services.FritzSettings).url)
    else:
        address = service.open().address
    path = path_of(address)
    calls = []
    if path.is_file():
        opened = RequestJournal(path)
        calls = opened.calls(obj_id, state)
        opened.close()
    rows = (
        {
            **{name: call.get(name) for name in COLUMNS},
            "started": datetime.fromtimestamp(call["begun"], UTC).replace(tzinfo=None),
            "action": call["verb"],
            "response": call.get("said"),
        }
        for call in calls
    )
    optional = [("response",), ("request",), ("attempts",)]
    console.show(rows, columns=COLUMNS, as_json=as_json, optional=optional)
