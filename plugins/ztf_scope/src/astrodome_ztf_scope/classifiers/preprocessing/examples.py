"""Rows of a data set as a backend of the task ``scope`` gets them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...tables.datasets import DataSet
from .preparation import Preparation
from .splitting import DataSplit


@dataclass(frozen=True)
class LabelledExamples:
    """Prepared features, images, targets and weights of some rows (``models.Examples``)."""

    features: NDArray[np.float32]
    dmdt: NDArray[np.float32] | None
    target: NDArray[np.float32]
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.target)


def examples(
    frame: DataSet, rows: NDArray[np.intp], split: DataSplit, preparation: Preparation
) -> LabelledExamples:
    """These rows, by position, of the frame that was split; all must be usable."""
    part = frame.take(rows)
    features, _ = preparation.apply(part)
    return LabelledExamples(features, part.dmdt, split.target[rows], split.weight[rows])
