"""Measure how often periods are correct before and after ``scope refine-periods``.

    python -m benchmarks.period_refinement [--sources 1000] [--bands gr] [--jobs 0] [--json FILE]

Light curves with 60, 100, 200, 400 and 1,000 epochs in each filter are simulated. The current
period and the trial periods are those of the r light curve, cleaned and searched as in ``scope
features --top-n-periods 50``. A period is correct if it is within 1 % of the true period, which is
the orbital period of a binary. A correct period is broken if the refined period is not correct.
The times are CPU times of one thread, without the loading of the compiled functions, so that other
processes on the computer do not change them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import astrodome_ztf_scope as scope
import numpy as np
import pandas as pd
from astrodome import compute, console
from astrodome_ztf_scope.features import cleaning, periods

ECLIPSING, PULSATING = ("ea", "eb", "ew"), ("rrab", "rrc", "ceph")
CLASSES = (*ECLIPSING, *PULSATING)
POINTS = (60, 100, 200, 400, 1_000)
"""Numbers of simulated epochs in each filter."""
ENOUGH = 100
"""Number of epochs from which the rates in the summary are computed."""
TOLERANCE = 0.01
_WARM: set[str] = set()
"""Classes whose compiled functions are loaded in this process."""


def main() -> None:
    """Print and write the rates by class and by number of epochs."""
    options = _options()
    tasks = [(index, options.bands) for index in range(options.sources)]
    rows: list[dict[str, Any]] = []
    with console.progress("Refining", len(tasks), "sources") as progress:
        for result in compute.map(refine, tasks, jobs=options.jobs):
            rows += result.value or []
            progress.advance()
    table = pd.DataFrame(rows)
    table["group"] = np.where(table["class"].isin(ECLIPSING), "eclipsing", "pulsating")
    enough = table[table["points"] >= ENOUGH]
    groups = [
        *((f"{name}, {points} epochs", part) for (name, points), part in _by(table, "group")),
        *((f"{name}, {points} epochs", part) for (name, points), part in _by(table, "class")),
        *((f"{name}, ≥ {ENOUGH} epochs", part) for name, part in enough.groupby("class")),
        *((f"{name}, ≥ {ENOUGH} epochs", part) for name, part in enough.groupby("group")),
    ]
    rates = [{"group": name, **_rates(part)} for name, part in groups]
    console.show(rates)
    if options.json:
        Path(options.json).write_text(json.dumps({"rates": rates, "rows": rows}), "utf-8")


def _by(table: pd.DataFrame, name: str) -> Any:
    return table.groupby([name, "points"])


def _rates(part: pd.DataFrame) -> dict[str, float]:
    correct = part[part["before"]]
    return {
        "sources": len(part),
        "before": round(float(part["before"].mean()), 3),
        "after": round(float(part["after"].mean()), 3),
        "broken": round(float((~correct["after"]).mean()), 4) if len(correct) else 0.0,
        "seconds": round(float(part["seconds"].median()), 3),
        "max_seconds": round(float(part["seconds"].max()), 3),
    }


def refine(task: tuple[int, str]) -> list[dict[str, Any]]:
    """Simulate a source, and compare its periods before and after the refinement with the truth."""
    index, bands = task
    points = POINTS[index // len(CLASSES) % len(POINTS)]
    made = scope.simulate_light_curves(
        1,
        classes=CLASSES,
        seed=2026,
        points=points,
        bands=bands,
        magnitude=(14.0, 18.5),
        first=index,
    )
    epochs, truth = made.epochs, made.truth.iloc[0]
    own = epochs[epochs["filter"] == 2]
    values = [own[name].to_numpy() for name in ("hjd", "mag", "magerr", "catflags")]
    try:
        kept = cleaning.clean(*values, cleaning.CleaningOptions(min_points=25))
    except cleaning.TooFewEpochsError:
        return []
    curve = [column[kept] for column in values[:3]]
    peaks = periods.search(*curve, periods.SearchOptions(top_n=50))
    current, _ = periods.best_period(peaks, *curve)
    columns = [epochs[name] for name in ("hjd", "mag", "magerr", "filter")]
    arguments: dict[str, Any] = {
        "catflags": epochs["catflags"],
        "source_class": truth["class"],
        "period": current,
        "listed_periods": np.transpose([one.period for one in peaks.values()]).ravel(),
        "options": scope.RefinementOptions(min_points=25),
    }
    if truth["class"] not in _WARM:  # The first call in a process loads the compiled functions.
        scope.refine_period(*columns, **arguments)
        _WARM.add(truth["class"])
    started = time.thread_time()
    found = scope.refine_period(*columns, **arguments)
    seconds = time.thread_time() - started
    before, after = (
        bool(abs(period / truth["period"] - 1) < TOLERANCE)
        for period in (current, found["period_refined"])
    )
    row = {"index": index, "class": truth["class"], "points": points, "seconds": seconds}
    return [{**row, "before": before, "after": after}]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.period_refinement", description=__doc__)
    parser.add_argument("--sources", type=int, default=1_000)
    parser.add_argument("--bands", default="gr", help="filters that are fitted together")
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--json", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
