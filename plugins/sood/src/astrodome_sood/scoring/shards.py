"""Compute scores in one or several processes or on a Dask cluster.

The images are divided into shards. The scores are written to a file in the output folder, which
contains NaN for the missing scores. Therefore, an interrupted prediction can be resumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, compute, files
from numpy.typing import NDArray

from .. import progress
from ..protocols import ImageSet
from .scorer import ModelScorer

SHARD_BYTES = 8 * 2**20
"""Approximate size in bytes of the images in a shard."""
SHARDS_AHEAD = 64
"""Maximum number of shards whose images are prefetched."""

Shard = tuple[ModelScorer, slice, NDArray[np.float32]]


def _score(shard: Shard) -> NDArray[np.float32]:
    scorer, _, images = shard
    return scorer.score(images)


class ResumableScores:
    """Scores of an image set, which are saved during the computation.

    The file ``path`` contains the scores. The file ``about`` contains ``identity``, a description
    of the images, the weights and the settings. Saved scores with another identity are not used.
    """

    def __init__(
        self, folder: Path, images: ImageSet, scorer: ModelScorer, identity: Mapping[str, Any]
    ) -> None:
        self.path, self.about = folder / ".scores.npy", folder / ".scores.json"
        self._images, self._scorer, self._identity = images, scorer, json.dumps(identity)

    def compute(
        self, jobs: int = 1, scheduler: str = "", label: str = "Scoring"
    ) -> NDArray[np.float32]:
        """Compute the missing scores, and return all scores as a memory-mapped array.

        Raises AstrodomeError if the scores of a shard cannot be computed.
        """
        scores, count = self._open(), len(self._images)
        size = max(1, SHARD_BYTES // self._images[0].nbytes)
        shards = [slice(start, min(start + size, count)) for start in range(0, count, size)]
        missing = [shard for shard in shards if np.isnan(scores[shard]).any()]
        with progress.task(label, count) as task:
            task.advance(count - sum(shard.stop - shard.start for shard in missing))
            for shard, found in self._scored(missing, jobs, scheduler):
                scores[shard] = found
                task.advance(len(found))
        return scores

    def delete(self) -> None:
        """Delete the saved scores."""
        self.about.unlink()
        self.path.unlink(missing_ok=True)

    def _open(self) -> NDArray[np.float32]:
        """Open the scores of an interrupted prediction, or create an array of NaN.

        Saved scores for other images, weights or settings are deleted.
        """
        if self.about.exists() and self.about.read_text("utf-8") == self._identity:
            return np.lib.format.open_memmap(self.path, "r+")
        self.about.unlink(missing_ok=True)
        shape = (len(self._images), *self._images[0].shape[1:])
        if self._scorer.output != "pixels":
            shape = shape[:1]
        scores = np.lib.format.open_memmap(self.path, "w+", "<f4", shape)
        scores[:] = np.nan
        files.write_text(self.about, self._identity)
        return scores

    def _scored(
        self, missing: Sequence[slice], jobs: int, scheduler: str
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        if jobs == 1 and not scheduler:
            for shard in missing:
                yield shard, _score(self._task(shard))
            return
        for first in range(0, len(missing), SHARDS_AHEAD):
            tasks = map(self._task, missing[first : first + SHARDS_AHEAD])
            for done in compute.map(_score, tasks, jobs=jobs, fresh=True, scheduler=scheduler):
                shard = done.item[1]
                if done.value is None:
                    raise AstrodomeError(
                        f"Scoring the images {shard.start} to {shard.stop - 1} failed: "
                        f"{done.error}",
                        "Run the same command again to compute the missing scores.",
                    )
                yield shard, done.value

    def _task(self, shard: slice) -> Shard:
        return self._scorer, shard, self._images.batch(range(shard.start, shard.stop))
