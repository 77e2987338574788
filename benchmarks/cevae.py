"""Compare the ceVAE with sdo-cli.

A training step and the computation of image scores and pixel scores are measured. In addition, the
losses after the same number of training steps are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astrodome import compute

from . import suns
from .measure import Effort, Figure, cost, rate, workers

BATCH, SIZE = 8, 128
NETWORK = {"z_dim": 128, "fmap_sizes": [16, 64, 256, 1024]}
STEPS = 20
"""Number of training steps after which the losses are compared."""


def cevae(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure both sides in processes that are already running, with the same images."""
    given: dict[str, Any] = {**NETWORK, "threads": compute.cores()}
    given["images"] = suns.batch(place / "batch.npy", BATCH, SIZE)
    with workers("sdo", "sdo") as sides:
        losses = [side("cevae_loss", steps=effort.size(STEPS, 2), **given) for side in sides]
        yield cost(f"ceVAE loss after {STEPS} steps", *([loss] for loss in losses), "", "equal")
        times = effort.size(2, 1)
        seconds = sides.compare(effort, "cevae", work="train", times=times, **given)
        title = "ceVAE training step, batch of 8 images of 128²"
        yield cost(title, *([x / times for x in side] for side in seconds), "s", "≥ 1.5")
        for what, work, full, goal in (
            ("image", "sample", 10, "≥ 2"),
            ("pixel", "combi", 2, "≥ 3"),
        ):
            times = effort.size(full, 1)
            seconds = sides.compare(effort, "cevae", work=work, times=times, **given)
            title = f"ceVAE scores per {what} (`{work}`)"
            yield rate(title, *seconds, BATCH * times, "images", goal)
