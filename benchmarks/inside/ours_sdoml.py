"""An epoch over a store as astrodome reads it; the twin of ``older_sdoml.py``."""

import resource
import time
from pathlib import Path
from typing import Any

from serve import serve


def epoch(store: str, size: int, start: str | None = None, end: str | None = None) -> float:
    import torch
    from astrodome_sood import batches, config
    from astrodome_sood.datasets.opening import open_images

    given: dict[str, Any] = {
        "data": {
            "dataset": "SDOMLDatasetV2",
            "data_dir": store,
            "channel": "131A",
            "sdo_ml_v2": {
                "train_start_date": start,
                "train_end_date": end,
                "check_frames": False,
            },
        },
        "model": {"target_size": size},
    }
    settings = config.load(overrides=given)
    images = open_images(settings)
    started = time.perf_counter()
    shape: Any = None
    count = 0
    for batch in batches.loader(images, settings.plain(), seed=0):
        assert isinstance(batch, torch.Tensor)
        shape, count = batch.shape[1:], count + len(batch)
    assert (count, *shape) == (300, 1, size, size), (count, shape)
    return time.perf_counter() - started


def peak() -> float:
    """MB; on Linux of this process alone, for getrusage begins with its parent's peak."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


serve({"epoch": epoch, "peak": peak})
