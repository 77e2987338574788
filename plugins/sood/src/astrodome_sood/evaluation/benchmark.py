"""Run the benchmark SolarOOD: train models, and measure what they detect and how often they err.

The benchmark has four parts. ``synthetic`` and ``instrument`` compare scores with synthetic
anomalies and with simulated defects. ``shift`` uses images of other dates and instruments, and
measures the false-alarm rate at a nominal rate of 1 %. ``sanity`` checks that spoiled frames
receive high scores. The data are described in :mod:`.solar_ood`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, compute, models
from astrodome.runs import Run, provenance
from numpy.typing import NDArray
from pydantic import BaseModel, NonNegativeInt, PositiveInt

from .. import config as configuration
from .. import progress
from ..config import AsItems
from ..datasets.disks import DiskPatches
from ..scoring.calibration import train_and_calibrate
from ..scoring.scorer import batches, score_images
from ..training import DISTRIBUTIONS, TASK
from . import metrics, sanity, shift
from .compare import (
    ALL,
    Comparison,
    EvaluatedModel,
    EvaluationScores,
    Metrics,
    compare,
    compute_scores,
)
from .evaluate import describe_model, load_models
from .ground_truth import GroundTruth
from .instrument import DEFECTS
from .metrics import Estimate
from .solar_ood import SolarOod

SMALL_NETWORK = {"model.fmap_sizes": [16, 32, 64], "train.lr": 0.001, "train.n_epochs": 40}
TRAINING: dict[str, dict[str, Any]] = {
    "ce_vae": {**SMALL_NETWORK, "model.z_dim": 16, "data.batch_size": 32},
    "ae": {**SMALL_NETWORK, "model.z_dim": 4, "data.batch_size": 32},
}
"""Training configuration of models whose default networks are too large for the patches.

