"""The command ``scope lightcurve``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from astrodome import console, outputs
from astrodome.files import check_extension
from astrodome.option_groups import OptionGroup, option

from . import documents
from .features import CLEANING, CleaningOptionGroup, SearchOptionGroup, feature_options
from .options import LIGHT_CURVES, CatalogueName, Json, LightCurveFiles, command

if TYPE_CHECKING:
    import pyarrow as pa

    from ..features.inspection import InspectedLightCurve, SourceInspection

EXTENSIONS = (".html", ".png", ".pdf", ".svg")
RANKS = 3
"""Number of periods per algorithm that are shown."""
SHOWN = ("median", "wstd", "chi2red", "inv_vonneumannratio", "stetson_k")
"""Statistics that are shown for each light curve."""


class SourceOptions(OptionGroup, panel=LIGHT_CURVES):
    """Options that specify where the light curves are read from."""

    file: LightCurveFiles = None
    catalogue: CatalogueName = ""
    radius_arcsec: float = option(
        2.0, "Maximum separation between the position and a light curve, in arcsec.", min=0.01
    )

    def find(self, source: str) -> pa.Table:
        """Return the light curves of a source."""
        from ..catalogues import source_light_curves
        from ..catalogues.registry import open_catalogue

        source_light_curves.parse_position(source)  # Raise an error before the first request.
        if self.file:
            return source_light_curves.in_files(self.file, source, self.radius_arcsec)
        catalogue = open_catalogue(self.catalogue)
        return source_light_curves.in_catalogue(catalogue, source, self.radius_arcsec)


class InspectionCleaning(CleaningOptionGroup, panel=CLEANING):
    """Options that select the epochs, without a minimum number of epochs by default."""

    min_points: int = option(1, "Minimum number of epochs of a light curve after cleaning.", min=1)


@command
@outputs.declare(documents.LightCurveDocument, reads_only=True, writes_with=("out",))
def light_curve(
    source: str = typer.Argument(
        ...,
        metavar="SOURCE",
        help="Identifier of a light curve, or a position RA,DEC in degrees.",
    ),
    out: list[Path] | None = option(
        None,
        "Output file: .html (page), .png, .pdf or .svg (plots). Can be repeated.",
        dir_okay=False,
    ),
    period: float | None = option(
        None, "Period at which the light curves are folded, in days (default: the best period)."
    ),
    as_json: Json = False,
    *,
    light_curves: SourceOptions,
    search: SearchOptionGroup,
    cleaning: InspectionCleaning,
) -> None:
    """Show the light curves, periods and features of one source.

    All light curves near a position are searched for a period together, after the median magnitude
    of each light curve has been subtracted.
    """
    from ..features.inspection import inspect_source

    for path in out or ():
        check_extension(path, EXTENSIONS)
    options = feature_options(light_curves.radius_arcsec, search, cleaning)
    found = inspect_source(light_curves.find(source), source, options, period=period)
    _write(out or (), found)
    if as_json:
        console.show_json(_document(found, out or ()))
    else:
        _show(found)
    for path in out or ():
        console.note(f"Wrote {path}.")


def _write(paths: Sequence[Path], inspection: SourceInspection) -> None:
    from ..vetting import light_curve_page, light_curve_plots

    for path in paths:
        if path.suffix.lower() == ".html":
            light_curve_page.write(path, inspection)
        else:
            light_curve_plots.write(path, inspection)


def _show(inspection: SourceInspection) -> None:
    """Print the summary: the best period, the periods of each algorithm, and the light curves."""
    position = {}
    if inspection.ra == inspection.ra:
        position = {"ra": inspection.ra, "dec": inspection.dec}
    best = _best_period(inspection)
    if not inspection.is_multiple:
        del best["log10_fap_period"]
    console.show_one({"source": inspection.name, **position, **best})
    console.show(_period_rows(inspection, RANKS))
    rows = [
        {**row, **{name: curve.statistics[name] for name in SHOWN}}
        for row, curve in _light_curve_rows(inspection)
    ]
    console.show(rows, optional=[(name,) for name in reversed(SHOWN)])
    if console.on_terminal() and (sys.stdout.encoding or "utf-8").lower().startswith("utf"):
        from ..vetting import text_plots

        lines = text_plots.folded(inspection.folded[1.0])
        if lines:
            print("\n".join(f"   {line}" for line in lines))
            print(f"   two cycles, period {inspection.period:.8g} d, brightest at the top")


def _best_period(inspection: SourceInspection) -> dict[str, Any]:
    names = ("period", "algorithm", "significance", "log10_fap", "log10_fap_period")
    return {name: getattr(inspection, name) for name in names}


def _period_rows(inspection: SourceInspection, ranks: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a row for each period of each algorithm, or for the first ``ranks`` periods."""
    for algorithm, peaks in inspection.peaks.items():
        columns = (peaks.period, peaks.significance, peaks.log10_fap)
        for rank, values in enumerate(zip(*columns, strict=True), 1):
            if (not ranks or rank <= ranks) and values[0] == values[0]:
                names = ("period", "significance", "log10_fap")
                row = dict(zip(names, map(float, values), strict=True))
                yield {"algorithm": algorithm, "rank": rank, **row}


def _light_curve_rows(
    inspection: SourceInspection,
) -> Iterator[tuple[dict[str, Any], InspectedLightCurve]]:
    """Yield each light curve, preceded by a row with its identifier and numbers of epochs."""
    for curve in inspection.light_curves:
        used, removed = int(curve.used.sum()), sum(curve.removed.values())
        row = {"id": curve.id, "band": curve.band, "epochs": used, "removed": removed}
        yield row, curve


def _document(inspection: SourceInspection, paths: Sequence[Path]) -> dict[str, Any]:
    """Return the JSON document."""
    return {
        "source": inspection.name,
        "ra": inspection.ra,
        "dec": inspection.dec,
        **_best_period(inspection),
        "periods": list(_period_rows(inspection)),
        "agreement": dict(inspection.agreement),
        "fourier": dict(inspection.fourier),
        "light_curves": [
            {**row, "removed": dict(curve.removed), "statistics": dict(curve.statistics)}
            for row, curve in _light_curve_rows(inspection)
        ],
        "files": list(map(str, paths)),
    }
