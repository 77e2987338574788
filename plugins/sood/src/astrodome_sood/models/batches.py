"""Load batches of images in a random order that depends only on the seed and the epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ..protocols import ImageSet


def seeded_generator(seed: int, epoch: int = -1, rank: int = 0) -> torch.Generator:
    """Return a random number generator for a seed, an epoch and a process rank.

    The epoch is -1 for random numbers that are drawn before the first epoch.
    """
    number = (seed << 24) + epoch + 1
    if rank or number >= 2**32:  # torch uses only the lowest 32 bits of a seed.
        number = int(np.random.SeedSequence([seed, epoch + 1, rank]).generate_state(1)[0])
    return torch.Generator().manual_seed(number)


class BatchDataset(Dataset[Tensor]):
    """Dataset that returns a batch of images for a list of indices."""

    def __init__(self, images: ImageSet) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, indices: Sequence[int]) -> Tensor:
        return torch.from_numpy(self._images.batch(indices))


class BatchSampler(Sampler[list[int]]):
    """Sampler that yields the list of image indices for each batch.

    The indices are shuffled with a generator that depends on the seed and the epoch. They are not
    shuffled if the seed is None. If the image set has a method ``order(generator)``, this method
    determines the order. The order is computed when the first batch is requested, because Lightning
    sets the epoch of a resumed run after it creates the iterator. The batches are divided among
    ``world`` processes, and ``rank`` is the index of the current process. All processes use the
    same number of batches; therefore, some batches may be used twice.
    """

    def __init__(
        self,
        images: ImageSet,
        batch_size: int,
        seed: int | None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._images, self._size, self._seed = images, batch_size, seed
        self._rank, self._world = rank, world
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch. Lightning calls this method."""
        self._epoch = epoch

    def __len__(self) -> int:
        return math.ceil(math.ceil(len(self._images) / self._size) / self._world)

    def __iter__(self) -> Iterator[list[int]]:
        order = list(range(len(self._images)))
        if self._seed is not None:
            random = seeded_generator(self._seed, self._epoch)
            own = getattr(self._images, "order", None)
            order = own(random) if own else torch.randperm(len(order), generator=random).tolist()
        starts = range(0, len(order), self._size)
        for number in range(len(self)):
            start = starts[(number * self._world + self._rank) % len(starts)]
            yield order[start : start + self._size]


def loader(
    images: ImageSet,
    config: Mapping[str, Any],
    seed: int | None = None,
    rank: int = 0,
    world: int = 1,
) -> DataLoader[Tensor]:
    """Return a data loader for an image set.

    The data loader has no worker processes, because the images are in memory or are prefetched in
    threads.
    """
    section = config["data"]
    return DataLoader(
        BatchDataset(images),
        batch_size=None,
        sampler=BatchSampler(images, section["batch_size"], seed, rank, world),
        pin_memory=section["pin_memory"] or torch.cuda.is_available(),
    )