The dimension of the latent space was selected with ``examples/anomaly_quality.py``, which does not
use the test half of the disk. Other models are trained with their default configuration."""
QUICK: dict[str, Any] = {"train.n_epochs": 1, "model.fmap_sizes": [4, 8], "model.z_dim": 4}
"""Training configuration for a quick check."""
SYNTHETIC, INSTRUMENT = "synthetic", "instrument"
SAME_IMAGE = "same image"
SUMMARY_METRICS = ("auroc", "pixel_ap")


class BenchmarkOptions(BaseModel):
    """Options of the benchmark, with the same meanings as the options of ``sdo sood benchmark``."""

    seeds: Annotated[list[NonNegativeInt], AsItems] = [0, 1, 2]
    bootstraps: PositiveInt = 1000
    quick: bool = False


@dataclass(frozen=True, repr=False)
class Benchmark:
    """Results of the benchmark.

    Attributes
    ----------
    comparisons : dict of str to Comparison
        Metrics for the parts ``synthetic`` and ``instrument``, and for each image of the part
        ``shift``, keyed by the name of the part or image.
    false_alarms : list of dict
        False-alarm rate of each model on each image, at a nominal rate of 1 %.
    shifted_alarms : dict of str to Estimate
        Mean false-alarm rate on the images of the part ``shift``, keyed by model.
    sanity : list of dict
        Rank of each spoiled frame among the normal patches, for each model.
    timings : list of dict
        Training time in seconds and number of scored images per second, for each run.
    scores : dict of str to EvaluationScores
        Scores of all images, with the same keys as ``comparisons``.
    truths : dict of str to GroundTruth
        Images with their labels and masks, with the same keys as ``comparisons``.
    about : dict
        Description of the data, the models and the software.
    outcome : astrodome.compute.Outcome
        Number of runs, and the models that failed.
    """

    comparisons: dict[str, Comparison]
    false_alarms: list[dict[str, Any]]
    shifted_alarms: dict[str, Estimate]
    sanity: list[dict[str, Any]]
    timings: list[dict[str, Any]]
    scores: dict[str, EvaluationScores]
    truths: dict[str, GroundTruth]
    about: dict[str, Any]
    outcome: compute.Outcome

    def __repr__(self) -> str:
        names = ", ".join(row["model"] for row in self.summary())
        return f"<Benchmark SolarOOD {self.about['version']} of {names}>"

    @property
    def table(self) -> pd.DataFrame:
        """Summary with one row per model; columns with ``_low`` and ``_high`` are intervals."""
        return pd.DataFrame(self.summary())

    def summary(self) -> list[dict[str, Any]]:
        """Return the most important results of each model."""
        names = dict.fromkeys(row["model"] for row in self.comparisons[SYNTHETIC].models)
        return [self._summary(name) for name in names]

    def _summary(self, name: str) -> dict[str, Any]:
        row: dict[str, Any] = {"model": name}
        shifted = [key for key in self.comparisons if key not in (SYNTHETIC, INSTRUMENT)]
        for part, keys in (
            (SYNTHETIC, [SYNTHETIC]),
            (INSTRUMENT, [INSTRUMENT]),
            ("shift", shifted),
        ):
            found = [self.comparisons[key].estimates[name, ALL] for key in keys]
            for metric in SUMMARY_METRICS:
                row |= _mean([each[metric] for each in found]).as_dict(f"{part}_{metric}")
        kinds = [kind for kind in DEFECTS if (name, kind) in self.estimates(INSTRUMENT)]
        worst = min(kinds, key=lambda kind: self.estimates(INSTRUMENT)[name, kind]["auroc"].value)
        row |= self.estimates(INSTRUMENT)[name, worst]["auroc"].as_dict("worst_defect_auroc")
        row |= {"worst_defect": worst} | self.shifted_alarms[name].as_dict("false_alarms")
        frames = [frame for frame in self.sanity if frame["model"] == name]
        row["sanity_frames"] = sum(frame["detected"] for frame in frames)
        return row | {"sanity_total": len(frames)}

    def estimates(self, part: str) -> dict[tuple[str, str], Metrics]:
        """Return the metrics of a part, keyed by the names of the model and the subset."""
        return self.comparisons[part].estimates

    def document(self) -> dict[str, Any]:
        """Return all results as a JSON-serializable dict.

        The timings are in a separate item, because they differ between two runs.
        """
        return {
            "about": self.about,
            "summary": self.summary(),
            "parts": {
                name: {"models": found.models, "runs": found.runs, "differences": found.differences}
                for name, found in self.comparisons.items()
            },
            "false_alarms": self.false_alarms,
            "sanity": self.sanity,
            "timings": self.timings,
        }


def run_benchmark(
    names: Sequence[str],
    folder: Path,
    options: BenchmarkOptions,
    overrides: Mapping[str, Any],
    data: SolarOod,
) -> Benchmark:
    """Train the models, score all parts of the benchmark, and compute the metrics.

    ``names`` are names of registered models, or run folders; by default, all registered models are
    used. A run folder with the prefix ``LABEL=`` is assigned to a label. The runs are written to
    ``folder/runs``, and finished runs are not trained again. ``overrides`` are configuration values
    of all models, keyed by dotted key. A model that cannot be trained or loaded is skipped, and
    listed in ``outcome.failed``.
    """
    specs = models.specs(TASK)
    failed: list[tuple[str, str]] = []
    evaluated: list[EvaluatedModel] = []
    for name in names or [*specs]:
        try:
            places = _train(name, folder, options, overrides, data) if name in specs else [name]
            size = {"model.target_size": data.size}
            for model in load_models(places, None, {**size, **overrides})[0]:
                taken = {each.label for each in evaluated}
                label = f"{model.label} ({name})" if model.label in taken else model.label
                evaluated.append(replace(model, label=label))
        except AstrodomeError as error:
            failed.append((name, error.message))
    if not evaluated:
        raise InvalidInputError(
            "No model can be evaluated.", f"First error: {failed[0][0]}: {failed[0][1]}"
        )
    truths: dict[str, GroundTruth] = {
        SYNTHETIC: data.synthetic(),
        INSTRUMENT: data.instrument(),
    }
    truths |= {disk.name: data.shift(disk) for disk in data.shifted}
    scores = {name: compute_scores(evaluated, truth) for name, truth in truths.items()}
    comparisons = {
        name: compare(found, options.bootstraps, seed)
        for seed, (name, found) in enumerate(scores.items())
    }
    alarms, shifted = _false_alarms(evaluated, data, scores, options)
    checks = _sanity(evaluated, data)
    outcome = compute.Outcome(done=len(evaluated), failed=failed)
    timings = [_timing(each, data) for each in evaluated]
    about = _about(evaluated, data, options, truths)
    return Benchmark(comparisons, alarms, shifted, checks, timings, scores, truths, about, outcome)


def _about(
    evaluated: Sequence[EvaluatedModel],
    data: SolarOod,
    options: BenchmarkOptions,
    truths: Mapping[str, GroundTruth],
) -> dict[str, Any]:
    return {
        **data.about(),
        "seeds": options.seeds,
        "bootstraps": options.bootstraps,
        "interval": metrics.CONFIDENCE,
        "nominal_rate": shift.NOMINAL_RATE,
        "flags": {kind: defect.flag for kind, defect in DEFECTS.items()},
        "parts": {name: truth.about() for name, truth in truths.items()},
        "models": [describe_model(each) for each in evaluated],
        **provenance(DISTRIBUTIONS, TASK, [each.group for each in evaluated]),
    }


def _train(
    name: str, folder: Path, options: BenchmarkOptions, overrides: Mapping[str, Any], data: SolarOod
) -> list[str]:
    """Train a model once for each seed, and return the arguments for :func:`load_models`."""
    if "train" not in models.specs(TASK)[name].verbs:
        return [name]
    images = data.training_images()
    places = []
    with progress.task(f"Training {name}", len(options.seeds), "runs") as task:
        for seed in options.seeds:
            path = folder / "runs" / f"{name}-{seed}"
            given = {"data.data_dir": images.location, "model.target_size": data.size}
            given |= TRAINING.get(name, {}) | (QUICK if options.quick else {})
            given |= {"seed": seed, "log_dir": str(path), **overrides}
            config = configuration.load(None, given, model=name)
            train_and_calibrate(name, images, config)
            places.append(f"{name}={path}")
            task.advance()
    return places


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of metrics that were measured on different images."""
    samples = np.mean([each.samples for each in estimates], axis=0)
    return Estimate(float(np.mean([each.value for each in estimates])), samples)


