"""Run the benchmark SolarOOD: train models, and measure what they detect and how often they err.

The benchmark has four parts. ``synthetic`` and ``instrument`` compare scores with synthetic
anomalies and with simulated defects. ``shift`` uses images of other dates and instruments, and
measures the false-alarm rate at a nominal rate of 1 %. ``sanity`` checks that spoiled frames
receive high scores. The data are described in :mod:`.solar_ood`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, compute, models
from astrodome.runs import provenance
from pydantic import BaseModel, NonNegativeInt, PositiveInt

from .. import config as configuration
from .. import progress
from ..config import AsItems
from ..model_options import TASK, check_options
from ..training import DISTRIBUTIONS
from . import leave_out, metrics, shift
from .benchmark_run import (
    INSTRUMENT,
    SYNTHETIC,
    BenchmarkResult,
    BenchmarkTask,
    evaluate_run,
)
from .compare import ALL, Comparison, Curve, EvaluationScores, Metrics, combine
from .examples import Example
from .instrument import DEFECTS
from .metrics import Estimate
from .sanity import REQUIRED_RANK
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
SUMMARY_METRICS = ("auroc", "pixel_ap")


class BenchmarkOptions(BaseModel):
    """Options of the benchmark, with the same meanings as the options of ``sdo sood benchmark``."""

    seeds: Annotated[list[NonNegativeInt], AsItems] = [0, 1, 2]
    bootstraps: PositiveInt = 1000
    quick: bool = False
    jobs: NonNegativeInt = 0
    leave_out: bool = False


@dataclass(frozen=True, repr=False)
class Benchmark:
    """Results of the benchmark.

    Attributes
    ----------
    comparisons : dict of str to Comparison
        Metrics for the parts ``synthetic`` and ``instrument``, and for each image of the part
        ``shift``, keyed by the name of the part or image.
    false_alarms : list of dict
        False-alarm rate of each model on each image at a nominal rate of 1 %, ``before`` and
        ``after`` a calibration with half of the image.
    shifted_alarms : dict of str to dict
        Mean rates ``before`` and ``after`` for the images of the part ``shift``, keyed by model.
    sanity : list of dict
        Rank of each spoiled frame among the normal patches, for each model.
    leave_out : list of dict
        AUROC for kinds of anomalies that resemble generated defects, with and without these defects
        in the training.
    timings : list of dict
        Training time in seconds and number of scored images per second, for each run.
    scores : dict of str to EvaluationScores
        Image scores, with the same keys as ``comparisons``.
    curves : dict of str to dict
        Recall and precision for pixels, keyed by the name of the part and by the run.
    examples : dict of str to dict
        Best and worst detected anomalies, keyed by the model and by the name of the part.
    about : dict
        Description of the data, the models and the software.
    outcome : astrodome.compute.Outcome
        Number of runs, and the models that failed.
    seconds : float
        Duration of the benchmark, without runs that were already finished.
    """

    comparisons: dict[str, Comparison]
    false_alarms: list[dict[str, Any]]
    shifted_alarms: dict[str, Metrics]
    sanity: list[dict[str, Any]]
    leave_out: list[dict[str, Any]]
    timings: list[dict[str, Any]]
    scores: dict[str, EvaluationScores]
    curves: dict[str, dict[str, Curve]]
    examples: dict[str, dict[str, dict[str, list[Example]]]]
    about: dict[str, Any]
    outcome: compute.Outcome
    seconds: float

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
        row["worst_defect"] = worst
        row |= self.shifted_alarms[name]["before"].as_dict("false_alarms")
        row |= self.shifted_alarms[name]["after"].as_dict("false_alarms_calibrated")
        frames = [frame for frame in self.sanity if frame["model"] == name]
        row["sanity_frames"] = sum(frame["detected"] for frame in frames)
        return row | {"sanity_total": len(frames)}

    def estimates(self, part: str) -> dict[tuple[str, str], Metrics]:
        """Return the metrics of a part, keyed by the names of the model and the subset."""
        return self.comparisons[part].estimates

    def document(self) -> dict[str, Any]:
        """Return all results as a JSON-serializable dict.

        ``timings`` and ``seconds`` are separate items, because they differ between two runs.
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
            "leave_out": self.leave_out,
            "failed": self.outcome.as_dict()["failed"],
            "timings": self.timings,
            "seconds": round(self.seconds, 1),
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
    listed in ``outcome.failed``. ``options.jobs`` runs are processed in parallel, and 0 means one
    run per CPU core.
    """
    started = time.monotonic()
    tasks = _tasks(names or [*models.specs(TASK)], folder, options, overrides, data)
    done: dict[int, BenchmarkResult] = {}
    failed: list[tuple[str, str]] = []
    with progress.task("Evaluating", len(tasks), "runs") as shown:
        for task, result, error in _evaluate(tasks, options, data):
            shown.advance(1, task.name)
            if result is None:
                failed.append((task.name, error))
            else:
                done[tasks.index(task)] = result
    ordered = [done[number] for number in sorted(done) if not tasks[number].left_out]
    if not ordered:
        raise InvalidInputError(
            "No model can be evaluated.", f"First error: {failed[0][0]}: {failed[0][1]}"
        )
    results = _with_unique_labels(ordered)
    left_out = [(tasks[n].left_out, done[n]) for n in sorted(done) if tasks[n].left_out]
    groups = {each.label: each.group for each in results}
    first = {
        group: next(each for each in results if each.group == group) for group in groups.values()
    }
    comparisons = {
        name: combine({each.label: each.metrics[name] for each in results}, groups, seed)
        for seed, name in enumerate(results[0].metrics)
    }
    alarms, shifted = _false_alarms(results, data)
    return Benchmark(
        comparisons,
        alarms,
        shifted,
        _sanity(results),
        _leave_out(left_out, comparisons),
        [{"model": each.group, "run": each.label, **each.timing} for each in results],
        {name: _image_scores(name, results, groups) for name in comparisons},
        {name: {e.label: e.curves[name] for e in results} for name in results[0].curves},
        {group: each.examples for group, each in first.items()},
        _about(results, data, options)
        | {"left_out_runs": [result.about for _, result in left_out]},
        compute.Outcome(done=len(done), failed=failed),
        time.monotonic() - started,
    )


def _tasks(
    names: Sequence[str],
    folder: Path,
    options: BenchmarkOptions,
    overrides: Mapping[str, Any],
    data: SolarOod,
) -> list[BenchmarkTask]:
    """Return the runs of all models. The longest runs are started first."""
    specs = models.specs(TASK)
    if all(name in specs for name in names):
        check_options(names, configuration.load(None, overrides).model.options)
    tasks = []
    for name in names:
        if name not in specs or "train" not in specs[name].verbs:
            tasks.append(BenchmarkTask(name, config=overrides))
            continue
        given = {
            "data.data_dir": data.training_images().location,
            "model.target_size": data.size,
            **TRAINING.get(name, {}),
            **(QUICK if options.quick else {}),
            **overrides,
        }
        for seed in options.seeds:
            path = folder / "runs" / f"{name}-{seed}"
            config = given | {"seed": seed, "log_dir": str(path)}
            tasks.append(BenchmarkTask(f"{name}={path}", name, config))
        if options.leave_out and name in leave_out.MODELS:
            seed = options.seeds[0]
            for group, each in leave_out.GROUPS.items():
                path = folder / "runs" / f"{name}-{seed}-without-{group}"
                config = given | {"seed": seed, "log_dir": str(path)}
                config["model.options.leave_out"] = [*each.families]
                tasks.append(BenchmarkTask(f"{name}={path}", name, config, group))
    return tasks


def _evaluate(
    tasks: Sequence[BenchmarkTask], options: BenchmarkOptions, data: SolarOod
) -> Iterator[tuple[BenchmarkTask, BenchmarkResult | None, str]]:
    """Yield each run with its result or, if it failed, None and the error message."""
    work = partial(evaluate_run, data=data, bootstraps=options.bootstraps)
    if options.jobs == 1 or len(tasks) == 1:
        for task in tasks:
            try:
                yield task, work(task), ""
            except AstrodomeError as error:
                yield task, None, error.message
        return
    for done in compute.map(work, tasks, jobs=options.jobs, fresh=True):
        yield done.item, done.value, done.error


def _with_unique_labels(results: Sequence[BenchmarkResult]) -> list[BenchmarkResult]:
    """Return the results with different labels, for runs whose folders have the same name."""
    found: dict[str, BenchmarkResult] = {}
    for each in results:
        candidates = (each.label, *(f"{each.label} ({n})" for n in range(2, len(results) + 2)))
        label = next(name for name in candidates if name not in found)
        found[label] = replace(each, label=label, about=each.about | {"label": label})
    return list(found.values())


def _image_scores(
    name: str, results: Sequence[BenchmarkResult], groups: dict[str, str]
) -> EvaluationScores:
    values = {each.label: each.scores[name] for each in results}
    return EvaluationScores(results[0].images[name], values, {}, groups)


def _about(
    results: Sequence[BenchmarkResult], data: SolarOod, options: BenchmarkOptions
) -> dict[str, Any]:
    return {
        **data.about(),
        "seeds": options.seeds,
        "bootstraps": options.bootstraps,
        "interval": metrics.CONFIDENCE,
        "nominal_rate": shift.NOMINAL_RATE,
        "flags": {kind: defect.flag for kind, defect in DEFECTS.items()},
        "parts": results[0].parts,
        "models": [each.about for each in results],
        **provenance(DISTRIBUTIONS, TASK, [each.group for each in results]),
    }


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of metrics that were measured on different images."""
    samples = np.mean([each.samples for each in estimates], axis=0)
    return Estimate(float(np.mean([each.value for each in estimates])), samples)


