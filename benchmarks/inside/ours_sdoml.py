"""Run the tasks in ``older_sdoml.py`` with ``astrodome_sood``."""

import time
from typing import Any

from serve import peak, serve


def epoch(
    store: str,
    size: int,
    count: int,
    start: str | None = None,
    end: str | None = None,
    check: bool = True,
) -> list[float]:
    """Return the durations of opening the store and of reading it once, in seconds."""
    import torch
    from astrodome_sood import config
    from astrodome_sood.datasets.loading import open_images
    from astrodome_sood.models import batches

    given: dict[str, Any] = {
        "data": {
            "dataset": "SDOMLDatasetV2",
            "data_dir": store,
            "channel": "131A",
            "sdo_ml_v2": {"train_start_date": start, "train_end_date": end, "check_frames": check},
        },
        "model": {"target_size": size},
    }
    settings = config.load(overrides=given)
    began = time.perf_counter()
    images = open_images(settings)
    opened = time.perf_counter()
    shape: Any = None
    read = 0
    for batch in batches.loader(images, settings.plain(), seed=0):
        assert isinstance(batch, torch.Tensor)
        shape, read = batch.shape[1:], read + len(batch)
    assert (read, *shape) == (count, 1, size, size), (read, shape)
    return [opened - began, time.perf_counter() - opened]


serve({"epoch": epoch, "peak": peak})
