"""The ceVAE compared with sdo-cli: a training step, both kinds of scores, and the loss after
the same number of steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astrodome import compute

from . import suns
from .measure import Effort, Figure, cost, in_turn, rate, workers

BATCH, SIZE = 8, 128
NETWORK = {"z_dim": 128, "fmap_sizes": [16, 64, 256, 1024]}
STEPS = 20
"""Number of training steps after which both sides should have the same loss."""


def cevae(place: Path, effort: Effort) -> Iterator[Figure]:
    """Measure both sides in warm processes, with one thread per CPU and the same images."""
    given: dict[str, Any] = {**NETWORK, "threads": compute.cores()}
    given["images"] = suns.batch(place / "batch.npy", BATCH, SIZE)
    with workers("sdo", "sdo") as (a, b):

        def seconds(work: str, times: int) -> tuple[list[float], list[float]]:
            call = {"work": work, "times": times, **given}
            return in_turn(lambda: a("cevae", **call), lambda: b("cevae", **call), effort)

        losses = [side("cevae_loss", steps=effort.size(STEPS, 2), **given) for side in (a, b)]
        yield cost(f"ceVAE loss after {STEPS} steps", *([loss] for loss in losses), "", "equal")
        yield cost(
            "ceVAE training step, batch of 8 images of 128²",
            *seconds("train", effort.size(2, 1)),
            "s",
            "≥ 1.5",
        )
        yield rate(
            "ceVAE scores per image (`sample`)",
            *seconds("sample", effort.size(10, 1)),
            BATCH,
            "images",
            "≥ 2",
        )
        yield rate(
            "ceVAE scores per pixel (`combi`)",
            *seconds("combi", effort.size(2, 1)),
            BATCH,
            "images",
            "≥ 3",
        )
