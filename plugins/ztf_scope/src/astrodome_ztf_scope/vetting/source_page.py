"""Write a self-contained HTML page with the sources that have the highest scores in each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from astrodome import files

from ..config import appearance
from ..features.folding import FoldedLightCurve, fold
from ..features.inspection import InspectedLightCurve
from . import light_curve_plots as plots
from . import links

FILE = "sources.html"
LOWEST_SCORE = 0.05
"""Minimum score that is shown."""


@dataclass(frozen=True)
class SourceCard:
    """A source on the page.

    Attributes
    ----------
    name, survey_id : str
        Name of the source, and its identifier in a survey.
    ra, dec : float
        Position in degrees.
    period : float
        Period in days, or NaN.
    scores : mapping of str to float
        Scores of at least :data:`LOWEST_SCORE`, keyed by the tag of the class, with the highest
        score first.
    features : mapping of str to float
        Features of the light curve with the most epochs.
    light_curves : sequence of InspectedLightCurve
        Light curves of the source. They may be missing.
    """

    name: str
    survey_id: str
    ra: float
    dec: float
    period: float
    scores: Mapping[str, float]
    features: Mapping[str, float]
    light_curves: Sequence[InspectedLightCurve]

    @property
    def folded(self) -> list[FoldedLightCurve]:
        """The light curves folded at the period."""
        return fold(self.light_curves, self.period) if self.light_curves else []

    @property
    def links(self) -> dict[str, str]:
        """URLs of pages about the position."""
        return links.of_position(self.ra, self.dec)


def write(
    path: Path,
    title: str,
    about: Mapping[str, str],
    classes: Mapping[str, Sequence[SourceCard]],
    facts: Mapping[str, Any],
    counts: Sequence[Mapping[str, Any]],
) -> None:
    """Write the page to ``path``.

    Parameters
    ----------
    path
        HTML file to write.
    title
        Title of the page.
    about
        Descriptions of the light curves and the models, which are shown below the title.
    classes
        Sources of each class, with the highest score first, keyed by the tag of the class.
    facts
        Numbers that are shown at the top of the page, keyed by their description.
    counts
        Records of :attr:`.Sample.counts`.
    """
    cards = {card.name: card for sources in classes.values() for card in sources}
    template = appearance.environment("astrodome_ztf_scope.vetting").get_template(FILE)
    page = template.render(
        title=title,
        about=about,
        classes=classes,
        facts=facts,
        counts=counts,
        images={name: plots.thumbnail(c.light_curves, c.folded) for name, c in cards.items()},
        colours=plots.COLOURS,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    files.write_text(path, page)
