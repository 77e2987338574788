"""Batches of an image set for training, in an order that follows from the seed and the epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ..protocols import ImageSet


def seeded(seed: int, epoch: int = -1, rank: int = 0) -> torch.Generator:
    """Return a generator for a seed, an epoch (-1: before the first) and the rank of a process."""
    number = (seed << 24) + epoch + 1
    if (
        rank or number >= 2**32
    ):  # The generator of torch ignores all but the lowest 32 bits of a seed.
        number = int(np.random.SeedSequence([seed, epoch + 1, rank]).generate_state(1)[0])
    return torch.Generator().manual_seed(number)


class Batches(Dataset[Tensor]):
    """Images by lists of their indices, read at once."""

    def __init__(self, images: ImageSet) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, indices: Sequence[int]) -> Tensor:
        return torch.from_numpy(self._images.batch(indices))


class Order(Sampler[list[int]]):
    """Lists of indices, a batch each; shuffled by seed and epoch unless the seed is None.

    An image set with an ``order(generator)`` of its own, which suits how it is stored, is
    read in that. The order is drawn with the first batch, as Lightning sets the epoch of a
    resumed run after it has made the iterator. Of ``world`` processes, each takes every
    world-th batch; all take equally many, for which some begin again.
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
        """Called by Lightning before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return math.ceil(math.ceil(len(self._images) / self._size) / self._world)

    def __iter__(self) -> Iterator[list[int]]:
        order = list(range(len(self._images)))
        if self._seed is not None:
            random = seeded(self._seed, self._epoch)
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
    """Batches of an image set, which is in memory already: workers would only copy."""
    data = config["data"]
    order = Order(images, data["batch_size"], seed, rank, world)
    pinned = data["pin_memory"] or torch.cuda.is_available()
    return DataLoader(Batches(images), batch_size=None, sampler=order, pin_memory=pinned)
