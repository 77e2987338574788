"""Read an SDO ML v2 store with sdo-cli. This module runs in the environment of sdo-cli."""

import time

from serve import peak, serve

CACHE = 1024 * 1024 * 2014  # the default in sdo-cli


def epoch(
    store: str, size: int, count: int, start: str | None = None, end: str | None = None
) -> list[float]:
    """Return the durations of opening the store and of reading it once, in seconds."""
    from sdo.sood.data.chunk_sampler import SequenceInChunkSampler
    from sdo.sood.data.sdo_ml_v2_dataset import SDOMLv2NumpyDataset, get_default_transforms
    from torch.utils.data import DataLoader

    began = time.perf_counter()
    images = SDOMLv2NumpyDataset(
        storage_root=store,
        storage_driver="fs",
        year="2012",
        channel="131A",
        start=start,
        end=end,
        freq=None,
        irradiance=None,
        irradiance_channel="xrsb",
        goes_cache_dir=None,
        transforms=get_default_transforms(target_size=size, channel="131A"),
        cache_max_size=CACHE,
        reduce_memory=True,
        obs_times=None,
    )
    loader = DataLoader(images, batch_size=16, sampler=SequenceInChunkSampler(images))
    opened = time.perf_counter()
    read = sum(len(batch) for batch, _ in loader)
    assert read == count, read
    return [opened - began, time.perf_counter() - opened]


serve({"epoch": epoch, "peak": peak})
