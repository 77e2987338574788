"""The command ``scope vet``."""

from __future__ import annotations

import shutil
import tempfile
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from astrodome import InvalidInputError, console, outputs
from astrodome.option_groups import OptionGroup, option

from . import documents
from .options import LIGHT_CURVES, ROWS, SERVICES, Json, LightCurveFiles, command


class PageLightCurves(OptionGroup, panel=LIGHT_CURVES):
    """Options that specify where the light curves on the page are read from."""

    light_curves: LightCurveFiles = None
    catalogue: str = option(
        "", "Catalogue with light curves: kowalski or local:FOLDER (optional).", panel=SERVICES
    )
    radius_arcsec: float = option(
        2.0, "Maximum separation between a source and its light curves, in arcsec."
    )

    def open(self, stack: ExitStack) -> Any:
        """Return an object that provides the light curves, or None if none are specified.

        Temporary copies of files are deleted when ``stack`` is closed.
        """
        if self.catalogue and self.light_curves:
            raise InvalidInputError("Specify either --light-curves or --catalogue, not both.")
        if self.catalogue:
            from ..catalogues.registry import open_catalogue

            return open_catalogue(self.catalogue)
        if not self.light_curves:
            return None
        from ..vetting.sorted_light_curves import SortedLightCurves

        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="scope-"))
        found = SortedLightCurves(self.light_curves, Path(folder))
        if not found.has_positions:
            console.warn(
                "The light-curve files contain no positions (columns ra and dec). Light curves are "
                "found only by the identifier in the column _id of the table."
            )
        return found


@command
@outputs.declare(documents.VettingDocument)
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
    port: int = option(0, "Local port of the web server; 0 means any free port.", min=0, max=65535),
    browser: bool = option(True, "Open the page in a browser.", "--browser/--no-browser"),
    as_json: Json = False,
    *,
    light_curves: PageLightCurves,
) -> None:
    """Accept, reject or relabel sources on a web page that is served only on localhost.

    Every decision is saved immediately. To resume vetting, run the same command again.
    """
    from ..vetting import browser_page, candidates
    from ..vetting.decisions import ACTIONS, UNDO, Decisions
    from ..vetting.server import VettingServer

    with ExitStack() as stack:
        source = light_curves.open(stack)
        found = candidates.read(file, label or (), source, light_curves.radius_arcsec)
        decisions = Decisions(out, found)
        server = stack.enter_context(VettingServer(found, decisions, port))
        console.note(f"Vetting page: {server.url} (press Ctrl-C to stop).")
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
