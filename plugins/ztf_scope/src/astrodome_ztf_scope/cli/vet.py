"""``scope vet``: a page on this machine on which a person walks through sources."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from astrodome import console

from .options import WHERE, WHICH, Json, catalogue_of, command, option


def vet(
    file: Annotated[
        Path, option("CSV, Parquet or HDF5 of sources: predictions, or a list.", "--file")
    ],
    out: Annotated[Path, option("The result, a CSV that upload-classification takes.")] = Path(
        "vetted.csv"
    ),
    label: Annotated[
        list[str] | None,
        option("A label to choose from; repeatable [tags of the scores].", panel=WHICH),
    ] = None,
    catalogue: Annotated[
        str, option("Where light curves are: kowalski, or local:FOLDER [none].", panel=WHERE)
    ] = "",
    radius_arcsec: Annotated[
        float, option("Radius (arcsec) within which light curves are of a source.", panel=WHERE)
    ] = 2.0,
    port: Annotated[int, option("Port on this machine; 0: any.", min=0, max=65535)] = 0,
    browser: Annotated[bool, option("Open the page.", "--browser/--no-browser")] = True,
    as_json: Json = False,
) -> None:
    """Accept, reject or relabel sources on a page that only this machine can see.

    Every decision is kept at once; the same command again goes on.
    """
    from ..vetting import browser_page, candidates
    from ..vetting.decisions import Decisions
    from ..vetting.server import Server

    source = catalogue_of(catalogue) if catalogue else None
    found = candidates.read(file, label or (), source, radius_arcsec)
    decisions = Decisions(out, found)
    with Server(found, decisions, port) as server:
        console.note(f"Vet at {server.url} (Ctrl-C ends).")
        with ExitStack() as stack:
            if browser:
                page = stack.enter_context(browser_page.redirecting(server.url))
                server.on_open = lambda: browser_page.remove(page.parent)
                browser_page.in_browser(page)
            try:
                server.finished.wait()
            except KeyboardInterrupt:
                console.note("Stopped. Run the same command again to resume.")
    made = decisions.made.values()
    counts = {a: sum(one["action"] == a for one in made) for a in ("accept", "relabel", "reject")}
    left = len(found.rows) - len(decisions.made)
    console.show_one({"file": str(out), **counts, "left": left}, as_json=as_json)


vet_command = command(vet)
