"""Compare the neural network with SCoPe: an epoch, the AUC after training, and scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astrodome import compute

from tests.ztf_scope import sky

from .measure import Effort, Figure, cost, rate, workers
from .scope_xgb import FEWEST, LABEL, ROWS, SETS, write

BATCH = 64
CLASSES = 22
"""Number of classes in the example in the SCoPe documentation."""
FEWER = 5_000
"""Number of rows that are scored for all classes."""
EPOCHS = 5


def scope_dnn(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure both sides in running processes, with the same rows and one thread per CPU."""
    rows, fewer = effort.size(ROWS, FEWEST), effort.size(FEWER, 200)
    made = sky.sky(rows, 1)
    target, images = place / "target.npy", place / "dmdt.npy"
    np.save(target, (made.table[LABEL] > 0.7).to_numpy(np.float32))
    np.save(images, made.dmdt)
    common = {"dmdt": images, "threads": compute.cores()}
    with workers("scope", "scope_dnn") as sides:
        for name in SETS:
            features = write(made.table, name, place)
            values = np.load(features)
            spread = values.std(0)
            np.save(features, (values - values.mean(0)) / np.where(spread > 0, spread, 1))
            given = {**common, "features": features}
            training = {**given, "target": target, "batch": BATCH}
            title = f"{rows:,} rows × {values.shape[1]} features + dmdt"
            seconds = sides.compare(effort, "epoch", **training)
            yield cost(f"DNN epoch, batch of {BATCH}, {title}", *seconds, "s")
            (older,), (ours,) = sides.compare(effort.at_most(1), "auc", epochs=EPOCHS, **training)
            title_auc = f"DNN validation AUC after {EPOCHS} epochs, {values.shape[1]} features"
            yield Figure(title_auc, older, ours, "", ours / older, "equal")
            seconds = sides.compare(effort, "score", classes=1, rows=rows, **given)
            yield rate(f"DNN scores for one class, {title}", *seconds, rows, "rows", "≥ 2.5")
        seconds = sides.compare(effort, "score", classes=CLASSES, rows=fewer, **given)
        shape = f"{fewer:,} rows × {values.shape[1]} features + dmdt"
        subject = f"DNN scores for {CLASSES} classes, {shape}"
        yield rate(subject, *seconds, fewer, "rows", "≥ 4")
