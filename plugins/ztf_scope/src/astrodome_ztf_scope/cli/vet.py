"""The command ``scope vet``."""

from __future__ import annotations

import shutil
import webbrowser
from contextlib import ExitStack
from pathlib import Path

from astrodome import console
from astrodome.option_groups import option

from .options import ROWS, SERVICES, Json, command


@command
def vet(
    file: Path = option(
        ...,
        "CSV, Parquet or HDF5 file with sources, for example the output of scope predict.",
        "--file",
    ),
    out: Path = option(Path("vetted.csv"), "CSV file for the accepted sources."),
    label: list[str] | None = option(
        None,
        "Label that can be selected on the page. Can be repeated (default: the tags of all classes "
        "that have scores).",
        panel=ROWS,
    ),
    catalogue: str = option(
        "", "Catalogue with light curves: kowalski or local:FOLDER (optional).", panel=SERVICES
    ),
    radius_arcsec: float = option(
        2.0, "Maximum separation between a source and its light curves, in arcsec.", panel=SERVICES
    ),
    port: int = option(0, "Local port of the web server; 0 means any free port.", min=0, max=65535),
    browser: bool = option(True, "Open the page in a browser.", "--browser/--no-browser"),
    as_json: Json = False,
) -> None:
    """Accept, reject or relabel sources on a web page that is served only on localhost.

    Every decision is saved immediately. To resume vetting, run the same command again.
    """
    from ..catalogues.registry import open_catalogue
    from ..vetting import browser_page, candidates
    from ..vetting.decisions import ACTIONS, UNDO, Decisions
    from ..vetting.server import VettingServer

    source = open_catalogue(catalogue) if catalogue else None
    found = candidates.read(file, label or (), source, radius_arcsec)
    decisions = Decisions(out, found)
    with VettingServer(found, decisions, port) as server:
        console.note(f"Vetting page: {server.url} (press Ctrl-C to stop).")
        with ExitStack() as stack:
            if browser:
                page = stack.enter_context(browser_page.redirecting(server.url))
                server.on_open = lambda: shutil.rmtree(page.parent, ignore_errors=True)
                webbrowser.open(page.as_uri())
            try:
                server.finished.wait()
            except KeyboardInterrupt:
                console.note("Stopped. Run the same command again to resume.")
    made = [decision["action"] for decision in decisions.made.values()]
    counts = {action: made.count(action) for action in ACTIONS if action != UNDO}
    left = len(found.rows) - len(made)
    console.show_one({"file": str(out), **counts, "left": left}, as_json=as_json)
