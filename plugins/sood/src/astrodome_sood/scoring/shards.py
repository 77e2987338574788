"""Scores of many images, shard by shard: in this process, in several, or on a Dask cluster.

A shard is a run of images in their order. What a shard came to is kept beside the
predictions until all are done, so that a killed prediction goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, checks, compute, console, files
from numpy.typing import NDArray

from ..protocols import ImageSet

SHARDS = ".shards"
SHARD = 8 * 2**20
"""Bytes of the images in a shard, about."""
AT_ONCE = 64
"""Shards that are read ahead of those who score them."""


@dataclass(frozen=True)
class Scorer:
    """What a process needs to score: a backend's class, its weights, and what is asked of it.

    ``mode`` is the kind of pixel score; ``of`` says what is wanted of it: ``own``, the model's
    score of each image, ``map``, the mean of its map, or ``pixels``, the map.
    """

    backend: type
    weights: str
    config: str
    mode: str
    of: str
    batch: int
    threads: int = 0

    def score(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (N,) or maps (N, H, W) of images (N, C, H, W)."""
        backend = _loaded(self.backend, self.weights, self.config, self.threads)
        parts = [images[at : at + self.batch] for at in range(0, len(images), self.batch)]
        return np.concatenate([score_images(backend, part, self.mode, self.of) for part in parts])


def score_images(
    backend: Any, images: NDArray[np.float32], mode: str, of: str
) -> NDArray[np.float32]:
    """Return the scores or maps of images (N, C, H, W): see :class:`Scorer`.

    Raises AstrodomeError if a model returns another shape or values that are not finite.
    """
    if of == "own":
        return checks.array(backend.score(images), "scores", (len(images),), backend)
    maps = score_maps(backend, images, mode)
    return maps if of == "pixels" else maps.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)


def score_maps(backend: Any, images: NDArray[np.float32], mode: str) -> NDArray[np.float32]:
    """Compute, check and return the pixel scores (N, H, W) of images (N, C, H, W)."""
    shape = (len(images), *images.shape[2:])
    return checks.array(backend.score_map(images, mode), "pixel scores", shape, backend)


@lru_cache(maxsize=2)
def _loaded(kind: type, weights: str, config: str, threads: int) -> Any:
    """A backend with its weights, once in each process."""
    if threads:
        import torch

        torch.set_num_threads(threads)
    backend = kind()
    backend.load(Path(weights) if weights else None, json.loads(config))
    return backend


@dataclass(frozen=True)
class _Shard:
    number: int
    images: NDArray[np.float32]


def _work(task: tuple[Scorer, _Shard]) -> NDArray[np.float32]:
    scorer, shard = task
    return np.ascontiguousarray(scorer.score(shard.images), np.float32)


class Shards:
    """The shards of a prediction in the folder it goes to."""

    def __init__(self, folder: Path, images: ImageSet, scorer: Scorer) -> None:
        self.folder = folder / SHARDS
        self._images, self._scorer = images, scorer
        self.size = max(1, SHARD // images[0].nbytes)
        self.count = -(-len(images) // self.size)

    def run(self, jobs: int = 1, scheduler: str = "", label: str = "Scoring") -> None:
        """Score what is not scored yet.

        Raises AstrodomeError with the reason of the first shard that could not be scored.
        """
        self._begin()
        missing = [number for number in range(self.count) if not self._path(number).exists()]
        with console.progress(label, len(self._images), "images") as progress:
            progress.advance(len(self._images) - sum(len(self._range(n)) for n in missing))
            for number, scores in self._scored(missing, jobs, scheduler):
                with (
                    files.replacing(self._path(number), sync=False) as part,
                    part.open("wb") as out,
                ):
                    np.save(out, scores)
                progress.advance(len(scores))

    def results(self) -> Iterator[NDArray[np.float32]]:
        """What the shards came to, in the order of the images."""
        for number in range(self.count):
            yield np.load(self._path(number))

    def end(self) -> None:
        """Forget the shards, once what they came to is in its place."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _scored(
        self, missing: list[int], jobs: int, scheduler: str
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        if jobs == 1 and not scheduler:
            for number in missing:
                yield number, _work((self._scorer, self._shard(number)))
            return
        for first in range(0, len(missing), AT_ONCE):
            some = missing[first : first + AT_ONCE]
            tasks = ((self._scorer, self._shard(number)) for number in some)
            for done in compute.map(_work, tasks, jobs=jobs, fresh=True, scheduler=scheduler):
                if done.value is None:
                    raise AstrodomeError(
                        f"Shard {done.item[1].number} of {self.count} could not be scored: "
                        f"{done.error}",
                        "The same command goes on with the shards that are missing.",
                    )
                yield done.item[1].number, done.value

    def _begin(self) -> None:
        """Keep what an earlier call left only if it was about the same."""
        about = self.folder / "about.json"
        wanted = self._identity()
        if not about.exists() or about.read_text("utf-8") != wanted:
            self.end()
            self.folder.mkdir(parents=True)
            files.write_text(about, wanted)

    def _identity(self) -> str:
        weights = Path(self._scorer.weights) if self._scorer.weights else None
        images = hashlib.sha256()
        for index in range(len(self._images)):
            images.update(_mark(self._images.describe(index)["path"]).encode())
        return json.dumps(
            {
                "backend": f"{self._scorer.backend.__module__}:{self._scorer.backend.__name__}",
                "weights": files.digest(weight_files(weights)) if weights else None,
                "config": json.loads(self._scorer.config),
                "mode": [self._scorer.mode, self._scorer.of],
                "images": images.hexdigest(),
                "shard": self.size,
            }
        )

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npy"

    def _range(self, number: int) -> range:
        return range(number * self.size, min((number + 1) * self.size, len(self._images)))

    def _shard(self, number: int) -> _Shard:
        return _Shard(number, self._images.batch(self._range(number)))


def _mark(path: str) -> str:
    """A name that changes with the file's content."""
    try:
        found = Path(path).stat()
    except OSError:
        return path
    return f"{path}\0{found.st_size}\0{found.st_mtime_ns}"


def weight_files(path: Path) -> list[Path]:
    """The weights among the files of a run folder, or the file itself."""
    if path.is_file():
        return [path]
    own = {"run.json", "config.yaml", "metrics.csv", "last.ckpt", "report.html"}
    return [p for p in path.iterdir() if p.is_file() and p.name not in own and p.name[0] != "."]


def scorer(
    backend: Any,
    weights: Path | None,
    config: Mapping[str, Any],
    mode: str,
    of: str = "own",
    jobs: int = 1,
) -> Scorer:
    """How to score with a backend in any process."""
    return Scorer(
        type(backend),
        str(weights.absolute()) if weights else "",
        json.dumps(config, default=str),
        mode,
        of,
        int(config["data"]["batch_size"]),
        max(1, compute.cores() // jobs) if jobs > 1 else 0,
    )
