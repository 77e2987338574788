"""Train one run of the benchmark SolarOOD, and measure what it detects.

The results do not depend on the number of processes, because each process uses a single thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astrodome.runs import Run
from numpy.typing import NDArray

from .. import config as configuration
from ..datasets.disks import DiskPatches
from ..scoring.calibration import ScoreDistribution, calibration_of, train_and_calibrate
from ..scoring.scorer import batches, score_images
from . import sanity, shift
from .compare import (
    Curve,
    EvaluatedModel,
    EvaluationScores,
    RunMetrics,
    compute_scores,
    precision_recall,
    run_metrics,
)
from .evaluate import describe_model, load_models
from .examples import Example, best_and_worst
from .ground_truth import GroundTruth, LabeledImage, LoadedTruth
from .metrics import Estimate
from .solar_ood import SolarOod

SYNTHETIC, INSTRUMENT = "synthetic", "instrument"
SAME_IMAGE = "same image"


@dataclass(frozen=True)
class BenchmarkTask:
    """Run of the benchmark.

    ``place`` is a run folder or the name of a model, optionally with the prefix ``LABEL=``.
    ``model`` is the name of the model that is trained, or an empty string. ``config`` contains
    configuration values, keyed by dotted key. ``left_out`` is the name of a group of generated
    defects that are not used for the training; only the synthetic anomalies and the instrument
    defects are scored with such a run.
    """

    place: str
    model: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    left_out: str = ""

    @property
    def name(self) -> str:
        """Name for messages."""
        return self.place.rpartition("=")[2] if self.model else self.place


@dataclass(frozen=True)
class BenchmarkResult:
    """Results of one run, keyed by the name of the part of the benchmark.

    ``images`` and ``parts`` describe the ground truths. ``curves`` contains the recall and the
    precision for pixels. ``false_alarms`` contains the false-alarm rates for each image, before and
    after a calibration with this image. ``ranks`` contains the rank of each spoiled frame.
    """

    label: str
    group: str
    about: dict[str, Any]
    images: dict[str, list[LabeledImage]]
    parts: dict[str, dict[str, Any]]
    scores: dict[str, NDArray[np.float64]]
    metrics: dict[str, dict[str, RunMetrics]]
    curves: dict[str, Curve]
    examples: dict[str, dict[str, list[Example]]]
    false_alarms: dict[str, dict[str, Estimate]]
    ranks: dict[str, float]
    timing: dict[str, Any]


def evaluate_run(task: BenchmarkTask, data: SolarOod, bootstraps: int) -> BenchmarkResult:
    """Train the run of a task unless it is finished, score all parts, and compute the metrics."""
    from ..datasets.sdoml_v2.chunks import release_memory_early

    release_memory_early()
    with _one_thread():
        if task.model:
            images = data.training_images()
            config = configuration.load(None, task.config, model=task.model, several_models=True)
            train_and_calibrate(task.model, images, config)
        size = {"model.target_size": data.size}
        model = load_models([task.place], None, {**size, **task.config})[0][0]
        if task.model and model.weights:
            model = replace(model, label=model.weights.name)
        truths = _ground_truths(data)
        if task.left_out:
            truths = {name: truths[name] for name in (SYNTHETIC, INSTRUMENT)}
        scores = {name: compute_scores([model], truth) for name, truth in truths.items()}
        return _measure(task, model, data, truths, scores, bootstraps)


def _measure(
    task: BenchmarkTask,
    model: EvaluatedModel,
    data: SolarOod,
    truths: Mapping[str, LoadedTruth],
    scores: Mapping[str, EvaluationScores],
    bootstraps: int,
) -> BenchmarkResult:
    label = model.label
    shown = [] if task.left_out else [SYNTHETIC, INSTRUMENT]
    found = {name: each.scores[label] for name, each in scores.items()}
    normal = {name: found[name][_normal(each.images)] for name, each in scores.items()}
    everything = {name: range(len(truth)) for name, truth in truths.items()}
    return BenchmarkResult(
        label,
        model.group,
        describe_model(model),
        {n: [replace(each, mask=None) for each in own.images] for n, own in scores.items()},
        {name: truth.about() for name, truth in truths.items()},
        found,
        {
            name: run_metrics(label, each, bootstraps, seed)
            for seed, (name, each) in enumerate(scores.items())
        },
        {name: precision_recall(scores[name], label, everything[name]) for name in shown},
        {name: best_and_worst(scores[name], label, truths[name].images) for name in shown},
        {} if task.left_out else _false_alarms(model, data, normal, bootstraps),
        {} if task.left_out else _ranks(model, data, normal[SYNTHETIC]),
        {} if task.left_out else _timing(model, data),
    )


_loaded: dict[tuple[str, bool], dict[str, LoadedTruth]] = {}


def _ground_truths(data: SolarOod) -> dict[str, LoadedTruth]:
    """Return the ground truth of each part. It is generated only once in each process."""
    key = (data.about()["data_digest"], data.quick)
    if key not in _loaded:
        _loaded.clear()
        truths: dict[str, GroundTruth] = {
            SYNTHETIC: data.synthetic(),
            INSTRUMENT: data.instrument(),
        }
        truths |= {disk.name: data.shift(disk) for disk in data.shifted}
        _loaded[key] = {name: LoadedTruth(truth) for name, truth in truths.items()}
    return _loaded[key]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use a single torch thread, because the number of threads affects rounding errors."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _normal(images: Sequence[LabeledImage]) -> list[int]:
    return [number for number, image in enumerate(images) if not image.kind]


def _score(model: EvaluatedModel, images: NDArray[np.float32] | DiskPatches) -> NDArray[Any]:
    """Return the image scores of one model."""
    if isinstance(images, DiskPatches):
        parts = list(batches(images, model.batch))
    else:
        parts = [images[at : at + model.batch] for at in range(0, len(images), model.batch)]
    found = [score_images(model.backend, part, model.mode, model.output) for part in parts]
    return np.concatenate(found).astype(np.float64)


def _clean_scores(model: EvaluatedModel, data: SolarOod) -> ScoreDistribution:
    """Return the calibration of a run.

    If it does not exist, for example because the model has no weights, return the distribution of
    the scores of the validation patches.
    """
    given = {"model.load_path": str(model.weights)} if model.weights else {}
    config = configuration.load(None, given, from_run=True)
    if calibration := calibration_of(config, model.mode):
        return calibration.images
    share, seed = config.data.validation_share, config.seed
    return ScoreDistribution.fit(_score(model, data.training_images().split(share, seed)[1]))


def _false_alarms(
    model: EvaluatedModel, data: SolarOod, normal: Mapping[str, NDArray[Any]], bootstraps: int
) -> dict[str, dict[str, Estimate]]:
    """Return the false-alarm rates on each image, before and after a calibration with it."""
    clean = _clean_scores(model, data)
    places = {SAME_IMAGE: SYNTHETIC} | {disk.name: disk.name for disk in data.shifted}
    alarms = {
        image: {
            "before": clean.probability(normal[part]) <= shift.NOMINAL_RATE,
            "after": shift.alarms_after_calibration(normal[part]),
        }
        for image, part in places.items()
    }
    return {
        image: {name: shift.alarm_fraction(marked, bootstraps) for name, marked in each.items()}
        for image, each in alarms.items()
    }


def _ranks(model: EvaluatedModel, data: SolarOod, normal: NDArray[Any]) -> dict[str, float]:
    frames = sanity.sanity_frames(data.disk, data.test, data.size)
    return {name: sanity.rank(normal, _score(model, patches)) for name, patches in frames.items()}


def _timing(model: EvaluatedModel, data: SolarOod) -> dict[str, Any]:
    images = data.test_images()
    _score(model, images.batch(range(min(len(images), model.batch))))
    started = time.perf_counter()
    _score(model, images)
    rate = len(images) / max(time.perf_counter() - started, 1e-9)
    is_run = model.weights is not None and (model.weights / "run.json").is_file()
    seconds = Run(model.weights).record.get("seconds") if is_run and model.weights else None
    return {"training_seconds": seconds, "images_per_second": round(rate)}
