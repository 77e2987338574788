"""The error for input without any light curve whose features can be computed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from astrodome import AstrodomeError

from ..cleaning import TOO_FEW_EPOCHS
from . import batches

KINDS = 3
"""Maximum number of different reasons in the error message."""
NUMBER = re.compile(r"\d[\d.]*")
ADVICE = {
    TOO_FEW_EPOCHS: "Decrease the minimum number of epochs (--min-points, in Python: min_points), "
    "or specify light curves with more epochs."
}
"""What can be done if light curves are skipped, keyed by the kind of the reason."""


class NoLightCurvesError(AstrodomeError):
    """The input contains no light curve whose features can be computed.

    Parameters
    ----------
    problems : pandas.DataFrame
        Light curves in the input, with the columns of :attr:`.FeaturesResult.problems`.
    listed : pathlib.Path, optional
        CSV file that contains ``problems``.
    expected : str
        Hint if the input contains no light curve at all.
    """

    def __init__(
        self, problems: pd.DataFrame, listed: Path | None = None, expected: str = ""
    ) -> None:
        self.problems = problems
        failed = int((problems[batches.STATUS] == batches.FAILED).sum())
        skipped = len(problems) - failed
        counts = [f"{skipped} skipped"] * bool(skipped) + [f"{failed} failed"] * bool(failed)
        if not counts:
            super().__init__("No light curves found.", expected, exit_code=2)
            return
        hint = [f"Reasons: {'; '.join(_reasons(problems))}."]
        hint += [f"All reasons are listed in {listed}."] if listed else []
        hint += [advice for kind, advice in ADVICE.items() if kind in set(_kinds(problems))]
        super().__init__(
            f"No light curve can be used: {', '.join(counts)}.",
            " ".join(hint),
            exit_code=1 if failed else 2,
        )


def _kinds(problems: pd.DataFrame) -> list[str]:
    """Return the reasons without details, so that equal reasons can be counted."""
    heads = (str(reason).partition(": ")[0] for reason in problems[batches.REASON])
    return [NUMBER.sub("…", head) for head in heads]


def _reasons(problems: pd.DataFrame) -> Iterator[str]:
    """Yield each kind of reason with its number of light curves and an example."""
    groups = problems.groupby(pd.Series(_kinds(problems), problems.index), sort=False)
    found = sorted(groups, key=lambda group: -len(group[1]))
    for kind, rows in found[:KINDS]:
        name, reason = rows["_id"].iloc[0], str(rows[batches.REASON].iloc[0])
        example = reason.removeprefix(f"{kind}: ").removesuffix(".")
        yield f"{kind} ({len(rows)}, for example {name}: {example})"
    if len(found) > KINDS:
        yield f"and {len(found) - KINDS} more"
