"""The network with two branches: an epoch, the AUC after training, and scores, compared with
SCoPe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import compute

from tests.ztf_scope import sky

from .measure import Effort, Figure, cost, in_turn, rate, workers
from .scope_xgb import FEWEST, LABEL, ROWS, SETS, write

BATCH = 64
CLASSES = 22
"""Number of classes in the example of the manual."""
FEWER = 5_000
"""Number of rows for the scores of all classes."""
EPOCHS = 5


def scope_dnn(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure both sides in warm processes, with the same rows and one thread per CPU."""
    rows, fewer = effort.size(ROWS, FEWEST), effort.size(FEWER, 200)
    made = sky.sky(rows, 1)
    target, images = place / "target.npy", place / "dmdt.npy"
    np.save(target, (made.table[LABEL] > 0.7).to_numpy(np.float32))
    np.save(images, made.dmdt)
    with workers("scope", "scope_dnn") as (a, b):

        def both(task: str, turns: Effort, **given: Any) -> tuple[list[float], list[float]]:
            given = {"dmdt": images, "threads": compute.cores(), **given}
            return in_turn(lambda: a(task, **given), lambda: b(task, **given), turns)

        for name in SETS:
            features = write(made.table, name, place)
            values = np.load(features)
            spread = values.std(0)
            np.save(features, (values - values.mean(0)) / np.where(spread > 0, spread, 1))
            given = {"features": features, "target": target, "batch": BATCH}
            title = f"{rows:,} rows × {values.shape[1]} + dmdt"
            yield cost(
                f"DNN epoch, batch of {BATCH}, {title}",
                *both("epoch", effort, **given),
                "s",
            )
            auc = both("auc", effort.at_most(1), epochs=EPOCHS, **given)
            yield Figure(
                f"DNN validation AUC after {EPOCHS} epochs, {values.shape[1]} features",
                auc[0][0], auc[1][0], "", auc[1][0] / auc[0][0], "equal",
            )  # fmt: skip
            seconds = both("score", effort, features=features, classes=1, rows=rows)
            yield rate(f"DNN scores of a class, {title}", *seconds, rows, "rows", "≥ 2.5")
        seconds = both("score", effort, features=features, classes=CLASSES, rows=fewer)
        subject = f"DNN scores of {CLASSES} classes, {fewer:,} rows × {values.shape[1]} + dmdt"
        yield rate(subject, *seconds, fewer, "rows", "≥ 4")
