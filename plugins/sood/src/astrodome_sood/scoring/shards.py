"""Compute scores in shards, in one or several processes or on a Dask cluster.

A shard is a range of images. The scores of each shard are saved to a file until all shards are
complete, so that an interrupted prediction can be resumed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astrodome import AstrodomeError, compute, files
from numpy.typing import NDArray

from .. import progress
from ..protocols import ImageSet
from .scorer import ModelScorer, weight_files

FOLDER = ".shards"
SHARD_BYTES = 8 * 2**20
"""Approximate size in bytes of the images in a shard."""
SHARDS_AHEAD = 64
"""Maximum number of shards whose images are prefetched."""

Task = tuple[ModelScorer, int, NDArray[np.float32]]


def _score(task: Task) -> NDArray[np.float32]:
    scorer, _, images = task
    return scorer.score(images)


class ShardedScores:
    """Scores of an image set, which are computed and saved in shards."""

    def __init__(self, folder: Path, images: ImageSet, scorer: ModelScorer) -> None:
        self.folder = folder / FOLDER
        self._images, self._scorer = images, scorer
        self.size = max(1, SHARD_BYTES // images[0].nbytes)
        self.count = -(-len(images) // self.size)

    def compute(self, jobs: int = 1, scheduler: str = "", label: str = "Scoring") -> None:
        """Compute the scores of all shards that have not been saved.

        Raises AstrodomeError if the scores of a shard cannot be computed.
        """
        self._keep_only_matching()
        missing = [number for number in range(self.count) if not self._path(number).exists()]
        with progress.task(label, len(self._images)) as task:
            task.advance(len(self._images) - sum(len(self._range(n)) for n in missing))
            for number, scores in self._scored(missing, jobs, scheduler):
                with files.replacing(self._path(number), sync=False) as part, part.open("wb") as f:
                    np.save(f, scores)
                task.advance(len(scores))

    def results(self) -> Iterator[NDArray[np.float32]]:
        """Yield the scores of each shard, in the order of the images."""
        for number in range(self.count):
            yield np.load(self._path(number))

    def delete(self) -> None:
        """Delete all saved shards."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _scored(
        self, missing: list[int], jobs: int, scheduler: str
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        if jobs == 1 and not scheduler:
            for number in missing:
                yield number, _score(self._task(number))
            return
        for first in range(0, len(missing), SHARDS_AHEAD):
            tasks = map(self._task, missing[first : first + SHARDS_AHEAD])
            for done in compute.map(_score, tasks, jobs=jobs, fresh=True, scheduler=scheduler):
                number = done.item[1]
                if done.value is None:
                    raise AstrodomeError(
                        f"Shard {number} of {self.count} failed: {done.error}",
                        "Run the same command again to compute the missing shards.",
                    )
                yield number, done.value

    def _keep_only_matching(self) -> None:
        """Delete saved shards that belong to different images, weights or settings."""
        path, identity = self.folder / "about.json", self._identity()
        if not path.exists() or path.read_text("utf-8") != identity:
            self.delete()
            self.folder.mkdir(parents=True)
            files.write_text(path, identity)

    def _identity(self) -> str:
        scorer = self._scorer
        digest = hashlib.sha256()
        for index in range(len(self._images)):
            digest.update(_file_version(self._images.describe(index)["path"]).encode())
        weights = files.digest(weight_files(Path(scorer.weights))) if scorer.weights else None
        return json.dumps(
            {
                "backend": f"{scorer.backend.__module__}:{scorer.backend.__name__}",
                "weights": weights,
                "config": json.loads(scorer.config),
                "mode": [scorer.mode, scorer.output],
                "images": digest.hexdigest(),
                "shard": self.size,
            }
        )

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npy"

    def _range(self, number: int) -> range:
        return range(number * self.size, min((number + 1) * self.size, len(self._images)))

    def _task(self, number: int) -> Task:
        return self._scorer, number, self._images.batch(self._range(number))


def _file_version(path: str) -> str:
    """Return a string that changes when the file is replaced."""
    try:
        found = Path(path).stat()
    except OSError:
        return path
    return f"{path}\0{found.st_size}\0{found.st_mtime_ns}"
