"""Write a self-contained HTML page about the light curves of one source."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from astrodome import files
from markupsafe import Markup

from ..config import appearance
from ..features.inspection import SourceInspection
from . import light_curve_plots as plots
from . import links

FILE = "light_curve.html"


def write(path: Path, inspection: SourceInspection) -> None:
    """Write the page to ``path``."""
    template = appearance.environment("astrodome_ztf_scope.vetting").get_template(FILE)
    page = template.render(
        source=inspection,
        links=links.of_position(inspection.ra, inspection.dec),
        unfolded=plots.panel(partial(plots.unfolded, curves=inspection.light_curves), 12, 3.2),
        folded={factor: _folded(inspection, factor) for factor in inspection.folded},
        periodograms={name: _periodogram(inspection, name) for name in inspection.periodograms},
        dmdt=plots.panel(
            partial(plots.dmdt_image, image=inspection.dmdt, band=inspection.main.band), 4, 3.4
        ),
        statistics=_statistics(inspection),
        colours=plots.COLOURS,
        other_colour=plots.OTHER_COLOUR,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    files.write_text(path, page)


def _folded(inspection: SourceInspection, factor: float) -> Markup:
    curves, period = inspection.folded[factor], factor * inspection.period
    width, height = (8.0, 3.4) if factor == 1 else (6.0, 2.4)
    return plots.panel(partial(plots.folded, curves=curves, period=period), width, height)


def _periodogram(inspection: SourceInspection, name: str) -> Markup:
    return plots.panel(partial(plots.periodogram, inspection=inspection, algorithm=name), 12, 2.0)


def _statistics(inspection: SourceInspection) -> dict[str, list[float]]:
    """Return the values of each statistic for all light curves."""
    names = inspection.light_curves[0].statistics
    return {name: [c.statistics[name] for c in inspection.light_curves] for name in names}