def _false_alarms(
    results: Sequence[BenchmarkResult], data: SolarOod
) -> tuple[list[dict[str, Any]], dict[str, Metrics]]:
    """Return the false-alarm rates on each image, and their mean over the shifted images."""
    rows: list[dict[str, Any]] = []
    shifted: dict[str, Metrics] = {}
    for group in dict.fromkeys(each.group for each in results):
        runs = [each.false_alarms for each in results if each.group == group]
        means = {
            image: {name: metrics.mean_of_runs([own[image][name] for own in runs]) for name in each}
            for image, each in runs[0].items()
        }
        for image, each in means.items():
            values = each["before"].as_dict("before") | each["after"].as_dict("after")
            rows.append({"model": group, "image": image, "runs": len(runs), **values})
        shifted[group] = {
            name: _mean([means[disk.name][name] for disk in data.shifted])
            for name in ("before", "after")
        }
    return rows, shifted


def _sanity(results: Sequence[BenchmarkResult]) -> list[dict[str, Any]]:
    """Return the rank of each spoiled frame; all runs of a model must detect it."""
    ranks: dict[tuple[str, str], list[float]] = {}
    for each in results:
        for name, rank in each.ranks.items():
            ranks.setdefault((each.group, name), []).append(rank)
    return [
        {
            "model": group,
            "frame": name,
            "rank": float(np.mean(found)),
            "worst_rank": min(found),
            "detected": min(found) >= REQUIRED_RANK,
        }
        for (group, name), found in ranks.items()
    ]


def _leave_out(
    results: Sequence[tuple[str, BenchmarkResult]], comparisons: Mapping[str, Comparison]
) -> list[dict[str, Any]]:
    """Return the AUROC for each kind of anomaly, with and without similar generated defects."""
    rows = []
    for name, result in results:
        for part, kinds in result.metrics.items():
            for kind in (kind for kind in kinds if kind in leave_out.GROUPS[name].kinds):
                with_all = comparisons[part].estimates[result.group, kind]["auroc"]
                without = kinds[kind][0]["auroc"]
                row: dict[str, Any] = {"model": result.group, "left_out": name}
                rows.append(
                    row
                    | {"part": part, "kind": kind}
                    | with_all.as_dict("auroc")
                    | without.as_dict("auroc_left_out")
                )
    return rows