def _score(model: EvaluatedModel, images: NDArray[np.float32] | DiskPatches) -> NDArray[Any]:
    """Return the image scores of one model."""
    if isinstance(images, DiskPatches):
        parts = list(batches(images, model.batch))
    else:
        parts = [images[at : at + model.batch] for at in range(0, len(images), model.batch)]
    found = [score_images(model.backend, part, model.mode, model.output) for part in parts]
    return np.concatenate(found).astype(np.float64)


def _calibration_images(model: EvaluatedModel, data: SolarOod) -> DiskPatches:
    """Return the training patches that were not used to fit the weights of a run."""
    given = {"model.load_path": str(model.weights)} if model.weights else {}
    config = configuration.load(None, given, from_run=True)
    return data.training_images().split(config.data.validation_share, config.seed)[1]


def _record(model: EvaluatedModel) -> dict[str, Any]:
    """Return the record of a training run, or an empty dict."""
    is_run = model.weights is not None and (model.weights / "run.json").is_file()
    return Run(model.weights).record if is_run and model.weights else {}


def _false_alarms(
    evaluated: Sequence[EvaluatedModel],
    data: SolarOod,
    scores: Mapping[str, EvaluationScores],
    options: BenchmarkOptions,
) -> tuple[list[dict[str, Any]], dict[str, Estimate]]:
    """Return the false-alarm rates on each image, and their mean over the shifted images."""
    found: dict[tuple[str, str], list[Estimate]] = {}
    places = {SAME_IMAGE: SYNTHETIC} | {disk.name: disk.name for disk in data.shifted}
    for model in evaluated:
        threshold = shift.conformal_threshold(_score(model, _calibration_images(model, data)))
        for image, part in places.items():
            normal = [n for n, each in enumerate(scores[part].images) if not each.kind]
            values = scores[part].scores[model.label][normal]
            rate = shift.false_alarm_rate(values, threshold, options.bootstraps)
            found.setdefault((model.group, image), []).append(rate)
    means = {key: metrics.mean_of_runs(rates) for key, rates in found.items()}
    rows = [
        {"model": group, "image": image, "runs": len(found[group, image])}
        | estimate.as_dict("false_alarms")
        for (group, image), estimate in means.items()
    ]
    shifted = {
        group: _mean([means[group, disk.name] for disk in data.shifted])
        for group in dict.fromkeys(group for group, _ in means)
    }
    return rows, shifted


def _sanity(evaluated: Sequence[EvaluatedModel], data: SolarOod) -> list[dict[str, Any]]:
    """Return the rank of each spoiled frame; all runs of a model must detect it."""
    frames = sanity.sanity_frames(data.disk, data.test, data.size)
    ranks: dict[tuple[str, str], list[float]] = {}
    for model in evaluated:
        normal = _score(model, data.test_images())
        for name, patches in frames.items():
            rank = sanity.rank(normal, _score(model, patches))
            ranks.setdefault((model.group, name), []).append(rank)
    return [
        {
            "model": group,
            "frame": name,
            "rank": float(np.mean(found)),
            "worst_rank": min(found),
            "detected": min(found) >= sanity.REQUIRED_RANK,
        }
        for (group, name), found in ranks.items()
    ]


def _timing(model: EvaluatedModel, data: SolarOod) -> dict[str, Any]:
    images = data.test_images()
    _score(model, images.batch(range(min(len(images), model.batch))))
    started = time.perf_counter()
    _score(model, images)
    rate = len(images) / max(time.perf_counter() - started, 1e-9)
    return {
        "model": model.group,
        "run": model.label,
        "training_seconds": _record(model).get("seconds"),
        "images_per_second": round(rate),
    }
